"""Batches of images, as engines hand them on: `BatchReader` for Ray Data and Dask, `read_frames` for Spark.

The engine decides what a batch is, and where it is read. A batch has a column "path", and if the files have
been read already, "bytes" or "content": Ray Data's `read_binary_files(include_paths=True)` gives the
former, and Spark's data source "binaryFile" the latter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from edge_runtime.errors import ArgumentError, ImageError, MissingDependencyError
from edge_runtime.models import manifest
from edge_runtime.outputs.parquet_file import schema_of, to_table
from edge_runtime.outputs.rows import BY_UNIT, Rows
from edge_runtime.reading.reader import DigitReader
from edge_runtime.reading.turn import AUTO
from edge_runtime.scale.stores import StoredImage

if TYPE_CHECKING:
    import pandas

_CONTENT = ("bytes", "content")  # names of the column with the files themselves


class BatchReader:
    """Reads batches of images: a batch in, the rows of results files out.

    It is called with a DataFrame of pandas and returns one, or with a table of pyarrow or a dictionary of
    columns and returns a table of pyarrow. An image that cannot be read gives a row with its error. `rows` is
    "digit", "number" or "image": what a row stands for. `model`, `rotate` and `min_confidence` are those of
    `DigitReader`, and so are the errors. A pickled `BatchReader` holds its arguments only.

    Raises `ArgumentError` for unknown `rows`, and for a batch without the column "path";
    `MissingDependencyError` without pyarrow or pandas.
    """

    def __init__(
        self,
        model: str = manifest.DEFAULT,
        *,
        rows: str = "digit",
        rotate: int | str = AUTO,
        min_confidence: float = 0.0,
    ) -> None:
        self._rows = _kind(rows)
        self._reader = DigitReader(model, threads=1, rotate=rotate, min_confidence=min_confidence)

    def __call__(self, batch: Any) -> Any:
        """The rows of a batch of images."""
        lines = "".join(map(self._rows.to_json_lines, self._reader.read_batches(_images(batch))))
        table = to_table(lines.encode(), self._rows)
        return _to_pandas(table) if hasattr(batch, "iloc") else table


def read_frames(frames: Iterable[pandas.DataFrame], **options: Any) -> Iterator[pandas.DataFrame]:
    """Read frames of images and yield the rows of each, as Spark's `mapInPandas` wants it.

    `options` and errors are those of `BatchReader`. A process loads the models once.
    """
    yield from map(_shared(**options), frames)


def spark_schema(rows: str = "digit") -> str:
    """The columns of the rows with their types, for Spark's `mapInPandas`. Raises `ArgumentError`."""
    types = {"string": "string", "float": "float", "int8": "tinyint", "int32": "int"}
    return ", ".join(f"`{column.name}` {types[str(column.type)]}" for column in schema_of(_kind(rows)))


_shared = lru_cache(maxsize=4)(BatchReader)


def _kind(rows: str) -> Rows:
    if rows not in BY_UNIT:
        raise ArgumentError(f"rows must be one of {', '.join(BY_UNIT)}, not {rows!r}")
    return BY_UNIT[rows]


def _images(batch: Any) -> Iterator[Any]:
    """The images of a batch: their paths, or named files."""
    names = batch.column_names if hasattr(batch, "column_names") else list(batch)
    if "path" not in names:
        raise ArgumentError(f'a batch needs the column "path"; this one has {", ".join(map(str, names))}')
    content = next((name for name in _CONTENT if name in names), None)
    paths = map(str, _values(batch["path"]))
    if content is None:
        return paths
    files = (partial(_check_content, file) for file in _values(batch[content]))
    return map(StoredImage, paths, files)


def _check_content(file: Any) -> bytes:
    if not isinstance(file, (bytes, bytearray, memoryview)):
        raise ImageError(f"its content must be bytes, not {type(file).__name__}")
    return bytes(file)


def _values(column: Any) -> Any:
    return column.to_pylist() if hasattr(column, "to_pylist") else column


def _to_pandas(table: Any) -> Any:
    """A table of pyarrow with nullable integers, which are no floats where values are missing."""
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError("DataFrames need pandas: pip install 'edge-digits[pandas]'") from error
    nullable = {"int8": pandas.Int8Dtype(), "int32": pandas.Int32Dtype()}
    return table.to_pandas(types_mapper=lambda kind: nullable.get(str(kind)))
