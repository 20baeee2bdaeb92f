"""TODO."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.live.frames import SEEDS, SyntheticFrames
from benchmarks.live.judge import Judge
from edge_runtime.live.loop import Live
from edge_runtime.reading.switch import SwitchableReader
from train.synthetic import videos


def steadiness(seeds: Sequence[int] = SEEDS, model: str = "int8") -> Iterator[dict[str, Any]]:
    """Follow every kind of video; a result a kind, and one of all."""
    total: Counter[str] = Counter()
    every: list[int] = []
    for kind in videos.KINDS:
        counts: Counter[str] = Counter()
        wrong: list[str] = []
        delays: list[int] = []
        for seed in seeds:
            frames = SyntheticFrames(videos.Video(kind, seed))
            judge = Judge()
            for view in Live(frames, SwitchableReader(model), lambda _: None).views():
                judge.see(view, frames.scene.shown)
            counts.update(judge.figures())
            delays += judge.delays.values()
            wrong += [f"seed {seed}, {each}" for each in judge.wrong]
        total.update(counts)
        yield {
            "kind": "video",
            "video": kind,
            "seeds": list(seeds),
            **counts,
            "wrong": wrong,
            "delays": delays,
        }
        every += delays
    yield {
        "kind": "videos",
        "model": model,
        **total,
        "track_accuracy": round(total["right_tracks"] / max(1, total["confirmed_tracks"]), 4),
        "wrong_events_per_1000_frames": round(1000 * total["wrong_events"] / total["frames"], 3),
        "label_changes_per_digit": round(total["label_changes"] / max(1, total["lasting_digits"]), 4),
        "told": round(total["told_numbers"] / max(1, total["lasting_numbers"]), 4),
        "delay_frames": {f"p{share}": int(np.percentile(every or [0], share)) for share in (50, 90)},
        "found": round(total["found_digits"] / max(1, total["lasting_digits"]), 4),
    }
