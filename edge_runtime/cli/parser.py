"""The parser of the command `edge-digits`: every command, its arguments and its help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from edge_runtime import __version__
from edge_runtime.cli import arguments
from edge_runtime.cli.help import EXIT_CODES, DescriptionFormatter, Formatter
from edge_runtime.digits import TURNS
from edge_runtime.reading import MAX_THREADS

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_ADDRESS = "127.0.0.1:8000"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(f"{message}; see {self.prog} --help")


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of all commands, or of one: adding the arguments of all takes as long as parsing.

    Its options name the `command`, a function in a module of `edge_runtime.cli` of the same name. For a
    `command` that does not exist, the parser knows all, so that its message does.
    """
    parser: argparse.ArgumentParser = _Parser(
        prog="edge-digits",
        description="Read handwritten digits on the device.",
        epilog=EXIT_CODES,
        formatter_class=DescriptionFormatter,
    )
    parser.add_argument("--version", action="version", version=f"edge-digits {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    all_commands = {
        "read": _add_read,
        "scale": _add_scale,
        "camera": _add_camera,
        "cameras": _add_cameras,
        "serve": _add_serve,
        "profile": _add_profile,
        "models": _add_models,
        "doctor": _add_doctor,
    }
    for add in [all_commands[command]] if command in all_commands else all_commands.values():
        add(commands)
    return parser


def _add_command(commands: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    description = summary[0].upper() + summary[1:] + "."
    command = commands.add_parser(name, help=summary, description=description, formatter_class=Formatter)
    command.set_defaults(command=name)
    return command


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--model",
        default="int8",
        metavar="NAME",
        help="int8 (default), float, or the path of a classifier exported as .onnx",
    )


def _add_threads(command: argparse.ArgumentParser, default: int | None = 1) -> None:
    command.add_argument(
        "--threads",
        type=arguments.whole_number(1, MAX_THREADS),
        default=default,
        metavar="N",
        help=f"number of CPU cores to use (default: {default or 'all, if there are many images'})",
    )


def _add_json(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--json", action="store_true", help=text)


def _add_read(commands: Commands) -> None:
    read = _add_command(commands, "read", "read digits in images and folders")
    read.epilog = "alias: edge-digits classify"
    _add_model(read)
    _add_threads(read, None)
    read.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="image, folder, glob in quotes, address, or - for standard input, which takes paths or one "
        "image; all pages of a file are read, or only the one in a name such as scan.tif#2",
    )
    read.add_argument(
        "--out", type=Path, metavar="FILE", help="write the results to FILE (.csv, .jsonl or .parquet)"
    )
    existing = read.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="continue FILE: skip the images that it contains, retry those that failed",
    )
    existing.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    read.add_argument(
        "--annotate",
        type=Path,
        metavar="DIR",
        help="save copies of the images with boxes and labels to DIR",
    )
    read.add_argument(
        "--tiles",
        action="store_true",
        help="with --annotate: show the classifier's inputs, beside their boxes or below the image",
    )
    _add_json(read, "print one line of JSON per row instead of a table")
    _add_reading(read)
    # The former name. A command without a help text is not listed.
    commands.add_parser("classify", parents=[read], add_help=False, description=read.description)


def _add_scale(commands: Commands) -> None:
    summary = "read folders and object stores on all cores of a machine or a Ray cluster"
    scale = _add_command(commands, "scale", summary)
    scale.epilog = (
        "Needs pip install 'edge-digits[ray]'. If a Ray cluster runs on this machine, or RAY_ADDRESS names "
        "one, its machines do the reading."
    )
    _add_model(scale)
    scale.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="image, folder, glob in quotes, or folder of an object store such as s3://bucket/scans",
    )
    scale.add_argument(
        "--out",
        required=True,
        metavar="DIR",
        help="write Parquet files to DIR, a folder or the address of one in an object store",
    )
    scale.add_argument(
        "--partition",
        type=arguments.whole_number(1),
        metavar="N",
        help="number of images per Parquet file in DIR, all read by one core (default: 1000)",
    )
    existing = scale.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume", action="store_true", help="continue the run in DIR: write the files that are missing"
    )
    existing.add_argument("--overwrite", action="store_true", help="replace the results in DIR")
    _add_reading(scale)


