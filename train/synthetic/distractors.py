"""Distractors: ink that is not a digit. Scribbles, invented characters, printed words and foreign characters.

All are returned as an `InkImage` (see `glyph_images`). Printing needs the packages of `fonts`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from train.synthetic import fonts, skeletons, strokes
from train.synthetic.glyph_images import GLYPH_HEIGHT, InkImage, crop_to_ink
from train.synthetic.handwriting import draw_glyph

_PRINT_HEIGHT = 48  # px, of a digit

_ALPHABETS: Sequence[str] = (
    "ABCDEFGHJKLMNPQRSTUVWXYZ",
    "acdefhkmnprstuvwxyz",
    "Aabcdefghijklmnopqrstuvwxyz",  # for whole words: some of its letters look like digits on their own
)

# Scripts other than Latin. None of these characters looks like a digit.
SCRIPTS: dict[str, str] = {
    "Greek": "ΓΔΛΞΠΣΦΨΩαβγεζηκλμξπρςτφχψω",
    "Cyrillic": "БДГЖИЙЛПФЦШЩЪЫЮЯдёжийлмптфцшщъыюя",
    "Hebrew": "אבגהחטכלמנעפצקשת",
    "Arabic": "جحخسشصضطظعغفقكلمني",
    "Armenian": "ԱԲԳԴԵԷԸԹԺԻԼԽԾԿ",
    "Georgian": "ადეთლმნპჟრსტფ",
    "hiragana": "ねのますあいうえおかきくけこさしせそたつてとなにぬはひふへほみむめもやゆよりるれわをん",
    "katakana": "アイウエオカキケコサシスセソタチツテトナニヌネハヒホマミムメモヤユヨラルレヲン",
    "kanji": "本年月火水木金土人大小中上下山川田左右手足耳生先学校名前電話番号住所氏東京都市区町村",
}
# Some that may look like digits. Between others of their script, nobody would take those of the first string
# for digits; those of the second might be read as such anywhere.
LOOKALIKES: dict[str, tuple[str, str]] = {
    "Greek": ("θδνοσυ", "ΟΙΘοι"),
    "Cyrillic": ("абвгернсуРСУВ", "ЗзОобІ"),
    "Hebrew": ("דר", "וןסי"),
    "Arabic": ("رزدذوب", "اه"),
    "Georgian": ("გზბვ", "ი"),
    "hiragana": ("ちらろ", ""),
    "katakana": ("クケリワ", "ノフロ"),
    "kanji": ("目百八七了子", "日口一"),
}

_VARIANTS = 6  # drawings of each foreign character by hand, with each of the pens
_PENS = (0.035, 0.06, 0.1, 0.15)


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


def cursive(generator: np.random.Generator, pen: float, count: int) -> InkImage:
    """A word of `count` joined letters that nobody can read, with loops above and below the line.

    `pen` is as in `scribble`. Low letters are about 0.6 `GLYPH_HEIGHT` high. The image is not cropped to the
    ink: the base line is `GLYPH_HEIGHT` below its top.
    """
    width = max(1.5, (pen or generator.uniform(0.05, 0.12)) * GLYPH_HEIGHT)
    steps = int(2 * count)  # down-strokes
    t = np.linspace(0, steps, 14 * steps)
    stroke = np.minimum(t.astype(int), steps - 1)
    tall = generator.choice([0.5, 0.55, 0.6, 1.0], steps, p=[0.3, 0.3, 0.2, 0.2])[stroke]
    deep = (0.4 * (generator.random(steps) < 0.1))[stroke]
    loop = generator.uniform(0.0, 0.25, steps)[stroke]
    phase = 2 * np.pi * t
    rise = (1 - np.cos(phase)) / 2
    x = generator.uniform(0.28, 0.42) * t + loop * np.sin(phase)
    y = -tall * rise + deep * np.maximum(0, np.cos(phase)) ** 2
    points = np.stack([x - generator.normal() * 0.15 * y, y + 0.02 * np.sin(t * 1.7)], axis=1)
    soft = cv2.GaussianBlur(points, (1, 0), 1.5, sigmaY=1.5, borderType=cv2.BORDER_REPLICATE)
    pixels = soft * GLYPH_HEIGHT + (8 - GLYPH_HEIGHT * float(soft[:, 0].min()), GLYPH_HEIGHT)
    ink = np.zeros((round(1.5 * GLYPH_HEIGHT), round(float(pixels[:, 0].max()) + 8)), np.uint8)
    path = np.rint(pixels * 16).astype(np.int32)
    cv2.polylines(ink, [path], False, 255, max(1, round(width)), cv2.LINE_AA, 4)
    return ink


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
    """A character of a script other than Latin, printed or written."""
    scripts = list(SCRIPTS)
    script = scripts[int(generator.integers(len(scripts)))]
    character = SCRIPTS[script][int(generator.integers(len(SCRIPTS[script])))]
    if generator.random() < 0.5:
        return print_foreign(script, character)
    return write_foreign(script, character, generator, pen=0.0)


def print_foreign(script: str, character: str) -> InkImage:
    """Print a character of one of the `SCRIPTS`."""
    return crop_to_ink(fonts.print_line(_font(script), character, _PRINT_HEIGHT))


def write_foreign(script: str, character: str, generator: np.random.Generator, pen: float) -> InkImage:
    """Write a character of one of the `SCRIPTS` by hand: a printed one, traced and redrawn with a pen.

    `pen` is as in `scribble`. May raise `MissingDependencyError`.
    """
    level = int(np.searchsorted(_PENS[:-1], pen)) if pen else int(generator.integers(1, len(_PENS)))
    return _written(script, character, level, int(generator.integers(_VARIANTS)))


@functools.lru_cache(maxsize=3000)
def _written(script: str, character: str, level: int, variant: int) -> InkImage:
    """One of several drawings of a character, each bent and slanted in another way."""
    generator = np.random.default_rng((ord(character), level, variant))
    pen = max(1.5, _PENS[level] * GLYPH_HEIGHT)
    bend, wave = 0.05 * generator.normal(size=2), generator.uniform(2, 7, 2)
    phase = generator.uniform(0, 2 * np.pi, 2)
    linear = np.eye(2) + 0.1 * generator.normal(size=(2, 2))
    margin = pen / 2 + 12
    paths = []
    for path in _traced(script, character):
        bent = (path + bend * np.sin(path[:, ::-1] * wave + phase)) @ linear.T
        paths.append(np.rint((bent * GLYPH_HEIGHT + margin) * 16).astype(np.int32))
    side = round(1.6 * GLYPH_HEIGHT + 2 * margin)
    ink = np.zeros((side, side), np.uint8)
    cv2.polylines(ink, paths, False, 255, max(1, round(pen)), cv2.LINE_AA, 4)
    return crop_to_ink(ink)


@functools.cache
def _traced(script: str, character: str) -> list[NDArray[np.float64]]:
    """The strokes of a character as smooth curves, each float64 `[M, 2]`, within a square with sides of 1."""
    glyph = skeletons.trace(crop_to_ink(fonts.print_line(_font(script), character, 96)))
    return [strokes.smooth(np.array(stroke)) for stroke in glyph]


def _font(script: str) -> str:
    return fonts.japanese() if script in ("hiragana", "katakana", "kanji") else fonts.sans()


def printed(generator: np.random.Generator, count: int) -> InkImage:
    """`count` printed Latin letters in a random font."""
    names = fonts.latin()
    alphabet = _ALPHABETS[generator.integers(2 if count < 3 else 3)]
    word = "".join(alphabet[i] for i in generator.integers(len(alphabet), size=count))
    return crop_to_ink(fonts.print_line(names[generator.integers(len(names))], word, _PRINT_HEIGHT))
