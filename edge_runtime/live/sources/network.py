"""Network cameras: streams, which FFmpeg reads, and still images, which are fetched again and again."""

from __future__ import annotations

import time
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import ImageError, SourceError
from edge_runtime.images import decode, suffixes
from edge_runtime.live.sources import base, servers
from edge_runtime.live.sources.devices import OpenCVCapture
from edge_runtime.live.sources.reconnecting import Capture
from edge_runtime.live.sources.servers import WebAddress

_STILL_RATE = 2.0  # images/s at most: a camera may need half a second for each
_MAX_STILL_BYTES = 50_000_000  # several times what the largest cameras send
_CHUNK = 1 << 16  # bytes
_UNKNOWN = ("", "application/octet-stream", "binary/octet-stream")  # content types that say nothing


def connect(url: str) -> Capture:
    """Open a stream, or a still image on a web server. Raises `SourceError` with the reason if it fails."""
    content_type = ""
    if servers.is_http(url):
        address = WebAddress(url)
        with address.request() as response:
            content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        suffix = PurePosixPath(urlsplit(url).path).suffix.lower()
        if content_type.startswith("image/") or (content_type in _UNKNOWN and suffix in suffixes.ALWAYS):
            return StillImage(address)
    try:
        return Stream(url)
    except SourceError as error:
        if content_type.startswith("text/"):
            raise SourceError(
                f"cannot be opened: it serves {content_type}; give the address of the stream or image itself"
            ) from error
        if reason := servers.rtsp_refusal(url):
            raise SourceError(f"cannot be opened: {reason}") from error
        raise


class Stream(OpenCVCapture):
    """An HTTP or RTSP stream, read by FFmpeg, which gives up on a silent server after `stream_timeouts`."""

    def __init__(self, url: str) -> None:
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, base.stream_timeouts())
        if not capture.isOpened():
            capture.release()
            raise SourceError("cannot be opened; is the address correct, and does it serve a stream?")
        super().__init__(capture)


class StillImage:
    """A still image on a web server, such as a camera's snapshot, fetched at most `_STILL_RATE` times/s."""

    rate = _STILL_RATE
    slow = True

    def __init__(self, address: WebAddress) -> None:
        self._address = address
        self._due = 0.0  # by time.monotonic

    def read(self) -> NDArray[np.uint8] | None:
        """Wait until the next image is due, and fetch it: BGR uint8 `(H, W, 3)`. Raises `SourceError`."""
        time.sleep(max(0.0, self._due - time.monotonic()))
        self._due = time.monotonic() + 1 / _STILL_RATE
        try:
            return decode.decode_colour(self._fetch())
        except ImageError as error:
            raise SourceError(f"the image cannot be read: {error}") from error

    def _fetch(self) -> bytes:
        from http.client import HTTPException

        deadline = time.monotonic() + base.OPEN_TIMEOUT
        data = bytearray()
        with self._address.request() as response:
            try:
                while part := response.read1(_CHUNK):
                    data += part
                    if len(data) > _MAX_STILL_BYTES:
                        raise SourceError(f"the image has more than {_MAX_STILL_BYTES / 1e6:.0f} MB")
                    if time.monotonic() > deadline:
                        raise SourceError(f"the image takes more than {base.OPEN_TIMEOUT:.0f} s")
            except (OSError, HTTPException) as error:
                reason = servers.describe_failure(error) or "the connection ended"
                raise SourceError(f"the image is incomplete: {reason}") from error
            if response.length:
                raise SourceError("the image is incomplete: the connection ended")
        return bytes(data)

    def release(self) -> None:
        """Do nothing: every image has a connection of its own."""
