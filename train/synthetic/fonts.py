"""Fonts: the typefaces that documents are printed in, and images of text.

All come with packages that the extra `train` pins, so that what is printed does not depend on the machine.
Their licences allow any use of what is printed: SIL Open Font License (Source Sans, Source Serif, Hanken
Grotesk, Fredoka, Amatic, Intuitive, STIX), Apache 2.0 (Roboto, Caladea), IPA Font License (IPAexGothic) and
Bitstream Vera's (DejaVu).
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.errors import MissingDependencyError
from train.synthetic.glyph_images import InkImage

# Heights of a digit in px that text is printed at: larger or smaller text is resized.
_LEVELS = (12, 24, 48, 96)

_PAD, _ASCENT, _LINE = 0.5, 1.4, 2.0  # of a line's image, as shares of a digit's height

# Module of a package, folder in it, and files.
_LATIN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "matplotlib",
        "mpl-data/fonts/ttf",
        (
            "DejaVuSans.ttf",
            "DejaVuSans-Bold.ttf",
            "DejaVuSans-Oblique.ttf",
            "DejaVuSansMono.ttf",
            "DejaVuSansMono-Bold.ttf",
            "DejaVuSerif.ttf",
            "DejaVuSerif-Bold.ttf",
            "DejaVuSerif-Italic.ttf",
            "STIXGeneral.ttf",
            "STIXGeneralBol.ttf",
            "STIXGeneralItalic.ttf",
            "STIXGeneralBolIta.ttf",
        ),
    ),
    (
        "font_roboto",
        "files",
        (
            "Roboto-Light.ttf",
            "Roboto-Regular.ttf",
            "Roboto-Medium.ttf",
            "Roboto-Bold.ttf",
            "Roboto-Black.ttf",
            "Roboto-Italic.ttf",
            "Roboto-BoldItalic.ttf",
        ),
    ),
    (
        "font_source_sans_pro",
        "files",
        (
            "SourceSansPro-Light.ttf",
            "SourceSansPro-Regular.ttf",
            "SourceSansPro-It.ttf",
            "SourceSansPro-Semibold.ttf",
            "SourceSansPro-Black.ttf",
        ),
    ),
    (
        "font_source_serif_pro",
        "files",
        (
            "SourceSerifPro-Light.ttf",
            "SourceSerifPro-Regular.ttf",
            "SourceSerifPro-It.ttf",
            "SourceSerifPro-Bold.ttf",
        ),
    ),
    ("font_caladea", "files", ("Caladea-Regular.ttf", "Caladea-Bold.ttf", "Caladea-Italic.ttf")),
    (
        "font_hanken_grotesk",
        "files",
        ("HankenGrotesk-Light.otf", "HankenGrotesk-Regular.otf", "HankenGrotesk-Bold.otf"),
    ),
    ("font_fredoka_one", "files", ("FredokaOne-Regular.ttf",)),
    ("font_amatic_sc", "files", ("AmaticSC-Bold.ttf",)),
    ("font_intuitive", "files", ("Intuitive.ttf",)),
    ("matplotlib_fontja", "fonts", ("ipaexg.ttf",)),
)


@functools.cache
def latin() -> tuple[str, ...]:
    """Files of all fonts; each has Latin letters and digits. May raise `MissingDependencyError`."""
    return tuple(str(_folder(module) / folder / file) for module, folder, files in _LATIN for file in files)


def sans() -> str:
    """The file of a font with Greek, Cyrillic, Hebrew, Arabic, Armenian and Georgian letters: DejaVu Sans."""
    return latin()[0]


def japanese() -> str:
    """The file of a font with kana and kanji (IPAexGothic)."""
    return latin()[-1]


def _folder(module: str) -> Path:
    """The folder of an installed module, which is not imported."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        package = module.replace("_", "-")
        raise MissingDependencyError(f"printed text needs {package}: pip install -e '.[train]'")
    return Path(spec.origin).parent


def level(height: float) -> int:
    """The height in px at which to print digits that will be about `height` px high."""
    return next((each for each in _LEVELS if each >= height), _LEVELS[-1])


def print_line(font: str, text: str, height: int) -> InkImage:
    """Print a line of text in the font of a file, with digits `height` px high, one of `level`.

    The image, uint8 `(H, W)`, 0 for paper and 255 for ink, is not cropped to the ink: `origin` is where the
    text starts on its base line, and `advance` how far it goes. Must not be changed. Raises
    `MissingDependencyError` without Pillow.
    """
    if len(text) == 1:
        return _character(font, text, height)[0]
    x, _ = origin(height)
    image = np.zeros((round(_LINE * height), 2 * x + round(advance(font, text, height)) + 1), np.uint8)
    start = 0.0
    for character in text:
        # Composed of single characters, which are kept: Pillow takes 25 µs for each of them.
        ink, width = _character(font, character, height)
        part = image[:, round(start) : round(start) + ink.shape[1]]
        np.maximum(part, ink[:, : part.shape[1]], out=part)
        start += width
    return image


def origin(height: int) -> tuple[int, int]:
    """Column and row of the start of the base line in the images of `print_line`."""
    return round(_PAD * height), round(_ASCENT * height)


@functools.lru_cache(maxsize=4000)
def advance(font: str, text: str, height: int) -> float:
    """The width of a text in px, with digits `height` px high."""
    return sum(_character(font, character, height)[1] for character in text)


@functools.lru_cache(maxsize=8000)
def _character(font: str, character: str, height: int) -> tuple[InkImage, float]:
    """The image of a character, laid out as in `print_line`, and its advance."""
    face = _face(font, height)
    from PIL import Image, ImageDraw

    x, y = origin(height)
    width = float(face.getlength(character))
    image = Image.new("L", (2 * x + round(width) + 1, round(_LINE * height)))
    ImageDraw.Draw(image).text((x, y), character, font=face, fill=255, anchor="ls")
    return np.asarray(image, np.uint8), width


@functools.cache
def _face(font: str, height: int) -> Any:
    """A font of Pillow's whose digit 8 is about `height` px high."""
    try:
        from PIL import ImageFont
    except ImportError as error:
        raise MissingDependencyError("printed text needs Pillow: pip install -e '.[train]'") from error
    _, top, _, bottom = ImageFont.truetype(font, 200).getbbox("8", anchor="ls")
    return ImageFont.truetype(font, max(6, round(200 * height / (bottom - top))))
