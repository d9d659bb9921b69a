"""Training recipes: what they may say, and reading and writing them."""
