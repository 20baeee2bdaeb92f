"""Graphics: what else is on documents. Stamps, barcodes, holes, ticks, tallies, music and flow charts."""

from __future__ import annotations

import numpy as np

from train.synthetic import fonts, strokes, surfaces, vocabulary
from train.synthetic.glyph_images import IGNORE
from train.synthetic.scenes import printing
from train.synthetic.scenes.page import Page, random_contrast
from train.synthetic.scenes.rules import Path, Segment, draw_paths, draw_rules, fill, fill_polygons, rectangle
from train.synthetic.scenes.tables import extent
from train.synthetic.scenes.writing import Words


def add_graphics(page: Page) -> None:
    """Add one or two things that are often on documents before anybody writes on them."""
    generator = page.generator
    for _ in range(int(generator.integers(1, 3))):
        kinds = (_stamp, _holes, _staple, _spine, _border, _logo, _barcode, _watermark)
        kinds[generator.choice(len(kinds), p=[0.18, 0.12, 0.1, 0.18, 0.14, 0.1, 0.08, 0.1])](page)


def _somewhere(page: Page) -> tuple[float, float]:
    across, down = extent(page)
    x, y = page.generator.uniform(-1, 1, 2) * (across, down)
    return float(x), float(y)


def circle(x: float, y: float, radius: float, *, flat: float = 1.0) -> Path:
    """The points of a circle, or of an ellipse `flat` times as high as wide."""
    angles = np.linspace(0, 2 * np.pi, 37)
    return [(x + radius * float(np.cos(a)), y + radius * flat * float(np.sin(a))) for a in angles]


def _stamp(page: Page) -> None:
    """A round stamp with words along its edge, or a square one."""
    generator = page.generator
    x, y = _somewhere(page)
    radius = float(generator.uniform(1.5, 4))
    font, size = printing.random_font(page), radius * float(generator.uniform(0.14, 0.24))
    width = max(0.6, 0.05 * radius * page.unit)
    if generator.random() < 0.3:
        draw_rules(page, rectangle(x - radius, y - size, x + radius, y + size * 1.2), width)
        text = vocabulary.prose(generator, 3).upper()
        printing.print_text(page, font, text, x, y + size / 2, size=size, align=0.5)
    else:
        draw_paths(page, [circle(x, y, radius), circle(x, y, radius - 2 * size)], width)
        _print_around(page, font, vocabulary.prose(generator, 12).upper(), (x, y), radius - 1.45 * size, size)
        text = vocabulary.caption(generator)
        printing.print_text(page, font, text, x, y + size / 2, size=size, align=0.5)
    page.apply_ink(1 - generator.uniform(0.1, 0.6))


def _print_around(
    page: Page, font: str, text: str, centre: tuple[float, float], radius: float, size: float
) -> None:
    """Print a text along a circle, as far as it goes around."""
    height = fonts.level(size * page.unit)
    angle, scale = float(page.generator.uniform(0, 6)), size / height
    end = angle + 2 * np.pi - 0.3
    for character in text:
        step = fonts.advance(font, character, height) * scale / radius
        if angle + step > end:
            break
        turn = angle + np.pi / 2
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        x, y = centre[0] + radius * float(np.cos(angle)), centre[1] + radius * float(np.sin(angle))
        ink = fonts.print_line(font, character, height)
        printing.place_rigid(
            page, ink, fonts.origin(height), x, y, page.tilt @ rotation * (scale * page.unit)
        )
        angle += step


def _holes(page: Page) -> None:
    """Punched holes: dark, or with a shadow at their edge."""
    generator = page.generator
    x, y = _somewhere(page)
    radius, distance = float(generator.uniform(0.4, 1.2)), float(generator.uniform(3, 8))
    holes = [circle(x, y + index * distance, radius) for index in range(int(generator.integers(1, 4)))]
    fill_polygons(page, *holes)
    page.apply_ink(float(generator.choice([generator.uniform(0.1, 0.5), generator.uniform(0.7, 0.95)])))
    draw_paths(page, holes, 0.8)
    page.apply_ink(1 - generator.uniform(0.1, 0.6))


