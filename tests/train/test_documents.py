"""Simulated documents: the labels of every layout, of print and of written numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests import drawing
from train.synthetic.glyph_images import IGNORE
from train.synthetic.handwriting import Handwriting
from train.synthetic.scenes import documents, printing, rules, writing
from train.synthetic.scenes.page import Page

SIDE = 96


@pytest.fixture(scope="module")
def handwriting():
    tiles, labels = drawing.drawn_tiles(100, seed=5)
    return Handwriting(tiles, labels.astype(np.int64), (1,))


def new_page(handwriting, *, seed=0, unit=24.0, side=SIDE):
    """A white page without tilt."""
    brightness, cover = np.full((side, side), 200, np.float32), np.zeros((side, side), np.float32)
    return Page(np.random.default_rng(seed), handwriting, brightness, unit, np.eye(2), 0.1, cover)


def labels_of(layout, handwriting, seeds, unit=16.0):
    labels = []
    for seed in seeds:
        page = new_page(handwriting, seed=seed, unit=unit)
        layout.draw(page)
        assert len(page.boxes) == len(page.labels)
        assert np.isfinite(page.brightness).all()
        assert set(page.labels) <= {IGNORE, *range(10)}
        for (x, y, width, height), label in zip(page.boxes, page.labels, strict=True):
            assert width > 0
            assert height > 0
            assert label == IGNORE or (x >= 0 and y >= 0 and x + width <= SIDE and y + height <= SIDE)
        labels += page.labels
    return labels


@pytest.mark.parametrize("layout", documents.WITH_DIGITS, ids=lambda layout: layout.name)
def test_documents_have_labelled_digits(layout, handwriting):
    labels = labels_of(layout, handwriting, range(5))
    assert len({label for label in labels if label >= 0}) > 4


@pytest.mark.parametrize("layout", documents.WITHOUT_DIGITS, ids=lambda layout: layout.name)
def test_blank_documents_have_no_digits(layout, handwriting):
    assert set(labels_of(layout, handwriting, range(5))) <= {IGNORE}


@pytest.mark.parametrize(
    "layout", documents.WITH_DIGITS + documents.WITHOUT_DIGITS, ids=lambda layout: layout.name
)
@pytest.mark.parametrize("unit", [5.0, 90.0])
def test_documents_of_any_scale_are_drawn(layout, unit, handwriting):
    labels_of(layout, handwriting, [0], unit)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        pytest.param("407", [4, 0, 7], id="number"),
        pytest.param("Oil", [], id="word"),
        pytest.param("(bill)", [], id="word in brackets"),
        pytest.param("O", [IGNORE], id="letter"),
        pytest.param("Il", [IGNORE, IGNORE], id="two letters"),
        pytest.param("a) 1,5", [1, 5], id="item"),
        pytest.param("Total 12", [1, 2], id="word and number"),
        pytest.param("A", [], id="clear letter"),
    ],
)
def test_printed_characters_are_labelled(text, labels, handwriting):
    page = new_page(handwriting, side=240)
    width = printing.print_text(page, printing.random_font(page), text, -4, 0, size=1.0)
    assert page.labels == labels
    assert page.cover.max() > 0.5
    assert 0 < width < 8


def test_the_box_of_a_printed_digit_is_that_of_its_ink(handwriting):
    page = new_page(handwriting)
    printing.print_text(page, printing.random_font(page), "8", 0, 0.5, size=1.0, align=0.5)
    rows, columns = np.nonzero(page.cover > 0.35)
    assert page.boxes == [(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)]
    assert page.boxes[0][3] == pytest.approx(24, abs=2)


def test_a_printed_digit_that_is_cut_off_is_ignored(handwriting):
    page = new_page(handwriting)
    printing.print_text(page, printing.random_font(page), "8", 2.0, 0.5, size=1.0, align=0.5)
    assert page.labels == [IGNORE]


@pytest.mark.parametrize(("align", "left", "right"), [(0.0, 60, 100), (0.5, 40, 80), (1.0, 20, 60)])
def test_numbers_are_aligned(align, left, right, handwriting):
    page = new_page(handwriting, side=120, unit=20.0)
    writing.Numbers(page, gap=(0.0, 0.1)).write("ddd", 0.0, 0.0, align=align)
    middle = np.mean([x + width / 2 for x, _, width, _ in page.boxes])
    assert middle == pytest.approx((left + right) / 2, abs=12)
    assert len(page.labels) == 3


def test_signs_between_digits_are_no_digits(handwriting):
    page = new_page(handwriting, side=240)
    writing.Numbers(page).write("d/d.d-d,d", -4.0, 0.0)
    assert len(page.labels) == 6
    assert [label for label in page.labels if label < 0] == [IGNORE]  # a slash may be a 1


def test_brackets_are_no_digits(handwriting):
    page = new_page(handwriting, side=240)
    writing.Numbers(page).write("(d)", -2.0, 0.0)
    assert len(page.labels) == 1
    assert page.labels[0] >= 0


def test_chained_numbers_end_in_zeros(handwriting):
    page = new_page(handwriting, side=240)
    writing.Numbers(page).write("d000", -2.0, 0.0)
    assert page.labels[1:] == [0, 0, 0]


def test_what_lies_outside_the_page_is_not_drawn(handwriting):
    page = new_page(handwriting)
    writing.Numbers(page).write("ddd", 30.0, 0.0)
    printing.print_text(page, printing.random_font(page), "123", 0.0, -30.0, size=1.0)
    rules.draw_rules(page, [(20.0, 20.0, 30.0, 20.0)], 2.0)
    assert not page.labels
    assert not page.cover.any()


@pytest.mark.parametrize(
    ("dash", "share"), [(None, 1.0), ((0.1, 0.4), 0.25), ((0.2, 0.4), 0.5)], ids=["plain", "dots", "dashes"]
)
def test_rules_may_be_dashed(dash, share, handwriting):
    page = new_page(handwriting)
    rules.draw_rules(page, [(-2.0, 0.0, 2.0, 0.0)], 2.0, dash=dash)
    row = page.cover[SIDE // 2] > 0.5
    assert row.mean() == pytest.approx(share, abs=0.15)
