"""Colours and sizes of the dashboard."""

from __future__ import annotations

from edge_runtime.window.text import Colour

# BGR. One colour marks the digits that were read, another marks problems and recording.
BACKGROUND: Colour = (26, 22, 20)
RAISED: Colour = (46, 40, 37)
LINE: Colour = (66, 58, 54)
TEXT: Colour = (246, 241, 238)
DIM: Colour = (166, 152, 144)
ACCENT: Colour = (168, 204, 28)
ON_ACCENT: Colour = (38, 44, 8)
ALARM: Colour = (72, 82, 242)
SHADES: tuple[Colour, ...] = (ACCENT, (142, 158, 32), (112, 118, 44), (104, 92, 64))  # one per stage

MARGIN = 20  # px
TINY, SMALL, BODY, LARGE = 8, 9, 11, 24  # px, heights of capitals
NUMBER_SIZES = (38, 32, 26, 20, 15, 11)  # px, heights of the digits of a number
