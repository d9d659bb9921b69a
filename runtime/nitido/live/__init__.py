"""The real-time loop: a source, a stage, a sink."""
