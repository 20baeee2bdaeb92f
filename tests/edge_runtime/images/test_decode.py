"""Decoding: files of every format and arrays of every kind to grey and BGR."""

from __future__ import annotations

import contextlib
import struct
import sys
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError, boxes
from edge_runtime.images import decode, headers, png, strips, tiff, upright
from tests import drawing
from tests.image_files import chunk, encode, with_avif_turn, with_chunk, with_orientation, with_tags


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param(np.full((4, 5), 7, np.uint8), 7, id="grey"),
        pytest.param(np.full((4, 5, 1), 7, np.uint8), 7, id="one channel"),
        pytest.param(np.full((4, 5, 3), 90, np.uint8), 90, id="colour"),
        pytest.param(np.full((4, 5), 65535, np.uint16), 255, id="16 bits"),
        pytest.param(np.full((4, 5), 4095, np.uint16), 255, id="12 of 16 bits"),
        pytest.param(np.full((4, 5), 200, np.uint16), 200, id="8 of 16 bits"),
        pytest.param(np.full((4, 5), True), 255, id="bool"),
        pytest.param(np.full((4, 5), 0.5), 128, id="float"),
        pytest.param(np.full((4, 5), 200, np.int64), 200, id="wide integers"),
        pytest.param(np.full((4, 5), 4095, ">u2"), 255, id="12 of 16 bits in the other byte order"),
        pytest.param(np.full((4, 5), 0.5, ">f4"), 128, id="float in the other byte order"),
        pytest.param(np.full((4, 5), 0.5, np.longdouble), 128, id="long double"),
    ],
)
def test_arrays_become_grey(image, expected):
    grey = decode.to_grey(image)
    assert grey.dtype == np.uint8
    assert grey.shape == (4, 5)
    assert np.abs(grey.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(np.zeros((2, 3, 4, 5), np.uint8), r"must have shape .* not \(2, 3, 4, 5\)", id="4 axes"),
        pytest.param(np.zeros((4, 5, 2), np.uint8), r"must have shape .* not \(4, 5, 2\)", id="two channels"),
        pytest.param(np.zeros((0, 5), np.uint8), r"empty: its shape is \(0, 5\)", id="no pixels"),
        pytest.param(np.full((4, 5), 200.0), r"within 0\.\.1, not 200\.\.200", id="float beyond 1"),
        pytest.param(np.full((4, 5), np.nan), r"within 0\.\.1, not nan", id="not a number"),
        pytest.param(np.full((4, 5), 300, np.int32), r"within 0\.\.255, not 300", id="integers beyond 255"),
        pytest.param(np.full((4, 5), -1, np.int16), r"within 0\.\.255, not -1", id="negative integers"),
        pytest.param(np.full((4, 5), "x"), "must hold numbers, not <U1", id="text"),
    ],
)
def test_invalid_arrays_are_rejected(image, message):
    with pytest.raises(ImageError, match=message):
        decode.to_grey(image)


@pytest.mark.parametrize(("ink", "paper"), [(0, 255), (255, 0)], ids=["dark ink", "bright ink"])
def test_transparent_ink_stays_visible(ink, paper):
    image = np.zeros((10, 10, 4), np.uint8)
    image[3:6, 3:6] = (ink, ink, ink, 255)
    expected = np.full((10, 10), paper, np.uint8)
    expected[3:6, 3:6] = ink
    assert (decode.to_grey(image) == expected).all()


def test_a_transparent_array_stays_as_it_is():
    image = np.moveaxis(np.full((4, 5, 6), 128, np.uint8), 0, 2)  # its channels are contiguous
    decode.to_grey(image)
    assert (image == 128).all()


def test_a_large_transparent_image_needs_little_more_memory_than_itself():
    image = np.zeros((3000, 4000, 4), np.uint8)
    tracemalloc.start()
    try:
        decode.to_grey(image)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * image.nbytes


def as_colour(grey):
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def as_opacity(grey):
    """Ink as opacity alone, on nothing."""
    return np.dstack([np.zeros_like(as_colour(grey)), np.where(grey < 110, 255, 0).astype(np.uint8)])


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


def corners(reading):
    return boxes.corners(digit.box for digit in reading.digits)


