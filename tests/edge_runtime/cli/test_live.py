"""`edge-digits camera`, `cameras` and `serve` as processes: what they print, keep, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import cv2
import pytest

from edge_runtime import ModelError, OutputError, cli
from edge_runtime.live import sources
from edge_runtime.live.events import Event
from edge_runtime.live.sources import devices
from edge_runtime.outputs.events import EventFile
from tests import drawing
from train.synthetic import http_camera


@pytest.fixture(scope="module")
def pages():
    return {
        text: cv2.resize(cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR), (320, 240))
        for text in ("42", "77")
    }


@pytest.fixture(scope="module")
def video(pages, tmp_path_factory):
    """Thirty frames with 42, then thirty with 77, at 30 a second."""
    path = tmp_path_factory.mktemp("video") / "video.avi"
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


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        ('{"event": "left"}\n', ["left"]),
        ('{"event": "left"}\n{"event": "cha', ["left"]),
        ('{"event": "left"}\n{"eve', ["left"]),
        ('{"event": "left"}\n{"event": "back"}', ["left", "back"]),
        ('{"eve', []),
        ("", []),
    ],
    ids=["whole", "cut", "cut early", "without its newline", "one cut line", "empty"],
)
def test_a_file_of_events_is_continued_and_a_half_line_is_cut_off(tmp_path, before, kept):
    path = tmp_path / "events.jsonl"
    path.write_text(before)
    with EventFile(path) as file:
        file.write([Event("lost", 1.0, 1.0, 3, reason="x")])
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [*kept, "lost"]


@pytest.mark.parametrize(
    "content",
    ["x" * 200_000, '{"mine": 1}', "a\nb", '{"event": "left"}\nnot mine'],
    ids=lambda text: text[:12],
)
def test_a_file_of_somebody_elses_is_left_alone(tmp_path, content):
    path = tmp_path / "mine.jsonl"
    path.write_text(content)
    with pytest.raises(OutputError, match="is not a file of events"):
        EventFile(path)
    assert path.read_text() == content


def test_a_file_of_events_may_be_rotated_meanwhile(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventFile(path) as file, EventFile(path) as other:
        for each in (file, other):
            each.write([Event("lost", 1.0, 1.0, 3)])
        os.truncate(path, 0)
        file.write([Event("back", 1.0, 1.0, 3)])
        assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["back"]
    with pytest.raises(OutputError, match="not a regular file"):
        EventFile(tmp_path.rename(tmp_path.with_name("folder.jsonl")))


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limits there")
def test_a_full_disk_ends_the_work_in_one_line(video, tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "left"}\n')
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 0; "$@"', "sh", *command("camera", video, "--no-window", "--out", path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert path.read_text() == '{"event": "left"}\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "events.csv"], "ends in .jsonl"),
        (["--raw"], "--record"),
        (["--record", "video.xyz"], "video.xyz"),
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


def test_an_empty_folder_holds_no_images(tmp_path):
    _, errors = run("camera", tmp_path, "--no-window", code=2)
    assert "holds no images" in errors


def test_without_the_extra_serving_says_what_to_install(video, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    for name in [name for name in sys.modules if name.startswith("edge_runtime.web")]:
        monkeypatch.delitem(sys.modules, name)
    assert cli.main(["camera", str(video), "--serve", "127.0.0.1:0"]) == 2
    assert "pip install 'edge-digits[web]'" in capsys.readouterr().err


@pytest.fixture
def stream(pages):
    with http_camera.StreamServer(lambda seconds: http_camera.jpeg(pages["42"])) as server:
        yield server


def ended(process, number, limit=10):
    """Send a signal; the exit code, and all that was said."""
    process.send_signal(number)
    output, errors = process.communicate(timeout=limit)
    assert "Traceback" not in errors
    return process.returncode, output, errors


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("state", [http_camera.LIVE, http_camera.STALLED, http_camera.AWAY])
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
    stream.state = http_camera.AWAY
    rows.append(json.loads(process.stdout.readline()))
    stream.state = http_camera.LIVE
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
    image = cv2.imencode(".png", pages["42"])[1].tobytes()
    with urlopen(Request(url + "read", image)) as response:
        assert json.load(response)["lines"] == ["42"]
    code, _, _ = ended(process, signal.SIGTERM)
    assert code == 0


def test_cameras_are_listed(monkeypatch, capsys):
    monkeypatch.setattr(sources, "list_cameras", lambda: [devices.Camera("0", "Front (/dev/video0)")])
    assert cli.main(["cameras"]) == 0
    assert capsys.readouterr().out.split() == ["edge-digits", "camera", "0", "Front", "(/dev/video0)"]
    assert cli.main(["cameras", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"source": "0", "name": "Front (/dev/video0)"}]
    monkeypatch.setattr(sources, "list_cameras", list)
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
    assert frames == 60


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

    def show(self, image):
        self.shown.append(image)
        return next(self.keys, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def pressed(video, monkeypatch, tmp_path):
    """Run the command with a window in which keys are pressed, one a frame; return what it showed."""

    def press(*keys):
        from edge_runtime.window import window

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
    shown = pressed("r", None, None, "t", "h", "h", "m", "s", "r", "r", None, "r", " ", " ", "q")
    assert len(shown) == 15
    said = capsys.readouterr().err
    (snapshot,) = tmp_path.glob("*.png")
    assert f"saved {snapshot.name}" in said
    assert cv2.imread(str(snapshot)).shape == (240, 320, 3)
    videos = sorted(tmp_path.glob("*.mp4"))
    assert len(videos) == 2
    assert all(f"recorded {video.name}" in said for video in videos)


def test_what_a_key_cannot_do_does_not_end_the_view(pressed, tmp_path, capsys, monkeypatch):
    from edge_runtime.reading.switch import SwitchableReader

    switch = SwitchableReader.switch

    def broken(self, name):
        if name == "float":
            raise ModelError("no such model")
        switch(self, name)

    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.setattr(SwitchableReader, "switch", broken)
    assert len(pressed("r", "m", None, "q")) == 4
    said = capsys.readouterr().err
    assert "pip install 'edge-digits[record]'" in said
    assert "no such model" in said


def test_a_recording_that_fails_is_said_and_tells_by_the_exit_code(video, tmp_path, monkeypatch, capsys):
    pytest.importorskip("av", reason="recording needs the extra record")
    monkeypatch.setattr("edge_runtime.recording.ROOM", 1 << 62)
    assert cli.main(["camera", str(video), "--no-window", "--record", str(tmp_path / "a.mp4")]) == 1
    output, errors = capsys.readouterr()
    assert "MB are free" in errors
    assert "recorded " not in errors
    assert "42  appeared" in output
    assert not (tmp_path / "a.mp4").exists()


def test_a_video_that_is_cut_off_is_read_as_far_as_it_goes(video, tmp_path):
    path = tmp_path / "cut.avi"
    path.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    output, errors = run("camera", path, "--no-window", code=1)
    assert "appeared" in output
    assert "of 60 frames; is it damaged?" in errors


def test_a_closed_standard_error_leaves_standard_output_alone(video):
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *command("camera", video, "--no-window", "--json")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["appeared", "changed"]


def test_passwords_of_streams_are_not_shown(stream):
    url = stream.url.replace("//", "//admin:secret@") + "?key=hidden"
    process = subprocess.Popen(
        command("camera", url, "--no-window"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    _, _, errors = ended(process, signal.SIGTERM)
    assert stream.url in errors
    assert "secret" not in errors
    assert "hidden" not in errors
