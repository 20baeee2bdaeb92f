"""Network streams that stall, drop and come back: the sources, and the command as a whole process.

The camera is simulated by `train.synthetic`, so these tests need a checkout.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest

from edge_runtime.live.sources import base, open_frames, reconnecting
from edge_runtime.outputs.recording import SUFFIX
from tests import drawing
from tests.processes import COMMAND, started
from train.synthetic import http_camera

pytestmark = pytest.mark.slow

DEADLINE = 60.0  # s, for a busy machine
STALL = 0.5  # s before a signal, which arrives while FFmpeg waits for the next image

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
both_signals = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])


def page(width, height):
    """A drawn page with the number 42: uint8 (height, width, 3)."""
    return cv2.resize(cv2.cvtColor(drawing.page("42"), cv2.COLOR_GRAY2BGR), (width, height))


@pytest.fixture
def stream():
    """A camera that shows 42. FFmpeg decodes images of this size in several threads."""
    data = http_camera.jpeg(page(1280, 960))
    with http_camera.StreamServer(lambda seconds: data) as server:
        yield server


def start_camera(*arguments):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return started(*COMMAND, "camera", *arguments, "--no-window", **pipes)


def stop(process, number):
    """Send a signal and return the exit code, the rest of the output, and the errors."""
    process.send_signal(number)
    output, errors = process.communicate()
    assert "Traceback" not in errors
    assert "terminate" not in errors  # the message of a C++ runtime that aborts
    return process.returncode, output, errors


# Sources


def wait_for_frame(frames):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if frame := frames.next(0.05):
            return frame
    raise AssertionError(f"no frame: {frames.problem!r}")


def wait_for_problem(frames):
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if frames.next(0.02) is None and frames.problem:
            return frames.problem
    raise AssertionError("no problem")


def test_a_stream_that_stalls_or_drops_comes_back(monkeypatch):
    monkeypatch.setattr(base, "FRAME_TIMEOUT", 0.5)
    monkeypatch.setattr(reconnecting, "FIRST_PAUSE", 0.1)
    data = http_camera.jpeg(page(64, 48))
    with http_camera.StreamServer(lambda seconds: data) as server, open_frames(server.url) as frames:
        assert wait_for_frame(frames).image.shape == (48, 64, 3)
        for state in (http_camera.STALLED, http_camera.AWAY, http_camera.AWAY):
            server.state = state
            assert wait_for_problem(frames).endswith("; reconnecting")
            server.state = http_camera.LIVE
            assert wait_for_frame(frames).image.shape == (48, 64, 3)
            assert frames.problem == ""


@posix
def test_a_program_may_exit_while_a_stream_stalls(stream):
    """A program that uses the library, without the exit of the command."""
    program = (
        "import os, sys; os.environ['OPENCV_LOG_LEVEL'] = 'SILENT'\n"
        "from edge_runtime.live.sources import open_frames\n"
        f"with open_frames({stream.url!r}) as frames:\n"
        "    print('open', flush=True); sys.stdin.readline()"
    )
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with started(sys.executable, "-c", program, **pipes) as process:
        assert process.stdout.readline() == "open\n"
        stream.state = http_camera.STALLED
        time.sleep(STALL)
        assert process.communicate("\n") == ("", "")
    assert process.returncode == 0


# The command


@posix
@both_signals
@pytest.mark.parametrize("state", [http_camera.LIVE, http_camera.STALLED, http_camera.AWAY])
def test_a_signal_ends_the_command_in_any_state_of_the_stream(stream, tmp_path, number, state):
    out = tmp_path / "events.jsonl"
    with start_camera(stream.url, "--out", out) as process:
        line = process.stdout.readline()
        stream.state = state
        if state != http_camera.LIVE:
            time.sleep(STALL)
        code, _, errors = stop(process, number)
    assert code == 0
    assert line.split()[1:3] == ["42", "appeared"]
    assert "1280x960" in errors.splitlines()[0]
    frames = int(errors.splitlines()[-1].split()[1])
    assert errors.splitlines()[-1].startswith(f"edge-digits: {frames} frames in ")
    rows = [json.loads(row) for row in out.read_text().splitlines()]
    assert (rows[0]["event"], rows[0]["number"]) == ("appeared", "42")
    assert [row["event"] for row in rows[1:]] in ([], ["lost"])
    assert 0 <= rows[0]["frame"] < frames


@posix
def test_a_stalled_stream_leaves_a_complete_recording(stream, tmp_path):
    pytest.importorskip("av", reason="recording needs the extra record")
    path = tmp_path / f"recording{SUFFIX}"
    with start_camera(stream.url, "--record", path) as process:
        process.stdout.readline()
        stream.state = http_camera.STALLED
        time.sleep(STALL)
        code, _, errors = stop(process, signal.SIGTERM)
    assert code == 0
    assert f"edge-digits: recorded {path}" in errors.splitlines()
    capture = cv2.VideoCapture(str(path))
    recorded = 0
    while capture.read()[0]:
        recorded += 1
    capture.release()
    assert recorded >= 5


@posix
def test_a_signal_ends_the_server_while_a_stream_stalls(stream):
    pytest.importorskip("fastapi", reason="serving needs the extra web")
    with start_camera(stream.url, "--serve", "127.0.0.1:0") as process:
        process.stdout.readline()
        stream.state = http_camera.STALLED
        time.sleep(STALL)
        code, _, errors = stop(process, signal.SIGINT)
    assert code == 0
    assert "serving at http://127.0.0.1:" in errors
    assert " frames in " in errors.splitlines()[-1]


@contextmanager
def silent_server():
    """A server that accepts connections and never answers; yields its URL and an event that one has come."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connected, clients = threading.Event(), []

        def accept():
            try:
                while True:
                    clients.append(server.accept()[0])
                    connected.set()
            except OSError:  # the test is over
                pass

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", connected
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in clients:
                client.close()