@pytest.mark.parametrize(
    ("suffix", "change", "scale"),
    [
        pytest.param(".png", lambda grey: grey, 1, id="grey PNG"),
        pytest.param(".png", as_colour, 1, id="colour PNG"),
        pytest.param(".png", as_opacity, 1, id="transparent PNG"),
        pytest.param(".webp", as_opacity, 1, id="transparent WebP"),
        pytest.param(".png", lambda grey: grey.astype(np.uint16) * 257, 1, id="PNG of 16 bits"),
        pytest.param(".tiff", lambda grey: grey.astype(np.uint16) * 16, 1, id="TIFF of 12 bits"),
        pytest.param(".png", lambda grey: 255 - grey, 1, id="bright ink on dark paper"),
        pytest.param(".jpg", as_colour, 1, id="JPEG"),
        pytest.param(".bmp", as_colour, 1, id="BMP"),
        pytest.param(".tiff", as_colour, 1, id="TIFF"),
        pytest.param(".webp", as_colour, 1, id="WebP"),
        pytest.param(".pgm", lambda grey: grey, 1, id="PGM"),
        pytest.param(".ras", lambda grey: grey, 1, id="grey Sun raster"),
        pytest.param(".ras", as_colour, 1, id="Sun raster"),
        pytest.param(".png", lambda grey: cv2.resize(grey, None, fx=5, fy=5), 5, id="large"),
        pytest.param(".png", lambda grey: cv2.resize(grey, None, fx=0.4, fy=0.4), 0.4, id="small"),
    ],
)
def test_files_of_every_format_are_read(suffix, change, scale, tmp_path, reader):
    page = drawing.page("472 3058", seed=3)
    path = tmp_path / f"page{suffix}"
    path.write_bytes(encode(suffix, change(page)))
    reading = reader.read(path)
    assert reading.lines == ("472", "3058")
    # Boxes lie where they do in the array that the file was made of.
    assert np.abs(corners(reading) / scale - corners(reader.read(page))).max() <= max(4, 3 / scale)


@pytest.mark.parametrize(
    "head",
    [
        b"P5\n%d %d\n15\n",
        b"P7\n# drawn\n# by hand\nWIDTH %d\nHEIGHT %d\nDEPTH 1\nMAXVAL 15\nTUPLTYPE GRAYSCALE\nENDHDR\n",
    ],
    ids=["PGM", "PAM"],
)
def test_a_white_below_255_is_white(head):
    grey = np.arange(16, dtype=np.uint8).repeat(4).reshape(8, 8)
    data = head % (8, 8) + grey.tobytes()
    assert (decode.decode(data) == grey * 17).all()
    assert (decode.decode_colour(data) == (grey * 17)[..., None]).all()


@pytest.mark.parametrize("depth", [2, 5])
def test_a_pam_whose_channels_opencv_does_not_know_is_refused(depth):
    head = b"P7\nWIDTH 8\nHEIGHT 8\nDEPTH %d\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n" % depth
    for decoder in (decode.decode, decode.decode_colour):
        with pytest.raises(ImageError, match=f"^a PAM with {depth} channels; save it as PNG$"):
            decoder(head + bytes(64 * depth))


def test_a_tiff_of_floats_in_colour_is_read():
    image = np.dstack([np.full((8, 8), level, np.float32) for level in (0.2, 0.5, 0.8)])
    data = encode(".tiff", image, cv2.IMWRITE_TIFF_COMPRESSION, 1)  # by default, old versions write LogLuv
    assert (decode.decode_colour(data) == (51, 128, 204)).all()
    assert (decode.decode(data) == cv2.cvtColor(decode.decode_colour(data), cv2.COLOR_BGR2GRAY)).all()


def test_a_pam_that_names_its_channels_twice_is_damaged():
    head = b"P7\nWIDTH 8\nHEIGHT 8\nDEPTH 2\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n"
    with pytest.raises(ImageError, match=r"^damaged"):
        decode.decode(head + bytes(256))


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".pgm"])
def test_copies_of_images_with_more_than_8_bits_have_their_contrast(suffix):
    grey = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)
    data = encode(suffix, grey.astype(np.uint16) << 2)
    assert (decode.decode(data) == grey).all()
    assert (decode.decode_colour(data) == grey[..., None]).all()


@pytest.mark.parametrize("kind", [None, 0, 1, 2], ids=["untold", "unspecified", "multiplied", "separate"])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_opacity_of_a_tiff_is_applied_once(kind, bits):
    grey, opacity = np.full((8, 8), 100), np.linspace(0, 255, 64).astype(int).reshape(8, 8)
    expected = 255 - opacity + grey * opacity // 255
    stored = grey * opacity // 255 if kind == 1 else grey
    image = np.dstack([stored] * 3 + [opacity]) * (1 if bits == 8 else 257)
    data = encode(".tiff", image.astype(f"u{bits // 8}"))
    if kind is not None:
        data = with_tags(data, {338: kind})
    assert np.abs(decode.decode(data).astype(int) - expected).max() <= 3


