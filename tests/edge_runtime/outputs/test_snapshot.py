"""Snapshots: named after the time, complete, and never in place of another file."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import OutputError
from edge_runtime.outputs import snapshot
from edge_runtime.outputs.snapshot import save_snapshot


def grey(level):
    """A BGR image of one grey level."""
    return np.full((48, 64, 3), level, np.uint8)


def test_snapshots_in_the_same_second_get_different_names(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshot.time, "strftime", lambda form: "edge-digits-20261120-130501")
    paths = [save_snapshot(tmp_path / "new", grey(level)) for level in range(3)]
    assert [path.name for path in paths] == [
        "edge-digits-20261120-130501.png",
        "edge-digits-20261120-130501-2.png",
        "edge-digits-20261120-130501-3.png",
    ]
    for level, path in enumerate(paths):
        assert (cv2.imread(str(path)) == grey(level)).all()
    assert len(list((tmp_path / "new").iterdir())) == 3


def test_a_full_disk_leaves_no_partial_snapshot(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        save_snapshot(tmp_path, grey(1))
    assert not list(tmp_path.iterdir())


def test_unwritable_folders_are_reported_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot save the snapshot") as caught:
        save_snapshot(tmp_path / "file", grey(1))
    assert len(str(caught.value).splitlines()) == 1
