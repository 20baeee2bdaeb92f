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

from edge_runtime.cli.terminal import complain, open_reader
from edge_runtime.errors import OutputError, SourceError

if TYPE_CHECKING:
    from edge_runtime.events import Event
    from edge_runtime.live import Live, View

_MODELS = ("int8", "float")  # what m switches between


def cameras(options: argparse.Namespace) -> int:
    """List the cameras of this machine."""
    from edge_runtime import camera

    found = camera.list_cameras()
    if options.json:
        print(json.dumps([{"source": each.source, "name": each.name} for each in found]))
    elif found:
        for each in found:
            print(f"edge-digits camera {each.source:<10} {each.name}")
    else:
        complain(
            "no camera found; is it connected? A stream's URL or a video file can be named too; the "
            f"ribbon-cable camera of a Raspberry Pi is {camera.PICAMERA}"
        )
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve the page and the API without a camera, until Ctrl-C or SIGTERM."""
    from edge_runtime.web.server import Server

    reader = open_reader(options)
    ended = threading.Event()
    with Server(reader, options.address, controls=None, models=_choice(options.model)) as server:
        server.start()
        complain(f"serving at {server.url}")
        with _on_signals(ended.set):
            while not ended.wait(0.5):
                pass
    return 0


def camera(options: argparse.Namespace) -> int:
    """Read live until the source ends, the window is closed, or Ctrl-C or SIGTERM comes."""
    import cv2

    from edge_runtime.camera import Wish, open_frames
    from edge_runtime.live import Live

    if options.raw and options.record is None:
        raise SourceError("--raw speaks of a recording: name its file with --record")
    cv2.setNumThreads(1)
    quiet = options.no_window or options.serve is not None
    with contextlib.ExitStack() as stack:
        # What cannot be written or shown is said before a camera is started.
        sinks = _sinks(options, stack)
        window = None if quiet else stack.enter_context(_Window())
        watched = window is not None or options.serve is not None
        frames = stack.enter_context(
            open_frames(options.source, Wish(options.size, options.fps), paced=watched)
        )
        live = Live(frames, options.model, complain, threads=options.threads)
        if options.serve is not None:
            sinks.append(_served(live, options, stack))
        if options.no_window or options.json:
            sinks.append(_print_json if options.json else _EventPrinter(frames.live))
        complain(f"{frames.name}: {frames.obtained}")
        started, count, code = time.perf_counter(), 0, 0
        try:
            with _on_signals(live.stop):
                for view in live.views():
                    count = view.frame + 1
                    for sink in sinks:
                        sink(view)
                    if window and not window.take(view, live):
                        break
        except OutputError as error:
            complain(str(error))
            code = 1
        if not count and frames.ended:
            raise SourceError(f"{frames.name} holds no pictures")
    complain(f"{count} frames in {time.perf_counter() - started:.1f} s")
    return code


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


def _sinks(options: argparse.Namespace, stack: contextlib.ExitStack) -> list[Callable[[View], None]]:
    sinks: list[Callable[[View], None]] = []
    if options.out:
        from edge_runtime.outputs import EventFile

        file = stack.enter_context(EventFile(options.out))
        sinks.append(lambda view: file.write(view.events))
    if options.record:
        recorder = stack.enter_context(_Recorder(raw=options.raw))
        recorder.begin(options.record)
        sinks.append(recorder)
    return sinks


def _served(live: Live, options: argparse.Namespace, stack: contextlib.ExitStack) -> Callable[[View], None]:
    from edge_runtime.web.server import Server

    server = stack.enter_context(
        Server(live.reader, options.serve, controls=live, models=_choice(options.model))
    )
    server.start()
    complain(f"serving at {server.url}")
    return server.publish


def _print_json(view: View) -> None:
    for event in view.events:
        sys.stdout.write(event.as_json() + "\n")
    if view.events:
        sys.stdout.flush()


class _EventPrinter:
    """A line an event, with the time of day where the source is live, and the film's time where it is not."""

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
        from edge_runtime import display, recording

        self._display, self._recording, self._raw = display, recording, raw
        self._current: recording.Recording | None = None

    @property
    def running(self) -> bool:
        return self._current is not None

    def begin(self, path: Path) -> None:
        self._current = self._recording.Recording(path)

    def end(self) -> None:
        recording, self._current = self._current, None
        if recording:
            recording.close()
            complain(f"recorded {recording.path}")

    def __call__(self, view: View) -> None:
        if self._current is None or view.trouble or view.paused:
            return
        if self._current.failure:
            complain(self._current.failure)
            self.end()
            return
        picture = view.picture if self._raw else self._display.annotate(view.picture, view.digits)
        self._current.write(picture, view.seconds)

    def __enter__(self) -> _Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class _Window:
    """The window of the live view, and what its keys do."""

    def __init__(self) -> None:
        from edge_runtime import display, recording, window

        self._display, self._recording = display, recording
        self._window = window.Window("edge-digits")
        self._recorder = _Recorder(raw=False)
        self._tiles, self._help = True, False

    def take(self, view: View, live: Live) -> bool:
        """Show a view and do what is asked by a key; False where that is to end."""
        self._recorder(view)
        key = self._window.show(
            self._display.compose(view, tiles=self._tiles, help=self._help, recording=self._recorder.running)
        )
        if key in ("q", "closed"):
            return False
        if key == " ":
            live.paused = not live.paused
        elif key == "t":
            self._tiles = not self._tiles
        elif key == "h":
            self._help = not self._help
        elif key == "m":
            choice = _choice(live.model)
            live.switch_model(choice[1])
        elif key in ("s", "r"):
            try:
                self._snapshot(view) if key == "s" else self._record()
            except OutputError as error:
                complain(str(error))
        return True

    def _snapshot(self, view: View) -> None:
        picture = self._display.annotate(view.picture, view.digits)
        complain(f"saved {self._recording.save_snapshot(Path(), picture)}")

    def _record(self) -> None:
        if self._recorder.running:
            self._recorder.end()
        else:
            self._recorder.begin(Path(f"edge-digits-{datetime.now():%Y%m%d-%H%M%S}.mp4"))

    def __enter__(self) -> _Window:
        self._window.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self._recorder.end()
        self._window.__exit__(None, None, None)