def test_an_empty_transparent_array_is_refused():
    with pytest.raises(ImageError, match="is empty"):
        decode.to_colour(np.zeros((0, 5, 4), np.uint8))


# How an image has to be stored so that each orientation tag turns it upright.
STORED = {
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: cv2.transpose,
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
    7: lambda image: cv2.rotate(cv2.transpose(image), cv2.ROTATE_180),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
}
CORNER = np.full((64, 96), 230, np.uint8)
CORNER[4:40, 4:20] = 20
CORNER[4:12, 4:80] = 20


def as_opaque(grey):
    return np.dstack([as_colour(grey), np.full_like(grey, 255)])


def as_half_opaque(grey):
    """The top 16 rows are as opaque as they are dark, so that the tag must turn opacity as well."""
    return np.dstack([np.zeros_like(as_colour(grey)), 255 - grey])


LOSSLESS = (cv2.IMWRITE_WEBP_QUALITY, 101)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("suffix", "change", "options"),
    [
        pytest.param(".jpg", lambda grey: grey, (), id="grey JPEG"),
        pytest.param(".jpg", as_colour, (), id="JPEG"),
        pytest.param(".png", lambda grey: grey, (), id="grey PNG"),
        pytest.param(".png", as_colour, (), id="PNG"),
        pytest.param(".png", as_opaque, (), id="opaque RGBA PNG"),
        pytest.param(".png", as_half_opaque, (), id="RGBA PNG"),
        pytest.param(".png", lambda grey: as_opaque(grey).astype(np.uint16) * 257, (), id="16-bit RGBA PNG"),
        pytest.param(".webp", as_colour, (cv2.IMWRITE_WEBP_QUALITY, 90), id="lossy WebP"),
        pytest.param(".webp", as_colour, LOSSLESS, id="lossless WebP"),
        pytest.param(".webp", as_half_opaque, LOSSLESS, id="transparent WebP"),
        pytest.param(".webp", as_half_opaque, (cv2.IMWRITE_WEBP_QUALITY, 90), id="lossy transparent WebP"),
        pytest.param(".tiff", lambda grey: grey, (), id="grey TIFF"),
        pytest.param(".tiff", as_colour, (), id="TIFF"),
        pytest.param(".tiff", as_opaque, (), id="RGBA TIFF"),
    ],
)
def test_every_orientation_tag_is_applied_to_every_kind_of_file(suffix, change, options, orientation):
    stored = encode(suffix, STORED[orientation](change(CORNER)), *options)
    data = with_orientation(stored, orientation)
    for decoded in (decode.decode(data), decode.decode_colour(data)[:, :, 0]):
        assert decoded.shape == CORNER.shape
        assert np.abs(decoded.astype(int) - CORNER).mean() < 12
    assert decode.decode(stored).shape == STORED[orientation](CORNER).shape  # without the tag


@pytest.mark.skipif(not cv2.haveImageWriter(".avif"), reason="this OpenCV has no AVIF")
@pytest.mark.parametrize(
    ("turns", "axis", "orientation"),
    [
        *((1, None, 8), (2, None, 3), (3, None, 6), (0, 0, 4), (0, 1, 2), (1, 0, 5), (3, 0, 7)),
        *((1, 1, 7), (3, 1, 5), (2, 0, 2), (2, 1, 4)),
    ],
)
def test_the_turns_and_mirrors_of_an_avif_are_applied(turns, axis, orientation):
    stored = encode(".avif", as_colour(STORED[orientation](CORNER)), cv2.IMWRITE_AVIF_QUALITY, 90)
    data = with_avif_turn(stored, turns, axis)
    for decoded in (decode.decode(data), decode.decode_colour(data)[:, :, 0]):
        assert decoded.shape == CORNER.shape
        assert np.abs(decoded.astype(int) - CORNER).mean() < 12


def test_boxes_lie_in_the_upright_image(tmp_path, reader):
    page = drawing.page("472")
    path = tmp_path / "photo.png"
    path.write_bytes(with_orientation(encode(".png", STORED[6](as_opaque(page))), 6))
    reading = reader.read(path)
    assert reading.text == "472"
    # The same pixels that results are drawn on.
    assert decode.decode_colour(path.read_bytes()).shape[:2] == page.shape
    assert np.abs(corners(reading) - corners(reader.read(page))).max() <= 3


def fax(page):
    """A page as a fax machine sends it: half as many rows as columns per inch."""
    rows = cv2.resize(page, None, fx=1, fy=98 / 204, interpolation=cv2.INTER_AREA)
    return encode(".tiff", np.where(rows > 128, 255, 0).astype(np.uint8))


