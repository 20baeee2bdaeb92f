"""`python -m benchmarks check`, `html` and `history`: committed bounds, and web pages of records."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, bounds, charts, check, contenders, record
from benchmarks.__main__ import main
from edge_runtime import DigitReader
from edge_runtime.cli import profile
from edge_runtime.errors import ModelError
from edge_runtime.models import manifest

HASHES = {entry.name: entry.sha256 for entry in manifest.entries() if entry.task == manifest.CLASSIFIER}
TIMES = {"count": 3000, "mean": 110.0, "p50": 100.0, "p90": 120.0, "p99": 150.0, "p999": 300.0}


def single(subject, baseline, ratio, **about):
    low, high = ratio - 0.02, ratio + 0.02
    return {
        **{"kind": "single stream", "subject": subject, "threads": 1, "baseline": baseline, "noise": 0.02},
        **{"us": {baseline: TIMES, "int8": {**TIMES, "p50": 100 * ratio}}},
        "ratio": {"int8": {"value": ratio, "low": low, "high": high}},
        "histogram": {n: {"start_us": 90, "factor": 1.05, "counts": [1, 5, 2]} for n in (baseline, "int8")},
        **about,
    }


def results(
    *,
    bare=1.0,
    bare_detector=1.0,
    int8=0.6,
    page=0.8,
    cold=1.4,
    accuracy=0.999,
    size=0.27,
    weights=None,
    ran=HASHES["int8"],
):
    """What the quick measurement gives, with these figures."""
    return [
        {"kind": "sizes", "ratio_to_float": {"int8": size, "float": 1.0}},
        *(
            {
                **{"kind": "drawn accuracy", "data": data, "contender": "int8", "hashes": [weights or ran]},
                **{"images": 1000, "accuracy": accuracy, "mistakes": round(1000 - 1000 * accuracy)},
            }
            for data in ("drawn tiles", "drawn pages")
        ),
        single("classifier", "float", int8, batch=64, models={"int8": [ran]}),
        single("classifier", "bare onnxruntime", bare, batch=64, models={"int8": [ran]}),
        single("detector", "bare onnxruntime", bare_detector, size="640x480"),
        single("reading", "float", page, size="640x480", models={"int8": [ran]}),
        {"kind": "process", "contender": "int8", "ms": 100.0, "peak_mb": 80.0, "ratio_to_imports": cold},
    ]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param({"bare": 1.7}, "bare onnxruntime, int8, batch 64, 1 thread: 1.70, above", id="session"),
        pytest.param(
            {"bare_detector": 2.0},
            "detector / bare onnxruntime, int8, 640x480: 2.00, above 1.25",
            id="session of the detector",
        ),
        pytest.param({"int8": 1.0}, "single stream / float, int8, batch 64, 1 thread: 1.00", id="float runs"),
        pytest.param({"size": 1.0}, "bytes / float, int8: 1.00, above 0.40", id="float in its place"),
        pytest.param({"page": 1.2}, "reading a page / float, int8, 640x480: 1.20, above", id="slow reading"),
        pytest.param(
            {"accuracy": 0.989}, "accuracy of int8: 98.90% on drawn tiles, below 99.50%", id="point"
        ),
        pytest.param({"weights": "others"}, "int8: invalid speed, the record has no accuracy", id="weights"),
        pytest.param(
            {"ran": HASHES["float"], "weights": HASHES["float"]},
            "int8: the files that ran are not those of the manifest",
            id="float ran",
        ),
        pytest.param({"cold": 2.8}, "cold start / imports, int8: 2.80, above 2.00", id="cold start"),
    ],
)
def test_check_finds_each_fault(fault, message, monkeypatch, capsys):
    monkeypatch.setattr(check, "quick", lambda progress: iter(results(**fault)))
    assert main(["check"]) == 1
    output, errors = capsys.readouterr()
    assert message in errors
    assert all(line.startswith("benchmarks: broken bound: ") for line in errors.splitlines())
    assert "bounds broken" in output


def test_check_passes_where_all_bounds_are_kept(monkeypatch, capsys):
    monkeypatch.setattr(check, "quick", lambda progress: iter(results()))
    assert main(["check"]) == 0
    assert capsys.readouterr() == ("this machine: all bounds kept\n", "")


def test_noise_breaks_no_bound():
    noisy = record.make([*results(int8=0.86)], "noisy")
    assert bounds.broken(noisy) == []


def test_a_missing_figure_breaks_its_bound():
    broken = bounds.broken(record.make(results()[:-1], "short"))
    assert broken == ["cold start / imports, int8: not measured"]


def test_check_refuses_a_record_of_other_models(tmp_path, capsys):
    path = record.write(tmp_path / "record.jsonl", results()).path
    assert main(["check", str(path)]) == 0
    file = manifest.entries()[0].file
    path.write_text(path.read_text().replace(manifest.entries()[0].sha256, "0" * 64))
    assert main(["check", str(path)]) == 1
    assert f"{file}: the record is of another model; measure again" in capsys.readouterr().err


def test_check_refuses_a_model_with_another_hash(monkeypatch):
    entries = manifest.entries()
    monkeypatch.setattr(manifest.ModelEntry, "sha256", "0" * 64, raising=False)
    monkeypatch.setattr(manifest, "entries", lambda: entries)
    with pytest.raises(ModelError, match="not that of the manifest"):
        next(check.quick(lambda share: None))


def test_check_finds_a_released_accuracy_below_the_floor(monkeypatch):
    entries = [replace(entry, accuracy=0.985) for entry in manifest.entries()]
    monkeypatch.setattr(manifest, "entries", lambda: entries)
    broken = bounds.broken(record.make(results(), "made"))
    assert sorted(broken) == [
        f"accuracy of classifier-{name}.onnx: 98.50% in the manifest, below 99.50%"
        for name in ("float", "int8")
    ]


def test_check_finds_another_default_model(monkeypatch):
    monkeypatch.setattr(bounds, "DigitReader", lambda: DigitReader("float"))
    assert bounds.broken(record.make(results(), "made")) == [
        f"default {task}: {task}-float.onnx, but the bounds are those of int8"
        for task in ("classifier", "detector")
    ]


@pytest.mark.parametrize(
    ("task", "open_own", "shape"),
    [
        pytest.param("classifier", contenders.classifiers, (2, 28, 28), id="classifier"),
        pytest.param("detector", contenders.detectors, (1, 64, 96), id="detector"),
    ],
)
def test_bare_sessions_give_the_scores_of_the_networks(task, open_own, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    (own,) = (each for each in open_own(1) if each.name == "int8")
    np.testing.assert_array_equal(contenders.bare_session("int8", task).run(image), own.run(image))


@pytest.fixture
def classifier_with_noise(monkeypatch):
    """A function that replaces INT8 by itself with noise in its scores."""

    def worsen(amount):
        noisy = np.random.default_rng(0)
        own = contenders.classifiers

        def classifiers(threads):
            found = [each for each in own(threads) if each.name in contenders.PRECISIONS]
            run = found[1].run

            def worse(tiles):
                logits = run(tiles)
                return logits + noisy.normal(0, amount, logits.shape)

            return [found[0], replace(found[1], run=worse)]

        monkeypatch.setattr(accuracy, "classifiers", classifiers)

    return worsen


@pytest.mark.parametrize(("amount", "found"), [(0.0, False), (1.2, True)])
def test_check_finds_a_lost_point_of_accuracy(amount, found, classifier_with_noise):
    classifier_with_noise(amount)
    measured = [*results(), *accuracy.disturbed_tiles()]
    broken = bounds.broken(record.make(measured, "made"))
    assert any("of int8" in line and "on disturbed tiles, below" in line for line in broken) == found
    assert not any("of float" in line for line in broken)


def test_sizes_are_those_of_both_models():
    ratios = check.sizes()["ratio_to_float"]
    assert ratios["float"] == 1
    assert 0.2 < ratios["int8"] < 0.4


class Tags(HTMLParser):
    """Checks that tags are closed in order, and counts them."""

    def __init__(self, text):
        super().__init__()
        self.open, self.counts, self.links = [], {}, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "rect", "line", "circle", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_shows_records_of_several_machines(tmp_path, capsys, run_profile):
    made = record.write(tmp_path / "<made>.jsonl", results(accuracy=0.98)).path
    page = tmp_path / "page.html"
    newest, oldest = record.newest(), record.FOLDER / "20261120-0943.jsonl"
    assert main(["html", str(made), str(run_profile), str(newest), str(oldest), "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    tags = Tags(text)
    assert tags.open == ["html"] or not tags.open
    places = [*tags.links, *re.findall(r"url\((.*?)\)", text)]
    assert all(place.startswith("#") for place in places) and "<script" not in text
    assert tags.counts["h2"] == 4
    assert tags.counts["table"] > 8
    assert tags.counts["svg"] > 4
    assert "The format of this record is an old one; see 20261120-0943.md." in text
    assert "&lt;made&gt;" in text
    assert "int8: invalid speed, its accuracy is 98.00% on drawn tiles, below 99.50%" in text
    assert "prefers-color-scheme: dark" in text


@pytest.fixture
def run_profile(tmp_path, monkeypatch, capsys):
    """The file of a record of `edge-digits profile`."""
    from edge_runtime.cli import main as command

    def parts(measured, names, options):
        cold = {"ms": 100.0, "peak_mb": 80.0}
        measured.update(latency=[], cold_start={"imports": cold, "int8": cold, "float": cold})

    monkeypatch.setattr(profile, "_measure_parts", parts)
    assert command(["profile", "--seconds", "0.01", "--size", "320x240", "--json"]) == 0
    path = tmp_path / "profile.json"
    path.write_text(capsys.readouterr().out)
    return path


def test_pages_leave_out_records_that_have_nothing_to_show(tmp_path, capsys):
    page = tmp_path / "page.html"
    others = [record.newest(record.FOLDER / name) for name in ("live", "pages", "pad", "folder", "scale")]
    assert main(["html", *map(str, others), "--out", str(page)]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("benchmarks: nothing to show in these records; give those of `run`")
    assert not page.exists()
    assert main(["html", *map(str, others), str(record.newest()), "--out", str(page)]) == 0
    assert Tags(page.read_text(encoding="utf-8")).counts["h2"] == 1


def test_history_draws_every_figure_of_a_machine(tmp_path, capsys):
    for day, ratio in ((1, 0.6), (2, 0.7)):
        record.write(tmp_path / f"2026010{day}.jsonl", results(int8=ratio))
    (tmp_path / "other.jsonl").write_text("{}")
    page = tmp_path / "history.html"
    assert main(["history", str(tmp_path), "--out", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "single stream / float, int8, batch 64, 1 thread: 0.6 → 0.7" in text
    assert "From 20260101 to 20260102." in text
    assert Tags(text).counts["svg"] > 5


def test_history_needs_two_records(tmp_path, capsys):
    record.write(tmp_path / "a.jsonl", results())
    assert main(["history", str(tmp_path), "--out", str(tmp_path / "page.html")]) == 2
    assert "no machine has two records" in capsys.readouterr().err
    assert main(["html", str(tmp_path / "missing.jsonl"), "--out", str(tmp_path / "page.html")]) == 2
    assert "no record" in capsys.readouterr().err


def test_charts_name_their_series_in_the_colours_of_the_page():
    chart = charts.points([("a <b>", [(1, 99.5)]), ("c", [(1000, 99.9)])], "us", "%")
    assert "a &lt;b&gt;" in chart
    assert "var(--c1)" in chart
    assert set(re.findall("#0{6}|black|#0102..", chart)) == set()
    assert charts.points([], "us", "%") == ""


@pytest.mark.parametrize("span", [(0.0788, 4.52), (9.8, 20.5), (42.6, 131.0), (4.0, 4.9)])
def test_logarithmic_axes_have_more_than_one_number(span):
    chart = charts.points([("a", [(span[0], 1)]), ("b", [(span[1], 2)])], "ms", "%")
    across = chart[: chart.index(">ms<")]
    numbers = [float(text) for text in re.findall(r">([\d.]+)</text>", across)]
    assert sum(span[0] / 2 <= number <= span[1] * 2 for number in numbers) >= 2


def test_records_of_results_are_plain_json(tmp_path):
    made = record.make(results(), "made")
    assert made.path == Path("made")
    assert json.loads(json.dumps(made.results)) == made.results
