"""`edge-digits camera`: frames in; a window, a web page, events and a recording out."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.event_printer import EventPrinter, print_json
from edge_runtime.cli.signals import stop_on_signals
from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError, OutputError, SourceError

if TYPE_CHECKING:
    from edge_runtime.live.view import View
    from edge_runtime.outputs.events import EventFile


def camera(options: argparse.Namespace) -> int:
    """Read frames until the source ends, the window is closed, or Ctrl-C or SIGTERM arrives."""
    import cv2

    from edge_runtime.cli.recorder import Recorder
    from edge_runtime.cli.serve import models_to_switch, start_server
    from edge_runtime.live.loop import Live
    from edge_runtime.live.sources import open_frames
    from edge_runtime.live.sources.base import CaptureRequest
    from edge_runtime.reading.switch import SwitchableReader

    if options.raw and options.record is None:
        raise EdgeDigitsError("--raw needs a recording; add --record FILE")
    cv2.setNumThreads(1)
    with contextlib.ExitStack() as stack:
        # Errors in the outputs are reported before a camera is started.
        recorder = stack.enter_context(Recorder(raw=options.raw))
        sinks: list[Callable[[View], None]] = [recorder.write]
        events = stack.enter_context(_open_events(options.out)) if options.out else None
        if events:
            sinks.append(lambda view: events.write(view.events))
        if options.record:
            recorder.start(options.record)
        window = None
        if not options.no_window and options.serve is None:
            from edge_runtime.cli.live_window import LiveWindow

            window = stack.enter_context(LiveWindow(recorder, models_to_switch(options.model)))
        request = CaptureRequest(options.size, options.fps)
        paced = window is not None or options.serve is not None  # a person watches
        frames = stack.enter_context(open_frames(options.source, request, paced=paced))
        recorder.every_frame = not frames.live
        live = Live(frames, SwitchableReader(options.model, threads=options.threads), print_message)
        if options.serve is not None:
            sinks.append(start_server(stack, live.reader, options.serve, live=True).publish)
        if options.json:
            sinks.append(print_json)
        elif options.no_window:
            sinks.append(EventPrinter(live=frames.live).print)
        print_message(f"{frames.name}: {frames.capture_format}")
        started, count, failed = time.perf_counter(), 0, False
        try:
            with stop_on_signals(live.stop):
                for view in live.views():
                    count = view.frame + 1
                    for sink in sinks:
                        sink(view)
                    if window and not window.show(view, live):
                        break
            if events:
                events.check()
        except OutputError as error:
            print_message(str(error))
            failed = True
        if not count and frames.ended:
            raise SourceError(f"{frames.name} contains no images")
        seconds = time.perf_counter() - started
    print_message(f"{count} frame{'' if count == 1 else 's'} in {seconds:.1f} s")
    return 1 if failed or recorder.failed or (frames.ended and frames.problem) else 0


def _open_events(path: Path) -> EventFile:
    from edge_runtime.outputs.events import EventFile

    file = EventFile(path)
    if file.warning:
        print_message(file.warning)
    return file
