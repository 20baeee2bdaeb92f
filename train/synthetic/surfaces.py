"""Surfaces: the paper that scenes are written on, and the textures and objects around it.

All public functions return float32 `(height, width)`. `sheet` and `clutter` return brightness, about 0 to
255, but not clipped to that range.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Surface = NDArray[np.float32]


def field(generator: np.random.Generator, height: int, width: int, cells: float) -> Surface:
    """Smooth random values, about -1 to 1, that vary `cells` times along the longer side."""
    across = max(2, round(cells * width / max(height, width)) + 1)
    down = max(2, round(cells * height / max(height, width)) + 1)
    coarse = generator.uniform(-1, 1, (down, across)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def noise(generator: np.random.Generator, height: int, width: int) -> Surface:
    """White noise of standard deviation 1."""
    return generator.standard_normal((height, width), np.float32)


def sheet(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Paper or a board, unevenly lit, with shadows, blotches, folds and grain."""
    level = generator.uniform(70, 250) if generator.random() < 0.4 else generator.uniform(150, 245)
    light = np.ones((height, width), np.float32)
    if generator.random() < 0.8:
        light += generator.uniform(0, 0.35) * field(generator, height, width, generator.uniform(1, 3))
    if generator.random() < 0.3:
        light *= _shadow(generator, height, width)
    if generator.random() < 0.15:
        light += generator.uniform(0, 0.12) * field(generator, height, width, generator.uniform(4, 16))
    if generator.random() < 0.12:
        for _ in range(generator.integers(1, 3)):
            light *= _fold(generator, height, width)
    if generator.random() < 0.5:
        grain = noise(generator, height, width)
        if generator.random() < 0.5:
            grain = 2 * cv2.GaussianBlur(grain, (0, 0), generator.uniform(0.6, 2))
        light += generator.uniform(0, 0.02) * grain
    return level * light


