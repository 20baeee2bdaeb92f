"""Shows an image in the viewer of the desktop: the one that opens when a PNG file is double-clicked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError
from edge_runtime.images.encode import encode

_SECONDS = 3  # within which a command that cannot open a viewer has failed


def open_viewer(image: NDArray[np.uint8], name: str) -> Path:
    """Open an image, BGR uint8 `(H, W, 3)`, in the viewer, without waiting for the user to close it.

    The viewer gets a file `name`.png in a new temporary folder, whose path is returned. Raises
    `MissingDependencyError` if there is no screen or no viewer.
    """
    command = {"darwin": "open", "win32": ""}.get(sys.platform, "xdg-open")
    if command == "xdg-open" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise MissingDependencyError("there is no screen to show an image on; save it instead")
    if command and not shutil.which(command):
        raise MissingDependencyError(f"there is no {command} to show an image with; save it instead")
    path = Path(tempfile.mkdtemp(prefix="edge-digits-")) / f"{name}.png"
    path.write_bytes(encode(image, path.suffix))
    if sys.platform == "win32":
        os.startfile(path)
    else:
        _start([command, str(path)])
    return path


def _start(command: list[str]) -> None:
    """Start a viewer that goes on by itself. Raises `MissingDependencyError` if it fails at once."""
    nowhere = subprocess.DEVNULL
    viewer = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    try:
        code = viewer.wait(_SECONDS)
    except subprocess.TimeoutExpired:  # some commands last as long as the viewer does
        threading.Thread(target=viewer.wait, daemon=True).start()
        return
    if code:
        raise MissingDependencyError(
            f"{command[0]} has no viewer for PNG images; save the image instead (exit code {code})"
        )
