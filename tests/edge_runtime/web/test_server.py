"""A real server on a free port: what it answers, what it rejects, and that nobody can hold it up."""

from __future__ import annotations

import base64
import http.client
import importlib
import json
import socket
import struct
import threading
import time
import zlib

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, SourceError
from edge_runtime.live.view import View
from edge_runtime.reading.switch import SwitchableReader
from tests import drawing

for package in ("fastapi", "uvicorn", "prometheus_client"):
    pytest.importorskip(package, reason="the extra web is not installed")

limits, connections, guard, server = (
    importlib.import_module(f"edge_runtime.web.{name}")
    for name in ("limits", "connections", "guard", "server")
)

Server = server.Server

TOKEN = "a-token-of-a-device"


def view(number=0, problem="", **more):
    image = np.full((240, 320, 3), number % 256, np.uint8)
    return View(
        image, number, number / 30, time.time(), problem=problem, rate=30.0, source="camera 0", **more
    )


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.fixture(scope="module")
def page():
    return cv2.imencode(".png", drawing.page("408 1356"))[1].tobytes()


@pytest.fixture
def still(reader):
    """A server without a camera."""
    with Server(SwitchableReader(), "127.0.0.1:0", live=False) as served:
        served.start()
        yield served


@pytest.fixture
def live(reader):
    """A server with a camera that has given one frame."""
    with Server(SwitchableReader(), "127.0.0.1:0", live=True) as served:
        served.start()
        served.publish(view())
        yield served


@pytest.fixture
def locked(reader, monkeypatch):
    """A server that asks for a token."""
    monkeypatch.setenv(server.TOKEN_VARIABLE, TOKEN)
    with Server(SwitchableReader(), "0.0.0.0:0", live=False) as served:
        served.start()
        yield served


def ask(served, path, method="GET", body=None, **headers):
    """Status, headers and body of an answer; names of headers are written with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def hear(served, sent, *, enough=None, seconds=20):
    """What comes back for these bytes, until the connection ends or `enough` of them are there."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as line:
        line.sendall(sent)
        heard = b""
        while enough is None or enough not in heard:
            try:
                part = line.recv(65536)
            except ConnectionResetError:
                break
            if not part:
                break
            heard += part
        return heard


def until(condition, seconds=20):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def metric(served, name):
    (line,) = [
        line
        for line in ask(served, "/metrics")[2].decode().splitlines()
        if line.startswith(f"edge_digits_{name} ")
    ]
    return float(line.split()[1])


# What it does ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp"])
def test_a_image_of_any_format_is_read(still, suffix):
    image = drawing.page("408 1356")
    status, _, body = ask(still, "/read", "POST", cv2.imencode(suffix, image)[1].tobytes())
    answer = json.loads(body)
    assert (status, answer["lines"], answer["status"]) == (200, ["408", "1356"], "ok")
    assert (answer["height"], answer["width"]) == image.shape
    first = answer["digits"][0]
    assert first["value"] == 4 and 0.5 < first["confidence"] <= 1 and first["line"] == 0
    assert "tile" not in first
    assert answer["ms"] > 0


def test_tiles_are_what_the_network_saw(still, reader, page):
    answer = json.loads(ask(still, "/read?tiles=1", "POST", page)[2])
    tiles = [
        cv2.imdecode(np.frombuffer(base64.b64decode(digit["tile"]), np.uint8), cv2.IMREAD_GRAYSCALE)
        for digit in answer["digits"]
    ]
    read = reader.read(drawing.page("408 1356"))
    assert all((tile == digit.tile).all() for tile, digit in zip(tiles, read.digits, strict=True))


def test_nothing_found_is_an_answer(still):
    blank = cv2.imencode(".png", np.full((200, 200), 220, np.uint8))[1].tobytes()
    status, _, body = ask(still, "/read", "POST", blank)
    answer = json.loads(body)
    assert (status, answer["lines"], answer["digits"], answer["status"]) == (200, [], [], "no digit found")


