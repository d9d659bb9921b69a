"""Measuring the quality of results."""
