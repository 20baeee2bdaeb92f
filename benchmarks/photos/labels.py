"""Labelled images: which images a folder holds, and the digits in them.

A labelled folder holds one or more of these files, or a single one is named instead of the folder:

- `labels.json`, `{name: {source_repo, kind, group, digits: [{label, box}], ignore: [box]}}`: images in
  `photos/`
- `negatives.json`, `{name: {category, group, ignore: [box]}}`: images without a digit, in `negatives/`
- COCO: `labels.json` or any other .json file, with `images`, `annotations` and `categories`. The names of the
  categories are the digits; other annotations do not count, and a crowd is ignored.
- CSV: `labels.csv`, or any other, with a header. Columns `file,label,x,y,width,height` have a row per digit,
  and `file,text` one per image, of whose digits only the text is known. An image without a digit has one row
  whose label or text is empty.

A box is `[x, y, width, height]` in pixels of the image as `cv2.imread` decodes it. `ignore` and `group` are
optional. Digits that are found in a box of `ignore` do not count. In `labels.json`, `group` is the kind of
document, such as "form"; an image that shows no document has none. In `negatives.json`, it is a wider term
for the category. Images of COCO and CSV are relative to the file with their labels.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.photos import fields
from benchmarks.photos.fields import LabelError
from edge_runtime.results import Box

_COCO = {"images", "annotations", "categories"}
_EXTRA = "cells that the header has no names for"


@dataclass(frozen=True)
class LabelledImage:
    """One image with its labels; an image without a digit has none.

    `source`, `kind` and `group` are what scores are summed up by; `group` is "" where there is none. Where
    only the digits but not their boxes are known, they are the `text`, and `digits` is empty.
    """

    path: Path
    source: str
    kind: str
    digits: tuple[tuple[int, Box], ...] = ()
    ignore: tuple[Box, ...] = ()
    negative: bool = False
    group: str = ""
    text: str | None = None

    @property
    def values(self) -> list[int]:
        """The digits in the image."""
        return [label for label, _ in self.digits] if self.text is None else [int(one) for one in self.text]

    def check_boxes(self, width: int, height: int) -> None:
        """Raise `BenchmarkError` if a digit lies outside the image, which has this size."""
        for label, box in self.digits:
            if not (-box.width < box.x < width and -box.height < box.y < height):
                raise BenchmarkError(
                    f"{self.path}: the box of a {label} at ({box.x}, {box.y}) lies outside the image of "
                    f"{width}x{height}; boxes are in pixels"
                )


_Digits = list[tuple[int, Box]]
_Placed = tuple[str, LabelledImage]  # with its place in the file


def load_labels(source: Path) -> list[LabelledImage]:
    """List the images of a labelled folder, or of one file with labels.

    Raises `BenchmarkError`, which names the file and the place in it, unless all labels can be used.
    """
    names = ("labels.json", "negatives.json", "labels.csv")
    paths = [source / name for name in names] if source.is_dir() else [source]
    images: dict[Path, LabelledImage] = {}
    places: dict[Path, str] = {}
    for path in paths:
        for where, image in _read(path) if path.exists() else ():
            place = f"{path}: {where}"
            if image.path in images:
                raise BenchmarkError(f"{place} is {image.path} again, after {places[image.path]}")
            images[image.path], places[image.path] = image, place
    if not images:
        raise BenchmarkError(
            f"no labels in {source}: it needs labels.json, negatives.json or labels.csv, or give a COCO file"
        )
    return list(images.values())


def _read(path: Path) -> list[_Placed]:
    """The images in a file with labels, each with its place in it."""
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return _from_csv(csv.DictReader(file, restkey=_EXTRA, restval="", strict=True), path.parent)
        entries = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_repetition)
        if not isinstance(entries, dict):
            raise LabelError("it holds no JSON object")
        if not _COCO.isdisjoint(entries):
            return _from_coco(entries, path.parent)
        parse = _negative if path.name == "negatives.json" else _positive
        return [(name, parse(path.parent, name, entry)) for name, entry in entries.items()]
    except OSError as error:
        raise BenchmarkError(f"cannot read {path}: {error.strerror or error}") from error
    except RecursionError as error:
        raise BenchmarkError(f"cannot read {path}: it is nested too deeply") from error
    except (ValueError, csv.Error) as error:
        raise BenchmarkError(
            f"cannot read {path}: {error}; benchmarks/photos/labels.py describes its format"
        ) from error


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Of two values of one name, Python would drop the first."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise LabelError(f"{next(name for name in names if names.count(name) > 1)!r} is listed twice")
    return found


def _positive(folder: Path, name: str, entry: Any) -> LabelledImage:
    digits: _Digits = []
    for index, each in enumerate(fields.items(fields.member(entry, "digits", name), f"{name}: digits")):
        where = f"{name}: digits[{index}]"
        label, box = (fields.member(each, field, where) for field in ("label", "box"))
        _add(digits, fields.digit(label, where), fields.box(box, f"{where}.box"), where)
    return LabelledImage(
        path=folder / "photos" / name,
        source=fields.text(entry, "source_repo", name),
        kind=fields.text(entry, "kind", name),
        digits=tuple(digits),
        ignore=_ignored(entry, name),
        group=fields.text(entry, "group", name, ""),
    )


def _add(digits: _Digits, value: int, box: Box, where: str) -> None:
    """Add a digit to those of an image."""
    if any(box == other for _, other in digits):
        raise LabelError(f"{where}: another digit has the same box")
    digits.append((value, box))


def _negative(folder: Path, name: str, entry: Any) -> LabelledImage:
    return LabelledImage(
        path=folder / "negatives" / name,
        source=fields.text(entry, "source", name, ""),
        kind=fields.text(entry, "category", name),
        ignore=_ignored(entry, name),
        negative=True,
        group=fields.text(entry, "group", name, ""),
    )


def _ignored(entry: dict[str, Any], name: str) -> tuple[Box, ...]:
    boxes = fields.items(entry.get("ignore", []), f"{name}: ignore")
    return tuple(fields.box(box, f"{name}: ignore[{index}]") for index, box in enumerate(boxes))


def _from_coco(entries: dict[str, Any], folder: Path) -> list[_Placed]:
    names = {
        key: str(fields.member(each, "name", where)).strip()
        for key, (where, each) in _by_id(entries, "categories").items()
    }
    values = {key: int(name) for key, name in names.items() if re.fullmatch("[0-9]", name)}
    if not values:
        raise LabelError("none of its categories is named 0 to 9")
    images = _by_id(entries, "images")
    digits: dict[float | str, _Digits] = {key: [] for key in images}
    ignored: dict[float | str, list[Box]] = {key: [] for key in images}
    for where, each in _entries(entries, "annotations"):
        image, category = (fields.identity(each, name, where) for name in ("image_id", "category_id"))
        for kind, key, known in (("image", image, images), ("category", category, names)):
            if key not in known:
                raise LabelError(f"{where}: there is no {kind} {key!r}")
        if each.get("iscrowd"):
            ignored[image].append(_coco_box(each, where))
        elif category in values:
            _add(digits[image], values[category], _coco_box(each, where), where)
    return [
        (where, _plain(folder, fields.text(each, "file_name", where), digits[key], ignored[key]))
        for key, (where, each) in images.items()
    ]


def _coco_box(annotation: dict[str, Any], where: str) -> Box:
    return fields.box(fields.member(annotation, "bbox", where), f"{where}.bbox")


def _entries(entries: dict[str, Any], name: str) -> list[tuple[str, Any]]:
    """What a COCO file lists under a name, each with its place."""
    listed = fields.items(fields.member(entries, name, "it"), name)
    return [(f"{name}[{index}]", each) for index, each in enumerate(listed)]


def _by_id(entries: dict[str, Any], name: str) -> dict[float | str, tuple[str, Any]]:
    """The same by their ids."""
    found: dict[float | str, tuple[str, Any]] = {}
    for where, each in _entries(entries, name):
        key = fields.identity(each, "id", where)
        if key in found:
            raise LabelError(f"{where} has the id {key!r} of {found[key][0]}")
        found[key] = where, each
    return found


def _from_csv(rows: csv.DictReader[str], folder: Path) -> list[_Placed]:
    columns = {(name or "").strip().lower() for name in rows.fieldnames or ()}
    if {"file", "text"} <= columns:
        return [
            (where, _plain(folder, cells["file"], text="".join(re.findall("[0-9]", cells["text"]))))
            for where, cells in _rows(rows)
        ]
    if not {"file", "label", *fields.SIDES} <= columns:
        raise LabelError("its columns are neither file,text nor file,label,x,y,width,height")
    places: dict[str, str] = {}
    digits: dict[str, _Digits] = {}
    for where, cells in _rows(rows):
        places.setdefault(cells["file"], where)
        found = digits.setdefault(cells["file"], [])
        if cells["label"].strip():
            sides = [fields.number(cells[name], name, where) for name in fields.SIDES]
            _add(found, fields.digit(cells["label"], where), fields.box(sides, where), where)
        elif any(cells[name].strip() for name in fields.SIDES):
            raise LabelError(f"{where}: a box without a label; without a digit, leave both empty")
    return [(places[file], _plain(folder, file, found)) for file, found in digits.items()]


def _rows(rows: csv.DictReader[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file by the names of its columns, each with its place."""
    try:
        for row in rows:
            where = f"line {rows.line_num}"
            if any(row.pop(_EXTRA, ())):
                raise LabelError(f"{where} has more cells than the header; quote a cell with a comma")
            cells = {name.strip().lower(): cell for name, cell in row.items()}
            if not cells["file"].strip():
                raise LabelError(f"{where}: file is missing")
            yield where, cells
    except csv.Error as error:
        raise LabelError(f"line {rows.reader.line_num}: {error}") from error


def _plain(
    folder: Path,
    name: str,
    digits: Iterable[tuple[int, Box]] = (),
    ignore: Iterable[Box] = (),
    text: str = "",
) -> LabelledImage:
    """An image of COCO or CSV, which has nothing to be summed up by. Without a digit, it is a negative."""
    found = tuple(digits)
    return LabelledImage(
        path=folder / name,
        source="",
        kind="image",
        digits=found,
        ignore=tuple(ignore),
        negative=not found and not text,
        text=text or None,
    )
