"""The window on the screen. No other module calls OpenCV's GUI."""

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
from edge_runtime.images import child
from edge_runtime.window.keys import key_name

CLOSED = "closed"

# Qt warns about missing fonts, and about a Wayland plug-in that OpenCV does not ship. Neither matters here.
_QT_LOGGING_RULES = "default.warning=false;qt.qpa.plugin.warning=false"


_NO_SCREEN = "there is no screen"
_NO_WINDOWS = (
    "OpenCV was built without windows (pip uninstall opencv-python opencv-python-headless, then pip install "
    "opencv-python)"
)


def obstacle() -> str | None:
    """Why no window can be opened; None if one can.

    It is tried in a subprocess: without a screen, Qt aborts the process.
    """
    program = f"{child.SAFE_PATH}import cv2; cv2.namedWindow('edge-digits'); cv2.destroyAllWindows()"
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=20, check=False)
        if done.returncode == 0:
            return None
        return _NO_WINDOWS if b"not implemented" in done.stderr else _NO_SCREEN
    return _NO_SCREEN


class Window:
    """A window that shows images and reports the keys pressed in it; a context manager that closes it.

    Raises `MissingDependencyError` when there is no screen or OpenCV was built without windows.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self._size: tuple[int, int] | None = None  # of the last image, (width, height)
        self._seen = False
        os.environ.setdefault("QT_LOGGING_RULES", _QT_LOGGING_RULES)
        if reason := obstacle():
            raise MissingDependencyError(
                f"cannot open a window: {reason}; use --no-window to print the results instead, or --serve "
                "for a web page"
            )
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)

    def show(self, image: NDArray[np.uint8]) -> str | None:
        """Show an image, BGR uint8 `(H, W, 3)`, and return the key that was pressed, without waiting.

        Returns a key of `keys.KEYS`, `CLOSED` once the user has closed the window, or None. The window takes
        the shape of the image and keeps the scale that the user gave it.
        """
        self._fit(image.shape[1], image.shape[0])
        cv2.imshow(self.title, image)
        key = key_name(cv2.waitKeyEx(1))
        visible = self._visible()
        # A new window may take a while to become visible: it only counts as closed after that.
        if self._seen and not visible:
            return CLOSED
        self._seen = self._seen or visible
        return key

    def _fit(self, width: int, height: int) -> None:
        """Resize the window when the size of the images changes."""
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
        except cv2.error:  # some backends raise for a window that was closed
            return False

    def __enter__(self) -> Window:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()
