"""Pen strokes of real writers: reading raw files, cleaning, the split by writer and the cache."""

from __future__ import annotations

import json
import lzma
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from train import pens
from train.data import DataError
from train.pens import CACHE, PARTS, load_pens
from train.synthetic.writers import PenStrokes
from train.unipen import read_pendigits, read_unipen

SQUARE = [(10, 10), (10, 50), (30, 50), (30, 10)]  # up, right, down; 20 wide, 40 high
BAR = [(0, 20), (40, 20)]
WRITERS = {"aga": "jane-doe", "ibm": "r01-02", "val": "val01"}


def block(keyword: str, points=()) -> str:
    return "\n".join([f".{keyword}", *(f" {x} {y}" for x, y in points), ""])


def moved(points, dx: int, dy: int = 0, scale: int = 1):
    return [(x * scale + dx, y * scale + dy) for x, y in points]


def recording(writer: str, blocks: list[str], resolution: tuple[float, float] = (100, 100)) -> str:
    x, y = resolution
    head = f".X_POINTS_PER_INCH {x}\n.Y_POINTS_PER_INCH {y}\n.COORD X Y\n.WRITER_ID {writer}\n"
    return head + "".join(blocks)


def add(folder: Path, contributor: str, name: str, segments: list[tuple[str, str]], content: str) -> None:
    """Add a data file and its index to `train_r01_v07`."""
    for path, text in (
        (f"include/{contributor}/data/{name}.dat", content),
        (
            f"data/1a/{contributor}/{name}.dat",
            f".VERSION 1.0\n.INCLUDE {contributor}/absent.lex\n.INCLUDE {contributor}/data/{name}.dat\n"
            + "".join(f'.SEGMENT CHARACTER {span} ? "{label}"\n' for span, label in segments),
        ),
    ):
        file = folder / "train_r01_v07" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="latin-1")


def add_pages(folder: Path, contributor: str, writer: str, characters: list[tuple[str, list]]) -> None:
    """One component per character."""
    blocks = [block("PEN_DOWN", points) for _, points in characters]
    segments = [(str(index), label) for index, (label, _) in enumerate(characters)]
    add(folder, contributor, writer, segments, recording(writer, blocks))


def pendigits(digits: str, writer: int, shift: int = 0) -> str:
    text = ".INCLUDE dene.doc\n\n"
    for index, label in enumerate(digits):
        text += f'.SEGMENT DIGIT {index} ? "{label}"\n.COMMENT {label} {writer} 7\n'
        text += block("PEN_DOWN", moved(SQUARE, shift + index)) + ".PEN_UP\n.DT 100\n\n"
    return text


@pytest.fixture
def raw(tmp_path, monkeypatch) -> Path:
    """A `--data` folder with raw files: 13 characters by five writers, all for training."""
    folder = tmp_path / "data" / "pens"
    for contributor, writer in WRITERS.items():
        add_pages(folder, contributor, writer, [("4", SQUARE), ("5", moved(SQUARE, 3, scale=2)), ("x", BAR)])
    for part, shift in (("tra", 0), ("tes", 9)):
        (folder / f"pendigits-orig.{part}").write_text(pendigits("12", 3, shift))
    held_out = tmp_path / "held_out.json"
    held_out.write_text(json.dumps({"validation": [], "test": []}))
    monkeypatch.setattr(pens, "_HELD_OUT", held_out)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "data"


def hold_out(root: Path, **contributors: str) -> None:
    """Hold out the writers of the given contributors."""
    names = json.loads((root / "pens" / "split.json").read_text())["train"]
    named = {
        part: [name for name in names if name.startswith(who + "-")] for part, who in contributors.items()
    }
    pens._HELD_OUT.write_text(json.dumps(named))
    for name in CACHE:
        (root / "pens" / name).unlink()


def characters(strokes: PenStrokes) -> list[tuple[str, list[list[tuple[float, float]]]]]:
    return [
        (str(strokes.labels[i]), [[(*map(float, p),) for p in s] for s in strokes.strokes(i)])
        for i in range(len(strokes))
    ]


