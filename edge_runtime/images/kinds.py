"""Kinds of files that are not read: what a file is, by its first bytes, and what to do with it instead."""

from __future__ import annotations

import codecs
import re

from edge_runtime.images.header import DAMAGED

EMPTY = "the file is empty"
TEXT = "a text file, not an image"
UNKNOWN = "not an image of a known format, or damaged"

_PNG_OR_JPEG = "is not supported; save it as PNG or JPEG first"
_RAW = "a camera's raw file: export it as JPEG"
_VIDEO = "a video, not an image; use edge-digits camera FILE instead"
_SOUND = "a sound file, not an image"
_ARCHIVE = "an archive: unpack it first"

# What a file is by its first bytes.
_STARTS = (
    (b"\0\0\0\x0cjP  ", f"JPEG 2000 {_PNG_OR_JPEG}"),
    (b"\xff\x4f\xff\x51", f"JPEG 2000 {_PNG_OR_JPEG}"),
    (b"\x76\x2f\x31\x01", f"OpenEXR {_PNG_OR_JPEG}"),
    (b"\xff\x0a", f"JPEG XL {_PNG_OR_JPEG}"),
    (b"\0\0\0\x0cJXL ", f"JPEG XL {_PNG_OR_JPEG}"),
    (b"\0\0\1\0", "an icon: save it as PNG"),
    (b"8BPS", "a Photoshop file: export it as PNG"),
    (b"gimp xcf", "a GIMP file: export it as PNG"),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIU\0", _RAW),
    (b"IIRO", _RAW),
    (b"%!PS", "a PostScript file: convert it to PDF or PNG"),
    (b"AT&TFORM", "a DjVu document: convert it to PDF or PNG"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document: save it as PDF"),
    (b"{\\rtf", "an RTF document: save it as PDF"),
    (b"\x93NUMPY", "a NumPy array: load it with numpy.load, and read the array in Python"),
    (b"\0\0\x08\3", "a data set such as MNIST's: read its arrays in Python with read_tiles"),
    (b"\0\0\x08\1", "the labels of a data set such as MNIST's, not an image"),
    (b"\x1aE\xdf\xa3", _VIDEO),
    (b"\0\0\1\xba", _VIDEO),
    (b"\0\0\1\xb3", _VIDEO),
    (b"FLV\1", _VIDEO),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _VIDEO),
    (b"OggS", "a video or sound, not an image; use edge-digits camera FILE instead"),
    (b"ID3", _SOUND),
    (b"fLaC", _SOUND),
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ\0", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"Rar!\x1a\7", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
)

_RIFF = {b"AVI ": _VIDEO, b"WAVE": _SOUND}
_HEIC_BRANDS = {b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevm", b"hevs", b"hevx", b"mif1", b"msf1"}
_OTHER_BRANDS = {b"crx ": _RAW, b"jxl ": f"JPEG XL {_PNG_OR_JPEG}", b"M4A ": _SOUND, b"M4B ": _SOUND}
_IN_ZIP = (  # names that a ZIP archive of each kind contains
    (b"word/", "a Word document: save it as PDF"),
    (b"xl/", "an Excel document: save it as PDF"),
    (b"ppt/", "a PowerPoint document: save it as PDF"),
    (b"application/vnd.oasis.opendocument", "an OpenDocument file: save it as PDF"),
    (b"application/epub+zip", "an e-book, not an image"),
)
HEAD = 4096  # bytes that tell what a file is
_PDF_HEAD = 1024  # bytes that may stand before the signature of a PDF
# How the images that OpenCV decodes begin, but for an AVIF.
_IMAGE = re.compile(
    rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|II[*+]\0|MM\0[*+]|BM.{4}\0{4}|P[1-7Ff]\s|\x59\xa6\x6a\x95|#\?",
    re.DOTALL,
)
_CONTROL = re.compile(r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f]")  # characters that a text does not contain
_SVG = re.compile(rb"<svg[\s>]", re.IGNORECASE)
_WEB_PAGE = re.compile(rb"<(!doctype\s+html|html|head|body|script)[\s>]", re.IGNORECASE)


def describe(data: bytes) -> str:
    """What a file is that no decoder here takes, and the way out: one line.

    An image that begins as it should is `DAMAGED`. What begins in no known way is `TEXT` or `UNKNOWN`.
    """
    if not data:
        return EMPTY
    for start, description in _STARTS:
        if data.startswith(start):
            return description
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    if is_pdf(data):
        return "a PDF: pip install 'edge-digits[pdf]'"
    if is_heic(data):
        return "a HEIC photo: pip install 'edge-digits[heic]'"
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return _OTHER_BRANDS.get(data[8:12], _VIDEO) if data[8:12] not in (b"avif", b"avis") else DAMAGED
    if data.startswith((b"PK\3\4", b"PK\5\6")):
        return _describe_zip(data)
    if data[128:132] == b"DICM":
        return "a DICOM image: export it as PNG"
    if data[257:262] == b"ustar":
        return _ARCHIVE
    if _IMAGE.match(data[:HEAD]):
        return DAMAGED
    return _describe_text(data[:HEAD].removeprefix(b"\xef\xbb\xbf").lstrip())


def is_pdf(data: bytes) -> bool:
    """Whether a file is a PDF, perhaps after something that another program has put before it."""
    return b"%PDF-" in data[:_PDF_HEAD]


def is_heic(data: bytes) -> bool:
    """Whether a file is a HEIC photo, or a HEIF image of another codec than that of AVIF."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def _describe_zip(data: bytes) -> str:
    # The names are at the start of each file, and again in the directory at the end.
    ends = data[:HEAD] + data[-16 * HEAD :]
    return next((kind for name, kind in _IN_ZIP if name in ends), "a ZIP archive: unpack it first")


def _describe_text(start: bytes) -> str:
    if start.startswith(b"<") and _SVG.search(start):
        return "an SVG drawing: export it as PNG"
    if start.startswith(b"<") and _WEB_PAGE.search(start):
        return "a web page: give the address or the file of the image itself"
    return TEXT if _is_text(start) else UNKNOWN


def _is_text(start: bytes) -> bool:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # whose last character may be cut off
    except UnicodeDecodeError:
        return False
    return text != "" and _CONTROL.search(text) is None
