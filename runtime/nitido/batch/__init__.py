"""Many files through one model."""
