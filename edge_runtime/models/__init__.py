"""The released ONNX files and their manifest."""
