"""Network cameras: still images, logins, and addresses that cannot be opened."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from edge_runtime import SourceError
from edge_runtime.live.sources import base, network, open_frames, reconnecting, servers

DEADLINE = 60.0  # s, for a busy machine


def image_bytes(level):
    return cv2.imencode(".png", np.full((48, 64, 3), level, np.uint8))[1].tobytes()


class Camera(BaseHTTPRequestHandler):
    """A camera's web server: an image a little brighter each time, with or without a login, and faults."""

    def do_GET(self):
        self.server.queries.append(self.headers.get("Authorization"))
        path = self.path.partition("?")[0]
        if path == "/moved":
            self.answer(302, location="/snap")
        elif path.startswith("/missing"):
            self.answer(404)
        elif path == "/page":
            self.answer(200, b"<html></html>", kind="text/html")
        elif path == "/basic" and self.headers.get("Authorization") != BASIC:
            self.answer(401, challenge='Basic realm="cam"')
        elif path == "/digest" and not self.has_digest():
            self.answer(401, challenge='Digest realm="cam", nonce="n1", qop="auth"')
        elif path == "/bearer":
            self.answer(401, challenge="Bearer")
        else:
            data = self.server.image or image_bytes(len(self.server.queries))
            kind = {"/raw.PNG": "application/octet-stream"}.get(path, "image/png")
            self.answer(self.server.status, data[: self.server.sent], len(data), kind)

    def answer(self, status, data=b"", length=None, kind="text/plain", challenge=None, location=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in (("WWW-Authenticate", challenge), ("Location", location)):
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def has_digest(self):
        text = self.headers.get("Authorization") or ""
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', text))
        secret = hashlib.md5(b"user:cam:p@ss/w").hexdigest()
        query = hashlib.md5(f"GET:{self.path}".encode()).hexdigest()
        parts = (secret, "n1", fields.get("nc"), fields.get("cnonce"), "auth", query)
        wanted = hashlib.md5(":".join(map(str, parts)).encode()).hexdigest()
        return text.startswith("Digest ") and fields.get("response") == wanted

    def log_message(self, *_):
        pass


BASIC = "Basic " + base64.b64encode(b"user:p@ss/w").decode()


@pytest.fixture
def server(monkeypatch):
    """A running `Camera`. Its images have no pauses between them."""
    monkeypatch.setattr(network, "_STILL_RATE", 1000)
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE", 0.02)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Camera)
    server.daemon_threads = True
    server.queries, server.status, server.sent, server.image = [], 200, None, None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def address(server, path, login=""):
    return f"http://{login}127.0.0.1:{server.server_address[1]}{path}"


def wait_for(condition):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if value := condition():
            return value
    raise AssertionError("it did not come about")


@pytest.mark.parametrize(
    ("path", "login"),
    [
        ("/snap", ""),
        ("/raw.PNG", ""),
        ("/moved", ""),
        ("/basic", "user:p%40ss%2Fw@"),
        ("/digest?channel=1", "user:p%40ss%2Fw@"),
    ],
)
def test_a_still_image_is_fetched_again_and_again(server, path, login):
    with open_frames(address(server, path, login)) as frames:
        assert frames.live
        assert frames.name == address(server, path.partition("?")[0])
        levels = [int(wait_for(lambda: frames.next(0.05)).image[0, 0, 0]) for _ in range(4)]
    assert levels == sorted(set(levels))
    assert frames.problem == ""


def test_still_images_are_fetched_at_a_limited_rate(server, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(network, "_STILL_RATE", 2.0)
    monkeypatch.setattr(network.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(network.time, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds))
    image = network.StillImage(servers.WebAddress(address(server, "/snap")))
    for _ in range(5):
        assert image.read().shape == (48, 64, 3)
    assert clock[0] == pytest.approx(2.0)


def test_a_slow_still_image_is_not_lost(server, monkeypatch):
    """Otherwise a camera that takes two seconds for each image would be lost and back for ever."""
    with open_frames(address(server, "/snap")) as frames:
        wait_for(lambda: frames.next(0.05))
        monkeypatch.setattr(base, "FRAME_TIMEOUT", 0.0)
        for _ in range(5):
            assert wait_for(lambda: frames.next(0.05) or frames.problem) != frames.problem


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param({"status": 503}, "cannot be opened: the server reports an error (503)", id="error"),
        pytest.param({"sent": 100}, "the image is incomplete: the connection ended", id="incomplete"),
        pytest.param({"image": b"text"}, "the image cannot be read: a text file", id="no image"),
        pytest.param({"image": b"x" * 5000}, "the image has more than 0 MB", id="too large"),
    ],
)
def test_a_still_image_that_fails_is_lost_and_comes_back(server, monkeypatch, fault, reason):
    monkeypatch.setattr(network, "_MAX_STILL_BYTES", 4000)
    with open_frames(address(server, "/snap")) as frames:
        vars(server).update(fault)
        problem = wait_for(lambda: frames.next(0.02) is None and frames.problem)
        assert problem.startswith(reason)
        assert problem.endswith("; reconnecting")
        vars(server).update({"status": 200, "sent": None, "image": None})
        wait_for(lambda: frames.next(0.05))
        assert frames.problem == ""


