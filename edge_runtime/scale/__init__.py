"""Many machines: the workers of an engine read partitions of a listing, or batches of images."""
