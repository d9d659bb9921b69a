"""Model files, their cards and the index."""
