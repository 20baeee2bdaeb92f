"""Steadiness: how correct and how stable the tracks and events of live reading are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.live import frames
from benchmarks.live.judge import Judge
from edge_runtime.live.loop import Live
from edge_runtime.reading.switch import SwitchableReader
from train.synthetic import videos

_MODEL = "int8"


def steadiness(
    kinds: Sequence[str] = videos.KINDS, seeds: Sequence[int] = frames.SEEDS
) -> Iterator[dict[str, Any]]:
    """Read one video per kind and seed; yield the counts per kind, then the totals with their rates."""
    total: Counter[str] = Counter()
    all_delays: list[int] = []
    for kind in kinds:
        counts: Counter[str] = Counter()
        wrong: list[str] = []
        delays: list[int] = []
        for seed in seeds:
            judge = _judge(videos.Video(kind, seed))
            counts.update(judge.counts())
            delays += judge.delays.values()
            wrong += [f"seed {seed}, {event}" for event in judge.wrong_events]
        total.update(counts)
        all_delays += delays
        yield {
            "kind": "video",
            "video": kind,
            "seeds": list(seeds),
            **counts,
            "wrong": wrong,
            "delays": delays,
        }
    yield {"kind": "videos", "model": _MODEL, **total, **_rates(total, all_delays)}


def _judge(video: videos.Video) -> Judge:
    """Read a video and judge every view of it."""
    source, judge = frames.SyntheticFrames(video), Judge()
    for view in Live(source, SwitchableReader(_MODEL), lambda _: None).views():
        assert source.scene
        judge.update(view, source.scene.digits)
    return judge


def _rates(total: Counter[str], delays: Sequence[int]) -> dict[str, Any]:
    def rate(part: str, whole: str) -> float:
        return round(total[part] / max(1, total[whole]), 4)

    return {
        "track_accuracy": rate("correct_tracks", "confirmed_tracks"),
        "wrong_events_per_1000_frames": round(1000 * total["wrong_events"] / total["frames"], 3),
        "label_changes_per_digit": rate("label_changes", "legible_digits"),
        "id_switches_per_digit": rate("id_switches", "legible_digits"),
        "found": rate("found_digits", "legible_digits"),
        "reported": rate("reported_numbers", "complete_numbers"),
        "delay_frames": {f"p{share}": int(np.percentile(delays or [0], share)) for share in (50, 90)},
    }
