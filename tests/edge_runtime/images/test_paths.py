"""Paths of images: files, folders and globs, and reading whole files and pipes."""

from __future__ import annotations

import errno
import os
from collections import Counter

import pytest

from edge_runtime import ImageError
from edge_runtime.images import files, paths, suffixes
from tests import fuzz

SAMPLES = fuzz.samples()


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
        pytest.param(
            ["**"], {}, ["a.JPG", "b.png", "in/c.png", "in/deep/d.webp", "notes.txt", "out/e.png"], id="all"
        ),
        pytest.param(["i*/**/*.w*"], {}, ["in/deep/d.webp"], id="recursive glob below a glob"),
        pytest.param(["./**/deep/**/*"], {}, ["./in/deep/d.webp"], id="glob with two recursive parts"),
        pytest.param(["**.png"], {}, ["b.png"], id="two stars within a name"),
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
        files.read_file("in/self.png")
    (tmp := tree / "out" / "again").symlink_to(tree, target_is_directory=True)
    assert tmp.exists()
    assert list(paths.expand(["**/*.png"])) == ["b.png", "in/c.png", "in/self.png", "out/e.png"]
    assert list(paths.expand([f"{tree}/*/**/*.webp"])) == [
        f"{tree}/in/deep/d.webp",
        f"{tree}/out/again/in/deep/d.webp",
    ]


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
        files.read_file("./in")


def test_a_recursive_glob_reports_folders_that_may_not_be_read(tree, monkeypatch):
    deny(monkeypatch, "scandir", "in/deep")
    assert list(paths.expand(["**/*.png"])) == ["b.png", "in/c.png", "out/e.png", "in/deep"]


@pytest.fixture
def phone(tmp_path, monkeypatch):
    """A folder as phones, Macs, NAS servers and notebooks fill it, and the copies of an earlier run."""
    for name in (
        *("a.jpg", "b.jfif", "c.JPE", "d.pnm", "e.tif", "sub.d/f.AVIF"),
        *("x.HEIC", "y.heic", "scan.pdf", "scan.JP2", "notes", "v1.20251126"),
        *("._a.jpg", ".hidden.png", ".DS_Store", "Thumbs.db", "desktop.ini", ".thumbnails/t.png"),
        *(".ipynb_checkpoints/a-checkpoint.jpg", "@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "__MACOSX/._a.jpg"),
        *("checked/phone/a.jpg", f"checked/{paths.ANNOTATED_MARK}"),
    ):
        path = tmp_path / "phone" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "phone"


IMAGES = [f"phone/{name}" for name in ("a.jpg", "b.jfif", "c.JPE", "d.pnm", "e.tif", "sub.d/f.AVIF")]


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        pytest.param("phone", IMAGES, id="folder"),
        pytest.param("phone/*.jpg", ["phone/a.jpg"], id="glob"),
        pytest.param("phone/**/*.jpg", ["phone/a.jpg"], id="recursive glob"),
        pytest.param("pho*", IMAGES, id="glob of folders"),
        pytest.param("phone/@*", ["phone/@*"], id="glob of junk"),
        pytest.param("phone/ch*/", ["phone/ch*/"], id="glob of annotated copies"),
        pytest.param("phone/._a.jpg", ["phone/._a.jpg"], id="named file"),
        pytest.param("phone/.thumbnails", ["phone/.thumbnails/t.png"], id="named hidden folder"),
        pytest.param("phone/@eaDir/**/*.jpg", ["phone/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg"], id="in a glob"),
        pytest.param("phone/checked", ["phone/checked/phone/a.jpg"], id="named annotated copies"),
    ],
)
def test_junk_of_other_programs_are_read_only_if_they_are_named(argument, expected, phone, monkeypatch):
    monkeypatch.setattr(suffixes, "is_available", lambda extra: False)
    assert list(paths.expand([argument])) == expected


def test_files_that_are_no_images_are_counted_by_kind(phone, monkeypatch):
    monkeypatch.setattr(suffixes, "is_available", lambda extra: False)
    skipped = Counter()
    assert list(paths.expand(["phone"], skipped=skipped)) == IMAGES
    described = "6 files skipped (heic 2, jp2 1, others 1, pdf 1, without suffix 1)"
    install = "; pip install 'edge-digits[heic,pdf]' to read heic and pdf"
    assert paths.describe_skipped(skipped) == described + install


def test_the_files_of_installed_extras_are_images(phone, monkeypatch):
    monkeypatch.setattr(suffixes, "is_available", lambda extra: extra == "pdf")
    found = list(paths.expand(["phone"], skipped=(skipped := Counter())))
    assert sorted(set(found).difference(IMAGES)) == ["phone/scan.pdf"]
    assert paths.describe_skipped(skipped).endswith("; pip install 'edge-digits[heic]' to read heic")


@pytest.mark.parametrize(
    ("skipped", "text"),
    [
        ({}, ""),
        ({"heic": 1}, "1 file skipped (heic 1)"),
        (dict.fromkeys("abcdefg", 3), "21 files skipped (a 3, b 3, c 3, d 3, e 3, others 6)"),
    ],
)
def test_skipped_files_are_described(skipped, text, monkeypatch):
    for available, way_out in ((True, ""), (False, "; pip install 'edge-digits[heic]' to read heic")):
        monkeypatch.setattr(suffixes, "is_available", lambda extra, answer=available: answer)
        assert paths.describe_skipped(Counter(skipped)) == text + way_out * ("heic" in skipped)


def test_lines_of_a_list_are_no_globs_and_do_not_name_the_working_directory(tree):
    names = [".", "./", "/", "..", "*", "**/*", None, "in", "b.png"]
    expected = [".", "./", "/", "..", "*", "**/*", None, "in/c.png", "in/deep/d.webp", "b.png"]
    assert list(paths.expand(names, listed=True)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scan.pdf#2", ("scan.pdf", 2)),
        ("a#1#12", ("a#1", 12)),
        ("-#3", ("-", 3)),
        *(
            (name, (name, None))
            for name in ("scan.pdf", "a#", "#2", "a#0", "a#02", "a#x", "a#2.png", "a#²", "")
        ),
    ],
)
def test_names_of_pages_are_recognised(name, expected):
    assert paths.split_page(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(
            (name, True)
            for name in ("https://a/b.png", "s3://b/c", "zip::s3://b/c", "abfs+x://y", "HTTP://A")
        ),
        *((name, False) for name in ("a.png", "C://a.png", "a/b://c", "://a", "", "a b://c", "zwölf://a")),
    ],
)
def test_addresses_are_recognised(name, expected):
    assert paths.is_remote(name) is expected


def test_large_folders_are_sorted_in_parts(tmp_path, monkeypatch):
    """The first image of ten million must not wait for the last to be listed."""
    names = [f"{index:03}.png" for index in range(25)]
    for name in (*names, "notes.txt"):
        (tmp_path / name).touch()
    listed = 0

    class Entries:
        def __init__(self, entries):
            self.entries = entries

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.entries.close()

        def __iter__(self):
            nonlocal listed
            for entry in self.entries:
                listed += 1
                yield entry

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: Entries(scandir(path)))
    monkeypatch.setattr(paths, "_MOST_SORTED", 10)
    skipped = Counter()
    found = paths.expand([str(tmp_path)], skipped=skipped)
    first = next(found)
    assert listed == 10
    every = [first, *found]
    assert sorted(every) == [str(tmp_path / name) for name in names]
    assert skipped == {"txt": 1}
