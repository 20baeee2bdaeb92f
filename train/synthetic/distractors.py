"""TODO."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from train.synthetic.handwriting import _GLYPH_SIZE, Mark, _drawn, trim


def scribble(generator: np.random.Generator, pen: float) -> Mark:
    """A random walk of the pen: a scrawl, a signature, something struck out."""
    count = int(generator.integers(4, 24))
    if generator.random() < 0.4:  # to and fro, as one blackens a mistake
        points = np.stack([np.arange(count) % 2, np.linspace(0, 1, count)], axis=1).astype(np.float64)
        points += 0.12 * generator.normal(size=points.shape)
    else:
        points = np.cumsum(generator.normal(size=(count, 2)), axis=0)
    pattern = [[(float(x), float(y)) for x, y in points]]
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 1 / max(0.3, *(high - low))
    pattern = [[((x - low[0]) * scale, (y - low[1]) * scale) for x, y in pattern[0]]]
    return _drawn(pattern, generator, pen)


def invented(generator: np.random.Generator, pen: float) -> Mark:
    """A character of no script: a few strokes, straight or bent."""
    pattern = []
    for _ in range(generator.integers(2, 6)):
        start, end = generator.random(2), generator.random(2)
        middle = (start + end) / 2 + 0.25 * generator.normal(size=2)
        points = [start, middle, end] if generator.random() < 0.6 else [start, end]
        pattern.append([(float(x), float(y)) for x, y in points])
    return _drawn(pattern, generator, pen)


def foreign(generator: np.random.Generator) -> Mark:
    """A printed character of another script than Latin."""
    paths, characters = _foreign_fonts()
    if not characters:
        return invented(generator, 0.0)
    index = int(generator.integers(len(characters)))
    return _set(paths[index], characters[index])


def printed(generator: np.random.Generator, count: int) -> Mark:
    """A printed word of `count` letters in any font at hand, on black."""
    paths = _fonts()
    # Alone, some letters are digits.
    alphabet = _ALPHABETS[generator.integers(2 if count < 3 else 3)]
    word = "".join(alphabet[i] for i in generator.integers(len(alphabet), size=count))
    return _set(paths[generator.integers(len(paths))], word)


def _set(path: str, word: str) -> Mark:
    """Print a word in the font of a file."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(path, _GLYPH_SIZE // 2)
    left, top, right, bottom = font.getbbox(word)
    image = Image.new("L", (max(1, int(right - left) + 4), max(1, int(bottom - top) + 4)))
    ImageDraw.Draw(image).text((2 - left, 2 - top), word, font=font, fill=255)
    return trim(np.asarray(image, np.uint8))


_ALPHABETS: Sequence[str] = (
    "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "acdefhkmnprstuvwxyz",
    "Aabcdefghijklmnopqrstuvwxyz",
)


@functools.cache
def _fonts() -> list[str]:
    """Fonts of this machine that have Latin letters: matplotlib brings a dozen, most systems have more."""
    from matplotlib import font_manager
    from PIL import ImageFont

    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    usable = []
    for path in sorted(known):
        try:
            font = ImageFont.truetype(path, 20)
            # A font without these letters draws one box for all of them.
            masks = {bytes(font.getmask(letter)) for letter in "AKmx"}
        except (OSError, ValueError):
            continue
        if len(masks) == 4:
            usable.append(path)
    return usable


# None that looks like a digit.
_FOREIGN = (
    "ΓΔΛΞΠΣΦΨΩαβγεζηκλμξπρςτφχψωБГДЖИЙЛПФЦШЩЪЫЮЯдёжийлмптфцшщъыюя"
    "אבגדהחטכלמנעפצקרשתجحخسشصضطظعغفقكلمنيԱԲԳԴԵԷԸԹԺԻԼԽԾԿაგდეზთილმნპჟრსტფ"
    "ねのますあいうえおかきくけこさたつてとなにぬはひふへほみむめもやゆよりれわをん"
)


@functools.cache
def _foreign_fonts() -> tuple[list[str], list[str]]:
    """Every pair of a font and a character of `_FOREIGN` in it."""
    from PIL import ImageFont

    pairs = []
    for path in _fonts():
        font = ImageFont.truetype(path, 20)
        missing = bytes(font.getmask("\uffff"))
        for character in _FOREIGN:
            try:
                mask = bytes(font.getmask(character))
            except OSError:
                continue
            if mask != missing and any(mask):
                pairs.append((path, character))
    return [path for path, _ in pairs], [character for _, character in pairs]
