"""Workers: processes that read files side by side, while their readings come in the order of the files.

Reading small files is mostly Python, which runs on one core per process. A run begins in this process, so
that a few files cost no more than they take, and goes on in the workers once these are worth their start.
"""

from __future__ import annotations

import pickle
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from edge_runtime.images import child, inputs
from edge_runtime.reading import messages
from edge_runtime.reading.ahead import Choose
from edge_runtime.reading.messages import receive, send
from edge_runtime.results import Reading

if TYPE_CHECKING:
    from subprocess import Popen

Here: TypeAlias = Callable[[Iterable[Any]], Iterator[list[Reading]]]

_PATIENCE = 0.5  # s of reading in this process before workers are started, which takes about as long
_TASK_SECONDS = 0.05  # that a task should take: much more than sending it, and little to wait for at the end
_LARGEST_TASK = 128  # files
_AHEAD = 4  # tasks per worker that are begun before the results of the first are taken
_REPLIES = 4  # messages per task that wait to be taken
_POLL = 0.1  # s; how soon an end, or Ctrl-C on Windows, is noticed

# Replies besides those of `messages`
_HERE = b"h"  # no worker can be started: the rest of the task, from this index on, is to be read here
_LOST = b"l"  # reading this file has ended a worker, though it was the only one
_LOST_STATUS = "error: reading it ended two processes; it may take more memory than there is"


def are_possible() -> bool:
    """Whether this process can start workers: not in a program that contains Python, or in a browser."""
    frozen = getattr(sys, "frozen", False)
    return bool(sys.executable) and not frozen and sys.platform not in ("emscripten", "wasi")


def path_for_workers(image: object) -> str | None:
    """The path of an input, if it is one of a file that another process can open as well."""
    path = inputs.local_path(image)
    # Not such as the pipe /dev/fd/63, which the shell makes of <(program).
    return None if path is None or path.startswith(("/dev/", "/proc/")) else path


class _Task:
    """Inputs that are read together: different paths, or one that is read `here`, in this process."""

    def __init__(self, images: list[Any], *, here: bool = False) -> None:
        self.images, self.here = images, here
        self.replies: queue.Queue[tuple[bytes, bytes]] = queue.Queue(_REPLIES)  # not taken yet
        self.finished = here  # whether the last reply has been put
        self.chosen: list[list[int]] = []  # pages of each file that has several
        self.asked = 0  # for how many of these files the worker has asked


