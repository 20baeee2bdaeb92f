"""Live reading: frames from a source, digits tracked over time, numbers and their events."""
