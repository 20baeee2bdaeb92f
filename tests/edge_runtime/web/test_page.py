"""The web page in a browser, at the sizes of a desktop and a phone, against a real server."""

from __future__ import annotations

import shutil
import threading
from urllib.parse import urlsplit

import cv2
import pytest

from edge_runtime.live.events import TrackedNumber
from edge_runtime.live.view import View
from edge_runtime.web.guard import TOKEN_VARIABLE
from edge_runtime.web.server import Server
from tests import drawing

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if not CHROMIUM:
    pytest.skip("no Chromium is installed", allow_module_level=True)

# Strokes of digits, in units of their height: x to the right, y down.
STROKES = {
    "0": [
        [
            (0.3, 0),
            (0.1, 0.15),
            (0, 0.5),
            (0.1, 0.85),
            (0.3, 1),
            (0.5, 0.85),
            (0.6, 0.5),
            (0.5, 0.15),
            (0.3, 0),
        ]
    ],
    "3": [
        [(0, 0.12), (0.25, 0), (0.5, 0.15), (0.45, 0.4), (0.2, 0.48)],
        [(0.2, 0.48), (0.5, 0.55), (0.55, 0.8), (0.3, 1), (0, 0.9)],
    ],
    "4": [[(0.3, 0), (0, 0.62), (0.62, 0.6)], [(0.48, 0.25), (0.42, 1)]],
    "7": [[(0, 0.03), (0.58, 0), (0.25, 1)]],
}

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

SCREENS = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}


class Camera:
    """Publishes views of a drawn page, as the live loop does for a camera."""

    def __init__(self, readers):
        self.readers = readers
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
            image[:4, : count % image.shape[1]] = (0, 0, 255)  # something moves
            numbers = tuple(
                TrackedNumber(number.digits, index, True)
                for index, number in enumerate(readings[self.text].numbers)
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
def camera(readers, live):
    started = Camera(readers)
    started.start(live)
    yield started
    started.stop()


@pytest.fixture(params=SCREENS)
def visit(browser, request):
    """A function that opens a URL. The page must load nothing from other hosts and log no problems."""
    context = browser.new_context(**SCREENS[request.param])
    context.set_default_timeout(60_000)  # the machine may be busy
    page = context.new_page()
    page.problems, loaded = [], []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: line.type in ("error", "warning") and page.problems.append(line.text))
    page.on("request", lambda each: loaded.append(each.url))

    def go(url):
        page.goto(url, wait_until="domcontentloaded")
        page.origin = url.split("?")[0]
        return page

    yield go
    context.close()
    assert not page.problems
    assert {urlsplit(url).netloc for url in loaded} <= {urlsplit(page.origin).netloc, ""}


def draw(page, text):
    """Draw digits on the pad, side by side, with the mouse."""
    box = page.locator("#pad").bounding_box()
    height = min(box["height"] * 0.6, box["width"] / len(text) * 0.8)
    step = box["width"] / (len(text) + 0.5)
    for column, character in enumerate(text):
        for stroke in STROKES[character]:
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
    page.wait_for_function(f"() => {condition}")  # a function: the page's policy forbids eval


def read(page, panel, lines):
    """Wait until a panel shows these lines."""
    page.wait_for_function(
        "([panel, lines]) => [...document.querySelectorAll(`#${panel} .lines b`)]"
        ".map((line) => line.textContent).join() === lines.join()",
        arg=[panel, lines],
    )


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_live_view_shows_image_numbers_and_charts(live, visit, camera):
    page = visit(live.url)
    wait(page, "document.querySelector('#stream').naturalWidth > 100")
    wait(page, "document.querySelector('#numbers').innerText.trim() === '4285'")
    assert page.locator("#state").inner_text() == "Live"
    assert page.locator("#source").inner_text() == "camera 0 · 640x480 at 20 fps"
    shot = page.locator("#stream").screenshot()
    camera.text = "17"
    wait(page, "document.querySelector('#numbers').innerText.trim() === '17'")
    assert page.locator("#stream").screenshot() != shot
    assert "20.0" in page.locator(".chart.rate").inner_text()
    assert "7.0 ms" in page.locator(".chart.latency").inner_text()
    assert fits(page)


def test_problems_of_the_source_are_shown_while_they_last(live, visit, camera):
    page = visit(live.url)
    wait(page, "document.querySelector('#state').textContent === 'Live'")
    camera.problem = "unplugged, trying again"
    wait(page, "document.querySelector('#notice').textContent.includes('unplugged')")
    assert page.locator("#state").inner_text() == "No signal"
    camera.problem = ""
    wait(page, "document.querySelector('#notice').hidden")


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_snapshot_is_downloaded(live, visit, camera):
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
    # The page shows the choice at once, but loading the model takes a moment.
    for _ in range(200):
        if camera.readers.model == "float":
            break
        page.wait_for_timeout(50)
    assert camera.readers.model == "float"
    camera.readers.switch("int8")  # as another viewer would
    wait(page, "document.querySelector('[value=int8]').checked")


