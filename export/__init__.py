"""Export a trained run to float and INT8 ONNX models that agree: `python -m export`."""
