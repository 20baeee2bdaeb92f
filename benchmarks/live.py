"""The live path, from frames to events: steadiness on drawn films, delay, cost, memory, load, lost streams.

What is timed runs in processes of its own, the programs at the end.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import films, streams
from edge_runtime.camera import Frame, Frames, open_frames
from edge_runtime.events import Event
from edge_runtime.live import Live, View
from edge_runtime.results import Box

SEEDS = tuple(range(100, 105))  # of the films that are reported; nothing was tuned on these
_CHECKOUT = Path(__file__).resolve().parent.parent
_PLAIN = 0.9  # share of its ink that must be seen for a digit to be judged
_GRACE = 10  # frames for which the truth of a moment ago still counts: tracks may last that long
_LATE = 45  # frames before an event in which what it tells must have been true
_ON = 0.2  # overlap (intersection over union) from which on a track stands on a digit


class FilmFrames(Frames):
    """A film as a source; `scene` is the truth of the frame that was given last."""

    def __init__(self, film: films.Film) -> None:
        self.name = f"{film.name} {film.seed}"
        self.film, self._scenes = film, enumerate(film)

    def next(self, timeout: float) -> Frame | None:
        """The next frame, at once."""
        number, self.scene = next(self._scenes, (-1, None))
        if self.scene is None:
            self.ended = True
            return None
        return Frame(self.scene.picture, number, number / self.film.fps, time.perf_counter())

    def close(self) -> None:
        """Nothing is held open."""


# Steadiness -----------------------------------------------------------------------------------------------


@dataclass
class Judge:
    """Compares what is told of a film with its truth, frame by frame."""

    past: deque[Sequence[films.Shown]] = field(default_factory=lambda: deque(maxlen=_LATE))
    frames: int = 0
    changes: int = 0
    settled: dict[int, bool] = field(default_factory=dict)  # by track: whether it was always right
    told: int = 0
    wrong: list[str] = field(default_factory=list)
    plain: Counter[int] = field(default_factory=Counter)  # by digit: frames in which it could be read
    found: set[int] = field(default_factory=set)
    _last: dict[int, tuple[int, int | None]] = field(default_factory=dict)

    def see(self, view: View, shown: Sequence[films.Shown]) -> None:
        """Judge one view by the digits that are in its frame."""
        self.frames += 1
        self.past.append(shown)
        self.plain.update(each.id for each in shown if each.visible >= _PLAIN)
        for track in view.tracks:
            under = _under(track.digit.box, shown)
            value, truth = track.digit.value, under.value if under else None
            if value is None:
                continue
            before = self._last.get(track.id)
            # Where the truth has changed, a change is what is asked for.
            if before and before[0] != value and before[1] == truth:
                self.changes += 1
            self._last[track.id] = value, truth
            if track.settled and (under is None or under.visible >= _PLAIN):
                right = any(
                    each.value == value and _overlap(each.box, track.digit.box) > _ON
                    for moment in list(self.past)[-_GRACE:]
                    for each in moment
                )
                self.settled[track.id] = self.settled.get(track.id, True) and right
                if right and under:
                    self.found.add(under.id)
        for event in view.events:
            if event.kind in ("appeared", "changed"):
                self.told += 1
                if not any(_tells(event, moment) for moment in self.past):
                    self.wrong.append(f"frame {event.frame}: {event.number.text if event.number else ''}")

    def figures(self) -> dict[str, Any]:
        """Counts, to be added up over films."""
        lasting = {number for number, frames in self.plain.items() if frames >= films.FPS}
        return {
            "frames": self.frames,
            "settled_tracks": len(self.settled),
            "right_tracks": sum(self.settled.values()),
            "label_changes": self.changes,
            "events": self.told,
            "wrong_events": len(self.wrong),
            "lasting_digits": len(lasting),
            "found_digits": len(lasting & self.found),
        }


def _under(box: Box, shown: Sequence[films.Shown]) -> films.Shown | None:
    best = max(shown, key=lambda each: _overlap(box, each.box), default=None)
    return best if best and _overlap(box, best.box) > _ON else None


def _shared(one: Box, other: Box) -> int:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0, across) * max(0, down)


def _overlap(one: Box, other: Box) -> float:
    shared = _shared(one, other)
    return shared / max(1, one.width * one.height + other.width * other.height - shared)


def _tells(event: Event, shown: Sequence[films.Shown]) -> bool:
    """Whether an event tells a number of this moment: all digits that are plainly seen, of others any."""
    numbers: dict[int, list[films.Shown]] = defaultdict(list)
    for each in shown:
        numbers[each.number].append(each)
    assert event.number
    for digits in numbers.values():
        digits.sort(key=lambda each: each.box.x)
        pattern = "".join(
            f"{each.value}" if each.visible >= _PLAIN else f"{each.value}?"
            for each in digits
            if each.visible > 0.05
        )
        touched = any(_shared(each.box, event.number.box) for each in digits)
        if touched and re.fullmatch(pattern, event.number.text):
            return True
    return False


def steadiness(seeds: Sequence[int] = SEEDS, model: str = "int8") -> Iterator[dict[str, Any]]:
    """Follow every kind of film; a result a kind, and one of all."""
    total: Counter[str] = Counter()
    for kind in films.FILMS:
        counts: Counter[str] = Counter()
        wrong: list[str] = []
        for seed in seeds:
            frames = FilmFrames(films.film(kind, seed))
            judge = Judge()
            for view in Live(frames, model, lambda _: None).views():
                judge.see(view, frames.scene.shown)
            counts.update(judge.figures())
            wrong += [f"seed {seed}, {each}" for each in judge.wrong]
        total.update(counts)
        yield {"kind": "film", "film": kind, "seeds": list(seeds), **counts, "wrong": wrong}
    yield {
        "kind": "films",
        "model": model,
        **total,
        "track_accuracy": round(total["right_tracks"] / max(1, total["settled_tracks"]), 4),
        "wrong_events_per_1000_frames": round(1000 * total["wrong_events"] / total["frames"], 3),
        "label_changes_per_track": round(total["label_changes"] / max(1, total["settled_tracks"]), 4),
        "found": round(total["found_digits"] / max(1, total["lasting_digits"]), 4),
    }


# Delay, cost, memory: in processes of their own -----------------------------------------------------------


def delays(seconds: float) -> Iterator[dict[str, Any]]:
    """From a frame's arrival to its result, and the share of one core, at 30 frames/s and 640x480.

    The frames come from Motion JPEG films, as most webcams give them; decoding is part of the cost. The
    process is held to one core, where the system can do that.
    """
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("still", "moving", "hand", "crowd"):
            path = Path(folder) / f"{kind}.avi"
            films.write(films.film(kind, SEEDS[0]), path)
            yield {"kind": "delay", "film": kind, **_measured("paced", str(path), str(seconds))}


def memory(frames: int) -> Iterator[dict[str, Any]]:
    """Peak and growth of memory over many frames, of a film that is shown again and again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moving.avi"
        films.write(films.film("moving", SEEDS[0]), path)
        yield {"kind": "memory", **_measured("endless", str(path), str(frames))}


