"""Results in notebooks: an image and a table as HTML."""

from __future__ import annotations

import base64
import html
import sys
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from edge_runtime.images.encode import encode
from edge_runtime.images.scaling import reduce_to

_LONGEST = 1000  # px, side of an image in a notebook: the file of the notebook holds it


def display(result: object) -> bool:
    """Show a result below the cell of a notebook; False if this program is not one."""
    ipython = sys.modules.get("IPython")  # loaded in every notebook, and installed in few other places
    shell = ipython.get_ipython() if ipython else None
    if ipython is None or not hasattr(shell, "kernel"):
        return False
    ipython.display.display(result)
    return True


def to_html(
    caption: str, image: NDArray[np.uint8] | None, head: Iterable[str], rows: Iterable[Iterable[object]]
) -> str:
    """A caption, an image (BGR uint8 `(H, W, 3)`, or None for none) and a table as HTML."""
    parts = [f"<p>{html.escape(caption)}</p>"]
    if image is not None:
        data = base64.b64encode(encode(reduce_to(image, _LONGEST), ".jpg")).decode()
        parts.append(f'<img src="data:image/jpeg;base64,{data}" alt="" style="max-width:100%">')
    cells = [_row("th", head), *(_row("td", row) for row in rows)]
    if len(cells) > 1:
        parts.append(f"<table>{''.join(cells)}</table>")
    return f"<div>{''.join(parts)}</div>"


def _row(tag: str, cells: Iterable[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
