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
    from edge_runtime.outputs import AnnotatedPictures, TableFile
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
    # Damaged files are reported by us, in one line. OpenCV looks at this once, when it is loaded.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # quiet, in FFmpeg's own numbers
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
    with contextlib.suppress(AttributeError):
        # A name that the terminal's encoding lacks shall not stop the work.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return int(options.run(options))
    except EdgeDigitsError as error:
        _complain(str(error))
        return 2
    except ImportError as error:
        if _was_interrupted(error):
            _complain("stopped")
            return 130
        _complain(
            f"{error}. A system library or a package is missing; on Debian and Raspberry Pi OS try: "
            "sudo apt install libgl1 libglib2.0-0, on a machine without a screen: "
            "pip install opencv-python-headless"
        )
        return 2
    except KeyboardInterrupt:
        _complain("stopped; go on with --resume" if getattr(options, "out", None) else "stopped")
        return 130
    except OSError as error:
        # Standard output, as a rule: the interpreter must not try it again when it flushes at its end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # Whoever read our output has seen enough.
            return 128 + signal.SIGPIPE if hasattr(signal, "SIGPIPE") else 1
        _complain(f"stopped: {error}")
        return 1


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether Ctrl-C is behind an error: extension modules that it meets while they load report their own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


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
        "--threads", type=whole_number, default=1, metavar="N", help="cores to use (default: 1)"
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
        help="go on with FILE: pictures that it holds are passed over, those that failed are tried again",
    )
    existing.add_argument("--overwrite", action="store_true", help="replace FILE where it exists")
    classify.add_argument(
        "--annotate", type=Path, metavar="DIR", help="save the pictures with boxes and labels in DIR"
    )
    classify.add_argument(
        "--tiles", action="store_true", help="with --annotate: inset what the network saw of every digit"
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
        "--model", default="int8", metavar="NAME", help="an exported .onnx file to measure beside them"
    )
    profile.add_argument(
        "--seconds", type=seconds, default=1.0, metavar="S", help="time for each figure (default: 1)"
    )
    profile.add_argument("--json", action="store_true", help="print the record as JSON instead of tables")

    models = command("models", _models, "list the models that are installed")
    models.add_argument("--json", action="store_true", help="print JSON instead of a table")

    doctor = command("doctor", _doctor, "check the installation; what a bug report needs")
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


def _open_reader(options: argparse.Namespace) -> DigitReader:
    import cv2

    from edge_runtime.reader import DigitReader

    # Threads read pictures side by side; within one, OpenCV's own would only get into their way.
    cv2.setNumThreads(1)
    return DigitReader(options.model, threads=options.threads)


# classify ------------------------------------------------------------------------------------------------


def _classify(options: argparse.Namespace) -> int:
    if (options.resume or options.overwrite) and not options.out:
        raise SourceError("--resume and --overwrite speak of a results file: name it with --out")
    if options.tiles and options.annotate is None:
        raise SourceError("--tiles speaks of annotated pictures: name their folder with --annotate")
    reader = _open_reader(options)
    counts = _Counts()
    try:
        with contextlib.ExitStack() as stack:
            table: TableFile | None = None
            if options.out:
                from edge_runtime import outputs

                table = outputs.open_output(options.out, overwrite=options.overwrite, resume=options.resume)
            # Said last, when the table is closed and known to be whole or not.
            stack.callback(lambda: _complain(counts.summary(table.held_in if table else None)))
            if table:
                stack.enter_context(table)
            batches = reader.read_batches(_todo(options, table, counts))
            _keep(_with_progress(batches, options, table), options, table, counts)
    except OutputError as error:
        if not counts.pictures:
            raise
        _complain(str(error))
        return 1
    return 1 if counts.failed or counts.undrawn else 0


