"""`edge-digits camera`: frames in; a window, a web page, events and a recording out."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.cli.event_printer import EventPrinter, print_json
from edge_runtime.cli.signals import stop_on_signals
from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError, OutputError, SourceError

if TYPE_CHECKING:
    from edge_runtime.cli.live_window import LiveWindow
    from edge_runtime.cli.recorder import Recorder
    from edge_runtime.live.loop import Live
    from edge_runtime.live.sources.base import Frames
    from edge_runtime.live.view import View
    from edge_runtime.outputs.events import EventFile
    from edge_runtime.web.server import Server


def camera(options: argparse.Namespace) -> int:
    """Read frames until the source ends, the window is closed, or Ctrl-C or SIGTERM arrives."""
    import cv2

    from edge_runtime.cli.recorder import Recorder
    from edge_runtime.cli.serve import start_server
    from edge_runtime.live.loop import Live
    from edge_runtime.reading.switch import SwitchableReader

    _check_options(options)
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
        window = server = None
        if not options.no_window and options.serve is None:
            window = stack.enter_context(_open_window(recorder, options.model))
        watched = window is not None or options.serve is not None
        frames = stack.enter_context(_open_source(options, paced=watched))
        recorder.every_frame = not frames.live
        live = Live(frames, SwitchableReader(options.model, threads=options.threads), print_message)
        if options.serve is not None:
            server = start_server(stack, live.reader, options.serve, live=True)
            sinks.append(server.publish)
        if options.json:
            sinks.append(print_json)
        elif options.no_window:
            sinks.append(EventPrinter(live=frames.live).print)
        print_message(f"{frames.name}: {frames.capture_format}")
        started, waited, failed = time.perf_counter(), 0.0, False
        view, silent = None, True
        try:
            with stop_on_signals(live.stop):
                for view in live.views():
                    silent = silent and not view.events
                    for sink in sinks:
                        sink(view)
                    if window and not window.show(view, live):
                        break
                if view and server and frames.ended:
                    recorder.stop()
                    waited = _keep_serving(live, server, replace(view, problem=frames.problem))
            if events:
                events.check()
        except OutputError as error:
            print_message(str(error))
            failed = True
        if view is None and frames.ended:
            raise SourceError(f"{frames.name} contains no images")
        count, seconds = view.frame + 1 if view else 0, time.perf_counter() - started - waited
    _print_summary(options.source, count, seconds, silent=silent)
    return 1 if failed or recorder.failed or (frames.ended and frames.problem) else 0


def _check_options(options: argparse.Namespace) -> None:
    """Raise `EdgeDigitsError` for options that cannot be used, before a camera is started."""
    if options.raw and options.record is None:
        raise EdgeDigitsError("--raw needs a recording; add --record FILE")
    if options.serve is not None:
        _check_address(options.serve)


def _print_summary(source: str, count: int, seconds: float, *, silent: bool) -> None:
    """Say how many frames there were; `silent` is whether there was no event."""
    print_message(f"{count} frame{'' if count == 1 else 's'} in {seconds:.1f} s")
    if silent and os.path.isdir(source):
        print_message(
            "no number was seen in several images in a row; to read each image by itself: "
            f"edge-digits read {source}"
        )


def _open_source(options: argparse.Namespace, *, paced: bool) -> Frames:
    from edge_runtime.live.sources import open_frames
    from edge_runtime.live.sources.base import CaptureRequest

    request = CaptureRequest(options.size, options.fps)
    return open_frames(options.source, request, paced=paced, loop=options.loop)


def _open_window(recorder: Recorder, model: str) -> LiveWindow:
    from edge_runtime.cli.live_window import LiveWindow
    from edge_runtime.cli.serve import models_to_switch

    return LiveWindow(recorder, models_to_switch(model))


def _keep_serving(live: Live, server: Server, last: View) -> float:
    """Show the last view of a source that has ended until `live` is stopped; return the seconds waited."""
    from edge_runtime.cli.serve import wait_for

    started = time.perf_counter()
    server.publish(replace(last, ended=True, rate=0.0, events=()))
    print_message(f"{last.source} has ended; the page stays up until Ctrl-C")
    wait_for(live.stopping)
    return time.perf_counter() - started


def _check_address(address: str) -> None:
    """Refuse what is no address. Raises `EdgeDigitsError`."""
    from edge_runtime.web.address import parse

    try:
        parse(address)
    except SourceError as error:
        if os.path.exists(address) or "://" in address:
            raise EdgeDigitsError(f"--serve takes an address; put the source {address} before it") from error
        raise


def _open_events(path: Path) -> EventFile:
    from edge_runtime.outputs.events import EventFile

    file = EventFile(path)
    if file.warning:
        print_message(file.warning)
    return file
