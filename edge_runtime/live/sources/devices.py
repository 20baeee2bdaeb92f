"""Webcams and Raspberry Pi cameras, opened with OpenCV or Picamera2; and the list of cameras."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.errors import MissingDependencyError, SourceError
from edge_runtime.images.quiet import quiet
from edge_runtime.live.sources.base import CaptureRequest

PICAMERA = "picamera"  # the source's name
_PICAMERA_SIZE = (640, 480)  # px, unless requested otherwise
_PICAMERA_RATE = 30.0  # frames/s, unless requested otherwise
_PICAMERA_SETUP = (
    "on Raspberry Pi OS, run sudo apt install python3-picamera2, recreate the virtual environment with "
    "python3 -m venv --system-site-packages .venv, and install edge-digits in it; rpicam-hello tests the "
    "camera itself"
)
_TRIED = 4  # camera numbers that are tried where the system has no list of cameras
_MAX_RAW_PIXELS = 640 * 480  # USB 2 has the bandwidth for about 30 uncompressed images/s of this size


class OpenCVCapture:
    """A device or stream that OpenCV has opened."""

    slow = False

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.rate = float(capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next image, BGR uint8 `(H, W, 3)`; None when there are no more."""
        if not self._capture.grab():
            return None
        with quiet:  # webcams compress images as JPEG, and often damage them
            good, image = self._capture.retrieve()
        return np.asarray(image, np.uint8) if good else None

    def release(self) -> None:
        """Close it."""
        self._capture.release()


class Device(OpenCVCapture):
    """A webcam, opened by its number or device path. `path` is "" where devices have no files."""

    def __init__(self, target: int | str, path: str, request: CaptureRequest) -> None:
        capture = cv2.VideoCapture(target)
        if not capture.isOpened():
            capture.release()
            if path and not os.path.exists(path):
                raise SourceError("no such camera; edge-digits cameras lists those connected")
            if path and not os.access(path, os.R_OK | os.W_OK):
                raise SourceError("permission denied; run sudo usermod -aG video $USER, then log in again")
            raise SourceError("cannot be opened; is it connected, and not in use by another program?")
        if request.size:
            if request.size[0] * request.size[1] > _MAX_RAW_PIXELS:
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, request.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request.size[1])
        if request.rate:
            capture.set(cv2.CAP_PROP_FPS, request.rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        super().__init__(capture)


class PiCamera:
    """A ribbon-cable (CSI) camera of a Raspberry Pi, through Picamera2 and libcamera."""

    slow = False

    def __init__(self, request: CaptureRequest) -> None:
        try:
            from picamera2 import Picamera2
        # Not only ImportError: with a newer numpy, Debian's package raises ValueError.
        except Exception as error:
            raise MissingDependencyError(
                f"{PICAMERA} needs Picamera2, which cannot be loaded ({error}); {_PICAMERA_SETUP}"
            ) from error
        if not Picamera2.global_camera_info():
            raise SourceError(f"no camera is attached; check the cable and the connector; {_PICAMERA_SETUP}")
        self._camera: Any = Picamera2()
        controls = {"FrameRate": request.rate} if request.rate else {}
        # "RGB888" is blue, green, red in memory, the order of OpenCV (picamera2 issue 191).
        main = {"format": "RGB888", "size": request.size or _PICAMERA_SIZE}
        try:
            self._camera.configure(self._camera.create_video_configuration(main=main, controls=controls))
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise
        self.rate = float(request.rate or _PICAMERA_RATE)

    def read(self) -> NDArray[np.uint8] | None:
        """Wait for the next image, BGR uint8 `(H, W, 3)`."""
        return np.asarray(self._camera.capture_array("main"), np.uint8)[:, :, :3]

    def release(self) -> None:
        """Stop and close the camera."""
        self._camera.stop()
        self._camera.close()


@dataclass(frozen=True, slots=True)
class Camera:
    """A connected camera: the `source` that opens it, and its `name`."""

    source: str
    name: str


def list_cameras() -> list[Camera]:
    """List the connected cameras, webcams first.

    No camera is started on Linux. Other systems have no list, so the first few numbers are tried.
    """
    if sys.platform != "linux":
        return [Camera(str(number), "?") for number in range(_TRIED) if _opens(number)]
    found = []
    devices = Path("/sys/class/video4linux").glob("video*")
    for device in sorted(devices, key=lambda path: (len(path.name), path.name)):
        path = f"/dev/{device.name}"
        if not _captures(path):
            continue
        try:
            name = (device / "name").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            name = "?"
        found.append(Camera(device.name.removeprefix("video"), f"{name} ({path})"))
    return found + _list_picameras()


def _opens(number: int) -> bool:
    capture = cv2.VideoCapture(number)
    opened = capture.isOpened()
    capture.release()
    return opened


# From linux/videodev2.h
_QUERY_CAPABILITIES = 0x80685600  # VIDIOC_QUERYCAP
_CAPABILITIES_SIZE = 104  # bytes of struct v4l2_capability
_DEVICE_CAPS = slice(88, 92)  # bytes of its field device_caps
_CAPTURES = 0x1 | 0x1000  # V4L2_CAP_VIDEO_CAPTURE and V4L2_CAP_VIDEO_CAPTURE_MPLANE


def _captures(path: str) -> bool:
    """Whether a device captures images. Other devices carry a webcam's metadata, or decode video."""
    import fcntl

    answer = bytearray(_CAPABILITIES_SIZE)
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(handle, _QUERY_CAPABILITIES, answer)
        finally:
            os.close(handle)
    except OSError:
        return True  # list what cannot be queried: opening it reports the reason
    return bool(int.from_bytes(answer[_DEVICE_CAPS], sys.byteorder) & _CAPTURES)


def _list_picameras() -> list[Camera]:
    try:
        from picamera2 import Picamera2

        return [Camera(PICAMERA, str(info.get("Model", "?"))) for info in Picamera2.global_camera_info()[:1]]
    except Exception:  # not installed, or not for this Python: opening it reports the reason
        return []
