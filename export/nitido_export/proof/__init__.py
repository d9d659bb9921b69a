"""The proof that a graph computes what its network does."""