def _keep(
    batches: Iterable[list[Reading]], options: argparse.Namespace, table: TableFile | None, counts: _Counts
) -> None:
    """Write, print and draw every batch of readings."""
    show = _print_json if options.json else _print_nothing if options.out else _TablePrinter()
    pictures = None
    if options.annotate is not None:
        from edge_runtime import outputs

        pictures = outputs.AnnotatedPictures(options.annotate, tiles=options.tiles)
    for batch in batches:
        if table:
            table.write(batch)
        counts.add(batch)
        show(batch)
        if pictures:
            counts.undrawn += sum(not _drawn(pictures, reading) for reading in batch if not reading.failed)


def _drawn(pictures: AnnotatedPictures, reading: Reading) -> bool:
    """Draw on one picture; False, and a word about it, where that cannot be done."""
    try:
        pictures.write(reading)
    except PictureError as error:
        _complain(f"{reading.source} cannot be drawn on: {error}")
        return False
    return True


def _todo(
    options: argparse.Namespace, table: TableFile | None, counts: _Counts | None = None
) -> Iterator[str | None]:
    """The pictures to read: as they were named, without those that the results file holds."""
    from edge_runtime import sources

    named = sources.expand(_named(options.sources), recursive=not options.no_recursive, skip=options.annotate)
    if not table:
        yield from named
        return
    from edge_runtime.outputs import printable

    # The last picture of the file comes first, where it is among those that are named now.
    unsure = table.unsure
    if unsure is not None and "-" not in options.sources:
        unsure = next((path for path in _todo(options, None) if path and printable(path) == unsure), None)
    if unsure is not None:
        yield unsure
    for path in named:
        if path is None or printable(path) not in table.done:
            yield path
        elif counts and path != unsure:
            counts.skipped += 1


def _named(arguments: list[str]) -> Iterator[str | None]:
    """The sources as given, with `-` replaced by the lines of standard input."""
    from edge_runtime import sources

    for argument in arguments:
        if argument != "-":
            yield argument
        elif sys.stdin is not None:
            yield from sources.listed(sys.stdin.fileno())


def _with_progress(
    batches: Iterator[list[Reading]], options: argparse.Namespace, table: TableFile | None
) -> Iterator[list[Reading]]:
    """Show a progress bar to a person at a terminal, unless the results themselves run over it."""
    if not sys.stderr.isatty() or (sys.stdout.isatty() and (options.json or not options.out)):
        yield from batches
        return
    from tqdm import tqdm

    total = None if "-" in options.sources else sum(1 for _ in _todo(options, table))
    with tqdm(total=total, unit=" pictures", delay=0.5, leave=False) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


class _Counts:
    """How a run went, for its last line and its exit code."""

    def __init__(self) -> None:
        self.pictures = self.digits = self.refused = self.empty = self.failed = 0
        self.undrawn = self.skipped = 0

    def add(self, batch: list[Reading]) -> None:
        for reading in batch:
            self.digits += len(reading.digits)
            if not reading.digits:
                self.failed += reading.failed
                self.empty += not reading.failed
            else:
                self.refused += sum(digit.value is None for digit in reading.digits)
        self.pictures += len(batch)

    def summary(self, out: Path | None) -> str:
        parts = [f"{self.pictures} pictures, {self.digits - self.refused} digits"]
        for count, words in (
            (self.refused, "refused"),
            (self.empty, "without a digit"),
            (self.failed, "that could not be read"),
            (self.undrawn, "that could not be drawn on"),
            (self.skipped, "passed over as done before"),
        ):
            if count:
                parts.append(f"{count} {words}")
        return ", ".join(parts) + (f"; results in {out}" if out else "")


def _print_nothing(batch: list[Reading]) -> None:
    """Results are in a file: the terminal keeps to the summary."""


def _print_json(batch: list[Reading]) -> None:
    from edge_runtime import outputs

    sys.stdout.write(outputs.json_rows(batch))
    sys.stdout.flush()