def test_without_data_there_is_nothing(tmp_path):
    assert load_pens(tmp_path, "train") is None
    (tmp_path / "pens").mkdir()
    assert load_pens(tmp_path, "train") is None


def test_characters_are_scaled_with_y_down_and_come_with_sizes(raw):
    strokes = load_pens(raw, "train")
    found = characters(strokes)
    assert ("4", [[(0, 1000), (0, 0), (500, 0), (500, 1000)]]) in found
    assert ("x", [[(0, 0), (1000, 0)]]) in found
    assert [len(each) for each in (strokes, strokes.labels, strokes.writers)] == [13, 13, 13]
    assert sorted(strokes.labels) == list("1122444555xxx")
    assert strokes.points.dtype == np.float32 and strokes.relative_sizes.dtype == np.float32
    assert {each.dtype for each in (strokes.stroke_offsets, strokes.character_offsets, strokes.writers)} == {
        np.dtype(np.int64)
    }
    # The median height of a writer's two digits is 60.
    np.testing.assert_allclose(strokes.relative_sizes[strokes.labels == "4"], 40 / 60, rtol=1e-3)
    np.testing.assert_allclose(strokes.relative_sizes[strokes.labels == "x"], 40 / 60, rtol=1e-3)
    assert len(np.unique(strokes.writers)) == 5  # the writers 3 of the two parts of pendigits are two people


def test_components_are_counted_over_blocks_that_are_not_empty(tmp_path):
    blocks = [
        block("PEN_DOWN"),
        block("PEN_UP"),
        block("PEN_DOWN", BAR),  # 0
        block("PEN_UP", [(5, 5), (6, 6)]),  # 1
        block("PEN_DOWN", SQUARE),  # 2
        block("PEN_UP"),
        block("PEN_DOWN", moved(SQUARE, 100)),  # 3
        block("PEN_DOWN", moved(BAR, 200)),  # 4
    ]
    segments = [("0-2", "4"), ("3:1-3:2,4", "\\@")]
    add(tmp_path, "aga", "page", segments, recording("w", blocks, (200, 400)))
    four, at = read_unipen(tmp_path / "train_r01_v07")
    assert (four.label, at.label) == ("4", "@")
    stretched = [[(2.0 * x, y) for x, y in points] for points in (BAR, SQUARE)]
    assert [stroke.tolist() for stroke in four.strokes] == [list(map(list, points)) for points in stretched]
    assert [len(stroke) for stroke in at.strokes] == [2, 2]
    assert not four.shares_ink and not at.shares_ink


@pytest.mark.parametrize("name", ["train_r01_v07.tgz", "unipen.tar.xz", "CDROM-train_r01_v07.tar.gz"])
def test_archives_hold_the_same_as_the_folder(raw, name):
    expected = characters(load_pens(raw, "train"))
    for each in CACHE:
        (raw / "pens" / each).unlink()
    with tarfile.open(raw / "pens" / name, "w:xz" if name.endswith("xz") else "w:gz") as archive:
        archive.add(raw / "pens" / "train_r01_v07", "somewhere/train_r01_v07")
    shutil.rmtree(raw / "pens" / "train_r01_v07")
    assert characters(load_pens(raw, "train")) == expected


def compress(content: bytes) -> bytes:
    """`content` in the format of Unix compress, in 9-bit codes that each stand for one byte."""
    assert len(content) < 255  # from then on codes would have 10 bits
    bits = "".join(f"{byte:09b}"[::-1] for byte in content)
    bits += "0" * (-len(bits) % 8)
    return b"\x1f\x9d\x90" + bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))


