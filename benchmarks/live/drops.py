"""TODO."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.live.frames import SEEDS
from edge_runtime.live.events import Event
from edge_runtime.live.loop import Live
from edge_runtime.live.sources import open_frames
from edge_runtime.reading.switch import SwitchableReader
from train.synthetic import http_camera, videos
from train.synthetic.videos import stage


class _Loop:
    """A video's frames as JPEGs, at its rate, there and back again: without a jump."""

    def __init__(self, video: Iterable[stage.Scene]) -> None:
        self._images = [http_camera.jpeg(scene.image) for scene in video]

    def __call__(self, seconds: float) -> bytes:
        place = int(seconds * stage.FPS) % (2 * len(self._images))
        return self._images[min(place, 2 * len(self._images) - 1 - place)]


# Lost streams ---------------------------------------------------------------------------------------------
def drops(times: int = 3, away: float = 3.0) -> Iterator[dict[str, Any]]:
    """A stream that drops several times in a row: the events, how long it took to notice, and to return."""
    scenes = itertools.islice(videos.Video("still", SEEDS[0]), 60)
    heard: list[tuple[float, Event]] = []
    noticed, returned = [], []
    with http_camera.StreamServer(_Loop(scenes)) as server, open_frames(server.url) as frames:
        live = Live(frames, SwitchableReader("int8"), lambda _: None)

        def interfere() -> None:
            time.sleep(4)
            for index in range(times):
                # By turns a connection that is cut and one that falls silent.
                server.state, moment = (http_camera.STALLED, http_camera.AWAY)[index % 2], time.perf_counter()
                time.sleep(away)
                noticed.append(
                    next((when - moment for when, e in heard if when > moment and e.kind == "lost"), None)
                )
                server.state, moment = http_camera.LIVE, time.perf_counter()
                time.sleep(away + 4)
                returned.append(
                    next((when - moment for when, e in heard if when > moment and e.kind == "back"), None)
                )
            live.stop()

        thread = threading.Thread(target=interfere)
        thread.start()
        for view in live.views():
            heard += [(time.perf_counter(), event) for event in view.events]
        thread.join()
    yield {
        "kind": "drops",
        "drops": times,
        "away_s": away,
        "noticed_s": [each and round(each, 2) for each in noticed],
        "returned_s": [each and round(each, 2) for each in returned],
        "events": [" ".join(filter(None, (e.kind, e.number.text if e.number else ""))) for _, e in heard],
    }
