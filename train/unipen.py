"""The UNIPEN format: characters with the strokes that the files name, as people wrote them on tablets.

Guyon, Schomaker, Plamondon, Liberman, Janet, "UNIPEN project of on-line data exchange and recognizer
benchmarks", ICPR 1994. The ids and file names of writers may be people's names: no message shows them.
"""

from __future__ import annotations

import lzma
import re
import sys
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from edge_runtime.errors import MissingDependencyError
from train.data import DataError

ARCHIVES = (".tgz", ".tar.gz", ".tar.xz")
# What reading a damaged or truncated file raises; `ValueError` is a number that is none.
_DAMAGE = (EOFError, OSError, ValueError, tarfile.TarError, lzma.LZMAError, zlib.error)
_MEMBER = re.compile(r"(?:^|/)((?:data/1[a-d]|include)/.+)")
_KEYWORD = re.compile(r"^\.([A-Z_]+)", re.MULTILINE)
_SEGMENT = re.compile(r'\S+\s+([\d:,-]+)\s+\S+\s+"(.+)"')  # hierarchy, components, quality, label


@dataclass(frozen=True, eq=False)
class Character:
    """One character by one writer.

    Attributes:
        label: what it is, one character.
        strokes: float64 `[M, 2]` each, x to the right and **y up**, both in units of the tablet's y.
        contributor: the institution that collected it.
        writer: its id there, which may be a name.
        shares_ink: whether another character uses part of the same stroke.
    """

    label: str
    strokes: list[NDArray[np.float64]]
    contributor: str
    writer: str
    shares_ink: bool = False


@dataclass
class _Recording:
    """What a data file holds.

    `components` are its blocks that are not empty: the points where the pen was down, None where it was up.
    """

    components: list[NDArray[np.float64] | None] = field(default_factory=list)
    writer: str = ""
    columns: int = 2
    resolution: dict[str, float] = field(default_factory=lambda: {"X": 1.0, "Y": 1.0})

    def read(self, name: str, files: dict[str, bytes]) -> None:
        """Append the file `name` and those that it includes."""
        for keyword, body in _blocks(files[f"include/{name}"]):
            if keyword in ("PEN_DOWN", "PEN_UP") and body:
                points = np.array(body.split(), np.float64).reshape(-1, self.columns)[:, :2]
                self.components.append(points if keyword == "PEN_DOWN" else None)
            elif keyword == "INCLUDE" and f"include/{body}" in files:
                self.read(body, files)
            elif keyword == "COORD":
                self.columns = len(body.split())
            elif keyword == "WRITER_ID":
                self.writer = body
            elif keyword[1:] in ("_POINTS_PER_INCH", "_POINTS_PER_MM"):
                self.resolution[keyword[0]] = float(body.split()[0])  # the unit is the same for x and y

    def cut(self, delineation: str) -> list[tuple[int, NDArray[np.float64]]]:
        """The strokes that `delineation` names, and the components that they are, or are part of.

        Components and ranges of them are separated by commas: "3", "6-7,9", or with points "4:20-5:31".
        Raises `IndexError` when the recording is shorter.
        """
        strokes = []
        for span in delineation.split(","):
            first, _, last = span.partition("-")
            begin, _, start = first.partition(":")
            end, _, stop = (last or first).partition(":")
            for index in range(int(begin), int(end) + 1):
                points = self.components[index]
                if points is None:
                    continue
                low = int(start) if start and index == int(begin) else 0
                high = int(stop) + 1 if stop and index == int(end) else len(points)
                if low < min(high, len(points)):
                    strokes.append((index, points[low:high]))
        return strokes


def read_unipen(source: Path) -> list[Character]:
    """Read the characters of categories 1a to 1d of UNIPEN's train_r01_v07, a folder or an archive of it.

    Segments that name ink which is not there are left out. Raises `DataError` when the source is damaged,
    holds no characters, or more than a hundredth of the segments are left out.
    """
    try:
        indices = _load(source, lambda name: name.startswith("data/"))
        segments: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for content in indices.values():
            included, named = _read_index(content)
            segments.setdefault(included, []).extend(named)
        needed = {f"include/{name}" for included in segments for name in included}
        files = _load(source, lambda name: name in needed or name.endswith(".doc"))
        characters, lost = [], 0
        progress = tqdm(segments.items(), "reading UNIPEN", leave=False, disable=not sys.stderr.isatty())
        for included, named in progress:
            found = list(_characters(included, named, files))
            characters += found
            lost += len(named) - len(found)
    except _DAMAGE as error:
        raise DataError(
            f"{source} is damaged ({type(error).__name__}): download it again, see docs/data.md"
        ) from error
    if not characters or lost > (len(characters) + lost) / 100:
        raise DataError(
            f"{source} is incomplete: {lost} of {len(characters) + lost} characters have no ink. "
            "Download it again, see docs/data.md"
        )
    return characters