def test_a_fax_is_read_with_square_pixels(tmp_path, reader):
    page = drawing.page("472 3058")
    path = tmp_path / "fax.tif"
    path.write_bytes(with_tags(fax(page), {282: (204, 1), 283: (98, 1)}))
    reading = reader.read(path)
    assert reading.lines == ("472", "3058")
    height, width = decode.decode_colour(path.read_bytes()).shape[:2]
    assert width == page.shape[1]
    assert abs(height - page.shape[0]) <= 2
    assert np.abs(corners(reading) - corners(reader.read(page))).max() <= 5


@pytest.mark.parametrize(
    ("densities", "orientation", "shape"),
    [
        pytest.param((200, 100), 1, (200, 150), id="half as many rows"),
        pytest.param((204, 391), 1, (100, round(150 * 391 / 204)), id="half as many columns"),
        pytest.param((200, 100), 6, (150, 200), id="turned as well"),
        pytest.param((204, 196), 1, (100, 150), id="nearly square"),
        pytest.param((72, 72), 1, (100, 150), id="square"),
        pytest.param((72, 1), 1, (100, 150), id="implausible"),
        pytest.param((0, 100), 1, (100, 150), id="zero"),
    ],
)
@pytest.mark.parametrize("suffix", [".tiff", ".png", ".jpg"])
def test_pixels_become_square(suffix, densities, orientation, shape):
    data = encode(suffix, np.full((100, 150), 200, np.uint8))
    if suffix == ".tiff":
        data = with_tags(data, {282: (densities[0], 1), 283: (densities[1], 1)})
    elif suffix == ".png":
        data = with_chunk(data, b"pHYs", struct.pack(">IIB", *densities, 0))
    else:
        place = data.index(b"JFIF\0") + 8
        data = data[:place] + struct.pack(">HH", *densities) + data[place + 4 :]
    if orientation != 1:
        data = with_orientation(data, orientation)
    assert decode.decode(data).shape == decode.decode_colour(data).shape[:2] == shape


def test_a_large_image_becomes_square_without_taking_more_memory(monkeypatch):
    monkeypatch.setattr(upright, "_MAX_ENLARGED", 1000)
    data = with_tags(encode(".tiff", np.full((40, 50), 255, np.uint8)), {282: (200, 1), 283: (100, 1)})
    assert decode.decode(data).shape == (40, 25)


def pages():
    """A TIFF of two pages: the directory of the first names that of the second, which is a copy of it."""
    data = bytearray(encode(".tiff", drawing.page("1")))
    (start,) = struct.unpack_from("<I", data, 4)
    end = start + 2 + 12 * struct.unpack_from("<H", data, start)[0]
    directory = data[start : end + 4]
    data[end : end + 4] = struct.pack("<I", len(data))
    return bytes(data + directory)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        pytest.param(encode(".tiff", drawing.page("1")), "ok", id="one page"),
        pytest.param(pages(), "ok; only the first page or frame was read", id="two pages"),
        pytest.param(
            with_chunk(encode(".png", drawing.page("1")), b"acTL", struct.pack(">II", 2, 0)),
            "ok; only the first page or frame was read",
            id="animated PNG",
        ),
    ],
)
def test_pages_that_are_left_out_are_mentioned(data, status, tmp_path, reader):
    path = tmp_path / "pages"
    path.write_bytes(data)
    reading = reader.read(path)
    assert (reading.text, reading.status, reading.first_only) == ("1", status, status != "ok")


