"""Sources of frames: cameras and streams give the newest frame, videos and folders every frame."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from edge_runtime.errors import SourceError
from edge_runtime.images import suffixes
from edge_runtime.live.sources import devices, network, servers
from edge_runtime.live.sources.base import CaptureRequest, Frames
from edge_runtime.live.sources.files import FolderFrames, VideoFrames
from edge_runtime.live.sources.looped import LoopedFrames
from edge_runtime.live.sources.reconnecting import LiveFrames

_VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")  # other URLs are streams
_ANIMATED = {".apng", ".gif", ".png"}  # images that may have many frames
_MAX_CAMERA_DIGITS = 4  # longer numbers overflow in OpenCV


def open_frames(
    source: str, request: CaptureRequest | None = None, *, paced: bool = False, loop: bool = False
) -> Frames:
    """Open a camera (number, device path, `picamera`), a stream's or image's URL, a video, or a folder.

    Frames of videos and folders are returned as fast as they are read, or at their frame rate if `paced`;
    with `loop`, they start again at their end. Raises `SourceError` when the source cannot be opened, has no
    end to loop at or does not support the `request`, and `MissingDependencyError` when Picamera2 is not
    installed.
    """
    if not loop:
        return _open(source, request or CaptureRequest(), paced=paced)
    frames = LoopedFrames(lambda: _open(source, request or CaptureRequest(), paced=paced))
    if frames.live:
        frames.close()
        raise SourceError(f"{frames.name} has no end; leave out --loop")
    return frames


def _open(source: str, request: CaptureRequest, *, paced: bool) -> Frames:
    if source == devices.PICAMERA:
        return LiveFrames(source, lambda: devices.PiCamera(request), request)
    if source.isdecimal() or _is_device(source):
        return _open_device(source, request)
    source = source.removeprefix("file://")
    if os.path.isdir(source):
        if request.size:
            raise SourceError(f"{source}: the images of a folder keep their own size; leave out --size")
        return FolderFrames(source, request.rate, paced=paced)
    # Passwords and keys must not appear on the screen, in the log or on the page.
    name = servers.public_name(source) if "://" in source else source
    if request.size or request.rate:
        raise SourceError(f"{name}: only cameras have a choice of formats; leave out --size and --fps")
    if "://" in source:
        if servers.is_http(source) and urlsplit(source).path.lower().endswith(_VIDEO_SUFFIXES):
            return VideoFrames(source, name, paced=paced)
        return LiveFrames(name, lambda: network.connect(source), request)
    if not os.path.isfile(source):
        raise SourceError(
            f"{source}: no such video or folder; other sources are a camera's number or device path, "
            f"{devices.PICAMERA}, or a URL"
        )
    if Path(source).suffix.lower() in suffixes.ALWAYS - _ANIMATED:
        raise SourceError(f"{source} is an image, not a video; use edge-digits read instead")
    return VideoFrames(source, source, paced=paced)


def _is_device(source: str) -> bool:
    """Whether a source is a device, or one that is not connected. Memory under /dev/shm holds files, too."""
    return source.startswith("/dev/") and not (os.path.isfile(source) or os.path.isdir(source))


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
