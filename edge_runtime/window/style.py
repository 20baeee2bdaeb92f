"""Colours and sizes of the dashboard."""

from __future__ import annotations

from edge_runtime.images.annotate import ON_LABEL, READ
from edge_runtime.images.text import Colour

# BGR. One colour marks the digits that were read, as in annotated images, another problems and recording.
BACKGROUND: Colour = (26, 22, 20)
RAISED: Colour = (46, 40, 37)
LINE: Colour = (66, 58, 54)
TEXT: Colour = (246, 241, 238)
DIM: Colour = (166, 152, 144)
ACCENT: Colour = READ
ON_ACCENT: Colour = ON_LABEL
ALARM: Colour = (72, 82, 242)
# One per stage, those of the web page in its dark colour scheme.
SHADES: tuple[Colour, ...] = ((158, 139, 127), (243, 155, 91), (125, 208, 69), (68, 165, 240))

MARGIN = 20  # px
TINY, SMALL, BODY, LARGE = 8, 9, 11, 24  # px, heights of capitals
NUMBER_SIZES = (38, 32, 26, 20, 15, 11)  # px, heights of the digits of a number
