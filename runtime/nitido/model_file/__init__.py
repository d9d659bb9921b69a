"""The contents of model files, and finding model files. It does not need ONNX Runtime."""