def _measured(what: str, *arguments: str) -> dict[str, Any]:
    """Run one of the programs at the end of this file in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.live", what, *arguments],
        cwd=_CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _paced(path: str, seconds: float) -> dict[str, Any]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    waits: list[float] = []
    fresh = 0
    before: tuple[float, float] | None = None
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        with open_frames(path, paced=True) as frames:
            for view in Live(frames, "int8", lambda _: None).views():
                # The first frame of all warms the networks up.
                if before is None:
                    before = time.perf_counter(), time.process_time()
                    continue
                waits.append(sum(view.stages[stage] for stage in ("capture", "locate", "classify")))
                fresh += view.fresh
    assert before is not None
    passed, used = time.perf_counter() - before[0], time.process_time() - before[1]
    p50, p90, p99 = np.percentile(np.array(waits) * 1000, (50, 90, 99))
    return {
        "frames": len(waits),
        "read": fresh,
        "fps": round(len(waits) / passed, 2),
        **{"p50_ms": round(p50, 2), "p90_ms": round(p90, 2), "p99_ms": round(p99, 2)},
        "max_ms": round(1000 * max(waits), 2),
        "share_of_core": round(used / passed, 3),
    }


def _endless(path: str, count: int) -> dict[str, Any]:
    with open_frames(path) as film:
        pictures = []
        while not film.ended:
            frame = film.next(1)
            if frame:
                pictures.append(frame.picture)

    class Looped(Frames):
        name = "looped"

        def __init__(self) -> None:
            self._number = 0

        def next(self, timeout: float) -> Frame | None:
            if self._number == count:
                self.ended = True
                return None
            # A copy, as a camera's frames are new memory too.
            picture = pictures[self._number % len(pictures)].copy()
            self._number += 1
            return Frame(picture, self._number, self._number / films.FPS, time.perf_counter())

        def close(self) -> None:
            pass

    sizes = []
    for view in Live(Looped(), "int8", lambda _: None).views():
        if view.frame % max(1, count // 20) == 0:
            sizes.append(_resident())
    return {"frames": count, "resident_mb": sizes, "growth_mb": round(sizes[-1] - sizes[1], 1)}


def _resident() -> float:
    """Memory of this process, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


# Load -----------------------------------------------------------------------------------------------------


