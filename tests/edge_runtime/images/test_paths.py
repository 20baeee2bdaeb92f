"""Paths of images: files, folders, globs and lists, and reading whole files."""

from __future__ import annotations

import errno
import os

import numpy as np
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
        pytest.param(["notes.txt"], {}, ["notes.txt"], id="named file of another suffix"),
        pytest.param(["gone.png"], {}, ["gone.png"], id="missing file"),
        pytest.param(
            ["."], {}, ["./a.JPG", "./b.png", "./in/c.png", "./in/deep/d.webp", "./out/e.png"], id="folder"
        ),
        pytest.param(["."], {"recursive": False}, ["./a.JPG", "./b.png"], id="folder alone"),
        pytest.param(["*.png", "in/*.png"], {}, ["b.png", "in/c.png"], id="globs"),
        pytest.param(["**/*.png"], {}, ["b.png", "in/c.png", "out/e.png"], id="recursive glob"),
        pytest.param(["*.bmp"], {}, ["*.bmp"], id="glob without a match"),
        pytest.param(["i*"], {}, ["in/c.png", "in/deep/d.webp"], id="glob of folders"),
        pytest.param(["i*"], {"recursive": False}, ["in/c.png"], id="glob of folders alone"),
        pytest.param(["emp*"], {}, ["emp*"], id="glob of empty folders"),
        pytest.param([None, "b.png"], {}, [None, "b.png"], id="None"),
        pytest.param(["x" * 300], {}, ["x" * 300], id="name that is too long"),
        pytest.param(["empty"], {}, ["empty"], id="empty folder"),
        pytest.param(["in", "b.png"], {}, ["in/c.png", "in/deep/d.webp", "b.png"], id="several arguments"),
    ],
)
def test_arguments_are_expanded(arguments, options, expected, tree):
    assert list(paths.expand(arguments, **options)) == expected


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        (".", ["./a.JPG", "./b.png", "./in/c.png", "./in/deep/d.webp"]),
        ("**/*.png", ["b.png", "in/c.png"]),
        ("o*", ["o*"]),
    ],
)
def test_the_skipped_folder_is_left_out(argument, expected, tree):
    assert list(paths.expand([argument], skip=tree / "out")) == expected


def test_a_file_whose_name_looks_like_a_glob_is_found(tree):
    (tree / "[1].png").write_bytes(b"x")
    assert list(paths.expand(["[1].png"])) == ["[1].png"]


def test_folders_are_searched_once_if_links_lead_in_circles(tree):
    (tree / "in" / "deep" / "up").symlink_to(tree, target_is_directory=True)
    (tree / "in" / "self.png").symlink_to("self.png")
    assert list(paths.expand(["in"])) == [
        "in/c.png",
        "in/self.png",
        "in/deep/d.webp",
        "in/deep/up/a.JPG",
        "in/deep/up/b.png",
        "in/deep/up/out/e.png",
    ]
    with pytest.raises(ImageError, match="symbolic links"):
        paths.read_file("in/self.png")


def deny(monkeypatch, function, path):
    """Make a function of `os` deny access to a path. Permissions would not stop a superuser."""
    genuine = getattr(os, function)

    def denying(name, *rest):
        if str(name) == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return genuine(name, *rest)

    monkeypatch.setattr(os, function, denying)


def test_an_unreadable_folder_is_passed_on_and_reported(tree, monkeypatch):
    deny(monkeypatch, "scandir", "./in")
    assert list(paths.expand(["."])) == ["./a.JPG", "./b.png", "./out/e.png", "./in"]
    deny(monkeypatch, "open", "./in")
    with pytest.raises(ImageError, match="permission denied"):
        paths.read_file("./in")


def test_an_unreadable_file_is_reported(tree, monkeypatch):
    deny(monkeypatch, "open", "b.png")
    with pytest.raises(ImageError, match="permission denied"):
        paths.read_file("b.png")


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 300_000])
def test_a_file_is_read_whole(size, tmp_path):
    data = np.random.default_rng(size).bytes(size)
    (tmp_path / "a").write_bytes(data)
    assert paths.read_file(tmp_path / "a") == data


def test_a_huge_file_is_rejected_unread(tmp_path):
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(30_000_000_000)
    with pytest.raises(ImageError, match=r"30\.0 GB, over the limit of 1 GB"):
        paths.read_file(tmp_path / "huge.png")


def test_a_list_is_read_while_it_is_written():
    reading, writing = os.pipe()
    names = paths.read_list(reading)
    os.write(writing, b"a.png\nb")
    assert next(names) == "a.png"
    assert next(names) is None
    os.write(writing, b".png\r\n\nlast.png")
    assert next(names) == "b.png"
    os.close(writing)
    assert [name for name in names if name] == ["last.png"]
    os.close(reading)


def test_names_may_be_separated_by_null_bytes():
    reading, writing = os.pipe()
    os.write(writing, b"a b.png\0with\nbreak.png\0")
    os.close(writing)
    assert [name for name in paths.read_list(reading) if name] == ["a b.png", "with\nbreak.png"]
    os.close(reading)
