"""The machine, the process and its files."""
