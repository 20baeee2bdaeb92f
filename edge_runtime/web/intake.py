"""The intake: receives request bodies, queues them, and reads the images in them one at a time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from edge_runtime.errors import ImageError
from edge_runtime.images import decode
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web import limits, responses
from edge_runtime.web.errors import RequestError, incomplete_body
from edge_runtime.web.metrics import Metrics
from edge_runtime.web.worker import Worker


class Intake:
    """Receives bodies and runs jobs in one reading thread, so that uploads never take more than one core.

    `buffered` counts the bytes of all bodies in memory; `pending` is the number of jobs that run or wait.
    With `live`, the thread pauses after each reading to leave the CPU to the camera.
    """

    def __init__(self, readers: SwitchableReader, metrics: Metrics, *, live: bool) -> None:
        self.readers, self._metrics, self._live = readers, metrics, live
        self.buffered = self.pending = 0
        self._worker = Worker("read")

    def close(self) -> None:
        """Let the reading thread end after the jobs that it already has."""
        self._worker.close()

    @contextlib.asynccontextmanager
    async def body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """Receive a request's body of at most `limit` bytes. It counts as buffered inside the `with` block.

        Raises `RequestError` as soon as the body turns out to be too large, too slow or incomplete.
        """
        too_large = RequestError(413, "size", f"the body is larger than {limit} bytes; send a smaller one")
        claimed = request.headers.get("content-length", "0")
        if not claimed.isdecimal() or int(claimed) > limit:
            raise too_large
        body = bytearray()

        async def receive() -> None:
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise too_large
                if self.buffered + len(chunk) > limits.MAX_BUFFERED_BYTES:
                    raise RequestError(503, "memory", "too many uploads at once; try again", retry_after=1)
                self.buffered += len(chunk)
                body.extend(chunk)

        size = 0
        try:
            try:
                await asyncio.wait_for(receive(), limits.BODY_TIMEOUT)
            except asyncio.TimeoutError:
                message = f"the body did not arrive within {limits.BODY_TIMEOUT} s; send a smaller one"
                raise RequestError(408, "slow", message) from None
            except ClientDisconnect:
                raise incomplete_body() from None
            finally:
                size = len(body)
            received = bytes(body)
            body.clear()
            yield received
        finally:
            self.buffered -= size

    async def run(self, request: Request, job: Callable[[], Any]) -> Any:
        """Run a job in the reading thread and return its result.

        Raises `RequestError` when too many jobs wait already. A job whose client disconnects before its turn
        is cancelled.
        """
        if self.pending > limits.MAX_QUEUED:
            raise RequestError(503, "busy", "too many images are waiting; try again", retry_after=1)
        self.pending += 1
        try:
            result = asyncio.ensure_future(self._worker.run(job))
            # After the body, the only message that can still come is the client's disconnect.
            disconnect = asyncio.ensure_future(request.receive())
            await asyncio.wait((result, disconnect), return_when=asyncio.FIRST_COMPLETED)
            disconnect.cancel()
            if not result.done():
                result.cancel()
                raise incomplete_body()
            return result.result()
        finally:
            self.pending -= 1

    def read(self, data: bytes, *, tiles: bool) -> dict[str, Any]:
        """Decode and read an image file's bytes; returns a `ReadResult` as JSON. Raises `RequestError`."""
        started = time.perf_counter()
        try:
            grey = decode.decode(data, limits.IMAGE)
            reading = self.readers.reader.read(grey)
        except ImageError as error:
            raise RequestError(422, "image", str(error)) from error
        except MemoryError as error:
            message = "the image does not fit into this device's memory; scale it down first"
            raise RequestError(413, "memory", message) from error
        seconds = time.perf_counter() - started
        self._metrics.read_seconds.observe(seconds)
        if self._live:
            time.sleep(limits.READ_PAUSE * seconds)
        height, width = grey.shape
        return responses.read_result(reading, (width, height), seconds, tiles=tiles)
