"""8-bit graphs, guarded by the float model."""
