"""The table of `edge-digits read`: in columns that fit the run, on a terminal and through a pipe."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from edge_runtime import Box, Digit, DigitReader, Reading
from edge_runtime.cli.table import TablePrinter
from edge_runtime.results import INCOMPLETE
from tests import drawing, image_files


def page(source, *lines, **options):
    """A reading of lines of numbers, separated by spaces."""
    digits, number = [], 0
    for line, text in enumerate(lines):
        for word in text.split():
            digits += [
                Digit(None if each == "?" else int(each), 0.98, Box(0, 0, 9, 9), line=line, number=number)
                for each in word
            ]
            number += 1
    return Reading(source, tuple(digits), **options)


@pytest.fixture
def printed(monkeypatch, capsys):
    """A function that prints batches of readings and returns the lines; `terminal` is its width, if any."""

    def call(*batches, names=None, terminal=None):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal is not None, raising=False)
        monkeypatch.setenv("COLUMNS", str(terminal))
        readings = [reading for batch in batches for reading in batch]
        printer = TablePrinter([reading.source for reading in readings] if names is None else names)
        for batch in batches:
            printer.print(batch)
        return capsys.readouterr().out.splitlines()

    return call


LONG = "scans/2024/" + "x" * 100 + ".png"
READINGS = [
    page("a.png", "31 4"),
    page("scans/of/june/b.png", "0172 945 386", "27"),
    page("c.png", *["1234567 12 123456789"] * 4),
    page("d.png", "5?8", status=INCOMPLETE),
    Reading("e.png", status="no digit found"),
    Reading("f.png", status="error: " + "damaged, or of a kind " * 4),
]


def test_columns_fit_the_longest_name_of_the_run(printed):
    lines = printed(READINGS[:2], READINGS[4:5])
    assert lines == [
        "image                confidence  digits",
        "a.png                0.980       31 4",
        "scans/of/june/b.png  0.980       0172 945 386 / 27",
        "e.png                -           no digit found",
    ]


def test_lines_do_not_depend_on_how_the_readings_come(printed):
    names = [reading.source for reading in READINGS]
    whole = printed(READINGS, names=names)
    assert printed(*[[reading] for reading in READINGS], names=names) == whole
    assert whole[:1] + printed(READINGS[3:], names=names)[1:] == whole[:1] + whole[4:]


def test_every_image_has_one_line_that_can_be_split_through_a_pipe(printed):
    readings = [*READINGS, page(LONG, "5")]
    for names in (None, []):
        lines = printed(readings, names=names)
        cells = [[cell.strip() for cell in line.split("  ") if cell] for line in lines]
        assert [each[0] for each in cells[1:]] == [reading.source for reading in readings]
        assert [each[2] for each in cells[1:]] == [
            " / ".join(each.lines) or each.status.strip() for each in readings
        ]
        assert cells[4][1:] == ["0.980", "5?8", "(? rejected)", f"({INCOMPLETE})"]


def test_long_readings_keep_their_confidence_in_its_column(printed):
    column = len("scans/of/june/b.png  ")
    assert [line[column : column + 7] for line in printed(READINGS)] == [
        *("confide", "0.980  ", "0.980  ", "0.980  ", "0.980  ", "-      ", "-      ")
    ]


@pytest.mark.parametrize("terminal", [30, 40, 60, 80, 100, 200])
def test_a_terminal_has_whole_cells_in_columns_that_fit_it(printed, terminal):
    readings = [*READINGS, page(LONG, "5")]
    lines = printed(readings, terminal=terminal)
    assert max(map(len, lines)) < max(terminal, 41)
    starts = [lines[0].index(word) for word in ("image", "confidence", "digits")]
    columns = [slice(*pair) for pair in zip(starts, [*starts[1:], None], strict=True)]
    texts = ["".join(line[column].strip() for line in lines[1:]).replace(" ", "") for column in columns]
    assert texts[0] == "".join(reading.source for reading in readings)
    assert texts[1] == "0.980" * 4 + "--0.980"
    assert texts[2].startswith("".join("/".join(each.lines).replace(" ", "") for each in readings[:4]))
    assert texts[2].count("damaged,orofakind") == 4
    numbers = [word for line in lines[1:] for word in line[columns[2]].split()]
    assert terminal < 60 or numbers.count("123456789") == 4  # no number is broken


def test_the_whole_run_decides_the_columns(run, scans, monkeypatch):
    """Although the first images are finished long before the last ones."""
    (scans / "more" / "c.png").rename(scans / "more" / "a-long-name.png")
    read_batches = DigitReader.read_batches

    def one_by_one(self, images, **options):
        return ([reading] for batch in read_batches(self, images, **options) for reading in batch)

    monkeypatch.setattr(DigitReader, "read_batches", one_by_one)
    _, output, _ = run("read", "scans")
    column = len("scans/more/a-long-name.png  ")
    assert [line[column] for line in output.splitlines()] == ["c", "0", "0", "0"]


def test_pages_fit_into_the_columns(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cv2.imwritemulti("scan.TIF", [drawing.page(text) for text in ("1", "2")])
    _, output, _ = run("read", "scan.TIF")
    column = len("scan.TIF#10  ")
    assert [line[column] for line in output.splitlines()] == ["c", "0", "0"]


@pytest.mark.skipif(not hasattr(cv2, "imencodeanimation"), reason="needs OpenCV 4.12")
def test_frames_fit_into_the_columns(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("counting.gif").write_bytes(image_files.animation(".gif", *map(drawing.page, ("1", "2"))))
    _, output, _ = run("read", "counting.gif", "--frames")
    column = len("counting.gif#10  ")
    assert [line[column] for line in output.splitlines()] == ["c", "0", "0"]
    _, output, _ = run("read", "counting.gif")
    assert output.splitlines()[0].index("confidence") == len("counting.gif  ")


def test_numbers_are_separated_by_spaces(run, monkeypatch):
    monkeypatch.setattr(
        DigitReader, "read_batches", lambda self, images, **_: iter([[page("x", "12 3", "45")]])
    )
    _, output, _ = run("read", "x")
    assert output.splitlines()[1].split() == ["x", "0.980", "12", "3", "/", "45"]
