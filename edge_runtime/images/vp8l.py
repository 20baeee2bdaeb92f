"""VP8L: how much memory the prefix codes of a lossless WebP, or of a lossless opacity, take.

The image may have different codes for every 4x4 px, and a decoder keeps the tables of all of them: 300 kB can
take 800 MB. How many there are comes after the transforms, whose data have to be read to get there. They are
coded images themselves, but small ones. (RFC 9649, section 3; nothing here decodes the image itself.)
"""

from __future__ import annotations

from typing import NamedTuple

from edge_runtime.errors import ImageError

MAX_BLOCKS = 4096  # of an image, each with codes of its own; libwebp writes up to 2600
_MAX_PIXELS = 100_000  # of the data of a transform
_UNUSUAL = "a lossless WebP of an unusual kind; save it as PNG"

_PREDICTOR, _COLOUR, _PALETTE = 0, 1, 3
_ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_LITERALS, _LENGTHS, _DISTANCES = 256, 24, 40
_TABLE = 2300  # entries of the tables of a block, besides that of green
_GREEN_TABLES = (654, 656, 658, 662, 670, 686, 718, 782, 912, 1168, 1680, 2704)  # by the bits of the cache
_ENTRY = 4  # bytes


class _Code(NamedTuple):
    """A prefix code: the length and symbol of every number of `bits` bits."""

    bits: int
    table: list[tuple[int, int]]


class _Bits:
    """Reads a stream of bits, the lowest of each byte first. Raises `ValueError` at its end."""

    def __init__(self, data: bytes | memoryview) -> None:
        self._data, self._position = data, 0

    def read(self, count: int) -> int:
        """The next number of up to 24 bits."""
        value = self._peek(count)
        self._position += count
        if self._position > 8 * len(self._data):
            raise ValueError("the stream is cut off")
        return value

    def symbol(self, code: _Code) -> int:
        """The next symbol of a prefix code."""
        length, symbol = code.table[self._peek(code.bits)]
        self._position += length
        if self._position > 8 * len(self._data):
            raise ValueError("the stream is cut off")
        return symbol

    def _peek(self, count: int) -> int:
        first = self._position >> 3
        value = int.from_bytes(self._data[first : first + 4], "little") >> (self._position & 7)
        return value & (1 << count) - 1


def code_memory(data: bytes | memoryview, width: int, height: int) -> int:
    """Bytes that the tables of a stream take, given what follows its header, and the size of its image.

    Raises `ImageError` if there are absurdly many, and `ValueError` if the stream is damaged.
    """
    bits = _Bits(data)
    while bits.read(1):
        kind = bits.read(2)
        if kind in (_PREDICTOR, _COLOUR):
            _skip_image(bits, *_blocks(width, height, 2 + bits.read(3)))
        elif kind == _PALETTE:
            colours = 1 + bits.read(8)
            _skip_image(bits, colours, 1)
            packed = 3 if colours <= 2 else 2 if colours <= 4 else 1 if colours <= 16 else 0
            width, _ = _blocks(width, height, packed)
    cache = _cache_bits(bits)
    blocks = 1
    if bits.read(1):
        across, down = _blocks(width, height, 2 + bits.read(3))
        blocks = across * down
    if blocks > MAX_BLOCKS:
        raise ImageError(_UNUSUAL)
    return blocks * _ENTRY * (_TABLE + _GREEN_TABLES[cache])


def _blocks(width: int, height: int, bits: int) -> tuple[int, int]:
    return -(-width >> bits), -(-height >> bits)


def _cache_bits(bits: _Bits) -> int:
    cache = bits.read(4) if bits.read(1) else 0
    if cache >= len(_GREEN_TABLES):
        raise ValueError("the cache is too large")
    return cache


def _skip_image(bits: _Bits, width: int, height: int) -> None:
    """Read the coded image that a transform consists of."""
    left = width * height
    if left > _MAX_PIXELS:
        raise ImageError(_UNUSUAL)
    cache = _cache_bits(bits)
    cached = 1 << cache if cache else 0
    green = _read_code(bits, _LITERALS + _LENGTHS + cached)
    others = [_read_code(bits, _LITERALS) for _ in range(3)]
    distances = _read_code(bits, _DISTANCES)
    while left > 0:
        symbol = bits.symbol(green)
        left -= 1
        if symbol < _LITERALS:
            for code in others:
                bits.symbol(code)
        elif symbol < _LITERALS + _LENGTHS:
            left -= _read_number(bits, symbol - _LITERALS)
            _read_number(bits, bits.symbol(distances))


def _read_number(bits: _Bits, prefix: int) -> int:
    """A length or distance, less one, of which the prefix has been read."""
    if prefix < 4:
        return prefix
    extra = prefix - 2 >> 1
    return (2 + (prefix & 1) << extra) + bits.read(extra)


def _read_code(bits: _Bits, alphabet: int) -> _Code:
    lengths = [0] * alphabet
    if bits.read(1):
        count = 1 + bits.read(1)
        for index in range(count):
            lengths[bits.read(8 if index or bits.read(1) else 1)] = 1
        return _build_code(lengths)
    used = [0] * len(_ORDER)
    for index in _ORDER[: 4 + bits.read(4)]:
        used[index] = bits.read(3)
    code = _build_code(used)
    most = 2 + bits.read(2 + 2 * bits.read(3)) if bits.read(1) else alphabet
    position, previous = 0, 8
    while position < alphabet and most > 0:
        symbol, most = bits.symbol(code), most - 1
        if symbol < 16:
            lengths[position] = symbol
            previous = symbol or previous
            position += 1
            continue
        value, repeats = {16: (previous, 3), 17: (0, 3), 18: (0, 11)}[symbol]
        repeats += bits.read({16: 2, 17: 3, 18: 7}[symbol])
        if position + repeats > alphabet:
            raise ValueError("more lengths than symbols")
        lengths[position : position + repeats] = [value] * repeats
        position += repeats
    return _build_code(lengths)


def _build_code(lengths: list[int]) -> _Code:
    """The canonical code with these lengths. Raises `ValueError` if there is none."""
    symbols = sorted((length, symbol) for symbol, length in enumerate(lengths) if length)
    if len(symbols) == 1:
        return _Code(0, [(0, symbols[0][1])])
    bits = symbols[-1][0] if symbols else 0
    table = [(0, 0)] * (1 << bits)
    code = 0
    for length, symbol in symbols:
        step = 1 << length
        first = int(f"{code >> bits - length:0{length}b}"[::-1], 2)
        if code >> bits:
            break
        table[first::step] = [(length, symbol)] * (1 << bits - length)
        code += 1 << bits - length
    if code != 1 << bits or not symbols:
        raise ValueError("no complete code")
    return _Code(bits, table)
