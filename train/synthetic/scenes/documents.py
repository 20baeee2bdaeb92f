"""Documents: the layouts of forms, tables, texts and whatever else is printed or filled in.

A scene shows a piece of a document at the scale of its digits. Printed digits are labelled like written ones:
users do not care who made a digit, and a reader that accepts one and rejects the next helps nobody.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from train.synthetic import surfaces
from train.synthetic.scenes import forms, graphics, tables, texts
from train.synthetic.scenes.layouts import Layout
from train.synthetic.scenes.page import Page

_CLEAN = 0.5  # share of documents on even paper, as from a scanner
_MARKED = 0.25  # share with stamps, holes and the like


def _document(name: str, draw: Callable[[Page], None], weight: float) -> Layout:
    def draw_on_paper(page: Page) -> None:
        generator = page.generator
        if generator.random() < _CLEAN:
            _lay_clean_sheet(page)
        if generator.random() < _MARKED:
            graphics.add_graphics(page)
        draw(page)

    return Layout(name, draw_on_paper, weight)


def _lay_clean_sheet(page: Page) -> None:
    """Replace the sheet by a clean one, evenly lit or nearly so."""
    generator = page.generator
    level = generator.uniform(215, 255) if generator.random() < 0.6 else generator.uniform(90, 215)
    page.brightness = np.full(page.shape, level, np.float32)
    if generator.random() < 0.4:
        page.brightness *= 1 + generator.uniform(0, 0.15) * surfaces.field(generator, *page.shape, 2)


WITH_DIGITS = (
    _document("filled form", forms.draw_form, 0.22),
    _document("filled blanks", forms.draw_blanks, 0.07),
    _document("ledger", tables.draw_table, 0.13),
    _document("amounts", tables.draw_amounts, 0.13),
    _document("scores", tables.draw_scores, 0.12),
    _document("worksheet", tables.draw_worksheet, 0.08),
    _document("workings", tables.draw_workings, 0.06),
    _document("address", texts.draw_address, 0.07),
    _document("labels", texts.draw_labels, 0.05),
    _document("sizes", texts.draw_sizes, 0.05),
    _document("codes", texts.draw_codes, 0.08),
)

WITHOUT_DIGITS = (
    _document("handwriting", texts.draw_handwriting, 0.2),
    _document("print", texts.draw_print, 0.18),
    _document("foreign", texts.draw_foreign, 0.18),
    _document("blank form", forms.draw_blank_form, 0.24),
    _document("blank table", tables.draw_blank_table, 0.08),
    _document("checks", graphics.draw_checks, 0.06),
    _document("music", graphics.draw_music, 0.05),
    _document("chart", graphics.draw_chart, 0.07),
)
