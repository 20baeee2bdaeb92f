"""The window's keys, and the window itself where there is an X server to open it on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError
from edge_runtime.window import window

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("code", "key"),
    [
        pytest.param(-1, None, id="none"),
        pytest.param(ord("q"), "q", id="q"),
        pytest.param(ord("Q"), "q", id="Caps Lock"),
        pytest.param(ord("s") | 0x100000, "s", id="GTK with Num Lock"),
        pytest.param(ord("S") | 0x30000, "s", id="GTK with Shift and Caps Lock"),
        pytest.param(27, "q", id="Escape"),
        pytest.param(ord(" "), " ", id="space"),
        pytest.param(ord("x"), None, id="x"),
        pytest.param(0xFF51, None, id="left, which ends in Q"),
        pytest.param(0xFF52, None, id="up, which ends in R"),
        pytest.param(0xFF53, None, id="right, which ends in S"),
        pytest.param(0xFF54, None, id="down, which ends in T"),
        pytest.param(0xFFE1, None, id="Shift"),
        pytest.param(0x250000, None, id="left on Windows"),
        pytest.param(0xF702, None, id="left on a Mac"),
    ],
)
def test_keys_are_told_apart(code, key):
    assert window.named(code) == key


class FakeGui:
    """Stands in for OpenCV's windows: visible or not in turn, and no key."""

    def __init__(self, monkeypatch, visible, error=False):
        self.visible, self.error = iter(visible), error
        self.sizes = []
        monkeypatch.setattr(window, "can_open", lambda: True)
        for name in ("namedWindow", "imshow", "destroyAllWindows"):
            monkeypatch.setattr(window.cv2, name, lambda *_: None)
        monkeypatch.setattr(window.cv2, "waitKeyEx", lambda _: ord("h"))
        monkeypatch.setattr(window.cv2, "resizeWindow", lambda _, *size: self.sizes.append(size))
        monkeypatch.setattr(window.cv2, "getWindowImageRect", lambda _: (0, 0, 320, 240))
        monkeypatch.setattr(window.cv2, "getWindowProperty", self.property)

    def property(self, *_):
        value = next(self.visible)
        if value < 0 and self.error:
            raise cv2.error("no such window")
        return value


@pytest.mark.parametrize(
    ("visible", "error", "answers"),
    [
        pytest.param([1, 1, 0], False, ["h", "h", "closed"], id="closed"),
        pytest.param([0, 0, 1, 1], False, ["h", "h", "h", "h"], id="shown only after a while"),
        pytest.param([1, -1, -1], True, ["h", "closed", "closed"], id="closed and forgotten"),
    ],
)
def test_a_window_is_closed_once_it_has_been_seen(monkeypatch, visible, error, answers):
    FakeGui(monkeypatch, visible, error)
    image = np.zeros((4, 4, 3), np.uint8)
    with window.Window("edge-digits") as shown:
        assert [shown.show(image) for _ in answers] == answers


def test_the_window_takes_the_shape_of_the_images_at_the_users_scale(monkeypatch):
    gui = FakeGui(monkeypatch, [1] * 9)
    with window.Window("edge-digits") as shown:
        for height in (480, 480, 600, 600):
            shown.show(np.zeros((height, 640, 3), np.uint8))
    assert gui.sizes == [(640, 480), (320, 300)]  # the user had made it half as wide


def test_without_a_window_the_way_out_is_said(monkeypatch):
    monkeypatch.setattr(window, "can_open", lambda: False)
    with pytest.raises(MissingDependencyError, match="--no-window"):
        window.Window("edge-digits")


@pytest.fixture(scope="module")
def screen():
    """The environment of a screen of 1600x1000 px of its own."""
    if not shutil.which("Xvfb"):
        pytest.skip("no Xvfb to open a window on")
    reading, writing = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"],
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()  # once it is ready
    if not number:
        server.wait()
        pytest.skip("Xvfb does not start here")
    yield {**os.environ, "DISPLAY": f":{number}"}
    server.terminate()
    server.wait()


# Shows what a snapshot of the screen is compared with, until a line comes; then the window goes away.
SHOW = """
import select, sys, time
import cv2
from edge_runtime import window
canvas = cv2.imread(sys.argv[1])
with window.Window("edge-digits") as shown:
    for _ in range(50):
        assert shown.show(canvas) is None
    print("shown", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        assert shown.show(canvas) is None
    wait = cv2.waitKeyEx
    def close(milliseconds):
        cv2.destroyWindow("edge-digits")
        return wait(milliseconds)
    cv2.waitKeyEx = close
    print(shown.show(canvas), flush=True)
"""


def test_the_window_shows_the_image_and_notices_its_end(screen, tmp_path):
    from tests.edge_runtime.test_dashboard import compose, view

    canvas = compose(view(texts=["4285", "17"]), tiles=True)
    cv2.imwrite(str(tmp_path / "canvas.png"), canvas)
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW, str(tmp_path / "canvas.png")],
        env=screen,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "shown\n", process.stderr.read()
        shot = tmp_path / "shot.png"
        if shutil.which("import"):
            subprocess.run(["import", "-window", "root", str(shot)], env=screen, check=True)
        output, errors = process.communicate("\n", timeout=60)
    assert output == "closed\n"
    assert errors == ""  # Qt has nothing to say
    assert process.returncode == 0
    if not shot.exists():
        pytest.skip("no ImageMagick to take an image of the screen")
    seen = cv2.imread(str(shot))
    match = cv2.matchTemplate(seen, canvas, cv2.TM_CCOEFF_NORMED)
    assert match.max() > 0.99
    y, x = np.unravel_index(match.argmax(), match.shape)
    assert (seen[y : y + canvas.shape[0], x : x + canvas.shape[1]] == canvas).mean() > 0.99


def test_without_a_screen_no_window_can_be_opened(monkeypatch):
    if sys.platform != "linux":
        pytest.skip("other systems always have a screen")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not window.can_open()
