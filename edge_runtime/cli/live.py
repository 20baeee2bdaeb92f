"""`edge-digits camera`, `cameras` and `serve`: what is read live, shown, told, recorded and served."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError, OutputError, SourceError

if TYPE_CHECKING:
    from edge_runtime.live.events import Event
    from edge_runtime.live.loop import Live
    from edge_runtime.live.view import View


_MODELS = ("int8", "float")  # what m switches between


def cameras(options: argparse.Namespace) -> int:
    """List the cameras of this machine."""
    from edge_runtime.live.sources import base, devices

    found = devices.list_cameras()
    if options.json:
        print(json.dumps([{"source": each.source, "name": each.name} for each in found]))
    elif found:
        for each in found:
            print(f"edge-digits camera {each.source:<10} {each.name}")
    else:
        print_message(
            "no camera found; is it connected? A stream's URL or a video file can be named too; the "
            f"ribbon-cable camera of a Raspberry Pi is {base.PICAMERA}"
        )
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve the page and the API without a camera, until Ctrl-C or SIGTERM."""
    import cv2

    from edge_runtime.reading.switch import SwitchableReader
    from edge_runtime.web.server import Server

    ended = threading.Event()
    cv2.setNumThreads(1)
    readers = SwitchableReader(options.model, threads=options.threads)
    with Server(readers, options.address, live=False, models=_choice(options.model)) as server:
        server.start()
        print_message(f"serving at {server.url}")
        with _on_signals(ended.set):
            while not ended.wait(0.5):
                pass
    return 0


def camera(options: argparse.Namespace) -> int:
    """Read live until the source ends, the window is closed, or Ctrl-C or SIGTERM comes."""
    import cv2

    from edge_runtime.live.loop import Live
    from edge_runtime.live.sources import open_frames
    from edge_runtime.live.sources.base import CaptureRequest
    from edge_runtime.reading.switch import SwitchableReader

    if options.raw and options.record is None:
        raise SourceError("--raw speaks of a recording: name its file with --record")
    cv2.setNumThreads(1)
    quiet = options.no_window or options.serve is not None
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ended_by_sigterm())
        # What cannot be written or shown is said before a camera is started.
        recorder = stack.enter_context(_Recorder(raw=options.raw))
        sinks: list[Callable[[View], None]] = [recorder]
        if options.out:
            from edge_runtime.outputs.events import EventFile

            file = stack.enter_context(EventFile(options.out))
            sinks.append(lambda view: file.write(view.events))
        if options.record:
            recorder.begin(options.record)
        window = None if quiet else stack.enter_context(_Window(recorder, _choice(options.model)))
        watched = window is not None or options.serve is not None
        frames = stack.enter_context(
            open_frames(options.source, CaptureRequest(options.size, options.fps), paced=watched)
        )
        recorder.whole = not frames.live
        live = Live(frames, SwitchableReader(options.model, threads=options.threads), print_message)
        if options.serve is not None:
            sinks.append(_served(live, options, stack))
        if options.no_window or options.json:
            sinks.append(_print_json if options.json else _EventPrinter(frames.live))
        print_message(f"{frames.name}: {frames.capture_format}")
        started, count, failed = time.perf_counter(), 0, False
        try:
            with _on_signals(live.stop):
                for view in live.views():
                    count = view.frame + 1
                    for sink in sinks:
                        sink(view)
                    if window and not window.take(view, live):
                        break
        except OutputError as error:
            print_message(str(error))
            failed = True
        if not count and frames.ended:
            raise SourceError(f"{frames.name} holds no images")
        took = time.perf_counter() - started
    print_message(f"{count} frames in {took:.1f} s")
    # A video that is cut off is done as far as it goes; a recording that was asked for and failed is not.
    return 1 if failed or recorder.failed or (frames.ended and frames.problem) else 0


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: everything is closed on the way out."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _on_signals(end: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM end the work where it stands well; a second one stops it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def first(number: int, frame: FrameType | None) -> None:
        for each in kinds:
            signal.signal(each, signal.default_int_handler)
        end()

    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, first) for each in kinds]
    try:
        yield
    finally:
        for each, handler in zip(kinds, before, strict=True):
            signal.signal(each, handler)


def _choice(model: str) -> tuple[str, ...]:
    """The models to switch between: the one that was asked for first."""
    return (model, *(name for name in _MODELS if name != model))


