"""`edge-digits serve`: the web page and the HTTP API, without a camera."""

from __future__ import annotations

import argparse
import contextlib
import threading
from typing import TYPE_CHECKING

from edge_runtime.cli.signals import stop_on_signals
from edge_runtime.cli.terminal import print_message

if TYPE_CHECKING:
    from edge_runtime.reading.switch import SwitchableReader
    from edge_runtime.web.server import Server

_SIGNAL_CHECK = 0.5  # s; on Windows, waiting without a limit cannot be interrupted


def serve(options: argparse.Namespace) -> int:
    """Serve the web page and the HTTP API until Ctrl-C or SIGTERM."""
    import cv2

    from edge_runtime.reading.switch import SwitchableReader

    cv2.setNumThreads(1)
    stopped = threading.Event()
    with contextlib.ExitStack() as stack:
        reader = SwitchableReader(options.model, threads=options.threads)
        start_server(stack, reader, options.address, live=False)
        with stop_on_signals(stopped.set):
            wait_for(stopped)
    return 0


def wait_for(stopped: threading.Event) -> None:
    """Wait for an event that a signal sets."""
    while not stopped.wait(_SIGNAL_CHECK):
        pass


def start_server(
    stack: contextlib.ExitStack, reader: SwitchableReader, address: str, *, live: bool
) -> Server:
    """Start a server, which `stack` closes, and print its URL, but no token that the operator has chosen."""
    from edge_runtime.web.guard import TOKEN_VARIABLE
    from edge_runtime.web.server import Server

    server = stack.enter_context(Server(reader, address, live=live, models=models_to_switch(reader.model)))
    server.start()
    has_own_token = server.token and server.token not in server.url
    hint = f"; requests need the token in {TOKEN_VARIABLE}" if has_own_token else ""
    print_message(f"serving at {server.url}{hint}")
    return server


def models_to_switch(model: str) -> tuple[str, ...]:
    """The models that a user of the live view can switch between; the one given with `--model` is first."""
    return tuple(dict.fromkeys((model, "int8", "float")))
