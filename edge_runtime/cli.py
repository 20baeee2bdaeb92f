"""The command `edge-digits`: arguments in, exit codes out; the only module of the runtime that prints."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime import __version__
from edge_runtime.errors import EdgeDigitsError, OutputError, PictureError, SourceError

if TYPE_CHECKING:
    from edge_runtime.camera import Frame
    from edge_runtime.display import Window
    from edge_runtime.reader import DigitReader
    from edge_runtime.results import Reading

EXIT_CODES = """exit codes:
  0    everything that was asked for was done
  1    some pictures could not be read, or the work stopped half-way; results made before are kept
  2    the command cannot be carried out as it was given
  130  stopped by Ctrl-C; results made before are kept
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    with contextlib.suppress(AttributeError):
        # A name that the terminal's encoding lacks shall not stop the work.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return int(options.run(options))
    except EdgeDigitsError as error:
        _complain(str(error))
        return 2
    except ImportError as error:
        _complain(
            f"{error}. A system library or a package is missing; on Debian and Raspberry Pi OS try: "
            "sudo apt install libgl1 libglib2.0-0, on a machine without a screen: "
            "pip install opencv-python-headless"
        )
        return 2
    except KeyboardInterrupt:
        _complain("stopped")
        return 130
    except OSError as error:
        # Standard output, as a rule: the interpreter must not try it again when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has seen enough.
            return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
        _complain(f"stopped: {error}")
        return 1


def _complain(message: str) -> None:
    print(f"edge-digits: {_one_line(message)}", file=sys.stderr)


