"""Headers: the size that a file claims, and the limits that every file has to meet before it is decoded."""

from __future__ import annotations

import struct

import cv2
import imagesize
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images import decode, headers
from edge_runtime.images.limits import FILES, MAX_NETPBM_HEADER, MAX_SEGMENTS, Limits
from tests.image_files import bmp, encode, jpeg, jpeg_with_scans, png, tiff, webp

# As strict as a server on a small board: fewer formats, less memory.
UPLOADS = Limits(pixels=64_000_000, memory=256 * 2**20, scans=100, formats=("JPEG", "PNG", "WebP", "BMP"))
NOISE = np.random.default_rng(0).integers(0, 256, (23, 37, 3), np.uint8)
GREY = NOISE[:, :, 0].copy()
DEEP = NOISE.astype(np.uint16) * 257
CLEAR = np.dstack([NOISE, GREY])
# An embedded thumbnail has a frame header of its own.
THUMBNAIL = b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg(0xC0, 9, 9))) + jpeg(0xC0, 9, 9)


@pytest.mark.parametrize(
    ("data", "format", "bytes_per_pixel"),
    [
        pytest.param(encode(".png", GREY), "PNG", 3, id="grey PNG"),
        pytest.param(encode(".png", NOISE), "PNG", 7, id="colour PNG"),
        pytest.param(encode(".png", CLEAR), "PNG", 9, id="transparent PNG"),
        pytest.param(encode(".png", DEEP), "PNG", 13, id="16-bit PNG"),
        pytest.param(encode(".jpg", NOISE), "JPEG", 3, id="JPEG"),
        pytest.param(
            encode(".jpg", NOISE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "JPEG", 8, id="progressive JPEG"
        ),
        pytest.param(
            encode(".jpg", NOISE).replace(b"\xff\xd8", b"\xff\xd8" + THUMBNAIL, 1), "JPEG", 3, id="thumbnail"
        ),
        pytest.param(
            encode(".jpg", NOISE).replace(b"\xff\xdb", b"\xff\xff\xff\xdb"),
            "JPEG",
            3,
            id="JPEG with fill bytes",
        ),
        pytest.param(encode(".webp", NOISE, cv2.IMWRITE_WEBP_QUALITY, 80), "WebP", 9, id="lossy WebP"),
        pytest.param(encode(".webp", NOISE, cv2.IMWRITE_WEBP_QUALITY, 101), "WebP", 9, id="lossless WebP"),
        pytest.param(encode(".webp", CLEAR, cv2.IMWRITE_WEBP_QUALITY, 80), "WebP", 9, id="transparent WebP"),
        pytest.param(encode(".bmp", NOISE), "BMP", 9, id="BMP"),
        pytest.param(encode(".tiff", NOISE), "other", 17, id="TIFF"),
        pytest.param(encode(".ppm", NOISE), "other", 17, id="PPM"),
    ],
)
def test_the_measured_size_is_that_of_the_decoded_image(data, format, bytes_per_pixel):
    header = headers.measure(data)
    assert header == (format, 37, 23, bytes_per_pixel)
    assert decode.decode(data).shape == (header.height, header.width)


@pytest.mark.parametrize(
    ("data", "header"),
    [
        pytest.param(
            jpeg(0xC0, 50, 40, before=b"garbage"), ("JPEG", 50, 40, 3), id="garbage between markers"
        ),
        pytest.param(jpeg(0xC0, 50, 40, before=b"\xff\x01\xff\xd0"), ("JPEG", 50, 40, 3), id="bare markers"),
        pytest.param(jpeg(0xC1, 50, 40), ("JPEG", 50, 40, 3), id="extended JPEG"),
        pytest.param(jpeg(0xC3, 50, 40), ("lossless JPEG", 50, 40, 8), id="lossless JPEG"),
        pytest.param(jpeg(0xC9, 50, 40), ("arithmetic JPEG", 50, 40, 8), id="arithmetic JPEG"),
        pytest.param(png(2**31, 2**31), ("PNG", 2**31, 2**31, 3), id="largest PNG"),
        pytest.param(png(50, 40, 4, 3), ("PNG", 50, 40, 9), id="palette PNG"),
        pytest.param(webp(b"VP8X", b"\0\0\0\0\x31\0\0\x27\0\0"), ("WebP", 50, 40, 9), id="extended WebP"),
        pytest.param(
            webp(b"VP8X", b"\2\0\0\0\x31\0\0\x27\0\0"), ("animated WebP", 50, 40, 9), id="animated WebP"
        ),
        pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), ("WebP", 16384, 16384, 9), id="largest WebP"),
        pytest.param(bmp(50, -40), ("BMP", 50, 40, 9), id="BMP from the top"),
        pytest.param(
            b"BM" + bytes(12) + struct.pack("<IHH", 12, 50, 40), ("BMP", 50, 40, 9), id="BMP of OS/2"
        ),
        pytest.param(
            b"GIF89a" + struct.pack("<HH", 16000, 65535), ("GIF", 16000, 65535, 9), id="largest GIF"
        ),
        pytest.param(tiff(50, 40, pixels=100_000), ("other", 50, 40, 17), id="TIFF with its size at the end"),
        pytest.param(b"P5 # a comment\n50 40 255\n", ("other", 50, 40, 17), id="PGM with a comment"),
    ],
)
def test_sizes_are_measured_without_decoding(data, header):
    assert headers.measure(data) == header


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"some text", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="signature of a PNG"),
        pytest.param(png(50, 40)[:25], id="PNG cut off in its header"),
        pytest.param(png(50, 40).replace(b"IHDR", b"CgBI"), id="PNG with another first chunk"),
        pytest.param(png(50, 40, 8, 5), id="PNG of an undefined colour type"),
        pytest.param(png(0, 40), id="PNG without a width"),
        pytest.param(b"\xff\xd8", id="start of a JPEG"),
        pytest.param(b"\xff\xd8" + b"1" * 1000, id="JPEG without a marker"),
        pytest.param(b"\xff\xd8" + b"\xff" * 1000, id="JPEG of fill bytes"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), id="JPEG cut off"),
        pytest.param(jpeg(0xC0, 50, 40, before=b"\xff\xda"), id="JPEG with a scan before its frame"),
        pytest.param(jpeg(0xC0, 50, 40, before=b"\xff\xd8"), id="JPEG that starts twice"),
        pytest.param(jpeg(0xC0, 50, 0), id="JPEG without a height"),
        pytest.param(b"RIFF\x20\0\0\0WEBPVP8L", id="WebP cut off"),
        pytest.param(b"RIFF\x20\0\0\0WAVEfmt " + bytes(40), id="sound"),
        pytest.param(webp(b"ICCP", bytes(20)), id="WebP of another first chunk"),
        pytest.param(bmp(-50, 40), id="BMP of a negative width"),
        pytest.param(b"BM", id="start of a BMP"),
        pytest.param(b"GIF89a\1", id="GIF cut off"),
        pytest.param(b"II*\0" + bytes(100), id="TIFF without a directory"),
        pytest.param(b"II+\0" + struct.pack("<L", 7) + bytes(40), id="BigTIFF without a directory"),
        pytest.param(b"II+\0\x08\0\0\0" + b"\xff" * 40, id="BigTIFF with a huge offset"),
        pytest.param(b'<svg width="100000" height="100000">', id="SVG"),
        pytest.param(b'<svg width="" height="">', id="SVG without a size"),
    ],
)
def test_damaged_and_unknown_headers_have_no_size(data):
    assert headers.measure(data) is None


