"""Sources of frames: cameras and streams give the newest frame, videos and folders every frame."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit, urlunsplit

from edge_runtime.errors import SourceError
from edge_runtime.live.sources import devices
from edge_runtime.live.sources.base import CaptureRequest, Frames
from edge_runtime.live.sources.files import FolderFrames, VideoFrames
from edge_runtime.live.sources.reconnecting import LiveFrames

_VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")  # other URLs are streams
_MAX_CAMERA_DIGITS = 4  # longer numbers overflow in OpenCV


def open_frames(source: str, request: CaptureRequest | None = None, *, paced: bool = False) -> Frames:
    """Open a camera (number, device path or `picamera`), a stream's URL, a video file or a folder of images.

    Frames of videos and folders are returned as fast as they are read, or at their frame rate if `paced`.
    Raises `SourceError` when the source cannot be opened or does not support the `request`, and
    `MissingDependencyError` when Picamera2 is not installed.
    """
    request = request or CaptureRequest()
    if source == devices.PICAMERA:
        return LiveFrames(source, lambda: devices.PiCamera(request), request)
    if source.isdecimal() or source.startswith("/dev/"):
        return _open_device(source, request)
    source = source.removeprefix("file://")
    if os.path.isdir(source):
        if request.size:
            raise SourceError(f"{source}: the images of a folder keep their own size; leave out --size")
        return FolderFrames(source, request.rate, paced=paced)
    is_url = "://" in source
    name = _name_url(source) if is_url else source
    if request.size or request.rate:
        raise SourceError(f"{name}: only cameras have a choice of formats; leave out --size and --fps")
    if is_url:
        if name.lower().startswith(("http://", "https://")) and name.lower().endswith(_VIDEO_SUFFIXES):
            return VideoFrames(source, name, paced=paced)
        return LiveFrames(name, lambda: devices.Stream(source), request)
    if not os.path.isfile(source):
        raise SourceError(
            f"{source}: no such video or folder; other sources are a camera's number or device path, "
            f"{devices.PICAMERA}, or a URL"
        )
    return VideoFrames(source, source, paced=paced)


def _open_device(source: str, request: CaptureRequest) -> Frames:
    """Open a webcam by its number or device path."""
    if not source.isdecimal():
        return LiveFrames(source, lambda: devices.Device(source, source, request), request, device=source)
    name = f"camera {source}"
    if len(source) > _MAX_CAMERA_DIGITS:
        raise SourceError(f"{name}: no camera has that number; edge-digits cameras lists those connected")
    number = int(source)
    path = f"/dev/video{number}" if sys.platform == "linux" else ""
    return LiveFrames(name, lambda: devices.Device(number, path, request), request, device=path)


def _name_url(url: str) -> str:
    """The URL without what must not appear on the screen, in the log or on the page: passwords and keys.

    Raises `SourceError` where it cannot tell what is the password.
    """
    try:
        address = urlsplit(url)
        _ = address.port
    except ValueError as error:  # with a / in the password, what comes before it would be the port
        scheme = url.partition("://")[0]
        raise SourceError(
            f"the address after {scheme}:// is invalid; write special characters of a user name or password "
            "as %2F for /, %3F for ?, %23 for #, %40 for @"
        ) from error
    return urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))