LOGIN = "the camera requires a login; check the user name and password in the address (401)"


@pytest.mark.parametrize(
    ("path", "login", "reason", "passwords"),
    [
        pytest.param("/basic", "user:s3cret@", LOGIN, 1, id="wrong password"),
        pytest.param("/digest", "user:s3cret@", LOGIN, 1, id="wrong password in a digest"),
        pytest.param("/bearer", "user:s3cret@", LOGIN, 0, id="unknown kind of login"),
        pytest.param("/basic", "", "give it in the address: http://USER:PASSWORD@127", 0, id="no login"),
        pytest.param("/missing", "", "the server has nothing at this address (404)", 0, id="no such address"),
        pytest.param("/page", "", "it serves text/html; give the address of the stream", 0, id="web page"),
        pytest.param("/missing/a.mp4", "", "the server has nothing at this address (404)", 0, id="no video"),
        pytest.param("/basic", "user:s3/cret@", "write special characters", 0, id="slash in a password"),
    ],
)
def test_refusals_are_explained_without_the_password(server, path, login, reason, passwords):
    with pytest.raises(SourceError, match=re.escape(reason)) as caught:
        open_frames(address(server, path, login) + "?key=hidden")
    assert not re.search("s3|cret|hidden", str(caught.value))
    # A camera locks a user out after a few wrong passwords.
    assert len([query for query in server.queries if query]) == passwords


@pytest.mark.parametrize(
    ("login", "status", "reason"),
    [
        ("", "401 Unauthorized", "give it in the address: rtsp://USER:PASSWORD@127"),
        ("user:s3cret@", "401 Unauthorized", LOGIN),
        ("user:s3cret@", "404 Not Found", "the server has nothing at this address (404)"),
        ("", "200 OK", "is the address correct, and does it serve a stream?"),
    ],
)
def test_refusals_of_rtsp_servers_are_explained(login, status, reason):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:  # the test is over
                    return
                with client:
                    while query := client.recv(4096):
                        number = re.search(rb"CSeq: *(\d+)", query)[1]
                        client.sendall(b"RTSP/1.0 %s\r\nCSeq: %s\r\n\r\n" % (status.encode(), number))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(SourceError, match=re.escape(reason)) as caught:
            open_frames(f"rtsp://{login}127.0.0.1:{listener.getsockname()[1]}/live")
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)
    assert "s3cret" not in str(caught.value)


def test_addresses_that_are_not_valid_are_reported():
    with pytest.raises(SourceError, match="the address after http:// is invalid"):
        open_frames("http://[1/a")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("rtsp://host/a", "rtsp://host/a"),
        ("http://user:p@host:8080/a/b?key=1#c", "http://host:8080/a/b"),
        ("http://us@er:p@host/a", "http://host/a"),
        ("http://user:12/w@host/a", "http://...@host/a"),
        ("http://host/a?key=1", "http://host/a"),
    ],
)
def test_names_of_addresses_hold_no_secrets(url, name):
    assert servers.public_name(url) == name
