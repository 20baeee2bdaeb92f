"""Reports of live reading: the Markdown page of a record, and the paragraph for the README."""

from __future__ import annotations

import textwrap
from typing import Any

from benchmarks.markdown import conditions, table
from benchmarks.record import Record


def live_summary(record: Record) -> str:
    """The main figures of a record of `python -m benchmarks live` as a paragraph of Markdown."""
    videos, load, delays = record.of_kind("videos")[0], record.of_kind("load")[0], record.of_kind("delay")
    p50, share = (sorted(each[name] for each in delays) for name in ("p50_ms", "share_of_core"))
    p99 = max(each["p99_ms"] for each in delays)
    fps, answers = load["camera_fps"], sum(load["statuses"].values())
    sentences = [
        "On synthetic live videos of 640x480 at 30 frames per second, a result follows",
        f"{p50[0]:.1f} to {p50[-1]:.1f} ms after its frame arrives",
        f"(p50 of each video; p99 at most {p99:.1f} ms),",
        f"and reading uses {100 * share[0]:.0f}% to {100 * share[-1]:.0f}% of one core.",
        f"Of the confirmed digits, {100 * videos['track_accuracy']:.1f}% are correct.",
        f"A digit changes its tracking ID {videos['id_switches_per_digit']:.3f} times on average,",
        f"and {videos['wrong_events_per_1000_frames']:.2f} events per 1,000 frames are wrong.",
        f"A number is reported within {videos['delay_frames']['p90']} frames",
        "of being completely in view (p90).",
        f"While {load['clients']} clients send images to the HTTP API without a pause,",
        f"it reads {load['read_per_second']} of them per second and rejects the rest with 503",
        f"({answers - load['statuses']['200']:,} of {answers:,});",
        f"an image that is read is answered in {load['p50_ms']:.0f} ms (p50), {load['p99_ms']:.0f} ms (p99).",
        f"The camera runs at {fps['loaded']:.1f} frames per second ({fps['alone']:.1f} without clients).",
        f"Record: [{record.name}](benchmarks/results/live/{record.name}.md).",
    ]
    return textwrap.fill(" ".join(sentences), 110, break_long_words=False, break_on_hyphens=False)


def live_page(record: Record) -> str:
    """The page of a record of `python -m benchmarks live`."""
    parts = [
        f"# Live reading, {record.name}",
        "Made by `python -m benchmarks live`; all figures are from the record of the same name. The videos "
        "are synthetic (`train/synthetic/videos`), 640x480 at 30 frames per second; nothing was tuned on "
        "these seeds. Times depend on the machine and on its other work.",
        conditions(record),
        "## Steadiness",
        _steadiness_text(record.of_kind("videos")[0]),
        _steadiness_table(record),
        "## Delay and cost",
        "Delay is the time from the arrival of a frame to its result, for the frames that were read; frames "
        "that show nothing new are not read. The process runs on one core and reads a Motion JPEG stream of "
        "30 frames per second. Receiving and decoding the stream count as cost, drawing does not.",
        _delay_table(record),
        "## Memory",
        _memory_text(record.of_kind("memory")[0]),
        *_load_parts(record.of_kind("load")[0]),
        "## Lost streams",
        _drops_text(record.of_kind("drops")[0]),
    ]
    return "\n\n".join(parts) + "\n"


def _steadiness_text(total: dict[str, Any]) -> str:
    delay = total["delay_frames"]
    switches = total.get("id_switches_per_digit")  # older records have none
    counted = "" if switches is None else f"- {switches:.3f} ID switches per digit.\n"
    return f"""\
{total["frames"]} frames, {total["model"]}:

- {total["track_accuracy"]:.2%} of {total["confirmed_tracks"]} confirmed tracks were correct whenever their \
digit was legible.
- {total["found"]:.1%} of the digits that were legible for a second or more were found: they had a correct \
confirmed track.
- {total["label_changes_per_digit"]:.3f} label changes per digit.
{counted}- {total["wrong_events_per_1000_frames"]:.2f} wrong events per 1,000 frames.
- {total["reported"]:.1%} of the numbers that were completely in view for two seconds were reported. From \
being completely in view to the event: p50 {delay["p50"]} frames, p90 {delay["p90"]} frames.

A digit is legible while 90% of its ink is visible. A track is correct if its value was there within the \
last 10 frames, an event if its number was there within the last 45. The event "left" is wrong if the number \
was completely in view in all of the last 10 frames."""


def _steadiness_table(record: Record) -> str:
    return table(
        (
            *("video", "frames", "confirmed tracks", "correct", "label changes", "ID switches"),
            *("events", "wrong", "digits found", "numbers reported"),
        ),
        (
            (
                r["video"],
                r["frames"],
                r["confirmed_tracks"],
                r["correct_tracks"],
                r["label_changes"],
                r.get("id_switches", "-"),
                r["events"],
                "; ".join([str(r["wrong_events"]), *r["wrong"]]),
                f"{r['found_digits']} of {r['legible_digits']}",
                f"{r['reported_numbers']} of {r['complete_numbers']}",
            )
            for r in record.of_kind("video")
        ),
    )


def _delay_table(record: Record) -> str:
    return table(
        ("video", "frames/s", "frames read", "p50 ms", "p90 ms", "p99 ms", "max ms", "share of the core"),
        (
            (
                r["video"],
                r["fps"],
                f"{r['read']} of {r['frames']}",
                r["p50_ms"],
                r["p90_ms"],
                r["p99_ms"],
                r["max_ms"],
                f"{r['share_of_core']:.0%}",
            )
            for r in record.of_kind("delay")
        ),
    )


def _memory_text(memory: dict[str, Any]) -> str:
    sizes = ", ".join(f"{size:.0f}" for size in memory["resident_mb"])
    return (
        f"Resident memory over {memory['frames']} frames, at equal intervals, in MB: {sizes}. From the "
        f"second to the last measurement it changed by {memory['growth_mb']:+} MB."
    )


def _load_parts(load: dict[str, Any]) -> list[str]:
    statuses = ", ".join(f"{status}: {count}" for status, count in load["statuses"].items())
    times = (*(load[f"p{share}_ms"] for share in (50, 90, 99)), load["all_p99_ms"])
    return [
        f"## HTTP API: {load['clients']} clients for {load['seconds']:.0f} s beside a camera",
        "Each client sends the next 640x480 image as soon as it has an answer, and waits for `Retry-After` "
        f"when it is rejected. {load['read_per_second']} images per second were read.",
        table(
            ("answers by status", "status 200: p50 ms", "p90 ms", "p99 ms", "all: p99 ms"),
            [(statuses, *times)],
        ),
        table(
            ("camera", "frames/s", "p99 ms"),
            (
                (when, load["camera_fps"][key], load["camera_p99_ms"][key])
                for key, when in (("alone", "without clients"), ("loaded", "with clients"))
            ),
        ),
    ]


def _drops_text(drops: dict[str, Any]) -> str:
    def seconds(values: list[float | None]) -> str:
        return ", ".join("never" if value is None else f"{value:.2f} s" for value in values)

    return (
        f"A stream dropped {drops['drops']} times for {drops['away_s']} s. The loss was noticed after "
        f"{seconds(drops['noticed_s'])}; when the stream was back, it was read again after "
        f"{seconds(drops['returned_s'])}. Events: {', '.join(drops['events'])}."
    )
