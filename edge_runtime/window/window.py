"""The window on the screen and its keys: the only caller of OpenCV's GUI."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError

# What the keys of the window do; the help in the window and the documents are made from this.
KEYS = {
    " ": "pause, and go on",
    "s": "save a snapshot",
    "r": "record, and stop",
    "m": "float or INT8 model",
    "t": "show what the network saw",
    "h": "show this help",
    "q": "quit",
}

CLOSED = "closed"
_ESCAPE = 27

# Qt warns of fonts that nobody asked for, and of a Wayland plug-in that OpenCV does not bring along.
_QUIET = "default.warning=false;qt.qpa.plugin.warning=false"


def can_open() -> bool:
    """Whether a window can be opened, tried in a process of its own: without a screen Qt ends it."""
    program = "import cv2; cv2.namedWindow('edge-digits'); cv2.destroyAllWindows()"
    with contextlib.suppress(subprocess.TimeoutExpired):
        # Not in the present folder, whose files the program would import.
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=sys.prefix, capture_output=True, timeout=20, check=False
        )
        return done.returncode == 0
    return False


class Window:
    """A window that shows images and says which key was pressed.

    Raises `MissingDependencyError` where this OpenCV has no windows or there is no screen.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._size: tuple[int, int] | None = None  # of the last image, (width, height)
        self._seen = False
        os.environ.setdefault("QT_LOGGING_RULES", _QUIET)
        if not can_open():
            raise MissingDependencyError(
                "no window can be opened: there is no screen, or OpenCV was built without windows "
                "(pip install opencv-python); --no-window prints the results instead"
            )
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def show(self, image: NDArray[np.uint8]) -> str | None:
        """Show an image, BGR uint8 `(H, W, 3)`, and say what the user did, without waiting for it.

        That is one of `KEYS` (Escape counts as "q", capitals as small letters), `CLOSED` once the window
        has been closed, or None. The window keeps its width, and takes the shape of the images.
        """
        self._fit(image.shape[1], image.shape[0])
        cv2.imshow(self.title, image)
        key = named(cv2.waitKeyEx(1))
        visible = self._visible()
        # Some systems show a window only a while after it was opened: it is closed once it had been seen.
        if self._seen and not visible:
            return CLOSED
        self._seen = self._seen or visible
        return key

    def _fit(self, width: int, height: int) -> None:
        """Give the window the shape of its images where that has changed, and leave it the user's scale."""
        if self._size == (width, height):
            return
        scale = 1.0
        if self._size is not None:
            shown = cv2.getWindowImageRect(self.title)[2]
            scale = shown / self._size[0] if shown > 0 else 1.0
        cv2.resizeWindow(self.title, max(1, round(width * scale)), max(1, round(height * scale)))
        self._size = (width, height)

    def _visible(self) -> bool:
        try:
            return bool(cv2.getWindowProperty(self.title, cv2.WND_PROP_VISIBLE) >= 1)
        except cv2.error:  # some backends no longer know a window that is closed
            return False

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()


def named(code: int) -> str | None:
    """The key of `KEYS` that OpenCV's `waitKeyEx` has answered with, or None.

    Above 16 bits GTK says which modifiers are held. Arrows and the like are 0xFF51 and up: cut to eight
    bits, as `waitKey` does, the left arrow would be a "Q".
    """
    if code < 0:
        return None
    code &= 0xFFFF
    if code == _ESCAPE:
        return "q"
    key = chr(code).lower()
    return key if key in KEYS else None
