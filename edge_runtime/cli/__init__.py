"""The command `edge-digits`: arguments in, exit codes out; nothing else in the runtime prints."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from edge_runtime import __version__
from edge_runtime.cli.terminal import print_message
from edge_runtime.errors import EdgeDigitsError

EXIT_CODES = """exit codes:
  0    everything that was asked for was done
  1    some images could not be read, or the work stopped half-way; results made before are kept
  2    the command cannot be carried out as it was given
  130  stopped by Ctrl-C; results made before are kept
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    # Damaged files are reported by us, in one line. OpenCV looks at this once, when it is loaded.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet, in FFmpeg's own numbers
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    with contextlib.suppress(AttributeError):
        # A name that the terminal's encoding lacks shall not stop the work.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        module = import_module(f"edge_runtime.cli.{options.module}")
        return int(getattr(module, options.command)(options))
    except EdgeDigitsError as error:
        print_message(str(error))
        return 2
    except ImportError as error:
        if _was_interrupted(error):
            print_message("stopped")
            return 130
        print_message(
            f"{error}. A system library or a package is missing; on Debian and Raspberry Pi OS try: "
            "sudo apt install libgl1 libglib2.0-0, on a machine without a screen: "
            "pip install opencv-python-headless"
        )
        return 2
    except KeyboardInterrupt:
        print_message(
            "stopped; go on with --resume" if options.command == "classify" and options.out else "stopped"
        )
        return 130
    except OSError as error:
        # Standard output, as a rule: the interpreter must not try it again when it flushes at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has seen enough.
            return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
        print_message(f"stopped: {error}")
        return 1


_ADDRESS = "127.0.0.1:8000"


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: extension modules that it meets while they load report their own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-digits",
        description="Handwritten digits, read on the device.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edge-digits {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    network = argparse.ArgumentParser(add_help=False)
    network.add_argument(
        "--model",
        default="int8",
        metavar="NAME",
        help="int8 (default), float, or the path of an exported .onnx file",
    )
    network.add_argument(
        "--threads", type=whole_number, default=1, metavar="N", help="cores to use (default: 1)"
    )

    def command(name: str, module: str, text: str, *, reads: bool = False) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", parents=[network] if reads else []
        )
        added.set_defaults(module=module, command=name)
        return added

    classify = command("classify", "classify", "read digits in images, folders, globs or lists", reads=True)
    classify.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="an image, a folder, a glob in quotes, or - for a list of paths on standard input",
    )
    classify.add_argument(
        "--out", type=Path, metavar="FILE", help="write a row a digit to FILE: .csv, .jsonl or .parquet"
    )
    existing = classify.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on with FILE: images that it holds are passed over, those that failed are tried again",
    )
    existing.add_argument("--overwrite", action="store_true", help="replace FILE where it exists")
    classify.add_argument(
        "--annotate", type=Path, metavar="DIR", help="save the images with boxes and labels in DIR"
    )
    classify.add_argument(
        "--tiles", action="store_true", help="with --annotate: inset what the network saw of every digit"
    )
    classify.add_argument(
        "--json", action="store_true", help="print a line of JSON a digit instead of a table"
    )
    classify.add_argument("--no-recursive", action="store_true", help="leave out folders inside folders")

    camera = command("camera", "live", "read digits live from a camera, a stream or a video", reads=True)
    camera.add_argument(
        "source",
        nargs="?",
        default="0",
        metavar="SOURCE",
        help="a camera's number (default: 0), its device path, picamera, a stream's URL, a video file, or a "
        "folder of images to play",
    )
    camera.add_argument("--size", type=_size, metavar="WxH", help="ask the camera for images of W x H pixels")
    camera.add_argument("--fps", type=_rate, metavar="N", help="ask the camera for N frames a second")
    camera.add_argument(
        "--no-window",
        action="store_true",
        help="no window: print the numbers that appear, change and leave; for services",
    )
    camera.add_argument(
        "--serve",
        nargs="?",
        const=_ADDRESS,
        metavar="HOST:PORT",
        help=f"no window: a web page and an HTTP API instead ({_ADDRESS} if not given)",
    )
    camera.add_argument("--json", action="store_true", help="print a line of JSON an event")
    camera.add_argument("--out", type=Path, metavar="FILE", help="add a line of JSON an event to FILE.jsonl")
    camera.add_argument("--record", type=Path, metavar="FILE", help="record what is seen as a video, .mp4")
    camera.add_argument(
        "--raw", action="store_true", help="with --record: as the camera gives it, without drawings"
    )

    command("cameras", "live", "list the cameras of this machine").add_argument(
        "--json", action="store_true", help="print JSON instead of a table"
    )

    serve = command("serve", "live", "read images for others: a web page and an HTTP API", reads=True)
    serve.add_argument(
        "address", nargs="?", default=_ADDRESS, metavar="HOST:PORT", help=f"where (default: {_ADDRESS})"
    )

    profile = command("profile", "inspect", "measure the models on this machine, float against INT8")
    profile.add_argument(
        "--model", default="int8", metavar="NAME", help="an exported .onnx file to measure beside them"
    )
    profile.add_argument(
        "--seconds", type=seconds, default=1.0, metavar="S", help="time for each figure (default: 1)"
    )
    profile.add_argument("--json", action="store_true", help="print the record as JSON instead of tables")

    models = command("models", "inspect", "list the models that are installed")
    models.add_argument("--json", action="store_true", help="print JSON instead of a table")

    doctor = command("doctor", "inspect", "check the installation; what a bug report needs")
    doctor.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def whole_number(text: str) -> int:
    """A number of threads or repeats, as an argument."""
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 1024")
    return int(text)


def seconds(text: str) -> float:
    """A duration, as an argument."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds, more than 0 and less than 3600")
    return value


def _size(text: str) -> tuple[int, int]:
    """A size in pixels, as an argument."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and 16 <= int(side) <= 16384 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x720")
    return int(sides[0]), int(sides[1])


def _rate(text: str) -> float:
    """Frames a second, as an argument."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of frames a second, from 0.1 to 1000")
    return value
