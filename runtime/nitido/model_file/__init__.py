"""What is in a model file, and where model files are. Needs no ONNX Runtime."""
