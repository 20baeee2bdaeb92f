"""Addresses: files on a web server on this machine, and in an object store in memory."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edge_runtime import DigitReader, ImageError
from edge_runtime.cli import main
from edge_runtime.images import files, remote
from tests import drawing
from tests.image_files import encode, tiff_pages

fsspec = pytest.importorskip("fsspec")
pytest.importorskip("aiohttp")

PNG = encode(".png", drawing.page("407"))
TIFF = tiff_pages(*map(drawing.page, ("12", "345")))
FILES = {
    "/a.png": PNG,
    "/scan.tif": TIFF,
    "/page.html": b"<!DOCTYPE html><html>",
    "/photo?id=1&size=2": PNG,
}


TOGETHER = threading.Barrier(2)  # two requests that are answered together, or not at all


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = FILES.get(self.path)
        if self.path.startswith("/together"):
            body = PNG
            TOGETHER.wait(20)
        status = 403 if self.path == "/private.png" else 200 if body else 404
        self.send_response(status)
        if self.path != "/a.png":  # one comes without its length
            self.send_header("content-length", str(len(body or b"")))
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # a reader that has seen enough hangs up
            for start in range(0, len(body or b""), 4000):  # in pieces, as they come over a network
                self.wfile.write(body[start : start + 4000])
                time.sleep(0.001)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture
def store():
    memory = fsspec.filesystem("memory")
    memory.pipe({"/box/b.png": PNG, "/box/a.tif": TIFF, "/box/in/c.PNG": PNG, "/box/notes.txt": b"x"})
    memory.pipe({f"/box/{junk}": PNG for junk in ("._b.png", ".in/d.png", "in/__MACOSX/c.png")})
    yield "memory://box"
    memory.rm("/box", recursive=True)


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


def found(readings):
    return [(reading.source, reading.text) for reading in readings]


def test_files_on_a_web_server_are_read(server, reader):
    for name in ("/a.png", "/photo?id=1&size=2"):
        assert found([reader.read(server + name)]) == [(server + name, "407")]
    scan = f"{server}/scan.tif"
    assert reader.read(scan).first_only
    assert found([reader.read(f"{scan}#2")]) == [(f"{scan}#2", "345")]
    readings = reader.read_many([scan, f"{server}/gone.png", f"{server}/a.png"])
    assert found(readings) == [
        (f"{scan}#1", "12"), (f"{scan}#2", "345"), (f"{server}/gone.png", ""), (f"{server}/a.png", "407"),
    ]  # fmt: skip


def test_addresses_are_fetched_side_by_side(server, reader):
    addresses = [f"{server}/together?{index}" for index in range(4)]
    assert found(reader.read_many(addresses)) == [(address, "407") for address in addresses]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/gone.png", "no such file on the server"),
        ("/private.png", "the server refuses access"),
        ("/page.html", "a web page: give the address"),
    ],
)
def test_what_a_server_answers_is_reported(server, name, message, reader):
    with pytest.raises(ImageError, match=f"^{server}{name}: {message}"):
        reader.read(server + name)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("rtsp://camera/1", "a stream, not an image; use edge-digits camera ADDRESS instead"),
        ("http://127.0.0.1:9/a.png", "cannot be fetched: .*connect"),
        ("nonsense://a/b.png", "an address of an unknown kind"),
        ("memory://gone/b.png", "no such file"),
    ],
)
def test_addresses_that_lead_nowhere_are_reported(address, message, reader):
    with pytest.raises(ImageError, match=message) as caught:
        reader.read(address)
    assert "\n" not in str(caught.value)
    (reading,) = reader.read_many([address])
    assert reading.source == address
    assert reading.failed


def test_large_files_are_not_read_to_their_end(server, reader, monkeypatch):
    for module in (files, remote):
        monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(ImageError, match="over the limit"):
        reader.read(f"{server}/scan.tif")


@pytest.mark.parametrize("package", ["fsspec", "aiohttp"])
def test_without_the_extra_the_way_out_is_told(server, reader, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImageError, match=rf"a\.png: addresses need {package}: pip install '.*\[remote\]'$"):
        reader.read(f"{server}/a.png")


def test_the_package_of_a_store_is_named():
    with pytest.raises(ImageError, match="s3fs"):
        remote.read("s3://bucket/a.png")


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("", ["a.tif#1", "a.tif#2", "b.png", "in/c.PNG"]),
        ("/in", ["in/c.PNG"]),
        ("/*.png", ["b.png"]),
        ("/b.png", ["b.png"]),
        ("/.in", [".in/d.png"]),
        ("/*.gif", ["*.gif"]),
    ],
    ids=["folder", "inner folder", "glob", "file", "hidden folder", "no match"],
)
def test_folders_and_globs_of_a_store_are_expanded(store, name, names, reader):
    sources = [
        reading.source.replace("memory:///", "memory://") for reading in reader.read_many(store + name)
    ]
    assert sources == [f"{store}/{each}" for each in names]


def test_the_command_reads_annotates_and_resumes_addresses(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    sources = [f"{server}/scan.tif", f"{server}/photo?id=1&size=2"]
    assert main(["read", *sources, "--out", "r.csv", "--annotate", "drawn"]) == 0
    rows = Path("r.csv").read_text()
    assert [line.split(",")[0].removeprefix(server) for line in rows.splitlines()[1:]] == [
        *["/scan.tif#1"] * 2, *["/scan.tif#2"] * 3, *["/photo?id=1&size=2"] * 3,
    ]  # fmt: skip
    copies = sorted(path.name for path in Path("drawn").rglob("*.png"))
    assert copies == ["photo%3Fid=1&size=2.png", "scan.tif#1.png", "scan.tif#2.png"]
    capsys.readouterr()
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")  # an address is the same from every folder
    assert main(["read", *sources, "--out", "../r.csv", "--resume"]) == 0
    assert "2 skipped as already read" in capsys.readouterr().err
    assert (tmp_path / "r.csv").read_text() == rows
