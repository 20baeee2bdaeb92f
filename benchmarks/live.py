"""The live path, from frames to events: steadiness on drawn films, delay, cost, memory, load, lost streams.

What is timed runs in processes of its own, the programs at the end.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import films, streams
from edge_runtime.camera import Frame, Frames, open_frames
from edge_runtime.events import Event
from edge_runtime.live import Live, View
from edge_runtime.reader import Readers
from edge_runtime.results import Box

SEEDS = tuple(
    range(200, 205)
)  # of the films that are reported; nothing was tuned on these (100 to 104 were seen)
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
    delays: dict[int, int] = field(
        default_factory=dict
    )  # by number: frames from when it was whole to its event
    _values: dict[int, int] = field(default_factory=dict)  # by digit: as it was shown last while it was plain
    _whole: Counter[int] = field(default_factory=Counter)  # by number: frames in a row, all of it plain
    _lasting: set[int] = field(default_factory=set)  # numbers that were whole for long enough

    def see(self, view: View, shown: Sequence[films.Shown]) -> None:
        """Judge one view by the digits that are in its frame."""
        self.frames += 1
        self.past.append(shown)
        self.plain.update(each.id for each in shown if each.visible >= _PLAIN)
        self._see_numbers(shown)
        for track in view.tracks:
            under = _under(track.digit.box, shown)
            value = track.digit.value
            if value is None:
                continue
            late = [each for moment in list(self.past)[-_GRACE:] for each in moment]
            was_true = any(e.value == value and _overlap(e.box, track.digit.box) > _ON for e in late)
            # What was true there a moment ago is late, not flickering.
            if under and under.visible >= _PLAIN and (value == under.value or not was_true):
                self.changes += self._values.get(under.id, value) != value
                self._values[under.id] = value
            if track.settled and (under is None or under.visible >= _PLAIN):
                self.settled[track.id] = self.settled.get(track.id, True) and was_true
                if was_true and under:
                    self.found.add(under.id)
        for event in view.events:
            self._hear(event)

    def _see_numbers(self, shown: Sequence[films.Shown]) -> None:
        whole = {number for number, digits in _by_number(shown).items() if _is_whole(digits)}
        for number in list(self._whole):
            if number not in whole:
                del self._whole[number]
        self._whole.update(whole)
        self._lasting |= {number for number, frames in self._whole.items() if frames >= 2 * films.FPS}

    def _hear(self, event: Event) -> None:
        if event.number is None:
            return
        name = f"frame {event.frame}: {event.kind} {event.number.text}"
        if event.kind == "left":
            # Wrong where all of it has been there, plainly, for as long as tracks may last.
            late = list(self.past)[-_GRACE:]
            if len(late) == _GRACE and all(
                _teller(event, moment, plainly=True) is not None for moment in late
            ):
                self.wrong.append(name)
            return
        self.told += 1
        tellers = [_teller(event, moment) for moment in self.past]
        if all(teller is None for teller in tellers):
            self.wrong.append(name)
        now = tellers[-1]
        if now is not None and now in self._whole:
            self.delays.setdefault(now, self._whole[now])

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
            "lasting_numbers": len(self._lasting),
            "told_numbers": len(self._lasting & set(self.delays)),
        }


def _by_number(shown: Sequence[films.Shown]) -> dict[int, list[films.Shown]]:
    """The digits of each number that is in a frame, from the left."""
    numbers: dict[int, list[films.Shown]] = defaultdict(list)
    for each in sorted(shown, key=lambda each: each.box.x):
        numbers[each.number].append(each)
    return numbers


def _is_whole(digits: Sequence[films.Shown]) -> bool:
    inside = all(
        min(box.x, box.y, films.WIDTH - box.x - box.width, films.HEIGHT - box.y - box.height) > 2
        for box in (each.box for each in digits)
    )
    return inside and all(each.visible >= _PLAIN for each in digits)


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


def _teller(event: Event, shown: Sequence[films.Shown], *, plainly: bool = False) -> int | None:
    """The number of this moment that an event tells: all digits that are plainly seen, of others any.

    With `plainly`, only one of which all is plainly seen.
    """
    assert event.number
    for number, digits in _by_number(shown).items():
        if plainly and not _is_whole(digits):
            continue
        pattern = "".join(
            f"{each.value}" if each.visible >= _PLAIN else f"{each.value}?"
            for each in digits
            if each.visible > 0.05
        )
        touched = any(_shared(each.box, event.number.box) for each in digits)
        if touched and re.fullmatch(pattern, event.number.text):
            return number
    return None


def steadiness(seeds: Sequence[int] = SEEDS, model: str = "int8") -> Iterator[dict[str, Any]]:
    """Follow every kind of film; a result a kind, and one of all."""
    total: Counter[str] = Counter()
    every: list[int] = []
    for kind in films.FILMS:
        counts: Counter[str] = Counter()
        wrong: list[str] = []
        delays: list[int] = []
        for seed in seeds:
            frames = FilmFrames(films.film(kind, seed))
            judge = Judge()
            for view in Live(frames, Readers(model), lambda _: None).views():
                judge.see(view, frames.scene.shown)
            counts.update(judge.figures())
            delays += judge.delays.values()
            wrong += [f"seed {seed}, {each}" for each in judge.wrong]
        total.update(counts)
        yield {"kind": "film", "film": kind, "seeds": list(seeds), **counts, "wrong": wrong, "delays": delays}
        every += delays
    yield {
        "kind": "films",
        "model": model,
        **total,
        "track_accuracy": round(total["right_tracks"] / max(1, total["settled_tracks"]), 4),
        "wrong_events_per_1000_frames": round(1000 * total["wrong_events"] / total["frames"], 3),
        "label_changes_per_digit": round(total["label_changes"] / max(1, total["lasting_digits"]), 4),
        "told": round(total["told_numbers"] / max(1, total["lasting_numbers"]), 4),
        "delay_frames": {f"p{share}": int(np.percentile(every or [0], share)) for share in (50, 90)},
        "found": round(total["found_digits"] / max(1, total["lasting_digits"]), 4),
    }


# Delay, cost, memory: in processes of their own -----------------------------------------------------------


def delays(seconds: float) -> Iterator[dict[str, Any]]:
    """From a frame's arrival to its result, and the share of one core, at 30 frames/s and 640x480.

    The frames come from a camera of another process, as a Motion JPEG stream; receiving and decoding it is
    part of the cost. Where the system can do that, the process is held to one core.
    """
    for kind in ("still", "moving", "hand", "crowd"):
        with _camera(kind) as url:
            yield {"kind": "delay", "film": kind, **_measured("paced", url, str(seconds))}


@contextlib.contextmanager
def _camera(kind: str) -> Iterator[str]:
    """A process that streams a film, again and again; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.live", "camera", kind],
        cwd=_CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()


