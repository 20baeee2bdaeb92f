"""Reading ahead: opens and prepares images and pages, and hands them on in their order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from edge_runtime.images.pages import PageOf, Pages

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from edge_runtime.reading.pipeline import Page

Open: TypeAlias = Callable[[Any], Any]  # a file to its Pages; anything else stays what it is
Prepare: TypeAlias = Callable[[Any], "Page | None"]
Choose: TypeAlias = Callable[[list[str]], Iterable[int]]  # names of pages to the indices of some

AHEAD = 4  # images per thread that are prepared ahead of time
_OPENING = 0.0005  # s in which one thread opens files before it prepares them


def prepare_ahead(
    images: Iterable[Any], open: Open, prepare: Prepare, choose: Choose | None, threads: int
) -> Iterator[Page | None]:
    """Yield what `prepare` makes of what `open` makes of each image.

    For a file with several pages, yield what `prepare` makes of each that is to be read. Given the names of
    the pages, `choose` returns the indices of these; without it, all are read.

    `open` and `prepare` are called from `threads` threads. A None among the images stays None and asks for
    everything before it at once.
    """
    if threads == 1:
        yield from _one_by_one(images, open, prepare, choose)
        return
    from concurrent.futures import ThreadPoolExecutor  # takes 4 ms; one thread does not need it

    def work(image: Any) -> Page | Pages | None:
        found = open(image)
        return found if _has_pages(found) else prepare(found)

    pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
    try:
        yield from _in_threads(images, work, choose, pool, AHEAD * threads)
    finally:  # also after Ctrl-C: a download may take forever
        pool.shutdown(wait=False, cancel_futures=True)


def _one_by_one(
    images: Iterable[Any], open: Open, prepare: Prepare, choose: Choose | None
) -> Iterator[Page | None]:
    for opened in _open_some(images, open):
        while opened:  # what is prepared is no longer held: it may be a large file
            if _has_pages(opened[0]):
                yield from map(prepare, _chosen(opened.popleft(), choose))
            else:
                yield prepare(opened.popleft())


def _open_some(images: Iterable[Any], open: Open) -> Iterator[deque[Any]]:
    """Open images several at a time if they are small, which keeps the code that does it in the CPU's cache.

    Opening and decoding small files in turn would take almost twice as long as both by themselves.
    """
    opened: deque[Any] = deque()
    deadline = 0.0
    for image in images:
        deadline = deadline if opened else time.monotonic() + _OPENING
        opened.append(open(image))
        is_plain_file = isinstance(opened[-1], Pages) and len(opened[-1]) == 1
        if not is_plain_file or time.monotonic() > deadline:
            yield opened
            opened = deque()
    yield opened


def _in_threads(
    images: Iterable[Any],
    work: Callable[[Any], Page | Pages | None],
    choose: Choose | None,
    pool: Executor,
    most: int,
) -> Iterator[Page | None]:
    ahead: deque[Future[Page | Pages | None]] = deque()

    def settle() -> Iterator[Page | None]:
        found = ahead.popleft().result()
        if isinstance(found, Pages):
            yield from _in_threads(_chosen(found, choose), work, choose, pool, most)
        else:
            yield found

    for image in images:
        ahead.append(pool.submit(work, image))
        # While a file is read page by page, no others are opened.
        while ahead and (image is None or len(ahead) > most or _holds_pages(ahead[0])):
            yield from settle()
    while ahead:
        yield from settle()


def _has_pages(found: object) -> bool:
    """Whether something that was opened is a file with several pages."""
    return isinstance(found, Pages) and len(found) > 1


def _holds_pages(future: Future[Page | Pages | None]) -> bool:
    return future.done() and not future.exception() and isinstance(future.result(), Pages)


def _chosen(pages: Pages, choose: Choose | None) -> Iterable[PageOf]:
    return pages if choose is None else map(pages.__getitem__, choose([page.source for page in pages]))
