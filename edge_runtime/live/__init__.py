"""Live reading: digits in frames become tracks, tracks become numbers, and their changes become events."""
