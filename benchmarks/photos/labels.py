"""Labelled images: which images a folder holds, and the digits in them.

A labelled folder holds one or both of these files:

- `labels.json`, `{name: {source_repo, kind, group, digits: [{label, box}], ignore: [box]}}`: images in
  `photos/`
- `negatives.json`, `{name: {category, group, ignore: [box]}}`: images without a digit, in `negatives/`

A box is `[x, y, width, height]` in pixels of the image as `cv2.imread` decodes it. `ignore` and `group` are
optional. Digits that are found in a box of `ignore` do not count. In `labels.json`, `group` is the kind of
document, such as "form"; an image that shows no document has none. In `negatives.json`, it is a wider term
for the category.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from edge_runtime.results import Box


@dataclass(frozen=True)
class LabelledImage:
    """One image with its labels; an image without a digit has none.

    `source`, `kind` and `group` are what scores are summed up by; `group` is "" where there is none.
    """

    path: Path
    source: str
    kind: str
    digits: tuple[tuple[int, Box], ...] = ()
    ignore: tuple[Box, ...] = ()
    negative: bool = False
    group: str = ""


def load_labels(folder: Path) -> list[LabelledImage]:
    """List the images of a labelled folder. Raises `BenchmarkError` if it is not one."""

    def positive(name: str, entry: dict[str, Any]) -> LabelledImage:
        return LabelledImage(
            path=folder / "photos" / name,
            source=entry["source_repo"],
            kind=entry["kind"],
            digits=tuple((int(digit["label"]), Box(*digit["box"])) for digit in entry["digits"]),
            ignore=_ignored(entry),
            group=entry.get("group", ""),
        )

    def negative(name: str, entry: dict[str, Any]) -> LabelledImage:
        return LabelledImage(
            path=folder / "negatives" / name,
            source=entry.get("source", ""),
            kind=entry["category"],
            ignore=_ignored(entry),
            negative=True,
            group=entry.get("group", ""),
        )

    images = [
        *_entries(folder / "labels.json", positive),
        *_entries(folder / "negatives.json", negative),
    ]
    if not images:
        raise BenchmarkError(f"no labels in {folder}: it needs labels.json, negatives.json or both")
    return images


def _ignored(entry: dict[str, Any]) -> tuple[Box, ...]:
    return tuple(Box(*box) for box in entry.get("ignore", ()))


def _entries(path: Path, parse: Callable[[str, dict[str, Any]], LabelledImage]) -> list[LabelledImage]:
    try:
        return [parse(name, entry) for name, entry in json.loads(path.read_text(encoding="utf-8")).items()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise BenchmarkError(
            f"cannot read {path} ({error!r}); benchmarks/photos/labels.py describes its format"
        ) from error
