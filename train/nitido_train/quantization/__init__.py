"""Networks that are trained or rewritten for 8 bits."""
