"""The noise of one camera, measured on frames of it."""
