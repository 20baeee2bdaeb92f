"""Training stage: MNIST in, a trained PyTorch network in `runs/<id>/` out (`python -m train`)."""