def memory(frames: int) -> Iterator[dict[str, Any]]:
    """Memory over many frames, of a film that is shown again and again, as fast as it can be read (Linux)."""
    yield {"kind": "memory", **_measured("endless", str(frames))}


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


def _paced(url: str, seconds: float) -> dict[str, Any]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    with open_frames(url) as frames:
        gauge = _Gauge()
        began: tuple[float, float] | None = None
        for view in Live(frames, Readers("int8"), lambda _: None).views():
            if began is None:
                # The first frames warm the networks up.
                if view.frame >= films.FPS:
                    began = time.perf_counter(), time.process_time()
                continue
            gauge.take(view)
            if time.perf_counter() - began[0] > seconds:
                break
        assert began
        passed, used = time.perf_counter() - began[0], time.process_time() - began[1]
    waits = np.array(gauge.waits) * 1000
    return {
        "frames": gauge.frames,
        "read": len(waits),
        "fps": round(gauge.frames / passed, 2),
        **{f"p{share}_ms": round(float(np.percentile(waits, share)), 2) for share in (50, 90, 99)},
        "max_ms": round(float(waits.max()), 2),
        "share_of_core": round(used / passed, 3),
    }


class _Gauge:
    """Counts a source's frames, and of those that were read the seconds from arrival to result."""

    def __init__(self) -> None:
        self.frames, self.waits = 0, list[float]()
        self._last = -1

    def take(self, view: View) -> None:
        # Views come without a new frame too.
        if view.frame == self._last:
            return
        self._last = view.frame
        self.frames += 1
        if view.fresh:
            self.waits.append(sum(view.stages[stage] for stage in ("capture", "locate", "classify")))


def _endless(count: int) -> dict[str, Any]:
    pictures = [scene.picture for scene in films.film("moving", SEEDS[0])]

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
    for view in Live(Looped(), Readers("int8"), lambda _: None).views():
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
    with (
        _camera("moving") as url,
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.live", "served", url],
            cwd=_CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as device,
    ):
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


def _served(url: str) -> None:
    """A device with a camera and a server; tells the camera's rate and delay when it is asked."""
    from edge_runtime.web.server import Server

    cv2.setNumThreads(1)
    with open_frames(url) as frames:
        live = Live(frames, Readers("int8"), lambda _: None)
        with Server(live.readers, "127.0.0.1:0", live=True) as server:
            server.start()
            started, gauge = time.perf_counter(), _Gauge()

            def look() -> None:
                for view in live.views():
                    server.publish(view)
                    gauge.take(view)

            thread = threading.Thread(target=look)
            thread.start()
            print(server.port, flush=True)
            for _ in sys.stdin:
                seen, gauge = gauge, _Gauge()
                passed, started = time.perf_counter() - started, time.perf_counter()
                p99 = float(np.percentile(seen.waits or [0], 99)) * 1000
                print(json.dumps([round(seen.frames / passed, 2), round(p99, 1)]), flush=True)
            live.stop()
            thread.join()


def _stream(kind: str) -> None:
    """A camera: streams a film until its standard input is closed."""
    with streams.StreamServer(_Loop(films.film(kind, SEEDS[0]))) as server:
        print(server.url, flush=True)
        sys.stdin.read()


class _Loop:
    """A film's frames as JPEGs, at its rate, there and back again: without a jump."""

    def __init__(self, film: Iterable[films.Scene]) -> None:
        self._pictures = [streams.jpeg(scene.picture) for scene in film]

    def __call__(self, seconds: float) -> bytes:
        place = int(seconds * films.FPS) % (2 * len(self._pictures))
        return self._pictures[min(place, 2 * len(self._pictures) - 1 - place)]


# Lost streams ---------------------------------------------------------------------------------------------


def drops(times: int = 3, away: float = 3.0) -> Iterator[dict[str, Any]]:
    """A stream that drops several times in a row: the events, how long it took to notice, and to return."""
    scenes = itertools.islice(films.film("still", SEEDS[0]), 60)
    heard: list[tuple[float, Event]] = []
    noticed, returned = [], []
    with streams.StreamServer(_Loop(scenes)) as server, open_frames(server.url) as frames:
        live = Live(frames, Readers("int8"), lambda _: None)

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
    "paced": lambda url, seconds: print(json.dumps(_paced(url, float(seconds)))),
    "endless": lambda count: print(json.dumps(_endless(int(count)))),
    "served": _served,
    "camera": _stream,
}

if __name__ == "__main__":
    _PROGRAMS[sys.argv[1]](*sys.argv[2:])
