"""The contents of a results file: one image however its path is spelled, one row per failure."""

from __future__ import annotations

import os

import pytest

from edge_runtime.outputs.contents import Contents

ERROR, OTHER, NOTHING = "error: damaged", "error: no such file", "no digit found"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scans" / "more").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    for name, target in (("link", "scans"), ("elsewhere/up", "..")):
        (tmp_path / name).symlink_to(target, target_is_directory=True)
    return tmp_path


@pytest.mark.parametrize(
    "spelling",
    [
        "scans/a.png",
        "./scans/a.png",
        "scans//a.png",
        "scans/./a.png",
        "scans/../scans/a.png",
        "scans/more/../a.png",
        "link/a.png",
        "link/more/../a.png",
        "elsewhere/up/scans/a.png",
        "FOLDER/scans/a.png",
        "FOLDER/link/a.png",
        "file://FOLDER/scans/../link/a.png",
    ],
)
def test_an_image_is_the_same_however_its_folder_is_spelled(folder, spelling):
    spelling = spelling.replace("FOLDER", str(folder))
    for first, second in (("scans/a.png", spelling), (spelling, "scans/a.png")):
        contents = Contents(str(folder))
        contents.add(first, NOTHING)
        assert contents.has_read(second, str(folder))
        assert not contents.has_read(spelling.replace("a.png", "b.png"), str(folder))


def test_paths_are_relative_to_a_folder(folder):
    contents = Contents(str(folder))
    contents.add("scans/a.png", NOTHING)
    assert contents.has_read("a.png", str(folder / "scans"))
    assert contents.has_read("../scans/a.png", str(folder / "elsewhere"))
    assert not contents.has_read("scans/a.png", str(folder / "elsewhere"))


def test_a_link_to_an_image_is_an_image_of_its_own(folder):
    (folder / "scans" / "latest.png").symlink_to("a.png")
    contents = Contents(str(folder))
    contents.add("scans/a.png", NOTHING)
    assert not contents.has_read("scans/latest.png", str(folder))


@pytest.mark.skipif(os.name == "nt", reason="needs file names that are bytes")
def test_names_that_are_not_text_are_the_same_as_in_the_file(folder):
    contents = Contents(str(folder))
    contents.add("scans/\\udcff.png", NOTHING)
    assert contents.has_read("./scans/" + os.fsdecode(b"\xff.png"), str(folder))


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        pytest.param([("a", ERROR)], [0], id="failed"),
        pytest.param([("a", ERROR), ("a", NOTHING)], [1], id="read later"),
        pytest.param([("a", ERROR), ("a", "ok"), ("a", "ok")], [1, 2], id="digits later"),
        pytest.param([("a", NOTHING), ("a", ERROR)], [0], id="read before"),
        pytest.param([("a", ERROR)] * 4, [0], id="repeated"),
        pytest.param([("a", ERROR), ("b", OTHER)] * 4, [0, 1], id="two repeated"),
        pytest.param([("a", ERROR), ("b", NOTHING), ("a", OTHER)], [1, 2], id="another reason"),
        pytest.param([("a", ERROR), ("a", OTHER), ("a", ERROR)], [0], id="the first reason again"),
        pytest.param([("a", ERROR), ("./a", ERROR)], [0], id="another spelling"),
        pytest.param([("a", "ok"), ("a", "rejected: x"), ("b", "refused: x")], [0, 1, 2], id="no failures"),
    ],
)
def test_only_the_last_failure_of_an_image_that_was_never_read_is_kept(folder, rows, kept):
    contents = Contents(str(folder))
    for row in rows:
        contents.add(*row)
    numbered = [(str(number).encode(), *row) for number, row in enumerate(rows)]
    assert contents.superseded == (len(kept) < len(rows))
    assert [int(row) for row in contents.current(numbered)] == kept
