"""The page's files, loaded once: no request ever reaches the disk."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from fastapi import Request, Response

Pages: TypeAlias = "dict[str, tuple[bytes, str]]"  # content and type, by path

_FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


def endpoint(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that always answers the same."""

    async def page(request: Request) -> Response:
        return Response(content, media_type=kind)

    return page


def load(live: bool, models: tuple[str, ...]) -> Pages:
    """The page's files by their paths, as content and type; the page is told what it serves."""
    files = {
        f"/{path.name}": (path.read_bytes(), _TYPES[path.suffix])
        for path in _FOLDER.iterdir()
        if path.suffix in _TYPES
    }
    page, kind = files.pop("/index.html")
    told = f'data-live="{"yes" if live else "no"}" data-models="{html.escape(json.dumps(models))}"'
    files["/"] = page.replace(b'data-live="" data-models=""', told.encode()), kind
    for name in ("docs", "token", "welcome"):
        files[f"/{name}"] = files.pop(f"/{name}.html")
    return files