def _one_line(text: str) -> str:
    """Escape what would move the cursor: file names may hold anything."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


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
        "--threads", type=_positive, default=1, metavar="N", help="cores to use (default: 1)"
    )

    def command(name: str, run: Any, text: str, *, reads: bool = False) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + ".", parents=[network] if reads else []
        )
        added.set_defaults(run=run)
        return added

    classify = command("classify", _classify, "read digits in pictures, folders, globs or lists", reads=True)
    classify.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a picture, a folder, a glob in quotes, or - for a list of paths on standard input",
    )
    classify.add_argument(
        "--out", type=Path, metavar="FILE", help="write a row a digit to FILE: .csv, .jsonl or .parquet"
    )
    existing = classify.add_mutually_exclusive_group()
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on with FILE: pictures that it holds already are passed over",
    )
    existing.add_argument("--overwrite", action="store_true", help="replace FILE where it exists")
    classify.add_argument(
        "--annotate", type=Path, metavar="DIR", help="save the pictures with boxes and labels in DIR"
    )
    classify.add_argument(
        "--json", action="store_true", help="print a line of JSON a digit instead of a table"
    )
    classify.add_argument("--no-recursive", action="store_true", help="leave out folders inside folders")

    camera = command("camera", _camera, "read digits live from a camera, a stream or a video", reads=True)
    camera.add_argument(
        "source",
        nargs="?",
        default="0",
        metavar="SOURCE",
        help="a camera's number (default: 0), its device path, a stream's URL or a video file",
    )
    camera.add_argument(
        "--no-window",
        action="store_true",
        help="print what is read, whenever it changes, instead of a window",
    )

    profile = command("profile", _profile, "measure the models on this machine, float against INT8")
    profile.add_argument(
        "--seconds", type=_duration, default=1.0, metavar="S", help="time for each figure (default: 1)"
    )
    profile.add_argument("--json", action="store_true", help="print the record as JSON instead of tables")

    models = command("models", _models, "list the models that are installed")
    models.add_argument("--json", action="store_true", help="print JSON instead of a table")

    doctor = command("doctor", _doctor, "check the installation; what a bug report needs")
    doctor.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def _duration(text: str) -> float:
    value = float(text)
    if not 0 < value < 3600:
        raise argparse.ArgumentTypeError("more than 0 and less than 3600 seconds")
    return value


def _open_reader(options: argparse.Namespace) -> DigitReader:
    # Damaged files are reported by us, in one line. OpenCV looks at this once, when it is loaded.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    import cv2

    from edge_runtime.reader import DigitReader

    # One setting for all the cores that the command uses.
    cv2.setNumThreads(options.threads)
    return DigitReader(options.model, threads=options.threads)


# classify ------------------------------------------------------------------------------------------------


def _classify(options: argparse.Namespace) -> int:
    from edge_runtime import outputs, sources

    if (options.resume or options.overwrite) and not options.out:
        raise SourceError("--resume and --overwrite speak of a results file: name it with --out")
    reader = _open_reader(options)
    show = _print_json if options.json else _print_nothing if options.out else _TablePrinter()
    pictures = None if options.annotate is None else outputs.AnnotatedPictures(options.annotate)

    def paths() -> Iterator[str]:
        return sources.expand(
            _named(options.sources), recursive=not options.no_recursive, skip=options.annotate
        )

    with contextlib.ExitStack() as stack:
        table = None
        if options.out:
            table = stack.enter_context(
                outputs.open_output(options.out, overwrite=options.overwrite, resume=options.resume)
            )
        done = table.done if table else set()
        todo = (path for path in paths() if not done or outputs.printable(path) not in done)
        total = None if "-" in options.sources else paths
        counts = _Counts()
        try:
            for batch in _batches(_with_progress(reader.read_many(todo), total, len(done))):
                if table:
                    table.write(batch)
                counts.add(batch)
                show(batch)
                if pictures:
                    counts.undrawn += sum(not _annotate(pictures, reading) for reading in batch)
        except OutputError as error:
            _complain(str(error))
            return 1
        finally:
            _complain(counts.summary(options.out, len(done)))
    return 1 if counts.failed or counts.undrawn else 0


def _named(arguments: list[str]) -> Iterator[str]:
    """The sources as given, with `-` replaced by the lines of standard input."""
    for argument in arguments:
        if argument == "-":
            for line in sys.stdin.buffer:
                if name := os.fsdecode(line.rstrip(b"\r\n")):
                    yield name
        else:
            yield argument


def _batches(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    """Gather readings that arrive together, so that a file is written once for many."""
    batch: list[Reading] = []
    written = time.monotonic()
    try:
        for reading in readings:
            batch.append(reading)
            now = time.monotonic()
            if len(batch) >= 64 or now - written > 0.25:
                yield batch
                batch, written = [], now
    except KeyboardInterrupt:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


class _Counts:
    """How a run went, for its last line and its exit code."""

    def __init__(self) -> None:
        self.pictures = self.digits = self.refused = self.empty = self.failed = self.undrawn = 0

    def add(self, batch: list[Reading]) -> None:
        for reading in batch:
            self.digits += len(reading.digits)
            if not reading.digits:
                self.failed += reading.failed
                self.empty += not reading.failed
            else:
                self.refused += sum(digit.value is None for digit in reading.digits)
        self.pictures += len(batch)

    def summary(self, out: Path | None, before: int) -> str:
        parts = [f"{self.pictures} pictures, {self.digits - self.refused} digits"]
        if self.refused:
            parts.append(f"{self.refused} refused")
        if self.empty:
            parts.append(f"{self.empty} without a digit")
        if self.failed:
            parts.append(f"{self.failed} that could not be read")
        if before:
            parts.append(f"{before} passed over as done before")
        return ", ".join(parts) + (f"; results in {out}" if out else "")


def _print_nothing(batch: list[Reading]) -> None:
    """Results are in a file: the terminal keeps to the summary."""


def _print_json(batch: list[Reading]) -> None:
    from edge_runtime import outputs

    sys.stdout.write(outputs.json_rows(batch))
    sys.stdout.flush()


class _TablePrinter:
    """A line a picture. The width of the first column follows the names as they come."""

    def __init__(self) -> None:
        self._width = 0

    def __call__(self, batch: list[Reading]) -> None:
        lines = []
        width = max(len(reading.source) for reading in batch)
        if not self._width:
            self._width = min(max(width, 8), 60)
            lines.append(f"{'picture':<{self._width}}  {'digits':<12}  lowest confidence")
        for reading in batch:
            name = f"{_one_line(reading.source):<{self._width}}"
            if not reading.digits:
                lines.append(f"{name}  {'-':<12}  {_one_line(reading.status)}")
                continue
            digits = " / ".join(reading.lines)
            lowest = min(digit.confidence for digit in reading.digits)
            note = "  (? refused)" if "?" in digits else ""
            lines.append(f"{name}  {digits:<12}  {lowest:.3f}{note}")
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()


def _with_progress(readings: Iterator[Reading], count: Any, done: int) -> Iterator[Reading]:
    """Show a progress bar while a person waits at a terminal for more than a moment."""
    if not sys.stderr.isatty():
        return readings
    from tqdm import tqdm

    total = sum(1 for _ in count()) - done if count else None
    return iter(tqdm(readings, total=total, unit=" pictures", delay=0.5, leave=False))


def _annotate(pictures: Any, reading: Reading) -> bool:
    if reading.failed:
        return True
    try:
        pictures.write(reading)
    except PictureError as error:
        _complain(f"{reading.source} cannot be drawn on: {error}")
        return False
    return True


# camera --------------------------------------------------------------------------------------------------


def _camera(options: argparse.Namespace) -> int:
    from edge_runtime import camera, display

    reader = _open_reader(options)
    with contextlib.ExitStack() as stack:
        frames = stack.enter_context(camera.open_frames(options.source))
        show: _LiveLines | _LiveWindow
        if options.no_window:
            show = _LiveLines(reader)
        else:
            show = _LiveWindow(reader, stack.enter_context(display.Window("edge-digits")), options.model)
        started = waiting = time.perf_counter()
        count, lost = 0, False
        try:
            for frame in frames:
                count += 1
                if not show(frame, time.perf_counter() - waiting):
                    break
                waiting = time.perf_counter()
        except KeyboardInterrupt:
            pass  # how a person ends a live view: a good end
        except SourceError as error:
            if not count:
                raise
            _complain(str(error))
            lost = True
        if not count:
            raise SourceError(f"{frames.name} holds no pictures")
        _complain(f"{count} frames in {time.perf_counter() - started:.1f} s")
    return 1 if lost else 0


class _LiveLines:
    """Prints what is read in a frame whenever it differs from the frame before."""

    def __init__(self, reader: DigitReader) -> None:
        self._reader = reader
        self._last: tuple[str, ...] | None = None
        self._started = time.monotonic()

    def __call__(self, frame: Frame, captured: float) -> bool:
        reading = self._reader.read(frame)
        if reading.lines != self._last:
            self._last = reading.lines
            moment = f"{time.monotonic() - self._started:8.2f} s"
            sure = min((digit.confidence for digit in reading.digits), default=0.0)
            text = f"{' / '.join(reading.lines)}  {sure:.3f}" if reading.digits else "-"
            print(f"{moment}  {text}", flush=True)
        return True


class _LiveWindow:
    """Shows every frame with what is read in it, the rate, and where the frame's time went."""

    def __init__(self, reader: DigitReader, window: Window, model: str) -> None:
        from edge_runtime import camera

        self._reader, self._window, self._model = reader, window, model
        self._rate = camera.FrameRate()
        self._drawing = 0.0

    def __call__(self, frame: Frame, captured: float) -> bool:
        from edge_runtime import display

        reading, stages = self._reader.read_timed(frame)
        start = time.perf_counter()
        split = {"capture": captured, **stages, "draw": self._drawing}
        lines = [
            f"{' / '.join(reading.lines) or 'no digit'}   {self._rate.tick():.0f} fps   {self._model}",
            "   ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in split.items()),
        ]
        picture = display.overlay(display.annotate(frame, reading.digits), lines)
        stays = self._window.show(picture)
        self._drawing = time.perf_counter() - start
        return stays


