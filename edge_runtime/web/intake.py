"""The intake: receives request bodies, queues them, and reads the images in them one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from edge_runtime.errors import ImageError, ModelError
from edge_runtime.images.document import Document, check_page
from edge_runtime.images.documents import open_document
from edge_runtime.images.header import DAMAGED
from edge_runtime.images.kinds import EMPTY, TEXT, UNKNOWN
from edge_runtime.reading import pad
from edge_runtime.reading.reader import DigitReader
from edge_runtime.reading.rejection import reject_below
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.results import FIRST_ONLY, Reading
from edge_runtime.web import clients, limits, responses, strokes
from edge_runtime.web.errors import RequestError, incomplete_body
from edge_runtime.web.metrics import Metrics
from edge_runtime.web.worker import Worker

_log = logging.getLogger(__name__)


class _Upload:
    """A request body. `error` is why it is no longer received."""

    def __init__(self, owner: str) -> None:
        self.owner, self.started = owner, time.monotonic()
        self.body = bytearray()
        self.size = 0  # bytes in memory
        self.receiving: asyncio.Future[None] | None = None
        self.error: RequestError | None = None

    def give_up(self, error: RequestError) -> None:
        """Free the memory and answer with an error, unless the body is complete."""
        if self.receiving and not self.receiving.done():
            self.receiving.cancel()
            self.error = error
            self.body.clear()
            self.size = 0

    @property
    def is_incomplete(self) -> bool:
        """Whether there is something to give up."""
        return bool(self.size and self.receiving and not self.receiving.done())


class _Job:
    """A job that runs or waits in the reading thread."""

    def __init__(self, owner: str, result: asyncio.Future[Any]) -> None:
        self.owner, self.result = owner, result


class Intake:
    """Receives bodies and runs jobs in one reading thread, so that uploads never take more than one core.

    Memory and the queue are shared between the clients: whoever has most of either gives something up when
    there is not enough. With `live`, the thread rests after each reading to leave the CPU to the camera.
    """

    def __init__(self, readers: SwitchableReader, metrics: Metrics, *, live: bool) -> None:
        self.readers, self._metrics = readers, metrics
        self._uploads: list[_Upload] = []
        self._jobs: list[_Job] = []
        self._worker = Worker("read", rest=limits.READ_PAUSE if live else 0)
        self._last_failure = ""

    @property
    def buffered(self) -> int:
        """Bytes of all bodies in memory."""
        return sum(upload.size for upload in self._uploads)

    @property
    def pending(self) -> int:
        """Number of jobs that run or wait."""
        return len(self._jobs)

    def close(self) -> None:
        """Let the reading thread end after the jobs that it already has."""
        self._worker.close()

    @contextlib.asynccontextmanager
    async def body(self, request: Request, limit: int, advice: str) -> AsyncIterator[bytes]:
        """Receive a request's body of at most `limit` bytes. It counts as buffered inside the `with` block.

        Raises `RequestError` as soon as the body turns out to be too large, too slow or incomplete; `advice`
        says what to send instead.
        """
        too_large = RequestError(413, "size", f"the body is larger than {limit} bytes; {advice}")
        claimed = request.headers.get("content-length", "0")
        if not claimed.isdecimal() or int(claimed) > limit:
            raise too_large
        upload = _Upload(clients.identify(request.scope["client"]))
        self._uploads.append(upload)

        async def receive() -> None:
            async for chunk in request.stream():
                if upload.size + len(chunk) > limit:
                    raise too_large
                self._make_room(upload, len(chunk))
                upload.body.extend(chunk)
                upload.size += len(chunk)

        upload.receiving = asyncio.ensure_future(receive())
        pace = asyncio.ensure_future(_watch_pace(upload, f"the body arrived too slowly; {advice}"))
        try:
            try:
                await upload.receiving
            except ClientDisconnect:
                raise incomplete_body() from None
            except asyncio.CancelledError:
                if upload.error:
                    raise upload.error from None
                raise
            finally:
                pace.cancel()
                upload.receiving = None
            received = bytes(upload.body)
            upload.body.clear()
            yield received
        finally:
            self._uploads.remove(upload)

    def _make_room(self, upload: _Upload, size: int) -> None:
        """Let an upload have `size` more bytes of memory: others that have more than their share give way.

        Raises `RequestError` if it has more itself.
        """
        while self.buffered + size > limits.MAX_BUFFERED_BYTES:
            held = Counter[str]()
            for each in self._uploads:
                held[each.owner] += each.size
            share = limits.MAX_BUFFERED_BYTES / len(held)
            error = RequestError(503, "memory", "too many uploads at once; try again", retry_after=1)
            oversized = [each for each in self._uploads if each.is_incomplete and held[each.owner] > share]
            if held[upload.owner] + size > share or not oversized:
                raise error
            # Among these, those of an attacker are likely to be the ones that take longest.
            min(oversized, key=lambda each: each.started).give_up(error)

    async def run(self, request: Request, work: Callable[[], Any]) -> Any:
        """Run a job in the reading thread and return its result.

        Raises `RequestError` when too many jobs wait already. A job whose client disconnects before its turn
        is cancelled.
        """
        owner = clients.identify(request.scope["client"])
        if self.pending > limits.MAX_QUEUED:
            # The first one is running.
            last = clients.most_demanding(self._jobs[1:], owner)
            if last is None:
                raise _busy()
            self._jobs.remove(last)
            last.result.cancel()
        job = _Job(owner, asyncio.ensure_future(self._worker.run(work)))
        self._jobs.append(job)
        # After the body, the only message that can still come is the client's disconnect.
        disconnect = asyncio.ensure_future(request.receive())
        try:
            await asyncio.wait((job.result, disconnect), return_when=asyncio.FIRST_COMPLETED)
            if job.result.cancelled():
                raise _busy()
            if not job.result.done():
                raise incomplete_body()
            return job.result.result()
        finally:
            disconnect.cancel()
            job.result.cancel()
            if job in self._jobs:
                self._jobs.remove(job)

    def read(
        self,
        data: bytes,
        *,
        tiles: bool,
        image: bool,
        rotate: str,
        min_confidence: float,
        page: int | None = None,
    ) -> dict[str, Any]:
        """Decode and read an image file's bytes; returns a `ReadResult` as JSON. Raises `RequestError`.

        `rotate` and `min_confidence` are those of `DigitReader`. `page` is that of a file with several pages
        or frames, from 1; without it, the first is read.
        """

        def read(reader: DigitReader) -> tuple[Reading, dict[str, Any]]:
            document = open_document(data, limits.IMAGE, frames=page is not None)
            grey = document.decode(check_page(document, page or 1))
            reading = reader.read(grey, rotate=rotate)
            if page is None and (document.more or len(document) > 1):
                reading = replace(reading, status=reading.status + FIRST_ONLY)
            more = {"pages": _count_pages(document, data)}
            return reading, more | {"image": responses.to_jpeg(grey)} if image else more

        return self._result(read, tiles=tiles, min_confidence=min_confidence)

    def read_strokes(self, data: bytes, *, tiles: bool, min_confidence: float) -> dict[str, Any]:
        """Read strokes, given as the JSON of `web/strokes.py`; otherwise the same as `read`."""

        def read(reader: DigitReader) -> tuple[Reading, dict[str, Any]]:
            return pad.read_strokes(reader, strokes.parse(data)), {}

        return self._result(read, tiles=tiles, min_confidence=min_confidence)

    def _result(
        self,
        read: Callable[[DigitReader], tuple[Reading, dict[str, Any]]],
        *,
        tiles: bool,
        min_confidence: float,
    ) -> dict[str, Any]:
        """Run a reading and return it as JSON, with what `read` adds to it."""
        started = time.perf_counter()
        try:
            reading, more = read(self.readers.reader)
        except ModelError as error:
            if str(error) != self._last_failure:  # once, not for every request
                self._last_failure = str(error)
                _log.error("%s", error)
            raise RequestError(500, "model", str(error)) from error
        except ImageError as error:
            advice = "; send the bytes of the file unchanged (curl --data-binary @FILE)"
            unknown = str(error) in (DAMAGED, EMPTY, TEXT, UNKNOWN)
            raise RequestError(422, "image", f"{error}{advice if unknown else ''}") from error
        except MemoryError as error:
            message = "the image does not fit into this device's memory; scale it down first"
            raise RequestError(413, "memory", message) from error
        seconds = time.perf_counter() - started
        self._metrics.read_seconds.observe(seconds)
        reading = reject_below(reading, min_confidence)
        return responses.read_result(reading, seconds, tiles=tiles) | more


def _count_pages(document: Document, data: bytes) -> int:
    """How many pages or frames of a file can be asked for: one of an animation that is not read as such."""
    if document.more:
        with contextlib.suppress(ImageError):
            return len(open_document(data, limits.IMAGE, frames=True))
    return len(document)


async def _watch_pace(upload: _Upload, message: str) -> None:
    """Give up an upload that stops, is slower than `MIN_BODY_RATE`, or takes longer than `BODY_TIMEOUT`."""
    end = upload.started + limits.BODY_TIMEOUT
    while True:
        before, now = upload.size, time.monotonic()
        await asyncio.sleep(min(limits.PACE_INTERVAL, end - now))
        slow = upload.size - before < limits.MIN_BODY_RATE * limits.PACE_INTERVAL
        if slow or time.monotonic() >= end:
            upload.give_up(RequestError(408, "slow", message))
            return


def _busy() -> RequestError:
    return RequestError(503, "busy", "too many requests are waiting to be read; try again", retry_after=1)