def test_the_model_is_switched_without_a_camera(still, page):
    assert json.loads(ask(still, "/health")[2])["model"] == "int8"
    assert json.loads(ask(still, "/model", "POST", b'{"model": "float"}')[2]) == {"model": "float"}
    assert json.loads(ask(still, "/health")[2])["model"] == "float"
    assert json.loads(ask(still, "/read", "POST", page)[2])["lines"] == ["408", "1356"]


def test_the_model_is_switched_in_the_live_loop(live):
    assert ask(live, "/model", "POST", b'{"model": "float"}')[0] == 200
    assert live.readers.model == "float"


@pytest.mark.parametrize(
    "body", [b"", b"float", b"[]", b'{"model": "../x"}', b'{"model": ["int8"]}', b"[" * 1000]
)
def test_other_models_are_not(still, body):
    status, _, told = ask(still, "/model", "POST", body)
    assert status == 422 and "int8" in json.loads(told)["error"]


def test_a_snapshot_is_the_newest_image_with_its_name(live):
    live.publish(view(number=200))
    status, headers, body = ask(live, "/snapshot.jpg")
    image = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    assert status == 200 and image.shape == (240, 320, 3) and abs(int(image[0, 0, 0]) - 200) < 4
    assert "attachment" in headers["content-disposition"]


def test_the_live_image_changes_and_comes_whole(live):
    stream = http.client.HTTPConnection("127.0.0.1", live.port, timeout=20)
    stream.request("GET", "/live.mjpg")
    answer = stream.getresponse()
    assert answer.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    seen = []
    for number in (10, 120, 240):
        live.publish(view(number))
        while not seen or abs(seen[-1] - number) > 4:
            while not (line := answer.readline()).lower().startswith(b"content-length"):
                pass
            answer.readline()
            data = answer.read(int(line.split()[1]))
            seen.append(int(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[0, 0, 0]))
    answer.close()
    stream.close()
    until(lambda: live._images.viewers == 0)


