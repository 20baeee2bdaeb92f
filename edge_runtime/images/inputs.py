"""Inputs: everything that may be read, from paths to file objects, and the bytes or arrays that they hold."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np

from edge_runtime.errors import ImageError
from edge_runtime.images import files, paths
from edge_runtime.images.limits import MAX_BYTES

if TYPE_CHECKING:
    import PIL.Image
    from numpy.typing import NDArray

    # What `read` takes. Paths may be addresses, and may name a page, as in "scan.pdf#2".
    Image: TypeAlias = (
        str | os.PathLike[str] | NDArray[Any] | PIL.Image.Image | bytes | bytearray | memoryview | BinaryIO
    )

NO_IMAGE: Any = object()  # a None that takes the place of an image, where None itself means something else


def name_of(image: object) -> str:
    """The path or address of an input, the file name that it knows, or "" for one without a name."""
    if isinstance(image, (str, os.PathLike)):
        return os.fsdecode(image)
    if isinstance(image, np.ndarray):
        return ""
    name = getattr(image, "filename" if is_pillow(image) else "name", "")
    return os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else ""


def local_path(image: object) -> str | None:
    """The path of an input that is one, and no address; None for any other input."""
    if not isinstance(image, (str, os.PathLike)) or isinstance(image, files.Received) or is_address(image):
        return None
    return str(os.fsdecode(image))  # not a subclass, such as numpy's


def is_address(image: object) -> bool:
    """Whether an input names a file on a web server or in an object store."""
    return (
        isinstance(image, (str, os.PathLike))
        and "://" in (name := os.fsdecode(image))
        and paths.is_remote(name)
    )


def is_pillow(image: object) -> bool:
    """Whether an object is an image of Pillow, which is not loaded for it."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def pillow_to_grey(image: Any) -> NDArray[np.uint8]:
    """An image of Pillow as `pillow.to_grey` converts it; the module is loaded only for these."""
    from edge_runtime.images import pillow

    return pillow.to_grey(image)


def load(image: object) -> tuple[bytes, int | None]:
    """The bytes of an image file, and the page that the path names, counted from 1.

    Takes a path or an address, the bytes themselves, or a binary file object, which is read from where it is
    to its end and left open. A file whose name ends in "#2" counts as that file. Raises `ImageError`.
    """
    if isinstance(image, (str, os.PathLike)):
        name = os.fsdecode(image)
        file, page = paths.split_page(name)
        if page is None or os.path.lexists(name):
            return _read(image if isinstance(image, files.Received) else name), None
        return _read(file), page
    if isinstance(image, (bytes, bytearray, memoryview)):
        files.check_length(memoryview(image).nbytes)
        return bytes(image), None
    if hasattr(image, "read"):
        return _read_object(image), None
    raise ImageError(_describe(image))


def _read(path: str) -> bytes:
    if paths.is_remote(path):
        from edge_runtime.images import remote

        return remote.read(path)
    return files.read_file(path)


def _read_object(file: Any) -> bytes:
    """Read a file object to its end. Raises `ImageError` if it does not give bytes, or none are left."""
    kind = type(file).__name__
    try:
        data = _read_raw(file) if isinstance(file, io.RawIOBase) else file.read(MAX_BYTES + 1)
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # it is closed, damaged, or no file: each kind has errors of its own
        raise ImageError(f"a {kind} that cannot be read: {error}") from error
    if isinstance(data, str):
        raise ImageError('a file opened as text; open it with "rb"')
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise ImageError(f"a {kind} whose read() returns {type(data).__name__} instead of bytes")
    files.check_length(len(data))
    if not data:
        raise ImageError(f"a {kind} with nothing left to read; go back to its start with seek(0)")
    return bytes(data)


def _read_raw(file: io.RawIOBase) -> bytes:
    """Read an unbuffered file: a single `read` of a pipe or a socket returns only what has arrived."""
    buffered = io.BufferedReader(file)
    try:
        return buffered.read(MAX_BYTES + 1)
    finally:
        buffered.detach()  # or it would close the file


def expand(images: Iterable[Any]) -> Iterator[Any]:
    """Expand the folders and globs among inputs to the paths of images, as the command does."""
    for image in images:
        if isinstance(image, (str, os.PathLike)) and not isinstance(image, files.Received):
            yield from expand_paths([os.fsdecode(image)])
        else:
            yield image


def expand_paths(arguments: Iterable[str | None], **options: Any) -> Iterator[str | None]:
    """Expand paths as `paths.expand` does, and the folders and globs of object stores."""
    for argument in arguments:
        if argument and paths.is_remote(argument):
            from edge_runtime.images import remote

            yield from remote.expand(argument, recursive=options.get("recursive", True))
        else:
            yield from paths.expand([argument], **options)


def hint(image: object) -> str:
    """What to add to an error of `read` if the input is a glob or a folder."""
    path = local_path(image) or ""
    if paths.is_glob(path):
        return "; read what a glob matches with read_many"
    return "; read the images of a folder with read_many" if os.path.isdir(path) else ""


def check_many(images: object) -> Iterable[Any]:
    """The inputs that an argument stands for: one path or file, which may hold several, or an iterable.

    Raises `ImageError` if it is a single image, or cannot be iterated over.
    """
    if isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview)) or (
        hasattr(images, "read") and not is_pillow(images)
    ):
        return [images]
    shape: tuple[int, ...] = images.shape if isinstance(images, np.ndarray) else ()
    if len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4)):
        raise ImageError(
            f"an array of shape {shape} is one image, and read_many takes several; use read, or give a list"
        )
    if is_pillow(images):
        raise ImageError("this is one image, and read_many takes several; use read, or give a list")
    if not isinstance(images, Iterable):
        raise ImageError(
            f"{_kind(images)} is not a list of images; give a list of paths or arrays, or use read"
        )
    return images


def _may_be_image(value: object) -> bool:
    files = (str, os.PathLike, np.ndarray, bytes, bytearray, memoryview)
    return isinstance(value, files) or is_pillow(value) or hasattr(value, "read")


def _describe(image: object) -> str:
    """Why an object cannot be read."""
    if image is None or image is NO_IMAGE:
        return "None is not an image; cv2.imread returns it for a file that it cannot read: give the path"
    if isinstance(image, (list, tuple, set, frozenset)) and any(map(_may_be_image, image)):
        count = f"{len(image)} image{'' if len(image) == 1 else 's'}"
        return f"a {type(image).__name__} of {count}; use read_many"
    return (
        f"{_kind(image)} is not an image; give a path, bytes, a binary file object, a Pillow image, or a "
        "NumPy array, grey or BGR"
    )


def _kind(value: object) -> str:
    return f"an object of type {type(value).__name__}"
