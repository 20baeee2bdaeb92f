"""Distractors: ink that is not a digit. Scribbles, invented characters, printed words and foreign characters.

All are returned as an `InkImage` (see `handwriting`). Printing needs Pillow and matplotlib, which comes with
fonts and finds those of the system: what is printed depends on the fonts that are installed.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from edge_runtime.errors import MissingDependencyError
from train.synthetic.handwriting import InkImage, crop_to_ink, draw_glyph

_FONT_SIZE = 40

_ALPHABETS: Sequence[str] = (
    "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "acdefhkmnprstuvwxyz",
    "Aabcdefghijklmnopqrstuvwxyz",  # for whole words: some of its letters look like digits on their own
)

# None of these looks like a digit.
_FOREIGN = (
    "ΓΔΛΞΠΣΦΨΩαβγεζηκλμξπρςτφχψωБГДЖИЙЛПФЦШЩЪЫЮЯдёжийлмптфцшщъыюя"
    "אבגדהחטכלמנעפצקרשתجحخسشصضطظعغفقكلمنيԱԲԳԴԵԷԸԹԺԻԼԽԾԿაგდეზთილმნპჟრსტფ"
    "ねのますあいうえおかきくけこさたつてとなにぬはひふへほみむめもやゆよりれわをん"
)


def scribble(generator: np.random.Generator, pen: float) -> InkImage:
    """A random walk of the pen: a scrawl, a signature, something struck out.

    `pen` is the width of the strokes as a share of the height, 0 for a random one.
    """
    count = int(generator.integers(4, 24))
    if generator.random() < 0.4:  # back and forth, as over a mistake
        points = np.stack([np.arange(count) % 2, np.linspace(0, 1, count)], axis=1).astype(np.float64)
        points += 0.12 * generator.normal(size=points.shape)
    else:
        points = np.cumsum(generator.normal(size=(count, 2)), axis=0)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 1 / max(0.3, *(high - low))
    stroke = [((float(x) - low[0]) * scale, (float(y) - low[1]) * scale) for x, y in points]
    return draw_glyph([stroke], generator, pen)


def invented(generator: np.random.Generator, pen: float) -> InkImage:
    """A character of no real script: two to five strokes, straight or bent. `pen` is as in `scribble`."""
    glyph = []
    for _ in range(generator.integers(2, 6)):
        start, end = generator.random(2), generator.random(2)
        middle = (start + end) / 2 + 0.25 * generator.normal(size=2)
        points = [start, middle, end] if generator.random() < 0.6 else [start, end]
        glyph.append([(float(x), float(y)) for x, y in points])
    return draw_glyph(glyph, generator, pen)


def foreign(generator: np.random.Generator) -> InkImage:
    """A printed character of a script other than Latin; an invented one where no font has any."""
    pairs = _foreign_characters()
    if not pairs:
        return invented(generator, 0.0)
    return _print(*pairs[int(generator.integers(len(pairs)))])


def printed(generator: np.random.Generator, count: int) -> InkImage:
    """`count` printed Latin letters in a random font."""
    paths = find_fonts()
    alphabet = _ALPHABETS[generator.integers(2 if count < 3 else 3)]
    word = "".join(alphabet[i] for i in generator.integers(len(alphabet), size=count))
    return _print(paths[generator.integers(len(paths))], word)


def _print(path: str, text: str) -> InkImage:
    """Print a text in the font of a file."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(path, _FONT_SIZE)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (max(1, int(right - left) + 4), max(1, int(bottom - top) + 4)))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, font=font, fill=255)
    return crop_to_ink(np.asarray(image, np.uint8))


@functools.cache
def find_fonts() -> list[str]:
    """Files of the installed fonts with Latin letters. May raise `MissingDependencyError`."""
    try:
        from matplotlib import font_manager
        from PIL import ImageFont
    except ImportError as error:
        raise MissingDependencyError(
            "printed letters need Pillow and matplotlib: pip install -e '.[train]'"
        ) from error

    usable = []
    for path in sorted({entry.fname for entry in font_manager.fontManager.ttflist}):
        try:
            font = ImageFont.truetype(path, 20)
            # A font without these letters draws the same box for all of them.
            masks = {bytes(font.getmask(letter)) for letter in "AKmx"}
        except (OSError, ValueError):
            continue
        if len(masks) == 4:
            usable.append(path)
    return usable


@functools.cache
def _foreign_characters() -> list[tuple[str, str]]:
    """Every font that has a character of `_FOREIGN`, and that character."""
    paths = find_fonts()
    from PIL import ImageFont

    pairs = []
    for path in paths:
        font = ImageFont.truetype(path, 20)
        missing = bytes(font.getmask("\uffff"))
        for character in _FOREIGN:
            try:
                mask = bytes(font.getmask(character))
            except OSError:
                continue
            if mask != missing and any(mask):
                pairs.append((path, character))
    return pairs
