"""From an image to its digits: `reader` is the entry point; `pipeline` runs the stages."""