def test_events_say_what_is_known(live):
    live.publish(view(7, problem="unplugged", stages={"detect": 0.002}))
    heard = hear(live, b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n", enough=b"unplugged")
    event = next(line for line in heard.decode().splitlines() if line.startswith("data:"))
    state = json.loads(event[5:])
    assert (state["frame"], state["problem"], state["model"]) == (7, "unplugged", "int8")
    assert state["stages"] == {"detect": 2.0} and state["rate"] == 30.0


def test_nothing_is_drawn_while_nobody_watches(live, monkeypatch):
    monkeypatch.setattr(server.display, "annotate", None)
    for number in range(50):
        live.publish(view(number))
    assert ask(live, "/health")[0] == 200


@pytest.mark.parametrize(
    ("last", "status", "state"),
    [
        pytest.param({}, 200, "running", id="running"),
        pytest.param({"paused": True}, 200, "paused", id="paused"),
        pytest.param({"problem": "unplugged"}, 503, "lost", id="lost"),
    ],
)
def test_health_tells_the_source(live, last, status, state):
    live.publish(view(1, **last))
    answered, _, body = ask(live, "/health")
    health = json.loads(body)
    assert (answered, health["ok"], health["source"]["state"]) == (status, status == 200, state)
    assert health["seconds_since_frame"] >= 0


def test_health_by_its_head_alone(live):
    assert ask(live, "/health", "HEAD")[::2] == (200, b"")


def test_health_of_a_source_that_hangs(live, monkeypatch):
    monkeypatch.setattr(limits, "SOURCE_SECONDS", -1)
    assert ask(live, "/health")[0] == 503


def test_views_without_a_new_frame_are_no_frames(live):
    for number in (1, 2, 2, 2, 2):
        live.publish(view(number))
    assert metric(live, "frames_total") == 3  # with the one that was there


def test_metrics_count(live, page):
    ask(live, "/read", "POST", page)
    ask(live, "/read", "POST", b"no image")
    assert metric(live, "frames_total") == 1
    assert metric(live, "read_seconds_count") == 1
    assert metric(live, 'refusals_total{reason="image"}') == 1
    assert metric(live, "source_up") == 1
    assert metric(live, "viewers") == 0


@pytest.mark.parametrize("path", ["/live.mjpg", "/snapshot.jpg"])
def test_without_a_camera_there_is_no_live_image(still, path):
    assert ask(still, path)[0] == 404


def test_the_description_names_every_answer(live):
    paths = json.loads(ask(live, "/openapi.json")[2])["paths"]
    assert set(paths) == {
        "/read", "/model", "/health", "/metrics", "/events", "/live.mjpg", "/snapshot.jpg",
    }  # fmt: skip


# What it rejects ------------------------------------------------------------------------------------------
def claimed_png(width, height, kind=b"\x08\x00"):
    """The head of a PNG; `kind` is its depth and colour type."""
    head = b"IHDR" + struct.pack(">II", width, height) + kind + b"\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def claimed_jpeg(kind, width, height):
    return b"\xff\xd8\xff" + struct.pack(">BHBHHB", kind, 11, 8, height, width, 1) + bytes(20)


def scans(count):
    """A progressive JPEG that goes over its image again and again."""
    good = cv2.imencode(".jpg", np.zeros((16, 16), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    start = good.index(b"\xff\xda")
    return good[:-2] + good[start:-2] * count + good[-2:]


def webp(kind, content):
    return b"RIFF" + bytes(4) + b"WEBP" + kind + bytes(4) + content + bytes(20)


BAD_BODIES = [
    pytest.param(b"", {}, 422, "JPEG, PNG, WebP or BMP", id="nothing"),
    pytest.param(b"hello", {}, 422, "--data-binary", id="text"),
    # Each of these is small, and takes gigabytes or hours where it is let in.
    pytest.param(b"GIF89a\x80>\xff\xff" + bytes(25), {}, 422, "JPEG", id="a GIF of a negative height"),
    pytest.param(b"P5 " + b"1" * 2**20, {}, 422, "JPEG", id="a PGM that is all number"),
    pytest.param(b"II*\0" + bytes(100), {}, 422, "JPEG", id="a TIFF"),
    pytest.param(scans(101), {}, 422, "JPEG", id="a JPEG of many scans"),
    pytest.param(b"\xff\xd8" + b"\xff" * 2**20, {}, 422, "JPEG", id="a JPEG that is all filling"),
    pytest.param(b"\xff\xd8\xff\xfe\0\2" * 5000, {}, 422, "JPEG", id="a JPEG of many beginnings"),
    pytest.param(
        claimed_png(6000, 6000, b"\x08\x06"), {}, 422, "30 megapixels", id="36 transparent megapixels"
    ),
    pytest.param(claimed_png(4000, 4000, b"\x10\x06"), {}, 422, "16 megapixels", id="16 deep megapixels"),
    pytest.param(claimed_jpeg(0xC2, 7000, 7000), {}, 422, "34 megapixels", id="49 progressive megapixels"),
    pytest.param(claimed_jpeg(0xC0, 9000, 9000), {}, 422, "64 megapixels", id="81 plain megapixels"),
    pytest.param(claimed_jpeg(0xC9, 100, 100), {}, 422, "JPEG", id="an arithmetic JPEG"),
    pytest.param(claimed_jpeg(0xC0, 0, 100), {}, 422, "JPEG", id="a JPEG without a height"),
    pytest.param(webp(b"VP8X", b"\x02\0\0\0" + bytes(6)), {}, 422, "JPEG", id="an animated WebP"),
    pytest.param(webp(b"VP8X", b"\0\0\0\0\xff\x3f\0\xff\x3f\0"), {}, 422, "16384x16384", id="a huge WebP"),
    pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), {}, 422, "16384x16384", id="a huge bare WebP"),
    pytest.param(
        b"BM" + bytes(12) + b"\x28\0\0\0" + b"\xff\xff\0\0" * 2, {}, 422, "65535x65535", id="a huge BMP"
    ),
    pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), {}, 422, "image", id="half a JPEG"),
    pytest.param(claimed_png(100_000, 100_000), {}, 422, "100000x100000", id="claims 10 gigapixels"),
    pytest.param(claimed_png(9_000, 9_000), {}, 422, "64 megapixels", id="claims 81 megapixels"),
    pytest.param(b"x", {"Content_Type": "multipart/form-data; boundary=x"}, 415, "--data-binary", id="form"),
    pytest.param(b"x", {"Origin": "http://evil.example"}, 403, "origin", id="another origin"),
    pytest.param(b"x", {"Origin": "null"}, 403, "origin", id="no origin's"),
    pytest.param(b"x", {"Origin": "http://["}, 403, "origin", id="an origin that is none"),
    pytest.param(b"x", {"Sec_Fetch_Site": "cross-site"}, 403, "origin", id="cross-site"),
    pytest.param(b"x", {"Host": "evil.example"}, 403, "localhost", id="another name"),
    pytest.param(b"x", {"Host": "127.0.0.1.evil.example:80"}, 403, "localhost", id="a name like ours"),
]


