"""Locked files: regular files that are written for long, by one process at a time."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from pathlib import Path

from edge_runtime.errors import OutputError

# What the operating system answers when another process holds the lock, not when it has no locks.
_HELD = {errno.EAGAIN, errno.EACCES, errno.EDEADLK, getattr(errno, "EDEADLOCK", errno.EDEADLK)}
_ATTEMPTS = 100  # to lock a file that others replace at the same time
_NOTHING_TO_SYNC = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}


class LockedFile(io.FileIO):
    """An unbuffered file, for reading and writing, with a lock of the operating system.

    The lock ends with the process, however that ends. `created` is whether the file is new. `warning` is one
    line to show to the user, or "": some file systems have no locks.
    """

    created = False
    warning = ""

    def lock(self) -> None:
        """Take the lock. Raises `OutputError` if another process has it."""
        try:
            _lock(self.fileno())
        except OSError as error:
            if error.errno in _HELD:
                raise OutputError(
                    f"another process is writing {self.name}; wait for it to end, or choose another name"
                ) from error
            self.warning = (
                f"{self.name} is on a file system without locks; make sure that no other process writes it"
            )

    def in_place(self) -> bool:
        """Whether the name that was opened still leads to this file."""
        if os.name == "nt":  # Windows does not remove or rename open files
            return True
        try:
            return os.path.samestat(os.fstat(self.fileno()), Path(self.name).stat())
        except OSError:
            return False

    def check(self) -> None:
        """Raise `OutputError` if the file has been removed, renamed or replaced since it was opened."""
        if not self.in_place():
            raise OutputError(
                f"{self.name} was removed, renamed or replaced while it was being written; "
                "what was written to it is no longer under this name"
            )

    def replace_from(self, start: int, content: bytes) -> None:
        """Replace everything from byte `start`: completely, or not at all. Raises `OSError`.

        Afterwards, the position is at the end of the file.
        """
        self.seek(start)
        replaced = self.read()
        try:
            self._rewrite(start, content)
        except BaseException:  # a full disk, or Ctrl-C half-way through
            self._rewrite(start, replaced)
            raise

    def _rewrite(self, start: int, content: bytes) -> None:
        self.truncate(start)
        self.seek(start)
        self.write_all(content)

    def write_all(self, content: bytes) -> int:
        """Write all of `content`, and return its length: `write` may write only a part. Raises `OSError`."""
        rest = memoryview(content)
        while rest:
            rest = rest[self.write(rest) :]
        return len(content)

    def sync(self) -> None:
        """Wait until the content is on the disk, where it survives a power failure. Raises `OSError`."""
        try:
            os.fsync(self.fileno())
        except OSError as error:
            if error.errno not in _NOTHING_TO_SYNC:
                raise


def open_locked(path: Path, *, new: bool = False, append: bool = False) -> LockedFile:
    """Open a file and lock it, or create it: always if `new`, otherwise if it does not exist.

    With `append`, every write goes to the end of the file. Raises `OutputError` if another process has locked
    the file, or if it is not a regular file, `FileExistsError` if it is not new, and other `OSError`s.
    """
    for _ in range(_ATTEMPTS):
        file = _open(path, new, os.O_APPEND if append else 0)
        with contextlib.ExitStack() as stack:
            stack.callback(file.close)
            file.lock()
            # The process that had the lock before may have replaced or deleted the file.
            if file.in_place():
                stack.pop_all()
                return file
    raise OutputError(f"{path} is replaced again and again; choose another name")


def check_regular(path: Path) -> None:
    """Raise `OutputError` if the path leads to a folder, a device, a pipe or the like."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"{path} is not a regular file; choose another name")


def _open(path: Path, new: bool, flags: int) -> LockedFile:
    def create(name: str, mode: int) -> int:
        # A link may lead to a file that does not exist yet.
        return os.open(os.path.realpath(name), mode | flags | os.O_CREAT | os.O_EXCL, 0o666)

    check_regular(path)
    try:
        file = LockedFile(path, "r+", opener=create)
        file.created = True
        return file
    except FileExistsError:
        if new:
            raise
    return LockedFile(path, "r+", opener=lambda name, mode: os.open(name, mode | flags))


if sys.platform == "win32":
    import msvcrt

    # Windows does not let other processes read locked bytes: lock one that hardly any file reaches.
    _LOCKED_BYTE = 2**31 - 2

    def _lock(descriptor: int) -> None:
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
