"""`python -m benchmarks contenders`: other runtimes, classifiers in files, and programs that read text."""

from __future__ import annotations

import json
import os

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks import bounds, contest, litert_file, model_files, ocr, record, report, runtimes
from benchmarks.__main__ import main
from benchmarks.contenders import Contender, released
from benchmarks.errors import BenchmarkError
from edge_runtime.profiling import timing, workloads
from edge_runtime.reading.networks import Classifier
from tests import drawing
from tests import model_files as written

TILES, VALUES = workloads.sample_tiles(50), np.arange(50) % 10


def save_classifier(path, shape, *, kind=TensorProto.FLOAT, threshold=0.0, outputs=10):
    """A classifier of the drawn tiles by templates; levels below the `threshold` do not count for it."""
    templates = np.stack([TILES[value == VALUES].mean(axis=0).ravel() for value in range(10)], axis=1)
    weights = (templates / np.linalg.norm(templates, axis=0)).astype(np.float32)[:, :outputs]
    constants = {
        "sides": np.array([-1, 784]),
        "least": np.float32(threshold),
        "weights": weights - weights.mean(axis=1, keepdims=True),
    }
    nodes = [
        helper.make_node("Cast", ["Input3"], ["levels"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["levels", "sides"], ["rows"]),
        helper.make_node("Sub", ["rows", "least"], ["above"]),
        helper.make_node("Relu", ["above"], ["ink"]),
        helper.make_node("MatMul", ["ink", "weights"], ["Plus214_Output_0"]),
    ]
    graph = helper.make_graph(
        nodes,
        "templates",
        [helper.make_tensor_value_info("Input3", kind, shape)],
        [helper.make_tensor_value_info("Plus214_Output_0", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        pytest.param((1, 1, 28, 28), {}, id="mnist-12"),
        pytest.param((1, 1, 28, 28), {"threshold": 128.0}, id="levels to 255"),
        pytest.param(("N", 28, 28, 1), {}, id="channels last"),
        pytest.param((None, 784), {}, id="rows"),
        pytest.param((8, 28, 28), {}, id="batches of eight"),
        pytest.param(("N", 1, "H", "W"), {}, id="open sides"),
        pytest.param(("N", 28, 28), {"kind": TensorProto.UINT8, "threshold": 9.0}, id="bytes"),
        pytest.param((1, 784), {"kind": TensorProto.DOUBLE}, id="doubles"),
        pytest.param((1, 28, 28), {"kind": TensorProto.FLOAT16}, id="halves"),
    ],
)
def test_classifiers_take_tiles_in_their_own_way(shape, options, tmp_path):
    run = model_files.load(save_classifier(tmp_path / "a.onnx", shape, **options), threads=1)
    for count in (1, 3, 50):
        scores = run(TILES[:count])
        assert scores.shape == (count, 10)
        assert (scores.argmax(axis=1) == VALUES[:count]).mean() > 0.8
    np.testing.assert_allclose(run(TILES)[7:9], run(TILES[7:9]), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "make", "message"),
    [
        pytest.param("a.onnx", None, "No such file", id="missing"),
        pytest.param("a.onnx", lambda path: path.write_text("x"), "cannot load", id="damaged"),
        pytest.param("a.pt", lambda path: path.write_text("x"), ".onnx or .tflite", id="format"),
        pytest.param("a.onnx", lambda path: save_classifier(path, (1, 3, 28, 28)), "not tiles", id="colour"),
        pytest.param(
            "a.onnx", lambda path: save_classifier(path, (1, 784), outputs=9), "9 scores", id="nine"
        ),
        pytest.param(
            "a.onnx",
            lambda path: save_classifier(path, (1, 784), kind=TensorProto.INT64),
            "takes tensor(int64)",
            id="integers",
        ),
        pytest.param("a.onnx", lambda path: written.classifier(path, width=400), "cannot run", id="run"),
    ],
)
def test_files_that_do_not_classify_tiles_are_refused_in_one_line(
    name, make, message, tmp_path, mnist_root, capsys
):
    path = tmp_path / name
    if make:
        make(path)
    out = tmp_path / "record.jsonl"
    assert main(["contenders", str(path), "--data", str(mnist_root), "--out", str(out)]) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1
    assert str(path) in errors and message in errors
    assert not out.exists()


def missing(path, threads):
    raise ModuleNotFoundError("No module named 'ncnn'", name="ncnn")


def broken(path, threads):
    raise RuntimeError("no compiler\nand more")


@pytest.fixture
def few(monkeypatch):
    """Two runtimes that do not run here, one that does, and two programs that read text."""
    table = (("a", "float", missing), ("b", "int8", broken), runtimes.RUNTIMES[2])
    monkeypatch.setattr(runtimes, "RUNTIMES", table)
    programs = [
        Contender("right", lambda image: "407" if image.min() < 100 else ""),
        Contender("none", lambda _: ""),
    ]
    monkeypatch.setattr(ocr, "load_all", lambda: (programs, {"other": "is not installed"}))
    monkeypatch.setattr(timing, "WARM_UP_CALLS", 2)


@pytest.fixture
def images(tmp_path):
    """Two labelled images of 407, one of them mislabelled, and one without digits."""
    folder = tmp_path / "images"
    folder.mkdir()
    page = drawing.page("407", height=60)
    for name, image in (("a.png", page), ("b.png", page), ("c.png", np.full((200, 300), 210, np.uint8))):
        cv2.imwrite(str(folder / name), image)
    (folder / "labels.csv").write_text("file,text\na.png,407\nb.png,409\nc.png,\n")
    return folder


@pytest.mark.slow
def test_a_contest_is_recorded_and_reported(few, images, tmp_path, mnist_root, capsys):
    model = save_classifier(tmp_path / "mnist-12.onnx", (1, 1, 28, 28))
    path = tmp_path / "contest.jsonl"
    options = ["--data", mnist_root, "--images", images, "--seconds", 0.02, "--out", path]
    assert main(["contenders", str(model), *map(str, options)]) == 0
    output, errors = capsys.readouterr()
    assert errors.splitlines() == [
        *("left out: a ncnn is not installed", "left out: b does not run here: no compiler"),
        "left out: other is not installed",
    ]
    made = record.read(path)
    accuracies = {result["contender"]: result for result in made.of_kind("accuracy")}
    names = ["float", "int8", "OpenCV DNN float", "mnist-12.onnx"]
    assert list(accuracies) == names
    assert accuracies["OpenCV DNN float"]["agreement_with_float"] == 1.0
    assert accuracies["OpenCV DNN float"]["hashes"] == accuracies["float"]["hashes"]
    assert accuracies["mnist-12.onnx"]["accuracy"] < 0.995  # below the floor of the released models
    assert bounds.invalid(made) == []
    single, reading = made.of_kind("single stream")
    (offline,) = made.of_kind("offline")
    for result in (single, offline):
        assert (result["baseline"], list(result["us"])) == ("int8", names)
        assert set(result["ratio"]) == {*names} - {"int8"}
        assert result["noise"] >= 0.01
    assert set(reading["us"]) == {"float", "int8", "right", "none"}
    read = {result["contender"]: result for result in made.of_kind("image accuracy")}
    for name in ("float", "int8", "right"):
        assert [read[name][key] for key in ("digits", "right", "missed", "false", "mistakes")] == [
            6,
            5,
            1,
            1,
            1,
        ]
        assert read[name]["wrong"] == [1]
    assert [read["none"][key] for key in ("right", "missed", "false", "accuracy")] == [0, 6, 0, 0.33333]
    page = path.with_suffix(".md").read_text()
    assert "| OpenCV DNN float | " in page and "- b: does not run here: no compiler" in page
    assert report.readme_text(made) in output
    assert main(["html", str(path), "--out", str(tmp_path / "page.html")]) == 0
    assert "mnist-12.onnx" in (tmp_path / "page.html").read_text()


def test_images_with_areas_to_ignore_take_no_part(images):
    entry = {
        "source_repo": "a",
        "kind": "b",
        "digits": [{"label": 4, "box": [0, 0, 9, 9]}],
        "ignore": [[0, 0, 9, 9]],
    }
    (images / "photos").mkdir()
    (images / "a.png").rename(images / "photos" / "a.png")
    (images / "labels.csv").unlink()
    (images / "labels.json").write_text(json.dumps({"a.png": entry}))
    with pytest.raises(BenchmarkError, match="no digits in"):
        contest.load_images(images)


@pytest.mark.skipif(os.name != "posix", reason="the program's stand-in is a shell script")
@pytest.mark.parametrize(
    ("script", "text"), [("cat >/dev/null; echo ' 12 a3'", "123"), ("echo boo >&2; exit 1", None)]
)
def test_tesseract_is_a_process(script, text, tmp_path, monkeypatch):
    program = tmp_path / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    found, left_out = ocr.load_all()
    programs = {each.name: each for each in found}
    if text is None:
        assert left_out["Tesseract"] == "does not run here: tesseract failed: boo"
    else:
        assert programs["Tesseract"].run(TILES[0]) == text


@pytest.mark.parametrize("name", [name for name, _, _ in runtimes.RUNTIMES if "compiled" not in name])
def test_runtimes_give_the_scores_of_the_released_model(name, monkeypatch):
    """Those that are installed: the others say so."""
    monkeypatch.setattr(runtimes, "RUNTIMES", [each for each in runtimes.RUNTIMES if each[0] == name])
    found, left_out = runtimes.load_all(1)
    if not found:
        pytest.skip(left_out[name])
    precision = runtimes.RUNTIMES[0][1]
    scores = Classifier(precision).logits(TILES)
    np.testing.assert_allclose(found[0].run(TILES), scores, atol=0.05)
    np.testing.assert_allclose(found[0].run(TILES[:1]), scores[:1], atol=0.05)


def test_litert_files_have_the_layers_of_the_released_model_alone(tmp_path):
    pytest.importorskip("ai_edge_litert")
    model = onnx.load(released("int8"))
    model.graph.node.append(helper.make_node("Softmax", [model.graph.output[0].name], ["other"]))
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    with pytest.raises(BenchmarkError, match="Softmax has no counterpart"):
        litert_file.convert(path)