def test_pendigits_may_be_packed(tmp_path):
    content = pendigits("12", 3).encode()
    files = {"pendigits-orig.tra": content, "pendigits-orig.tra.xz": lzma.compress(content)}
    files["pendigits-orig.tra.Z"] = compress(content)
    for name, packed in files.items():
        (tmp_path / name).write_bytes(packed)
        one, two = read_pendigits(tmp_path / name)
        assert (one.label, two.label, one.writer, two.writer) == ("1", "2", "tra03", "tra03")
        assert two.strokes[0].tolist() == [list(map(float, point)) for point in moved(SQUARE, 1)]


@pytest.mark.parametrize(
    ("contributor", "left_out"),
    [
        pytest.param("gmd", [("4", moved(SQUARE, 50))], id="copy"),
        pytest.param("kai", [("\\@", moved(SQUARE, 9))], id="filler"),
        pytest.param("ibm", [("x", moved(SQUARE, 0, scale=64))], id="rescaled"),
        pytest.param("val", [("0", moved(SQUARE, 0, scale=20))], id="several digits"),
        pytest.param("ced", [("7", [(0, 0), (100, 20)])], id="wide"),
        pytest.param("apa", [("7", [(0, 0), (1, 2)]), ("x", [(5, 5)])], id="specks"),
    ],
)
def test_cleaning_leaves_out(raw, contributor, left_out):
    kept = [("4", moved(SQUARE, 50)), (".", [(7, 7)])]
    add_pages(raw / "pens", contributor, "w", [*kept, *left_out])
    assert len(load_pens(raw, "train")) == 13 + len(kept)


def test_characters_that_share_a_stroke_are_left_out(raw):
    blocks = [block("PEN_DOWN", SQUARE * 2), block("PEN_DOWN", moved(BAR, 7))]
    segments = [("0:0-0:3", "4"), ("0:4-0:7", "5"), ("1:0-1:1", "-")]
    add(raw / "pens", "ced", "page", segments, recording("w", blocks))
    strokes = load_pens(raw, "train")
    assert len(strokes) == 13 + 1 and "-" in strokes.labels


def test_letters_are_limited_evenly_over_writers(raw, monkeypatch):
    monkeypatch.setattr(pens, "_LETTERS", 4)
    add_pages(raw / "pens", "tos", "w", [("x", moved(BAR, index)) for index in range(20)])
    strokes = load_pens(raw, "train")
    # The three writers with one x each keep it.
    assert sorted(np.unique(strokes.writers[strokes.labels == "x"], return_counts=True)[1]) == [1, 1, 1, 1]
    assert "".join(sorted(strokes.labels)) == "1122444555xxxx"


def test_writers_are_in_one_part_and_their_ids_nowhere(raw):
    load_pens(raw, "train")
    hold_out(raw, validation="aga", test="val")
    counts = {part: len(load_pens(raw, part)) for part in PARTS}
    assert counts == {"train": 7, "validation": 3, "test": 3}
    split = json.loads((raw / "pens" / "split.json").read_text())
    names = [name for part in PARTS for name in split[part]]
    assert len(names) == len(set(names)) == 5
    assert all(re.fullmatch(r"[a-z]+-\d{6}", name) for name in names)
    assert set(np.load(raw / "pens" / CACHE[0])["writer_names"]) == set(names)
    written = (raw / "pens" / "split.json").read_text() + str(
        np.load(raw / "pens" / CACHE[1])["writer_names"]
    )
    assert not any(writer in written for writer in WRITERS.values())


def test_the_shipped_parts_have_no_writer_in_common():
    held_out = json.loads(Path(pens.__file__).with_name("held_out_writers.json").read_text())
    assert set(held_out) == {"validation", "test"}
    assert len(set(held_out["validation"]) | set(held_out["test"])) == 78


def test_the_cache_alone_is_enough_and_doubtful_digits_are_left_out(raw):
    expected = characters(load_pens(raw, "train"))
    for path in [*raw.glob("pens/pendigits*"), raw / "pens" / "train_r01_v07"]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert characters(load_pens(raw, "train")) == expected
    path = raw / "pens" / CACHE[0]
    arrays = dict(np.load(path))
    arrays["doubtful"][1] = True
    np.savez(path, **arrays)
    assert characters(load_pens(raw, "train")) == expected[:1] + expected[2:]


