"""Headers: what files claim, and the limits that every file has to meet before it is decoded."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edge_runtime import ImageError
from edge_runtime.images import decode, header, headers
from edge_runtime.images import jpeg as jpeg_files
from edge_runtime.images import png as png_files
from edge_runtime.images.header import DAMAGED
from edge_runtime.images.limits import FILES, MAX_PARTS, MAX_SEGMENTS, Limits
from tests.image_files import (
    bmp,
    chunk,
    encode,
    gif,
    jpeg,
    jpeg_with_scans,
    png,
    tiff,
    webp,
    with_chunk,
    with_orientation,
    with_tags,
)

UPLOADS = Limits(pixels=64_000_000)
NOISE = np.random.default_rng(0).integers(0, 256, (23, 37, 3), np.uint8)
GREY = NOISE[:, :, 0].copy()
DEEP = NOISE.astype(np.uint16) * 257
CLEAR = np.dstack([NOISE, GREY])
# An embedded thumbnail has a frame header of its own.
THUMBNAIL = b"\xff\xe1" + struct.pack(">H", 2 + len(jpeg(0xC0, 9, 9))) + jpeg(0xC0, 9, 9)
OPTIONAL = [suffix for suffix in (".gif", ".avif") if cv2.haveImageWriter(suffix)]


@pytest.mark.parametrize(
    ("data", "format", "bytes_per_pixel"),
    [
        pytest.param(encode(".png", GREY), "PNG", 2, id="grey PNG"),
        pytest.param(encode(".png", NOISE), "PNG", 2, id="colour PNG"),
        pytest.param(encode(".png", CLEAR), "PNG", 8, id="transparent PNG"),
        pytest.param(encode(".png", DEEP), "PNG", 4, id="16-bit PNG"),
        pytest.param(encode(".jpg", NOISE), "JPEG", 2, id="JPEG"),
        pytest.param(
            encode(".jpg", NOISE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1), "JPEG", 4, id="progressive JPEG"
        ),
        pytest.param(
            encode(".jpg", NOISE).replace(b"\xff\xd8", b"\xff\xd8" + THUMBNAIL, 1), "JPEG", 2, id="thumbnail"
        ),
        pytest.param(
            encode(".jpg", NOISE).replace(b"\xff\xdb", b"\xff\xff\xff\xdb"),
            *("JPEG", 2),
            id="JPEG with fill bytes",
        ),
        pytest.param(encode(".webp", NOISE, cv2.IMWRITE_WEBP_QUALITY, 80), "WebP", 4.2, id="lossy WebP"),
        pytest.param(
            encode(".webp", CLEAR, cv2.IMWRITE_WEBP_QUALITY, 80), "WebP", 9.2, id="transparent WebP"
        ),
        pytest.param(encode(".bmp", NOISE), "BMP", 2, id="BMP"),
        pytest.param(encode(".ppm", NOISE), "Netpbm", 2, id="PPM"),
        pytest.param(encode(".pbm", GREY), "Netpbm", 2, id="PBM"),
        pytest.param(encode(".ppm", NOISE, cv2.IMWRITE_PXM_BINARY, 0), "Netpbm", 2, id="PPM as text"),
        pytest.param(encode(".pam", NOISE), "PAM", 2, id="PAM"),
        pytest.param(encode(".pfm", np.float32(GREY / 255)), "PFM", 8, id="PFM"),
        pytest.param(encode(".ras", NOISE), "Sun raster", 4, id="Sun raster"),
        pytest.param(encode(".hdr", np.float32(NOISE / 300)), "HDR", 25, id="HDR"),
    ],
)
def test_the_measured_size_is_that_of_the_decoded_image(data, format, bytes_per_pixel):
    header = headers.check(data, FILES)
    assert header[:4] == (format, 37, 23, round(37 * 23 * bytes_per_pixel))
    assert header.capacity >= 37 * 23
    assert decode.decode(data).shape == decode.decode_colour(data).shape[:2] == (header.height, header.width)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encode(".tiff", NOISE), id="TIFF"),
        pytest.param(encode(".tiff", NOISE, cv2.IMWRITE_TIFF_COMPRESSION, 1), id="uncompressed TIFF"),
        pytest.param(encode(".tiff", NOISE, cv2.IMWRITE_TIFF_COMPRESSION, 8), id="TIFF by deflate"),
        pytest.param(encode(".tiff", CLEAR), id="transparent TIFF"),
        pytest.param(encode(".tiff", DEEP), id="16-bit TIFF"),
        pytest.param(encode(".tiff", np.float32(GREY / 255)), id="float TIFF"),
        pytest.param(encode(".webp", NOISE, cv2.IMWRITE_WEBP_QUALITY, 101), id="lossless WebP"),
        *(pytest.param(encode(suffix, NOISE), id=suffix) for suffix in OPTIONAL),
    ],
)
def test_formats_with_directories_and_blocks_are_measured(data):
    header = headers.check(data, FILES)
    assert header[1:3] == (37, 23)
    assert header.memory >= 2 * 37 * 23
    assert header.capacity >= 37 * 23
    assert decode.decode(data).shape == decode.decode_colour(data).shape[:2] == (23, 37)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            jpeg(0xC0, 50, 40, before=b"\xff\x01garbage"), ("JPEG", 50, 40), id="garbage between markers"
        ),
        pytest.param(jpeg(0xC0, 50, 40, before=b"\xff\x01\xff\xd0"), ("JPEG", 50, 40), id="bare markers"),
        pytest.param(jpeg(0xC1, 50, 40), ("JPEG", 50, 40), id="extended JPEG"),
        pytest.param(jpeg(0xC3, 50, 40), ("lossless JPEG", 50, 40), id="lossless JPEG"),
        pytest.param(jpeg(0xC9, 50, 40), ("arithmetic JPEG", 50, 40), id="arithmetic JPEG"),
        pytest.param(png(2**31, 2**31), ("PNG", 2**31, 2**31), id="largest PNG"),
        pytest.param(png(50, 40, 4, 3), ("PNG", 50, 40), id="palette PNG"),
        pytest.param(webp(b"VP8X", b"\0\0\0\0\x31\0\0\x27\0\0"), ("WebP", 50, 40), id="extended WebP"),
        pytest.param(
            webp(b"VP8X", b"\2\0\0\0\x31\0\0\x27\0\0"), ("animated WebP", 50, 40), id="animated WebP"
        ),
        pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), ("WebP", 16384, 16384), id="largest WebP"),
        pytest.param(bmp(50, -40), ("BMP", 50, 40), id="BMP from the top"),
        pytest.param(
            b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 50, 40, 1, 8), ("BMP", 50, 40), id="BMP of OS/2"
        ),
        pytest.param(gif(16000, 65535), ("GIF", 16000, 65535), id="largest GIF"),
        pytest.param(tiff(50, 40, pixels=100_000), ("TIFF", 50, 40), id="TIFF with its size at the end"),
        pytest.param(b"P5 # a comment\n50 40 255\n", ("Netpbm", 50, 40), id="PGM with a comment"),
    ],
)
def test_sizes_are_measured_without_decoding(data, expected):
    assert headers.measure(data)[:3] == expected


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"some text", id="text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="signature of a PNG"),
        pytest.param(png(50, 40)[:25], id="PNG cut off in its header"),
        pytest.param(png(50, 40).replace(b"IHDR", b"CgBI"), id="PNG with another first chunk"),
        pytest.param(png(50, 40, 8, 5), id="PNG of an undefined colour type"),
        pytest.param(png(50, 40, 0), id="PNG without bits"),
        pytest.param(png(0, 40), id="PNG without a width"),
        pytest.param(b"\xff\xd8", id="start of a JPEG"),
        pytest.param(b"\xff\xd8" + b"1" * 1000, id="JPEG without a marker"),
        pytest.param(b"\xff\xd8" + b"\xff" * 1000, id="JPEG of fill bytes"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), id="JPEG cut off"),
        pytest.param(jpeg(0xC0, 50, 40, before=b"\xff\xda"), id="JPEG with a scan before its frame"),
        pytest.param(jpeg(0xC0, 50, 40, before=b"\xff\xd8"), id="JPEG that starts twice"),
        pytest.param(jpeg(0xC0, 50, 0), id="JPEG without a height"),
        pytest.param(b"RIFF\x20\0\0\0WEBPVP8L", id="WebP cut off"),
        pytest.param(webp(b"ICCP", bytes(20)), id="WebP of another first chunk"),
        pytest.param(bmp(-50, 40), id="BMP of a negative width"),
        pytest.param(b"BM", id="start of a BMP"),
        pytest.param(b"GIF89a\1", id="GIF cut off"),
        pytest.param(b"II*\0" + bytes(100), id="TIFF without a directory"),
        pytest.param(b"II+\0" + struct.pack("<L", 7) + bytes(40), id="BigTIFF without a directory"),
        pytest.param(b"II+\0\x08\0\0\0" + b"\xff" * 40, id="BigTIFF with a huge offset"),
        pytest.param(b"P5 " + b"1" * 2**20, id="PGM of one long number"),
        pytest.param(b"P5 #" + b"x" * 2**20, id="PGM of one long comment"),
        pytest.param(b"#?RADIANCE\n" + b"x" * 2**20, id="HDR without a size"),
        pytest.param(b"P7\nWIDTH 50\nENDHDR\n", id="PAM without a height"),
    ],
)
def test_damaged_and_unknown_headers_have_no_size(data):
    assert headers.measure(data) is None
    with pytest.raises(ImageError, match=r"^(damaged, or|not an image of|a text file|the file is empty)"):
        headers.check(data, FILES)


def with_length(data: bytes, place: int, kind: str) -> bytes:
    """A file with the largest number in place of a length."""
    size = struct.calcsize(kind)
    return data[:place] + b"\x7f" + b"\xff" * (size - 1) + data[place + size :]


PNG, TIFF = encode(".png", NOISE), encode(".tiff", NOISE)
WEBP = encode(".webp", NOISE, cv2.IMWRITE_WEBP_QUALITY, 80)


def with_boxes_longer(kind: bytes) -> bytes:
    avif = encode(".avif", NOISE)
    return with_length(avif, avif.index(kind) - 4, ">I")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_length(PNG, PNG.index(b"IDAT") - 4, ">I"), id="PNG: pixels"),
        pytest.param(with_length(PNG, 33, ">I"), id="PNG: the first chunk after the header"),
        pytest.param(PNG[:33] + b"\x7f\xff\xff\xfftEXt", id="PNG: text"),
        pytest.param(PNG[:-12], id="PNG: no end"),
        pytest.param(PNG[:-1], id="PNG: end cut off"),
        pytest.param(with_tags(TIFF, {279: 2**31}), id="TIFF: a strip"),
        pytest.param(with_tags(TIFF, {325: 9, 322: 2**31 - 1, 323: 2**31 - 1, 324: 8}), id="TIFF: a tile"),
        pytest.param(TIFF[:4] + b"\xff\xff\xff\x7f" + TIFF[8:], id="TIFF: the directory"),
        pytest.param(with_length(WEBP[:12] + b"VP8X" + WEBP[16:], 16, "<I"), id="WebP: a chunk"),
        pytest.param(bmp(4000, 4000), id="BMP: pixels"),
        pytest.param(b"P5 4000 4000 255\n" + bytes(4000), id="PGM: pixels"),
        pytest.param(b"P3 4000 4000 255\n" + b"1 " * 4000, id="PPM: numbers"),
        pytest.param(encode(".pam", NOISE).replace(b"HEIGHT 23", b"HEIGHT 24"), id="PAM: pixels"),
        pytest.param(encode(".pfm", np.float32(GREY)).replace(b"37 23", b"37 24"), id="PFM: pixels"),
        pytest.param(encode(".ras", NOISE)[:8] + b"\0\0\1\0" + bytes(80), id="Sun raster: pixels"),
        pytest.param(gif(2000, 2000), id="GIF: pixels"),
        pytest.param(jpeg(0xC0, 4000, 3000), id="JPEG: no scan"),
        pytest.param(png(4000, 4000), id="PNG: too few pixels"),
        pytest.param(
            encode(".jpg", GREY).replace(struct.pack(">HH", 23, 37), struct.pack(">HH", 9000, 9000)),
            id="JPEG: too few pixels",
        ),
        *(
            pytest.param(with_boxes_longer(kind), id=f"AVIF: {kind.decode()}")
            for kind in (b"meta", b"iloc", b"ipco", b"mdat")
            if ".avif" in OPTIONAL
        ),
    ],
)
def test_no_length_exceeds_the_bytes_that_are_there(data, monkeypatch):
    monkeypatch.setattr(decode.cv2, "imdecode", None)
    for decoder in (decode.decode, decode.decode_colour):
        with pytest.raises(ImageError, match=r"damaged|over the limit|more memory than|tiles are far larger"):
            decoder(data)


MANY = MAX_PARTS + 1
EXIF = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, 6, 0, 0)  # turned


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def avif_of(places: Callable[[int], bytes], data: bytes = b"") -> bytes:
    """An AVIF of one item, followed by `data`; `places` says where it lies, given where `data` begin."""
    items = bytes(4) + b"\0\1" + box(b"infe", b"\2\0\0\0\0\1\0\0av01\0")
    kinds = box(b"ipco", box(b"ispe", bytes(4) + struct.pack(">II", 40, 40)))
    properties = box(b"iprp", kinds + box(b"ipma", bytes(4) + struct.pack(">IHBB", 1, 1, 1, 1)))

    def described(end: int) -> bytes:
        meta = box(b"pitm", bytes(4) + b"\0\1") + box(b"iinf", items) + properties
        meta += box(b"iloc", bytes(4) + places(end))
        return box(b"ftyp", b"avif\0\0\0\0avif") + box(b"meta", bytes(4) + meta)

    return described(len(described(0))) + data


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG[:33] + chunk(b"abCd", b"") * MANY + PNG[33:], id="PNG: chunks"),
        pytest.param(PNG[:-12] + chunk(b"IDAT", b"") * MANY + PNG[-12:], id="PNG: parts of the pixels"),
        pytest.param(
            b"RIFF\xff\xff\xff\x7f" + with_orientation(WEBP, 1)[8:] + b"ABCD\0\0\0\0" * MANY,
            id="WebP: chunks",
        ),
        pytest.param(gif(8, 8)[:19] + b"\x21\xfe" + b"\1a" * MANY, id="GIF: blocks of a comment"),
        pytest.param(gif(8, 8)[:19] + b"\x21\xfe\0" * MANY, id="GIF: comments"),
        pytest.param(box(b"ftyp", b"avif\0\0\0\0avif") + box(b"free", b"") * MANY, id="AVIF: boxes"),
        pytest.param(
            avif_of(lambda end: struct.pack(">HH", 0x40, 2) + struct.pack(">HHIH", 1, 0, end, 65535) * 2),
            id="AVIF: places without length",
        ),
        pytest.param(
            avif_of(
                lambda end: struct.pack(">HHHHHI", 0x4000, 1, 1, 0, 1, end + 8),
                box(b"mdat", b"\x12\0" * MANY),
            ),
            id="AVIF: units",
        ),
    ],
)
def test_no_parser_follows_endless_parts(data):
    with pytest.raises(ImageError, match="built of more parts than an image needs; save it again"):
        headers.check(data, FILES)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(with_tags(TIFF, {}) + bytes(4 * MANY), id="TIFF"),
        pytest.param(b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 5000) + bytes(20 * 5000 + 8), id="entries"),
    ],
)
def test_directories_of_endless_values_are_not_read(data):
    strips = struct.pack("<HHII", 279, 4, MANY, len(TIFF))
    place = data.find(struct.pack("<H", 279), struct.unpack_from("<I", data, 4)[0])
    if place > 0:
        data = data[:place] + strips + data[place + 12 :]
    assert headers.measure(data) is None


def test_only_the_first_orientation_counts():
    """Otherwise, the time that a file takes would grow with their number."""
    other = EXIF.replace(b"\6\0\0\0", b"\3\0\0\0")
    segments = [
        b"\xff\xe1" + struct.pack(">H", 8 + len(block)) + b"Exif\0\0" + block for block in (EXIF, other)
    ]
    webp_file = with_orientation(WEBP, 6)
    for data in (
        jpeg(0xC0, 50, 40, before=b"".join(segments)) + b"\xff\xda\0\3\1" + bytes(100) + b"\xff\xd9",
        with_chunk(with_chunk(PNG, b"eXIf", other), b"eXIf", EXIF),
        b"RIFF\xff\xff\xff\x7f" + webp_file[8:] + b"EXIF" + struct.pack("<I", len(other)) + other,
    ):
        assert headers.measure(data).orientation == 6


PROGRESSIVE = encode(".jpg", NOISE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(PNG + bytes(100_000), id="after the end"),
        pytest.param(with_chunk(PNG, b"tEXt", bytes(40_000)), id="text of a PNG"),
        pytest.param(with_chunk(PNG, b"abCd", bytes(40_000)), id="chunk of a PNG that is left out"),
        pytest.param(with_tags(TIFF + bytes(40_000), {65000: bytes(20_000)}), id="tag of a TIFF"),
        pytest.param(
            PROGRESSIVE[:-2] + b"\xff\xe1\x9c\x40" + bytes(39_998) + PROGRESSIVE[-2:], id="segment of a JPEG"
        ),
    ],
)
def test_what_a_file_holds_besides_its_pixels_counts_as_memory(data, monkeypatch):
    assert decode.decode(data).shape == (23, 37)
    monkeypatch.setattr(header, "SPARE_MEMORY", 70_000)
    with pytest.raises(ImageError, match="far more memory than 37x23 pixels need; save it again as PNG"):
        headers.check(data, FILES)


def test_the_scans_of_a_jpeg_hold_a_few_bytes_for_each_pixel(monkeypatch):
    headers.check(PROGRESSIVE, FILES)
    monkeypatch.setattr(jpeg_files, "SPARE_SCAN_BYTES", len(PROGRESSIVE) - 3000)
    monkeypatch.setattr(jpeg_files, "MAX_SCAN_BYTES_PER_PIXEL", 0)
    with pytest.raises(ImageError, match="far more data than pixels"):
        headers.check(PROGRESSIVE, FILES)
    assert headers.check(encode(".jpg", NOISE) + bytes(20_000), FILES)


def test_a_jpeg_is_not_searched_beyond_the_limit_of_segments():
    comments = b"\xff\xfe\0\2" * (MAX_SEGMENTS - 1)
    assert headers.measure(jpeg(0xC0, 50, 40, before=comments)) is not None
    assert headers.measure(jpeg(0xC0, 50, 40, before=comments * 2)) is None


@pytest.mark.parametrize(
    ("data", "files", "uploads"),
    [
        pytest.param(png(64, 64), None, None, id="small PNG"),
        pytest.param(
            png(20000, 20000),
            "20000x20000 pixels, over the limit of 200 megapixels;",
            "limit of 64",
            id="PNG",
        ),
        pytest.param(
            png(9000, 9000), DAMAGED, "9000x9000 pixels, over the limit of 64 megapixels;", id="81 MP"
        ),
        pytest.param(
            png(13000, 13000, 16, 6),
            *["13000x13000 pixels, over the limit of 25 megapixels for this kind of image; scale"] * 2,
            id="deep transparent PNG",
        ),
        pytest.param(png(13000, 13000, 8, 6), *["over the limit of 50 megapixels"] * 2, id="transparent PNG"),
        pytest.param(
            png(9000, 9000)[:28] + b"\1" + png(9000, 9000)[29:],
            DAMAGED,
            "limit of 64",
            id="interlaced grey PNG",
        ),
        pytest.param(
            png(9000, 9000, 8, 2)[:28] + b"\1" + png(9000, 9000)[29:],
            *["limit of 67 megapixels for this kind"] * 2,
            id="interlaced PNG",
        ),
        pytest.param(
            png(1, 200_000),
            *["1x200000 pixels, and no side may be longer than 100000; cut"] * 2,
            id="long PNG",
        ),
        pytest.param(png(11000, 11000, 16, 2), "limit of 90 megapixels for", "limit of 64", id="deep PNG"),
        pytest.param(jpeg(0xC0, 30000, 30000), "30000x30000 pixels", "30000x30000 pixels", id="JPEG"),
        pytest.param(bmp(65535, -65535), "65535x65535 pixels", "65535x65535 pixels", id="BMP"),
        pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), "16384x16384", "16384x16384", id="WebP"),
        pytest.param(
            webp(b"VP8L", b"\x2f" + struct.pack("<I", 4999 | 4999 << 14)),
            *["limit of 21 megapixels for this"] * 2,
            id="lossless WebP",
        ),
        pytest.param(tiff(10**5, 10**5), "100000x100000 pixels", None, id="TIFF"),
        pytest.param(tiff(50, 40), DAMAGED, None, id="small TIFF"),
        pytest.param(b"P5 20000 20000 255\n", "over the limit of 200 megapixels", "limit of 64", id="PGM"),
        pytest.param(gif(16000, 65535), "16000x65535 pixels", None, id="GIF"),
        pytest.param(
            gif(9000, 9000), "limit of 12 megapixels for this kind", "limit of 64", id="GIF of 81 MP"
        ),
        pytest.param(webp(b"VP8X", b"\2\0\0\0" + bytes(6)), None, None, id="animated WebP"),
        pytest.param(jpeg(0xC9, 100, 100), "an arithmetic-coded JPEG; save it again", None, id="arithmetic"),
        pytest.param(jpeg(0xC3, 100, 100), "a lossless JPEG; save it again", None, id="lossless"),
        pytest.param(b"some text", "a text file, not an image", None, id="text"),
        pytest.param(b"", "the file is empty", None, id="empty"),
        pytest.param(b"%PDF-1.7", "a PDF: pip install 'edge-digits[pdf]'", None, id="PDF"),
        pytest.param(b"\0\0\0\x1cftypheic", "a HEIC photo: pip install", None, id="HEIC"),
        pytest.param(b"\xff\x4f\xff\x51\0", "JPEG 2000 is not supported", None, id="JPEG 2000"),
        pytest.param(b"v/1\1", "OpenEXR is not supported", None, id="OpenEXR"),
        pytest.param(
            with_tags(TIFF, {259: 34712}), "a TIFF with compression 34712; save", None, id="JP2 in TIFF"
        ),
        pytest.param(
            with_tags(TIFF, {262: 8}), "a TIFF of an unusual kind; save it", None, id="TIFF in CIELab"
        ),
        pytest.param(with_tags(TIFF, {277: 60000}), "a TIFF of an unusual kind", None, id="TIFF of channels"),
        pytest.param(jpeg_with_scans(100), None, None, id="JPEG with 100 scans"),
        pytest.param(
            jpeg_with_scans(101),
            *["a JPEG with more than 100 scans; save it again as a baseline JPEG"] * 2,
            id="101",
        ),
    ],
)
def test_the_same_guard_checks_files_and_uploads(data, files, uploads, monkeypatch):
    monkeypatch.setattr(decode.cv2, "imdecode", None)  # nothing is decoded before it has been checked
    for limits, message in ((FILES, files), (UPLOADS, uploads or files)):
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


def test_the_more_pixels_a_jpeg_has_the_fewer_scans_it_may_have():
    small = jpeg_with_scans(40)
    headers.check(small, FILES)
    # At 144 MP, 40 scans would take seconds. The zeros are pixels: each is eight blocks.
    scan = small.rindex(b"\xff\xda")
    large = small.replace(struct.pack(">HH", 16, 16), struct.pack(">HH", 12000, 12000))
    large = large[:scan] + bytes(12000 * 12000 // 512) + large[scan:]
    with pytest.raises(ImageError, match="more than 20 scans"):
        headers.check(large, FILES)


def test_what_a_phone_appends_to_a_jpeg_is_not_counted_as_scans():
    photo = encode(".jpg", NOISE, cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    video = b"\xff\xda\0\2" * 200
    assert headers.check(photo + video, FILES).format == "JPEG"


def test_scans_behind_one_that_holds_everything_are_not_decoded():
    image = encode(".jpg", NOISE)
    scan, end = image.rindex(b"\xff\xda"), len(image) - 2
    more = image[:end] + image[scan:end] * 200 + image[end:]
    np.testing.assert_array_equal(decode.decode(more), decode.decode(image))


def test_no_sampling_factors_hide_the_scans_of_a_progressive_jpeg():
    sparse = bytes((8, *(0, 16), *(0, 16), 2, *(1, 0x41, 0), *(2, 0x14, 0)))  # half a sample per pixel
    frame = b"\xff\xc2" + struct.pack(">H", len(sparse) + 2) + sparse
    scans = b"\xff\xda\0\2" * 101
    with pytest.raises(ImageError, match="more than 100 scans"):
        headers.check(b"\xff\xd8" + frame + scans + b"\xff\xd9", FILES)


def with_pixels(width: int, height: int, *packed: bytes) -> bytes:
    """A grey PNG with these compressed pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = b"".join(chunk(b"IDAT", each) for each in packed)
    return b"\x89PNG\r\n\x1a\n" + head + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("rows", "surplus"),
    [
        pytest.param(bytes(100 * 101), bytes(40 * 2**20), id="of the same value"),
        pytest.param(bytes(100 * 101), np.random.default_rng(1).bytes(99_999), id="more than all rows have"),
        pytest.param(np.random.default_rng(1).bytes(100 * 101), bytes(40 * 2**20), id="after noise"),
    ],
)
def test_the_pixels_of_a_png_end_with_its_last_row(rows, surplus, monkeypatch):
    monkeypatch.setattr(png_files, "_FREE", 20_000)
    packed = zlib.compress(rows.replace(b"\xff", b"\xfe") + surplus)
    with pytest.raises(ImageError, match="a PNG whose pixels go on after its last row; save it again"):
        headers.check(with_pixels(100, 100, packed), FILES)
    half = len(packed) // 2
    with pytest.raises(ImageError, match="after its last row"):
        headers.check(with_pixels(100, 100, packed[:half], packed[half:]), FILES)


