"""Processing many files with a model."""
