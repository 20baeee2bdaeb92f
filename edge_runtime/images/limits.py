"""TODO."""

from __future__ import annotations

# Larger images are rejected: by their header, before any memory is taken, in the formats that imagesize
# knows (all the common ones), after decoding in the others.
MAX_PIXELS = 200_000_000
MAX_BYTES = 1_000_000_000  # larger files are rejected unread
