"""Autoencoders: encoders, decoders and what is made with them."""
