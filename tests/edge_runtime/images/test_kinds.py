"""Kinds of files that are not read: each is named for what it is, with the way out."""

from __future__ import annotations

import io
import zipfile

import pytest

from edge_runtime.images import kinds


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
        pytest.param(b"\0\0\0\x20ftypisom", "a video: edge-digits camera FILE", id="MP4"),
        pytest.param(b"\0\0\0\x14ftypqt  ", "a video: edge-digits camera FILE", id="QuickTime"),
        pytest.param(b"\x1aE\xdf\xa3\1", "a video: edge-digits camera FILE", id="WebM"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", "a video: edge-digits camera FILE", id="AVI"),
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
        pytest.param(b"<note>", kinds.DAMAGED, id="other XML"),
        pytest.param(b"\0\0\0\x1cftypavif", kinds.DAMAGED, id="damaged AVIF"),
        pytest.param(b"text", kinds.DAMAGED, id="text"),
    ],
)
def test_other_files_are_named(data, description):
    assert kinds.describe(data) == description
