"""The web page in a browser, at the sizes of a desktop and a phone, against a real server."""

from __future__ import annotations

import base64
import csv
import os
import shutil
import threading
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from edge_runtime.images import decode, suffixes
from edge_runtime.live.events import TrackedNumber
from edge_runtime.live.view import View
from edge_runtime.results import DIGIT_COLUMNS
from edge_runtime.web.guard import TOKEN_VARIABLE
from edge_runtime.web.server import Server
from tests import documents, drawing, image_files

pytestmark = pytest.mark.slow

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

if not CHROMIUM:
    pytest.skip("no Chromium is installed", allow_module_level=True)

needs_pdf = pytest.mark.skipif(not suffixes.is_available("pdf"), reason="needs the extra pdf")
needs_heic = pytest.mark.skipif(not suffixes.is_available("heic"), reason="needs the extra heic")

QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
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
        pages = {
            text: cv2.cvtColor(drawing.page(text), cv2.COLOR_GRAY2BGR) for text in ("4285", "17", "4285 17")
        }
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


def draw(page, text, size=0.6):
    """Draw digits on the pad, side by side, with the mouse; `size` is their share of the pad's height.

    They are smaller where the pad is too narrow. Returns the left, top, right and bottom end of the strokes.
    """
    pad = page.locator("#pad").bounding_box()
    height = min(pad["height"] * size, pad["width"] / len(text))
    left, top = pad["x"] + pad["width"] * 0.04, pad["y"] + pad["height"] * 0.2
    digits = drawing.write(text, height=height, x=left, y=top, gap=0.2)
    strokes = [np.concatenate([stroke[:-1:6], stroke[-1:]]) for digit in digits for stroke in digit]
    for stroke in strokes:
        page.mouse.move(*stroke[0])
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*point)
        page.mouse.up()
    points = np.concatenate(strokes)
    return *points.min(axis=0), *points.max(axis=0)


def painted(page, canvas):
    """The left, top, right and bottom end of what is painted on a canvas, in pixels of the page."""
    data = page.evaluate("(id) => document.getElementById(id).toDataURL().split(',')[1]", canvas)
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
    pad = page.locator("#pad").bounding_box()
    left, top, width, height = cv2.boundingRect(image[..., 3])
    ends = np.array([left, top, left + width, top + height]) * (pad["width"] / image.shape[1])
    return ends + (pad["x"], pad["y"]) * 2


def wait_for_boxes(page):
    """Wait until the boxes lie around all that was drawn, with their labels above them."""
    for _ in range(1000):
        left, above, right, below = painted(page, "boxes") - painted(page, "pad")
        if max(abs(left), abs(right), abs(below)) < 6 and -40 < above < -10:
            return
        page.wait_for_timeout(20)
    pytest.fail(f"the boxes are off by {left}, {right}, {below}; the labels are {above} above")


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


def test_two_numbers_are_in_view_beside_the_charts(live, visit, camera):
    camera.text = "4285 17"
    page = visit(live.url)
    wait(page, "document.querySelectorAll('#numbers b').length === 2")
    card = page.locator("#live .read")
    assert card.evaluate("(card) => card.scrollHeight - card.clientHeight") == 0


def test_problems_of_the_source_are_shown_while_they_last(live, visit, camera):
    page = visit(live.url)
    wait(page, "document.querySelector('#state').textContent === 'Live'")
    camera.problem = "unplugged, trying again"
    wait(page, "document.querySelector('#notice').textContent.includes('unplugged')")
    assert page.locator("#state").inner_text() == "No signal"
    camera.problem = ""
    wait(page, "document.querySelector('#notice').textContent === ''")


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


@pytest.mark.parametrize(("text", "size"), [("1", 0.7), ("7", 0.1), ("247", 0.5), ("3056127489", 0.5)])
def test_drawn_digits_are_read(still, visit, text, size):
    page = visit(still.url)
    draw(page, text, size)
    read(page, "draw-result", [text])
    assert page.locator("#draw-result .tiles img").count() == len(text)
    assert fits(page)