@pytest.mark.parametrize(("body", "headers", "status", "word"), BAD_BODIES)
def test_bad_bodies(still, body, headers, status, word):
    answered, _, told = ask(still, "/read", "POST", body, **headers)
    problem = json.loads(told)
    assert answered == status
    assert word in problem["error"] and "\n" not in problem["error"] and "Traceback" not in problem["error"]
    assert ask(still, "/health")[0] == 200


def test_a_progressive_image_is_read(still, page):
    image = cv2.imencode(".jpg", drawing.page("42"), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    assert json.loads(ask(still, "/read", "POST", image)[2])["lines"] == ["42"]


def test_who_has_left_is_not_read_for(still, page, monkeypatch):
    """And what takes for ever keeps neither the others' count nor the process."""
    begun, held, read = threading.Event(), threading.Event(), []

    def slow(data, tiles):
        begun.set()
        held.wait(20)
        read.append(data)
        return {}

    monkeypatch.setattr(still, "_read", slow)
    head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n"
    lines = [socket.create_connection(("127.0.0.1", still.port)) for _ in range(3)]
    for number, line in enumerate(lines):
        line.sendall(head + b"%d" % number)
        assert begun.wait(20)
    until(lambda: still._waiting == 3)
    for line in lines:
        line.close()
    until(lambda: still._waiting == 0)
    held.set()
    until(lambda: read == [b"0"])
    monkeypatch.undo()
    assert ask(still, "/read", "POST", page)[0] == 200
    assert len(read) == 1


def test_too_long_with_its_length(still):
    head = b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17000000\r\n\r\n"
    heard = hear(still, head, enough=b"}")
    assert heard.startswith(b"HTTP/1.1 413") and b"smaller" in heard


def test_too_long_in_chunks_without_an_end(still):
    """The answer comes while the body still does, and the connection ends soon after."""
    chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
    with socket.create_connection(("127.0.0.1", still.port), timeout=20) as line:
        line.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):
            for _ in range(100_000):
                line.sendall(chunk)
    assert metric(still, 'refusals_total{reason="size"}') == 1
    assert still._held == 0


def test_a_body_that_is_cut_off(still):
    with socket.create_connection(("127.0.0.1", still.port)) as line:
        line.sendall(b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
    until(lambda: ask(still, "/metrics")[2].count(b'reason="cut off"'))
    assert still._held == 0


def test_a_body_that_dawdles(still, monkeypatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    heard = hear(still, b"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
    assert heard.startswith(b"HTTP/1.1 408") and still._held == 0


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST /read HTTP/1.1\r\nHost: local", id="half a head"),
    ],
)
def test_a_head_that_dawdles(reader, monkeypatch, sent):
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.2)
    with Server(SwitchableReader(), "127.0.0.1:0", live=False) as served:
        served.start()
        assert hear(served, sent) == b""