# profile, models, doctor ----------------------------------------------------------------------------------


def _profile(options: argparse.Namespace) -> int:
    from edge_runtime import profiling

    def tell(step: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{step}", end="", file=sys.stderr, flush=True)

    record: dict[str, Any] = {"versions": profiling.versions(), "host": profiling.host()}
    record["before"] = profiling.condition()
    tell("comparing the two models' answers ...")
    record["agreement"] = profiling.agreement()
    tell("timing the networks ...")
    threads = (1,) if profiling.cores() == 1 else (1, profiling.cores())
    record["latency"] = list(profiling.latencies(profiling.bundled, options.seconds, threads, (1, 8, 64)))
    tell("timing a frame ...")
    record["frame_ms"] = profiling.frame_stages(options.seconds)
    tell("starting processes ...")
    record["cold_start"] = profiling.cold_starts(
        max(3, round(5 * options.seconds)), profiling.cold_programs()
    )
    record["after"] = profiling.condition()
    tell("")
    print(json.dumps(record) if options.json else _profile_text(record))
    return 0


def _profile_text(record: dict[str, Any]) -> str:
    host = record["host"]
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {' '.join(host['flags']) or 'no known integer instructions'}",
        "  ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "",
        f"threads  batch  {'float p50 / p90 / p99 us':>27}  {'INT8 p50 / p90 / p99 us':>27}  ratio     calls",
    ]
    for entry in record["latency"]:
        cells = [
            " / ".join(f"{entry['us'][name][quantile]:.1f}" for quantile in ("p50", "p90", "p99"))
            for name in ("float", "int8")
        ]
        calls = f"{entry['us']['float']['count']}+{entry['us']['int8']['count']}"
        lines.append(
            f"{entry['threads']:>7}  {entry['batch']:>5}  {cells[0]:>27}  {cells[1]:>27}"
            f"  {entry['ratio_to_float']['int8']:>5.2f}  {calls:>8}"
        )
    lines += ["", "one 640x480 frame of ten digits, INT8, median ms:"]
    lines.append("  " + "   ".join(f"{name} {value:.2f}" for name, value in record["frame_ms"].items()))
    lines += ["", "from the start of a process to its first answer:"]
    for name, cold in record["cold_start"].items():
        label = "imports alone" if name == "imports" else name
        peak = "" if cold["peak_mb"] is None else f", peak {cold['peak_mb']:.0f} MB"
        lines.append(f"  {label:<14} {cold['ms']:.0f} ms{peak}")
    ratio = record["latency"][0]["ratio_to_float"]["int8"]
    winner = "INT8" if ratio < 1 else "float"
    advice = "the default" if winner == "INT8" else "use --model float"
    lines += [
        "",
        f"{winner} wins here: INT8 takes {ratio:.2f}x the time of float"
        f" (batch 1, one thread, p50); {advice}.",
        f"Both models name the same digit on {record['agreement']:.1%} of drawn tiles on this CPU.",
    ]
    after = record["after"]
    if after["throttled"] not in (None, "0x0"):
        lines.append(f"This board throttled (flags {after['throttled']}): check its heat and its supply.")
    return "\n".join(lines)


