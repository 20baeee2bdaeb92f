"""Fingerprints: a set of millions of texts in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b

_PART = 1 << 17  # fingerprints that are kept in an ordinary set before they are sorted
_SIZE = 16  # bytes; two of 10^9 texts are mistaken for each other with a probability of 10^-21


class Fingerprints:
    """A growing set of texts: 16 bytes for each, and some more for the latest, however long they are.

    One thread may add texts while others ask for some.
    """

    def __init__(self) -> None:
        self._latest: set[bytes] = set()
        self._halves = array("Q"), array("Q")  # high and low ones of the others, sorted

    def __bool__(self) -> bool:
        return bool(self._latest or self._halves[0])

    def add(self, text: str) -> None:
        """Add a text, which must be valid Unicode."""
        self._latest.add(_fingerprint(text))
        # Sorting takes as long as there are fingerprints, so it becomes rarer.
        if len(self._latest) >= max(_PART, len(self._halves[0]) // 8):
            self._sort()

    def __contains__(self, text: str) -> bool:
        mark = _fingerprint(text)
        if mark in self._latest:
            return True
        highs, lows = self._halves
        high, low = (int.from_bytes(half, "big") for half in (mark[:8], mark[8:]))
        index = bisect_left(highs, high)
        while index < len(highs) and highs[index] == high:
            if lows[index] == low:
                return True
            index += 1
        return False

    def _sort(self) -> None:
        import numpy as np

        new = np.frombuffer(b"".join(self._latest), ">u8").reshape(-1, 2).astype(np.uint64)
        high, low = (
            np.concatenate([np.frombuffer(old, np.uint64), column])
            for old, column in zip(self._halves, new.T, strict=True)
        )
        order = np.argsort(high, kind="stable")
        # In this order, another thread that asks meanwhile finds every text in one of the two.
        self._halves = array("Q", high[order].tobytes()), array("Q", low[order].tobytes())
        self._latest = set()


def _fingerprint(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=_SIZE).digest()
