"""The identity of an image: the same however the path of its folder is spelled."""

from __future__ import annotations

import functools
import os

from edge_runtime.images.paths import escape_source, is_remote


def identity(source: str, folder: str) -> str:
    """The path of `source`, relative to `folder`, with all links and ".." in the path of its folder resolved.

    The image itself may be a link: it is then another image than the one that it leads to, with rows of its
    own. Raises `ValueError` for text that cannot be a path.
    """
    if "\0" in source:
        raise ValueError("a path with a null byte")
    source = _local(source)
    if is_remote(source):
        return escape_source(source)
    parent, name = os.path.split(source)
    if name in ("", os.curdir, os.pardir):  # a folder, as an argument without images
        return escape_source(_resolve(os.path.join(folder, source)))
    return escape_source(os.path.join(_resolve(os.path.join(folder, parent)), os.path.normcase(name)))


def absolute(source: str, folder: str) -> str:
    """The path of `source`, relative to `folder`, from the root."""
    return source if is_remote(source) else os.path.join(folder, source)


def _local(source: str) -> str:
    """A source without the scheme of its address if that names a file of this machine."""
    path = source.removeprefix("file://")
    return path if os.path.isabs(path) else source


# Images follow one another folder by folder.
@functools.lru_cache(maxsize=1024)
def _resolve(folder: str) -> str:
    return os.path.normcase(os.path.realpath(folder))
