"""The page in a browser, on a desktop's and a phone's screen, against a real server."""

from __future__ import annotations

import importlib
import shutil
import threading
from itertools import groupby
from urllib.parse import urlsplit

import cv2
import pytest

from edge_runtime.live.events import Number
from edge_runtime.live.view import View
from edge_runtime.reading.switch import SwitchableReader
from tests import drawing
from train.synthetic.glyphs import STROKES

for package in ("fastapi", "uvicorn", "prometheus_client"):
    pytest.importorskip(package, reason="the extra web is not installed")

server = importlib.import_module("edge_runtime.web.server")

Server = server.Server

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if not CHROMIUM:
    pytest.skip("no Chromium is installed", allow_module_level=True)

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

SCREENS = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


class Camera:
    """A live loop on drawn pages: what the command's own does, without a camera."""

    def __init__(self):
        self.readers = SwitchableReader()
        self.problem = ""
        self.text = "4285"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self, served):
        self._served = served
        self._thread.start()

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self):
        pages = {text: cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR) for text in ("4285", "17")}
        readings = {text: self.readers.reader.read(page) for text, page in pages.items()}
        count = 0
        while not self._stop.wait(0.05):
            image, digits = pages[self.text].copy(), readings[self.text].digits
            image[:4, : count % image.shape[1]] = (0, 0, 255)  # something that moves
            lines = [tuple(line) for _, line in groupby(digits, key=lambda digit: digit.line)]
            numbers = tuple(
                Number(
                    index,
                    "".join(str(digit.value) for digit in line),
                    min(digit.confidence for digit in line),
                    line[0].box,
                    line,
                    True,
                )
                for index, line in enumerate(lines)
            )
            self._served.publish(
                View(
                    image,
                    count,
                    count / 20,
                    count / 20,
                    digits,
                    numbers,
                    stages={"capture": 0.03, "detect": 0.004, "classify": 0.002, "draw": 0.001},
                    rate=20.0,
                    problem=self.problem,
                    model=self.readers.model,
                    source="camera 0",
                    capture_format="640x480 at 20 fps",
                )
            )
            count += 1


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield started
        started.close()


@pytest.fixture
def camera():
    return Camera()


@pytest.fixture
def live(camera):
    with Server(camera.readers, "127.0.0.1:0", live=True) as served:
        served.start()
        camera.start(served)
        yield served
        camera.stop()


@pytest.fixture
def still():
    with Server(SwitchableReader(), "127.0.0.1:0", live=False) as served:
        served.start()
        yield served


@pytest.fixture(params=SCREENS)
def visit(browser, request):
    """A function that opens an address; the page must not ask anybody else, and not print_message."""
    context = browser.new_context(**SCREENS[request.param])
    page = context.new_page()
    page.complaints, asked = [], []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda said: said.type in ("error", "warning") and page.complaints.append(said.text))
    page.on("request", lambda each: asked.append(each.url))

    def go(url):
        page.goto(url, wait_until="domcontentloaded")
        page.origin = url.split("?")[0]
        return page

    yield go
    context.close()
    assert not page.complaints
    assert {urlsplit(url).netloc for url in asked} <= {urlsplit(page.origin).netloc, ""}


def draw(page, text):
    """Draw digits on the pad, side by side, with the mouse."""
    box = page.detector("#pad").bounding_box()
    height = min(box["height"] * 0.6, box["width"] / len(text) * 0.8)
    step = box["width"] / (len(text) + 0.5)
    for column, character in enumerate(text):
        for stroke in STROKES[int(character)]:
            points = [
                (box["x"] + step * (column + 0.4) + x * height, box["y"] + box["height"] * 0.2 + y * height)
                for x, y in stroke
            ]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point, steps=4)
            page.mouse.up()


def wait(page, condition):
    page.wait_for_function(f"() => {condition}")  # a function: the page's policy forbids to evaluate text


def read(page, panel, lines):
    """Wait until a panel shows these lines."""
    page.wait_for_function(
        "([panel, lines]) => [...document.querySelectorAll(`#${panel} .lines b`)]"
        ".map((line) => line.textContent).join() === lines.join()",
        arg=[panel, lines],
    )


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_live_image_comes_and_changes(live, visit, camera):
    page = visit(live.url)
    wait(page, "document.querySelector('#stream').naturalWidth > 100")
    wait(page, "document.querySelector('#numbers').innerText.trim() === '4285'")
    assert page.detector("#state").inner_text() == "Live"
    assert page.detector("#source").inner_text() == "camera 0 · 640x480 at 20 fps"
    shot = page.detector("#stream").screenshot()
    camera.text = "17"
    wait(page, "document.querySelector('#numbers').innerText.trim() === '17'")
    assert page.detector("#stream").screenshot() != shot
    assert "20.0" in page.detector(".figure.rate").inner_text()
    assert "7.0 ms" in page.detector(".figure.latency").inner_text()
    assert fits(page)


def test_trouble_is_said_and_forgotten(live, visit, camera):
    page = visit(live.url)
    wait(page, "document.querySelector('#state').textContent === 'Live'")
    camera.problem = "unplugged, trying again"
    wait(page, "document.querySelector('#notice').textContent.includes('unplugged')")
    assert page.detector("#state").inner_text() == "No images"
    camera.problem = ""
    wait(page, "document.querySelector('#notice').hidden")


