"""`edge-digits camera`, `cameras` and `serve` as processes: what they print, keep, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest

from benchmarks import streams
from edge_runtime import camera, cli
from tests import drawing


@pytest.fixture(scope="module")
def pages():
    return {
        text: cv2.resize(cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR), (320, 240))
        for text in ("42", "77")
    }


@pytest.fixture(scope="module")
def video(pages, tmp_path_factory):
    """Thirty frames with 42, then thirty with 77, at 30 a second."""
    path = tmp_path_factory.mktemp("film") / "video.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (320, 240))
    assert writer.isOpened()
    for index in range(60):
        writer.write(pages["42" if index < 30 else "77"])
    writer.release()
    return path


def command(*arguments):
    return [sys.executable, "-m", "edge_runtime", *map(str, arguments)]


def run(*arguments, code=0, environment=None):
    done = subprocess.run(command(*arguments), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_numbers_that_appear_and_change_are_printed(video, capsys):
    assert cli.main(["camera", str(video), "--no-window"]) == 0
    output, errors = capsys.readouterr()
    words = [line.split()[2:4] for line in output.splitlines()]
    assert words == [["42", "appeared"], ["77", "changed"]]
    assert "from 42" in output
    assert f"{video}: 320x240 at 30 fps" in errors
    assert "60 frames" in errors


def test_events_are_lines_of_json_on_standard_output_and_in_a_file(video, tmp_path):
    path = tmp_path / "sub" / "events.jsonl"
    output, _ = run("camera", video, "--no-window", "--json", "--out", path)
    rows = [json.loads(line) for line in output.splitlines()]
    assert [(row["event"], row["number"]) for row in rows] == [("appeared", "42"), ("changed", "77")]
    assert path.read_text() == output


def test_a_file_of_events_is_continued_and_a_half_line_is_cut_off(video, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "appeared"}\n{"event": "cha')
    run("camera", video, "--no-window", "--out", path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["event"] for row in rows] == ["appeared", "appeared", "changed"]
    path.write_text("x" * 200_000)  # no line at all
    run("camera", video, "--no-window", "--out", path)
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_ends_the_work_in_one_line(video, tmp_path):
    path = tmp_path / "events.jsonl"
    path.symlink_to("/dev/full")
    _, errors = run("camera", video, "--no-window", "--out", path, code=1)
    assert "cannot write" in errors
    assert "No space left" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "events.csv"], "ends in .jsonl"),
        (["--raw"], "--record"),
        (["--record", "film.xyz"], "film.xyz"),
        (["--fps", "15"], "leave out --size and --fps"),
        (["--serve", "nonsense:port"], "nonsense"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(video, arguments, message, tmp_path):
    if "--serve" in arguments:
        pytest.importorskip("fastapi", reason="serving needs the extra web")
    _, errors = run("camera", video, "--no-window", *arguments, code=2)
    assert message in errors.splitlines()[-1]


@pytest.mark.parametrize("source", ["97", "99999999999999999999", "http://127.0.0.1:1/x", "/dev/null"])
def test_a_source_that_is_not_there_is_said_in_a_line_by_a_whole_process(source):
    """In a process of its own: ending while OpenCV is still at work would abort it."""
    _, errors = run("camera", source, "--no-window", code=2)
    assert source in errors
    assert len(errors.splitlines()) == 1


def test_an_empty_folder_holds_no_pictures(tmp_path):
    _, errors = run("camera", tmp_path, "--no-window", code=2)
    assert "holds no pictures" in errors


def test_without_the_extra_serving_says_what_to_install(video, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("edge_runtime.web")]:
        monkeypatch.delitem(sys.modules, name)
    assert cli.main(["camera", str(video), "--serve", "127.0.0.1:0"]) == 2
    assert "pip install 'edge-digits[web]'" in capsys.readouterr().err


@pytest.fixture
def stream(pages):
    with streams.StreamServer(lambda seconds: pages["42"]) as server:
        yield server


def ended(process, number, limit=10):
    """Send a signal; the exit code, and all that was said."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=limit)
    assert "Traceback" not in errors
    return process.returncode, output, errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("state", [streams.LIVE, streams.STALLED, streams.AWAY])
