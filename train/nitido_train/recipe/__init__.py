"""Training recipes: their schema, and reading and writing them."""