def load(clients: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Many clients have pictures read by a device whose camera runs: their answers, and the camera's rate.

    Every client has an address of its own, sends the next picture as soon as it has an answer, and waits as
    long as it is told when it is refused.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "moving.avi"
        films.write(films.film("moving", SEEDS[0]), path)
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live", "served", str(path)],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as device:
            assert device.stdin and device.stdout
            port = int(device.stdout.readline())

            def rate() -> list[float]:
                device.stdin.write("rate\n")  # type: ignore[union-attr]
                device.stdin.flush()  # type: ignore[union-attr]
                values: list[float] = json.loads(device.stdout.readline())  # type: ignore[union-attr]
                return values

            rate()
            time.sleep(min(10.0, seconds))
            alone = rate()
            answers = _crowd(port, clients, seconds)
            loaded = rate()
            device.stdin.close()
            device.wait(20)
    statuses = Counter(status for status, _ in answers)
    good = np.array([taken for status, taken in answers if status == 200]) * 1000
    every = np.array([taken for _, taken in answers]) * 1000
    yield {
        "kind": "load",
        "clients": clients,
        "seconds": seconds,
        "statuses": {str(status): count for status, count in sorted(statuses.items(), key=str)},
        "read_per_second": round(len(good) / seconds, 1),
        **{f"p{share}_ms": round(float(np.percentile(good, share)), 1) for share in (50, 90, 99)},
        "all_p99_ms": round(float(np.percentile(every, 99)), 1),
        "camera_fps": {"alone": alone[0], "loaded": loaded[0]},
        "camera_p99_ms": {"alone": alone[1], "loaded": loaded[1]},
    }


def _crowd(port: int, clients: int, seconds: float) -> list[tuple[int | str, float]]:
    pictures = [
        cv2.imencode(".jpg", scene.picture)[1].tobytes()
        for scene in (next(iter(films.film(kind, SEEDS[1]))) for kind in ("still", "crowd", "writing"))
    ]
    answers: list[tuple[int | str, float]] = []
    end = time.perf_counter() + seconds

    def client(number: int) -> None:
        # Each has its own address, as it would have on a network (Linux has the whole of 127/8).
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=30, source_address=(f"127.0.0.{number + 2}", 0)
        )
        while time.perf_counter() < end:
            start = time.perf_counter()
            try:
                connection.request("POST", "/read", pictures[number % len(pictures)])
                response = connection.getresponse()
                body = response.read()
                answers.append((response.status, time.perf_counter() - start))
                if response.status == 200:
                    json.loads(body)
                else:
                    time.sleep(float(response.headers.get("Retry-After", 1)))
            except (OSError, http.client.HTTPException, ValueError) as error:
                answers.append((type(error).__name__, time.perf_counter() - start))
                connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _served(path: str) -> None:
    """A device: a camera that plays a film, and a server; tells the camera's rate when it is asked."""
    from edge_runtime.web.server import Server

    cv2.setNumThreads(1)
    waits: list[float] = []
    started = time.perf_counter()
    with open_frames(path) as film:
        pictures = [frame.picture for frame in iter(lambda: film.next(1), None)]
    with streams.StreamServer(_Loop(pictures)) as stream, open_frames(stream.url) as frames:
        live = Live(frames, "int8", lambda _: None)
        with Server(live.reader, "127.0.0.1:0", controls=live) as server:
            server.start()

            def look() -> None:
                for view in live.views():
                    server.publish(view)
                    waits.append(sum(view.stages[stage] for stage in ("capture", "locate", "classify")))

            thread = threading.Thread(target=look)
            thread.start()
            print(server.port, flush=True)
            for _ in sys.stdin:
                passed, seen = time.perf_counter() - started, waits[:]
                started = time.perf_counter()
                waits.clear()
                p99 = float(np.percentile(seen or [0], 99)) * 1000
                print(json.dumps([round(len(seen) / passed, 2), round(p99, 1)]), flush=True)
            live.stop()
            thread.join()


class _Loop:
    """Pictures that come again and again, at a film's rate."""

    def __init__(self, pictures: list[NDArray[np.uint8]]) -> None:
        self._pictures = pictures

    def __call__(self, seconds: float) -> NDArray[np.uint8]:
        return self._pictures[int(seconds * films.FPS) % len(self._pictures)]


# Lost streams ---------------------------------------------------------------------------------------------


def drops(times: int = 3, away: float = 3.0) -> Iterator[dict[str, Any]]:
    """A stream that drops several times in a row: the events, how long it took to notice, and to return."""
    pictures = [scene.picture for _, scene in zip(range(60), films.film("still", SEEDS[0]), strict=False)]
    heard: list[tuple[float, Event]] = []
    noticed, returned = [], []
    with streams.StreamServer(_Loop(pictures)) as server, open_frames(server.url) as frames:
        live = Live(frames, "int8", lambda _: None)

        def interfere() -> None:
            time.sleep(4)
            for index in range(times):
                # By turns a connection that is cut and one that falls silent.
                server.state, moment = (streams.STALLED, streams.AWAY)[index % 2], time.perf_counter()
                time.sleep(away)
                noticed.append(
                    next((when - moment for when, e in heard if when > moment and e.kind == "lost"), None)
                )
                server.state, moment = streams.LIVE, time.perf_counter()
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


_PROGRAMS = {
    "paced": lambda path, seconds: print(json.dumps(_paced(path, float(seconds)))),
    "endless": lambda path, count: print(json.dumps(_endless(path, int(count)))),
    "served": _served,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
