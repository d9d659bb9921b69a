"""Charts and pictures for reports."""
