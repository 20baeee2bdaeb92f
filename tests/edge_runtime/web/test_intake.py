"""Request bodies: what is rejected, and how many are received, queued and cancelled."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from types import SimpleNamespace

import pytest

from edge_runtime.web import intake, limits
from tests.edge_runtime.web.client import (
    connect,
    exchange,
    metric,
    needs_addresses,
    receive,
    request,
    wait_until,
)
from tests.image_files import bmp, jpeg, jpeg_with_scans, png, webp

HEAD = b"POST /read HTTP/1.1\r\nHost: localhost\r\n"


# Bodies that are rejected ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the file is empty; send the bytes of the file unchanged", id="empty"),
        pytest.param(b"hello", "--data-binary", id="text"),
        # Each of these is small, but would take gigabytes or hours to decode.
        pytest.param(b"GIF89a\x80>\xff\xff" + bytes(25), "16000x65535", id="GIF of a negative height"),
        pytest.param(b"P5 " + b"1" * 2**20, "damaged, or", id="PGM with a number of a million digits"),
        pytest.param(b"II*\0" + bytes(100), "damaged, or of a kind", id="TIFF"),
        pytest.param(jpeg_with_scans(101), "more than 100 scans", id="JPEG of many scans"),
        pytest.param(b"\xff\xd8" + b"\xff" * 2**20, "damaged, or of a kind", id="JPEG of fill bytes"),
        pytest.param(b"\xff\xd8\xff\xfe\0\2" * 5000, "damaged, or of a kind", id="JPEG of many starts"),
        pytest.param(png(6000, 6000, 8, 6), "OpenCV", id="36 transparent megapixels in a few bytes"),
        pytest.param(png(7500, 7500, 16, 6), "25 megapixels", id="56 deep megapixels"),
        pytest.param(jpeg(0xC2, 7000, 7000), "OpenCV", id="49 progressive megapixels without a scan"),
        pytest.param(jpeg(0xC0, 9000, 9000), "64 megapixels", id="81 baseline megapixels"),
        pytest.param(jpeg(0xC9, 100, 100), "an arithmetic-coded JPEG", id="arithmetic JPEG"),
        pytest.param(jpeg(0xC0, 100, 0), "damaged, or of a kind", id="JPEG without a height"),
        pytest.param(webp(b"VP8X", b"\0\0\0\0\xff\x3f\0\xff\x3f\0"), "16384x16384", id="huge WebP"),
        pytest.param(webp(b"VP8L", b"\x2f\xff\xff\xff\x0f"), "16384x16384", id="huge lossless WebP"),
        pytest.param(bmp(65535, 65535), "65535x65535", id="huge BMP"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), "damaged, or of a kind", id="JPEG cut off"),
        pytest.param(png(100_000, 100_000), "100000x100000", id="10 gigapixels"),
        pytest.param(png(9_000, 9_000), "64 megapixels", id="81 megapixels"),
        pytest.param(png(20, 20)[:40], "OpenCV", id="PNG without pixels"),
        pytest.param(
            b"\0\0\0\x20ftypisom", "a video, not an image; use edge-digits camera FILE instead", id="video"
        ),
        pytest.param(b"PK\3\4" + b"word/", "a Word document: save it as PDF", id="Word"),
        pytest.param(b"%PDF-1.7 ", "PDF", id="damaged PDF"),
    ],
)
def test_bad_images_are_rejected(still, body, message):
    response = request(still, "/read", "POST", body)
    assert response.status == 422 and message in response.error
    assert request(still, "/health").status == 200


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "Multipart/Form-Data"])
def test_forms_are_rejected_with_the_right_command(still, content_type):
    response = request(still, "/read", "POST", b"x", Content_Type=content_type)
    assert response.status == 415
    assert f"--data-binary @photo.jpg http://127.0.0.1:{still.port}/read" in response.error


@pytest.mark.parametrize(
    ("path", "size", "advice"),
    [
        ("/read", 17_000_000, "larger than 16777216 bytes; send a smaller image"),
        ("/strokes", 600_000, "larger than 524288 bytes; send fewer strokes"),
        ("/model", 1001, 'larger than 1000 bytes; send {"model": "int8"} or {"model": "float"}'),
    ],
)
@pytest.mark.parametrize("claimed", [True, False], ids=["claimed", "chunked"])
def test_a_body_above_the_limit_is_rejected_with_the_right_advice(still, path, size, advice, claimed):
    """At once, if its length is claimed."""
    head = b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode()
    if claimed:
        sent = head + b"Content-Length: %d\r\n\r\n" % size
    else:
        sent = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + bytes(size)
    head, _, body = exchange(still, sent, until=b"}").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413") and advice in json.loads(body.partition(b"}\r\n")[0])["error"]


def test_an_endless_chunked_body_is_rejected(still):
    """The response is sent while the body still arrives, and the connection is closed soon after."""
    before = metric(still, 'rejected_requests_total{reason="size"}')
    chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
    with connect(still, HEAD + b"Transfer-Encoding: chunked\r\n\r\n") as connection, pytest.raises(OSError):
        while True:
            connection.sendall(chunk)
    assert metric(still, 'rejected_requests_total{reason="size"}') == before + 1
    assert still.intake.buffered == 0


def test_an_incomplete_body_is_counted_and_freed(still):
    before = metric(still, 'rejected_requests_total{reason="cut off"}')
    connect(still, HEAD + b"Content-Length: 1000\r\n\r\nabc").close()
    wait_until(lambda: metric(still, 'rejected_requests_total{reason="cut off"}') == before + 1)
    assert still.intake.buffered == 0


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"BODY_TIMEOUT": 0.2}, id="takes too long"),
        pytest.param({"PACE_INTERVAL": 0.2}, id="stops"),
        pytest.param({"PACE_INTERVAL": 0.2, "MIN_BODY_RATE": 100}, id="slower than the minimum"),
    ],
)
@pytest.mark.parametrize(
    ("path", "advice"), [("/read", "send a smaller image"), ("/model", 'send {"model": "int8"}')]
)
def test_a_slow_body_is_rejected(still, monkeypatch, changed, path, advice):
    for name, value in {"LINGER": 0.1, **changed}.items():
        monkeypatch.setattr(limits, name, value)
    with connect(still, b"POST %s HTTP/1.1\r\nHost: localhost\r\n" % path.encode()) as connection:
        connection.sendall(b"Content-Length: 1000\r\n\r\nabc")
        head, _, body = receive(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408") and advice in json.loads(body)["error"]
    assert still.intake.buffered == 0


@pytest.mark.parametrize(
    ("received", "windows"),
    [
        pytest.param([100, 100, 5, 100], 2, id="one slow window"),
        pytest.param([1000, 0, 100], 1, id="fast, then nothing"),
        pytest.param([10, 10, 10, 10], 4, id="just fast enough"),
    ],
)
def test_the_rate_is_measured_in_each_window(monkeypatch, received, windows):
    monkeypatch.setattr(limits, "MIN_BODY_RATE", 10 / limits.PACE_INTERVAL)
    passed = []

    async def watch():
        upload = intake._Upload("client")
        upload.receiving = asyncio.get_running_loop().create_future()

        async def sleep(seconds):
            passed.append(seconds)
            upload.size += received[len(passed) - 1] if len(passed) <= len(received) else 0

        # For this module alone: servers of other tests may still be running in this process.
        monkeypatch.setattr(intake, "asyncio", SimpleNamespace(**vars(asyncio) | {"sleep": sleep}))
        await intake._watch_pace(upload, "too slow")
        return upload.error

    error = asyncio.run(watch())
    assert error.status == 408 and str(error) == "too slow"
    assert len(passed) == windows + 1


def test_buffered_bodies_are_limited(still, page, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BUFFERED_BYTES", 100)
    response = request(still, "/read", "POST", page)
    assert response.status == 503 and response.headers["retry-after"] == "1"
    assert still.intake.buffered == 0


def sizes_of(served):
    return [upload.size for upload in served.intake._uploads]


@needs_addresses
def test_memory_is_shared_between_clients(fresh, page, monkeypatch, connect_from):
    """The client with most loses the upload that takes longest; others are not disturbed."""
    monkeypatch.setattr(limits, "MAX_BUFFERED_BYTES", 4 * len(page))
    monkeypatch.setattr(limits, "MAX_BODY_BYTES", 4 * len(page))
    unfinished = HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(page)) + page
    modest = connect_from(fresh, "127.0.0.3", unfinished[: -len(page) // 2])
    greedy = []
    for count in range(1, 4):
        greedy.append(connect_from(fresh, "127.0.0.2", unfinished))
        wait_until(lambda wanted=count: sizes_of(fresh).count(len(page)) == wanted)
    response = request(fresh, "/read", "POST", page)
    assert response.status == 200 and response.json["lines"] == ["408", "1356"]
    assert b"too many uploads at once" in receive(greedy[0], until=b"}")
    assert len(fresh.intake._uploads) == 3
    for connection in (modest, *greedy):
        connection.close()
    wait_until(lambda: fresh.intake.buffered == 0)


@needs_addresses
def test_a_client_with_more_than_its_share_gets_no_more(fresh, page, monkeypatch, connect_from):
    monkeypatch.setattr(limits, "MAX_BUFFERED_BYTES", 4 * len(page))
    unfinished = HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(page)) + page
    for count, number in enumerate((2, 3, 4, 4), 1):
        connect_from(fresh, f"127.0.0.{number}", unfinished)
        wait_until(lambda uploads=count: fresh.intake.buffered == uploads * len(page))
    assert b"too many uploads" in receive(connect_from(fresh, "127.0.0.4", unfinished), until=b"}")
    assert fresh.intake.buffered == 4 * len(page)


# The queue ------------------------------------------------------------------------------------------------
def test_abandoned_requests_are_cancelled(still, page, monkeypatch):
    """And a job that takes for ever does not count once its client has left."""
    started, may_end, read = threading.Event(), threading.Event(), []

    def slow(data, **options):
        started.set()
        may_end.wait(60)
        read.append(data)
        return {}

    monkeypatch.setattr(still.intake, "read", slow)
    connections = []
    for number in range(3):
        connections.append(connect(still, HEAD + b"Content-Length: 1\r\n\r\n%d" % number))
        assert started.wait(60)
    wait_until(lambda: still.intake.pending == 3)
    for connection in connections:
        connection.close()
    wait_until(lambda: still.intake.pending == 0)
    may_end.set()
    wait_until(lambda: read == [b"0"])
    monkeypatch.undo()
    assert request(still, "/read", "POST", page).status == 200
    assert read == [b"0"]


def test_a_full_queue_asks_to_try_again(still, page, monkeypatch):
    may_end, read = threading.Event(), still.intake.read

    def slow(data, **options):
        may_end.wait(60)
        return read(data, **options)

    monkeypatch.setattr(still.intake, "read", slow)
    monkeypatch.setattr(limits, "MAX_QUEUED", 1)
    threads = [threading.Thread(target=request, args=(still, "/read", "POST", page)) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: still.intake.pending == 2)
    response = request(still, "/read", "POST", page)
    may_end.set()
    for thread in threads:
        thread.join()
    assert response.status == 503 and response.headers["retry-after"] == "1"


@needs_addresses
def test_the_queue_is_shared_between_clients(still, page, monkeypatch, connect_from):
    """A client with several waiting images gives up the newest for another client's first."""
    may_end, read, order = threading.Event(), still.intake.read, []

    def slow(data, **options):
        may_end.wait(60)
        order.append(data)
        return read(data, **options)

    monkeypatch.setattr(still.intake, "read", slow)
    greedy = []
    for count in range(1, 4):
        sent = HEAD + b"Content-Length: %d\r\n\r\n" % (len(page) + count) + page + bytes(count)
        greedy.append(connect_from(still, "127.0.0.2", sent))
        wait_until(lambda waiting=count: still.intake.pending == waiting)
    responses = []
    other = threading.Thread(target=lambda: responses.append(request(still, "/read", "POST", page)))
    other.start()
    assert receive(greedy[2], until=b"}").startswith(b"HTTP/1.1 503")
    assert request(still, "/read", "POST", page).status == 503  # now nobody has more than this client
    may_end.set()
    other.join()
    assert [response.status for response in responses] == [200]
    assert order == [page + b"\0", page + b"\0\0", page]


def test_many_clients_get_a_result_or_are_asked_to_wait(still, page):
    responses = []

    def send():
        for _ in range(4):
            try:
                responses.append(request(still, "/read", "POST", page))
            except (ConnectionError, http.client.BadStatusLine):
                continue  # rejected before the body was sent

    threads = [threading.Thread(target=send) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = [response for response in responses if response.status == 200]
    assert read and all(response.json["lines"] == ["408", "1356"] for response in read)
    for response in responses:
        if response.status != 200:
            assert response.status == 503 and response.headers["retry-after"] and response.error
    wait_until(lambda: request(still, "/health").status == 200)
    assert still.intake.buffered == 0 and still.intake.pending == 0