def _served(live: Live, options: argparse.Namespace, stack: contextlib.ExitStack) -> Callable[[View], None]:
    from edge_runtime.web.server import Server

    server = stack.enter_context(
        Server(live.readers, options.serve, live=True, models=_choice(options.model))
    )
    server.start()
    print_message(f"serving at {server.url}")
    return server.publish


def _print_json(view: View) -> None:
    for event in view.events:
        sys.stdout.write(event.as_json() + "\n")
    if view.events:
        sys.stdout.flush()


class _EventPrinter:
    """A line an event, with the time of day where the source is live, and the video's time where it is not."""

    def __init__(self, live: bool) -> None:
        self._live = live

    def __call__(self, view: View) -> None:
        for event in view.events:
            if event.number:
                print(f"{self._moment(event)}  {_told(event)}", flush=True)

    def _moment(self, event: Event) -> str:
        return f"{datetime.fromtimestamp(event.time):%H:%M:%S}" if self._live else f"{event.seconds:8.2f} s"


def _told(event: Event) -> str:
    assert event.number
    if event.kind == "left":
        return f"{event.number.text}  left"
    before = "" if event.previous is None else f" from {event.previous}"
    return f"{event.number.text}  {event.kind}{before}  {event.number.confidence:.3f}"


class _Recorder:
    """Records views while it is asked to; what goes wrong with that is said once and stops nothing else."""

    def __init__(self, *, raw: bool) -> None:
        from edge_runtime.images import annotate
        from edge_runtime.outputs import recording, snapshot

        self._display, self._recording, self._snapshot, self._raw = annotate, recording, snapshot, raw
        self._current: recording.Recording | None = None
        self.failed = False
        self.whole = False  # whether every frame is to be in it, as of a video: a camera does not wait

    @property
    def running(self) -> bool:
        return self._current is not None

    def begin(self, path: Path | None = None) -> None:
        """Begin a file: of this path, or of a name by the time."""
        recording = self._recording
        self._current = recording.Recording(path or self._snapshot.named_by_time(Path(), recording.SUFFIX))

    def end(self) -> None:
        current, self._current = self._current, None
        if not current:
            return
        current.close()
        if current.failure:
            print_message(current.failure)
            self.failed = True
        elif current.path.exists():
            print_message(f"recorded {current.path}")

    def __call__(self, view: View) -> None:
        if self._current is None or view.problem or view.paused:
            return
        if self._current.failure:
            self.end()
            return
        image = view.image if self._raw else self._display.annotate(view.image, view.digits)
        self._current.write(image, view.seconds, wait=self.whole)

    def __enter__(self) -> _Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class _Window:
    """The window of the live view, and what its keys do."""

    def __init__(self, recorder: _Recorder, models: tuple[str, ...]) -> None:
        from edge_runtime.images import annotate
        from edge_runtime.outputs import snapshot
        from edge_runtime.window import dashboard, window

        self._annotate, self._compose = annotate.annotate, dashboard.compose
        self._save_snapshot = snapshot.save_snapshot
        self._window = window.Window("edge-digits")
        self._recorder, self._models = recorder, models
        self._tiles, self._help = True, False

    def take(self, view: View, live: Live) -> bool:
        """Show a view and do what is asked by a key; False where that is to end."""
        key = self._window.show(
            self._compose(view, tiles=self._tiles, help=self._help, recording=self._recorder.running)
        )
        if key in ("q", "closed"):
            return False
        try:
            self._obey(key, view, live)
        except EdgeDigitsError as error:  # no reason to end what is seen
            print_message(str(error))
        return True

    def _obey(self, key: str | None, view: View, live: Live) -> None:
        if key == " ":
            live.paused = not live.paused
        elif key == "t":
            self._tiles = not self._tiles
        elif key == "h":
            self._help = not self._help
        elif key == "m":
            following = self._models.index(live.readers.model) + 1
            live.readers.switch(self._models[following % len(self._models)])
        elif key == "s":
            image = self._annotate(view.image, view.digits)
            print_message(f"saved {self._save_snapshot(Path(), image)}")
        elif key == "r":
            if self._recorder.running:
                self._recorder.end()
            else:
                self._recorder.begin()

    def __enter__(self) -> _Window:
        self._window.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._window.__exit__(None, None, None)
