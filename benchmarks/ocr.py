"""Programs that read text, as contenders for whole images: RapidOCR and Tesseract, on one thread.

Each is a function from an image, BGR uint8 `[H, W, 3]`, to the digits in it, as text. Of other characters
nothing is kept. Both models ship with the packages, and nothing is downloaded.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from importlib import metadata
from importlib.util import find_spec

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import Contender
from benchmarks.errors import BenchmarkError

ReadText = Callable[[NDArray[np.uint8]], str]


def load_all() -> tuple[list[Contender], dict[str, str]]:
    """The programs that run here, and the reason why each other one does not."""
    found, left_out = [], {}
    for name, load in (("RapidOCR", _rapidocr), ("Tesseract", _tesseract)):
        try:
            read = load()
            read(np.full((64, 64, 3), 255, np.uint8))
        except ModuleNotFoundError as error:
            left_out[name] = f"{error.name} is not installed"
        except Exception as error:  # each has errors of its own
            left_out[name] = (
                f"does not run here: {(str(error).strip() or type(error).__name__).splitlines()[0]}"
            )
        else:
            found.append(Contender(name, read))
    return found, left_out


def versions() -> dict[str, str]:
    """The versions of these programs, where they are installed."""
    known = {}
    if find_spec("rapidocr"):
        known["rapidocr"] = metadata.version("rapidocr")
    if shutil.which("tesseract"):
        done = subprocess.run(["tesseract", "--version"], capture_output=True, text=True, check=False)
        known["tesseract"] = (done.stdout or done.stderr).split()[1]
    return known


def _digits(text: str) -> str:
    return "".join(re.findall("[0-9]", text))


def _rapidocr() -> ReadText:
    from rapidocr import RapidOCR

    threads = "EngineConfig.onnxruntime.{}_op_num_threads"
    settings = {"Global.log_level": "critical", threads.format("intra"): 1, threads.format("inter"): 1}
    engine = RapidOCR(params=settings)
    return lambda image: _digits(" ".join(engine(image).txts or ()))


def _tesseract() -> ReadText:
    """Tesseract as a process for each image, looking for digits anywhere (`--psm 11`)."""
    program = shutil.which("tesseract")
    if program is None:
        raise ModuleNotFoundError("no program tesseract", name="tesseract")
    command = [program, "stdin", "stdout", "--psm", "11", "-c", "tessedit_char_whitelist=0123456789"]
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}

    def read(image: NDArray[np.uint8]) -> str:
        _, encoded = cv2.imencode(".bmp", image)  # which costs least
        done = subprocess.run(command, input=encoded.tobytes(), capture_output=True, env=environment)
        if done.returncode:
            reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise BenchmarkError(f"tesseract failed: {' '.join(reason) or done.returncode}")
        return _digits(done.stdout.decode(errors="replace"))

    return read
