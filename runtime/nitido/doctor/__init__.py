"""A report on this installation."""
