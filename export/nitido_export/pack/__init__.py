"""Folders that run a model on a device."""
