"""Run records: which version and models the rows of a results file are from."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_runtime import __version__
from edge_runtime.errors import OutputError
from edge_runtime.whole_file import whole_file

if TYPE_CHECKING:
    from edge_runtime.reading.reader import DigitReader


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What the rows of a results file are from.

    `version` is that of edge-digits; `model` is the name or path of the model as the user gave it;
    `precision` is "int8" or "float"; `classifier` and `detector` are the SHA-256 hashes of the two files;
    `folder` is the working directory, to which relative paths in the rows refer; `rotate` and
    `min_confidence` are those of the reader; `frames` says whether every frame of an animation was read.
    """

    version: str
    model: str
    precision: str
    classifier: str
    detector: str
    folder: str
    rotate: str = "auto"
    min_confidence: float = 0.0
    frames: bool = False

    @classmethod
    def of(cls, reader: DigitReader, model: str, *, frames: bool = False) -> RunRecord:
        """The record of a run of `reader`, which was opened with `model`.

        Raises `OutputError` if the working directory has been deleted.
        """
        classifier, detector = (_sha256(network.path) for network in (reader.classifier, reader.detector))
        precision = reader.classifier.info.precision
        options = (str(reader.rotate), reader.min_confidence, frames)
        try:
            folder = str(Path.cwd())
        except OSError as error:
            raise OutputError("the current folder no longer exists; change to another one") from error
        return cls(__version__, model, precision, classifier, detector, folder, *options)

    @classmethod
    def parse(cls, text: str | bytes) -> RunRecord:
        """The record in a text that `as_json` made. Raises `ValueError` for any other text."""
        try:
            # Earlier versions did not record these.
            values = {"rotate": "auto", "min_confidence": 0.0, "frames": False} | json.loads(text)
            record = cls(**{field.name: values[field.name] for field in fields(cls)})
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not a run record: {error!r}") from error
        kinds: dict[str, Any] = {"min_confidence": (int, float), "frames": bool}
        if not all(isinstance(value, kinds.get(name, str)) for name, value in asdict(record).items()):
            raise ValueError("not a run record: a value is of the wrong type")
        return record

    @classmethod
    def load(cls, path: Path) -> RunRecord | None:
        """The record in a file; None if there is no such file. Raises `OutputError` and `OSError`."""
        if not os.path.lexists(path):
            return None
        try:
            return cls.parse(path.read_bytes())
        except ValueError as error:
            raise OutputError(
                f"{path} is damaged; delete it to continue the results without comparing their models"
            ) from error

    def save(self, path: Path) -> None:
        """Write the record to a file. Raises `OSError`."""
        with whole_file(path) as partial:
            partial.write_text(self.as_json() + "\n", encoding="utf-8")

    def as_json(self) -> str:
        """The record as JSON."""
        return json.dumps(asdict(self), indent=2)

    def difference(self, other: RunRecord) -> str | None:
        """Why a run like `other` may not add rows to a file of this one, to follow the name of the file.

        None if it may: all that decides about digits is the same.
        """
        mine, others = self._phrases(), other._phrases()
        names = [name for name in mine if getattr(self, name) != getattr(other, name)]
        if not names:
            return None
        # Both networks have the same phrase.
        begun = " and ".join(dict.fromkeys(mine[name] for name in names))
        now = " and ".join(dict.fromkeys(others[name] for name in names))
        return f"was begun {begun}, but this run is {now}"

    def _phrases(self) -> dict[str, str]:
        """What decides about digits, by field, in words."""
        least = f"with --min-confidence {self.min_confidence:g}"
        return {
            "version": f"with edge-digits {self.version}",
            "classifier": f"with {self._models()}",
            "detector": f"with {self._models()}",
            "rotate": f"with --rotate {self.rotate}",
            "min_confidence": least if self.min_confidence else "without --min-confidence",
            "frames": "with --frames" if self.frames else "without --frames",
        }

    def _models(self) -> str:
        return f"model {self.model} (classifier {self.classifier[:8]}, detector {self.detector[:8]})"

    def __str__(self) -> str:
        return f"edge-digits {self.version} and {self._models()}"


def _sha256(path: Path) -> str:
    import hashlib  # takes 3 ms, and only results files need it

    return hashlib.sha256(path.read_bytes()).hexdigest()
