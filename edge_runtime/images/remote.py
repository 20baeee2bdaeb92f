"""Addresses: files on web servers and in object stores, read through fsspec (extra `remote`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_runtime.errors import ImageError
from edge_runtime.images import suffixes
from edge_runtime.images.files import check_length
from edge_runtime.images.limits import MAX_BYTES
from edge_runtime.images.paths import is_junk

_WEB = ("http", "https")
_STREAMS = ("rtsp", "rtsps", "rtmp", "udp", "tcp", "mms", "rtp", "srt")
_TIMEOUT = 30  # s for a web server to connect, or to send more


def read(address: str) -> bytes:
    """Read the whole file at an address. Raises `ImageError` if it cannot be read or is too large."""
    scheme = address.partition("://")[0].lower()
    if scheme in _STREAMS:
        raise ImageError("a stream, not an image; use edge-digits camera ADDRESS instead")
    try:
        import fsspec

        with fsspec.open(address, "rb", **_options(scheme)) as file:
            data = _read_all(file)
    except ImportError as error:
        raise ImageError(_missing(error)) from error
    except Exception as error:  # each store has errors of its own
        raise ImageError(_reason(error)) from error
    check_length(len(data))
    return data


def _read_all(file: Any) -> bytes:
    """Read to the end, but not much more than `MAX_BYTES`. A stream returns what has arrived so far."""
    data = bytearray()
    while len(data) <= MAX_BYTES and (chunk := file.read(MAX_BYTES + 1 - len(data))):
        data += chunk
    return bytes(data)


def expand(address: str, *, recursive: bool = True) -> Iterator[str]:
    """Expand a folder or a glob of an object store to the addresses of images, sorted.

    Anything else, also what cannot be listed, is passed on unchanged: reading it tells the reason.
    """
    found: list[str] = []
    scheme = address.partition("://")[0].lower()
    if scheme not in (*_WEB, *_STREAMS):
        try:
            found = _list(address, recursive)
        except Exception:  # each store has errors of its own; reading raises them again
            found = []
    yield from found or [address]


def _list(address: str, recursive: bool) -> list[str]:
    import fsspec

    system, path = fsspec.core.url_to_fs(address)
    given = set(path.split("/"))  # junk is read only where it is named

    def is_wanted(name: str) -> bool:
        return not any(part not in given and is_junk(part) for part in name.split("/"))

    if "*" in path and not system.exists(path):
        images = [name for name in system.glob(path) if is_wanted(name) and not system.isdir(name)]
    elif system.isdir(path):
        names = system.find(path, maxdepth=None if recursive else 1)
        readable = suffixes.readable()
        images = [name for name in names if name[name.rfind(".") :].lower() in readable and is_wanted(name)]
    else:
        images = []
    return sorted(map(system.unstrip_protocol, images))


def _options(scheme: str) -> dict[str, Any]:
    if scheme not in _WEB:
        return {}
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT, sock_read=_TIMEOUT)
    # Without blocks, a file is one request, also from servers that do not know its length.
    return {"block_size": 0, "client_kwargs": {"timeout": timeout}}


def _missing(error: ImportError) -> str:
    """What to install: the extra, or the package of an object store, which fsspec names."""
    if error.name in ("fsspec", "aiohttp"):
        return f"addresses need {error.name}: pip install 'edge-digits[remote]'"
    return " ".join(str(error).split())


def _reason(error: Exception) -> str:
    """An error of a server or a store as one line."""
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # fsspec raises the former for every answer of a web server
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return "no such file on the server"
    if status in (401, 403) or isinstance(error, PermissionError):
        return "the server refuses access"
    if isinstance(error, TimeoutError):
        return f"the server did not answer within {_TIMEOUT} s"
    if isinstance(error, ValueError) and "Protocol not known" in str(error):
        return "an address of an unknown kind; give one that begins with https://, s3:// or the like"
    text = " ".join(str(error).split()) or type(error).__name__
    return f"cannot be fetched: {text[:200]}"
