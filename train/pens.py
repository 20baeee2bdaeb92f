"""Pen strokes of real writers: cleaning, splitting by writer, and the cache of the result.

The raw files are UNIPEN's train_r01_v07 and UCI's pendigits, see docs/data.md. The cache has pseudonyms only,
as the ids in the raw files may be people's names.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_runtime.whole_file import whole_file
from train.data import DataError
from train.synthetic.writers import DIGITS, PenStrokes
from train.unipen import ARCHIVES, Character, read_pendigits, read_unipen

PARTS = ("train", "validation", "test")
CACHE = ("pen-digits.npz", "pen-others.npz", "split.json")
_UNIPEN = "train_r01_v07"
_SOURCES = (_UNIPEN, "pendigits-orig.tra", "pendigits-orig.tes")

# The pseudonyms of the writers who are not for training: a tenth of every contributor's for validation, and
# another for the test, drawn once with this seed.
_SEED = 1194
_HELD_OUT = Path(__file__).with_name("held_out_writers.json")

# Contributors who share writers.
_GROUPS = {"apa": "ap", "apb": "ap", "app": "ap", "cea": "ce", "ceb": "ce", "ced": "ce"}
# Sizes in units of the tablet.
_LARGEST_IBM = 1000  # a quarter of ibm is larger: rescaled 64 times, and often cut
_LARGEST_VAL = 700  # digits of val that are larger are several under one label
_SMALLEST = 4  # what is smaller, and may not be a dot, is a speck
_DOTS = ".,:;'\"`-"
_WIDEST = 2.5  # width over height of one digit
_LETTERS = 487  # of each kind at most: about three by every writer
_TOLERANCE = 4.0  # of the simplified strokes, in thousandths of the character's longer side

# What reading damaged files raises in zipfile, zlib, numpy and json.
_DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, zipfile.BadZipFile, zlib.error)


def load_pens(root: Path, part: str) -> PenStrokes | None:
    """The characters by the writers of a part: "train", "validation" or "test". No writer is in two parts.

    Reads the cleaned files in `root/pens`. Where there are none, the raw files there are converted, which
    takes about a minute; the cleaned files are written beside them, or into the user's cache folder if they
    cannot be. `writers` of the result count the writers of the part. Returns None when there are neither.

    Raises `DataError` when files are missing or damaged, and `MissingDependencyError` for `.Z` files without
    unlzw3.
    """
    folder = root / "pens"
    if not _is_complete(folder):
        sources = _find_sources(folder)
        if sources is None:
            return None
        folder = _convert(sources, folder)
    return _read(folder, part)


def _is_complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in CACHE)


def _find_sources(folder: Path) -> list[Path] | None:
    """The raw files: of UNIPEN, pendigits-orig.tra and .tes. Raises `DataError` when only some are there."""
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = {wanted: [name for name in names if _is_source(name, wanted)] for wanted in _SOURCES}
    missing = [wanted for wanted, present in found.items() if not present]
    if len(missing) == len(found) and not any(name in names for name in CACHE):
        return None
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}: add what is missing, see docs/data.md, "
            "or remove the folder to train without pen strokes"
        )
    return [folder / present[0] for present in found.values()]


def _is_source(name: str, wanted: str) -> bool:
    if wanted == _UNIPEN and name.endswith(ARCHIVES):
        return _UNIPEN in name or "unipen" in name.lower()
    return name in (wanted, f"{wanted}.xz", f"{wanted}.Z")


def _convert(sources: list[Path], folder: Path) -> Path:
    """Clean the raw files, unless that was done before; returns the folder of the result."""
    fallback = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edge-digits" / "pens"
    if _is_complete(fallback):
        return fallback
    unipen, *pendigits = sources
    characters = read_unipen(unipen)
    for path in pendigits:
        characters += read_pendigits(path)
    characters = _limit_letters(_clean(characters))
    try:
        _write(characters, folder)
        return folder
    except OSError:
        pass  # the folder is read-only
    try:
        _write(characters, fallback)
    except OSError as error:
        raise DataError(
            f"cannot write the cleaned pen strokes to {folder} or {fallback} ({error.strerror}): "
            "make room or name a writable folder with --data"
        ) from error
    return fallback


def _clean(characters: list[Character]) -> list[Character]:
    """Leave out copies, fillers, specks, ink of several characters, and what was cut or wrongly scaled."""
    kept, seen = [], set()
    for character in characters:
        lengths = repr([character.contributor, *map(len, character.strokes)])
        points = np.concatenate(character.strokes).tobytes()
        ink = hashlib.blake2b(lengths.encode() + points, digest_size=16).digest()
        filler = (character.contributor, character.label) == ("kai", "@")
        if ink not in seen and not filler and not character.shares_ink and _has_plausible_size(character):
            kept.append(character)
        seen.add(ink)
    return kept


def _has_plausible_size(character: Character) -> bool:
    width, height = np.ptp(np.concatenate(character.strokes), axis=0)
    size = max(width, height)
    if character.contributor == "ibm" and size > _LARGEST_IBM:
        return False
    if character.label not in DIGITS:
        return size >= _SMALLEST or character.label in _DOTS
    too_large = character.contributor == "val" and size > _LARGEST_VAL
    return size >= _SMALLEST and not too_large and width <= _WIDEST * height


def _limit_letters(characters: list[Character]) -> list[Character]:
    """At most `_LETTERS` of each letter, as evenly over its writers as they allow; all others stay."""
    written: Counter[tuple[str, str]] = Counter()
    rounds = defaultdict(list)
    for position, index in enumerate(np.random.default_rng(_SEED).permutation(len(characters))):
        label, writer = characters[index].label, _pseudonym(characters[index])
        if label.isalpha():
            written[label, writer] += 1
            rounds[label].append((written[label, writer], position, index))
    chosen = {index for found in rounds.values() for _, _, index in sorted(found)[:_LETTERS]}
    return [each for index, each in enumerate(characters) if index in chosen or not each.label.isalpha()]


def _pseudonym(character: Character) -> str:
    """`contributor-number`, the same for all characters of a writer."""
    group = _GROUPS.get(character.contributor, character.contributor)
    digest = hashlib.sha256(f"{group}/{character.writer}".encode()).hexdigest()
    return f"{group}-{int(digest, 16) % 1_000_000:06d}"


def _write(characters: list[Character], folder: Path) -> None:
    """Write the three files, each replaced atomically. Raises `OSError`."""
    writers = sorted({_pseudonym(character) for character in characters})
    medians = _measure_digits(characters)
    digits = [character for character in characters if character.label in DIGITS]
    others = [character for character in characters if character.label not in DIGITS]
    labels = sorted({character.label for character in others})
    for name, chosen, kinds, extra in (
        # Whoever finds a digit that is not what its label says can mark it there.
        (CACHE[0], digits, list(DIGITS), {"doubtful": np.zeros(len(digits), bool)}),
        (CACHE[1], others, labels, {"label_names": np.array(labels)}),
    ):
        packed = io.BytesIO()
        arrays = _pack(chosen, kinds, writers, medians)
        np.savez_compressed(packed, **arrays, writer_names=np.array(writers), **extra)
        with whole_file(folder / name) as partial:
            partial.write_bytes(packed.getvalue())
    with whole_file(folder / CACHE[2]) as partial:
        partial.write_text(json.dumps({"seed": _SEED, **_split(writers)}, indent=0))


def _split(writers: list[str]) -> dict[str, list[str]]:
    held_out = json.loads(_HELD_OUT.read_text(encoding="utf-8"))
    parts = dict.fromkeys(writers, "train")
    parts.update({name: part for part in ("validation", "test") for name in held_out[part] if name in parts})
    return {part: [name for name in writers if parts[name] == part] for part in PARTS}


def _measure_digits(characters: list[Character]) -> dict[str, float]:
    """The median height of the digits of each writer who wrote any."""
    heights = defaultdict(list)
    for character in characters:
        if character.label in DIGITS:
            heights[_pseudonym(character)].append(np.ptp(np.concatenate(character.strokes)[:, 1]))
    return {writer: float(np.median(found)) for writer, found in heights.items()}


def _pack(
    characters: list[Character],
    labels: list[str],
    writers: list[str],
    medians: dict[str, float],
) -> dict[str, NDArray[Any]]:
    """The arrays of one file."""
    strokes = [_simplify(character) for character in characters]
    sizes = np.array([np.ptp(np.concatenate(each.strokes), axis=0).max() for each in characters])
    names = [_pseudonym(character) for character in characters]
    return {
        "points": np.concatenate([stroke for each in strokes for stroke in each]),
        "stroke_offsets": _offsets([len(stroke) for each in strokes for stroke in each]).astype(np.int32),
        "char_offsets": _offsets([len(each) for each in strokes]).astype(np.int32),
        "labels": np.array([labels.index(each.label) for each in characters], np.uint8),
        "writer": np.searchsorted(writers, names).astype(np.uint16),
        "rel_size": (sizes / [medians.get(name, np.nan) for name in names]).astype(np.float16),
    }


def _simplify(character: Character) -> list[NDArray[np.int16]]:
    """The strokes with y down and the longer side 0 to 1000, at least two points each."""
    points = np.concatenate(character.strokes) * (1, -1)
    low = points.min(axis=0)
    scale = 1000 / max(float(np.ptp(points, axis=0).max()), 1e-6)
    simplified = []
    for stroke in character.strokes:
        path = ((stroke * (1, -1) - low) * scale).astype(np.float32)
        path = cv2.approxPolyDP(path[:, None], _TOLERANCE, False)[:, 0]
        simplified.append(np.rint(path if len(path) > 1 else np.repeat(path, 2, axis=0)).astype(np.int16))
    return simplified


def _offsets(lengths: list[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])


def _read(folder: Path, part: str) -> PenStrokes:
    """The characters of a part from the cleaned files. Raises `DataError` when a file is damaged."""
    digits, others, split = (folder / name for name in CACHE)
    reading = split
    try:
        parts = json.loads(split.read_text(encoding="utf-8"))
        if sum(len(parts[each]) for each in PARTS) != len({name for each in PARTS for name in parts[each]}):
            raise ValueError("a writer is in two parts")
        pens = []
        for reading in (digits, others):
            pens.append(_select(reading, sorted(parts[part])))
        return _join(*pens)
    except _DAMAGE as error:
        raise DataError(
            f"{reading} is damaged ({type(error).__name__}): replace it, or delete {', '.join(CACHE)} there "
            "to convert the raw files again, see docs/data.md"
        ) from error


def _select(path: Path, writers: list[str]) -> PenStrokes:
    """The characters of one file by the given, sorted writers, without those marked as doubtful.

    Raises `ValueError` and whatever else a damaged file causes.
    """
    # A damaged file that numpy has opened itself is left open.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    characters, strokes = arrays["char_offsets"].astype(np.int64), arrays["stroke_offsets"].astype(np.int64)
    labels = arrays.get("label_names", np.array(list(DIGITS)))[arrays["labels"]]
    points, names, sizes = arrays["points"], arrays["writer_names"][arrays["writer"]], arrays["rel_size"]
    whole = _fits(characters, len(strokes) - 1) and _fits(strokes, len(points)) and points.shape[1:] == (2,)
    if not whole or not len(characters) - 1 == len(labels) == len(names) == len(sizes):
        raise ValueError("the arrays do not fit together")
    chosen = np.isin(names, writers) & ~arrays.get("doubtful", np.zeros(len(labels), bool))
    stroke_indices, character_offsets = _take(characters, np.flatnonzero(chosen))
    point_indices, stroke_offsets = _take(strokes, stroke_indices)
    return PenStrokes(
        points=points[point_indices].astype(np.float32),
        stroke_offsets=stroke_offsets,
        character_offsets=character_offsets,
        labels=labels[chosen],
        writers=np.searchsorted(writers, names[chosen]).astype(np.int64),
        relative_sizes=sizes[chosen].astype(np.float32),
    )


def _fits(offsets: NDArray[np.int64], count: int) -> bool:
    """Whether `offsets` divide `count` things into groups, none of them empty."""
    return offsets[0] == 0 and offsets[-1] == count and bool(np.all(np.diff(offsets) > 0))


def _take(
    offsets: NDArray[np.int64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The indices of all things in the given groups, and the offsets of these groups among them."""
    lengths = np.diff(offsets)[groups]
    taken = _offsets(lengths)
    return np.repeat(offsets[groups] - taken[:-1], lengths) + np.arange(taken[-1]), taken


def _join(first: PenStrokes, second: PenStrokes) -> PenStrokes:
    return PenStrokes(
        points=np.concatenate([first.points, second.points]),
        stroke_offsets=np.append(first.stroke_offsets, second.stroke_offsets[1:] + first.stroke_offsets[-1]),
        character_offsets=np.append(
            first.character_offsets, second.character_offsets[1:] + first.character_offsets[-1]
        ),
        labels=np.concatenate([first.labels, second.labels]),
        writers=np.concatenate([first.writers, second.writers]),
        relative_sizes=np.concatenate([first.relative_sizes, second.relative_sizes]),
    )
