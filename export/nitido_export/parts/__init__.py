"""The encoder and the decoder of an autoencoder as files."""
