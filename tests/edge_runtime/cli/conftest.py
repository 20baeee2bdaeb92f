"""Fixtures of the command's tests: a function that runs it, and a folder of images."""

from __future__ import annotations

import re

import pytest

from edge_runtime import cli


@pytest.fixture
def run(capsys, monkeypatch):
    """A function that runs the command in this process and returns (exit code, output, errors).

    How long it took is TIME in the errors.
    """
    monkeypatch.setenv("COLUMNS", "100")  # the width of help texts

    def call(*arguments):
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        output, errors = capsys.readouterr()
        return code, output, re.sub(r"; [\d.]+ s(, [\d.]+ images per second)?", "; TIME", errors)

    return call


@pytest.fixture
def scans(image_file, tmp_path, monkeypatch):
    """A folder `scans` in the working directory: a.png "31 4", b.jpg "27" and more/c.png "9"."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("scans/a.png", "31 4"), ("scans/b.jpg", "27"), ("scans/more/c.png", "9")):
        image_file(name, text)
    return tmp_path / "scans"
