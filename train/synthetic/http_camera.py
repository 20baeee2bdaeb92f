"""An HTTP camera of one's own: a Motion JPEG stream that can be made to stall, to drop and to come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

LIVE, STALLED, AWAY = "live", "stalled", "away"
_BOUNDARY = "frame"


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """An image, BGR uint8 `(H, W, 3)`, as a JPEG's bytes."""
    return cv2.imencode(".jpg", image)[1].tobytes()


class StreamServer:
    """Serves `image(seconds)`, a JPEG's bytes, at `rate` frames/s to all who ask for `url`.

    `state` may be set at any time: LIVE, STALLED (connections stay, nothing comes) or AWAY (connections are
    closed and rejected). `frames` counts the images that were sent.
    """

    def __init__(self, image: Callable[[float], bytes], rate: float = 30) -> None:
        self.state = LIVE
        self.frames = 0
        self._image, self._rate = image, rate
        self._started = time.monotonic()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._send(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._closing = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"

    def _send(self, handler: BaseHTTPRequestHandler) -> None:
        if self.state == AWAY:
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        handler.end_headers()
        try:
            due = time.monotonic()
            while self.state != AWAY and not self._closing:
                if self.state == LIVE:
                    data = self._image(time.monotonic() - self._started)
                    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                    handler.wfile.write(head.encode() + data + b"\r\n")
                    self.frames += 1
                due = max(due + 1 / self._rate, time.monotonic() - 1 / self._rate)
                time.sleep(max(0.0, due - time.monotonic()))
        except OSError:  # the reader has gone
            pass
        handler.close_connection = True

    def __enter__(self) -> StreamServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
