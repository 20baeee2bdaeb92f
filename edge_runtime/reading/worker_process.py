"""The process of a worker: reads the files that `workers` sends, and sends their readings back."""

from __future__ import annotations

import os
import pickle
import sys
import time
from collections.abc import Iterable
from typing import IO

import cv2

from edge_runtime.reading import messages
from edge_runtime.reading.messages import receive, send
from edge_runtime.reading.reader import DigitReader


def main() -> None:
    """Load the models and read files until standard input ends. The reader's arguments are in `sys.argv`."""
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print is no message
    cv2.setNumThreads(1)
    model, rotate, min_confidence = messages.decode(bytes.fromhex(sys.argv[2]))
    reader = DigitReader(model, threads=1, rotate=rotate, min_confidence=min_confidence)
    send(replies, messages.READY)
    try:
        while True:
            _read_files(reader, receive(requests)[1], requests, replies)
    except (EOFError, BrokenPipeError):
        # The other process has ended, or no longer needs this one. Nothing here is worth a clean-up.
        os._exit(0)


def _read_files(reader: DigitReader, task: bytes, requests: IO[bytes], replies: IO[bytes]) -> None:
    start = time.perf_counter()
    paths, frames, asks = messages.decode(task)

    def choose(names: list[str]) -> Iterable[int]:
        send(replies, messages.CHOOSE, messages.encode(names))
        indices: list[int] = messages.decode(receive(requests)[1])
        return indices

    try:
        for readings in reader.read_batches(paths, frames=frames, choose=choose if asks else None):
            send(replies, messages.READINGS, messages.pack(readings))
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:
        send(replies, messages.FAILED, pickle.dumps(error))
        return
    send(replies, messages.DONE, messages.encode(time.perf_counter() - start))
