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
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from edge_runtime.results import Box

_COCO = {"images", "annotations", "categories"}
_BOX_COLUMNS = ("x", "y", "width", "height")


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


def load_labels(source: Path) -> list[LabelledImage]:
    """List the images of a labelled folder, or of one file with labels. Raises `BenchmarkError`."""
    names = ("labels.json", "negatives.json", "labels.csv")
    paths = [source / name for name in names] if source.is_dir() else [source]
    images = [image for path in paths if path.exists() for image in _read(path)]
    if not images:
        raise BenchmarkError(
            f"no labels in {source}: it needs labels.json, negatives.json or labels.csv, or give a COCO file"
        )
    return images


def _read(path: Path) -> list[LabelledImage]:
    try:
        if path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                return _from_csv(csv.DictReader(file, strict=True), path.parent)
        entries = json.loads(path.read_text(encoding="utf-8"))
        if entries.keys() >= _COCO:
            return _from_coco(entries, path.parent)
        parse = _negative if path.name == "negatives.json" else _positive
        return [parse(path.parent, name, entry) for name, entry in entries.items()]
    except (OSError, ArithmeticError, ValueError, AttributeError, TypeError, KeyError, csv.Error) as error:
        raise BenchmarkError(
            f"cannot read {path} ({error!r}); benchmarks/photos/labels.py describes its format"
        ) from error


def _positive(folder: Path, name: str, entry: dict[str, Any]) -> LabelledImage:
    return LabelledImage(
        path=folder / "photos" / name,
        source=entry["source_repo"],
        kind=entry["kind"],
        digits=tuple((int(digit["label"]), Box(*digit["box"])) for digit in entry["digits"]),
        ignore=_ignored(entry),
        group=entry.get("group", ""),
    )


def _negative(folder: Path, name: str, entry: dict[str, Any]) -> LabelledImage:
    return LabelledImage(
        path=folder / "negatives" / name,
        source=entry.get("source", ""),
        kind=entry["category"],
        ignore=_ignored(entry),
        negative=True,
        group=entry.get("group", ""),
    )


def _ignored(entry: dict[str, Any]) -> tuple[Box, ...]:
    return tuple(Box(*box) for box in entry.get("ignore", ()))


def _from_coco(entries: dict[str, Any], folder: Path) -> list[LabelledImage]:
    names = {each["id"]: str(each["name"]).strip() for each in entries["categories"]}
    values = {key: int(name) for key, name in names.items() if re.fullmatch("[0-9]", name)}
    if not values:
        raise ValueError("none of its categories is named 0 to 9")
    digits: dict[Any, list[tuple[int, Box]]] = {each["id"]: [] for each in entries["images"]}
    ignored: dict[Any, list[Box]] = {key: [] for key in digits}
    for each in entries["annotations"]:
        if each.get("iscrowd"):
            ignored[each["image_id"]].append(_box(each["bbox"]))
        elif each["category_id"] in values:
            digits[each["image_id"]].append((values[each["category_id"]], _box(each["bbox"])))
    return [
        _plain(folder, each["file_name"], digits[each["id"]], ignored[each["id"]])
        for each in entries["images"]
    ]


def _from_csv(rows: csv.DictReader[str], folder: Path) -> list[LabelledImage]:
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if "file" in columns and "text" in columns:
        texts: dict[str, str] = {}
        for row in rows:
            file = row[columns["file"]]
            texts[file] = texts.get(file, "") + "".join(re.findall("[0-9]", row[columns["text"]] or ""))
        return [_plain(folder, file, text=text) for file, text in texts.items()]
    if not {"file", "label", *_BOX_COLUMNS} <= columns.keys():
        raise ValueError("its columns are neither file,text nor file,label,x,y,width,height")
    digits: dict[str, list[tuple[int, Box]]] = {}
    for row in rows:
        found = digits.setdefault(row[columns["file"]], [])
        label = (row[columns["label"]] or "").strip()
        if label and not re.fullmatch("[0-9]", label):
            raise ValueError(f"line {rows.line_num}: the label {label!r} is not a digit")
        if label:
            found.append((int(label), _box(row[columns[name]] for name in _BOX_COLUMNS)))
    return [_plain(folder, file, found) for file, found in digits.items()]


def _box(sides: Iterable[Any]) -> Box:
    return Box(*(round(float(side)) for side in sides))


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
