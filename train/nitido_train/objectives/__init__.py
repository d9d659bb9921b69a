"""What a training run optimises and measures."""
