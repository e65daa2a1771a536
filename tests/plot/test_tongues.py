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