@pytest.mark.parametrize("size", [2**16, 2**22])
def test_a_netpbm_header_is_not_searched_to_its_end(size, monkeypatch):
    """imagesize takes hours for a few megabytes of digits."""
    searched = []
    monkeypatch.setattr(imagesize, "get", lambda file: searched.append(len(file.getvalue())) or (-1, -1))
    assert headers.measure(b"P5 " + b"1" * size) is None
    assert searched == [MAX_NETPBM_HEADER]


def test_a_jpeg_is_not_searched_beyond_the_limit_of_segments(monkeypatch):
    search, calls = headers._next_marker, []
    monkeypatch.setattr(headers, "_next_marker", lambda *position: calls.append(1) or search(*position))
    assert headers.measure(jpeg(0xC0, 50, 40, before=b"\xff\xe0\0\2" * (MAX_SEGMENTS - 1))) is not None
    assert len(calls) == MAX_SEGMENTS
    assert headers.measure(jpeg(0xC0, 50, 40, before=b"\xff\xe0\0\2" * 5 * MAX_SEGMENTS)) is None
    assert len(calls) == 2 * MAX_SEGMENTS


NOT_PLAIN = "damaged, or not a plain JPEG, PNG, WebP or BMP image; send the bytes of the file unchanged"


@pytest.mark.parametrize(
    ("data", "files", "uploads"),
    [
        pytest.param(png(64, 64), None, None, id="small PNG"),
        pytest.param(jpeg(0xC0, 4000, 3000), None, None, id="photograph"),
        pytest.param(
            png(20000, 20000),
            "20000x20000 pixels, over the limit of 200 megapixels;",
            "over the limit of 64",
            id="PNG",
        ),
        pytest.param(png(9000, 9000), None, "9000x9000 pixels, over the limit of 64 megapixels;", id="81 MP"),
        pytest.param(
            png(6000, 6000, 8, 6),
            None,
            "6000x6000 pixels, over the limit of 30 megapixels for this kind of image; scale the image down",
            id="transparent PNG of 36 MP",
        ),
        pytest.param(png(4000, 4000, 16, 6), None, "over the limit of 16 megapixels", id="deep PNG of 16 MP"),
        pytest.param(jpeg(0xC2, 7000, 7000), None, "over the limit of 34 megapixels", id="progressive 49 MP"),
        pytest.param(jpeg(0xC0, 30000, 30000), "30000x30000 pixels", "30000x30000 pixels", id="JPEG"),
        pytest.param(bmp(65535, -65535), "65535x65535 pixels", "65535x65535 pixels", id="BMP"),
        pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), "16384x16384", "16384x16384", id="WebP"),
        pytest.param(
            webp(b"VP8X", b"\0\0\0\0\xff\x3f\0\xff\x3f\0"), "16384x16384", "16384x16384", id="extended WebP"
        ),
        pytest.param(tiff(10**5, 10**5), "100000x100000 pixels", NOT_PLAIN, id="TIFF"),
        pytest.param(b"P5 20000 20000 255\n", "over the limit of 200 megapixels", NOT_PLAIN, id="PGM"),
        pytest.param(b"GIF89a\x80>\xff\xff", "16000x65535 pixels", NOT_PLAIN, id="GIF"),
        pytest.param(webp(b"VP8X", b"\2\0\0\0" + bytes(6)), None, NOT_PLAIN, id="animated WebP"),
        pytest.param(jpeg(0xC9, 100, 100), None, NOT_PLAIN, id="arithmetic JPEG"),
        pytest.param(tiff(50, 40), None, NOT_PLAIN, id="small TIFF"),
        pytest.param(b"some text", None, NOT_PLAIN, id="text"),
        pytest.param(b"", "the file is empty", NOT_PLAIN, id="empty"),
        pytest.param(jpeg_with_scans(100), None, None, id="JPEG with 100 scans"),
        pytest.param(
            jpeg_with_scans(101),
            None,
            "a JPEG with more than 100 scans; save it again as a baseline JPEG",
            id="JPEG with 101 scans",
        ),
    ],
)
def test_the_same_guard_checks_files_and_uploads(data, files, uploads, monkeypatch):
    monkeypatch.setattr(decode.cv2, "imdecode", None)  # nothing is decoded before it has been checked
    for limits, message in ((FILES, files), (UPLOADS, uploads)):
        if message is None:
            assert headers.check(data, limits) == headers.measure(data)
            continue
        with pytest.raises(ImageError) as caught:
            decode.decode(data, limits)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        with pytest.raises(ImageError) as again:
            decode.decode_colour(data, limits)
        assert str(again.value) == str(caught.value)


def test_a_size_missing_from_the_header_is_checked_after_decoding():
    data = encode(".ras", NOISE)
    assert headers.check(data, FILES) is None
    assert decode.decode(data, Limits(pixels=37 * 23)).shape == (23, 37)
    with pytest.raises(ImageError, match="37x23 pixels, over the limit"):
        decode.decode(data, Limits(pixels=37 * 23 - 1))
