"""The keys of the window, and the window itself on a virtual screen, where Xvfb is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from edge_runtime import MissingDependencyError
from edge_runtime.profiling import host
from edge_runtime.window import keys, window
from tests import drawing, processes

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
        pytest.param(0xFF51, None, id="left arrow, which ends in Q"),
        pytest.param(0xFF52, None, id="up arrow, which ends in R"),
        pytest.param(0xFF53, None, id="right arrow, which ends in S"),
        pytest.param(0xFF54, None, id="down arrow, which ends in T"),
        pytest.param(0xFFE1, None, id="Shift"),
        pytest.param(0x250000, None, id="left arrow on Windows"),
        pytest.param(0xF702, None, id="left arrow on macOS"),
    ],
)
def test_key_names(code, key):
    assert keys.key_name(code) == key


class FakeGui:
    """Replaces OpenCV's GUI. `visible` holds the answers to "is the window visible?"; the key "h" is held."""

    def __init__(self, monkeypatch, visible):
        self.visible = iter(visible)
        self.sizes, self.images, self.destroyed = [], [], 0
        monkeypatch.setattr(window, "obstacle", lambda: None)
        monkeypatch.setattr(window.cv2, "namedWindow", lambda *_: None)
        monkeypatch.setattr(window.cv2, "imshow", lambda _, image: self.images.append(image))
        monkeypatch.setattr(window.cv2, "destroyAllWindows", self.destroy)
        monkeypatch.setattr(window.cv2, "waitKeyEx", lambda _: ord("h"))
        monkeypatch.setattr(window.cv2, "resizeWindow", lambda _, *size: self.sizes.append(size))
        monkeypatch.setattr(window.cv2, "getWindowImageRect", lambda _: (0, 0, 320, 240))
        monkeypatch.setattr(window.cv2, "getWindowProperty", self.property)

    def destroy(self):
        self.destroyed += 1

    def property(self, *_):
        value = next(self.visible)
        if value is None:
            raise cv2.error("no such window")
        return value


@pytest.mark.parametrize(
    ("visible", "answers"),
    [
        pytest.param([1, 1, 0], ["h", "h", "closed"], id="closed"),
        pytest.param([0, 0, 1, 1], ["h", "h", "h", "h"], id="slow to appear"),
        pytest.param([0, 1, -1], ["h", "h", "closed"], id="closed, on a backend that returns -1"),
        pytest.param([1, None, None], ["h", "closed", "closed"], id="closed, on a backend that raises"),
    ],
)
def test_windows_count_as_closed_only_after_they_were_visible(monkeypatch, visible, answers):
    gui = FakeGui(monkeypatch, visible)
    image = np.zeros((4, 4, 3), np.uint8)
    with window.Window("edge-digits") as shown:
        assert [shown.show(image) for _ in answers] == answers
        assert not gui.destroyed
    assert gui.destroyed == 1
    assert all(each is image for each in gui.images)


def test_windows_follow_the_shape_of_the_image_and_keep_the_users_scale(monkeypatch):
    gui = FakeGui(monkeypatch, [1] * 9)
    with window.Window("edge-digits") as shown:
        for height in (480, 480, 600, 600):
            shown.show(np.zeros((height, 640, 3), np.uint8))
    assert gui.sizes == [(640, 480), (320, 300)]  # the user has scaled it to half its width


def test_the_error_without_a_screen_names_the_option(monkeypatch):
    monkeypatch.setattr(window, "obstacle", lambda: "there is no screen")
    with pytest.raises(MissingDependencyError, match="there is no screen; use --no-window"):
        window.Window("edge-digits")


def test_an_opencv_without_windows_is_told_from_a_missing_screen(monkeypatch):
    def fail(arguments, **_):
        message = b"error: (-2:Unspecified error) The function is not implemented. Rebuild the library"
        return subprocess.CompletedProcess(arguments, 1, b"", message)

    monkeypatch.setattr(window.subprocess, "run", fail)
    assert "built without windows" in window.obstacle()


