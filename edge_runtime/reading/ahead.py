"""Reading ahead: prepares images and pages in several threads and hands them on in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from edge_runtime.images.pages import PageOf, Pages

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from edge_runtime.reading.pipeline import Page

    Prepare: TypeAlias = Callable[[Any], Page | Pages | None]

Choose: TypeAlias = Callable[[list[str]], Iterable[int]]  # names of pages to the indices of some

AHEAD = 4  # images per thread that are prepared ahead of time


def prepare_ahead(
    images: Iterable[Any], prepare: Prepare, choose: Choose | None, threads: int
) -> Iterator[Page | None]:
    """Yield what `prepare` makes of each image; of a file with several pages, of those that are to be read.

    Given the names of the pages, `choose` returns the indices of these; without it, all are read.

    `prepare` is called from `threads` threads. A None among the images stays None and asks for everything
    before it at once.
    """
    if threads == 1:
        yield from _one_by_one(images, prepare, choose)
        return
    from concurrent.futures import ThreadPoolExecutor  # takes 4 ms; one thread does not need it

    with ThreadPoolExecutor(threads, thread_name_prefix="read") as pool:
        yield from _in_threads(images, prepare, choose, pool, AHEAD * threads)


def _one_by_one(images: Iterable[Any], prepare: Prepare, choose: Choose | None) -> Iterator[Page | None]:
    for image in images:
        found = prepare(image)
        if isinstance(found, Pages):
            yield from _one_by_one(_chosen(found, choose), prepare, choose)
        else:
            yield found


def _in_threads(
    images: Iterable[Any], prepare: Prepare, choose: Choose | None, pool: Executor, most: int
) -> Iterator[Page | None]:
    ahead: deque[Future[Page | Pages | None]] = deque()

    def settle() -> Iterator[Page | None]:
        found = ahead.popleft().result()
        if isinstance(found, Pages):
            yield from _in_threads(_chosen(found, choose), prepare, choose, pool, most)
        else:
            yield found

    for image in images:
        ahead.append(pool.submit(prepare, image))
        # While a file is read page by page, no others are opened.
        while ahead and (image is None or len(ahead) > most or _has_pages(ahead[0])):
            yield from settle()
    while ahead:
        yield from settle()


def _has_pages(future: Future[Page | Pages | None]) -> bool:
    return future.done() and not future.exception() and isinstance(future.result(), Pages)


def _chosen(pages: Pages, choose: Choose | None) -> Iterable[PageOf]:
    return pages if choose is None else map(pages.__getitem__, choose([page.source for page in pages]))