def test_a_second_head_that_dawdles(still, monkeypatch):
    monkeypatch.setattr(limits, "HEAD_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", still.port), timeout=4) as line:
        line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        heard = b""
        while not heard.endswith(b"}"):
            heard += line.recv(65536)
        line.sendall(b"GET /health HT")
        assert line.recv(65536) == b""


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n", id="TLS"),
        pytest.param(b"HELLO\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + bytes(99_999), id="huge head"),
    ],
)
def test_what_is_no_request(still, sent):
    head, _, body = hear(still, sent).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and "HTTP" in json.loads(body)["error"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "GET", 404),
        ("/../../../../etc/passwd", "GET", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", "GET", 404),
        ("/..%2f..%2fserver.py", "GET", 404),
        ("/index.html", "GET", 404),
        ("/web/app.js", "GET", 404),
        ("/read", "GET", 405),
        ("/", "POST", 405),
        ("/read?tiles=perhaps", "POST", 422),
    ],
)
def test_unknown_ways(still, path, method, status):
    answered, _, body = ask(still, path, method)
    assert answered == status and "/docs" in json.loads(body)["error"]


def test_a_fault_of_the_program_is_told_without_its_insides(still, monkeypatch, caplog):
    monkeypatch.setattr(still, "_read", None)
    answered, headers, body = ask(still, "/read", "POST", b"x")
    assert answered == 500 and "fault" in json.loads(body)["error"] and b"NoneType" not in body
    assert headers["x-content-type-options"] == "nosniff"
    until(lambda: "NoneType" in caplog.text)
    assert ask(still, "/health")[0] == 200


def test_every_answer_has_the_security_headers(still):
    for path in ("/", "/app.js", "/nothing", "/openapi.json"):
        headers = ask(still, path)[1]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


# The token ------------------------------------------------------------------------------------------------
def test_a_token_is_made_up_for_other_machines(reader, monkeypatch):
    monkeypatch.delenv(server.TOKEN_VARIABLE, raising=False)
    with (
        Server(SwitchableReader(), "0.0.0.0:0", live=False) as one,
        Server(SwitchableReader(), ":0", live=False) as other,
    ):
        assert len(one.token) > 20 and one.token != other.token
        assert one.url.endswith(f":{one.port}/?token={one.token}")


def test_none_is_asked_for_on_this_machine(still):
    assert still.token == "" and still.url == f"http://127.0.0.1:{still.port}/"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="none"),
        pytest.param({"Authorization": f"Bearer {TOKEN}"}, 200, id="right"),
        pytest.param({"Authorization": f"bearer  {TOKEN} "}, 200, id="right, written freely"),
        pytest.param({"Authorization": f"Bearer {TOKEN}x"}, 401, id="longer"),
        pytest.param({"Authorization": "Bearer "}, 401, id="empty"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, 401, id="another scheme"),
        pytest.param({"Cookie": f"edge-digits={TOKEN}"}, 401, id="as a cookie of another name"),
        pytest.param({"Authorization": "Bearer \xff\xfe"}, 401, id="not ASCII"),
    ],
)
def test_the_token_opens(locked, headers, status):
    answered, told, body = ask(locked, "/metrics", **headers)
    assert answered == status
    if status == 401:
        assert "Bearer" in json.loads(body)["error"] and told["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/read", "/model", "/nothing", "/live.mjpg"])
def test_nothing_else_is_told_without_it(locked, path):
    assert ask(locked, path, "POST", b"x")[0] == 401


def test_health_without_the_token_is_one_word(locked):
    assert json.loads(ask(locked, "/health")[2]) == {"ok": True}
    assert "model" in json.loads(ask(locked, "/health", Authorization=f"Bearer {TOKEN}")[2])


def test_the_address_with_the_token_gives_a_cookie_and_a_clean_address(locked):
    status, headers, body = ask(locked, f"/?token={TOKEN}")
    cookie = headers["set-cookie"]
    assert status == 200 and headers["refresh"] == "0;url=/"
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and TOKEN not in cookie
    status, _, body = ask(locked, "/", Cookie=cookie.split(";")[0])
    assert status == 200 and b"app.js" in body


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/docs"])
def test_a_form_asks_for_the_token(locked, path):
    status, headers, body = ask(locked, path)
    assert status == 401 and b"<form" in body and b"app.js" not in body and "set-cookie" not in headers
    assert (b"not the token" in body) == ("wrong" in path)


