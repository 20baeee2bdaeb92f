"""A simulated HTTP camera: streams Motion JPEG, and can stall, go away and come back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

_RATE = 30  # frames per second

State = Literal["live", "stalled", "away"]

LIVE: Final = "live"  # frames are sent
STALLED: Final = "stalled"  # connections stay open, but no frames are sent
AWAY: Final = "away"  # open connections are closed, new ones get status 503

_BOUNDARY = "frame"


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """Encode an image, BGR uint8 `(H, W, 3)` or grey uint8 `(H, W)`, as JPEG."""
    return cv2.imencode(".jpg", image)[1].tobytes()


class StreamServer:
    """Streams frames to any number of clients of `url`, at most 30 per second to each; a context manager.

    `image` is called with the seconds since the start and returns one frame as JPEG; it must be thread-safe,
    as every client has its own thread. The server listens on a free port of 127.0.0.1 from construction on;
    leaving the context stops it.

    Attributes:
        state: `LIVE`, `STALLED` or `AWAY`; assign to it at any time.
        frames: Number of frames sent so far, to all clients together.
    """

    def __init__(self, image: Callable[[float], bytes]) -> None:
        self.state: State = LIVE
        self.frames = 0
        self._image = image
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._closing = False
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with contextlib.suppress(OSError):  # the client has disconnected
                    camera._stream(self)

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the stream."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"

    def _stream(self, client: BaseHTTPRequestHandler) -> None:
        """Send frames to one client until it disconnects or the camera goes away."""
        client.close_connection = True
        if self.state == AWAY:
            client.send_error(503)
            return
        client.send_response(200)
        client.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        client.end_headers()
        period = 1 / _RATE
        due = time.monotonic()
        while self.state != AWAY and not self._closing:
            if self.state == LIVE:
                self._send_frame(client)
            due = max(due + period, time.monotonic() - period)  # a late frame is not made up for
            time.sleep(max(0.0, due - time.monotonic()))

    def _send_frame(self, client: BaseHTTPRequestHandler) -> None:
        data = self._image(time.monotonic() - self._started)
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
        client.wfile.write(head.encode() + data + b"\r\n")
        with self._lock:
            self.frames += 1

    def __enter__(self) -> StreamServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