@pytest.mark.parametrize("rows", [bytes(6001 * 6000), np.random.default_rng(1).bytes(301 * 300)])
def test_large_pngs_are_not_mistaken_for_endless_ones(rows, monkeypatch):
    monkeypatch.setattr(png_files, "_FREE", 20_000)
    side = int(len(rows) ** 0.5)
    assert headers.check(with_pixels(side, side, zlib.compress(rows)), FILES).width == side


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({322: 16, 323: 1_000_000}, "a TIFF whose tiles are far larger than the image; save it again"),
        ({322: 2**20, 323: 64}, "a TIFF whose tiles are far larger than the image; save it again"),
        ({277: 2, 262: 1}, "a grey TIFF with opacity; save it again as PNG"),
        ({259: 7, 322: 3200, 323: 3200}, "a TIFF of JPEGs with too many scans; save it again with LZW"),
        ({259: 7, 278: 100}, None),
        ({322: 256, 323: 256}, None),
    ],
)
def test_tiles_and_scans_of_a_tiff_cost_no_more_than_its_pixels(tags, message):
    scans = b"\xff\xda\0\2" * 99
    data = with_tags(encode(".tiff", np.zeros((100, 1600), np.uint8)), {256: 1600, 257: 100} | tags)
    data = with_tags(data, {37500: scans})
    if message is None:
        assert headers.check(data, FILES).format == "TIFF"
    else:
        with pytest.raises(ImageError, match=message):
            headers.check(data, FILES)


