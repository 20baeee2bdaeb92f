"""Image files and arrays: paths, headers, limits, decoding, and drawing results on an image."""
