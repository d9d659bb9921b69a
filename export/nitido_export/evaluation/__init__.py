"""Model files measured on folders of pictures."""
