"""Pictures and curves for reports."""
