"""Frames as they come: of cameras and streams the newest one, of videos and folders every one."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit, urlunsplit

from edge_runtime.errors import SourceError
from edge_runtime.live.sources.base import _ANYTHING, PICAMERA, CaptureRequest, Frames
from edge_runtime.live.sources.devices import _Device, _Picamera, _Stream
from edge_runtime.live.sources.files import FOLDER_RATE, FolderFrames, VideoFrames
from edge_runtime.live.sources.newest import LiveFrames

_VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v")  # on a web server too, they end as files do


def open_frames(source: str, request: CaptureRequest = _ANYTHING, *, paced: bool = False) -> Frames:
    """Open a camera (its number, device path or `picamera`), a stream's URL, a video file or a folder.

    Files and folders give their frames as fast as they are asked for, or in their own time if `paced`.
    Raises `SourceError` when it cannot be opened, or is asked for what it cannot choose;
    `MissingDependencyError` when Picamera2 is not there.
    """
    if source == PICAMERA:
        return LiveFrames(source, lambda: _Picamera(request), request)
    device = f"/dev/video{source}" if source.isdecimal() and sys.platform == "linux" else source
    if source.isdecimal() and len(source) > 4:
        raise SourceError(f"camera {source}: no camera has that number; edge-digits cameras lists them")
    if source.isdecimal() or source.startswith("/dev/"):
        name = f"camera {source}" if source.isdecimal() else source
        target = int(source) if source.isdecimal() else source
        return LiveFrames(name, lambda: _Device(target, device, request), request, device=device)
    source = source.removeprefix("file://")
    if os.path.isdir(source):
        if request.size:
            raise SourceError(f"{source}: a folder's images have the size they have; leave out --size")
        return FolderFrames(source, request.rate or FOLDER_RATE, paced=paced)
    if request.size or request.rate:
        raise SourceError(f"{source}: size and rate are a camera's to choose; leave out --size and --fps")
    if "://" in source:
        address = urlsplit(source)
        # Neither passwords nor keys are for the screen, the log or the page.
        name = urlunsplit((address.scheme, address.netloc.rpartition("@")[2], address.path, "", ""))
        if address.scheme in ("http", "https") and address.path.lower().endswith(_VIDEOS):
            return VideoFrames(source, name, paced=paced)
        return LiveFrames(name, lambda: _Stream(source))
    if not os.path.isfile(source):
        raise SourceError(
            f"{source}: no such video or folder, nor a camera's number, device, URL or {PICAMERA}"
        )
    return VideoFrames(source, source, paced=paced)
