"""Fingerprints: exactly the texts that were added, in little memory."""

from __future__ import annotations

import tracemalloc
from array import array

import pytest

from edge_runtime.outputs import fingerprints
from edge_runtime.outputs.fingerprints import Fingerprints


@pytest.mark.parametrize("part", [1, 7, 1000, 1 << 20])
def test_a_set_contains_what_was_added(part, monkeypatch):
    monkeypatch.setattr(fingerprints, "_PART", part)
    known = Fingerprints()
    assert not known
    for index in range(600):
        assert f"{index}.png" not in known
        known.add(f"{index}.png")
        assert f"{index}.png" in known
    assert known
    known.add("7.png")
    assert all(f"{index}.png" in known for index in range(600))
    assert not any(f"{index}.png" in known for index in range(600, 1200))
    assert "" not in known


def test_texts_with_the_same_first_half_are_told_apart(monkeypatch):
    monkeypatch.setattr(fingerprints, "_PART", 3)
    monkeypatch.setattr(fingerprints, "_fingerprint", lambda text: b"same" * 2 + text.encode().rjust(8))
    known = Fingerprints()
    for text in "abcde":
        known.add(text)
    assert [text for text in "abcdefg" if text in known] == list("abcde")


def test_nothing_is_missing_while_the_set_is_sorted(monkeypatch):
    monkeypatch.setattr(fingerprints, "_PART", 4)
    known, missing = Fingerprints(), []
    for text in "abc":
        known.add(text)

    def watched(*arguments):
        missing.extend(text for text in "abcd" if text not in known)
        return array(*arguments)

    monkeypatch.setattr(fingerprints, "array", watched)
    known.add("d")
    assert known._halves[0]
    assert not missing


def test_millions_fit_into_little_memory(monkeypatch):
    monkeypatch.setattr(fingerprints, "_PART", 256)
    known = Fingerprints()
    tracemalloc.start()
    try:
        for index in range(8000):
            known.add(f"/archive/of/scans/with/a/long/path/{index:08}.png")
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 40 * 8000  # bytes; a set of these texts takes 160 for each
