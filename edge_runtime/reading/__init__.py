"""From an image to its digits: `reader` is the entry, `pipeline` runs the stages, every stage has a module."""
