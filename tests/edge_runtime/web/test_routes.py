"""The HTTP API: what each route returns, and that /openapi.json describes it."""

from __future__ import annotations

import base64
import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest

from edge_runtime.images import suffixes
from edge_runtime.models import manifest
from edge_runtime.reading.pad import read_strokes
from edge_runtime.results import UNNAMED, Box, Digit, Reading
from edge_runtime.web import responses
from tests import documents, drawing, model_files
from tests.edge_runtime.web.client import request
from tests.image_files import animation, encode, tiff_pages


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff", ".pgm"])
def test_images_of_each_format_are_read(still, readers, suffix):
    image = drawing.page("408 1356")
    response = request(still, "/read", "POST", encode(suffix, image))
    result = response.json
    assert (response.status, result["lines"], result["status"]) == (200, ["408", "1356"], "ok")
    assert (result["height"], result["width"]) == image.shape
    assert result["ms"] > 0
    if suffix in (".png", ".bmp"):  # lossless: the same digits as in the array
        expected = readers.reader.read(image).digits
        for digit, same in zip(result["digits"], expected, strict=True):
            box = (digit["x"], digit["y"], digit["width"], digit["height"])
            assert box == (same.box.x, same.box.y, same.box.width, same.box.height)
            assert (digit["value"], digit["line"], digit["status"]) == (same.value, same.line, "ok")
            assert digit["confidence"] == pytest.approx(same.confidence, abs=1e-4)
            assert "tile" not in digit


def test_the_pages_of_a_file_are_read_one_by_one(still):
    data = tiff_pages(*map(drawing.page, ("12", "345")))
    for path, lines, status in (
        ("/read", ["12"], "ok; only the first page or frame was read"),
        ("/read?page=1", ["12"], "ok"),
        ("/read?page=2", ["345"], "ok"),
    ):
        result = request(still, path, "POST", data).json
        assert (result["lines"], result["status"], result["pages"]) == (lines, status, 2)
    response = request(still, "/read?page=3", "POST", data)
    assert (response.status, response.error) == (422, "the file has 2 pages; there is no page 3")
    assert request(still, "/read?page=0", "POST", data).status == 422


@pytest.mark.skipif(not hasattr(cv2, "imencodeanimation"), reason="needs OpenCV 4.12")
def test_the_frames_of_an_animation_are_counted(still, monkeypatch):
    data = animation(".gif", *map(drawing.page, ("12", "34", "56")))
    for path, lines in (("/read", ["12"]), ("/read?page=3", ["56"])):
        result = request(still, path, "POST", data).json
        assert (result["lines"], result["pages"]) == (lines, 3)
    monkeypatch.setattr("edge_runtime.images.frames._MAX_PIXELS", 100)  # only the first frame can be read
    result = request(still, "/read", "POST", data).json
    assert (result["lines"], result["pages"]) == (["12"], 1)
    assert request(still, "/read?page=2", "POST", data).status == 422


@pytest.mark.skipif(not suffixes.is_available("pdf"), reason="needs the extra pdf")
def test_a_page_of_a_pdf_is_read(still):
    data = documents.pdf(*map(drawing.page, ("12", "345")))
    result = request(still, "/read?page=2", "POST", data).json
    assert (result["lines"], result["status"], result["pages"]) == (["345"], "ok", 2)


