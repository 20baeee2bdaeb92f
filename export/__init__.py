"""Export stage: a trained run in, float and INT8 ONNX models out, proved to agree (`python -m export`)."""
