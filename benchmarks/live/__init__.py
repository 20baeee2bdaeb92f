"""Benchmarks of live reading on synthetic videos: steadiness, delay, cost, memory, load and lost streams."""
