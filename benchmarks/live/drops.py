"""Lost streams: how soon a stream that drops is noticed, and how soon it is read again."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.live.frames import SEEDS, LoopedVideo
from edge_runtime.live.events import Event
from edge_runtime.live.loop import Live
from edge_runtime.live.sources import open_frames
from edge_runtime.live.view import View
from edge_runtime.reading.switch import SwitchableReader
from train.synthetic import http_camera, videos

_DEADLINE = 60.0  # s to wait for an event; a busy machine may take long


class _Log:
    """The events of a stream with the times at which they arrived; one thread adds, another one waits."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._times: list[float] = []
        self._changed = threading.Condition()
        self._frames = 0

    def add(self, view: View) -> None:
        with self._changed:
            self._frames += 1
            self.events += view.events
            self._times += [time.perf_counter()] * len(view.events)
            self._changed.notify_all()

    def wait_for_frame(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._frames, _DEADLINE)

    def wait_for(self, kind: str, start: float) -> float | None:
        """Wait for an event of a kind after `start`; return the seconds since then, None if none comes."""

        def first() -> float | None:
            later = (
                t - start for t, event in zip(self._times, self.events, strict=True) if event.kind == kind
            )
            return next((seconds for seconds in later if seconds > 0), None)

        with self._changed:
            self._changed.wait_for(lambda: first() is not None, _DEADLINE)
            return first()


def drops(times: int = 3, away: float = 3.0, rest: float = 4.0) -> Iterator[dict[str, Any]]:
    """Yield the events of a stream that drops several times, and the seconds until each change is noticed.

    The stream drops `times` times, alternately silent and disconnected: each time `rest` s after it began or
    came back, and for `away` s, or longer if the loss has not been noticed by then.
    """
    scenes = itertools.islice(videos.Video("still", SEEDS[0]), 60)
    log = _Log()
    noticed: list[float | None] = []
    returned: list[float | None] = []
    with http_camera.StreamServer(LoopedVideo(scenes)) as server, open_frames(server.url) as frames:
        live = Live(frames, SwitchableReader("int8"), lambda _: None)

        def interfere() -> None:
            log.wait_for_frame()
            for state in itertools.islice(itertools.cycle((http_camera.STALLED, http_camera.AWAY)), times):
                time.sleep(rest)
                start = time.perf_counter()
                server.state = state
                noticed.append(log.wait_for("lost", start))
                time.sleep(max(0.0, start + away - time.perf_counter()))
                start = time.perf_counter()
                server.state = http_camera.LIVE
                returned.append(log.wait_for("back", start))
            time.sleep(rest)
            live.stop()

        thread = threading.Thread(target=interfere)
        thread.start()
        for view in live.views():
            log.add(view)
        thread.join()
    yield {
        "kind": "drops",
        "drops": times,
        "away_s": away,
        "noticed_s": [each and round(each, 2) for each in noticed],
        "returned_s": [each and round(each, 2) for each in returned],
        "events": [
            f"{event.kind} {event.number.text if event.number else ''}".strip() for event in log.events
        ],
    }
