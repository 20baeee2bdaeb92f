"""The viewer of the desktop: a command that is given a file, and the reasons why there is none."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError
from edge_runtime.images import viewer

IMAGE = np.full((40, 50, 3), 99, np.uint8)


@pytest.fixture
def desktop(monkeypatch, tmp_path):
    """A function that installs a command to open viewers, as a shell script, on a desktop with a screen."""

    def install(script):
        command = tmp_path / "bin" / "xdg-open"
        command.parent.mkdir()
        command.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")

    monkeypatch.setattr(viewer.sys, "platform", "linux")
    monkeypatch.setattr(viewer, "_SECONDS", 0.2)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    return install


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
@pytest.mark.parametrize("then", ["", "sleep 0.4"], ids=["returns at once", "lasts as long as the viewer"])
def test_the_viewer_gets_a_file(then, desktop, tmp_path):
    desktop(f'echo "$1" > {tmp_path}/opened; {then}')
    path = viewer.open_viewer(IMAGE, "page")
    assert path.name == "page.png"
    assert (cv2.imread(str(path)) == IMAGE).all()
    assert Path((tmp_path / "opened").read_text().strip()) == path


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_a_desktop_without_a_viewer_is_reported(desktop):
    desktop("exit 4")
    with pytest.raises(MissingDependencyError, match=r"xdg-open has no viewer .*; save .* \(exit code 4\)"):
        viewer.open_viewer(IMAGE, "page")


def test_machines_without_a_screen_are_reported(desktop, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependencyError, match="there is no xdg-open to show an image with; save it"):
        viewer.open_viewer(IMAGE, "page")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(MissingDependencyError, match="there is no screen to show an image on; save it"):
        viewer.open_viewer(IMAGE, "page")
    assert not list(tmp_path.iterdir())