def test_a_snapshot_is_saved_where_the_browser_is(live, visit):
    page = visit(live.url)
    wait(page, "document.querySelector('#state').textContent === 'Live'")
    with page.expect_download() as download:
        page.click("#snapshot")
    assert download.value.suggested_filename.startswith("edge-digits-")


def test_the_model_is_switched(live, visit, camera):
    page = visit(live.url)
    wait(page, "document.querySelector('[value=int8]').checked")
    page.click("text=Float")
    wait(page, "document.querySelector('[value=float]').checked")
    # The page shows the choice at once; loading the model takes a moment.
    for _ in range(200):
        if camera.readers.model == "float":
            break
        page.wait_for_timeout(50)
    assert camera.readers.model == "float"
    camera.readers.switch("int8")  # by another viewer
    wait(page, "document.querySelector('[value=int8]').checked")


@pytest.mark.parametrize("text", ["7", "4", "30"])
def test_what_is_drawn_is_read(still, visit, text):
    page = visit(still.url)
    draw(page, text)
    read(page, "drawn", [text])
    assert page.detector("#drawn .tiles img").count() == len(text)
    page.click("#undo")
    page.click("#clear")
    wait(page, "!document.querySelector('#drawn .lines')")
    assert page.detector("#clear").is_disabled()
    assert fits(page)


def test_a_finger_draws(still, visit):
    page = visit(still.url)
    if not page.evaluate("navigator.maxTouchPoints"):
        pytest.skip("no touch on this screen")
    box = page.detector("#pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.25
    session = page.context.new_cdp_session(page)
    touch = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    session.send("Input.dispatchTouchEvent", touch)
    for step in range(1, 12):
        point = {"x": x - step, "y": y + box["height"] * 0.045 * step}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    read(page, "drawn", ["1"])
    assert page.evaluate("scrollY") == 0


def test_a_chosen_image_is_read(still, visit, image_file):
    page = visit(still.url)
    page.click("#tab-image")
    page.set_input_files("#choose", image_file("page.png", "408 1356"))
    read(page, "imaged", ["408", "1356"])
    page.set_input_files("#choose", image_file("large.jpg", "29", height=1400))  # reduced before it is sent
    read(page, "imaged", ["29"])
    assert fits(page)


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_dropped_or_pasted_image_is_read(still, visit, way, image_file):
    page = visit(still.url)
    data = list(image_file("page.png", "4285").read_bytes())
    page.evaluate(
        """([way, data]) => {
            const moved = new DataTransfer();
            moved.items.add(new File([new Uint8Array(data)], "page.png", { type: "image/png" }));
            document.body.dispatchEvent(
                way === "drop"
                    ? new DragEvent("drop", { dataTransfer: moved, bubbles: true, cancelable: true })
                    : new ClipboardEvent("paste", { clipboardData: moved, bubbles: true }),
            );
        }""",
        [way, data],
    )
    read(page, "imaged", ["4285"])


def test_what_is_no_image_is_said(still, visit, tmp_path):
    page = visit(still.url)
    page.click("#tab-image")
    path = tmp_path / "note.txt"
    path.write_text("hello")
    page.set_input_files("#choose", path)
    wait(page, "document.querySelector('#imaged .wrong')")
    assert [said for said in page.complaints if "422" in said]  # the browser's own word on the answer
    page.complaints.clear()


def test_without_a_camera_pad_and_image_take_the_stage(still, visit):
    page = visit(still.url)
    assert page.detector("[role=tab]").all_inner_texts() == ["Draw", "Image"]
    assert page.detector("#pad").is_visible()


def test_a_device_that_goes_and_comes_back(visit):
    first = Server(SwitchableReader(), "127.0.0.1:0", live=False)
    first.start()
    page = visit(first.url)
    wait(page, "document.querySelector('[value=int8]').checked")
    first.close()
    wait(page, "document.querySelector('#notice').textContent.includes('lost')")
    with Server(SwitchableReader(), f"127.0.0.1:{first.port}", live=False) as second:
        second.start()
        wait(page, "document.querySelector('#notice').hidden")
        page.complaints.clear()  # the browser's word on a server that is gone
        page.goto("about:blank")


def test_the_token_is_asked_for_once(visit, monkeypatch):
    monkeypatch.setenv(server.TOKEN_VARIABLE, "a-token-of-a-device")
    with Server(SwitchableReader(), "127.0.0.1:0", live=False) as served:
        served.start()
        page = visit(served.url.split("?")[0])
        page.complaints.clear()  # 401 for who has none
        assert page.detector("#pad").count() == 0
        page.fill("#token", "a-token-of-a-device")
        page.click("button")
        page.wait_for_selector("#pad")
        assert page.url == page.origin
        draw(page, "7")
        read(page, "drawn", ["7"])


def test_the_api_page_needs_nobody_else(still, visit):
    page = visit(f"{still.url}docs")
    page.origin = still.url
    page.wait_for_selector("text=/read")
    assert "--data-binary" in page.detector("pre").first.inner_text()
    assert fits(page)
