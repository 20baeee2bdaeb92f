"""Image files and arrays: which files to read, what they claim to be, decoding, and drawing results on them."""
