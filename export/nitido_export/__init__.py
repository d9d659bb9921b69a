"""From a checkpoint to one proven ``.onnx`` file."""
