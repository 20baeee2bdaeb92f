"""VP8L: the memory that the prefix codes of a lossless WebP take."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images import decode, headers, vp8l
from edge_runtime.images.limits import FILES
from tests.image_files import encode, webp

LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)
RANDOM = np.random.default_rng(0)
NOISE = RANDOM.integers(0, 256, (120, 160, 4), np.uint8)
PHOTOGRAPH = cv2.resize(NOISE, (900, 700), interpolation=cv2.INTER_CUBIC)[:, :, :3]
COLOURS = RANDOM.integers(0, 256, (200, 4), np.uint8)
ONE_SYMBOL = "1000"  # a simple code of the symbol 0, which takes no bits


def stream(bits: str) -> bytes:
    """A stream of bits, given in the order in which they are read."""
    bits = bits.replace(" ", "")
    return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8) + 8, "little")


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(NOISE[:, :, :3], id="noise"),
        pytest.param(NOISE, id="transparent noise"),
        pytest.param(PHOTOGRAPH, id="photograph"),
        *(
            pytest.param(COLOURS[NOISE[:, :, 0] % count][:, :, :3], id=f"{count} colours")
            for count in (1, 2, 3, 16, 200)
        ),
    ],
)
def test_real_files_have_few_codes(image):
    data = encode(".webp", image, *LOSSLESS)
    header = headers.check(data, FILES)
    assert header.memory < 9.2 * header.width * header.height + vp8l.MAX_BLOCKS * 20_000
    assert decode.decode(data).shape == image.shape[:2]
    lossy = encode(".webp", image, cv2.IMWRITE_WEBP_QUALITY, 80)  # its opacity is lossless
    assert headers.check(lossy, FILES).width == image.shape[1]


@pytest.mark.parametrize(
    ("bits", "blocks"),
    [
        pytest.param("0 0 0", 1, id="one set of codes"),
        pytest.param("0 0 1 000", 75 * 50, id="blocks of 4 px"),
        pytest.param("0 0 1 010", 19 * 13, id="blocks of 16 px"),
        pytest.param("1 01 0 0 1 000", 75 * 50, id="without green"),
        pytest.param(f"1 10 111 0 {ONE_SYMBOL * 5} 0 0 1 000", 75 * 50, id="colour transform"),
        pytest.param(f"1 00 000 0 {ONE_SYMBOL * 5} 0 0 1 000", 75 * 50, id="predictor"),
        # Eight pixels in one.
        pytest.param(f"1 11 10000000 0 {ONE_SYMBOL * 5} 0 0 1 000", 10 * 50, id="palette of two colours"),
    ],
)
def test_codes_are_counted(bits, blocks):
    assert vp8l.code_memory(stream(bits), 300, 200) == blocks * 4 * (2300 + 654)


def test_a_cache_makes_the_codes_larger():
    assert vp8l.code_memory(stream("0 1 1101 0"), 300, 200) == 4 * (2300 + 2704)
    with pytest.raises(ValueError, match="the cache is too large"):
        vp8l.code_memory(stream("0 1 0011 0"), 300, 200)


@pytest.mark.parametrize(
    ("bits", "error"),
    [
        pytest.param("0 0 1 000", ImageError, id="too many blocks"),
        pytest.param("1 00 000 0", ImageError, id="large transform"),
        pytest.param("1 00 111 0 0 0000 001 001 001 001", ValueError, id="impossible code"),
        pytest.param("1 10 111 0" + "0 0000 100 000 000 000 0" * 5, ValueError, id="code without symbols"),
    ],
)
def test_absurd_and_damaged_streams_are_refused(bits, error):
    with pytest.raises(error):
        vp8l.code_memory(stream(bits), 4000, 3000)


def test_a_stream_that_is_cut_off_is_damaged():
    data = encode(".webp", PHOTOGRAPH, *LOSSLESS)
    for length in (25, 26, 40, 100):
        with pytest.raises(ValueError, match="cut off"):
            vp8l.code_memory(data[25:length], 900, 700)


def test_few_bytes_with_a_set_of_codes_for_every_block_are_refused(monkeypatch):
    monkeypatch.setattr(decode.cv2, "imdecode", None)
    data = webp(b"VP8L", b"\x2f" + struct.pack("<I", 1023 | 1023 << 14) + stream("0 0 1 000"))
    with pytest.raises(ImageError, match="a lossless WebP of an unusual kind; save it as PNG"):
        decode.decode(data)