@pytest.mark.parametrize("token", ["passwort-mit-\u00e4", "one line\nand another", " " * 20 + "short"])
def test_a_token_that_no_header_holds_is_refused(reader, monkeypatch, token):
    monkeypatch.setenv(server.TOKEN_VARIABLE, token)
    with pytest.raises(SourceError, match="is no token"):
        Server(SwitchableReader(), "127.0.0.1:0", live=False)


def test_a_proxy_with_the_token_may_call_it_by_any_name(reader, monkeypatch, page):
    monkeypatch.setenv(server.TOKEN_VARIABLE, f" {TOKEN}\n")
    with Server(SwitchableReader(), "127.0.0.1:0", live=False) as served:
        served.start()
        named = {"Host": "pi.example", "Origin": "https://pi.example", "Authorization": f"Bearer {TOKEN}"}
        assert ask(served, "/read", "POST", page, **named)[0] == 200
        del named["Authorization"]
        assert ask(served, "/read", "POST", page, **named)[0] == 401


def test_a_token_that_is_guessed_soon_is_refused(reader, monkeypatch):
    monkeypatch.setenv(server.TOKEN_VARIABLE, "1234")
    with pytest.raises(SourceError, match="EDGE_DIGITS_TOKEN"):
        Server(SwitchableReader(), "127.0.0.1:0", live=False)


# Many, and slow ones --------------------------------------------------------------------------------------
def test_many_at_once_get_an_answer_or_are_told_to_wait(still, page):
    answers, threads = [], []

    def send():
        for _ in range(4):
            try:
                status, headers, body = ask(still, "/read", "POST", page)
            except (ConnectionError, http.client.BadStatusLine):
                continue  # turned away before the body was sent
            answers.append((status, headers.get("retry-after"), json.loads(body)))

    for _ in range(40):
        threads.append(threading.Thread(target=send))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert {status for status, _, _ in answers} <= {200, 429, 503}
    assert all(wait for status, wait, _ in answers if status != 200)
    assert any(body["lines"] == ["408", "1356"] for status, _, body in answers if status == 200)
    until(lambda: ask(still, "/health")[0] == 200)
    assert still._held == 0 and still._waiting == 0


def test_a_full_queue_says_when_to_come_again(still, page, monkeypatch):
    go = threading.Event()
    read = still._read
    monkeypatch.setattr(still, "_read", lambda *given: (go.wait(20), read(*given))[1])
    monkeypatch.setattr(limits, "MAX_WAITING", 1)
    threads = [threading.Thread(target=ask, args=(still, "/read", "POST", page)) for _ in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: still._waiting == 2)
    status, headers, _ = ask(still, "/read", "POST", page)
    go.set()
    for thread in threads:
        thread.join()
    assert status == 503 and headers["retry-after"] == "1"


def test_bodies_that_wait_take_so_much_memory_and_no_more(still, page, monkeypatch):
    monkeypatch.setattr(limits, "MAX_HELD", 100)
    assert ask(still, "/read", "POST", page)[0] == 503
    assert still._held == 0


def test_who_asks_too_often_is_told_so(still, monkeypatch):
    monkeypatch.setattr(limits, "BURST", 3.0)
    monkeypatch.setattr(limits, "RATE", 0.001)
    answers = [ask(still, "/health") for _ in range(5)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1][1]["retry-after"]) > 100


def test_addresses_are_remembered_up_to_a_bound(monkeypatch):
    monkeypatch.setattr(limits, "MAX_CLIENTS", 3)
    buckets = guard.Buckets()
    for number in range(100):
        assert buckets.take(f"10.0.0.{number}") == 0
    assert len(buckets._left) == 3


