"""Event files: complete lines whatever happened before, and no other file touched."""

from __future__ import annotations

import json
import os
import sys

import pytest

from edge_runtime import OutputError
from edge_runtime.live.events import Event
from edge_runtime.outputs.events import EventFile


def kinds(path):
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        pytest.param('{"event": "left"}\n', ["left"], id="complete"),
        pytest.param('{"event": "left"}\n{"event": "cha', ["left"], id="cut"),
        pytest.param('{"event": "left"}\n{"eve', ["left"], id="cut early"),
        pytest.param('{"event": "left"}\n{"event": "back"}', ["left", "back"], id="without its line break"),
        pytest.param('{"eve', [], id="one cut line"),
        pytest.param("", [], id="empty"),
    ],
)
def test_an_existing_file_is_repaired_and_continued(tmp_path, before, kept):
    path = tmp_path / "new" / "events.JSONL"
    path.parent.mkdir()
    path.write_text(before)
    with EventFile(path) as file:
        file.write([Event("lost", 1.0, 1.0, 3, reason="x")])
    assert kinds(path) == [*kept, "lost"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("x" * 200_000, id="one long line"),
        pytest.param('{"mine": 1}', id="other JSON"),
        pytest.param('{"source": "a.png"}\n', id="other JSON lines"),
        pytest.param("a\nb", id="text"),
        pytest.param('{"event": "left"}\nnot mine', id="text after an event"),
        pytest.param('{"event": [', id="other JSON, cut"),
        pytest.param(
            '{"event": "left", "digits": ' + "[" * 60_000,
            id="deep nesting",
            marks=pytest.mark.skipif(
                sys.version_info >= (3, 14), reason="parsed there: an ordinary line, cut off"
            ),
        ),
    ],
)
def test_files_of_other_programs_are_not_changed(tmp_path, content):
    path = tmp_path / "mine.jsonl"
    path.write_text(content)
    with pytest.raises(OutputError, match="is not an event file"):
        EventFile(path)
    assert path.read_text() == content


def test_an_open_file_may_be_truncated(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventFile(path) as file:
        file.write([Event("lost", 1.0, 1.0, 3)])
        os.truncate(path, 0)
        file.write([Event("back", 1.0, 1.0, 3)])
    assert kinds(path) == ["back"]


def test_a_file_has_one_writer(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventFile(path) as file:
        with pytest.raises(OutputError, match="another process is writing"):
            EventFile(path)
        file.write([Event("lost", 1.0, 1.0, 3)])
    with EventFile(path) as file:
        file.write([Event("back", 1.0, 1.0, 3)])
    assert kinds(path) == ["lost", "back"]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not remove or rename open files")
@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_has_been_renamed_is_reported(tmp_path, replaced):
    path = tmp_path / "events.jsonl"
    with EventFile(path) as file:
        path.rename(tmp_path / "events.1.jsonl")
        if replaced:
            path.touch()
        with pytest.raises(OutputError, match="was removed, renamed or replaced"):
            file.write([Event("lost", 1.0, 1.0, 3)])
    assert kinds(tmp_path / "events.1.jsonl") == ["lost"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("events.csv", "ends in .jsonl", id="other format"),
        pytest.param("folder.jsonl", "not a regular file", id="folder"),
        pytest.param("file/events.jsonl", "cannot write", id="folder that is a file"),
    ],
)
def test_unwritable_paths_are_reported_in_one_line(tmp_path, name, message):
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=message) as caught:
        EventFile(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs file size limits")
def test_a_full_disk_leaves_complete_lines(tmp_path):
    import resource
    import signal

    path = tmp_path / "events.jsonl"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with EventFile(path) as file:
        file.write([Event("lost", 1.0, 1.0, 3)])
        before = path.read_bytes()
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))  # a write is cut, then fails
        try:
            with pytest.raises(OutputError, match="cannot write"):
                file.write([Event("back", 2.0, 2.0, 4)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, ignored)
        assert path.read_bytes() == before
