"""PDF files made by hand, pages with a JPEG each as scanners write them; and HEIC files."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

DPI = 150  # of the scanned pages


def pdf(*pages: NDArray[np.uint8], size: tuple[float, float] | None = None, rotate: int = 0) -> bytes:
    """A PDF with these pages, grey `uint8 (H, W)`; `size` is that of all pages in points."""
    kids = " ".join(f"{3 + 3 * index} 0 R" for index in range(len(pages)))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>".encode()]
    for index, page in enumerate(pages):
        width, height = size or (72 * page.shape[1] / DPI, 72 * page.shape[0] / DPI)
        image = cv2.imencode(".jpg", page)[1].tobytes()
        first = 3 + 3 * index
        objects += [
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Rotate {rotate}"
            f"/Resources<</XObject<</I {first + 2} 0 R>>>>/Contents {first + 1} 0 R>>".encode(),
            stream(f"{width} 0 0 {height} 0 0 cm /I Do".encode()),
            stream(
                image,
                f"/Type/XObject/Subtype/Image/Width {page.shape[1]}/Height {page.shape[0]}"
                "/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/DCTDecode",
            ),
        ]
    return assemble(objects)


def stream(content: bytes, entries: str = "") -> bytes:
    """A stream object."""
    return f"<<{entries}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream"


def assemble(objects: list[bytes], trailer: str = "") -> bytes:
    """A file of these objects, numbered from 1; the first one is the catalogue."""
    data, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj" % number + content + b"endobj\n"
    start = len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    data += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(
        data + f"trailer<</Size {len(objects) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF".encode()
    )


def heic(*images: NDArray[np.uint8], **options: Any) -> bytes:
    """A HEIC file of images, grey or RGB or RGBA `uint8 (H, W, C)`."""
    import pillow_heif

    file = pillow_heif.HeifFile()
    for image in images:
        mode = {2: "L", 3: {3: "RGB", 4: "RGBA"}[image.shape[-1]] if image.ndim == 3 else ""}[image.ndim]
        file.add_frombytes(mode, image.shape[1::-1], np.ascontiguousarray(image).tobytes())
    buffer = io.BytesIO()
    file.save(buffer, quality=90, **options)
    return buffer.getvalue()
