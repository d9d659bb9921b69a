"""The commands ``train`` and ``report``."""