def test_compressed_text_and_frames_of_a_png_are_not_decoded(monkeypatch):
    """A few kilobytes of compressed text take as long as a large image."""
    text = b"Comment\0\0" + zlib.compress(bytes(10**6))
    data = PNG
    for kind in (b"zTXt", b"iTXt", b"acTL", b"fdAT"):
        data = with_chunk(data, kind, text)
    seen, original = [], cv2.imdecode
    monkeypatch.setattr(
        decode.cv2, "imdecode", lambda array, flags: seen.append(len(array)) or original(array, flags)
    )
    assert (decode.decode_colour(data) == NOISE).all()
    assert seen == [len(PNG)]


@pytest.mark.skipif(".avif" not in OPTIONAL, reason="this OpenCV has no AVIF")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda data: data.replace(struct.pack(">II", 37, 23), struct.pack(">II", 9000, 9000)),
            "9000x9000 pixels, over the limit of 5 megapixels",
            id="boxes that claim a large image",
        ),
        # 1 + 15 bits for the width and the height, then 9,000 for each: 0x2327 is 8,999.
        pytest.param(
            lambda data: with_sequence(data, 0b1111_1111, 8999),
            "far more memory than 37x23 pixels need",
            id="AV1 data that hold a larger one",
        ),
        pytest.param(
            lambda data: data.replace(b"av01Color", b"hvc1Color"), "of an unusual kind", id="not AV1"
        ),
        pytest.param(lambda data: data + b"\0\0\0\x08moov", "such as an animation", id="animation"),
    ],
)
def test_an_avif_is_as_large_as_the_data_of_its_frames(change, message):
    with pytest.raises(ImageError, match=message):
        headers.check(change(encode(".avif", NOISE)), FILES)


def with_sequence(data: bytes, lengths: int, side: int) -> bytes:
    """An AVIF whose sequence header, in the short form, has another largest frame."""
    start = data.index(b"\x0a", data.index(b"mdat")) + 2
    bits = 10 + 8 + 32
    header = int.from_bytes(data[start : start + 9], "big")
    kept = header >> 72 - 10
    value = (kept << 40 | lengths << 32 | side << 16 | side) << 72 - bits
    return data[:start] + value.to_bytes(9, "big") + data[start + 9 :]
