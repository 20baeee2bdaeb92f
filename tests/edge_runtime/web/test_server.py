"""The server with a camera: live image, events, snapshots, health, metrics and viewers."""

from __future__ import annotations

import http.client
import json
import threading
import time

import cv2
import numpy as np
import pytest

from edge_runtime.live.events import TrackedNumber
from edge_runtime.live.view import View
from edge_runtime.results import Box, Digit
from edge_runtime.web import limits, state
from edge_runtime.web.server import Server
from tests.edge_runtime.web.client import (
    TIMEOUT,
    connect,
    exchange,
    metric,
    needs_addresses,
    receive,
    request,
    wait_until,
)

STREAM = b"GET /live.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n"
EVENTS = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


def view(number=0, problem="", **options):
    """A view whose frame is grey, as bright as its number."""
    image = np.full((240, 320, 3), number % 256, np.uint8)
    return View(
        image, number, number / 30, time.time(), problem=problem, rate=30.0, source="camera 0", **options
    )


def brightness(jpeg):
    return int(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[0, 0, 0])


# Images and events ----------------------------------------------------------------------------------------
def test_a_snapshot_is_the_newest_image(live):
    live.publish(view())
    live.publish(view(200))
    response = request(live, "/snapshot.jpg")
    image = cv2.imdecode(np.frombuffer(response.body, np.uint8), cv2.IMREAD_COLOR)
    assert response.status == 200 and image.shape == (240, 320, 3)
    assert brightness(response.body) == pytest.approx(200, abs=3)
    assert response.headers["content-disposition"].startswith('attachment; filename="edge-digits-')


def test_there_is_no_snapshot_before_the_first_frame(live):
    response = request(live, "/snapshot.jpg")
    assert response.status == 503 and "no frame" in response.error and response.headers["retry-after"] == "1"


def test_the_live_image_shows_new_frames(live):
    connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=TIMEOUT)
    connection.request("GET", "/live.mjpg")
    response = connection.getresponse()
    assert response.headers["content-type"] == "multipart/x-mixed-replace; boundary=frame"
    seen = -100
    for number in (10, 120, 240):
        live.publish(view(number))
        while abs(seen - number) > 4:
            while not (line := response.readline()).lower().startswith(b"content-length"):
                pass
            response.readline()
            seen = brightness(response.read(int(line.split()[1])))
    response.close()
    connection.close()
    wait_until(lambda: live.images.viewers == 0)


