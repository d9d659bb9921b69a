"""Measuring the noise of a camera on its frames."""