def test_boxes_lie_around_what_was_drawn(still, visit):
    page = visit(still.url)
    draw(page, "42")
    read(page, "draw-result", ["42"])
    wait_for_boxes(page)


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
@pytest.mark.parametrize("size", [(1280, 600), (900, 800)], ids=["lower", "narrower"])
def test_what_was_drawn_stays_in_view_when_the_pad_changes_its_shape(still, visit, size):
    page = visit(still.url)
    draw(page, "70", 0.7)
    read(page, "draw-result", ["70"])
    wait_for_boxes(page)
    before = painted(page, "pad")
    page.set_viewport_size(dict(zip(("width", "height"), size, strict=True)))
    wait(page, f"innerHeight === {size[1]} && innerWidth === {size[0]}")
    page.wait_for_timeout(100)
    pad = page.locator("#pad").bounding_box()
    wait_for_boxes(page)
    after = painted(page, "pad")
    width, height = after[2:] - after[:2]
    assert width / height == pytest.approx(np.divide(*(before[2:] - before[:2])), rel=0.03)
    assert after[2] < pad["x"] + pad["width"] - 1 and after[3] < pad["y"] + pad["height"] - 1
    # What is drawn now is where the mouse is.
    page.mouse.move(pad["x"] + pad["width"] * 0.9, pad["y"] + pad["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(pad["x"] + pad["width"] * 0.9, pad["y"] + pad["height"] * 0.95)
    page.mouse.up()
    assert painted(page, "pad")[2:] == pytest.approx(
        [pad["x"] + pad["width"] * 0.9, pad["y"] + pad["height"] * 0.95], abs=12
    )


def test_strokes_are_undone_and_cleared(still, visit):
    page = visit(still.url)
    draw(page, "40")  # the 0 is one stroke
    read(page, "draw-result", ["40"])
    page.click("#undo")
    read(page, "draw-result", ["4"])
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
    for turn in (270, 0, 90, 180):
        page.click("#rotate")
        wait(page, "document.querySelector('#progress').textContent === '1 image read'")
        time = page.locator("#image-result .time")
        assert (f"turned by {turn}°" in time.inner_text()) if turn and time.count() else True
    read(page, "image-result", ["4753", "2745"])
    assert fits(page)


def choose(page, *files):
    """Choose files on the image panel, and wait until all are read."""
    page.click("#tab-image")
    page.set_input_files("#choose", files)
    read_all(page, len(files))


def read_all(page, count):
    wait(page, f"document.querySelector('#progress').textContent === '{count} image{'s' * (count > 1)} read'")


def entries(page):
    """The text and the description of each image in the list."""
    return [tuple(entry.inner_text().split("\n")) for entry in page.locator(".image").all()]


def test_many_images_are_read_listed_copied_and_exported(still, visit, image_file):
    texts = ["408 1356", "29", "4285"]
    page = visit(still.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, *[image_file(f"{index}.png", text) for index, text in enumerate(texts)])
    assert entries(page) == [
        ("408 1356", "0.png · 7 digits"), ("29", "1.png · 2 digits"), ("4285", "2.png · 4 digits"),
    ]  # fmt: skip
    read(page, "image-result", ["408", "1356"])
    page.click(".image >> nth=2")
    read(page, "image-result", ["4285"])
    page.click("#copy")
    wait(page, "document.querySelector('#copied').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == ["0.png\t408 1356", "1.png\t29", "2.png\t4285"]
    with page.expect_download() as download:
        page.click("#save")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [(row["source"], row["digit"]) for row in rows] == [
        (f"{index}.png", digit) for index, text in enumerate(texts) for digit in text.replace(" ", "")
    ]
    assert list(rows[0]) == list(DIGIT_COLUMNS)
    assert [(row["line"], row["number"], row["index"]) for row in rows[:4]] == [
        ("0", "0", "0"), ("0", "0", "1"), ("0", "0", "2"), ("1", "1", "0"),
    ]  # fmt: skip
    assert {row["status"] for row in rows} == {"ok"}
    assert all(0 < int(row["x"]) < int(row["image_width"]) for row in rows)
    page.click("[aria-label='Remove 1.png']")
    assert len(entries(page)) == 2
    page.click("#remove-all")
    wait(page, "!document.querySelector('#drop').hidden && document.querySelector('#list').hidden")
    assert fits(page)


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_the_copied_text_tells_why_an_image_has_no_digits(still, visit, image_file, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"nonsense")
    page = visit(still.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, image_file("blank.png", ""))
    page.click("#copy")
    wait(page, "document.querySelector('#copied').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == "no digit found"
    wait(page, "document.querySelector('#copied').textContent === 'Copy'")
    page.set_input_files("#choose", [tmp_path / "bad.png", image_file("a.png", "29")])
    read_all(page, 3)
    page.click("#copy")
    wait(page, "document.querySelector('#copied').textContent === 'Copied'")
    blank, bad, good = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert (blank, good) == ("blank.png\t\tno digit found", "a.png\t29")
    assert bad.startswith("bad.png\t\terror: ")
    page.problems = [problem for problem in page.problems if "422" not in problem]


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_boxes_in_the_csv_file_are_those_of_the_file_that_was_chosen(still, visit, image_file, readers):
    path = image_file("=large.png", "29", height=1400)  # reduced before it is sent
    page = visit(still.url)
    choose(page, path)
    with page.expect_download() as download:
        page.click("#save")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    image = cv2.imread(str(path))
    assert {(row["source"], row["image_height"], row["image_width"]) for row in rows} == {
        ("'=large.png", *map(str, image.shape[:2]))
    }
    for row, digit in zip(rows, readers.reader.read(image).digits, strict=True):
        assert int(row["x"]) == pytest.approx(digit.box.x, abs=40)


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_reading_many_images_is_stopped_and_continued(still, visit, image_file):
    page = visit(still.url)
    held = []

    def hold_the_second(route):
        held.append(route)
        if len(held) != 2:
            route.continue_()

    page.route("**/read?*", hold_the_second)
    page.click("#tab-image")
    page.set_input_files("#choose", [image_file(f"{index}.png", "29") for index in range(3)])
    wait(page, "document.querySelector('#progress').textContent === '1 of 3 images read'")
    page.click("#stop")
    wait(page, "document.querySelector('#stop').textContent === 'Continue'")
    assert [detail.split(" · ")[1] for *_, detail in entries(page)] == ["2 digits", "not read", "not read"]
    page.click("#stop")
    read_all(page, 3)


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_folder_is_read_without_what_is_no_image(still, visit, image_file):
    image_file("scans/2.png", "29")
    image_file("scans/10.png", "42")
    folder = image_file("scans/sub/1.png", "7").parent.parent
    (folder / "note.txt").write_text("hello")
    (folder / ".hidden.png").write_text("hello")
    page = visit(still.url)
    page.click("#tab-image")
    page.set_input_files("#folder", folder)
    read_all(page, 3)
    assert entries(page) == [
        ("29", "scans/2.png · 2 digits"), ("42", "scans/10.png · 2 digits"),
        ("7", "scans/sub/1.png · 1 digit"),
    ]  # fmt: skip


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_minimum_confidence_hides_digits(still, visit, image_file):
    page = visit(still.url)
    choose(page, image_file("page.png", "7194 1791"))
    page.locator("#threshold").fill("99")
    shown = [line.inner_text() for line in page.locator("#image-result .lines b").all()]
    assert shown != ["7194", "1791"]
    tiles = page.locator("#image-result .tiles b").all_inner_texts()
    assert "".join(shown) == "".join(tiles) and "?" in tiles
    assert entries(page)[0][0] == " ".join(shown)
    page.locator("#threshold").fill("0")
    read(page, "image-result", ["7194", "1791"])


def test_a_number_never_wraps_inside(still, visit, image_file):
    page = visit(still.url)
    digit = {
        "value": 1,
        "confidence": 0.9,
        "x": 0,
        "y": 0,
        "width": 9,
        "height": 9,
        "line": 0,
        "status": "ok",
    }
    result = {"width": 99, "height": 99, "ms": 1, "status": "ok", "turn": 0}
    lines = ["0172 945 386", "1234567890123456789012", "3.14 · 2718 28182845904523536", "7"]

    def answer(route):
        line = lines[len(answered)]
        answered.append(line)
        digits = [digit for character in line if character.isdigit()]
        route.fulfill(json={**result, "lines": [line], "digits": digits})

    answered = []
    page.route("**/read?*", answer)
    choose(page, *[image_file(f"{index}.png", "7") for index in range(len(lines))])
    for index, line in enumerate(lines):
        page.locator(".image").nth(index).click()
        read(page, "image-result", [line])
        parts = page.eval_on_selector_all(
            ".lines span", "spans => spans.map((span) => span.getClientRects().length)"
        )
        assert parts == [1] * len(line.split())
        assert page.eval_on_selector(".lines", "lines => lines.scrollWidth <= lines.clientWidth")
        assert fits(page)


@pytest.mark.parametrize("visit", ["phone"], indirect=True)
def test_a_digit_is_zoomed_to(still, visit, image_file):
    page = visit(still.url)
    choose(page, image_file("page.png", "408 1356"))
    whole = page.locator("#preview").screenshot()
    page.click("#image-result .tiles button >> nth=4")
    assert page.locator("#zoom-text").inner_text().startswith("3, 9")
    assert page.locator("#zoom-tile").evaluate("image => image.naturalWidth") == 28
    assert page.locator(".tiles [aria-pressed=true]").count() == 1
    assert page.locator("#preview").screenshot() != whole
    view, card = (page.locator(name).bounding_box() for name in ("#preview", "#zoom"))
    data = page.evaluate("document.getElementById('preview').toDataURL().split(',')[1]")
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    blue, green, red = np.int16(image[:, image.shape[1] // 2].T)
    box = np.flatnonzero(green - np.maximum(blue, red) > 60) * view["height"] / len(image)
    assert 20 < box.max() < card["y"] - view["y"] < view["height"]  # the digit is above the card
    page.keyboard.press("Escape")
    assert page.locator("#preview").screenshot() == whole
    box = page.locator("#preview").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)  # beside all digits
    assert page.locator("#zoom").is_hidden()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("visit", ["phone"], indirect=True)
def test_examples_are_inside_of_the_box_for_images(still, visit, width):
    page = visit(still.url)
    page.set_viewport_size({"width": width, "height": 800})
    page.click("#tab-image")
    boxes = [each.bounding_box() for each in page.locator(".view:has(#drop), #drop, .example").all()]
    view, drop, *examples = ((box["y"], box["y"] + box["height"]) for box in boxes)
    assert len(examples) == 3
    for top, bottom in examples:
        assert view[0] < drop[0] < top < bottom < drop[1] < view[1]


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_examples_are_read(still, visit):
    page = visit(still.url)
    page.click("#tab-image")
    page.click(".example >> nth=0")
    read(page, "image-result", ["2718", "3141"])
    page.click("#remove-all")
    page.click(".example >> nth=2")
    read(page, "image-result", ["408", "1356", "92", "7"])
    page.click("#remove-all")
    page.click(".example >> nth=1")
    read(page, "image-result", ["0172 945 386"])


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
@pytest.mark.parametrize(
    ("name", "encode"),
    [
        pytest.param("fax.tiff", image_files.tiff_pages, id="TIFF"),
        pytest.param("form.pdf", documents.pdf, id="PDF", marks=needs_pdf),
    ],
)
def test_files_that_the_browser_cannot_show_come_back_drawn_page_by_page(
    still, visit, tmp_path, image_file, name, encode
):
    path = tmp_path / name
    path.write_bytes(encode(*map(drawing.page, ("4285", "29", "7"))))
    page = visit(still.url)
    page.click("#tab-image")
    page.set_input_files("#choose", [path, image_file("last.png", "42")])
    read_all(page, 4)
    assert entries(page) == [
        ("4285", f"{name}#1 · 4 digits"), ("29", f"{name}#2 · 2 digits"), ("7", f"{name}#3 · 1 digit"),
        ("42", "last.png · 2 digits"),
    ]  # fmt: skip
    assert "first page" not in page.locator("#image-result").inner_text()
    page.click(".image >> nth=1")
    read(page, "image-result", ["29"])
    wait(page, "document.querySelector('#images canvas').width > 40")
    middle = (
        "canvas => [...canvas.getContext('2d').getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data]"
    )
    assert page.locator("#preview").evaluate(middle)[3] == 255
    for _ in range(4):
        page.click("#rotate")  # reads the page again; its other pages are not added a second time
        read_all(page, 4)
    read(page, "image-result", ["29"])
    assert len(entries(page)) == 4


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
@needs_heic
def test_heic_photos_are_read_and_drawn(still, visit, tmp_path):
    path = tmp_path / "photo.heic"
    path.write_bytes(documents.heic(drawing.page("4285")))
    page = visit(still.url)
    choose(page, path)
    read(page, "image-result", ["4285"])
    wait(page, "document.querySelector('#images canvas').width > 40")


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_the_browsers_camera_takes_a_picture(still, visit):
    page = visit(still.url)
    page.click("#tab-image")
    page.click("#camera")
    wait(page, "document.querySelector('#video').videoWidth > 0")
    page.click("#shoot")
    read_all(page, 1)
    assert page.locator("#viewfinder").is_hidden()
    assert page.locator("#file").inner_text().startswith("camera-")
    page.click("#camera")
    wait(page, "!document.querySelector('#viewfinder').hidden")
    page.click("#tab-draw")
    assert page.evaluate("document.querySelector('#video').srcObject") is None


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_double_click_opens_one_camera(still, visit):
    page = visit(still.url)
    page.evaluate(
        """() => {
            window.streams = [];
            const genuine = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (wanted) => {
                await new Promise((done) => setTimeout(done, 300));
                const stream = await genuine(wanted);
                window.streams.push(stream);
                return stream;
            };
        }"""
    )
    page.click("#tab-image")
    page.dblclick("#camera")
    wait(page, "!document.querySelector('#viewfinder').hidden")
    page.click("#close-camera")
    page.wait_for_timeout(500)
    states = page.evaluate("streams.map((stream) => stream.getTracks().map((track) => track.readyState))")
    assert states == [["ended"]]


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_file_that_has_changed_does_not_stop_the_others(still, visit, image_file):
    page = visit(still.url)
    page.click("#tab-image")
    paths = [image_file(f"{index}.png", "29") for index in range(3)]
    page.set_input_files("#choose", paths)
    read_all(page, 3)
    with paths[0].open("ab") as file:
        file.write(b"changed")
    os.utime(paths[0], (1, 1))
    page.click("#images li:first-child button.image")
    page.click("#rotate")
    wait(page, "document.querySelector('#image-result .error')")
    text = page.locator("#image-result .error").inner_text()
    assert text == "The file has changed since it was chosen; choose it again."
    page.click("#images li:nth-child(2) button.image")
    page.click("#rotate")
    read_all(page, 3)
    # The browser tells of the file that it did not send.
    page.problems[:] = [problem for problem in page.problems if "ERR_UPLOAD_FILE_CHANGED" not in problem]


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_the_csv_file_has_the_size_in_square_pixels(still, visit, tmp_path):
    image = cv2.resize(drawing.page("407"), None, fx=1, fy=0.5, interpolation=cv2.INTER_AREA)
    data = bytearray(image_files.encode(".jpg", image))
    assert data[6:11] == b"JFIF\0"
    data[13:18] = b"\1" + (100).to_bytes(2, "big") + (50).to_bytes(2, "big")  # dots per inch
    path = tmp_path / "wide.jpg"
    path.write_bytes(data)
    page = visit(still.url)
    choose(page, path)
    read(page, "image-result", ["407"])
    with page.expect_download() as download:
        page.click("#save")
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    height, width = decode.decode(bytes(data)).shape
    assert height > 1.5 * image.shape[0]
    assert {(row["image_height"], row["image_width"]) for row in rows} == {(str(height), str(width))}


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_page_without_encryption_says_why_it_has_no_camera(still, visit):
    page = visit(still.url)
    page.evaluate("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })")
    page.click("#tab-image")
    page.click("#camera")
    text = page.locator("#notice").inner_text()
    assert "only over HTTPS or on localhost" in text
    assert f"ssh -L {still.port}:127.0.0.1:{still.port} " in text


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_a_switch_by_somebody_else_is_announced(still, visit, readers):
    page = visit(still.url)
    wait(page, "document.querySelector('[value=int8]').checked")
    readers.switch("float")
    wait(
        page,
        "document.querySelector('#notice').textContent.startsWith('Somebody else has switched')",
    )
    page.click("text=INT8")
    wait(page, "document.querySelector('#notice').textContent.includes('INT8, for everybody')")
    page.click("#about-models summary")
    assert "everybody who uses it" in page.locator("#about-models p").inner_text()
    assert fits(page)


@pytest.mark.parametrize("visit", ["desktop"], indirect=True)
def test_results_are_announced_and_the_pad_leads_to_images_by_keyboard(still, visit):
    page = visit(still.url)
    assert page.locator("#spoken").get_attribute("role") == "status"  # before there is anything to say
    assert page.get_by_role("img", name="Drawing pad").count() == 1
    draw(page, "7")
    read(page, "draw-result", ["7"])
    assert page.locator("#spoken").inner_text() == "7"
    page.focus("#no-pointer")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "choose"


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
    message = page.locator("#image-result .error").inner_text()
    assert "a text file, not an image" in message
    assert "curl" not in message
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
        wait(page, "document.querySelector('#notice').textContent === ''")
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
    parameters = page.locator("p", has_text="?").all_inner_texts()
    assert "?page= integer" in parameters
    assert '?rotate= string, default "auto"' in parameters
    assert fits(page)