def ramp(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Signed distance of every pixel from a random straight line, in pixels."""
    angle = generator.uniform(0, 2 * np.pi)
    x = np.arange(width, dtype=np.float32) - generator.uniform(0.1, 0.9) * width
    y = np.arange(height, dtype=np.float32) - generator.uniform(0.1, 0.9) * height
    return np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y[:, None]


def _shadow(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Factor, 0.4 to 1, of a shadow with a straight edge, sharp or soft."""
    softness = max(height, width) * float(np.exp(generator.uniform(np.log(0.01), np.log(0.3))))
    edge = 1 / (1 + np.exp(np.clip(-ramp(generator, height, width) / softness * 4, -30, 30)))
    return np.asarray(1 - generator.uniform(0.1, 0.6) * edge, np.float32)


def _fold(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Factor, 0.8 to 1.2, of a straight fold, which catches the light or lies in shadow."""
    away = ramp(generator, height, width) / generator.uniform(1, 5)
    return np.asarray(1 + generator.uniform(-0.2, 0.2) * np.exp(-np.abs(away)), np.float32)


def ruled(generator: np.random.Generator, height: int, width: int, spacing: float) -> Surface:
    """Cover, 0 to 1, of the lines of ruled or squared paper, `spacing` px apart and slightly tilted."""
    cover = np.zeros((height, width), np.float32)
    tilt = generator.normal() * 0.05
    directions = [tilt] if generator.random() < 0.6 else [tilt, tilt + np.pi / 2]
    thickness = generator.uniform(0.4, 1.6)
    for angle in directions:
        x = np.arange(width, dtype=np.float32)
        y = np.arange(height, dtype=np.float32)
        across = np.float32(np.sin(-angle)) * x + np.float32(np.cos(angle)) * y[:, None]
        phase = np.mod(across + generator.uniform(0, spacing), spacing)
        np.maximum(cover, np.clip(thickness / 2 + 0.5 - np.minimum(phase, spacing - phase), 0, 1), out=cover)
    return cover


def clutter(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Anything but writing: natural and woven textures, bricks, pebbles, faces, rooms or a mixture."""
    kinds = (_leaves, _leaves, _leaves, _fractal, _woven, _bricks, _bricks, _pebbles, _faces, _blocks)
    surface = kinds[generator.integers(len(kinds))](generator, height, width)
    while generator.random() < 0.35:
        other = kinds[generator.integers(len(kinds))](generator, height, width)
        beyond = ramp(generator, height, width) + 20 * field(generator, height, width, 5) > 0
        surface = np.where(beyond, other, surface)
    if generator.random() < 0.3:
        surface = surface * (1 + 0.3 * field(generator, height, width, generator.uniform(2, 30)))
    return np.asarray(surface, np.float32)


def _radius(generator: np.random.Generator, side: int) -> float:
    """A random radius in pixels; sizes follow a power law, as those of objects in natural images do."""
    low, high = 1.2, 0.5 * side
    return float((low**-1.5 + generator.random() * (high**-1.5 - low**-1.5)) ** (-1 / 1.5))


def _leaves(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Shapes that occlude each other: the dead leaves model of natural images (Lee, Mumford, Huang, 2001)."""
    side = max(height, width)
    surface = np.full((height, width), generator.uniform(20, 235), np.float32)
    surface += 30 * field(generator, height, width, generator.uniform(1, 12))
    spread = generator.uniform(15, 90)
    middle = generator.uniform(60, 190)
    shape = generator.integers(4)
    for _ in range(int(generator.integers(20, 220))):
        centre = generator.uniform(-0.1, 1.1, 2) * (width, height)
        radius = _radius(generator, side) * generator.uniform(1, 3)
        colour = float(np.clip(middle + spread * generator.normal(), 0, 255))
        angle = generator.uniform(0, 2 * np.pi)
        kind = shape if shape < 3 else generator.integers(3)
        if kind == 0:
            axes = (max(1, round(radius)), max(1, round(radius * generator.uniform(0.2, 1))))
            cv2.ellipse(
                surface, _point(centre), axes, float(np.degrees(angle)), 0, 360, colour, -1, cv2.LINE_AA
            )
        else:
            corners = int(generator.integers(3, 8)) if kind == 1 else 4
            angles = angle + np.sort(generator.uniform(0, 2 * np.pi, corners))
            if kind == 2:  # long and thin, as boards and twigs are
                flat = generator.uniform(0.03, 0.4)
                angles = angle + np.array([flat, np.pi - flat, np.pi + flat, -flat])
            points = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
            cv2.fillPoly(surface, [np.rint(points).astype(np.int32)], colour, cv2.LINE_AA)
    return surface


def _point(centre: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(centre[0])), round(float(centre[1]))


def _fractal(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Noise of all scales with a random spectrum: from clouds to gravel."""
    surface = np.zeros((height, width), np.float32)
    cells, roughness = 2.0, generator.uniform(0.4, 1.0)
    amplitude = 1.0
    while cells < max(height, width) / 1.5:
        surface += amplitude * field(generator, height, width, cells)
        cells, amplitude = cells * 2, amplitude * roughness
    if generator.random() < 0.3:
        surface = np.abs(surface)
    spread = float(surface.std()) or 1.0
    return generator.uniform(60, 200) + generator.uniform(10, 60) * (surface - float(surface.mean())) / spread


def _woven(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Fabric, corduroy or blinds: waves in one or two directions, slightly bent."""
    surface = np.full((height, width), generator.uniform(60, 200), np.float32)
    bend = generator.uniform(0, 4) * field(generator, height, width, 4)
    for _ in range(generator.integers(1, 3)):
        wave = np.sin((ramp(generator, height, width) + bend) * (2 * np.pi / generator.uniform(3, 40)))
        if generator.random() < 0.5:
            wave = np.sign(wave) * np.sqrt(np.abs(wave))
        surface += generator.uniform(5, 60) * wave
    return surface + generator.uniform(0, 12) * noise(generator, height, width)


def _bricks(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Walls, tiles or the windows of a facade: rectangles of varying shade between joints."""
    joint = generator.uniform(20, 220)
    surface = np.full((height, width), joint, np.float32)
    long, tall = generator.uniform(8, 60), generator.uniform(5, 50)
    gap = max(1, round(generator.uniform(0.05, 0.4) * min(long, tall)))
    shade, spread = generator.uniform(20, 235), generator.uniform(0, 40)
    shift = generator.choice([0, 0.5])
    for row in range(-1, int(height / tall) + 2):
        for column in range(-1, int(width / long) + 2):
            left = (column + shift * (row % 2)) * long
            corner = (round(left), round(row * tall))
            opposite = (round(left + long - gap), round((row + 1) * tall - gap))
            cv2.rectangle(surface, corner, opposite, float(shade + spread * generator.normal()), -1)
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), generator.uniform(-40, 40), 1.5)
    surface = cv2.warpAffine(surface, turned, (width, height), borderMode=cv2.BORDER_REFLECT)
    return surface + generator.uniform(0, 12) * noise(generator, height, width)


def _pebbles(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Stones, coins, buttons or fruit: round objects with a lit and a dark side."""
    surface = np.full((height, width), generator.uniform(10, 240), np.float32)
    size = float(np.exp(generator.uniform(np.log(3), np.log(30))))
    ordered = generator.random() < 0.3
    angle = generator.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), np.sin(angle)])
    shade = generator.uniform(40, 220)
    pitch = size * generator.uniform(2.1, 3.5)
    spots = (
        [
            (x * pitch, y * pitch)
            for y in range(int(height / pitch) + 2)
            for x in range(int(width / pitch) + 2)
        ]
        if ordered
        else generator.uniform(0, 1, (min(400, int(3 * height * width / (size * size * 4)) + 2), 2))
        * (width, height)
    )
    for spot in spots:
        radius = size * generator.uniform(0.7, 1.2)
        tone = shade * generator.uniform(0.6, 1.3)
        centre = np.asarray(spot, np.float64)
        flat = generator.uniform(0.6, 1)
        for step, gain in ((0.0, 0.6), (0.25, 1.0), (0.45, 1.25)):
            axes = (max(1, round(radius * (1 - step))), max(1, round(radius * flat * (1 - step))))
            place = _point(centre + light * radius * step * 0.5)
            cv2.ellipse(surface, place, axes, 0, 0, 360, float(min(255, tone * gain)), -1, cv2.LINE_AA)
    return surface


def _faces(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Faces made of ellipses, in front of a sheet or of leaves."""
    on_leaves = generator.random() < 0.5
    surface = _leaves(generator, height, width) if on_leaves else sheet(generator, height, width)
    for _ in range(generator.integers(1, 4)):
        radius = generator.uniform(0.08, 0.5) * max(height, width)
        x, y = generator.uniform(0, width), generator.uniform(0, height)
        skin, dark = generator.uniform(90, 230), generator.uniform(10, 80)
        mouth = generator.uniform(0.04, 0.12)
        # Offset, half axes and brightness of ellipses; the lengths are in units of the radius.
        parts = [(0, -0.15, 0.85, 1.1, dark), (0, 0.05, 0.72, 0.98, skin)]  # hair, face
        for side in (-1, 1):
            parts.append((side * 0.3, -0.12, 0.17, 0.09, 240))  # eye
            parts.append((side * 0.3, -0.12, 0.08, 0.08, dark))  # pupil
            parts.append((side * 0.3, -0.3, 0.2, 0.04, dark))  # brow
        parts += [(0, 0.2, 0.07, 0.2, skin * 0.85), (0, 0.52, 0.28, mouth, dark * 1.2)]  # nose, mouth
        for dx, dy, a, b, tone in parts:
            axes = (max(1, round(a * radius)), max(1, round(b * radius)))
            centre = (round(x + dx * radius), round(y + dy * radius))
            cv2.ellipse(surface, centre, axes, 0, 0, 360, float(tone), -1, cv2.LINE_AA)
    return surface


def _blocks(generator: np.random.Generator, height: int, width: int) -> Surface:
    """Rooms, screens or shelves: large planes with edges, and straight lines."""
    surface = sheet(generator, height, width)
    for _ in range(generator.integers(2, 9)):
        part = ramp(generator, height, width) > 0
        if generator.random() < 0.6:
            part &= ramp(generator, height, width) > 0
        surface = np.where(part, surface * generator.uniform(0.5, 1.6), surface)
    for _ in range(generator.integers(0, 12)):
        # Lines run from border to border, because a short one could be a 1.
        ends = generator.uniform(0, 1, (2, 2)) * (width, height)
        ends = np.rint(ends + [[-4], [4]] * (ends[1] - ends[0])).astype(int)
        surface = np.ascontiguousarray(surface, np.float32)
        cv2.line(
            surface,
            (int(ends[0, 0]), int(ends[0, 1])),
            (int(ends[1, 0]), int(ends[1, 1])),
            float(generator.uniform(0, 255)),
            int(generator.integers(1, 5)),
            cv2.LINE_AA,
        )
    return np.asarray(surface, np.float32)
