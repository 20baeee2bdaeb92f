"""From an image to its digits: `reader` is the entry point; `pipeline` runs the stages."""

MAX_THREADS = 1024  # that a reader may be told to use
