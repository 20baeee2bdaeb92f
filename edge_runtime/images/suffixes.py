"""Suffixes of the files that can be read: always, or with the package of an extra."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec

# Of formats that `headers` measures.
ALWAYS = {
    *(".apng", ".avif", ".bmp", ".dib", ".gif", ".hdr", ".jfif", ".jif", ".jpe", ".jpeg", ".jpg", ".pam"),
    *(".pbm", ".pfm", ".pgm", ".pic", ".pjp", ".pjpeg", ".png", ".pnm", ".ppm", ".ras", ".sr", ".tif"),
    *(".tiff", ".webp"),
}
_OF_EXTRAS = {".pdf": "pdf", ".heic": "heic", ".heif": "heic", ".hif": "heic"}
OF_PAGES = (".tif", ".tiff", *_OF_EXTRAS)  # of files that may have several pages
OF_FRAMES = (".gif", ".webp", ".png", ".apng")  # of files that may be animations
_PACKAGES = {"pdf": "pypdfium2", "heic": "pillow_heif"}


@cache
def is_available(extra: str) -> bool:
    """Whether the package of an extra, "pdf" or "heic", is installed."""
    return find_spec(_PACKAGES[extra]) is not None


def readable() -> set[str]:
    """The suffixes of all files that can be read, in lower case."""
    return ALWAYS | {suffix for suffix, extra in _OF_EXTRAS.items() if is_available(extra)}


def way_out(skipped: Iterable[str]) -> str:
    """How to read those of the skipped suffixes for which an extra is missing; "" if there are none."""
    extras = {_OF_EXTRAS[f".{suffix}"] for suffix in skipped if f".{suffix}" in _OF_EXTRAS}
    missing = sorted(extra for extra in extras if not is_available(extra))
    if not missing:
        return ""
    return f"; pip install 'edge-digits[{','.join(missing)}]' to read {' and '.join(missing)}"