def read_pendigits(source: Path) -> list[Character]:
    """Read `pendigits-orig.tra` or `.tes`: as it is, or packed as `.Z` or `.xz`.

    The ids of its writers are the name of the part and their number in it, such as `tra07`.

    Raises `DataError` when the file is damaged or holds no digits, and `MissingDependencyError` for `.Z`
    without unlzw3.
    """
    part = source.name.split(".")[1]
    characters: list[Character] = []
    label, writer = "", ""  # of the digit that is being read, as are its strokes
    strokes: list[NDArray[np.float64]] = []
    try:
        for keyword, body in [*_blocks(_unpack(source)), ("SEGMENT", "")]:
            if keyword == "SEGMENT":
                if strokes:
                    characters.append(Character(label, strokes, "pendigits", writer))
                label, strokes = body.partition('"')[2][:1], []
            elif keyword == "COMMENT" and label:
                writer = f"{part}{int(body.split()[1]):02d}"
            elif keyword == "PEN_DOWN" and body:
                strokes.append(np.array(body.split(), np.float64).reshape(-1, 2))
    except (*_DAMAGE, IndexError) as error:
        raise DataError(
            f"{source} is damaged ({type(error).__name__}): download it again, see docs/data.md"
        ) from error
    if not characters:
        raise DataError(f"{source} holds no digits: download it again, see docs/data.md")
    return characters


def _load(source: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Contents of the wanted files, sorted by name; names begin with `data/` or `include/`."""
    files = {}
    if source.is_dir():
        for path in source.rglob("*"):
            found = _MEMBER.search(path.relative_to(source).as_posix())
            if found and wanted(found[1]) and path.is_file():
                files[found[1]] = path.read_bytes()
    else:
        with tarfile.open(source) as archive:
            for member in archive:
                found = _MEMBER.search(member.name)
                if found and wanted(found[1]) and member.isfile() and (opened := archive.extractfile(member)):
                    files[found[1]] = opened.read()
    return dict(sorted(files.items()))


def _blocks(content: bytes) -> Iterator[tuple[str, str]]:
    """The keywords of a file, each with the text up to the next one."""
    text = content.decode("latin-1")
    keywords = list(_KEYWORD.finditer(text))
    ends = [keyword.start() for keyword in keywords[1:]] + [len(text)]
    for keyword, end in zip(keywords, ends, strict=False):
        yield keyword[1], text[keyword.end() : end].strip()


def _read_index(content: bytes) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The files that an index includes, and its segments: components and label."""
    included, segments = [], []
    for keyword, body in _blocks(content):
        if keyword == "INCLUDE" and not body.endswith(".lex"):
            included.append(body)
        elif keyword == "SEGMENT" and (found := _SEGMENT.fullmatch(body)):
            segments.append((found[1], re.sub(r"\\(.)", r"\1", found[2])))
    return tuple(included), segments


def _characters(
    included: tuple[str, ...], segments: list[tuple[str, str]], files: dict[str, bytes]
) -> Iterator[Character]:
    if any(f"include/{name}" not in files for name in included):
        return
    recording = _Recording()
    for name in included:
        recording.read(name, files)
    cuts = []
    for delineation, label in segments:
        try:
            cuts.append((label, recording.cut(delineation)))
        except IndexError:
            continue
    users = Counter(component for _, strokes in cuts for component, _ in strokes)
    stretch = recording.resolution["Y"] / recording.resolution["X"]
    contributor = included[-1].split("/")[0]
    for label, strokes in cuts:
        if strokes and len(label) == 1:
            scaled = [stroke * (stretch, 1.0) for _, stroke in strokes]
            shares_ink = any(users[component] > 1 for component, _ in strokes)
            yield Character(label, scaled, contributor, recording.writer, shares_ink)


def _unpack(source: Path) -> bytes:
    content = source.read_bytes()
    if source.suffix == ".xz":
        return lzma.decompress(content)
    if source.suffix != ".Z":
        return content
    try:
        from unlzw3 import unlzw
    except ImportError:
        raise MissingDependencyError(
            f"unpacking {source.name} needs unlzw3: pip install -e '.[train]'"
        ) from None
    return bytes(unlzw(content))
