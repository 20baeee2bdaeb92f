"""Trains PyTorch networks on MNIST and simulated scenes, into `runs/ID` (`python -m train`)."""