def test_progressive_images_are_read(still):
    image = encode(".jpg", drawing.page("42"), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert request(still, "/read", "POST", image).json["lines"] == ["42"]


def test_tiles_are_the_input_of_the_classifier(still, readers, page):
    digits = request(still, "/read?tiles=1", "POST", page).json["digits"]
    tiles = [
        cv2.imdecode(np.frombuffer(base64.b64decode(digit["tile"]), np.uint8), cv2.IMREAD_GRAYSCALE)
        for digit in digits
    ]
    expected = [digit.tile for digit in readers.reader.read(drawing.page("408 1356")).digits]
    np.testing.assert_array_equal(tiles, expected)


def test_turned_images_are_read_and_their_boxes_refer_to_them_as_sent(still, readers):
    image = np.ascontiguousarray(np.rot90(drawing.page("4753 2745")))
    data = encode(".png", image)
    result = request(still, "/read", "POST", data).json
    assert (result["turn"], result["lines"]) == (90, ["4753", "2745"])
    assert (result["height"], result["width"]) == image.shape
    boxes = [Box(*(digit[side] for side in ("x", "y", "width", "height"))) for digit in result["digits"]]
    assert boxes == [digit.box for digit in readers.reader.read(image).digits]
    for rotate in ("0", "90", "180", "270"):
        result = request(still, f"/read?rotate={rotate}", "POST", data).json
        assert (result["turn"], result["lines"] == ["4753", "2745"]) == (int(rotate), rotate == "90")
    for rotate in ("45", "", "upright", "-90"):
        response = request(still, f"/read?rotate={rotate}", "POST", data)
        assert response.status == 422
        assert "parameter rotate: Input should be 'auto', '0', '90', '180' or '270'" in response.json["error"]


@pytest.mark.parametrize(
    ("suffix", "height", "side"), [(".png", 90, 0), (".tiff", 90, 0), (".png", 800, 2048)]
)
def test_the_image_is_sent_back_on_request(still, suffix, height, side):
    page = drawing.page("408", height=height)
    data = encode(suffix, page)
    result = request(still, "/read?image=1", "POST", data).json
    image = cv2.imdecode(np.frombuffer(base64.b64decode(result["image"]), np.uint8), cv2.IMREAD_UNCHANGED)
    assert (result["height"], result["width"]) == page.shape
    if side:
        size = (side, round(side * page.shape[0] / page.shape[1]))
        page = cv2.resize(page, size, interpolation=cv2.INTER_AREA)
    assert image.shape == page.shape
    assert np.abs(image.astype(int) - page).mean() < 3
    assert "image" not in request(still, "/read", "POST", data).json


def test_an_image_without_digits_is_not_an_error(still):
    response = request(still, "/read", "POST", encode(".png", np.full((200, 200), 220, np.uint8)))
    result = response.json
    assert (response.status, result["lines"], result["digits"], result["status"]) == (
        200, [], [], "no digit found",
    )  # fmt: skip


def test_numbers_have_text_box_and_confidence(still, readers):
    result = request(still, "/read", "POST", encode(".png", drawing.page("408 1356"))).json
    expected = readers.reader.read(drawing.page("408 1356")).numbers
    for number, same in zip(result["numbers"], expected, strict=True):
        assert (number["text"], number["line"]) == (same.text, same.line)
        box = (number["x"], number["y"], number["width"], number["height"])
        assert box == (same.box.x, same.box.y, same.box.width, same.box.height)
        assert number["confidence"] == pytest.approx(same.confidence, abs=1e-4)
        assert number["mean_confidence"] == pytest.approx(same.mean_confidence, abs=1e-4)
    places = [(digit["line"], digit["number"], digit["index"]) for digit in result["digits"]]
    assert places == [*[(0, 0, index) for index in range(3)], *[(1, 1, index) for index in range(4)]]
    assert {digit["before"] for digit in result["digits"]} == {""}


def test_marks_before_digits_are_named():
    box = Box(0, 0, 9, 9)
    digits = (
        Digit(1, 0.9, box),
        Digit(5, 0.8, box, before="."),
        Digit(7, 0.7, box, number=1, before=UNNAMED),
    )
    result = responses.read_result(Reading("", digits), 0.005, tiles=False)
    assert [(digit["number"], digit["index"], digit["before"]) for digit in result["digits"]] == [
        (0, 0, ""), (0, 1, "."), (1, 0, UNNAMED),
    ]  # fmt: skip
    assert [(each["text"], each["confidence"], each["mean_confidence"]) for each in result["numbers"]] == [
        ("1.5", 0.8, 0.85), ("7", 0.7, 0.7),
    ]  # fmt: skip


def test_digits_below_the_minimum_confidence_are_rejected(still, page):
    before = request(still, "/read", "POST", page).json
    confidences = np.sort([digit["confidence"] for digit in before["digits"]])
    # In the widest gap, as confidences are rounded.
    count = int(np.diff(confidences).argmax()) + 1
    least = confidences[count - 1 : count + 1].mean()
    found = request(still, f"/read?min_confidence={least}", "POST", page).json
    for digit, same in zip(found["digits"], before["digits"], strict=True):
        if same["confidence"] > least:
            assert digit == same
        else:
            assert (digit["value"], digit["confidence"]) == (None, same["confidence"])
            assert digit["status"].startswith("rejected: confidence ")
    assert "".join(found["lines"]).count("?") == count
    assert "".join(number["text"] for number in found["numbers"]).count("?") == count
    assert request(still, "/read?min_confidence=0", "POST", page).json["lines"] == before["lines"]


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "high", ""])
def test_a_minimum_confidence_must_be_a_probability(still, page, value):
    response = request(still, f"/read?min_confidence={value}", "POST", page)
    assert response.status == 422
    assert response.error.startswith("invalid query parameter min_confidence: Input should be ")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/read?min_confidnce=0.9", "tiles, image, rotate, min_confidence or page"),
        ("/strokes?rotate=90", "tiles"),
    ],
)
def test_unknown_parameters_are_refused(still, page, path, known):
    response = request(still, path, "POST", page)
    assert response.status == 422
    name = path.partition("?")[2].partition("=")[0]
    assert response.error.startswith(f"unknown query parameter {name}; choose {known}")