def test_the_live_image_is_limited_in_size(live, monkeypatch):
    monkeypatch.setattr(limits, "LIVE_IMAGE_SIDE", 160)
    live.publish(view())
    part = live.state.stream_part()
    image = cv2.imdecode(np.frombuffer(part[part.index(b"\xff\xd8") :], np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (120, 160, 3)


def test_events_describe_the_view(live):
    number = TrackedNumber(
        (Digit(4, 0.98765, Box(1, 2, 3, 4)), Digit(2, 0.99, Box(5, 2, 3, 4))), 5, confirmed=True
    )
    stages = {"detect": 0.002}
    live.publish(
        view(7, problem="unplugged", numbers=(number,), stages=stages, capture_format="640x480 at 30 fps")
    )
    received = exchange(live, EVENTS, until=b"unplugged")
    event = next(line for line in received.decode().splitlines() if line.startswith("data:"))
    event = json.loads(event[5:])
    assert event.pop("cpu") >= 0
    assert (event.pop("memory") or 1) > 0
    assert event == {
        "live": True,
        "model": "int8",
        "frame": 7,
        "rate": 30.0,
        "stages": {"detect": 2.0},
        "numbers": [{"id": 5, "text": "42", "confidence": 0.988, "confirmed": True}],
        "problem": "unplugged",
        "paused": False,
        "ended": False,
        "source": "camera 0",
        "capture_format": "640x480 at 30 fps",
    }


def test_events_without_a_camera_have_the_model(still):
    received = exchange(still, EVENTS, until=b"memory")
    assert b'data: {"live":false,"model":"int8","cpu":' in received


def test_nothing_is_drawn_without_viewers(live, monkeypatch):
    drawn = []
    monkeypatch.setattr(state.annotate, "annotate", lambda *given, **options: drawn.append(given))
    for number in range(50):
        live.publish(view(number))
    assert request(live, "/health").status == 200
    assert not drawn


def test_an_unchanged_image_is_sent_again(readers, monkeypatch):
    monkeypatch.setattr(limits, "IMAGE_KEEPALIVE", 0.1)
    with Server(readers, "127.0.0.1:0", live=True) as served:
        served.start()
        served.publish(view(9, paused=True))
        with connect(served, STREAM) as connection:
            received = b""
            while received.count(b"image/jpeg") < 3:
                received += connection.recv(65536)


# Health and metrics ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "status", "state"),
    [
        pytest.param({}, 200, "running", id="running"),
        pytest.param({"paused": True}, 200, "paused", id="paused"),
        pytest.param({"ended": True, "problem": "damaged"}, 200, "ended", id="ended"),
        pytest.param({"problem": "unplugged"}, 503, "lost", id="lost"),
    ],
)
def test_health_reports_the_source(live, options, status, state):
    live.publish(view(1, capture_format="640x480", **options))
    response = request(live, "/health")
    health = response.json
    assert (response.status, health["ok"], health["model"]) == (status, status == 200, "int8")
    assert health["source"] == {
        "state": state,
        "name": "camera 0",
        "capture_format": "640x480",
        "problem": options.get("problem", ""),
    }
    assert health["seconds_since_frame"] >= 0


def test_health_before_the_first_frame(live, monkeypatch):
    assert request(live, "/health").json["source"]["state"] == "starting"
    monkeypatch.setattr(limits, "SOURCE_TIMEOUT", -1)
    assert request(live, "/health").json["source"]["state"] == "lost"


def test_health_of_a_silent_source(live, monkeypatch):
    live.publish(view())
    monkeypatch.setattr(limits, "SOURCE_TIMEOUT", -1)
    response = request(live, "/health")
    assert response.status == 503 and response.json["source"]["state"] == "lost"


def test_health_answers_head_requests(live):
    response = request(live, "/health", "HEAD")
    assert (response.status, response.body) == (200, b"")


def test_health_without_a_camera(still):
    assert request(still, "/health").json == {
        "ok": True, "model": "int8", "source": None, "seconds_since_frame": None,
    }  # fmt: skip


def test_repeated_frames_are_not_counted(live):
    for number in (1, 2, 2, 2, 2):
        live.publish(view(number))
    assert metric(live, "frames_total") == 2


def test_metrics_count_frames_reads_and_rejections(live, page):
    live.publish(view())
    request(live, "/read", "POST", page)
    request(live, "/read", "POST", b"no image")
    assert metric(live, "frames_total") == 1
    assert metric(live, "frame_rate") == 30
    assert metric(live, "read_seconds_count") == 1
    assert metric(live, 'rejected_requests_total{reason="image"}') == 1
    assert metric(live, "source_up") == 1
    assert metric(live, "viewers") == 0 and metric(live, "waiting") == 0


# Viewers --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("path", "channel"), [("/live.mjpg", "images"), ("/events", "events")])
def test_too_many_viewers_are_rejected(live, monkeypatch, path, channel):
    monkeypatch.setattr(limits, "MAX_VIEWERS", 2)
    channel = getattr(live, channel)
    connections = []
    for number in range(2):
        connections.append(connect(live, b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode()))
        wait_until(lambda wanted=number + 1: channel.viewers == wanted)
    response = request(live, path)
    assert response.status == 503 and response.headers["retry-after"] == "5" and "viewers" in response.error
    for connection in connections:
        connection.close()
    wait_until(lambda: channel.viewers == 0)


@needs_addresses
def test_viewers_are_shared_between_clients(live, monkeypatch, connect_from):
    """The client with most viewers loses the newest; the others go on."""
    monkeypatch.setattr(limits, "MAX_VIEWERS", 3)
    live.publish(view())
    greedy = []
    for number in range(3):
        greedy.append(connect_from(live, "127.0.0.2", STREAM))
        wait_until(lambda wanted=number + 1: live.images.viewers == wanted)
    with connect(live, STREAM) as other:
        assert b"image/jpeg" in receive(other, until=b"image/jpeg")
        assert receive(greedy[2], until=b"\r\n0\r\n\r\n").endswith(b"\r\n0\r\n\r\n")  # the end of the stream
        assert live.images.viewers == 3
        assert request(live, "/live.mjpg").status == 503  # now nobody has more than this client
    for connection in greedy:
        connection.close()
    wait_until(lambda: live.images.viewers == 0)


def test_a_viewer_that_never_reads_is_disconnected(live, monkeypatch):
    monkeypatch.setattr(limits, "WRITE_TIMEOUT", 0.3)
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    with connect(live, STREAM):
        wait_until(lambda: live.images.viewers == 1)
        stop = threading.Event()

        def publish():
            count = 0
            while not stop.wait(0.005):
                live.publish(View(noise, count, 0.0, 0.0))
                count += 1

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            wait_until(lambda: live.images.viewers == 0)
        finally:
            stop.set()
            thread.join()
    assert request(live, "/snapshot.jpg").status == 200


def test_closing_disconnects_viewers_and_ends_the_thread(readers):
    served = Server(readers, "127.0.0.1:0", live=True)
    served.start()
    served.publish(view())
    with connect(served, STREAM) as connection:
        assert connection.recv(10)
        served.close()
        receive(connection)
    assert not served._thread.is_alive()
    served.close()  # again, as a context manager may
    served.publish(view())
    with pytest.raises(OSError):
        connect(served)
