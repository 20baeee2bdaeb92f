"""Suspects: finds the image that ends every worker that reads it, so that the others are read.

A decoder that crashes, or a system that runs out of memory, ends a worker without a word, and the engine
gives its partition to the next. A small file in the folder of the results counts the attempts at a
partition. Once two have come to nothing, each image is noted there before it is read, and one at which two
workers end is left out.
"""

from __future__ import annotations

import json
from collections import Counter

from edge_runtime.scale.stores import Store

ATTEMPTS = "_attempts-"  # how the names of these files begin
_TRUSTING = 2  # attempts; machines may be lost for other reasons
_MOST_ENDS = 2  # of workers at the same image

LEFT_OUT = f"error: {_MOST_ENDS} processes ended while they read it"  # the status of such an image


class Attempt:
    """One attempt at a partition. `careful` is whether each image is to be noted before it is read."""

    def __init__(self, store: Store, partition: int) -> None:
        """Begin an attempt. Raises `OSError`."""
        self._store, self._name = store, f"{ATTEMPTS}{partition:05}.json"
        self._attempts, self._ends = self._load()
        self.careful = self._attempts >= _TRUSTING
        self._attempts += 1
        self._save("")

    def _load(self) -> tuple[int, Counter[str]]:
        try:
            values = json.loads(self._store.read(self._name) or b"")
            ends = Counter({str(source): int(count) for source, count in values["ends"].items()})
            if values["reading"]:
                ends[values["reading"]] += 1
            return int(values["attempts"]), ends
        except (ValueError, KeyError, TypeError, AttributeError):  # none yet, or cut off when a worker ended
            return 0, Counter()

    def _save(self, reading: str) -> None:
        values = {"attempts": self._attempts, "ends": self._ends, "reading": reading}
        self._store.write(self._name, json.dumps(values).encode())

    def may_read(self, source: str) -> bool:
        """Note that an image is to be read now; False if it has to be left out. Raises `OSError`."""
        if self._ends[source] >= _MOST_ENDS:
            return False
        self._save(source)
        return True

    def done(self) -> None:
        """The partition is written: forget its attempts. Raises `OSError`."""
        self._store.delete(self._name)
