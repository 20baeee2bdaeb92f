"""Notebooks: what is shown in them as HTML, and when a program is one."""

from __future__ import annotations

import base64
import re
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge_runtime.images import notebook


@pytest.mark.parametrize(
    ("shape", "shown"), [((300, 200), (300, 200)), ((3000, 1500), (1000, 500))], ids=["small", "large"]
)
def test_images_are_scaled_down_for_the_file_of_the_notebook(shape, shown):
    html = notebook.to_html("page.png: ok", np.full((*shape, 3), 99, np.uint8), ("number",), [("408",)])
    (data,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    image = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (*shown, 3)
    assert np.abs(image.astype(int) - 99).max() < 3


def test_text_is_no_html():
    html = notebook.to_html("<b>&", None, ("<i>",), [("<u>",)])
    assert html == (
        "<div><p>&lt;b&gt;&amp;</p><table><tr><th>&lt;i&gt;</th></tr><tr><td>&lt;u&gt;</td></tr></table></div>"
    )
    assert notebook.to_html("nothing", None, ("number",), []) == "<div><p>nothing</p></div>"


@pytest.mark.parametrize(
    ("shell", "is_notebook"),
    [
        pytest.param(SimpleNamespace(kernel=1), True, id="notebook"),
        pytest.param(SimpleNamespace(), False, id="terminal"),
        pytest.param(None, False, id="script that imports IPython"),
    ],
)
def test_results_are_displayed_in_notebooks_only(shell, is_notebook, monkeypatch):
    shown = []
    display = SimpleNamespace(display=shown.append)
    ipython = SimpleNamespace(get_ipython=lambda: shell, display=display)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    assert notebook.display("a reading") == is_notebook
    assert shown == ["a reading"] * is_notebook


def test_scripts_are_no_notebooks(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not notebook.display("a reading")
