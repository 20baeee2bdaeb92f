"""Draws the example images in this folder, and small copies for the web page: `python examples/draw.py`.

The images are simulated, not photographs, and the same on every run.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent
PAGE = FOLDER.parent / "edge_runtime" / "web" / "page"

sys.path.insert(0, str(FOLDER.parent))  # `train` is in the checkout, but not in the installed package

from train.synthetic import paper, strokes  # noqa: E402

# The text of each image, line by line.
TEXTS = {
    "phone-number.jpg": ["0172 945 386"],
    "sums.jpg": ["408", "1356", "92", "7"],
    "whiteboard.jpg": ["2718", "3141"],
    "blackboard.jpg": ["60 59"],
    "one-digit.jpg": ["5"],
    "blank-page.jpg": [],
}

ON_PAGE = ("phone-number.jpg", "sums.jpg", "whiteboard.jpg")  # every copy is part of the wheel


def main() -> None:
    """Draw all images and write them into this folder; those of the page into the package as well."""
    for index, (name, lines) in enumerate(TEXTS.items()):
        image = DRAWERS[name](lines, np.random.default_rng(100 + index))
        cv2.imwrite(str(FOLDER / name), image, [cv2.IMWRITE_JPEG_QUALITY, 88])
        if name in ON_PAGE:
            small = cv2.resize(image, None, fx=2 / 3, fy=2 / 3, interpolation=cv2.INTER_AREA)
            cv2.imwrite(str(PAGE / f"example-{name}"), small, [cv2.IMWRITE_JPEG_QUALITY, 70])
        print(f"{name}: {' / '.join(lines) or 'no digits'}, {image.shape[1]}x{image.shape[0]}")


def write_lines(
    page: NDArray[np.float32],
    lines: list[str],
    generator: np.random.Generator,
    *,
    corner: tuple[int, int],
    height: int,
    pen: float,
    shade: float,
) -> None:
    """Write lines of digits and spaces on a page, float32 `(H, W)`, in place and slightly irregular.

    `corner` (x, y), `height` (of the digits) and `pen` (the width of the strokes) are in pixels. `shade` is
    as in `paper.place`.
    """
    y = corner[1]
    for line in lines:
        x = corner[0] + int(generator.uniform(0, height * 0.2))
        for character in line:
            if character == " ":
                x += round(height * 0.5)
                continue
            size = height * generator.uniform(0.88, 1.1)
            ink = strokes.draw_digit(int(character), generator, height=size, pen=pen)
            rise = round(height - size + generator.uniform(-0.05, 0.05) * height)
            paper.place(page, ink, x, max(0, y + rise), shade=shade)
            x += ink.shape[1] + round(height * generator.uniform(0.14, 0.24))
        y += round(height * 1.6)


def phone_number(lines: list[str], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Ballpoint on a sheet near a window."""
    page = paper.blank(1000, 360, generator)
    write_lines(page, lines, generator, corner=(60, 130), height=84, pen=5, shade=0.35)
    return tint(paper.photograph(page, generator), (1.0, 0.97, 0.93))


def sums(lines: list[str], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Rows in pencil, with a shadow over one corner."""
    page = paper.blank(720, 720, generator, level=215)
    write_lines(page, lines, generator, corner=(110, 60), height=90, pen=6, shade=0.45)
    rows, columns = np.mgrid[0:720, 0:720].astype(np.float32)
    shadow = 1 / (1 + np.exp(-(columns * 0.8 + rows - 980) / 40))
    return tint(paper.photograph(page * (1 - 0.4 * shadow), generator), (0.9, 0.97, 1.0))


def whiteboard(lines: list[str], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A thick marker on a whiteboard that reflects a lamp."""
    page = paper.blank(900, 640, generator, level=190)
    rows, columns = np.mgrid[0:640, 0:900].astype(np.float32)
    page += 60 * np.exp(-(((columns - 650) / 200) ** 2) - ((rows - 140) / 120) ** 2)
    write_lines(page, lines, generator, corner=(150, 90), height=180, pen=17, shade=0.3)
    return tint(paper.photograph(page, generator, blur=1.2), (1.0, 0.98, 0.98))


def blackboard(lines: list[str], generator: np.random.Generator) -> NDArray[np.uint8]:
    """White chalk on a blackboard."""
    page = paper.blank(700, 300, generator, level=52)
    write_lines(page, lines, generator, corner=(90, 80), height=140, pen=10, shade=4)
    return tint(paper.photograph(page, generator, noise=5), (0.92, 1.0, 0.94))


def one_digit(lines: list[str], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A single digit on a small note."""
    page = paper.blank(240, 240, generator, level=220)
    write_lines(page, lines, generator, corner=(80, 50), height=130, pen=9, shade=0.25)
    return paper.photograph(page, generator)


def blank_page(lines: list[str], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A sheet without writing."""
    return tint(paper.photograph(paper.blank(480, 360, generator), generator), (0.95, 0.99, 1.0))


def tint(grey: NDArray[np.uint8], light: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Tint a grey image, uint8 `(H, W)`, with the colour of the light: BGR uint8 `(H, W, 3)`.

    `light` holds factors of at most 1 for blue, green and red.
    """
    return np.rint(grey[:, :, None] * np.array(light, np.float32)).astype(np.uint8)


DRAWERS = {
    "phone-number.jpg": phone_number,
    "sums.jpg": sums,
    "whiteboard.jpg": whiteboard,
    "blackboard.jpg": blackboard,
    "one-digit.jpg": one_digit,
    "blank-page.jpg": blank_page,
}

if __name__ == "__main__":
    main()
