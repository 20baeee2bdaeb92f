"""Benchmarks: accuracy and speed of the shipped models, one record a run (`python -m benchmarks`)."""
