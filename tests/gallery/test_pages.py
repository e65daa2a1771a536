"""Every page of the gallery: its numbers hold, and its figure can be read."""

import itertools

import jax
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from rosetta_jax.gallery import PAGES, Entry, Number, Page, draw
from rosetta_jax.gallery.measured import hopf_numbers


@pytest.mark.parametrize("name", PAGES)
def test_every_number_of_a_page_holds_and_its_figure_can_be_read(name):
    page = draw(name)
    assert page.numbers and page.failures == ()
    assert page.title and page.caption.endswith(".")
    check_figure(page.figure)


def check_figure(figure):
    """Labels with units on all outer axes, and no text that covers another or leaves the picture."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        if axes.axison:
            assert "(" in axes.get_ylabel() or axes.get_yticklabels()[0].get_text().isalpha()
            assert "(" in axes.get_xlabel() or axes.get_subplotspec() is not None
    boxes = [box for axes in figure.axes for box in texts(axes, canvas.get_renderer())]
    for text, box in boxes:
        inside = box.x0 >= -1 and box.y0 >= -1
        inside &= box.x1 <= figure.bbox.width + 1 and box.y1 <= figure.bbox.height + 1
        assert inside, f"{text!r} leaves the picture"
    for (first, one), (second, other) in itertools.combinations(boxes, 2):
        # A pixel of shared margin is no overlap.
        apart = one.x1 <= other.x0 + 1 or other.x1 <= one.x0 + 1
        apart |= one.y1 <= other.y0 + 1 or other.y1 <= one.y0 + 1
        assert apart, f"{first!r} covers {second!r}"


def texts(axes, renderer):
    """The texts that a panel shows, with the boxes they fill."""
    found = [*axes.texts]
    if axes.axison:
        found += [axes.xaxis.label, axes.yaxis.label, axes.title, axes._left_title]
        found += [tick.label1 for tick in axes.xaxis._update_ticks() + axes.yaxis._update_ticks()]
    for text in found:
        if text.get_visible() and text.get_text().strip():
            # That of an annotation without its leader.
            yield text.get_text(), Text.get_window_extent(text, renderer)


def test_a_text_that_covers_another_is_seen():
    page = draw("map")
    page.figure.axes[0].text(0.84, 3.5, "over a mark", ha="right")
    with pytest.raises(AssertionError, match="covers"):
        check_figure(page.figure)


# --- numbers


@pytest.mark.parametrize(
    "found, holds, verdict",
    [(1.0009, True, "yes"), (1.0011, False, "NO"), (np.nan, False, "NO")],
)
def test_a_number_holds_within_its_tolerance(found, holds, verdict):
    number = Number("n", 1.0, found, tolerance=1e-3)
    assert number.holds is holds and number.verdict == verdict
    page = Page("title", "caption.", None, (number,))
    assert page.failures == (() if holds else (number,))


def test_numbers_of_numpy_and_of_jax_are_judged_alike():
    for kind in (np.float64, np.asarray, jax.numpy.asarray):
        assert Number("n", 1.0, float(kind(2.0))).holds is False


def test_numbers_are_written_to_the_digits_compared():
    assert Number("n", 113.586273, 113.58627321, tolerance=2e-6).texts() == (
        "113.586273",
        "113.586273",
    )
    assert Number("n", 10.0, 10.4, tolerance=0.5).texts() == ("10.0", "10.4")


def test_a_hopf_point_of_the_wrong_kind_does_not_hold():
    value, frequency = hopf_numbers([], [("HB+", 1.0, 2.0)])
    assert value.holds is False and frequency.holds is False


def test_an_unknown_page_lists_those_there_are():
    with pytest.raises(ValueError, match="jansen-rit"):
        draw("jansen")


def test_single_precision_is_refused():
    with jax.enable_x64(False), pytest.raises(ValueError, match="float32"):
        draw("map")


def test_pages_have_the_numbers_of_the_paper():
    assert all(isinstance(entry, Entry) and entry.draw.__doc__ for entry in PAGES.values())
    labels = [entry.label for entry in PAGES.values()]
    sections = [label[0] for label in labels]
    assert sections == sorted(sections) and len(set(labels)) == len(labels)
