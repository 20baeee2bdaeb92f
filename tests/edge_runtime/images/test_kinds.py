"""Kinds of files that are not read: each is named for what it is, with the way out."""

from __future__ import annotations

import io
import zipfile

import pytest

from edge_runtime.images import kinds

VIDEO = "a video, not an image; use edge-digits camera FILE instead"


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, "application/epub+zip" if name == "mimetype" else "x" * 5000)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "description"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"%PDF-1.7\n", "a PDF: pip install 'edge-digits[pdf]'", id="PDF"),
        pytest.param(b"\n" * 100 + b"%PDF-1.7", "a PDF: pip install 'edge-digits[pdf]'", id="PDF, later"),
        pytest.param(b"\0\0\0\x1cftypheic", "a HEIC photo: pip install 'edge-digits[heic]'", id="HEIC photo"),
        pytest.param(b"\0\0\0\x20ftypisom", VIDEO, id="MP4"),
        pytest.param(
            b"\0\0\0\x14ftypqt  ",
            VIDEO,
            id="QuickTime",
        ),
        pytest.param(b"\x1aE\xdf\xa3\1", VIDEO, id="WebM"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", VIDEO, id="AVI"),
        pytest.param(b"RIFF\x20\0\0\0WAVEfmt ", "a sound file, not an image", id="sound"),
        pytest.param(
            archive("[Content_Types].xml", "word/document.xml"), "a Word document: save it as PDF", id="Word"
        ),
        pytest.param(archive("xl/workbook.xml"), "an Excel document: save it as PDF", id="Excel"),
        pytest.param(archive("mimetype"), "an e-book, not an image", id="e-book"),
        pytest.param(archive("a.png"), "a ZIP archive: unpack it first", id="ZIP"),
        pytest.param(b"\x1f\x8b\x08", "an archive: unpack it first", id="gzip"),
        pytest.param(
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document: save it as PDF", id="old Word"
        ),
        pytest.param(b"8BPS\0\1", "a Photoshop file: export it as PNG", id="Photoshop"),
        pytest.param(b"\0\0\0\x18ftypcrx ", "a camera's raw file: export it as JPEG", id="raw"),
        pytest.param(bytes(128) + b"DICM", "a DICOM image: export it as PNG", id="DICOM"),
        pytest.param(
            b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg width="9">',
            "an SVG drawing: export it as PNG",
            id="SVG",
        ),
        pytest.param(
            b"\n<!DOCTYPE html><html>",
            "a web page: give the address or the file of the image itself",
            id="web page",
        ),
        pytest.param(b"<note>", kinds.TEXT, id="other XML"),
        pytest.param(b"text", kinds.TEXT, id="text"),
        pytest.param("BMW: 20 \N{EURO SIGN}\n".encode(), kinds.TEXT, id="text that begins like a BMP"),
        pytest.param("12".encode("utf-16"), kinds.TEXT, id="UTF-16"),
        pytest.param("\N{EURO SIGN}".encode() * 2000, kinds.TEXT, id="text cut off within a character"),
        pytest.param(b"caf\xe9 au lait", kinds.UNKNOWN, id="not UTF-8"),
        pytest.param(b"\x7fELF\2\1\1\0", kinds.UNKNOWN, id="program"),
        pytest.param(bytes(100), kinds.UNKNOWN, id="zeros"),
        pytest.param(b" \n", kinds.UNKNOWN, id="white space"),
        pytest.param(b"\0\0\0\x1cftypavif", kinds.DAMAGED, id="damaged AVIF"),
        pytest.param(b"\x89PNG\r\n", kinds.DAMAGED, id="PNG cut off"),
        pytest.param(b"P5 12", kinds.DAMAGED, id="PGM cut off"),
        pytest.param(b"BM\x36\0\0\0\0\0\0\0", kinds.DAMAGED, id="BMP cut off"),
    ],
)
def test_other_files_are_named(data, description):
    assert kinds.describe(data) == description
