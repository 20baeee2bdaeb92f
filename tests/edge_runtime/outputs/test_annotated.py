"""Annotated images: a folder that mirrors the sources and never overwrites them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_runtime import Box, Digit, ImageError, OutputError, Reading
from edge_runtime.images.paths import ANNOTATED_MARK
from edge_runtime.outputs.annotated import AnnotatedImages


def test_annotated_images_mirror_their_sources(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = AnnotatedImages(Path("out"))
    for name, saved in (("scans/a/1.jpg", "out/scans/a/1.jpg"), ("scans/1.webp", "out/scans/1.webp.png")):
        image_file(name, "4", height=160)
        folder.write(Reading(name, (Digit(4, 0.99, Box(40, 40, 60, 80)),)))
        original, drawn = cv2.imread(name), cv2.imread(saved)
        changed = (np.abs(original.astype(int) - drawn) > 40).any(axis=2)
        rows, columns = np.nonzero(changed)
        assert drawn.shape == original.shape
        # The sides of the box, and nothing below or beside it; the label is above.
        assert (rows.max(), columns.min(), columns.max()) == pytest.approx((119, 40, 99), abs=3)
        assert not changed[60:110, 50:90].any()
    saved = sorted(path.name for path in Path("out").rglob("*") if path.is_file())
    assert saved == [ANNOTATED_MARK, "1.jpg", "1.webp.png"]


def test_only_new_folders_are_marked(image_file, tmp_path):
    """A folder that holds anything else may be somebody's images, which must be read."""
    source = str(image_file("a.png"))
    (tmp_path / "empty").mkdir()
    for name, marked in (("new", True), ("empty", True), ("scans", False)):
        image_file("scans/b.png")
        for again in (False, True):
            AnnotatedImages(tmp_path / name, again=again).write(Reading(source))
        assert (tmp_path / name / ANNOTATED_MARK).exists() == marked


def test_files_of_a_folder_that_is_not_marked_are_not_replaced(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image_file("a.png")
    for name in ("photos/a.png", "photos/a.png.partial"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"somebody's")
    with pytest.raises(OutputError, match=r"--annotate would overwrite photos.a\.png; choose another folder"):
        AnnotatedImages(Path("photos")).write(Reading("a.png"))
    image_file("b.png")
    folder = AnnotatedImages(Path("photos"))
    for _ in range(2):  # given twice: its own copies may be replaced
        folder.write(Reading("b.png"))
    assert sorted(path.name for path in Path("photos").iterdir()) == ["a.png", "a.png.partial", "b.png"]
    assert Path("photos/a.png").read_bytes() == Path("photos/a.png.partial").read_bytes() == b"somebody's"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_images_from_pipes_cannot_be_annotated(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for source in (str(tmp_path / "pipe.png"), "-"):
        with pytest.raises(ImageError, match="came through a pipe"):
            AnnotatedImages(tmp_path / "out").write(Reading(source))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        pytest.param("../up/a.png", "out/__/up/a.png", id="parent folder"),
        pytest.param("/abs/a.png", "out/abs/a.png", id="absolute"),
        pytest.param("a/../../b.png", "out/a/__/__/b.png", id="parent folder in the middle"),
        pytest.param("a.JPEG", "out/a.JPEG", id="upper case"),
        pytest.param("a.tif", "out/a.tif.png", id="other format"),
    ],
)
def test_targets_stay_inside_the_folder(source, target, tmp_path):
    assert AnnotatedImages(tmp_path / "out").target(Path(source)) == tmp_path / target


def test_copies_of_different_images_have_different_names(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("a.bmp", "a.bmp.png", "a.bmp.2.png", "b.webp")
    for order in (names, names[::-1]):
        folder = AnnotatedImages(Path("out"))
        for name in names:
            image_file(name)
        for name in order:
            folder.write(Reading(name))
        saved = sorted(str(path) for path in Path("out").glob("*.png"))
        assert saved == ["out/a.bmp.2.png", "out/a.bmp.3.png", "out/a.bmp.png", "out/b.webp.png"]


def test_sources_are_never_overwritten(image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = image_file("a.png", "4")
    before = path.read_bytes()
    with pytest.raises(OutputError, match=r"--annotate would overwrite a\.png"):
        AnnotatedImages(tmp_path).write(Reading("a.png", ()))
    assert path.read_bytes() == before


def test_names_that_are_too_long_are_errors_of_that_image(image_file, tmp_path):
    longest, too_long = image_file("n" * 251 + ".png"), image_file("n" * 250 + ".webp")  # its copy: .webp.png
    with pytest.raises(ImageError, match="name is too long"):
        AnnotatedImages(tmp_path / "out").write(Reading(str(too_long), ()))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    AnnotatedImages(tmp_path / "out").write(Reading(str(longest), ()))
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == [longest.name]


def test_unwritable_folders_are_reported(image_file, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot write"):
        AnnotatedImages(tmp_path / "file" / "out").write(Reading(str(image_file("a.png")), ()))


def test_a_full_disk_leaves_no_partial_image(image_file, tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    source = image_file("a.png")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        AnnotatedImages(tmp_path / "out").write(Reading(str(source), ()))
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