def frames(count):
    """A GIF of 4x4 px with this many frames."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 4, 4, 0) + b"\2\2\x84\x51\0"
    return b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + bytes(3) + b"\xff" * 3 + frame * count + b";"


@pytest.mark.parametrize("count", [1, 2])
def test_the_frames_of_a_gif_are_counted(count):
    assert headers.measure(frames(count)).more is (count > 1)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(np.full((9, 9), 0.5, np.float32), None, id="0..1"),
        pytest.param(
            np.full((9, 9), 200.5, np.float32),
            r"float32 numbers in 200\.5\.\.200\.5 instead of 0\.\.1; save it with 8 or 16 bits",
            id="0..255",
        ),
        pytest.param(
            np.full((9, 9), np.nan, np.float32), r"in nan\.\.nan instead of 0\.\.1", id="not a number"
        ),
    ],
)
def test_floating_point_files_are_read_or_told_what_to_do(image, message):
    data = encode(".tiff", image)
    for decoder in (decode.decode, decode.decode_colour):
        if message is None:
            assert (decoder(data) == 128).all()
            continue
        with pytest.raises(ImageError, match=message):
            decoder(data)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("colour", [True, False], ids=["RGBA", "grey and alpha"])
@pytest.mark.parametrize("strip", [1, 2000, 10**6], ids=["single rows", "several rows", "all at once"])
def test_a_large_transparent_png_is_decoded_in_strips(strip, colour, depth, monkeypatch):
    noise = np.random.default_rng(1).integers(0, 256, (61, 47, 4), np.uint8)
    if not colour:
        noise[:, :, 1:3] = noise[:, :, :1]
    image = noise if depth == 8 else noise.astype(np.uint16) * 257
    data = as_grey_and_alpha(image) if not colour else encode(".png", image)
    whole = decode.decode(data)
    monkeypatch.setattr(png, "_LARGE", 0)
    monkeypatch.setattr(strips, "_STRIP", strip)
    assert headers.measure(data).strips
    assert (decode.decode(data) == whole).all()
    with pytest.raises(ImageError, match="damaged"):
        decode.decode(with_pixels(data, zlib.compress(bytes(100))))


def with_pixels(data, packed):
    """A PNG with other compressed pixels."""
    return png.SIGNATURE + b"".join(
        (chunk(b"IHDR", data[16:29]), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    )


def as_grey_and_alpha(image):
    """OpenCV does not write this kind of PNG."""
    rows = image[:, :, [0, 3]].astype(">u2" if image.dtype == np.uint16 else np.uint8)
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8 * image.itemsize, 4, 0, 0, 0)
    return with_pixels(bytes(16) + head, packed)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("change", [lambda grey: grey, as_colour], ids=["grey", "RGB"])
def test_a_large_tiff_in_one_strip_is_decoded_without_libtiff(change, orientation, monkeypatch):
    image = change(CORNER[:24])  # OpenCV writes this in one strip
    data = with_tags(encode(".tiff", image, cv2.IMWRITE_TIFF_COMPRESSION, 1), {274: orientation})
    expected = decode.decode(data), decode.decode_colour(data)
    monkeypatch.setattr(tiff, "_LARGE", 0)
    assert headers.measure(data).strips
    for decoder, same in zip((decode.decode, decode.decode_colour), expected, strict=True):
        assert np.abs(decoder(data).astype(int) - same).max() <= 1


DAMAGED_FILES = {
    "PNG": bytearray(encode(".png", CORNER)),
    "JPEG": bytearray(encode(".jpg", np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8))),
    "TIFF": bytearray(encode(".tiff", CORNER)),
}
DAMAGED_FILES["PNG"][60] ^= 255
DAMAGED_FILES["JPEG"][700:1500:7] = b"\x5a" * len(DAMAGED_FILES["JPEG"][700:1500:7])
DAMAGED_FILES["TIFF"][20:60] = bytes(40)


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the libraries print there")
@pytest.mark.parametrize("kind", DAMAGED_FILES)
def test_the_libraries_print_nothing_about_damaged_files(kind, capfd):
    data = bytes(DAMAGED_FILES[kind])
    cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if not capfd.readouterr().err:
        pytest.skip("this OpenCV prints nothing about this file")
    for decoder in (decode.decode, decode.decode_colour):
        with contextlib.suppress(ImageError):
            decoder(data)
    assert capfd.readouterr() == ("", "")
    cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert capfd.readouterr().err  # programs that use OpenCV themselves see what they saw before


# A JPEG of 240x120 px with four channels, as printing software writes it. OpenCV cannot encode one.
CMYK = Path(__file__).with_name("cmyk.jpg")


def test_a_cmyk_jpeg_is_decoded():
    grey = decode.decode(CMYK.read_bytes())
    assert grey.shape == (120, 240)
    assert decode.decode_colour(CMYK.read_bytes()).shape == (120, 240, 3)


def test_a_transparent_image_is_drawn_on_as_it_was_read():
    data = encode(".png", as_opacity(drawing.page("42")))
    colour = decode.decode_colour(data)
    assert (colour == decode.decode(data)[:, :, None]).all()
    assert colour.mean() > 128  # dark ink lies over white


@pytest.mark.parametrize("decoder", [decode.decode, decode.decode_colour])
def test_a_decoder_that_runs_out_of_memory_is_reported(decoder, monkeypatch):
    def fail(*_):
        error = cv2.error("Failed to allocate")
        error.code = -4
        raise error

    monkeypatch.setattr(decode.cv2, "imdecode", fail)
    with pytest.raises(ImageError, match="too large for this machine's memory; scale it down first"):
        decoder(encode(".png", np.zeros((8, 8), np.uint8)))