def test_a_signal_ends_it_well_whatever_the_source_does(stream, number, state):
    process = subprocess.Popen(
        command("camera", stream.url, "--no-window"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    line = process.stdout.readline()
    stream.state = state
    time.sleep(0.3)
    code, _, errors = ended(process, number)
    assert code == 0
    assert "42  appeared" in line
    assert "frames in" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_a_lost_stream_is_in_the_log_and_among_the_events(stream):
    process = subprocess.Popen(
        command("camera", stream.url, "--json", "--no-window"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    rows = [json.loads(process.stdout.readline())]
    stream.state = streams.AWAY
    rows.append(json.loads(process.stdout.readline()))
    stream.state = streams.LIVE
    rows.append(json.loads(process.stdout.readline()))
    code, output, errors = ended(process, signal.SIGTERM)
    assert (code, output) == (0, "")
    assert [row["event"] for row in rows] == ["appeared", "lost", "back"]
    assert "trying again" in rows[1]["reason"]
    assert "trying again" in errors
    assert "is back" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_serve_answers_until_it_is_told_to_end(pages):
    pytest.importorskip("fastapi", reason="serving needs the extra web")
    from urllib.request import Request, urlopen

    process = subprocess.Popen(
        command("serve", "127.0.0.1:0"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = process.stderr.readline().split()[-1]
    picture = cv2.imencode(".png", pages["42"])[1].tobytes()
    with urlopen(Request(url + "read", picture)) as response:
        assert json.load(response)["lines"] == ["42"]
    code, _, _ = ended(process, signal.SIGTERM)
    assert code == 0


def test_cameras_are_listed(monkeypatch, capsys):
    monkeypatch.setattr(camera, "list_cameras", lambda: [camera.Camera("0", "Front (/dev/video0)")])
    assert cli.main(["cameras"]) == 0
    assert capsys.readouterr().out.split() == ["edge-digits", "camera", "0", "Front", "(/dev/video0)"]
    assert cli.main(["cameras", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"source": "0", "name": "Front (/dev/video0)"}]
    monkeypatch.setattr(camera, "list_cameras", list)
    assert cli.main(["cameras"]) == 0
    assert "no camera found" in capsys.readouterr().err


def test_what_is_seen_is_recorded(video, tmp_path):
    pytest.importorskip("av", reason="recording needs the extra record")
    path = tmp_path / "out.mp4"
    run("camera", video, "--no-window", "--record", path)
    capture = cv2.VideoCapture(str(path))
    frames = 0
    while capture.read()[0]:
        frames += 1
    capture.release()
    assert 55 <= frames <= 65


@pytest.mark.skipif(sys.platform != "linux", reason="other systems always have a screen")
@pytest.mark.parametrize("screen", [None, ":77"], ids=["none", "dead"])
def test_without_a_screen_the_command_says_what_to_do(video, screen):
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if screen:
        environment["DISPLAY"] = screen
    _, errors = run("camera", video, code=2, environment=environment)
    assert "--no-window" in errors
    assert len(errors.splitlines()) == 1


class _Screen:
    """Stands in for the window: keeps what it shows, and presses keys."""

    def __init__(self, keys):
        self.keys, self.shown = iter(keys), []

    def __call__(self, title):
        return self

    def show(self, picture):
        self.shown.append(picture)
        return next(self.keys, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def pressed(video, monkeypatch, tmp_path):
    """Run the command with a window in which keys are pressed, one a frame; return what it showed."""

    def press(*keys):
        from edge_runtime import window

        screen = _Screen(keys)
        monkeypatch.setattr(window, "Window", screen)
        monkeypatch.chdir(tmp_path)
        assert cli.main(["camera", str(video)]) == 0
        return screen.shown

    return press


@pytest.mark.parametrize("key", ["q", "closed"])
def test_the_window_ends_the_show(pressed, key):
    assert len(pressed(None, None, key)) == 3


def test_keys_of_the_window(pressed, tmp_path, capsys):
    pytest.importorskip("av", reason="recording needs the extra record")
    shown = pressed("r", "t", "h", "h", "m", None, "s", "r", " ", " ", "q")
    assert len(shown) == 11
    said = capsys.readouterr().err
    (snapshot,) = tmp_path.glob("*.png")
    assert snapshot.name in said
    assert cv2.imread(str(snapshot)).shape == (240, 320, 3)
    assert [path for path in tmp_path.iterdir() if path.name in said and path != snapshot]