def test_a_folder_that_cannot_be_written_is_cached_elsewhere(raw, tmp_path, monkeypatch):
    def refuse(characters, folder, write=pens._write):
        if folder == raw / "pens":
            raise PermissionError(13, "Permission denied")
        write(characters, folder)

    monkeypatch.setattr(pens, "_write", refuse)
    strokes = load_pens(raw, "train")
    assert {path.name for path in (tmp_path / "cache" / "edge-digits" / "pens").iterdir()} == set(CACHE)
    monkeypatch.setattr(pens, "read_unipen", None)  # not read again
    assert characters(load_pens(raw, "train")) == characters(strokes)


def test_an_unfinished_cache_is_made_again(raw):
    expected = characters(load_pens(raw, "train"))
    (raw / "pens" / CACHE[2]).unlink()
    assert characters(load_pens(raw, "train")) == expected


def remove_ink(folder: Path) -> None:
    shutil.rmtree(folder / "train_r01_v07" / "include")


def garble_ink(folder: Path) -> None:
    add_pages(folder, "aga", "jane-doe", [("4", [("1O", 3)])])


def truncate_archive(folder: Path) -> None:
    with tarfile.open(folder / "unipen.tar.xz", "w:xz") as archive:
        archive.add(folder / "train_r01_v07")
    shutil.rmtree(folder / "train_r01_v07")
    packed = (folder / "unipen.tar.xz").read_bytes()
    (folder / "unipen.tar.xz").write_bytes(packed[: len(packed) // 2])


def empty_pendigits(folder: Path) -> None:
    (folder / "pendigits-orig.tes").write_text("404 not found")


def garble_pendigits(folder: Path) -> None:
    (folder / "pendigits-orig.tes").write_text('.SEGMENT DIGIT 0 ? "1"\n.COMMENT 1\n')


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (remove_ink, "train_r01_v07 is incomplete"),
        (garble_ink, "train_r01_v07 is damaged"),
        (truncate_archive, r"unipen.tar.xz is damaged"),
        (empty_pendigits, "pendigits-orig.tes holds no digits"),
        (garble_pendigits, "pendigits-orig.tes is damaged"),
        (lambda folder: shutil.rmtree(folder / "train_r01_v07"), r"pens lacks train_r01_v07: "),
    ],
)
def test_damaged_raw_files_are_named_in_one_line(raw, damage, message):
    damage(raw / "pens")
    with pytest.raises(DataError, match=message) as caught:
        load_pens(raw, "train")
    assert "docs/data.md" in str(caught.value) and "\n" not in str(caught.value)
    assert "jane" not in str(caught.value)  # the name of a file in the distribution may be a person's


@pytest.mark.parametrize("name", CACHE)
def test_damaged_cleaned_files_are_named_in_one_line(raw, name):
    load_pens(raw, "train")
    path = raw / "pens" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"{name} is damaged.*: replace it") as caught:
        load_pens(raw, "train")
    assert "\n" not in str(caught.value)


def test_cleaned_files_that_contradict_themselves_are_damaged(raw):
    load_pens(raw, "train")
    split = json.loads((raw / "pens" / CACHE[2]).read_text())
    split["test"] = split["train"][:1]
    (raw / "pens" / CACHE[2]).write_text(json.dumps(split))
    with pytest.raises(DataError, match=r"split.json is damaged"):
        load_pens(raw, "train")
    hold_out(raw)
    pens._HELD_OUT.write_text(json.dumps({"validation": [], "test": []}))
    load_pens(raw, "train")
    arrays = dict(np.load(raw / "pens" / CACHE[1]))
    arrays["stroke_offsets"][-1] += 1
    np.savez(raw / "pens" / CACHE[1], **arrays)
    with pytest.raises(DataError, match=r"pen-others.npz is damaged"):
        load_pens(raw, "train")
