"""Paths of images: expands files, folders and globs.

Expanding never fails. An argument that cannot be expanded is passed on unchanged, so that reading it reports
the reason, in its place among the other images.
"""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from edge_runtime.images import suffixes

# Written by --annotate into a new folder, so that a later run does not read the copies as images.
ANNOTATED_MARK = ".edge-digits-annotated"

# What systems and other programs leave in folders, besides hidden files. Lower case.
_JUNK = {
    *("#recycle", "#snapshot", "$recycle.bin", "@eadir", "@recently-snapshot", "@recycle", "__macosx"),
    *("desktop.ini", "ehthumbs.db", "lost+found", "system volume information", "thumbs.db"),
}


# A `**` of a glob that stands for any number of folders, with the separators after it.
_SEPARATOR = "[" + re.escape(os.sep + (os.altsep or "")) + "]"
_ANY_FOLDERS = re.compile(rf"(?:^|(?<={_SEPARATOR}))\*\*(?:{_SEPARATOR}+|$)")

_LONGEST_KIND = 6  # characters of a suffix that is counted by itself
_MOST_KINDS = 5  # that are listed
_MOST_SORTED = 100_000  # files of one folder that are listed before the first of them is read


def expand(
    arguments: Iterable[str | None],
    *,
    recursive: bool = True,
    listed: bool = False,
    skip: Path | None = None,
    skipped: Counter[str] | None = None,
) -> Iterator[str | None]:
    """Expand files, folders and globs to the paths of images, sorted within each folder.

    A folder of more than 100,000 files is sorted in parts, in the order in which the system lists them.
    Folders are searched to any depth if `recursive`, each only once even if links form a cycle. Hidden files
    and folders, junk files of other programs, folders of annotated copies, and the folder `skip` are left
    out unless an argument names them. Other files that are no images are counted in `skipped`, by suffix. A
    folder without images, a glob without a match, and None are passed on unchanged.

    If `listed`, the arguments are lines that a program has written. These are never globs, and one that
    consists of dots and slashes is no folder to search: it is more likely from another kind of text.
    """
    skipped = Counter() if skipped is None else skipped
    for argument in arguments:
        if argument is None or (listed and not argument.strip("./\\")):
            yield argument
        elif not listed and is_glob(argument):
            yield from _or_itself(_matches(argument, recursive, skip, skipped), argument)
        elif os.path.isdir(argument):
            yield from _or_itself(_walk(argument, recursive, skip, skipped), argument)
        else:
            yield argument


def holds_images(folder: str, *, recursive: bool = True) -> bool:
    """Whether a folder or, if `recursive`, one below it, contains images."""
    return next(_walk(folder, recursive, None, Counter()), None) is not None


def is_glob(argument: str) -> bool:
    """Whether an argument is a glob, and not the name of a file with such characters."""
    return glob.has_magic(argument) and not os.path.lexists(argument)


def folder_of_glob(pattern: str) -> str:
    """The folder in which, or below which, all matches of a glob lie."""
    return os.path.dirname(re.split(r"[*?\[]", pattern, maxsplit=1)[0]) or os.curdir


def describe_skipped(skipped: Counter[str]) -> str:
    """Describe what `expand` has skipped, such as "3 files skipped (py 2, txt 1)"; "" if nothing.

    Files that an extra reads are followed by how to install it.
    """
    count = sum(skipped.values())
    if not count:
        return ""
    kinds = sorted(skipped.items(), key=lambda kind: (-kind[1], kind[0]))
    others = sum(number for _, number in kinds[_MOST_KINDS:])
    listed = [*kinds[:_MOST_KINDS], *([("others", others)] if others else [])]
    names = ", ".join(f"{kind} {number}" for kind, number in listed)
    return f"{count} file{'' if count == 1 else 's'} skipped ({names}){suffixes.way_out(skipped)}"


def _matches(pattern: str, recursive: bool, skip: Path | None, skipped: Counter[str]) -> Iterator[str]:
    named = set(re.split(r"[/\\]", pattern))  # a hidden file or folder matches only where it is named

    @cache
    def left_out(folder: str) -> bool:
        parent, name = os.path.split(folder)
        if name and name not in named and (name.lower() in _JUNK or _is_annotated(folder)):
            return True
        return bool(name) and left_out(parent)

    unreadable: list[str] = []
    for match in sorted(set(_glob(pattern, unreadable))):
        if skip and is_under(match, skip):
            continue
        if os.path.isdir(match):
            # A pattern with ** also matches the files inside these folders.
            if "**" not in pattern and not left_out(match.rstrip("/" + os.sep)):
                yield from _walk(match, recursive, skip, skipped)
            continue
        parent, name = os.path.split(match)
        if not left_out(parent) and (name in named or name.lower() not in _JUNK):
            yield match
    yield from sorted(folder for folder in set(unreadable) if not left_out(folder))


