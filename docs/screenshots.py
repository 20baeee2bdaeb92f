"""Writes docs/annotated.jpg, docs/window.png and docs/page.png: `python docs/screenshots.py`.

Needs a checkout with the extra `dev`, and Chromium. All images show the project's own drawings.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from edge_runtime import DigitReader, annotate
from edge_runtime.live.loop import Live
from edge_runtime.live.sources import open_frames
from edge_runtime.reading.switch import SwitchableReader
from edge_runtime.web.server import Server
from edge_runtime.window.dashboard import compose
from train.synthetic import videos

DOCS = Path(__file__).resolve().parent
VIDEO = videos.Video("still", 7)
SECONDS = 6  # time in the video at which the window is captured
DESKTOP, PHONE = (1440, 900), (428, 926)  # px
MARGIN = 12  # px
CHART_SECONDS = 24  # for charts that show something


def save(name: str, image: np.ndarray) -> None:
    """Save a BGR image as a PNG file with a palette of 256 colours, a third of the size."""
    rgb = Image.fromarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    rgb.quantize(256).save(DOCS / name, optimize=True)


def annotated() -> None:
    """An example with boxes and labels."""
    image = cv2.imread(str(DOCS.parent / "examples" / "whiteboard.jpg"))
    drawn = annotate(image, DigitReader().read(image).digits)
    cv2.imwrite(str(DOCS / "annotated.jpg"), drawn, [cv2.IMWRITE_JPEG_QUALITY, 90])


def write_video(path: Path) -> None:
    """The synthetic video as a file that plays like a webcam."""
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter.fourcc(*"MJPG"), videos.FPS, (videos.WIDTH, videos.HEIGHT)
    )
    for frame in VIDEO:
        writer.write(frame.image)
    writer.release()


def show_live(
    path: Path, reader: SwitchableReader, server: Server, ready: threading.Event, stop: threading.Event
):
    """Publish the video in a loop until `stop`; once, save the window's canvas and set `ready`."""
    while not stop.is_set():
        with open_frames(str(path), paced=True) as frames:
            for view in Live(frames, reader, print).views():
                server.publish(view)
                if not ready.is_set():
                    canvas = compose(view, tiles=True, help=False, recording=False)
                    if view.seconds > SECONDS:
                        save("window.png", canvas)
                        ready.set()
                if stop.is_set():
                    return


def photograph_page(url: str, folder: Path) -> list[np.ndarray]:
    """The live page on a desktop in the light colour scheme, and an example on a phone in the dark one."""
    images = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for (width, height), scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            phone, size = scheme == "dark", {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=scheme, has_touch=phone, is_mobile=phone)
            page.goto(url)
            if phone:
                page.click("#tab-image")
                page.click(".example")
            page.wait_for_timeout(2500 if phone else CHART_SECONDS * 1000)
            path = folder / f"{width}.png"
            page.screenshot(path=path)
            images.append(cv2.imread(str(path)))
    return images


def live() -> None:
    """The window, and the page on a desktop and a phone side by side."""
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)  # otherwise the name of the source would include the folder
        path, reader = Path("webcam.avi"), SwitchableReader()
        write_video(path)
        ready, stop = threading.Event(), threading.Event()
        with Server(reader, "127.0.0.1:0", live=True) as server:
            server.start()
            thread = threading.Thread(target=show_live, args=(path, reader, server, ready, stop))
            thread.start()
            try:
                ready.wait(60)
                desktop, phone = photograph_page(server.url, Path(name))
            finally:
                stop.set()
                thread.join()
    height = max(len(desktop), len(phone)) + 2 * MARGIN
    canvas = np.full((height, desktop.shape[1] + phone.shape[1] + 3 * MARGIN, 3), 225, np.uint8)
    canvas[MARGIN : MARGIN + len(desktop), MARGIN : MARGIN + desktop.shape[1]] = desktop
    canvas[MARGIN : MARGIN + len(phone), -MARGIN - phone.shape[1] : -MARGIN] = phone
    save("page.png", cv2.resize(canvas, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))


if __name__ == "__main__":
    annotated()
    live()
