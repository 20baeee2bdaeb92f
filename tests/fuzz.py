"""Mutated image files: small valid files of every format, damaged at random but reproducibly.

`python -m tests.fuzz [COUNT]` decodes this many of them (5,000 by default) and reports those that crash, take
too much memory or time, or fail with anything but an `ImageError`. It needs Linux. A few are tests.
"""

from __future__ import annotations

import random
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np

from edge_runtime import ImageError
from edge_runtime.images import decode

_PER_PROCESS = 250
_MAX_CPU = 2.0  # s; all images that these files hold are small
_MAX_MEMORY = 100_000_000  # bytes above idle, besides three for every pixel
_ADDRESS_SPACE = 1_500_000_000  # bytes above idle: what a decoder may reserve without using it
_NUMBERS = (
    0,
    1,
    2,
    3,
    127,
    128,
    255,
    256,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)


def samples() -> dict[str, bytes]:
    """A small valid file of every kind that OpenCV writes in this build."""
    noise = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
    page = cv2.resize(noise, (160, 96), interpolation=cv2.INTER_CUBIC)
    grey, clear = page[:, :, 0].copy(), np.dstack([page, page[:, :, 0]])
    kinds = {
        "jpeg": (".jpg", page, ()),
        "progressive": (".jpg", page, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        "png": (".png", page, ()),
        "deep png": (".png", clear.astype(np.uint16) * 257, ()),
        "webp": (".webp", clear, (cv2.IMWRITE_WEBP_QUALITY, 80)),
        "lossless webp": (".webp", page, (cv2.IMWRITE_WEBP_QUALITY, 101)),
        "bmp": (".bmp", page, ()),
        "gif": (".gif", page, ()),
        "tiff": (".tiff", page, ()),
        "packed tiff": (".tiff", grey, (cv2.IMWRITE_TIFF_COMPRESSION, 8)),
        "avif": (".avif", page, ()),
        "pbm": (".pbm", grey, ()),
        "pgm": (".pgm", grey, ()),
        "text ppm": (".ppm", page, (cv2.IMWRITE_PXM_BINARY, 0)),
        "pam": (".pam", page, ()),
        "pfm": (".pfm", grey.astype(np.float32) / 255, ()),
        "sun": (".ras", page, ()),
        "hdr": (".hdr", page.astype(np.float32) / 255, ()),
        "jpeg 2000": (".jp2", page, ()),
    }
    written = {}
    for kind, (suffix, image, options) in kinds.items():
        try:
            good, data = cv2.imencode(suffix, image, list(options))
        except cv2.error:
            continue
        if good:
            written[kind] = data.tobytes()
    return written


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Damage a file in one to four ways."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        # Headers are at the start, in most formats.
        end = len(changed) if chance.random() < 0.4 else min(len(changed), 120)
        place = chance.randrange(max(1, end))
        match chance.randrange(8):
            case 0:  # cut off
                del changed[max(8, place) :]
            case 1:  # flip a bit
                changed[place] ^= 1 << chance.randrange(8)
            case 2 | 3:  # a length, size or count
                kind = chance.choice(("<H", ">H", "<I", ">I"))
                number = chance.choice(_NUMBERS) & (0xFFFF if kind[1] == "H" else 0xFFFFFFFF)
                changed[place : place + struct.calcsize(kind)] = struct.pack(kind, number)
            case 4:  # a number in a text header
                changed[place:place] = str(chance.choice(_NUMBERS)).encode()
            case 5:  # repeat a part many times
                part = bytes(changed[place : place + chance.randrange(2, 80)])
                changed[place:place] = part * chance.choice((1, 10, 1000))
            case 6:  # random bytes
                length = chance.randrange(1, 40)
                changed[place : place + length] = chance.randbytes(length)
            case 7:  # leave a part out
                del changed[place : place + chance.randrange(1, 40)]
        if not changed:
            break
    return _with_checksums(changed) if data.startswith(b"\x89PNG") else bytes(changed)


def _with_checksums(changed: bytearray) -> bytes:
    """A PNG with the right checksums, so that its decoder looks beyond them."""
    position = 8
    while position + 12 <= len(changed):
        end = position + 8 + int.from_bytes(changed[position : position + 4], "big")
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = struct.pack(">I", zlib.crc32(changed[position + 4 : end]))
        position = end + 4
    return bytes(changed)


def file(number: int, written: dict[str, bytes]) -> tuple[str, bytes]:
    """The kind and the bytes of a mutated file by its number."""
    chance = random.Random(number)
    kind = list(written)[number % len(written)]
    return kind, mutate(written[kind], chance)


def _peak(entry: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(entry):
            return int(line.split()[1]) * 1024
    raise RuntimeError(entry)


def _decode_some(numbers: range) -> None:
    """Decode files, and write a line for each that takes too much or fails in another way."""
    import resource

    written = samples()
    for data in written.values():  # what is loaded once does not count
        _decoded(data)
    resource.setrlimit(resource.RLIMIT_AS, (_peak("VmSize") + _ADDRESS_SPACE,) * 2)
    for number in numbers:
        kind, data = file(number, written)
        Path("/proc/self/clear_refs").write_text("5")
        idle, start = _peak("VmRSS"), time.process_time()
        pixels, problem = _decoded(data)
        seconds, memory = time.process_time() - start, _peak("VmHWM") - idle
        if seconds > _MAX_CPU or memory > _MAX_MEMORY + 3 * pixels or problem:
            sys.stdout.write(f"{number} ({kind}): {seconds:.1f} s, {memory / 1e6:.0f} MB {problem}\n")


def _decoded(data: bytes) -> tuple[int, str]:
    """Decode a file to grey and to colour; the pixels it holds, and what went wrong."""
    pixels, problem = 0, ""
    for decoder in (decode.decode, decode.decode_colour):
        try:
            height, width = decoder(data).shape[:2]
            pixels = max(pixels, height * width)
        except ImageError as error:
            if "\n" in str(error):
                problem = "a message of several lines"
        except Exception as error:
            problem = repr(error)
    return pixels, problem


def main() -> int:
    """Decode mutated files in processes of their own."""
    if len(sys.argv) == 3:
        _decode_some(range(int(sys.argv[1]), int(sys.argv[2])))
        return 0
    count, failed = int(sys.argv[1]) if len(sys.argv) > 1 else 5000, 0
    for first in range(0, count, _PER_PROCESS):
        numbers = (str(first), str(min(count, first + _PER_PROCESS)))
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz", *numbers],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode or done.stdout:
            failed += 1
            sys.stdout.write(f"{' to '.join(numbers)}: exit status {done.returncode}\n{done.stdout}")
    sys.stdout.write(f"{count} files decoded, {'problems' if failed else 'no problem'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