@pytest.mark.parametrize("text", ["7", "4"])
def test_drawn_digits_are_read(still, visit, text):
    page = visit(still.url)
    draw(page, text)
    read(page, "draw-result", [text])
    assert page.locator("#draw-result .tiles img").count() == len(text)
    assert fits(page)


def test_strokes_are_undone_and_cleared(still, visit):
    page = visit(still.url)
    draw(page, "30")
    read(page, "draw-result", ["30"])
    page.click("#undo")
    read(page, "draw-result", ["3"])
    page.click("#clear")
    wait(page, "!document.querySelector('#draw-result .lines')")
    assert page.locator("#clear").is_disabled() and page.locator("#undo").is_disabled()


@pytest.mark.parametrize("visit", ["phone"], indirect=True)
def test_a_finger_draws_without_scrolling(still, visit):
    page = visit(still.url)
    box = page.locator("#pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.25
    session = page.context.new_cdp_session(page)
    touch = {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    session.send("Input.dispatchTouchEvent", touch)
    for step in range(1, 12):
        point = {"x": x - step, "y": y + box["height"] * 0.045 * step}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    read(page, "draw-result", ["1"])
    assert page.evaluate("scrollY") == 0


def test_chosen_images_are_read(still, visit, image_file):
    page = visit(still.url)
    page.click("#tab-image")
    page.set_input_files("#choose", image_file("page.png", "408 1356"))
    read(page, "image-result", ["408", "1356"])
    page.set_input_files("#choose", image_file("large.jpg", "29", height=1400))  # reduced before it is sent
    read(page, "image-result", ["29"])
    assert fits(page)


def test_turned_images_are_read_and_turned_by_hand(still, visit, tmp_path):
    cv2.imwrite(str(tmp_path / "turned.png"), drawing.page("4753 2745")[::-1, ::-1])
    page = visit(still.url)
    page.click("#tab-image")
    page.set_input_files("#choose", tmp_path / "turned.png")
    read(page, "image-result", ["4753", "2745"])
    assert "8 digits, turned by 180°, " in page.locator("#image-result .time").inner_text()
    page.select_option("#rotate", "0")
    wait(page, "!document.querySelector('#image-result').innerText.includes('turned')")
    page.select_option("#rotate", "180")
    read(page, "image-result", ["4753", "2745"])
    assert fits(page)


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
@pytest.mark.parametrize("way", ["drop", "paste"])
def test_dropped_and_pasted_images_are_read(still, visit, way, image_file):
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
    read(page, "image-result", ["4285"])


def test_unreadable_files_are_reported(still, visit, tmp_path):
    page = visit(still.url)
    page.click("#tab-image")
    path = tmp_path / "note.txt"
    path.write_text("hello")
    page.set_input_files("#choose", path)
    wait(page, "document.querySelector('#image-result .error')")
    assert "damaged, or not an image" in page.locator("#image-result .error").inner_text()
    assert [problem for problem in page.problems if "422" in problem]  # logged by the browser itself
    page.problems.clear()


def test_without_a_camera_there_is_no_live_view(still, visit):
    page = visit(still.url)
    assert page.locator("[role=tab]").all_inner_texts() == ["Draw", "Image"]
    assert page.locator("#pad").is_visible()


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_the_page_reconnects_to_a_restarted_device(visit, readers):
    first = Server(readers, "127.0.0.1:0", live=False)
    first.start()
    page = visit(first.url)
    wait(page, "document.querySelector('[value=int8]').checked")
    first.close()
    wait(page, "document.querySelector('#notice').textContent.includes('lost')")
    with Server(readers, f"127.0.0.1:{first.port}", live=False) as second:
        second.start()
        wait(page, "document.querySelector('#notice').hidden")
        page.problems.clear()  # the browser logs that the server is gone
        page.goto("about:blank")


def test_the_token_is_entered_once(visit, readers, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, "a-token-of-a-device")
    with Server(readers, "127.0.0.1:0", live=False) as served:
        served.start()
        page = visit(served.url.split("?")[0])
        page.problems.clear()  # the browser logs the status 401
        assert page.locator("#pad").count() == 0
        page.fill("#token", "a-token-of-a-device")
        page.click("button")
        page.wait_for_selector("#pad")
        assert page.url == page.origin
        draw(page, "7")
        read(page, "draw-result", ["7"])


def test_the_api_page_shows_the_routes(still, visit):
    page = visit(f"{still.url}docs")
    page.origin = still.url
    page.wait_for_selector("text=/read")
    assert "--data-binary" in page.locator("pre").first.inner_text()
    assert fits(page)
