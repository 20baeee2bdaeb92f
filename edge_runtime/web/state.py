"""The state of the device: the newest view, and the images, events and health made from it."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from edge_runtime.images import annotate
from edge_runtime.images.encode import encode
from edge_runtime.images.scaling import reduce_to
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web import limits
from edge_runtime.web.metrics import ProcessUsage
from edge_runtime.web.responses import Health, SourceHealth

if TYPE_CHECKING:
    from edge_runtime.live.view import View


class DeviceState:
    """The newest view and the active model, and what clients see of them.

    `live` is whether there is a source. All methods may be called from any thread.
    """

    MEDIA_TYPE = "multipart/x-mixed-replace; boundary=frame"  # of the live image's stream
    BOUNDARY = b"--frame\r\n"  # between its parts

    def __init__(self, readers: SwitchableReader, *, live: bool) -> None:
        self._readers, self._live = readers, live
        self._view: View | None = None
        self._snapshot: tuple[View | None, bytes] = None, b""
        self._frame_time = time.monotonic()
        self._usage = ProcessUsage()

    def update(self, view: View) -> bool:
        """Replace the view. Returns whether its frame is new: a paused or lost source repeats the last."""
        previous, self._view = self._view, view
        is_new = previous is None or view.frame != previous.frame
        if is_new:
            self._frame_time = time.monotonic()
        return is_new

    def frame_rate(self) -> float:
        """Return the frames per second of the source, 0 before its first frame."""
        return self._view.rate if self._view else 0.0

    def source_up(self) -> float:
        """Return 1 while the source delivers frames, is paused or has ended, otherwise 0."""
        return float(self._live and self.health().ok)

    def stream_part(self) -> bytes:
        """Return the annotated image as a part of a multipart stream, b"" before the first frame."""
        view = self._view
        if view is None:
            return b""
        image = annotate.annotate(view.image, view.digits)
        data = encode(reduce_to(image, limits.LIVE_IMAGE_SIDE), ".jpg", quality=limits.LIVE_QUALITY)
        # The boundary comes after the image: browsers show an image only once they have received the
        # boundary that ends it.
        header = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
        return header + data + b"\r\n" + self.BOUNDARY

    def snapshot(self) -> bytes:
        """Return the annotated image as a JPEG in its full size, b"" before the first frame."""
        view = self._view
        if view is None:
            return b""
        shown, data = self._snapshot
        if shown is not view:  # clients that ask for the same frame share its image
            image = annotate.annotate(view.image, view.digits)
            data = encode(image, ".jpg", quality=limits.SNAPSHOT_QUALITY)
            self._snapshot = view, data
        return data

    def event(self) -> bytes:
        """Return the state as a Server-Sent Event."""
        return b"data: " + json.dumps(self._describe(), separators=(",", ":")).encode() + b"\n\n"

    def health(self) -> Health:
        """Return the health of the device; it is not `ok` while its source is lost."""
        if not self._live:
            return Health(True, self._readers.model)
        view, silence = self._view, time.monotonic() - self._frame_time
        if view is None:
            state = "starting" if silence < limits.SOURCE_TIMEOUT else "lost"
            source = SourceHealth(state, "", "", "")
        else:
            lost = view.problem or silence > limits.SOURCE_TIMEOUT
            state = "ended" if view.ended else "paused" if view.paused else "lost" if lost else "running"
            source = SourceHealth(state, view.source, view.capture_format, view.problem)
        return Health(state != "lost", self._readers.model, source, round(silence, 3) if view else None)

    def _describe(self) -> dict[str, Any]:
        cpu, memory = self._usage.sample()
        state: dict[str, Any] = {
            "live": self._live,
            "model": self._readers.model,
            "cpu": cpu,
            "memory": memory,
        }
        view = self._view
        if view is not None:
            state |= {
                "frame": view.frame,
                "rate": round(view.rate, 1),
                "stages": {name: round(seconds * 1000, 2) for name, seconds in view.stages.items()},
                "numbers": [
                    {
                        "id": number.id,
                        "text": number.text,
                        "confidence": round(float(number.confidence), 3),
                        "confirmed": number.confirmed,
                    }
                    for number in view.numbers
                ],
                "problem": view.problem,
                "paused": view.paused,
                "ended": view.ended,
                "source": view.source,
                "capture_format": view.capture_format,
            }
        return state


def health_json(health: Health, *, details: bool) -> dict[str, Any]:
    """Return health as JSON: all of it, or only whether it is `ok`."""
    return asdict(health) if details else {"ok": health.ok}
