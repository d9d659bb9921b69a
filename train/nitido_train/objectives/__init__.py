"""The objectives: what a training run optimises and measures."""