class _TablePrinter:
    """A line a picture. The columns' widths follow the first names and digits that come."""

    def __init__(self) -> None:
        self._widths: tuple[int, int] | None = None

    def __call__(self, batch: list[Reading]) -> None:
        rows = [self._cells(reading) for reading in batch]
        if self._widths is None:
            names, digits = (max(len(row[column]) for row in rows) for column in (0, 1))
            self._widths = min(max(names, 8), 60), min(max(digits, 8), 40)
            rows.insert(0, ("picture", "digits", "lowest confidence"))
        wide, narrow = self._widths
        lines = [f"{name:<{wide}}  {digits:<{narrow}}  {rest}" for name, digits, rest in rows]
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    def _cells(self, reading: Reading) -> tuple[str, str, str]:
        name = _one_line(reading.source)
        if not reading.digits:
            return name, "-", _one_line(reading.status)
        lowest = min(digit.confidence for digit in reading.digits)
        refused = any(digit.value is None for digit in reading.digits)
        return name, " / ".join(reading.lines), f"{lowest:.3f}" + ("  (? refused)" if refused else "")


# camera --------------------------------------------------------------------------------------------------


def _camera(options: argparse.Namespace) -> int:
    from edge_runtime import camera, display

    reader = _open_reader(options)
    with contextlib.ExitStack() as stack:
        show: _LiveLines | _LiveWindow
        if options.no_window:
            show = _LiveLines(reader)
        else:
            show = _LiveWindow(reader, stack.enter_context(display.Window("edge-digits")), options.model)
        frames = stack.enter_context(camera.open_frames(options.source))
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
        lowest = min((digit.confidence for digit in reading.digits), default=0.0)
        read = f"{' / '.join(reading.lines)}   at least {lowest:.0%} sure" if reading.digits else "no digit"
        lines = [
            f"{read}   {self._rate.tick():.0f} fps   {self._model}",
            "   ".join(f"{name} {seconds * 1000:.1f} ms" for name, seconds in split.items()),
        ]
        picture = display.overlay(display.annotate(frame, reading.digits), lines)
        stays = self._window.show(picture)
        self._drawing = time.perf_counter() - start
        return stays


# profile, models, doctor ----------------------------------------------------------------------------------


