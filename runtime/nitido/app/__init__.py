"""``nitido app``: web pages on this machine for pictures, the camera and latent spaces."""