@posix
@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [("stream.mjpg", signal.SIGTERM, 143), ("video.mp4", signal.SIGINT, 130)],
    ids=["stream", "video"],
)
def test_a_signal_interrupts_the_opening_of_a_silent_stream(name, number, expected):
    with silent_server() as (url, connected), start_camera(f"{url}/{name}") as process:
        assert connected.wait(DEADLINE)
        time.sleep(STALL)
        code, output, errors = stop(process, number)
    assert (code, output) == (expected, "")
    assert errors == "edge-digits: interrupted\n"


@posix
def test_a_silent_stream_is_reported():
    """The thread that opens it still hangs when the command ends."""
    program = (
        "from edge_runtime.live.sources import base; base.OPEN_TIMEOUT = 0.3; stream = base.stream_timeouts\n"
        "base.CLOSE_TIMEOUT = 0.1\n"
        "base.stream_timeouts = lambda: (stream()[0], 3000, *stream()[2:])\n"
        "from edge_runtime.cli.process import run; run()"
    )
    with silent_server() as (url, _):
        url = url.replace("http", "rtsp")  # a silent HTTP server is noticed before FFmpeg is asked
        command = (sys.executable, "-c", program, "camera", f"{url}/stream.mjpg", "--no-window")
        with started(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            output, errors = process.communicate()
    assert (process.returncode, output) == (2, "")
    assert errors == f"edge-digits: {url}/stream.mjpg: no image within 0 s; is it in use elsewhere?\n"


@contextmanager
def stalling_video(content):
    """A web server that sends half of a video and then nothing; yields its URL."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])
            ended.wait(DEADLINE)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/video.avi"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


@posix
def test_a_signal_ends_the_command_while_a_remote_video_stalls(tmp_path):
    path = tmp_path / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (640, 480))
    for _ in range(120):
        writer.write(page(640, 480))
    writer.release()
    with stalling_video(path.read_bytes()) as url, start_camera(url) as process:
        line = process.stdout.readline()
        time.sleep(STALL)
        code, _, errors = stop(process, signal.SIGINT)
    assert code == 0
    assert "42  appeared" in line
    assert " frames in " in errors.splitlines()[-1]


@posix
def test_a_lost_stream_is_logged_and_among_the_events(stream):
    with start_camera(stream.url, "--json") as process:
        rows = [json.loads(process.stdout.readline())]
        for state in (http_camera.AWAY, http_camera.LIVE):
            stream.state = state
            rows.append(json.loads(process.stdout.readline()))
        code, output, errors = stop(process, signal.SIGTERM)
    assert (code, output) == (0, "")
    assert [row["event"] for row in rows] == ["appeared", "lost", "back"]
    assert rows[1]["reason"].endswith("; reconnecting")
    assert f"edge-digits: {stream.url}: {rows[1]['reason']}" in errors.splitlines()
    assert f"edge-digits: {stream.url} is back" in errors.splitlines()


@posix
def test_passwords_and_keys_of_streams_are_not_shown(stream):
    url = stream.url.replace("//", "//admin:secret@") + "?key=hidden"
    with start_camera(url) as process:
        line = process.stdout.readline()
        _, output, errors = stop(process, signal.SIGTERM)
    assert "42  appeared" in line
    assert errors.startswith(f"edge-digits: {stream.url}: 1280x960")
    assert "secret" not in output + errors
    assert "hidden" not in output + errors