def _staple(page: Page) -> None:
    """A staple: a short, thick line with a shadow; it could be read as a 1."""
    generator = page.generator
    x, y = _somewhere(page)
    length, angle = float(generator.uniform(0.7, 2)), float(generator.uniform(0, np.pi))
    across, down = length / 2 * float(np.cos(angle)), length / 2 * float(np.sin(angle))
    ends = [(x - across, y - down), (x + across, y + down)]
    draw_paths(page, [ends], max(1.0, 0.12 * page.unit))
    page.apply_ink(1 - generator.uniform(0.3, 0.8))
    ignore(page, ends)


def ignore(page: Page, path: Path) -> None:
    """Record the box of a path that could be read as a digit, so that it is left out."""
    points = np.array([page.place(*point) for point in path])
    low, high = points.min(axis=0), points.max(axis=0)
    height, width = page.shape
    if (high > 0).all() and low[0] < width and low[1] < height:
        sides = np.maximum(high - low, 2.0)
        page.boxes.append((float(low[0]), float(low[1]), float(sides[0]), float(sides[1])))
        page.labels.append(IGNORE)


def _spine(page: Page) -> None:
    """The shadow along the spine of a book, or a fold of the paper."""
    generator = page.generator
    away = np.abs(surfaces.ramp(generator, *page.shape))
    reach = page.unit * float(np.exp(generator.uniform(np.log(0.1), np.log(3))))
    page.brightness *= 1 - generator.uniform(0.1, 0.8) * np.exp(-away / reach)


def _border(page: Page) -> None:
    """The frame of a page, single or double, or its edge on a scanner's black lid."""
    generator = page.generator
    across, down = extent(page)
    x, y = float(generator.uniform(-across, -across / 3)), float(generator.uniform(-down, -down / 3))
    width = max(0.6, page.unit * float(np.exp(generator.uniform(np.log(0.03), np.log(0.3)))))
    if generator.random() < 0.35:
        fill(page, -3 * across, -3 * down, x, 3 * down)
    else:
        draw_rules(page, rectangle(x, y, 3 * across, 3 * down), width)
        if generator.random() < 0.4:
            draw_rules(page, rectangle(x + 0.3, y + 0.3, 3 * across, 3 * down), width / 2)
    page.apply_ink(1 - generator.uniform(0.3, 0.95))


def _logo(page: Page) -> None:
    """A few filled shapes inside a frame, and a name."""
    generator = page.generator
    x, y = _somewhere(page)
    radius = float(generator.uniform(0.8, 2.5))
    for _ in range(int(generator.integers(1, 4))):
        corners = np.array([x, y]) + radius * generator.uniform(-1, 1, (int(generator.integers(3, 7)), 2))
        fill_polygons(page, [(float(a), float(b)) for a, b in corners])
        page.apply_ink(float(generator.uniform(0.2, 1.0)))
    draw_paths(page, [circle(x, y, radius * 1.2)], max(1.0, 0.08 * page.unit))
    text = vocabulary.prose(generator, 1).upper()
    if len(text) > 3:
        printing.print_text(page, printing.random_font(page), text, x, y + radius * 1.9, size=0.5, align=0.5)
    page.apply_ink(1 - generator.uniform(0.3, 0.9))


def _barcode(page: Page) -> None:
    """Bars of several widths, side by side."""
    generator = page.generator
    x, y = _somewhere(page)
    module, high = max(1.2 / page.unit, float(generator.uniform(0.05, 0.2))), float(generator.uniform(1, 3))
    for _ in range(int(generator.integers(15, 35))):
        wide = module * float(generator.integers(1, 4))
        fill(page, x, y - high / 2, x + wide, y + high / 2)
        x += wide + module * float(generator.integers(1, 4))
    page.apply_ink(1 - generator.uniform(0.6, 0.95))


