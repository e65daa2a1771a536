"""Pictures of tongues and turns: what is drawn, and shapes that do not fit."""

import numpy as np
import pytest

from rosetta_jax import plot

HERTZ, SIZES = np.linspace(9.5, 10.5, 21), np.linspace(0, 2, 5)


def panel(**changes):
    low, high = 10 - 0.2 * SIZES, 10 + 0.2 * SIZES
    locked = (low[:, None] < HERTZ) & (high[:, None] > HERTZ)
    known = {
        "title": "rung",
        "frequency": 10.0,
        "frequencies": HERTZ,
        "amplitudes": SIZES,
        "locked": locked.astype(float),
        "edges": {"phase": (low, high), "simulated": (np.where(SIZES > 0, low, np.nan), high)},
        "unit": "mV",
    }
    return plot.TonguePanel(**(known | changes))


def test_each_rhythm_has_a_panel_with_both_edges_of_each_prediction():
    figure = plot.tongues([panel(), panel(title="other")], "All rungs")
    first, second = figure.axes
    assert [axes.get_title(loc="left") for axes in (first, second)] == ["rung", "other"]
    assert "mV" in first.get_ylabel()
    edges = [line for line in second.lines if len(line.get_xdata()) == len(SIZES)]
    assert len(edges) == 4
    np.testing.assert_allclose(edges[1].get_xdata(), 1 + 0.02 * SIZES)


def test_a_note_stands_beneath_its_title_and_frequencies_are_named_below_the_last_row():
    figure = plot.tongues([panel(note="one\ntwo"), panel(), panel(), panel()])
    assert [text.get_text() for text in figure.axes[0].texts] == ["one\ntwo"]
    figure.draw_without_rendering()
    note, title = (
        each.get_window_extent() for each in (figure.axes[0].texts[0], figure.axes[0]._left_title)
    )
    assert figure.axes[0].get_window_extent().y1 < note.y0 and note.y1 <= title.y0 + 1
    assert [bool(axes.get_xlabel()) for axes in figure.axes[:4]] == [False, True, True, True]


@pytest.mark.parametrize(
    ("panels", "message"),
    [
        ([], "`panels` is empty"),
        ([panel(locked=np.zeros((3, 3)))], "`locked`"),
        ([panel(edges={"phase": (SIZES, SIZES[:2])})], "edges"),
    ],
)
def test_shapes_that_do_not_fit_are_named(panels, message):
    with pytest.raises(ValueError, match=message):
        plot.tongues(panels)


def test_turns_lie_on_each_other_and_are_named():
    angles = 2 * np.pi * np.arange(64) / 64
    figure = plot.turns({"source": np.cos(angles), "phase": np.cos(angles)}, "y (mV)", "One turn")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["source", "phase"]
    assert axes.get_ylabel() == "y (mV)"
    with pytest.raises(ValueError, match="`signals` is empty"):
        plot.turns({})
