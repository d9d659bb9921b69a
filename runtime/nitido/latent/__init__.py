"""Autoencoders: encoders, decoders and their uses."""
