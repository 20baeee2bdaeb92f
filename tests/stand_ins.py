"""Stand-ins for packages that few install, so that what is given to them is tested everywhere.

They can do what the tests and the examples in the documentation need, and take nothing else.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


class Column(list):
    def tolist(self):
        return list(self)


class DataFrame:
    """A table as `pandas.DataFrame` makes it of rows and of dictionaries."""

    def __init__(self, rows, columns=None):
        rows = [tuple(row.values()) if isinstance(row, dict) else row for row in list(rows)]
        self.columns = list(columns)
        assert all(len(row) == len(self.columns) for row in rows)
        self.rows, self.dtypes = rows, dict.fromkeys(self.columns, "object")

    def astype(self, types):
        table = DataFrame(self.rows, self.columns)
        table.dtypes = {column: types[column] for column in self.columns}
        return table

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, column):
        return Column(row[self.columns.index(column)] for row in self.rows)

    def to_csv(self, path, index):
        assert not index
        lines = [",".join(map(str, row)) for row in (self.columns, *self.rows)]
        Path(path).write_text("\n".join(lines), encoding="utf-8")


def concat(tables: Iterable[DataFrame], ignore_index=False) -> DataFrame:
    first, *others = tables
    assert all(other.dtypes == first.dtypes for other in others)
    rows = [row for table in (first, *others) for row in table.rows]
    return DataFrame(rows, first.columns).astype(first.dtypes)


class Detections:
    """What `supervision.Detections` checks of its arguments."""

    def __init__(self, *, xyxy, confidence, class_id):
        count = len(xyxy)
        assert isinstance(xyxy, np.ndarray) and xyxy.shape == (count, 4)
        assert isinstance(confidence, np.ndarray) and confidence.shape == (count,)
        assert isinstance(class_id, np.ndarray) and class_id.shape == (count,)
        self.xyxy = xyxy

    def __len__(self):
        return len(self.xyxy)


class Spark:
    """What the example for Spark uses of a session: files as frames of two, read by `mapInPandas`."""

    def __init__(self):
        self.read = self
        self._pattern = "*"

    def format(self, name):
        assert name == "binaryFile"
        return self

    def option(self, name, value):
        assert name == "pathGlobFilter"
        self._pattern = value
        return self

    def load(self, folder):
        files = sorted(Path(folder).glob(self._pattern))
        return _SparkFrame([{"path": str(file), "content": file.read_bytes()} for file in files])


class _SparkFrame:
    def __init__(self, rows, schema=None):
        self._rows, self._schema = rows, schema
        self.write = self

    def select(self, *names):
        return _SparkFrame([{name: row[name] for name in names} for row in self._rows])

    def mapInPandas(self, function, schema):
        import pandas

        parts = [self._rows[index : index + 2] for index in range(0, len(self._rows), 2)]
        frames = function(iter([pandas.DataFrame(part) for part in parts]))
        return _SparkFrame([row for frame in frames for row in frame.to_dict("records")], schema)

    def parquet(self, folder):
        names = [column.split("`")[1] for column in self._schema.split(", ")]
        assert self._rows and all(list(row) == names for row in self._rows)
        Path(folder).mkdir()


STAND_INS = {
    "pandas": {"DataFrame": DataFrame, "concat": concat},
    "supervision": {"Detections": Detections},
}


def provide(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Make a package importable: itself if it is installed, otherwise its stand-in."""
    if importlib.util.find_spec(name) is None:
        module = ModuleType(name)
        vars(module).update(STAND_INS[name])
        monkeypatch.setitem(sys.modules, name, module)
