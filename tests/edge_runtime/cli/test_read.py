"""`edge-digits read`: tables, results files, annotated images, standard input, interruptions."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge_runtime import Box, Digit, DigitReader, Reading
from edge_runtime.cli import build_parser, main
from edge_runtime.images import suffixes
from edge_runtime.outputs.rows import DIGIT
from edge_runtime.results import FIRST_ONLY, INCOMPLETE
from tests import drawing
from tests.processes import COMMAND, started


def test_the_table_has_one_line_per_image(run, scans):
    code, output, errors = run("read", "scans")
    assert code == 0
    cells = [[cell.strip() for cell in line.split("  ") if cell] for line in output.splitlines()]
    assert cells[0] == ["image", "confidence", "digits"]
    assert [line[::2] for line in cells[1:]] == [
        ["scans/a.png", "31 / 4"], ["scans/b.jpg", "27"], ["scans/more/c.png", "9"],
    ]  # fmt: skip
    assert all(0.5 < float(line[1]) <= 1 for line in cells[1:])
    assert errors == "edge-digits: 3 images, 6 digits; TIME\n"


def test_classify_is_an_alias(run, scans):
    assert run("classify", "scans") == run("read", "scans")
    assert run("classify", "scans/a.png", "--out", "a.csv")[0] == 0
    assert run("read", "scans/a.png", "--out", "b.csv")[0] == 0
    assert Path("a.csv").read_text() == Path("b.csv").read_text()


def test_rejected_digits_are_marked_and_counted(run, monkeypatch):
    digits = (
        Digit(3, 0.98, Box(0, 0, 9, 9)),
        Digit(None, 0.41, Box(9, 0, 9, 9), "rejected: unsure"),
        Digit(7, 0.9, Box(0, 9, 9, 9), line=1),
    )
    readings = [Reading("a\n.png", digits), Reading("b.png", status="no digit found")]
    monkeypatch.setattr(DigitReader, "read_batches", lambda self, images, **_: iter([readings]))
    code, output, errors = run("read", "any")
    assert code == 0
    assert output.splitlines() == [
        "image     confidence  digits",
        "a\\n.png   0.410       3? / 7  (? rejected)",
        "b.png     -           no digit found",
    ]
    assert errors == "edge-digits: 2 images, 2 digits, 1 rejected, 1 without digits; TIME\n"


def test_json_has_one_line_per_digit(run, scans):
    code, output, _ = run("read", "scans/a.png", "--json")
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 0
    assert [row["digit"] for row in rows] == [3, 1, 4]
    assert list(rows[0]) == list(DIGIT.columns)


def test_rows_may_be_those_of_numbers_or_images(run, scans):
    for unit, key, values in (
        ("digit", "digit", [3, 1, 4, 2, 7, 9]),
        ("number", "text", ["31", "4", "27", "9"]),
        ("image", "text", ["31\n4", "27", "9"]),
    ):
        code, output, _ = run("read", "scans", "--rows", unit, "--json", "--out", f"{unit}.jsonl")
        assert code == 0
        assert [json.loads(line)[key] for line in output.splitlines()] == values
        assert Path(f"{unit}.jsonl").read_text() == output
        sizes = {(row["image_width"], row["image_height"]) for row in map(json.loads, output.splitlines())}
        assert sizes == {reading_size(scans / name) for name in ("a.png", "b.jpg", "more/c.png")}


def reading_size(path):
    height, width = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).shape
    return width, height


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_file_is_resumed_with_its_own_kind_of_rows_only(run, scans, suffix):
    name = f"r{suffix}"
    assert run("read", "scans/a.png", "--out", name, "--rows", "image")[0] == 0
    before = Path(name).read_bytes()
    code, output, errors = run("read", "scans", "--out", name, "--resume")
    assert (code, output) == (2, "")
    assert errors == (
        f"edge-digits: {name} has one row per image, not one per digit; continue it with --rows image, write "
        "to another file, or replace it with --overwrite\n"
    )
    assert Path(name).read_bytes() == before
    code, _, errors = run("read", "scans", "--out", name, "--resume", "--rows", "image")
    assert code == 0
    assert "1 skipped as already read" in errors


def test_options_that_would_have_no_effect_are_refused(run, scans):
    for arguments, advice in (
        (["--rows", "image"], "add --out FILE or --json"),
        (["--resume"], "add --out FILE"),
        (["--tiles"], "add --annotate DIR"),
    ):
        code, output, errors = run("read", "scans", *arguments)
        assert (code, output) == (2, "")
        assert advice in errors


def test_digits_below_the_minimum_confidence_are_rejected_in_every_output(run, scans):
    _, output, _ = run("read", "scans/a.png", "--json")
    found = [json.loads(line)["confidence"] for line in output.splitlines()]
    arguments = ["read", "scans/a.png", "--min-confidence", max(found) - 1e-4]
    _, output, errors = run(*arguments)
    expected = [value if each == max(found) else "?" for value, each in zip("314", found, strict=True)]
    assert output.splitlines()[1].split()[2:5] == ["".join(expected[:2]), "/", expected[2]]
    assert "(? rejected)" in output
    assert errors == "edge-digits: 1 image, 1 digit, 2 rejected; TIME\n"
    _, output, _ = run(*arguments, "--json", "--out", "r.csv", "--annotate", "drawn")
    rows = [json.loads(line) for line in output.splitlines()]
    assert [row["status"].partition(" ")[0] for row in rows] == [
        "ok" if each == max(found) else "rejected:" for each in found
    ]
    with Path("r.csv").open(newline="", encoding="utf-8") as file:
        assert [row["status"] for row in csv.DictReader(file)] == [row["status"] for row in rows]


def test_a_file_is_resumed_with_its_own_minimum_confidence_only(run, scans):
    arguments = ["read", "scans", "--out", "r.csv"]
    assert run(*arguments, "--min-confidence", "0.9")[0] == 0
    for others in ([], ["--min-confidence", "0.8"]):
        code, _, errors = run(*arguments, "--resume", *others)
        assert code == 2
        now = "with --min-confidence 0.8" if others else "without --min-confidence"
        assert f"r.csv was begun with --min-confidence 0.9, but this run is {now}; " in errors
    assert run(*arguments, "--resume", "--min-confidence", ".90")[0] == 0


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "inf", "90%", ""])
def test_a_minimum_confidence_must_be_a_probability(run, scans, value):
    code, output, errors = run("read", "scans", f"--min-confidence={value}")
    assert (code, output) == (2, "")
    assert "is not a probability from 0 to 1, such as 0.9" in errors


def test_quiet_leaves_nothing_but_errors(run, scans, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    (scans / "notes.txt").write_text("x")
    for options in ([], ["--out", "r.csv"], ["--out", "r.csv", "--resume"], ["--annotate", "drawn"]):
        assert run("read", "scans", "--quiet", *options) == (0, "", "")
    assert len(Path("r.csv").read_text().splitlines()) == 7
    code, output, errors = run("read", "scans/b.jpg", "--quiet", "--json")
    assert (code, errors, len(output.splitlines())) == (0, "", 2)
    (scans / "broken.png").write_text("text")
    code, output, errors = run("read", "scans", "--quiet")
    assert (code, output) == (1, "")
    assert errors.startswith("edge-digits: scans/broken.png: a text file, not an image")
    assert len(errors.splitlines()) == 1
    code, output, errors = run("read", "scans", "--quiet", "--out", "r.csv")
    assert (code, output) == (2, "")
    assert "--resume" in errors


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.04 s, 50 images per second"),
        (31.62, "31.6 s, 0.0633 images per second"),
        (4321.0, "4321 s, 0.000463 images per second"),
    ],
)
def test_the_summary_says_how_long_reading_took_and_where_the_results_are(
    capsys, tmp_path, monkeypatch, seconds, shown
):
    monkeypatch.chdir(tmp_path)
    readings = [Reading("a.png", status="no digit found"), Reading("b.png", status="error: damaged")]
    monkeypatch.setattr(DigitReader, "read_batches", lambda self, images, **_: iter([readings]))
    times = iter([100.0, 100.0 + seconds])
    # For this module alone: threads of other tests may tell the time as well.
    monkeypatch.setattr("edge_runtime.cli.read.time", SimpleNamespace(perf_counter=lambda: next(times)))
    assert main(["read", "a.png", "b.png", "--out", "r.csv"]) == 1
    assert capsys.readouterr().err == (
        f"edge-digits: 2 images, 0 digits, 1 without digits, 1 unreadable; {shown}; results in r.csv\n"
    )


def test_an_image_that_is_incomplete_is_told_apart(run, monkeypatch):
    digits = (Digit(3, 0.98, Box(0, 0, 9, 9)),)
    monkeypatch.setattr(
        DigitReader, "read_batches", lambda self, images, **_: iter([[Reading("a.png", digits, INCOMPLETE)]])
    )
    _, output, errors = run("read", "a.png")
    assert f"0.980       3  ({INCOMPLETE})" in output
    assert errors == "edge-digits: 1 image, 1 digit, 1 incomplete; TIME\n"
    assert json.loads(run("read", "a.png", "--json")[1])["status"] == INCOMPLETE


def test_the_summary_says_how_to_read_the_frames_that_were_left_out(run, monkeypatch):
    animation = Reading("a.gif", (Digit(3, 0.98, Box(0, 0, 9, 9)),), "ok" + FIRST_ONLY)
    monkeypatch.setattr(DigitReader, "read_batches", lambda self, images, **_: iter([[animation]]))
    _, output, errors = run("read", "a.gif")
    assert output.endswith("0.980       3  (only the first page or frame was read)\n")
    assert errors == (
        "edge-digits: 1 image, 1 digit, 1 with only the first frame read (--frames reads all); TIME\n"
    )


def test_turned_pages_are_read_and_annotated_where_they_lie(run, scans):
    page = drawing.page("4753 2745")
    cv2.imwrite("turned.png", np.ascontiguousarray(page.T[::-1]))
    code, output, _ = run("read", "turned.png", "--annotate", "out")
    assert code == 0
    assert output.splitlines()[1].split()[2:5] == ["4753", "/", "2745"]
    assert output.endswith("  (turned clockwise by 90 degrees)\n")
    boxes = [digit.box for digit in DigitReader().read("turned.png").digits]
    changed = (cv2.imread("turned.png") != cv2.imread("out/turned.png")).any(axis=2)
    for box in boxes:  # every side of the box is drawn
        for across, down in ((0.5, 0), (0.5, 1), (0, 0.5), (1, 0.5)):
            x, y = round(box.x + across * (box.width - 1)), round(box.y + down * (box.height - 1))
            assert changed[y - 2 : y + 3, x - 2 : x + 3].any()
    for turn in ("0", "90", "180", "270"):
        _, output, _ = run("read", "turned.png", "--rotate", turn)
        assert ("4753 / 2745" in output) == ("(turned clockwise by 90 degrees)" in output) == (turn == "90")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_results_are_written_to_a_file(run, scans, suffix):
    code, output, errors = run("read", "scans", "--out", f"results{suffix}")
    assert (code, output) == (0, "")
    assert errors == f"edge-digits: 3 images, 6 digits; TIME; results in results{suffix}\n"
    path = scans.parent / f"results{suffix}"
    before = path.read_bytes()
    if suffix == ".parquet":
        import pyarrow.parquet

        assert pyarrow.parquet.read_table(path)["digit"].to_pylist() == [3, 1, 4, 2, 7, 9]
    else:
        assert len(before.splitlines()) == 6 + (suffix == ".csv")
    code, _, errors = run("read", "scans", "--out", f"results{suffix}")
    assert code == 2
    assert "--resume" in errors
    assert path.read_bytes() == before


def test_resume_skips_images_that_the_file_contains(run, scans):
    run("read", "scans", "--out", "all.csv")
    run("read", "scans/a.png", "scans/b.jpg", "--out", "part.csv")
    code, _, errors = run("read", "scans", "--out", "part.csv", "--resume")
    assert code == 0
    assert Path("part.csv").read_text() == Path("all.csv").read_text()
    # The last image of the file may be incomplete and is read again.
    assert errors == "edge-digits: 2 images, 3 digits, 1 skipped as already read; TIME; results in part.csv\n"


def test_resume_retries_images_that_failed(run, scans):
    (scans / "late.png").write_text("text")
    assert run("read", "scans", "--out", "r.csv")[0] == 1
    (scans / "late.png").write_bytes((scans / "a.png").read_bytes())
    assert run("read", "scans", "--out", "r.csv", "--resume")[0] == 0
    assert "scans/late.png,0,0,0,,3," in Path("r.csv").read_text()


def test_resume_with_other_sources_reads_only_those(run, scans):
    run("read", "scans/a.png", "--out", "r.csv")
    (scans / "a.png").unlink()
    code, _, errors = run("read", "scans/b.jpg", "--out", "r.csv", "--resume")
    assert code == 0
    assert errors == "edge-digits: 1 image, 2 digits; TIME; results in r.csv\n"
    rows = Path("r.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == ["scans/a.png"] * 3 + ["scans/b.jpg"] * 2


def test_resume_continues_a_file_with_the_former_statuses(run, scans):
    Path("r.csv").write_text(
        "source,digit,confidence,x,y,width,height,status\n"
        "scans/a.png,,0.41,5,6,7,8,refused: unsure\n"
        "scans/b.jpg,2,0.98,5,6,7,8,ok\n"
        "scans/b.jpg,,0.41,15,6,7,8,refused: unsure\n"
    )
    assert run("read", "scans", "--out", "r.csv", "--resume")[0] == 0
    with Path("r.csv").open(newline="") as file:
        rows = [(row["source"], row["digit"], row["status"]) for row in csv.DictReader(file)]
    assert rows == [
        ("scans/a.png", "", "refused: unsure"),
        ("scans/b.jpg", "2", "ok"),
        ("scans/b.jpg", "7", "ok"),
        ("scans/more/c.png", "9", "ok"),
    ]


def test_an_output_error_leaves_parquet_to_be_resumed(run, scans):
    Path("file").touch()
    arguments = ["read", "scans", "--out", "r.parquet"]
    code, _, errors = run(*arguments, "--annotate", "file/drawn")
    assert code == 1
    assert "cannot write" in errors
    assert "results in r.parquet.partial.jsonl" in errors
    assert not Path("r.parquet").exists()
    assert run(*arguments)[0] == 2
    assert run(*arguments, "--resume")[0] == 0
    assert Path("r.parquet").exists()


def test_subfolders_can_be_left_out(run, scans):
    _, output, errors = run("read", "scans", "--no-recursive")
    assert "more" not in output
    assert errors == "edge-digits: 2 images, 5 digits; TIME\n"


def test_annotated_images_are_saved_and_not_read_again(run, scans):
    for _ in range(2):
        code, output, errors = run("read", "scans", "--annotate", "scans/drawn", "--tiles")
        assert code == 0
        assert "drawn" not in output
        assert errors == "edge-digits: 3 images, 6 digits; TIME; annotated images in scans/drawn\n"
    saved = sorted(path.name for path in (scans / "drawn" / "scans").rglob("*") if path.is_file())
    assert saved == ["a.png", "b.jpg", "c.png"]


def test_a_run_that_could_not_annotate_an_image_continues_with_it(run, scans):
    (scans / "file").write_text("x")
    assert run("read", "scans", "--out", "r.csv", "--annotate", "scans/file")[0] == 1
    code, _, errors = run("read", "scans", "--out", "r.csv", "--annotate", "drawn", "--resume")
    assert code == 0
    assert errors.startswith("edge-digits: 3 images, 6 digits; TIME")
    assert sum(path.is_file() for path in Path("drawn/scans").rglob("*")) == 3


def test_annotated_images_are_not_read_by_later_runs(run, scans):
    run("read", "scans", "--annotate", "scans/drawn")
    for arguments in (["scans"], ["scans", "--annotate", "others"], ["scans/**/*.*"]):
        code, output, errors = run("read", *arguments)
        assert code == 0
        assert errors.startswith("edge-digits: 3 images, 6 digits; TIME")
        assert "drawn" not in output
    assert run("read", "scans/drawn")[2].startswith("edge-digits: 3 images, ")


def test_a_folder_to_be_read_must_not_be_inside_that_of_the_annotated_images(run, scans):
    for folder in (".", "scans"):
        code, output, errors = run("read", "scans", "--annotate", folder)
        assert (code, output) == (2, "")
        assert errors == (
            f"edge-digits: --annotate {folder} contains scans, which is to be read; choose another folder\n"
        )
    assert "contains scans/*, which is to be read" in run("read", "scans/*", "--annotate", ".")[2]


def test_files_of_folders_that_are_no_images_are_counted(run, scans, monkeypatch):
    monkeypatch.setattr(suffixes, "is_available", lambda extra: False)
    for name in ("a.heic", "B.HEIC", "scan.pdf", "._a.png"):
        (scans / name).write_text("x")
    for options in ([], ["--out", "r.csv"], ["--out", "r.csv", "--resume"]):
        code, _, errors = run("read", "scans", *options)
        assert code == 0
        assert errors.splitlines()[1:] == [
            "edge-digits: 3 files skipped (heic 2, pdf 1); pip install 'edge-digits[heic,pdf]' to read "
            "heic and pdf"
        ]


def test_annotating_a_source_onto_itself_is_an_error(run, scans):
    before = (scans / "a.png").read_bytes()
    code, _, errors = run("read", "scans/a.png", "--annotate", ".")
    assert code == 1
    assert "--annotate would overwrite scans/a.png" in errors
    assert (scans / "a.png").read_bytes() == before


def test_images_that_cannot_be_annotated_are_reported_and_skipped(run, scans):
    (scans / ("n" * 250 + ".bmp")).write_bytes((scans / "b.jpg").read_bytes())
    code, _, errors = run("read", "scans", "--annotate", "drawn")
    assert code == 1
    assert "cannot be annotated: the file name is too long" in errors
    assert "1 not annotated" in errors
    assert Path("drawn/scans/more/c.png").is_file()


def test_unreadable_images_are_reported_and_skipped(run, scans):
    (scans / "broken.png").write_text("text")
    code, output, errors = run("read", "scans", "--annotate", "drawn")
    assert code == 1
    assert "error: a text file, not an image" in output
    assert "27" in output
    assert errors == ("edge-digits: 4 images, 6 digits, 1 unreadable; TIME; annotated images in drawn\n")
    assert not Path("drawn/scans/broken.png").exists()


@pytest.mark.parametrize(
    ("source", "advice"),
    [("gone.png", ""), ("*.bmp", "; nothing matches this pattern")],
    ids=["file", "glob without match"],
)
def test_missing_images_are_reported(run, scans, source, advice):
    code, output, errors = run("read", source)
    assert code == 1
    reason = f"error: no such file or directory{advice}"
    assert output.splitlines()[1].split(maxsplit=2) == [source, "-", reason]
    assert errors == "edge-digits: 1 image, 0 digits, 1 unreadable; TIME\n"


def test_an_image_without_digits_is_not_an_error(run, image_file):
    code, output, errors = run("read", image_file("blank.png", ""))
    assert code == 0
    assert "no digit found" in output
    assert errors == "edge-digits: 1 image, 0 digits, 1 without digits; TIME\n"


@pytest.mark.parametrize("threads", [1, 3])
def test_results_keep_their_order_with_any_number_of_threads(run, scans, threads):
    (scans / "broken.png").write_text("text")
    code, output, _ = run("read", "scans", "--json", "--threads", threads)
    rows = [json.loads(line) for line in output.splitlines()]
    assert code == 1
    names = [Path(row["source"]).name for row in rows]
    assert names == ["a.png", "a.png", "a.png", "b.jpg", "b.jpg", "broken.png", "c.png"]
    assert [row["digit"] for row in rows] == [3, 1, 4, 2, 7, None, 9]


def test_progress_is_shown_on_a_terminal(run, scans, monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **options):
            self.total, self.count = options["total"], 0
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def update(self, count):
            self.count += count

    import tqdm

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    run("read", "scans/a.png", "scans/b.jpg", "--out", "r.csv")
    assert not bars
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run("read", "scans", "--out", "r.csv", "--resume")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    run("read", "scans")  # the table is on the terminal itself
    assert [(bar.total, bar.count) for bar in bars] == [(2, 2)]


def test_many_images_are_not_counted_before_the_first_is_read(scans, monkeypatch):
    from edge_runtime.cli import sources

    options = build_parser().parse_args(["read", "scans"])
    assert sources.Sources(options, None).count() == 3
    for index in range(1000):
        (scans / f"{index}.png").touch()
    assert sources.Sources(options, None).count() == 1003
    monkeypatch.setattr(sources, "_COUNTING", -1.0)
    assert sources.Sources(options, None).count() is None
    finished = SimpleNamespace(last=None, contains=lambda _: True)
    assert sources.Sources(options, finished).count() is None
    monkeypatch.setattr(sources, "_COUNTING", 60.0)
    assert sources.Sources(options, finished).count() == 0


def test_paths_are_read_from_standard_input(run, scans, monkeypatch):
    Path("list").write_text("scans/a.png\nscans/b.jpg\n\n")
    with Path("list").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, output, _ = run("read", "-", "--json")
    assert code == 0
    assert [json.loads(line)["digit"] for line in output.splitlines()] == [3, 1, 4, 2, 7]


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="this system has no names for descriptors")
def test_images_through_pipes_of_the_shell_are_different_ones(run, image_file, tmp_path, monkeypatch):
    """What `<(cat page.png)` stands for has the same name each time."""
    monkeypatch.chdir(tmp_path)
    image_file("a.png", "27")
    image_file("b.png", "41")
    for name, option in (("a.png", "--overwrite"), ("b.png", "--resume")):
        reading, writing = os.pipe()
        os.write(writing, Path(name).read_bytes())
        os.close(writing)
        assert run("read", f"/dev/fd/{reading}", "--out", "r.csv", option)[0] == 0
        os.close(reading)
    with Path("r.csv").open(newline="", encoding="utf-8") as file:
        assert [row["digit"] for row in csv.DictReader(file)] == ["2", "7", "4", "1"]


def test_a_listed_name_is_that_of_a_file_even_if_it_is_a_dash(run, image_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    image_file("a.png", "27").rename("-")
    Path("list").write_text("-\n")
    for source, option in (("-", "--overwrite"), ("-", "--resume"), ("?", "--resume")):
        with Path("list").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            assert run("read", source, "--out", "r.csv", "--annotate", "drawn", option)[0] == 0
        with Path("r.csv").open(newline="", encoding="utf-8") as file:
            assert [(row["source"], row["digit"]) for row in csv.DictReader(file)] == [
                ("./-", "2"),
                ("./-", "7"),
            ]
    assert Path("drawn/-.png").exists()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-8-sig"])
def test_lists_of_windows_are_read(run, scans, monkeypatch, encoding):
    """Without the other images of the working directory."""
    Path("list").write_bytes("scans/a.png\r\nscans/b.jpg\r\n".encode(encoding))
    with Path("list").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, _, errors = run("read", "-", "--json")
    assert (code, errors) == (0, "edge-digits: 2 images, 5 digits; TIME\n")


def test_an_image_is_read_from_standard_input(run, scans, monkeypatch):
    with Path("scans/b.jpg").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, output, errors = run("read", "-", "--annotate", "drawn")
    assert code == 1
    assert output.splitlines()[1].split()[::2] == ["-", "27"]
    assert "- cannot be annotated: it came through a pipe" in errors


def test_anything_else_on_standard_input_is_one_error(run, scans, monkeypatch):
    Path("noise").write_bytes(b"\x1f\x8b\x08\0.\n/\n*\n" * 20)
    with Path("noise").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        code, output, errors = run("read", "-")
    assert code == 1
    assert "standard input takes paths, one per line, or the bytes of an image" in output
    assert errors == "edge-digits: 1 image, 0 digits, 1 unreadable; TIME\n"


@pytest.mark.skipif(os.name == "nt", reason="needs pipes that can be polled")
@pytest.mark.parametrize("out", [None, "r.csv"])
def test_results_appear_before_the_next_path_is_written(scans, out):
    """Another program writes a path and waits for the result before it writes the next."""
    options = ["--out", out] if out else ["--json"]
    with started(
        *COMMAND,
        "read",
        "-",
        *options,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        for name, digits in (("scans/b.jpg", [2, 7]), ("scans/more/c.png", [9])):
            process.stdin.write(f"{name}\n")
            process.stdin.flush()
            if out:
                wait_for(name, Path(out), process)
            else:
                rows = [json.loads(process.stdout.readline()) for _ in digits]
                assert [(row["source"], row["digit"]) for row in rows] == [(name, digit) for digit in digits]
        process.stdin.close()
        assert process.stdout.read() == ""
        assert process.wait() == 0


def wait_for(text, path, process):
    """Wait until a text is in the file that a running process writes."""
    while not (path.exists() and text in path.read_text()):
        assert process.poll() is None
        time.sleep(0.02)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_ctrl_c_keeps_the_results_so_far(run, scans, suffix):
    """Standard input stays open, so only Ctrl-C can end the process."""
    out = Path(f"r{suffix}")
    kept = out if suffix == ".csv" else Path("r.parquet.partial.jsonl")
    with started(
        *COMMAND, "read", "-", "--out", out, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdin.write("scans/a.png\n" * 2000)
        process.stdin.flush()
        wait_for("scans/a.png", kept, process)
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()
        assert process.wait() == 130
    *_, summary, last = errors.splitlines()
    assert f"results in {kept}" in summary
    assert last == "edge-digits: interrupted; continue with --resume"
    assert "Traceback" not in errors
    assert kept.read_text().endswith("\n")
    assert len(kept.read_text().splitlines()) >= 3
    assert run("read", "scans", "--out", out, "--resume")[0] == 0
    assert out.exists()


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX pipes")
def test_a_closed_pipe_ends_the_run_silently(scans):
    """As of `edge-digits read ... | head`."""
    with started(
        *COMMAND, "read", "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        try:
            process.stdin.write("scans/a.png\n" * 2000)
            process.stdin.close()
        except BrokenPipeError:
            pass
        errors = process.stderr.read()
        assert process.wait() == 128 + signal.SIGPIPE
    assert "Traceback" not in errors
    assert all(line.startswith("edge-digits: ") for line in errors.splitlines())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_standard_output_is_reported(scans):
    with (
        Path("/dev/full").open("w") as full,
        started(*COMMAND, "read", "scans", stdout=full, stderr=subprocess.PIPE) as process,
    ):
        errors = process.stderr.read()
        assert process.wait() == 1
    assert errors.splitlines()[-1] == "edge-digits: stopped: [Errno 28] No space left on device"
    assert "Traceback" not in errors


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_standard_streams_do_not_matter(scans, closed):
    line = f'"$@" {closed}'
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with started("sh", "-c", line, "sh", *COMMAND, "read", "-", "scans/a.png", **streams) as process:
        output, errors = process.communicate()
    assert process.returncode == 0
    assert ("31 / 4" in output) == (closed != ">&-")
    assert ("edge-digits: 1 image, 3 digits; " in errors) == (closed != "2>&-")


@pytest.mark.skipif(os.name == "nt", reason="needs file names that are bytes")
def test_file_names_that_are_not_text_are_escaped(run, scans):
    (scans / "b.jpg").rename(scans / os.fsdecode(b"\xff\x1b[31m.jpg"))
    for arguments in (("--out", "r.csv"), ("--out", "r.parquet"), ("--json",), ("--annotate", "drawn")):
        code, output, errors = run("read", "scans", *arguments)
        assert code == 0
        assert "\x1b" not in output + errors
    with Path("r.csv").open(newline="", encoding="utf-8") as file:
        assert "scans/\\udcff\x1b[31m.jpg" in {row["source"] for row in csv.DictReader(file)}
    # A terminal that can show ASCII only.
    with started(
        *COMMAND, "read", "scans", stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    ) as process:
        output = process.stdout.read()
        assert process.wait() == 0
    assert "scans/\\udcff\\x1b[31m.jpg" in output


@pytest.fixture
def pages(scans):
    """The folder `scans` with pages.tif as well: three pages "12", "345" and "6"."""
    from tests.drawing import page
    from tests.image_files import tiff_pages

    (scans / "pages.tif").write_bytes(tiff_pages(*map(page, ("12", "345", "6"))))
    return scans


ALL_PAGES = ["a.png", "b.jpg", "c.png", "pages.tif#1", "pages.tif#2", "pages.tif#3"]


def read_sources(path):
    rows = [line.split(",")[0] for line in Path(path).read_text().splitlines()[1:]]
    return sorted({row.rpartition("/")[2] for row in rows})


def test_every_page_has_rows_and_a_copy_of_its_own(run, pages):
    code, _, errors = run("read", "scans", "--out", "r.csv", "--annotate", "drawn")
    assert (code, errors) == (
        0,
        "edge-digits: 6 images, 12 digits; TIME; results in r.csv; annotated images in drawn\n",
    )
    assert read_sources("r.csv") == ALL_PAGES
    copies = sorted(path.name for path in Path("drawn").rglob("*.*g"))
    assert copies == [*ALL_PAGES[:3], *(f"{name}.png" for name in ALL_PAGES[3:])]
    lines = run("read", "scans/pages.tif#2", "scans/pages.tif#4")[1].splitlines()
    assert [line.split(maxsplit=2) for line in lines[1:]] == [
        ["scans/pages.tif#2", "0.999", "345"],
        ["scans/pages.tif#4", "-", "error: the file has 3 pages; there is no page 4"],
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_the_row_of_a_file_that_failed_as_a_whole_goes_once_its_pages_are_read(run, pages, suffix):
    whole = Path("scans/pages.tif").read_bytes()
    arguments = ("read", "scans/pages.tif", "--out", f"r{suffix}")
    assert run(*arguments)[0] == 0
    rows = Path(f"r{suffix}").read_bytes()
    Path("scans/pages.tif").write_bytes(whole[:100])
    assert run(*arguments, "--resume")[0] == 1
    assert Path(f"r{suffix}").read_bytes() != rows
    Path("scans/pages.tif").write_bytes(whole)
    code, _, errors = run(*arguments, "--resume")
    assert (code, "skipped as already read" in errors) == (0, True)
    if suffix != ".parquet":
        assert Path(f"r{suffix}").read_bytes() == rows
    else:
        import pyarrow.parquet

        assert pyarrow.parquet.read_table("r.parquet").column("status").to_pylist() == ["ok"] * 6


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("source", ["scans", "-"])
def test_resume_goes_on_at_the_page(run, pages, suffix, source, monkeypatch):
    """Killed after some of the rows of the second page."""

    def read(out, *options):
        Path("list").write_text("scans/a.png\nscans/b.jpg\nscans/pages.tif\nscans/more/c.png\n")
        with Path("list").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            return run("read", source, "--out", out, *options)

    assert read(f"all{suffix}")[0] == 0
    rows = Path(f"all{suffix}")
    part = Path(f"part{suffix}")
    if suffix == ".parquet":
        read("part.jsonl")
        part = Path("part.parquet.partial.jsonl")
        Path("part.jsonl").rename(part)
        Path("part.jsonl.meta.json").rename("part.parquet.meta.json")
    else:
        part.write_bytes(rows.read_bytes())
        Path(f"part{suffix}.meta.json").write_bytes(Path(f"all{suffix}.meta.json").read_bytes())
    lines = part.read_bytes().splitlines(keepends=True)
    second = max(index for index, line in enumerate(lines) if b"pages.tif#2" in line)
    part.write_bytes(b"".join(lines[:second]))  # without its last digit
    seen = []
    decode = tiff_pages_class().decode

    def watched(self, index, **options):
        seen.append(index + 1)
        return decode(self, index, **options)

    monkeypatch.setattr(tiff_pages_class(), "decode", watched)
    code, _, errors = read(f"part{suffix}", "--resume")
    assert code == 0
    assert "3 skipped as already read" in errors
    assert seen == [2, 3]
    assert Path(f"part{suffix}").read_bytes() == rows.read_bytes() or suffix == ".parquet"


def tiff_pages_class():
    from edge_runtime.images.documents import TiffPages

    return TiffPages


def test_resume_replaces_the_row_of_a_file_that_failed_by_those_of_its_pages(run, pages):
    whole = (pages / "pages.tif").read_bytes()
    (pages / "pages.tif").write_bytes(b"text")
    assert run("read", "scans", "--out", "r.csv")[0] == 1
    (pages / "pages.tif").write_bytes(whole)
    assert run("read", "scans", "--out", "r.csv", "--resume")[0] == 0
    assert read_sources("r.csv") == ALL_PAGES


def test_resume_continues_with_images_of_which_only_the_first_frame_is_read(run, scans):
    from tests.drawing import page
    from tests.image_files import chunk, encode, with_chunk

    image = with_chunk(encode(".png", page("1")), b"acTL", chunk(b"", b"\0\0\0\2\0\0\0\0")[8:16])
    (scans / "z.png").write_bytes(image)
    for option in ("--overwrite", "--resume", "--resume"):
        assert run("read", "scans/a.png", "scans/z.png", "--out", "r.csv", option)[0] == 0
    assert read_sources("r.csv") == ["a.png", "z.png"]


def test_the_progress_bar_counts_pages(run, pages, monkeypatch):
    import tqdm

    shown = []

    class Bar(tqdm.tqdm):
        def __init__(self, **options):
            super().__init__(**options, disable=True)
            self.total, self.n = options["total"], 0

        def update(self, count):
            self.n += count
            shown.append((self.n, self.total))

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    run("read", "scans", "--out", "r.csv")
    assert shown[-1] == (6, 6)


def test_pages_come_through_standard_input(run, pages, monkeypatch):
    for option in ("--overwrite", "--resume"):
        with (pages / "pages.tif").open() as file:
            monkeypatch.setattr(sys, "stdin", file)
            code, _, errors = run("read", "-", "--out", "r.csv", option)
        assert code == 0
        assert "3 images, 6 digits" in errors
    assert read_sources("r.csv") == ["'-#1", "'-#2", "'-#3"]
