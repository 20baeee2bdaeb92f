"""The host: facts about the machine, what is installed on it, and its present state."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import cv2

from edge_runtime.models import manifest
from edge_runtime.reading.cores import cores


def versions(names: tuple[str, ...] = ()) -> dict[str, str | None]:
    """Versions of Python, this package, its large dependencies and `names`; None if not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for name in ("edge-digits", "numpy", "onnxruntime", *names):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    # OpenCV is distributed in packages of many names, by pip and by the system: ask the module.
    return {**found, "opencv": cv2.__version__}


def conditions(names: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a measurement depends on: its time, machine, models, and versions (of `names` as well)."""
    return {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(names),
        "host": facts(),
        "before": state(),
        "models": {entry.file: entry.sha256 for entry in manifest.entries()},
        "runs": sorted({entry.run_id for entry in manifest.entries()}),
    }


def opencv_build() -> dict[str, str]:
    """What OpenCV was built with: its window toolkit and its backends for videos and cameras."""
    build = cv2.getBuildInformation()

    def has(part: str) -> bool:
        return re.search(rf"^\s*{part}:\s+YES", build, re.MULTILINE) is not None

    windows = [part for part in ("QT", "GTK", "Win32 UI", "Cocoa") if has(rf"{part}[\d+]*")]
    videos = [part for part in ("FFMPEG", "GStreamer", "v4l/v4l2", "AVFoundation", "DirectShow") if has(part)]
    return {"opencv window": ", ".join(windows) or "none", "opencv video": ", ".join(videos) or "none"}


def describe(host: dict[str, Any]) -> str:
    """What `facts` has found, in a few words."""
    flags = " ".join(host["flags"]) or "no known integer instructions"
    return f"{host['cpu']}, {host['cores']} core{'s' * (host['cores'] != 1)}, {flags}"


_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimd", "asimddp", "i8mm", "sve")


def facts() -> dict[str, Any]:
    """What determines the speed of this machine: its CPU, integer instructions, cores and memory.

    `memory_mb` is None where it is unknown, and `flags` holds only flags that matter for INT8 models.
    """
    info = _read("/proc/cpuinfo")
    model = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", info, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", info, re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.MULTILINE)
    board = _read("/proc/device-tree/model").strip("\0 \n")
    known = flags.group(1).split() if flags else []
    return {
        "machine": platform.machine(),
        "system": platform.platform(terse=True),
        "cpu": board or (model.group(1) if model else platform.processor() or "unknown"),
        "flags": [flag for flag in _FLAGS if flag in known],
        "cores": cores(),
        "memory_mb": int(memory.group(1)) // 1024 if memory else None,
    }


def state() -> dict[str, Any]:
    """What changes while a machine works: load, clock, temperature and throttling; None where unknown."""
    degrees = _read("/sys/class/thermal/thermal_zone0/temp").strip()
    clock = _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").strip()
    return {
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "clock_mhz": int(clock) // 1000 if clock.isdigit() else None,
        "celsius": int(degrees) / 1000 if degrees.isdigit() else None,
        "throttled": _throttled(),
    }


def _throttled() -> str | None:
    """The throttle flags of a Raspberry Pi: all but "0x0" mean heat or a weak power supply."""
    if not shutil.which("vcgencmd"):
        return None
    done = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True, check=False)
    return done.stdout.strip().partition("=")[2] or None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