def test_too_many_connections_are_turned_away(reader, monkeypatch):
    monkeypatch.setattr(limits, "MAX_PER_CLIENT", 3)
    with Server(SwitchableReader(), "127.0.0.1:0", live=False) as served:
        served.start()
        idle = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(3)]
        until(lambda: len(served._uvicorn.server_state.connections) == 3)
        assert hear(served, b"").startswith(b"HTTP/1.1 503")
        for line in idle:
            line.close()
        until(lambda: not served._uvicorn.server_state.connections)
        assert ask(served, "/health")[0] == 200


def test_who_is_turned_away_takes_nobodys_place(still, page):
    """More and more connections of one address, and another that asks."""
    lines = []
    try:
        for _ in range(150):
            line = socket.socket()
            line.bind(("127.0.0.2", 0))
            line.connect(("127.0.0.1", still.port))
            lines.append(line)
        for _ in range(10):
            assert ask(still, "/read", "POST", page)[0] == 200
    finally:
        for line in lines:
            line.close()


def test_too_many_viewers_are_turned_away(live, monkeypatch):
    monkeypatch.setattr(limits, "MAX_VIEWERS", 2)
    lines = []
    for number in range(2):
        lines.append(socket.create_connection(("127.0.0.1", live.port)))
        lines[-1].sendall(b"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda wanted=number + 1: live._images.viewers == wanted)
    status, headers, body = ask(live, "/live.mjpg")
    assert status == 503 and headers["retry-after"] and "viewers" in json.loads(body)["error"]
    for line in lines:
        line.close()
    until(lambda: live._images.viewers == 0)


def test_a_viewer_that_never_reads_holds_nobody_up_and_is_dropped(live, monkeypatch):
    monkeypatch.setattr(limits, "STALL_SECONDS", 0.3)
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    with socket.create_connection(("127.0.0.1", live.port)) as line:
        line.sendall(b"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: live._images.viewers == 1)
        dropped = threading.Event()
        count = 0
        limit = time.monotonic() + 30
        while not dropped.is_set() and time.monotonic() < limit:
            live.publish(View(noise, count, 0.0, 0.0))
            count += 1
            time.sleep(0.005)
            if live._images.viewers == 0:
                dropped.set()
        assert dropped.is_set()
    assert ask(live, "/snapshot.jpg")[0] == 200


def test_a_source_that_rests_is_sent_again(reader, monkeypatch):
    monkeypatch.setattr(limits, "IMAGE_AT_LEAST", 0.1)
    with Server(SwitchableReader(), "127.0.0.1:0", live=True) as served:
        served.start()
        served.publish(view(9, paused=True))
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
            line.sendall(b"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            heard = b""
            while heard.count(b"image/jpeg") < 3:
                heard += line.recv(65536)


def test_closing_ends_viewers_and_the_thread(reader):
    served = Server(SwitchableReader(), "127.0.0.1:0", live=True)
    served.start()
    served.publish(view())
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(b"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        line.recv(10)
        served.close()
        while line.recv(65536):
            pass
    assert not served._thread.is_alive()
    served.close()  # again, as a context manager may
    served.publish(view())
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", served.port), timeout=1)


# Addresses ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("8000", "127.0.0.1", 8000),
        ("0.0.0.0:80", "0.0.0.0", 80),
        ("[::1]:8000", "::1", 8000),
        ("pi.local:8000", "pi.local", 8000),
        (":8000", "", 8000),
    ],
)
def test_addresses(address, host, port):
    assert connections.parse(address) == (host, port)


@pytest.mark.parametrize("address", ["", "localhost", "::1:8000", "1.2.3.4:x", "host:70000", "host:-1", ":"])
def test_what_is_no_address(reader, address):
    with pytest.raises(SourceError, match="address to serve on"):
        Server(SwitchableReader(), address, live=False)


def test_a_port_in_use_is_said_at_once(reader, still):
    with pytest.raises(SourceError, match="name another"):
        Server(SwitchableReader(), f"127.0.0.1:{still.port}", live=False)


def test_an_address_of_another_machine(reader):
    with pytest.raises(SourceError, match=r"cannot serve on 192\.0\.2\.1"):
        Server(SwitchableReader(), "192.0.2.1:8000", live=False)