def _models(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from edge_runtime import manifest

    entries = manifest.entries()
    if options.json:
        print(json.dumps([{**asdict(entry), "path": str(entry.path)} for entry in entries]))
        return 0
    print("name   precision  architecture   accuracy       size  run")
    for entry in entries:
        default = "  (default)" if entry.name == manifest.DEFAULT else ""
        print(
            f"{entry.name:<6} {entry.precision:<10} {entry.architecture:<12} {entry.accuracy:>9.2%}"
            f"  {entry.bytes / 1000:>6.1f} kB  {entry.run_id}{default}"
        )
    print(f"accuracy on MNIST's test set; files in {manifest.FOLDER}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    import re

    import cv2

    from edge_runtime import camera, manifest, profiling

    build = cv2.getBuildInformation()

    def built(name: str) -> str:
        found = re.search(rf"^\s*{name}:\s*(.+)$", build, re.MULTILINE)
        return found.group(1).strip() if found else "unknown"

    gui = next(
        (kind for kind in ("QT5", "QT6", "QT", "GTK\\+", "Win32 UI", "Cocoa") if "YES" in built(kind)), "none"
    )
    intact = {entry.name: entry.intact() for entry in manifest.entries()}
    agreement = profiling.agreement() if all(intact.values()) else 0.0
    report = {
        **profiling.versions(("pyarrow",)),
        **profiling.host(),
        "opencv window": gui.replace("\\", ""),
        "opencv video": ", ".join(
            kind for kind in ("FFMPEG", "GStreamer", "v4l/v4l2") if "YES" in built(kind)
        )
        or "none",
        "cameras": camera.list_cameras() or "none found",
        **{f"model {name}": "intact" if good else "DAMAGED" for name, good in intact.items()},
        "INT8 agrees with float": f"{agreement:.1%} of drawn tiles",
    }
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            print(f"{name:<24} {text if text not in (None, '') else '-'}")
    if not all(intact.values()):
        _complain("a model is damaged: install edge-digits again")
        return 1
    if agreement < 0.95:
        _complain("the models disagree on this CPU: use --model float, and please report it")
        return 1
    return 0