def test_rejected_digits_have_no_value():
    reading = Reading("", (Digit(None, 0.4, Box(1, 2, 3, 4), "rejected: unsure"),), width=10, height=20)
    result = responses.read_result(reading, 0.005, tiles=True)
    assert json.loads(json.dumps(result)) == {
        "lines": ["?"],
        "numbers": [
            {
                "text": "?",
                "confidence": 0.4,
                "mean_confidence": 0.4,
                "x": 1,
                "y": 2,
                "width": 3,
                "height": 4,
                "line": 0,
            }
        ],
        "digits": [
            {
                "value": None,
                "confidence": 0.4,
                "x": 1,
                "y": 2,
                "width": 3,
                "height": 4,
                "line": 0,
                "number": 0,
                "index": 0,
                "before": "",
                "status": "rejected: unsure",
            }
        ],
        "width": 10,
        "height": 20,
        "ms": 5.0,
        "status": "ok",
        "turn": 0,
        "pages": 1,
    }


# Strokes --------------------------------------------------------------------------------------------------
def test_strokes_are_read(still, readers):
    strokes = [stroke for digit in drawing.write("407", height=80, x=30, y=20) for stroke in digit]
    body = json.dumps({"strokes": [stroke.tolist() for stroke in strokes]})
    response = request(still, "/strokes?tiles=1", "POST", body)
    result = response.json
    assert (response.status, result["lines"], result["status"]) == (200, ["407"], "ok")
    expected = read_strokes(readers.reader, strokes)
    assert (result["width"], result["height"]) == (expected.width, expected.height)
    for digit, same in zip(result["digits"], expected.digits, strict=True):
        assert (digit["x"], digit["y"]) == (same.box.x, same.box.y)
        assert len(base64.b64decode(digit["tile"])) > 50
    assert "tile" not in request(still, "/strokes", "POST", body).json["digits"][0]
    sure = request(still, "/strokes?min_confidence=1", "POST", body).json
    assert sure["lines"] == ["???"]


def test_no_strokes_are_not_an_error(still):
    response = request(still, "/strokes", "POST", b'{"strokes": []}')
    assert (response.status, response.json["status"]) == (200, "no digit found")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[[[1, 2]]]", id="no object"),
        pytest.param(b"{}", id="without strokes"),
        pytest.param(b'{"strokes": 3}', id="a number"),
        pytest.param(b'{"strokes": {"0": [[1, 2]]}}', id="an object"),
        pytest.param(b'{"strokes": [[]]}', id="a stroke without points"),
        pytest.param(b'{"strokes": [[1, 2]]}', id="points without strokes"),
        pytest.param(b'{"strokes": [[[1, 2], [3]]]}', id="half a point"),
        pytest.param(b'{"strokes": [[[1, 2, 3]]]}', id="a point in space"),
        pytest.param(b'{"strokes": [[["1", "2"]]]}', id="texts"),
        pytest.param(b'{"strokes": [[[1, null]]]}', id="null"),
        pytest.param(b'{"strokes": [[[true, false]]]}', id="booleans"),
        pytest.param(b'{"strokes": [[[1, NaN]]]}', id="NaN"),
        pytest.param(b'{"strokes": [[[1, -Infinity]]]}', id="infinite"),
        pytest.param(b'{"strokes": [[[1, -9223372036854775808]]]}', id="far away"),
        pytest.param(b'{"strokes": [[[1, 1%s]]]}' % (b"0" * 500), id="a number of 500 digits"),
        pytest.param(b'{"strokes": ' + b"[" * 50_000, id="deep"),
        pytest.param(b'{"strokes": [%s[[1, 2]]]}' % (b"[[1, 2]]," * 400), id="too many"),
    ],
)
def test_other_bodies_are_no_strokes(still, body):
    response = request(still, "/strokes", "POST", body)
    assert response.status == 422 and '{"strokes": [[[x, y], ...], ...]}' in response.error
    assert "at most 400 strokes" in response.error