def _watermark(page: Page) -> None:
    """Large pale print behind everything."""
    generator = page.generator
    font, size = printing.random_font(page), float(generator.uniform(1.5, 5))
    across, down = extent(page)
    for y in np.arange(-down, down + size, 2 * size).tolist():
        text = vocabulary.prose(generator, 4).upper()
        printing.print_text(page, font, text, -across - float(generator.uniform(0, 4)), y, size=size)
    page.apply_ink(1 - generator.uniform(0.02, 0.14))
    # Too pale to be read.
    del page.boxes[:], page.labels[:]


# Layouts


def draw_checks(page: Page) -> None:
    """Boxes and lists with ticks, crosses and tally strokes. Short strokes could be ones."""
    generator = page.generator
    across, down = extent(page)
    leading, pitch = float(generator.uniform(1.3, 2.4)), float(generator.uniform(1.2, 5))
    font, size = printing.random_font(page), float(generator.uniform(0.4, 0.8))
    side = float(generator.uniform(0.35, 0.6))
    boxes: list[Segment] = []
    places: list[tuple[float, float]] = []
    for y in np.arange(-down - generator.uniform(0, leading), down, leading).tolist():
        for x in np.arange(-across - generator.uniform(0, pitch), across, pitch).tolist():
            boxes += rectangle(x - side, y - side, x + side, y + side)
            places.append((x, y))
            if pitch > 3:
                text = vocabulary.caption(generator)
                printing.print_text(page, font, text, x + side + 0.2, y + size / 2, size=size)
    if generator.random() < 0.7:
        draw_rules(page, boxes, max(0.5, page.unit * generator.uniform(0.02, 0.1)))
    page.apply_ink(1 - max(0.3, random_contrast(generator, 2.0)))
    marks: list[Path] = []
    kind = int(generator.integers(3))
    for x, y in places:
        if generator.random() < 0.5:
            marks += (_tick, _cross, _tally)[kind](page, x, y)
    draw_paths(page, marks, page.stroke)


def _tick(page: Page, x: float, y: float) -> list[Path]:
    a, b, c, d = (0.15 * page.generator.normal(size=4)).tolist()
    return [[(x - 0.4 + a, y + b), (x - 0.1, y + 0.4 + c), (x + 0.5 + d, y - 0.5 + a)]]


def _cross(page: Page, x: float, y: float) -> list[Path]:
    a, b, c, d = (0.1 * page.generator.normal(size=4)).tolist()
    return [
        [(x - 0.4 + a, y - 0.4 + b), (x + 0.4, y + 0.4)],
        [(x + 0.4 + c, y - 0.4 + d), (x - 0.4, y + 0.4)],
    ]


def _tally(page: Page, x: float, y: float) -> list[Path]:
    generator = page.generator
    count = int(generator.integers(1, 6))
    gap, lean = float(generator.uniform(0.15, 0.35)), 0.1 * float(generator.normal())
    strokes: list[Path] = []
    for index in range(min(count, 4)):
        left = x - 0.4 + index * gap + 0.04 * float(generator.normal())
        strokes.append([(left + lean, y - 0.5), (left, y + 0.5 + 0.1 * float(generator.normal()))])
        ignore(page, strokes[-1])
    if count == 5:
        strokes.append([(x - 0.6, y + 0.3), (x - 0.2 + 3 * gap, y - 0.3)])
    return strokes


