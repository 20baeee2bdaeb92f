"""Live reading: frames are read one by one, digits become tracks, tracks numbers, and numbers events."""
