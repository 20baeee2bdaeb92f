"""The files of the web page, loaded once at the start: no request reaches the disk."""

from __future__ import annotations

import html
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from fastapi import Request, Response

Pages: TypeAlias = "dict[str, tuple[bytes, str]]"  # content and media type by URL path

_FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}


def load(*, live: bool, models: tuple[str, ...]) -> Pages:
    """Return all files of the page.

    `live` is whether the page shows the live view; `models` are those to choose from.
    """
    files = {
        f"/{path.name}": (path.read_bytes(), _TYPES[path.suffix])
        for path in _FOLDER.iterdir()
        if path.suffix in _TYPES
    }
    page, media_type = files.pop("/index.html")
    data = f'data-live="{"yes" if live else "no"}" data-models="{html.escape(json.dumps(models))}"'
    files["/"] = page.replace(b'data-live="" data-models=""', data.encode()), media_type
    for name in ("docs", "token", "welcome"):
        files[f"/{name}"] = files.pop(f"/{name}.html")
    return files


def endpoint(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint that always sends this content."""

    async def page(request: Request) -> Response:
        return Response(content, media_type=media_type)

    return page