def draw_music(page: Page) -> None:
    """Staves with notes, printed or written."""
    generator = page.generator
    across, down = extent(page)
    space = float(generator.uniform(0.25, 0.7))  # between two lines of a staff
    rules: list[Segment] = []
    stems: list[Segment] = []
    full: list[Path] = []
    hollow: list[Path] = []
    clefs: list[Path] = []
    for top in np.arange(
        -down - generator.uniform(0, 4), down, space * float(generator.uniform(7, 11))
    ).tolist():
        rules += [(-across, top + i * space, across, top + i * space) for i in range(5)]
        x = -across
        while x < across:
            y = top + space * float(generator.integers(-2, 11)) / 2
            (full if generator.random() < 0.7 else hollow).append(_note(x, y, 0.55 * space))
            up = 1 if generator.random() < 0.5 else -1
            if generator.random() < 0.85:
                side = x + up * 0.55 * space
                stems.append((side, y, side, y - up * 3.2 * space))
                if generator.random() < 0.2:
                    stems.append((side, y - up * 3.2 * space, side + 2 * space, y - up * 3 * space))
            if generator.random() < 0.15:
                stems.append((x + 1.5 * space, top, x + 1.5 * space, top + 4 * space))
            x += space * float(generator.uniform(1.6, 4))
        if generator.random() < 0.6:
            clefs.append(_clef(float(generator.uniform(-across, across)), top, space))
    fill_polygons(page, *full)
    draw_paths(page, clefs, max(0.8, 0.22 * space * page.unit))
    draw_paths(page, hollow, max(0.8, 0.17 * space * page.unit))
    draw_rules(page, rules, max(0.5, 0.09 * space * page.unit))
    draw_rules(page, stems, max(0.7, 0.14 * space * page.unit))


def _clef(x: float, top: float, space: float) -> Path:
    """A treble clef on the staff that begins at the height `top`."""
    points = np.array(
        [(0.1, 2.4), (0.9, 2.2), (1.0, 3.2), (0.1, 3.7), (-0.9, 3.0), (-0.6, 1.8), (0.5, 0.5), (0.6, -0.8),
         (0.1, -1.2), (-0.2, -0.2), (0.3, 3.0), (0.5, 4.8), (0.0, 5.5), (-0.6, 5.0)]
    )  # fmt: skip
    return [(x + space * a, top + space * b) for a, b in strokes.smooth(points).tolist()]


def _note(x: float, y: float, radius: float) -> Path:
    """The outline of a note's head."""
    angles = np.linspace(0, 2 * np.pi, 14)
    turned = np.array([[0.94, -0.34], [0.34, 0.94]])
    outline = np.stack([1.25 * np.cos(angles), 0.85 * np.sin(angles)], axis=1) @ turned
    return [(x + radius * a, y + radius * b) for a, b in outline.tolist()]


def draw_chart(page: Page) -> None:
    """A flow chart: boxes, diamonds and ellipses with words in them, joined by arrows."""
    generator = page.generator
    across, down = extent(page)
    wide, high = float(generator.uniform(2.5, 5)), float(generator.uniform(2, 4))
    font, size = printing.random_font(page), float(generator.uniform(0.4, 0.8))
    words = Words(page, size=0.7)
    by_hand = generator.random() < 0.5
    width = page.stroke if by_hand else max(0.6, 0.05 * page.unit)
    paths: list[Path] = []
    for y in np.arange(-down - generator.uniform(0, high), down, high).tolist():
        for x in np.arange(-across - generator.uniform(0, wide), across, wide).tolist():
            a, b = 0.35 * wide, 0.28 * high
            kind = int(generator.integers(4))
            if kind == 0:
                paths.append([(x - a, y), (x, y - b), (x + a, y), (x, y + b), (x - a, y)])
            elif kind == 1:
                paths.append(circle(x, y, a, flat=b / a))
            elif kind == 2:
                paths.append([(x - a, y - b), (x + a, y - b), (x + a, y + b), (x - a, y + b), (x - a, y - b)])
            if generator.random() < 0.6:  # an arrow
                head = 0.2
                paths.append([(x + a, y), (x + wide - a, y)])
                paths.append(
                    [(x + wide - a - head, y - head), (x + wide - a, y), (x + wide - a - head, y + head)]
                )
            if generator.random() < 0.5:
                paths.append([(x, y + b), (x, y + high - b)])
            if kind == 3 or generator.random() < 0.7:
                if by_hand:
                    words.write(x - 0.6 * a, y)
                else:
                    text = vocabulary.caption(generator)
                    printing.print_text(page, font, text, x, y + size / 2, size=size, align=0.5)
    draw_paths(page, paths, width)
