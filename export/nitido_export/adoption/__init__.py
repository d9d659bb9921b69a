"""Models of other tools wrapped into files of the model contract."""
