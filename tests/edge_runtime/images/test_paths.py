"""Files, folders, globs and lists as streams of paths."""

from __future__ import annotations

import errno
import os

import pytest

from edge_runtime import ImageError
from edge_runtime.images import paths


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in ("b.png", "a.JPG", "notes.txt", "in/c.png", "in/deep/d.webp", "out/e.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        pytest.param(["b.png"], {}, ["b.png"], id="file"),
        pytest.param(["notes.txt"], {}, ["notes.txt"], id="a named file is taken whatever its suffix"),
        pytest.param(["gone.png"], {}, ["gone.png"], id="missing"),
        pytest.param(
            ["."], {}, ["./a.JPG", "./b.png", "./in/c.png", "./in/deep/d.webp", "./out/e.png"], id="folder"
        ),
        pytest.param(["."], {"recursive": False}, ["./a.JPG", "./b.png"], id="one folder"),
        pytest.param(["*.png", "in/*.png"], {}, ["b.png", "in/c.png"], id="globs"),
        pytest.param(["**/*.png"], {}, ["b.png", "in/c.png", "out/e.png"], id="recursive glob"),
        pytest.param(["*.bmp"], {}, ["*.bmp"], id="glob without a match"),
        pytest.param(["i*"], {}, ["in/c.png", "in/deep/d.webp"], id="a glob of folders"),
        pytest.param(["i*"], {"recursive": False}, ["in/c.png"], id="a glob of single folders"),
        pytest.param(["emp*"], {}, ["emp*"], id="a glob of empty folders"),
        pytest.param([None, "b.png"], {}, [None, "b.png"], id="nothing yet"),
        pytest.param(["x" * 300], {}, ["x" * 300], id="a name too long"),
        pytest.param(["empty"], {}, ["empty"], id="empty folder"),
        pytest.param(["in", "b.png"], {}, ["in/c.png", "in/deep/d.webp", "b.png"], id="several"),
    ],
)
def test_arguments_become_paths(arguments, options, expected, tree):
    assert list(paths.expand(arguments, **options)) == expected


def test_the_folder_of_annotated_images_is_passed_over(tree):
    for arguments in (["."], ["**/*.png"], ["o*"]):
        assert not [path for path in paths.expand(arguments, skip=tree / "out") if path.endswith("e.png")]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tree):
    (tree / "[1].png").write_bytes(b"x")
    assert list(paths.expand(["[1].png"])) == ["[1].png"]


def test_links_that_lead_in_circles_end(tree):
    (tree / "in" / "deep" / "up").symlink_to(tree, target_is_directory=True)
    (tree / "in" / "self.png").symlink_to("self.png")
    found = list(paths.expand(["in"]))
    assert len(found) == len(set(found))
    assert {"in/c.png", "in/deep/d.webp", "in/self.png"} <= set(found)
    with pytest.raises(ImageError, match="symbolic links"):
        paths.read_file("in/self.png")


def deny(monkeypatch, function, path):
    """Make a function of `os` answer as it does for what may not be read: the superuser may read all."""
    genuine = getattr(os, function)

    def denying(name, *rest):
        if str(name) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return genuine(name, *rest)

    monkeypatch.setattr(os, function, denying)


def test_a_folder_that_may_not_be_read_is_named(tree, monkeypatch):
    deny(monkeypatch, "scandir", "./in")
    assert list(paths.expand(["."])) == ["./a.JPG", "./b.png", "./out/e.png", "./in"]
    deny(monkeypatch, "open", "./in")
    with pytest.raises(ImageError, match="permission denied"):
        paths.read_file("./in")


def test_a_file_that_may_not_be_read_is_named(tree, monkeypatch):
    deny(monkeypatch, "open", "b.png")
    with pytest.raises(ImageError, match="permission denied"):
        paths.read_file("b.png")


def test_a_file_is_read_whole(tmp_path):
    data = os.urandom(300_000)
    (tmp_path / "a").write_bytes(data)
    assert paths.read_file(tmp_path / "a") == data


def test_a_file_beyond_all_measure_is_refused_unread(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(30_000_000_000)
    with pytest.raises(ImageError, match=r"30\.0 GB"):
        paths.read_file(tmp_path / "huge.png")


def test_a_list_comes_as_it_is_written():
    reading, writing = os.pipe()
    names = paths.listed(reading)
    os.write(writing, b"a.png\nb")
    assert next(names) == "a.png"
    assert next(names) is None
    os.write(writing, b".png\r\n\nlast.png")
    assert next(names) == "b.png"
    os.close(writing)
    assert [name for name in names if name] == ["last.png"]
    os.close(reading)


def test_a_list_may_be_ended_by_null_bytes():
    reading, writing = os.pipe()
    os.write(writing, b"a b.png\0with\nbreak.png\0")
    os.close(writing)
    assert [name for name in paths.listed(reading) if name] == ["a b.png", "with\nbreak.png"]
    os.close(reading)