def _glob(pattern: str, unreadable: list[str]) -> Iterator[str]:
    """Expand a glob as `glob.iglob` does, but let `**` enter no folder twice: links may form cycles.

    Folders below `**` that may not be read are added to `unreadable`.
    """
    found = _ANY_FOLDERS.search(pattern)
    if not found:
        yield from glob.iglob(pattern)
        return
    head, tail = pattern[: found.start()], pattern[found.end() :]
    for start in glob.iglob(head) if head else [""]:
        for folder in _folders(start, unreadable):
            yield from _glob(os.path.join(glob.escape(folder), tail or "*"), unreadable)


def _folders(start: str, unreadable: list[str]) -> Iterator[str]:
    """A folder, "" for the current one, and those below it that are not hidden, each once."""
    seen: set[tuple[int, int]] = set()
    pending = [start]
    while pending:
        folder = pending.pop()
        try:
            status = os.stat(folder or os.curdir)
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                yield folder
                with os.scandir(folder or os.curdir) as entries:
                    names = [entry.name for entry in entries if entry.name[0] != "." and _is_folder(entry)]
                pending += (os.path.join(folder, name) for name in sorted(names, reverse=True))
        except PermissionError:
            unreadable.append(folder or os.curdir)
        except OSError:  # it is no folder
            continue


def _is_annotated(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, ANNOTATED_MARK))


def _or_itself(paths: Iterator[str], name: str) -> Iterator[str]:
    first = next(paths, None)
    yield name if first is None else first
    yield from paths


def _walk(folder: str, recursive: bool, skip: Path | None, skipped: Counter[str]) -> Iterator[str]:
    readable = suffixes.readable()
    seen: set[tuple[int, int]] = set()
    unreadable: list[str] = []
    pending = [folder]  # the next one last
    while pending:
        parent = pending.pop()
        folders: list[str] = []
        prefix = os.path.join(parent, "")
        try:
            status = os.stat(parent)
            is_copies = parent != folder and os.path.exists(prefix + ANNOTATED_MARK)
            if is_copies or (skip and is_under(parent, skip)) or (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            for files in _files(parent, folders):
                # Without a call for each file: there may be millions.
                images = [
                    name for name in files if name[name.rfind(".") :].lower() in readable and name[0] != "."
                ]
                others = set(files).difference(images) if len(images) < len(files) else ()
                skipped.update(kind_of(name) for name in others if not is_junk(name))
                for name in sorted(images):
                    yield prefix + name
        except OSError as error:  # also if it is deleted meanwhile
            unreadable.append(str(error.filename or parent))
        if recursive:
            pending += sorted((prefix + name for name in folders if not is_junk(name)), reverse=True)
    yield from unreadable


def _files(parent: str, folders: list[str]) -> Iterator[list[str]]:
    """Yield the names of the files in a folder, `_MOST_SORTED` at a time, and append those of folders."""
    names: list[str] = []
    with os.scandir(parent) as entries:
        for entry in entries:
            if _is_folder(entry):
                folders.append(entry.name)
                continue
            names.append(entry.name)
            if len(names) == _MOST_SORTED:
                yield names
                names = []
    yield names


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that cannot be followed
        return False


def kind_of(name: str) -> str:
    """The suffix of a file by which it is counted."""
    _, dot, suffix = name.rpartition(".")
    known = len(suffix) <= _LONGEST_KIND and suffix.isascii() and suffix.isalnum() and not suffix.isdigit()
    return "without suffix" if not dot else suffix.lower() if known else "others"


def is_junk(name: str) -> bool:
    """Whether a file or folder is hidden, or something that other programs leave behind."""
    return (name.startswith(".") and name.strip(".") != "") or name.lower() in _JUNK


def is_remote(path: str) -> bool:
    """Whether a path is an address, such as "https://..." or "s3://...", and not the name of a file."""
    scheme, separator, _ = path.partition("://")
    # No drive has two letters. Addresses of fsspec may begin with several schemes: "zip::s3".
    plain = scheme.replace("::", "").replace("+", "").replace("-", "").replace(".", "")
    return bool(separator) and len(scheme) > 1 and plain.isascii() and plain.isalnum()


def split_page(name: str) -> tuple[str, int | None]:
    """The name of a file and the number of a page, counted from 1, in a name such as "scan.pdf#2"."""
    file, _, page = name.rpartition("#")
    is_page = file and page.isascii() and page.isdecimal() and page[0] != "0" and len(page) < 10
    return (file, int(page)) if is_page else (name, None)


def is_under(path: str, folder: Path) -> bool:
    """Whether a path is a folder or inside it, once all links are followed."""
    top = os.path.realpath(folder)
    try:
        return os.path.commonpath([top, os.path.realpath(path)]) == top
    except ValueError:  # on different drives
        return False


def escape_source(text: str) -> str:
    """A path, or text with one, as valid Unicode: bytes that are not UTF-8 become backslash escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")