def _add_reading(read: argparse.ArgumentParser) -> None:
    """Add the options that decide what is read, how, and in which rows."""
    read.add_argument(
        "--rows",
        choices=("digit", "number", "image"),
        metavar="UNIT",
        help="what each row of the results stands for: a digit (default), number or image",
    )
    read.add_argument("--no-recursive", action="store_true", help="do not search subfolders")
    read.add_argument(
        "--frames", action="store_true", help="read every frame of animated GIF, WebP and PNG files"
    )
    read.add_argument(
        "--min-confidence",
        type=arguments.probability,
        default=0.0,
        metavar="P",
        help="also reject digits whose confidence is below P, from 0 to 1",
    )
    read.add_argument(
        "--rotate",
        choices=("auto", *map(str, TURNS)),
        default="auto",
        metavar="TURN",
        help="turn images clockwise by 0, 90, 180 or 270 degrees before reading them; auto (default) turns "
        "only those that clearly read better that way",
    )
    read.add_argument("--quiet", action="store_true", help="print errors only")


def _add_camera(commands: Commands) -> None:
    summary = "read digits live from a camera, a stream or a video"
    camera = _add_command(commands, "camera", summary)
    _add_model(camera)
    _add_threads(camera)
    camera.add_argument(
        "source",
        nargs="?",
        default="0",
        metavar="SOURCE",
        help="camera number (default: 0), device path, picamera, URL of a stream or a camera's still image, "
        "video file, or folder of images",
    )
    camera.add_argument(
        "--size", type=arguments.size, metavar="WxH", help="request frames of W x H pixels from the camera"
    )
    camera.add_argument(
        "--fps",
        type=arguments.frame_rate,
        metavar="N",
        help="request N frames per second from the camera; a folder plays at N images per second "
        "(default: 10)",
    )
    camera.add_argument("--loop", action="store_true", help="start a video or folder again at its end")
    camera.add_argument(
        "--no-window",
        action="store_true",
        help="instead of opening a window, print a line when a number appears, changes or leaves",
    )
    camera.add_argument(
        "--serve",
        nargs="?",
        const=_ADDRESS,
        metavar="HOST:PORT",
        help=f"instead of opening a window, serve a web page and an HTTP API (default: {_ADDRESS}); "
        "the page stays up when a video or folder ends",
    )
    _add_json(camera, "print one line of JSON per event")
    camera.add_argument(
        "--out", type=Path, metavar="FILE", help="append one line of JSON per event to FILE (.jsonl)"
    )
    camera.add_argument(
        "--record", type=Path, metavar="FILE", help="record a video with boxes and labels to FILE (.mp4)"
    )
    camera.add_argument(
        "--raw", action="store_true", help="with --record: record the frames without boxes and labels"
    )
    camera.epilog = "In the window, H shows the keys and Q quits; anywhere else, Ctrl-C stops."


def _add_cameras(commands: Commands) -> None:
    cameras = _add_command(commands, "cameras", "list the cameras of this machine")
    _add_json(cameras, "print JSON instead of a table")


def _add_serve(commands: Commands) -> None:
    serve = _add_command(commands, "serve", "serve a web page and an HTTP API that read images")
    _add_model(serve)
    _add_threads(serve)
    serve.add_argument(
        "address",
        nargs="?",
        default=_ADDRESS,
        metavar="HOST:PORT",
        help=f"address to bind to (default: {_ADDRESS}); any address but localhost requires a token",
    )


def _add_profile(commands: Commands) -> None:
    summary = "measure INT8 and float on this machine, and say which one to use"
    profile = _add_command(commands, "profile", summary)
    profile.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="your own images: an image, a folder or a glob in quotes; up to 25 of them are read, in "
        "addition to a synthetic page",
    )
    profile.add_argument(
        "--size",
        type=arguments.size,
        default=(640, 480),
        metavar="WxH",
        help="size of the synthetic page and of the camera frame in pixels (default: 640x480)",
    )
    profile.add_argument(
        "--model",
        default="int8",
        metavar="NAME",
        help="model to read camera frames with: int8 (default), float, or the path of an exported .onnx "
        "file, which is then compared as well",
    )
    profile.add_argument(
        "--seconds",
        type=arguments.seconds,
        default=10.0,
        metavar="S",
        help="time for each model to read the page, and the images (default: 10); all other measurements are "
        "shorter",
    )
    _add_json(profile, "print the measurements as JSON, for a record of this machine, instead of tables")


def _add_models(commands: Commands) -> None:
    models = _add_command(commands, "models", "list the installed models")
    _add_json(models, "print JSON instead of a table")


def _add_doctor(commands: Commands) -> None:
    summary = "check the installation and print what a bug report needs"
    doctor = _add_command(commands, "doctor", summary)
    doctor.epilog = "The exit code is 1 if there is a problem."
    _add_json(doctor, "print JSON instead of a table")
