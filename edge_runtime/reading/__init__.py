"""From an image to its digits: `reader` is the entry, `pipeline` runs the stages, each has a module."""