def _profile(options: argparse.Namespace) -> int:
    from edge_runtime import manifest, profiling

    def tell(step: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{step}", end="", file=sys.stderr, flush=True)

    names = ["float", "int8"]
    if options.model not in names:
        names.append(str(manifest.find(options.model)))
    record: dict[str, Any] = {"versions": profiling.versions(), "host": profiling.host()}
    record["before"] = profiling.condition()
    tell("comparing the models' answers ...")
    record["agreement"] = profiling.agreement("int8")
    tell("timing the networks ...")
    threads = (1,) if profiling.cores() == 1 else (1, profiling.cores())
    record["latency"] = list(
        profiling.latencies(
            lambda count: profiling.open_models(names, count), options.seconds, threads, (1, 8, 64)
        )
    )
    tell("timing a frame ...")
    record["frame_ms"] = profiling.frame_stages(options.seconds, options.model)
    tell("starting processes ...")
    repeats = max(3, round(5 * options.seconds))
    record["cold_start"] = profiling.cold_starts(repeats, profiling.cold_programs(names))
    record["after"] = profiling.condition()
    tell("")
    print(json.dumps(record) if options.json else _profile_text(record, options.model))
    return 0


def _short(model: str) -> str:
    """A model's name, or the end of its path: enough to tell runs apart."""
    return "/".join(Path(model).parts[-3:])


def _profile_text(record: dict[str, Any], model: str) -> str:
    host = record["host"]
    wide = max(8, *(len(_short(name)) for name in record["latency"][0]["us"]))
    lines = [
        f"{host['cpu']}, {host['cores']} cores, {' '.join(host['flags']) or 'no known integer instructions'}",
        "  ".join(f"{name} {version}" for name, version in record["versions"].items()),
        "",
        f"threads  batch  {'model':<{wide}} {'p50':>9} {'p90':>9} {'p99':>9} us  {'calls':>7}  to float's",
    ]
    for entry in record["latency"]:
        for name, timing in entry["us"].items():
            lines.append(
                f"{entry['threads']:>7}  {entry['batch']:>5}  {_short(name):<{wide}} {timing['p50']:>9.1f} "
                f"{timing['p90']:>9.1f} {timing['p99']:>9.1f}     {timing['count']:>7}  "
                f"{entry['ratio_to_float'][name]:.2f}"
            )
    lines += ["", f"one 640x480 frame of ten digits with {_short(model)}, median ms:"]
    lines.append("  " + "   ".join(f"{name} {value:.2f}" for name, value in record["frame_ms"].items()))
    lines += ["", "from the start of a process to its first answer:"]
    for name, cold in record["cold_start"].items():
        label = "imports alone" if name == "imports" else _short(name)
        peak = "" if cold["peak_mb"] is None else f", peak {cold['peak_mb']:.0f} MB"
        lines.append(f"  {label:<{max(wide, 14)}} {cold['ms']:.0f} ms{peak}")
    ratio = record["latency"][0]["ratio_to_float"]["int8"]
    winner, advice = ("INT8", "it is the default") if ratio < 1 else ("float", "use --model float")
    lines += [
        "",
        f"{winner} wins here, {advice}: INT8 takes {ratio:.2f}x float's time (batch 1, one thread, p50).",
    ]
    for name, share in record["latency"][0]["ratio_to_float"].items():
        if name not in ("float", "int8"):
            lines.append(f"{_short(name)} takes {share:.2f}x the released float model's time.")
    lines.append(
        f"INT8 and float name the same digit on {record['agreement']:.1%} of 500 drawn tiles on this CPU."
    )
    if record["after"]["throttled"] not in (None, "0x0"):
        lines.append(
            f"This board throttled (flags {record['after']['throttled']}): check its heat and its supply."
        )
    return "\n".join(lines)


def _models(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from edge_runtime import manifest

    entries = manifest.entries()
    if options.json:
        print(json.dumps([{**asdict(entry), "path": str(entry.path)} for entry in entries]))
        return 0
    print("task        name   architecture       size  run                         accuracy")
    for entry in entries:
        default = "  (default)" if entry.name == manifest.DEFAULT else ""
        print(
            f"{entry.task:<11} {entry.name:<6} {entry.architecture:<12} {entry.bytes / 1000:>7.1f} kB"
            f"  {entry.run_id:<26}  {entry.accuracy:.2%} of {entry.measured}{default}"
        )
    print(f"files in {manifest.FOLDER}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from edge_runtime import camera, manifest, profiling

    report: dict[str, Any] = {
        **profiling.versions(("pyarrow",)),
        **profiling.host(),
        **profiling.opencv_build(),
        "cameras": camera.list_cameras() or "none found",
    }
    # What is broken is what the report is for: it takes its place and the rest goes on.
    wrong = []
    try:
        for entry in manifest.entries():
            report[f"{entry.task} {entry.name}"] = "intact" if entry.intact() else "DAMAGED"
            if not entry.intact():
                wrong.append(f"{entry.file} is damaged: install edge-digits again")
        agreement = profiling.agreement("int8")
        report["INT8 agrees with float"] = f"{agreement:.1%} of drawn tiles"
        if agreement < 0.95:
            wrong.append("the models disagree on this CPU: use --model float, and please report it")
    except EdgeDigitsError as error:
        wrong.append(str(error))
    report["problems"] = wrong or "none"
    if options.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            text = ", ".join(map(str, value)) if isinstance(value, list) else value
            print(f"{name:<24} {text if text not in (None, '') else '-'}")
    for problem in wrong:
        _complain(problem)
    return 1 if wrong else 0
