"""PDF and HEIC files: pages in a process of their own, within limits of size and time."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time

import cv2
import numpy as np
import pytest

from edge_runtime import DigitReader, ImageError
from edge_runtime.images import isolated, suffixes
from edge_runtime.images.documents import open_document
from edge_runtime.images.limits import FILES, Limits
from tests import documents, drawing

TEXTS = ("12", "345", "6")
PDF = documents.pdf(*map(drawing.page, TEXTS))

pytestmark = pytest.mark.skipif(
    not (suffixes.is_available("pdf") and suffixes.is_available("heic")),
    reason="needs the extras pdf and heic",
)


@pytest.fixture(scope="module")
def reader():
    return DigitReader()


@pytest.fixture
def scan(tmp_path):
    path = tmp_path / "scan.pdf"
    path.write_bytes(PDF)
    return str(path)


def found(readings):
    return [(reading.source, reading.text, reading.status) for reading in readings]


@pytest.mark.parametrize("threads", [1, 3])
def test_every_page_of_a_pdf_has_its_own_reading(scan, threads):
    expected = [(f"{scan}#{page}", text, "ok") for page, text in enumerate(TEXTS, start=1)]
    assert found(DigitReader(threads=threads).read_many([scan, scan])) == expected * 2


def test_pages_are_read_by_name_and_single_ones_without_a_number(scan, tmp_path, reader):
    assert found([reader.read(scan), reader.read(f"{scan}#2"), reader.read(PDF)]) == [
        (scan, "12", "ok; only the first page or frame was read"),
        (f"{scan}#2", "345", "ok"),
        ("", "12", "ok; only the first page or frame was read"),
    ]
    path = tmp_path / "single.pdf"
    path.write_bytes(documents.pdf(drawing.page("7")))
    assert found(reader.read_many([path])) == [(str(path), "7", "ok")]
    with pytest.raises(ImageError, match="the file has 3 pages; there is no page 4"):
        reader.read(f"{scan}#4")


def test_pages_are_rendered_at_200_dpi_and_turned():
    page = drawing.page("12")
    height, width = (round(side * 200 / documents.DPI) for side in page.shape)
    upright, turned = (open_document(documents.pdf(page, rotate=angle)) for angle in (0, 90))
    assert upright.decode(0).shape == pytest.approx((height, width), abs=1)
    assert turned.decode(0).shape == pytest.approx((width, height), abs=1)
    assert upright.decode(0, colour=True).shape == (*upright.decode(0).shape, 3)


def test_large_pages_are_rendered_smaller():
    document = open_document(documents.pdf(drawing.page("12"), size=(3000, 2000)), Limits(pixels=1_000_000))
    assert document.decode(0).size == pytest.approx(1_000_000, rel=0.01)
    for size in ((14_000_000, 14_000_000), (10**9, 1)):
        document = open_document(documents.pdf(drawing.page("12"), size=size))
        with pytest.raises(ImageError, match="inches, too large to be rendered"):
            document.decode(0)


def test_pictures_that_claim_too_much_are_not_decoded():
    page = documents.stream(b"9 0 0 9 0 0 cm /I Do")
    claim = "/Type/XObject/Subtype/Image/Width 60000/Height 60000/ColorSpace/DeviceGray/BitsPerComponent 8"
    data = documents.assemble(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Resources<</XObject<</I 5 0 R>>>>"
            b"/Contents 4 0 R>>",
            page,
            documents.stream(b"x", claim),
        ]
    )
    with pytest.raises(ImageError, match="its pictures have 3600 megapixels, over the limit of 200"):
        open_document(data).decode(0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"%PDF-1.7\n" + bytes(100), "a damaged PDF", id="only a signature"),
        pytest.param(PDF[:200], "a damaged PDF", id="cut off"),
        pytest.param(
            documents.assemble(
                [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"],
                f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'00' * 32}>/U<{'11' * 32}>>>/ID[<00><00>]",
            ),
            "a PDF with a password; save it without one",
            id="password",
        ),
        pytest.param(
            documents.assemble([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[]/Count 0>>"]),
            "a damaged PDF",
            id="no pages",
        ),
        pytest.param(b"\0\0\0\x1cftypheic" + bytes(100), "a damaged HEIC photo", id="HEIC"),
    ],
)
def test_damaged_files_are_reported_in_one_line(data, message, reader):
    with pytest.raises(ImageError) as caught:
        reader.read(data)
    assert str(caught.value) == message
    readings = reader.read_many([data, PDF])
    assert [reading.status for reading in readings] == [f"error: {message}", "ok", "ok", "ok"]


@pytest.mark.parametrize("channels", [None, 3, 4], ids=["grey", "colour", "transparent"])
def test_heic_photos_are_read(channels, tmp_path, reader):
    page = drawing.page("407")
    if channels:
        page = np.dstack([page] * 3 + [np.full_like(page, 255)] * (channels - 3))
    path = tmp_path / "photo.heic"
    path.write_bytes(documents.heic(page))
    reading = reader.read(path)
    assert found([reading]) == found(reader.read_many([path])) == [(str(path), "407", "ok")]
    assert (reading.height, reading.width) == page.shape[:2]


def test_colours_of_a_heic_are_in_the_order_of_opencv():
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 255
    colour = open_document(documents.heic(red)).decode(0, colour=True)
    assert (colour[32, 32] > (-1, -1, 200)).all() and colour[32, 32, 0] < 60


def test_the_images_of_a_heic_are_pages():
    images = [drawing.page(text) for text in ("12", "345")]
    document = open_document(documents.heic(*images, primary_index=1))
    assert [document.decode(index).shape for index in range(2)] == [image.shape for image in images[::-1]]


def test_large_heic_photos_are_not_decoded():
    with pytest.raises(ImageError, match="over the limit of 0 megapixels for this kind of image"):
        open_document(documents.heic(drawing.page("1")), Limits(pixels=10_000)).decode(0)


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_page_that_takes_too_long_does_not_stop_the_others(monkeypatch):
    document = open_document(PDF)
    monkeypatch.setattr(document, "_seconds", 0.05)
    os.kill(document._process._popen.pid, signal.SIGSTOP)
    with pytest.raises(ImageError, match=r"it takes more than 0\.05 s to decode"):
        document.decode(0)
    monkeypatch.setattr(document, "_seconds", FILES.seconds)
    assert document.decode(1).size > 0


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_decoder_that_crashes_does_not_stop_the_others():
    document, other = open_document(PDF), open_document(PDF)
    process = document._process
    os.kill(process._popen.pid, signal.SIGKILL)
    try:
        document.decode(0)
    except ImageError as error:  # unless its end has been noticed before
        assert str(error) == "damaged: its decoder crashed"
    assert document.decode(0).shape == other.decode(0).shape


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_requests_that_wait_for_a_decoder_that_crashes_go_to_another():
    """All four decoders are stopped and killed while twelve files wait for them."""
    documents_ = [open_document(PDF) for _ in range(12)]
    processes = {document._process for document in documents_}
    for process in processes:
        os.kill(process._popen.pid, signal.SIGSTOP)
    found: list[object] = []

    def decode(document):
        try:
            found.append(document.decode(0).size > 0)
        except ImageError as error:
            found.append(str(error))

    threads = [threading.Thread(target=decode, args=(document,)) for document in documents_]
    for thread in threads:
        thread.start()
    for process in processes:
        while not process.lock.locked():
            time.sleep(0.01)
        os.kill(process._popen.pid, signal.SIGKILL)
    for thread in threads:
        thread.join()
    # A request that had been sent fails; those that waited do not.
    assert found.count(True) >= len(documents_) - len(processes)
    assert {each for each in found if each is not True} <= {"damaged: its decoder crashed"}


def test_the_answer_to_an_interrupted_request_is_not_that_of_the_next(monkeypatch):
    document = open_document(PDF)
    process = document._process._popen

    def interrupt(text):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(isolated.json, "loads", interrupt)
        document.decode(0)
    assert process.poll() is not None
    assert document.decode(1).size > 0


def test_decoders_import_nothing_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit")
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    isolated._end_all()
    assert open_document(PDF).decode(0).size > 0


def test_a_decoder_that_ends_while_idle_is_replaced_and_its_pipes_are_closed():
    document = open_document(PDF)
    ended = document._process._popen
    ended.kill()
    ended.wait()
    assert document.decode(0).size
    assert document._process._popen is not ended
    assert ended.stdin.closed
    assert ended.stdout.closed


def test_closed_files_are_forgotten():
    document = open_document(PDF)
    number, closed = document._number, document._process.closed
    del document
    assert number in closed
    open_document(PDF)
    assert number not in closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_starts_decoders_of_its_own():
    document = open_document(PDF)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, b"%d" % document.decode(1).shape[1])
            isolated._end_all()
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    assert int(text) == document.decode(1).shape[1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(PDF, "a PDF: pip install 'edge-digits[pdf]'", id="PDF"),
        pytest.param(b"\0\0\0\x1cftypheic", "a HEIC photo: pip install 'edge-digits[heic]'", id="HEIC"),
    ],
)
def test_without_the_extras_the_way_out_is_told(data, message, reader, monkeypatch):
    monkeypatch.setattr(suffixes, "is_available", lambda extra: False)
    with pytest.raises(ImageError) as caught:
        reader.read(data)
    assert str(caught.value) == message


def test_a_decoder_that_cannot_be_started_costs_one_row(scan, tmp_path, monkeypatch, reader):
    def refuse(module):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    image = tmp_path / "page.png"
    image.write_bytes(cv2.imencode(".png", drawing.page("7"))[1].tobytes())
    isolated._end_all()
    monkeypatch.setattr(isolated.child, "start", refuse)
    assert found(reader.read_many([image, scan, image])) == [
        (str(image), "7", "ok"),
        (scan, "", f"error: its decoder cannot be started: {os.strerror(errno.EMFILE).lower()}"),
        (str(image), "7", "ok"),
    ]


def test_decoders_that_run_serve_when_no_other_can_be_started(scan, monkeypatch, reader):
    def refuse(module):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    assert reader.read(scan).text == TEXTS[0]
    monkeypatch.setattr(isolated.child, "start", refuse)
    busy = list(isolated._processes)
    for process in busy:
        process.lock.acquire()
    found_one = isolated._process()
    for process in busy:
        process.lock.release()
    assert found_one in busy
