"""Locked files: one process writes at a time, and notices when the file is taken away."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from edge_runtime import OutputError
from edge_runtime.outputs import locked_file
from edge_runtime.outputs.locked_file import open_locked
from tests.processes import started

posix = pytest.mark.skipif(os.name == "nt", reason="Windows does not remove or rename open files")

HOLDER = """
import sys
from pathlib import Path
from edge_runtime.outputs.locked_file import open_locked
file = open_locked(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_file_has_one_writer_at_a_time(tmp_path):
    path = tmp_path / "file"
    with open_locked(path) as file:
        assert file.created
        file.write(b"rows")
        with pytest.raises(OutputError, match="another process is writing") as caught:
            open_locked(path)
        assert str(path) in str(caught.value)
    with open_locked(path) as file:
        assert not file.created
        assert file.read() == b"rows"


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    path = tmp_path / "file"
    command = (sys.executable, "-c", HOLDER, path)
    with started(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(OutputError, match="another process"):
            open_locked(path)
        process.kill()
        process.wait()
        open_locked(path).close()


def test_other_names_of_a_file_have_the_same_lock(tmp_path):
    with open_locked(tmp_path / "file"):
        for link in (os.symlink, os.link):
            name = tmp_path / link.__name__
            link(tmp_path / "file", name)
            with pytest.raises(OutputError, match="another process"):
                open_locked(name)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_gives_a_warning(tmp_path, monkeypatch, number):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(locked_file, "_lock", fail)
    with open_locked(tmp_path / "file") as file:
        assert "file system without locks" in file.warning
        file.write(b"rows")
    assert (tmp_path / "file").read_bytes() == b"rows"


def remove(path):
    path.unlink()


def rename(path):
    path.rename(path.with_name("other"))


def replace(path):
    rename(path)
    path.touch()


def rename_folder(path):
    path.parent.rename(path.parent.with_name("other"))


@posix
@pytest.mark.parametrize("deed", [remove, rename, replace, rename_folder])
def test_a_file_that_is_taken_away_is_noticed(tmp_path, deed):
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "file"
    with open_locked(path) as file:
        file.check()
        deed(path)
        assert not file.in_place()
        with pytest.raises(OutputError, match="was removed, renamed or replaced"):
            file.check()


@posix
def test_a_file_that_is_replaced_before_it_is_locked_is_opened_again(tmp_path, monkeypatch):
    """The process that had the lock until then has replaced the file at its end."""
    path, lock = tmp_path / "file", locked_file._lock
    path.write_text("old")

    def replace_first(descriptor):
        if path.read_text() == "old":
            (tmp_path / "new").write_text("new")
            (tmp_path / "new").replace(path)
        lock(descriptor)

    monkeypatch.setattr(locked_file, "_lock", replace_first)
    with open_locked(path) as file:
        assert file.read() == b"new"


def test_new_files_do_not_exist_before(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        open_locked(tmp_path / "file", new=True)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_link_to_a_missing_file_creates_it(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with open_locked(tmp_path / "link") as file:
        file.write(b"rows")
        file.check()
    assert (tmp_path / "target").read_bytes() == b"rows"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_folders_pipes_and_devices_are_rejected(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to(os.devnull)
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "device", "folder"):
        with pytest.raises(OutputError, match="is not a regular file"):
            open_locked(tmp_path / name)
