"""Benchmarks: accuracy and speed of the released models, one record per run (`python -m benchmarks`)."""
