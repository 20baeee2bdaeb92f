"""The live path, measured on synthetic videos: steadiness, delay, cost, memory, load, lost streams."""
