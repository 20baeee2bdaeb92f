"""Batches: called as Ray Data, Dask and Spark call them."""

from __future__ import annotations

import pickle

import pytest

from edge_runtime import BatchReader, read_frames, spark_schema
from edge_runtime.errors import ArgumentError
from edge_runtime.outputs import rows as kinds
from edge_runtime.reading.reader import DigitReader

pandas = pytest.importorskip("pandas")
pyarrow = pytest.importorskip("pyarrow")

NAMES = ["scans/a.png", "scans/b.jpg", "scans/c.png", "scans/broken.png", "scans/gone.png"]


@pytest.fixture
def frame(scans):
    return pandas.DataFrame({"path": NAMES})


@pytest.fixture
def expected(scans):
    """The rows of a results file, by unit."""
    readings = list(DigitReader().read_many(NAMES))
    return {unit: [row for each in readings for row in kind.of(each)] for unit, kind in kinds.BY_UNIT.items()}


def values(table):
    """The rows of a table or a frame, None where one is empty."""
    table = (
        table if isinstance(table, pyarrow.Table) else pyarrow.Table.from_pandas(table, preserve_index=False)
    )
    rounded = (
        {key: round(v, 4) if isinstance(v, float) else v for key, v in row.items()}
        for row in table.to_pylist()
    )
    return [tuple(row.values()) for row in rounded]


@pytest.mark.parametrize("unit", ["digit", "number", "image"])
def test_frames_give_the_rows_of_results_files(frame, expected, unit):
    read = BatchReader(rows=unit)(frame)
    assert tuple(read.columns) == kinds.BY_UNIT[unit].columns
    assert values(read) == expected[unit]


def test_other_batches_give_tables(frame, expected):
    reader = BatchReader()
    columns = {"path": frame["path"].to_numpy()}
    for batch in (columns, pyarrow.table(columns), {"path": NAMES}):
        read = reader(batch)
        assert isinstance(read, pyarrow.Table)
        assert values(read) == expected["digit"]


@pytest.mark.parametrize("column", ["bytes", "content"])
def test_files_that_have_been_read_already_are_not_opened(scans, expected, column, monkeypatch):
    content = [(scans.parent / name).read_bytes() for name in NAMES[:4]]
    monkeypatch.chdir("/")
    batch = pandas.DataFrame({"path": NAMES[:4], column: content})
    assert values(BatchReader()(batch)) == expected["digit"][:-1]
    assert (
        values(BatchReader()(pyarrow.table({"path": NAMES[:4], column: content}))) == expected["digit"][:-1]
    )


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", "error: the file is empty"), (None, "error: its content must be bytes, not NoneType")],
)
def test_files_without_content_are_rows(content, status):
    batch = pandas.DataFrame({"path": ["a.png"], "content": [content]})
    assert BatchReader(rows="image")(batch)["status"].tolist() == [status]


def test_integers_stay_integers_where_some_are_missing(frame):
    types = BatchReader()(frame).dtypes.astype(str)
    assert types["digit"] == "Int8"
    assert types["confidence"] == "float32"
    assert set(types.drop(["digit", "confidence", "source", "before", "status"])) == {"Int32"}


def test_an_empty_frame_has_the_same_columns(frame):
    """Dask calls it with one to learn the columns, and Spark's partitions may be empty."""
    reader = BatchReader()
    empty = reader(frame[:0])
    assert len(empty) == 0
    assert empty.dtypes.equals(reader(frame).dtypes)


def test_it_can_be_sent_to_other_processes(frame, expected):
    assert values(pickle.loads(pickle.dumps(BatchReader()))(frame)) == expected["digit"]


def test_spark_gets_an_iterator_of_frames(frame, expected):
    frames = read_frames(iter([frame[:2], frame[2:2], frame[2:]]))
    assert iter(frames) is frames
    parts = list(frames)
    assert [part["source"].nunique() for part in parts] == [2, 0, 3]
    assert [row for part in parts for row in values(part)] == expected["digit"]


def test_a_process_loads_the_models_once(frame, monkeypatch):
    loaded = []

    class Counted(DigitReader):
        def __init__(self, *arguments, **options):
            loaded.append(options)
            super().__init__(*arguments, **options)

    monkeypatch.setattr("edge_runtime.scale.batches.DigitReader", Counted)
    for _ in range(3):
        list(read_frames([frame[:1]], rows="image", min_confidence=0.123))
    assert loaded == [{"threads": 1, "rotate": "auto", "min_confidence": 0.123}]


@pytest.mark.parametrize("unit", ["digit", "number", "image"])
def test_the_schema_for_spark_has_the_columns_and_their_types(frame, unit):
    columns = dict(column.split(" ") for column in spark_schema(unit).split(", "))
    assert tuple(name.strip("`") for name in columns) == kinds.BY_UNIT[unit].columns
    types = {"string": "str", "int": "Int32", "tinyint": "Int8", "float": "float32"}
    read = BatchReader(rows=unit)(frame).dtypes.astype(str).replace("object", "str")
    assert [types[kind] for kind in columns.values()] == read.tolist()


def test_options_are_those_of_the_reader(frame):
    strict = BatchReader(rows="number", min_confidence=1.0, rotate=0)(frame[:1])
    assert set(strict["text"]) == {"??", "?"}


@pytest.mark.parametrize("batch", [{"item": ["a.png"]}, {}, {"bytes": [b""]}])
def test_a_batch_without_paths_is_refused(batch):
    with pytest.raises(ArgumentError, match=r'^a batch needs the column "path"; this one has '):
        BatchReader()(batch)


@pytest.mark.parametrize("call", [lambda: BatchReader(rows="page"), lambda: spark_schema("page")])
def test_unknown_rows_are_refused(call):
    with pytest.raises(ArgumentError, match=r"^rows must be one of digit, number, image, not 'page'$"):
        call()
