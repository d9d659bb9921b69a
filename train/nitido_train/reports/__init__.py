"""Reports of finished and stopped runs."""
