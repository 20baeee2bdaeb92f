"""Stores: folders of images and of results, on disks and in object stores, through pyarrow's file systems."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from edge_runtime.errors import ImageError, MissingDependencyError, SourceError
from edge_runtime.images import paths, suffixes
from edge_runtime.images.files import check_length
from edge_runtime.images.kinds import EMPTY
from edge_runtime.images.limits import MAX_BYTES

if TYPE_CHECKING:
    import pyarrow.fs

PARTIAL = "_partial-"  # how the names of files begin that are not complete
_ODD_NAME = "a file name in it is not UTF-8; rename that file"
_AHEAD = 8  # files that are fetched at the same time; an object store takes tens of milliseconds for each


class Store(NamedTuple):
    """A folder or a file: its file system, its path there, and its address without login and options."""

    system: pyarrow.fs.FileSystem
    path: str
    address: str

    def child(self, name: str) -> str:
        """The path of a file in this folder."""
        return f"{self.path}/{name}"

    def contains(self, address: str) -> bool:
        """Whether an address is that of this store or of something in it."""
        return address == self.address or address.startswith(f"{self.address}/")

    def names(self) -> set[str]:
        """The names of all that this folder contains; none if it does not exist. Raises `OSError`."""
        from pyarrow.fs import FileSelector

        try:
            found = self.system.get_file_info(FileSelector(self.path, allow_not_found=True))
            return {each.base_name for each in found}
        except UnicodeDecodeError as error:
            raise OSError(_ODD_NAME) from error

    def read(self, name: str) -> bytes | None:
        """The content of a file in this folder; None if there is none. Raises `OSError`."""
        try:
            with self.system.open_input_stream(self.child(name)) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes) -> None:
        """Write a small file in this folder. Raises `OSError`."""
        with self.system.open_output_stream(self.child(name)) as file:
            file.write(content)

    def delete(self, name: str) -> None:
        """Delete a file in this folder, if it exists. Raises `OSError`."""
        with suppress(FileNotFoundError):
            self.system.delete_file(self.child(name))

    @contextmanager
    def whole_file(self, name: str) -> Iterator[str]:
        """Give a temporary path to write to: it replaces `name` at the end, or is deleted on an error.

        No two processes use the same one, and programs that read folders of Parquet leave out its name.
        """
        partial = self.child(f"{PARTIAL}{uuid4().hex}-{name}")
        try:
            yield partial
            if self.system.type_name == "local":
                with Path(partial).open("rb+") as file:
                    os.fsync(file.fileno())
            self.system.move(partial, self.child(name))
        except BaseException:
            with suppress(OSError):
                self.system.delete_file(partial)
            raise


def open_store(address: str) -> Store:
    """The store at a path or an address such as "s3://bucket/folder". Raises `SourceError`."""
    try:
        import pyarrow
        from pyarrow.fs import FileSystem, LocalFileSystem
    except ImportError as error:
        raise MissingDependencyError("scale needs pyarrow: pip install 'edge-digits[ray]'") from error
    if not paths.is_remote(address):
        return Store(LocalFileSystem(), Path(address).absolute().as_posix(), address)
    try:
        system, path = FileSystem.from_uri(address)
    except (OSError, ValueError, ImportError, pyarrow.ArrowException) as error:
        shown = _without_secrets(address)
        reason = " ".join(str(error).split()).replace(address, shown)
        raise SourceError(f"{shown} cannot be opened: {reason[:200]}") from error
    return Store(system, path.rstrip("/"), _without_secrets(address))


def _without_secrets(address: str) -> str:
    """An address without login, options and a slash at its end."""
    scheme, _, rest = address.partition("?")[0].partition("://")
    authority, slash, path = rest.partition("/")
    login, _, host = authority.rpartition("@")
    if ":" in login:  # a container of Azure has an @, too
        authority = host
    return f"{scheme}://{authority}{slash}{path}".rstrip("/")


def expand(store: Store, skipped: Counter[str], *, recursive: bool = True) -> Iterator[str]:
    """The paths or addresses of the images of a store, in an order that depends on their names only.

    Local files, folders and globs expand as `paths.expand` does; the folders of object stores in the same
    order, one at a time. Raises `SourceError` if a store cannot be listed.
    """
    if not paths.is_remote(store.address):
        for path in paths.expand([store.address], recursive=recursive, skipped=skipped):
            assert path is not None
            yield path
        return
    found = False
    for path in _walk(store, store.path, skipped, recursive, set()):
        found = True
        yield store.address + path[len(store.path) :]
    if not found:  # a file, or a folder without images: reading it tells
        yield store.address


def _walk(store: Store, folder: str, skipped: Counter[str], recursive: bool, seen: set[str]) -> Iterator[str]:
    from pyarrow.fs import FileSelector, FileType

    if store.system.type_name == "local":  # where links may form cycles
        real = os.path.realpath(folder)
        if real in seen:
            return
        seen.add(real)
    try:
        found = store.system.get_file_info(FileSelector(folder, allow_not_found=True))
        found = sorted(found, key=lambda info: info.base_name)
    except NotADirectoryError:
        return
    except UnicodeDecodeError as error:
        raise SourceError(f"{store.address} cannot be listed: {_ODD_NAME}") from error
    except OSError as error:
        raise SourceError(f"{store.address} cannot be listed: {_reason(error)}") from error
    readable = suffixes.readable()
    found = [each for each in found if not paths.is_junk(each.base_name)]
    for each in found:
        if each.type == FileType.File:
            if f".{each.extension.lower()}" in readable:
                yield each.path
            else:
                skipped[paths.kind_of(each.base_name)] += 1
    for each in found:
        if each.type == FileType.Directory and recursive:
            yield from _walk(store, each.path, skipped, recursive, seen)


class StoredImage:
    """An image file as `DigitReader` takes it: its name, and a function that returns its content.

    The function may raise `ImageError`.
    """

    def __init__(self, name: str, content: Callable[[], bytes]) -> None:
        self.name = name
        self._content = content

    def read(self, size: int = -1) -> bytes:
        """The whole file, whatever the `size`. Raises `ImageError`."""
        data = self._content()
        if not data:
            raise ImageError(EMPTY)
        return data


def fetch_ahead(sources: Iterable[str], stores: Iterable[Store], missed: set[str]) -> Iterator[StoredImage]:
    """The images at addresses in these stores, in order; the next ones are fetched meanwhile.

    Those that a store has, or may have, but does not give are added to `missed`.
    """

    def fetch(source: str) -> bytes:
        # The address of one source may begin as that of another does.
        store = max((each for each in stores if each.contains(source)), key=lambda each: len(each.address))
        try:
            with store.system.open_input_stream(store.path + source[len(store.address) :]) as file:
                data = bytes(file.read(MAX_BYTES + 1))
        except (OSError, ValueError) as error:
            if not isinstance(error, FileNotFoundError):
                missed.add(source)
            raise ImageError(_reason(error)) from error
        check_length(len(data))
        return data

    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="fetch") as pool:
        ahead: deque[StoredImage] = deque()
        for source in sources:
            ahead.append(StoredImage(source, pool.submit(fetch, source).result))
            if len(ahead) > _AHEAD:
                yield ahead.popleft()
        yield from ahead


def _reason(error: Exception) -> str:
    """An error of a store as one line."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError) or "ACCESS_DENIED" in str(error):
        return "the store refuses access"
    return " ".join(str(error).split())[:200]
