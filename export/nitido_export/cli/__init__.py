"""The commands ``export``, ``evaluate`` and ``pack``."""