class Screen(NamedTuple):
    """An X server of its own: the environment of its clients, and the file that holds its pixels."""

    environment: dict[str, str]
    buffer: Path

    def pixels(self):
        """What it shows, BGR uint8 `(H, W, 3)`, from a file in the format of xwd."""
        data = self.buffer.read_bytes()
        header = np.frombuffer(data, ">u4", 20).astype(int)
        start, height, pitch, colours = header[0], header[5], header[12], header[19]
        pixels = np.frombuffer(data, np.uint8, height * pitch, start + 12 * colours)
        return pixels.reshape(height, -1, 4)[:, : header[4], :3]


@pytest.fixture
def screen(tmp_path):
    """A screen of 1600x1000 px."""
    if not shutil.which("Xvfb"):
        pytest.skip("Xvfb is not installed")
    if host.opencv_build()["opencv window"] == "none":
        pytest.skip("this OpenCV was built without windows")
    reading, writing = os.pipe()
    # The server takes a free display number and writes it once it is ready. It must not reset itself when its
    # last client leaves.
    command = ["Xvfb", "-displayfd", writing, "-screen", "0", "1600x1000x24", "-fbdir", tmp_path]
    options = {"pass_fds": [writing], "stderr": subprocess.DEVNULL}
    with processes.started(*command, "-nolisten", "tcp", "-noreset", **options) as server:
        os.close(writing)
        with os.fdopen(reading) as answer:
            number = answer.readline().strip()
        if not number:
            pytest.skip("Xvfb does not start here")
        yield Screen({**os.environ, "DISPLAY": f":{number}"}, tmp_path / "Xvfb_screen0")
        server.terminate()  # it removes its socket and its lock
        server.wait()


# Shows an image until a line arrives, and then closes its window as a user would.
SHOW = """
import select, sys
import cv2
from edge_runtime.window import window
image = cv2.imread(sys.argv[1])
with window.Window("edge-digits") as shown:
    assert shown.show(image) is None
    print("shown", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        assert shown.show(image) is None
    wait = cv2.waitKeyEx
    def close(milliseconds):
        cv2.destroyWindow("edge-digits")
        return wait(milliseconds)
    cv2.waitKeyEx = close
    print(shown.show(image), flush=True)
"""


def test_the_window_shows_the_image_and_notices_that_it_was_closed(screen, tmp_path):
    image = cv2.cvtColor(drawing.page("4285 17"), cv2.COLOR_GRAY2BGR)
    cv2.imwrite(str(tmp_path / "image.png"), image)
    command = (sys.executable, "-c", SHOW, tmp_path / "image.png")
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    # On a busy machine, the window appears late. Without a window manager, Qt sometimes misses that it has,
    # and never paints it: try again.
    for _ in range(8):
        with processes.started(*command, env=screen.environment, cwd=ROOT, **pipes) as process:
            assert process.stdout.readline() == "shown\n", process.stderr.read()
            deadline, seen = time.monotonic() + 3, False
            while not seen and time.monotonic() < deadline:
                seen = is_seen(screen.pixels(), image)
            output, errors = process.communicate("\n")
        assert errors == ""  # Qt does not complain
        assert output == "closed\n"
        assert process.returncode == 0
        if seen:
            break
    assert seen


def is_seen(pixels, image):
    """Whether a screen shows an image, at the place where it matches best."""
    match = cv2.matchTemplate(pixels, image, cv2.TM_CCOEFF_NORMED)
    y, x = np.unravel_index(match.argmax(), match.shape)
    return (pixels[y : y + image.shape[0], x : x + image.shape[1]] == image).all(axis=2).mean() > 0.99


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
@pytest.mark.parametrize("dead", [False, True], ids=["no display", "a display without a server"])
def test_no_window_opens_without_a_screen(monkeypatch, dead):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    if dead:
        # Servers take the lowest free number.
        sockets = Path("/tmp/.X11-unix")
        number = next(n for n in range(4000, 5000) if not (sockets / f"X{n}").exists())
        monkeypatch.setenv("DISPLAY", f":{number}")
    assert window.obstacle() == "there is no screen"


def test_a_window_opens_on_a_screen(monkeypatch, screen):
    monkeypatch.setenv("DISPLAY", screen.environment["DISPLAY"])
    assert window.obstacle() is None
