"""TODO."""

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
from edge_runtime.live.sources.base import _PICAMERA_SETUP, PICAMERA, CaptureRequest, _limits


class _OpenCVCapture:
    """What OpenCV opens."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        self.rate = float(capture.get(cv2.CAP_PROP_FPS))

    def read(self) -> NDArray[np.uint8] | None:
        good, image = self._capture.read()
        return np.asarray(image, np.uint8) if good else None

    def release(self) -> None:
        self._capture.release()


class _Device(_OpenCVCapture):
    """A webcam by its number or device path."""

    def __init__(self, target: int | str, path: str, request: CaptureRequest) -> None:
        capture = cv2.VideoCapture(target)
        if not capture.isOpened():
            capture.release()
            if path.startswith("/dev/") and not os.path.exists(path):
                raise SourceError("is not there; edge-digits cameras lists those that are")
            if path.startswith("/dev/") and not os.access(path, os.R_OK | os.W_OK):
                raise SourceError("may not be opened by you: sudo usermod -aG video $USER, and log in again")
            raise SourceError("cannot be opened; is it connected, and used by no other program?")
        if request.size:
            if request.size[0] * request.size[1] > 640 * 480:
                # Over USB 2 only compressed images of this size come at more than a few a second.
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, request.size[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request.size[1])
        if request.rate:
            capture.set(cv2.CAP_PROP_FPS, request.rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        super().__init__(capture)


class _Stream(_OpenCVCapture):
    """An HTTP or RTSP stream, through FFmpeg, which gives up by itself when the other side falls silent."""

    def __init__(self, url: str) -> None:
        capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG, _limits())
        if not capture.isOpened():
            capture.release()
            raise SourceError("cannot be opened; is the address right, and does it serve a stream?")
        super().__init__(capture)


class _Picamera:
    """A ribbon-cable (CSI) camera of a Raspberry Pi, through Picamera2 and libcamera."""

    def __init__(self, request: CaptureRequest) -> None:
        try:
            from picamera2 import Picamera2
        # Not only ImportError: Debian's package beside a newer numpy fails with ValueError.
        except Exception as error:
            raise MissingDependencyError(
                f"{PICAMERA} needs Picamera2, which cannot be loaded ({error}); {_PICAMERA_SETUP}"
            ) from error
        if not Picamera2.global_camera_info():
            raise SourceError(f"no camera is attached, or not to this connector; {_PICAMERA_SETUP}")
        self._camera: Any = Picamera2()
        controls = {"FrameRate": request.rate} if request.rate else {}
        # "RGB888" is blue, green, red in memory: the order that OpenCV has (picamera2 issue 191).
        main = {"format": "RGB888", "size": request.size or (640, 480)}
        try:
            self._camera.configure(self._camera.create_video_configuration(main=main, controls=controls))
            self._camera.start()
        except BaseException:
            self._camera.close()
            raise
        self.rate = float(request.rate or 30)

    def read(self) -> NDArray[np.uint8] | None:
        return np.asarray(self._camera.capture_array("main"), np.uint8)[:, :, :3]

    def release(self) -> None:
        self._camera.stop()
        self._camera.close()


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that this machine shows: what to name as the source, and what it calls itself."""

    source: str
    name: str


def list_cameras() -> list[Camera]:
    """The cameras that this machine shows, webcams first, without starting any.

    Systems other than Linux have no list to look at: the first few numbers are tried there.
    """
    if sys.platform != "linux":
        return [Camera(str(number), "?") for number in range(4) if _opens(number)]
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


_QUERY_CAPABILITIES = 0x80685600  # VIDIOC_QUERYCAP of linux/videodev2.h
_CAPTURES = 0x1 | 0x1000  # V4L2_CAP_VIDEO_CAPTURE, of one plane or several


def _captures(path: str) -> bool:
    """Whether a device gives images: webcams show a second one for metadata, boards show decoders."""
    import fcntl

    answer = bytearray(104)
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        try:
            fcntl.ioctl(handle, _QUERY_CAPABILITIES, answer)
        finally:
            os.close(handle)
    except OSError:
        return True  # not ours to ask: listed all the same, opening it gives the reason
    return bool(int.from_bytes(answer[88:92], sys.byteorder) & _CAPTURES)


def _list_picameras() -> list[Camera]:
    try:
        from picamera2 import Picamera2

        return [Camera(PICAMERA, str(info.get("Model", "?"))) for info in Picamera2.global_camera_info()[:1]]
    except Exception:  # not installed, or not for this Python: opening it gives the reason
        return []
