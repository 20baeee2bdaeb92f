"""The colours of the page: borders, charts and text stand out, in the light and in the dark colour scheme."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import edge_runtime

STYLE = (Path(edge_runtime.__file__).parent / "web" / "page" / "style.css").read_text()
LIGHT, DARK = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)) for part in STYLE.split("@media")[:2])
SURFACES = ("card", "inset", "background", "paper")


def luminance(colour):
    """The relative luminance of WCAG 2."""
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["border", "accent", "capture", "detect", "classify", "other"])
def test_borders_and_charts_stand_out(scheme, name):
    for surface in SURFACES:
        assert contrast(scheme[name], scheme[surface]) >= 3, surface


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_is_legible(scheme):
    pairs = [(name, surface) for name in ("text", "muted", "warn") for surface in SURFACES]
    for name, surface in [*pairs, ("warn", "warn-tint"), ("on-accent", "accent"), ("accent", "card")]:
        assert contrast(scheme[name], scheme[surface]) >= 4.5, (name, surface)


def test_every_border_has_the_colour_that_is_checked():
    borders = re.findall(
        r"border(?:-(?:top|bottom|left|right))?: (?:\d[^;]*)?(?:solid|dashed) ([^;]+);", STYLE
    )
    assert len(borders) >= 8
    assert {border for border in borders if "var(" in border} == set(borders)
    assert set(borders) <= {"var(--border)", "var(--accent)", "var(--muted)"}