class Workers:
    """A number of workers; a context manager. `arguments` are the model, `rotate` and `min_confidence`."""

    def __init__(
        self, count: int, arguments: tuple[str, Any, float], *, frames: bool, choose: Choose | None
    ) -> None:
        self._arguments = messages.encode(arguments).hex()
        self._frames, self._choose, self._count = frames, choose, count
        self._threads: list[threading.Thread] = []
        self._with_worker: set[threading.Thread] = set()
        self._processes: list[Popen[bytes]] = []
        self._guard = threading.Lock()
        self._todo: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._ready, self._closed = threading.Event(), threading.Event()
        self._per_file = 0.0  # s that reading a file takes at present

    def read(self, images: Iterator[Any], here: Here) -> Iterator[list[Reading]]:
        """Yield the readings of images in their order, in batches. A None asks for all before it at once.

        They are read by `here`, in this process, until that has taken a while and the workers are ready.
        """
        yield from here(self._until_ready(images))
        tasks: deque[_Task] = deque()
        for task in self._split(images):
            if task is None:
                while tasks:
                    yield from self._results(tasks.popleft(), here)
                continue
            tasks.append(task)
            if not task.here:
                self._todo.put(task)
            while tasks and (tasks[0].finished or len(tasks) > _AHEAD * self._count):
                yield from self._results(tasks.popleft(), here)
        while tasks:
            yield from self._results(tasks.popleft(), here)

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        self._closed.set()
        with self._guard:
            for process in self._processes:
                process.kill()
        for _ in self._threads:
            self._todo.put(None)
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _until_ready(self, images: Iterator[Any]) -> Iterator[Any]:
        """Pass images on, start the workers in time, and end once the first is ready."""
        count, busy = 0, 0.0
        for image in images:
            start = time.monotonic()
            yield image
            count, busy = count + 1, busy + time.monotonic() - start  # without the time to find images
            if self._ready.is_set():
                break
            if not self._threads and busy > _PATIENCE and path_for_workers(image):
                self._start()
        self._per_file = busy / max(1, count)

    def _start(self) -> None:
        for index in range(self._count):
            # Daemons, because nobody may close this object before the program ends.
            self._threads.append(threading.Thread(target=self._serve, name=f"worker {index}", daemon=True))
        self._with_worker.update(self._threads)
        for thread in self._threads:
            thread.start()

    def _split(self, images: Iterator[Any]) -> Iterator[_Task | None]:
        """Divide images into tasks; None stays None."""
        paths: dict[str, None] = {}
        deadline = 0.0
        for image in images:
            path = None if image is None else path_for_workers(image)
            if paths and (path is None or path in paths):
                yield _Task(list(paths))
                paths = {}
            if path is None:
                yield None if image is None else _Task([image], here=True)
                continue
            if not paths:
                deadline = time.monotonic() + _TASK_SECONDS
            paths[path] = None
            if len(paths) >= self._task_size() or time.monotonic() > deadline:
                yield _Task(list(paths))
                paths = {}
        if paths:
            yield _Task(list(paths))

    def _task_size(self) -> int:
        return min(_LARGEST_TASK, int(_TASK_SECONDS / max(self._per_file, 1e-6)) + 1)

    def _results(self, task: _Task, here: Here) -> Iterator[list[Reading]]:
        """The readings of a task, as they come. Raises what a worker has raised."""
        if task.here:
            yield from here(task.images)
            return
        given: set[str] = set()  # sources
        for kind, content in self._take(task):
            if kind == messages.FAILED:
                raise pickle.loads(content)
            if kind == messages.READINGS:
                batches: Iterable[list[Reading]] = [messages.unpack(content)]
            elif kind == _LOST:
                batches = [[Reading(messages.decode(content), status=_LOST_STATUS)]]
            else:  # _HERE
                batches = here(task.images[messages.decode(content) :])
            for readings in batches:
                new = [each for each in readings if each.source not in given]
                given.update([each.source for each in new])
                if new:
                    yield new

    def _take(self, task: _Task) -> Iterator[tuple[bytes, bytes]]:
        """The replies to a task, up to the last."""
        while True:
            try:
                kind, content = task.replies.get(timeout=_POLL)
            except queue.Empty:
                continue
            if kind == messages.DONE:
                return
            yield kind, content

    # What follows runs in the threads that talk to the workers, one each.

    def _serve(self) -> None:
        worker = self._begin()
        if worker:
            self._ready.set()
        while (worker or self._stays()) and (task := self._todo.get()) is not None:
            try:
                worker = self._work(worker, task)
            except Exception as error:
                self._put(task, messages.FAILED, pickle.dumps(error))
            task.finished = True
            self._put(task, messages.DONE)
        if worker:
            child.end(worker)

    def _stays(self) -> bool:
        """Whether this thread, which has no worker, is the last, so that no other can take the tasks."""
        with self._guard:
            self._with_worker.discard(threading.current_thread())
            return not self._with_worker

    def _begin(self) -> Popen[bytes] | None:
        """Start a worker and wait until it is ready; None if that is impossible."""
        try:
            with self._guard:
                if self._closed.is_set():
                    return None
                worker = child.start("edge_runtime.reading.worker_process", self._arguments)
                self._processes.append(worker)
        except OSError:
            return None
        try:
            self._receive(worker)
        except (OSError, EOFError):
            child.end(worker)
            return None
        return worker

    def _work(self, worker: Popen[bytes] | None, task: _Task) -> Popen[bytes] | None:
        """Let a worker read a task, and file by file if it ends. Return the worker for the next task."""
        if worker and self._try(worker, task, task.images):
            return worker
        task.asked = 0
        worker = None
        for index, path in enumerate(task.images):
            worker = worker or self._begin()
            if not worker:
                self._put(task, _HERE, messages.encode(index))
                return None
            if not self._try(worker, task, [path]):
                worker = None
                self._put(task, _LOST, messages.encode(path))
        return worker or self._begin()

    def _try(self, worker: Popen[bytes], task: _Task, paths: list[str]) -> bool:
        """Let a worker read paths of a task, and pass its replies on; False if it has ended."""
        try:
            asks = self._choose is not None
            self._send(worker, messages.READ, messages.encode((paths, self._frames, asks)))
            while True:
                kind, content = self._receive(worker)
                if kind == messages.DONE:
                    self._per_file = messages.decode(content) / len(paths)
                    return True
                if kind == messages.CHOOSE:
                    self._send(worker, messages.CHOSEN, messages.encode(self._chosen(task, content)))
                    continue
                self._put(task, kind, content)
                if kind == messages.FAILED:
                    return True
        except (OSError, EOFError):
            child.end(worker)
            return False

    def _chosen(self, task: _Task, names: bytes) -> list[int]:
        """The answer to CHOOSE, which is the same if a file is read again."""
        if task.asked == len(task.chosen):
            assert self._choose is not None
            task.chosen.append(list(self._choose(messages.decode(names))))
        task.asked += 1
        return task.chosen[task.asked - 1]

    def _send(self, worker: Popen[bytes], kind: bytes, content: bytes) -> None:
        assert worker.stdin
        send(worker.stdin, kind, content)

    def _receive(self, worker: Popen[bytes]) -> tuple[bytes, bytes]:
        assert worker.stdout
        return receive(worker.stdout)

    def _put(self, task: _Task, kind: bytes, content: bytes = b"") -> None:
        """Pass a reply on, once the earlier ones are taken: a file of many pages must not fill the memory."""
        while not self._closed.is_set():
            try:
                task.replies.put((kind, content), timeout=_POLL)
                return
            except queue.Full:
                continue
