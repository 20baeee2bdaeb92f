"""Recordings of `edge-digits camera`: of the whole run with `--record`, or on demand in the window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.terminal import print_message
from edge_runtime.images import annotate
from edge_runtime.outputs import recording, snapshot

if TYPE_CHECKING:
    from edge_runtime.live.view import View


class Recorder:
    """Records views between `start` and `stop`; as a context manager, stops on exit.

    If `raw`, boxes and labels are left out. Set `every_frame` for videos: the source then waits for the disk,
    up to two seconds for each frame. A camera cannot wait. An error is printed once and ends the recording
    but nothing else; `failed` is then True.
    """

    def __init__(self, *, raw: bool) -> None:
        self._raw = raw
        self._recording: recording.Recording | None = None
        self.failed = False
        self.every_frame = False

    @property
    def running(self) -> bool:
        """Whether views are being recorded."""
        return self._recording is not None

    def start(self, path: Path | None = None) -> None:
        """Start a file; without a path, one in the current folder that is named after the time."""
        path = path or snapshot.named_by_time(Path(), recording.SUFFIX)
        self._recording = recording.Recording(path)

    def stop(self) -> None:
        """Finish the file, if there is one, and print its name or why it failed."""
        finished, self._recording = self._recording, None
        if not finished:
            return
        finished.close()
        if finished.failure:
            print_message(finished.failure)
            self.failed = True
        elif finished.path.exists():
            print_message(f"recorded {finished.path}")

    def write(self, view: View) -> None:
        """Add a view, unless it repeats an earlier one because the source is lost or the view is paused."""
        if self._recording is None or view.problem or view.paused:
            return
        if self._recording.failure:
            self.stop()
            return
        image = view.image if self._raw else annotate.annotate(view.image, view.digits)
        self._recording.write(image, view.seconds, wait=self.every_frame)

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