# Models ---------------------------------------------------------------------------------------------------
def test_the_model_is_switched(still, page):
    assert request(still, "/health").json["model"] == "int8"
    assert request(still, "/model", "POST", b'{"model": "float"}').json == {"model": "float"}
    assert request(still, "/health").json["model"] == "float"
    assert request(still, "/read", "POST", page).json["lines"] == ["408", "1356"]


def test_the_model_of_the_live_loop_is_switched(live, readers):
    assert request(live, "/model", "POST", b'{"model": "float"}').status == 200
    assert readers.model == "float"


@pytest.mark.parametrize(
    "body", [b"", b"float", b"[]", b'{"model": "../x"}', b'{"model": ["int8"]}', b"[" * 1000]
)
def test_other_models_are_rejected(still, body):
    response = request(still, "/model", "POST", body)
    assert response.status == 422 and '{"model": "int8"} or {"model": "float"}' in response.error
    assert request(still, "/health").json["model"] == "int8"


def test_a_model_that_fails_is_reported_and_the_server_goes_on(still, readers, page, tmp_path, caplog):
    path = str(model_files.classifier(tmp_path / "own.onnx", weight=float("nan")))
    readers.switch(path)
    for _ in range(3):
        response = request(still, "/read", "POST", page)
        assert response.status == 500 and response.error.startswith(f"{path}: gives invalid scores")
    assert [record.getMessage() for record in caplog.records] == [response.error]  # once
    assert caplog.records[0].exc_info is None
    assert request(still, "/model", "POST", b'{"model": "int8"}').status == 200
    assert request(still, "/read", "POST", page).json["lines"] == ["408", "1356"]


def test_a_damaged_model_is_not_switched_to(loaded_readers, still, page, tmp_path, monkeypatch):
    shutil.copytree(manifest.FOLDER, tmp_path / "models")
    monkeypatch.setattr(manifest, "FOLDER", tmp_path / "models")
    (tmp_path / "models" / "classifier-float.onnx").write_bytes(b"damaged")
    monkeypatch.delitem(loaded_readers._readers, "float", raising=False)
    response = request(still, "/model", "POST", b'{"model": "float"}')
    assert response.status == 503 and "classifier-float.onnx: damaged (" in response.error
    assert request(still, "/health").json["model"] == "int8"
    assert request(still, "/read", "POST", page).json["lines"] == ["408", "1356"]


# Other paths ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "GET", 404),
        ("/../../../../etc/passwd", "GET", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", "GET", 404),
        ("/..%2f..%2fserver.py", "GET", 404),
        ("/index.html", "GET", 404),
        ("/web/app.js", "GET", 404),
        ("/live.mjpg", "GET", 404),  # without a camera
        ("/snapshot.jpg", "GET", 404),
        ("/read", "GET", 405),
        ("/", "POST", 405),
        ("/read?tiles=perhaps", "POST", 422),
    ],
)
def test_unknown_paths_methods_and_parameters_are_rejected(still, path, method, status):
    response = request(still, path, method)
    assert response.status == status and f"see http://127.0.0.1:{still.port}/docs" in response.error


def test_openapi_describes_every_route_and_status(live):
    paths = request(live, "/openapi.json").json["paths"]
    statuses = {
        f"{method.upper()} {path}": " ".join(route["responses"])
        for path, methods in paths.items()
        for method, route in methods.items()
    }
    assert statuses == {
        "POST /read": "200 400 401 403 408 413 415 422 429 500 503",
        "POST /strokes": "200 400 401 403 408 413 422 429 500 503",
        "POST /model": "200 400 401 403 408 413 422 429 503",
        "GET /health": "200 403 429 503",
        "GET /metrics": "200 401 403 429",
        "GET /events": "200 401 403 429 503",
        "GET /live.mjpg": "200 401 403 429 503",
        "GET /snapshot.jpg": "200 401 403 429 503",
    }


def test_openapi_describes_the_json(live, page):
    schemas = request(live, "/openapi.json").json["components"]["schemas"]
    result = request(live, "/read?tiles=1&image=1", "POST", page).json
    health = request(live, "/health").json
    for name, example in {
        "ReadResult": result,
        "DigitResult": result["digits"][0],
        "NumberResult": result["numbers"][0],
        "Health": health,
        "SourceHealth": health["source"],
        "ErrorMessage": request(live, "/read", "POST", b"x").json,
    }.items():
        assert set(schemas[name]["properties"]) == set(example), name


def test_results_are_described_by_their_classes():
    """The JSON is built by hand, for speed: it must have the fields of the classes that describe it."""
    fields = {field.name for field in dataclasses.fields(responses.ReadResult)}
    assert set(responses.read_result(Reading(""), 0.0, tiles=False)) == fields - {"image"}
