"""Readers that are shared: by threads, as pickles, and by the processes of a pool."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import cv2
import pytest

from edge_runtime import DigitReader, ImageError, ModelError
from edge_runtime.models import manifest
from tests.drawing import page

TEXTS = ["408", "136", "92", "7"]
TIMEOUT = 60  # s

# Elsewhere, the system's libraries do not survive a fork. Python 3.12 warns of it whenever there are threads.
METHODS = [method for method in ("fork", "spawn") if method == "spawn" or sys.platform == "linux"]
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def test_threads_share_a_reader():
    reader = DigitReader(threads=2)
    images = [page(text, seed=seed) for seed, text in enumerate(TEXTS)]
    with ThreadPoolExecutor(4) as pool:
        read = pool.map(lambda index: reader.read(images[index % 4]).text, range(24))
        many = [pool.submit(lambda: [each.text for each in reader.read_many(images)]) for _ in range(4)]
        assert list(read) == TEXTS * 6
        assert [future.result() for future in many] == [TEXTS] * 4


@pytest.mark.parametrize("model", ["int8", "float"])
def test_a_pickle_holds_the_arguments_only(model):
    reader = DigitReader(model, threads=2)
    data = pickle.dumps(reader)
    assert len(data) < 1000
    one, other = pickle.loads(data), pickle.loads(data)
    assert one.read(page("408")) == reader.read(page("408"))
    assert (one.classifier.info, one.classifier.path) == (reader.classifier.info, reader.classifier.path)
    # A process that unpickles a reader for every task loads the models only once.
    assert one.classifier is other.classifier
    assert one.detector is other.detector


def test_pickled_models_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(manifest.find("float"), "mine.onnx")
    data = pickle.dumps(DigitReader("mine.onnx"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    first = pickle.loads(data)
    assert first.classifier.path == tmp_path / "mine.onnx"
    assert first.classifier.info.precision == "float"
    # A file that has been replaced is another model.
    shutil.copy(manifest.find("int8"), tmp_path / "mine.onnx")
    assert pickle.loads(data).classifier.info.precision == "int8"
    (tmp_path / "mine.onnx").unlink()
    with pytest.raises(ModelError, match=r"no model file .*mine\.onnx; check the path"):
        pickle.loads(data)


@pytest.mark.parametrize("error", [ImageError("a.png: damaged"), ModelError("no model 'x'")], ids=repr)
def test_errors_can_be_pickled(error):
    other = pickle.loads(pickle.dumps(error))
    assert (type(other), str(other)) == (type(error), str(error))


@pytest.mark.parametrize("method", METHODS)
def test_processes_share_a_reader(method, tmp_path):
    paths = [tmp_path / f"{text}.png" for text in TEXTS]
    for path in paths:
        cv2.imwrite(str(path), page(path.stem))
    reader = DigitReader()
    assert (
        reader.read(paths[0]).text == "408"
    )  # also where a forked process starts with what this one has done
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        assert [reading.text for reading in pool.map(reader.read, paths, timeout=TIMEOUT)] == TEXTS
        (reading,) = pool.map(reader.read, [page("408")], timeout=TIMEOUT)
        assert reading.plot().shape == (*reading.array.shape, 3)
        with pytest.raises(ImageError, match=r"gone\.png: no such file"):
            pool.submit(reader.read, tmp_path / "gone.png").result(TIMEOUT)


@pytest.mark.skipif("fork" not in METHODS, reason="needs fork")
@pytest.mark.parametrize("threads", [1, 3])
def test_forked_processes_inherit_a_reader(threads):
    """Threads of onnxruntime and OpenCV do not exist in the new process."""
    global inherited
    inherited = DigitReader(threads=threads)
    image = page("4081 3692", height=160)
    assert [each.text for each in inherited.read_many([image] * 3)] == ["4081\n3692"] * 3
    with multiprocessing.get_context("fork").Pool(1) as pool:
        texts = pool.apply_async(read_inherited, ([image] * 3,)).get(TIMEOUT)
    assert texts == ["4081\n3692"] * 3


def read_inherited(images):
    return [reading.text for reading in inherited.read_many(images)]
