"""Pictures of the motif at work and of synchrony: what is drawn where, with units, nothing on top of another."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from test_plots import check_texts

from rosetta_jax import plot
from rosetta_jax.plot._canvas import BLUE, PURPLE, VERMILION
from rosetta_jax.plot.push_pull import TURNS

TIMES = np.arange(0, 1, 0.002)
ANGLE = 2 * np.pi * 10 * TIMES
PUSH, PULL = 3 * np.cos(ANGLE), -3 * np.sin(ANGLE)
RNG = np.random.default_rng(0)


def labels(figure):
    return [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]


def test_push_and_pull_stand_against_time_and_in_their_plane():
    figure = plot.push_pull(TIMES, PUSH, PULL, "1/s", title="Stuart-Landau, left cuneus")
    words = [word for word, _ in check_texts(figure)]
    assert labels(figure) == [
        ("time (s)", "push and pull (1/s)"),
        ("push (1/s)", "minus pull (1/s)"),
    ]
    assert {"push", "pull", "end", "Stuart-Landau, left cuneus"} <= set(words)
    first, second = figure.axes[0].get_lines()[:2]
    assert [to_hex(line.get_color()) for line in (first, second)] == [
        VERMILION.lower(),
        BLUE.lower(),
    ]
    np.testing.assert_array_equal(first.get_ydata(), PUSH)
    np.testing.assert_array_equal(second.get_ydata(), PULL)
    assert len(figure.axes[0].collections) == 2
    whole, last = figure.axes[1].get_lines()[:2]
    np.testing.assert_array_equal(whole.get_xydata(), np.stack([PUSH, -PULL], axis=1))
    # Two turns of a tenth of a second each, at the end.
    assert to_hex(last.get_color()) == PURPLE.lower()
    assert len(last.get_xdata()) == pytest.approx(TURNS * 50, abs=1.5)
    np.testing.assert_array_equal(last.get_xydata()[-1], [PUSH[-1], -PULL[-1]])


def test_heads_point_the_way_it_goes():
    axes = plot.push_pull(TIMES, PUSH, PULL).axes[1]
    heads = [text for text in axes.texts if text.arrow_patch is not None]
    assert len(heads) == 4
    for head in heads:
        end, begin = np.array(head.xy), np.array(head.xyann)
        # Anticlockwise about zero.
        assert begin[0] * end[1] - begin[1] * end[0] > 0


def test_small_swings_on_large_terms_are_drawn_again_about_their_means():
    figure = plot.push_pull(TIMES, 30 + 0.1 * PUSH, -20 + 0.1 * PULL, "mV")
    check_texts(figure)
    assert [y for _, y in labels(figure)] == [
        "push and pull (mV)",
        "about their means (mV)",
        "minus pull (mV)",
    ]
    np.testing.assert_allclose(figure.axes[1].get_lines()[0].get_ydata(), 0.1 * PUSH, atol=1e-12)
    np.testing.assert_allclose(figure.axes[1].get_lines()[1].get_ydata(), 0.1 * PULL, atol=1e-12)


@pytest.mark.parametrize("push, pull, rows", [(1 + PUSH, PULL, 1), (30 + PUSH, PULL, 2)])
def test_swings_are_drawn_again_where_one_term_needs_it(push, pull, rows):
    assert len(plot.push_pull(TIMES, push, pull).axes) == rows + 1


def test_another_plane_may_be_drawn():
    figure = plot.push_pull(
        TIMES, PUSH, PULL, plane=(ANGLE, PULL), plane_labels=("rate (1/s)", "voltage (1)")
    )
    check_texts(figure)
    assert labels(figure)[-1] == ("rate (1/s)", "voltage (1)")
    np.testing.assert_array_equal(figure.axes[-1].get_lines()[0].get_xdata(), ANGLE)


@pytest.mark.parametrize("samples", [1, 2, 20])
def test_terms_at_rest_and_short_series_are_drawn(samples):
    figure = plot.push_pull(TIMES[:samples], np.full(samples, 2.0), np.full(samples, -1.0))
    check_texts(figure)
    assert len(figure.axes[-1].get_lines()[1].get_xdata()) == samples


def test_the_order_parameter_stands_above_the_envelopes():
    order = 0.5 + 0.2 * np.sin(ANGLE / 10)
    envelopes = 1 + 0.1 * RNG.standard_normal((len(TIMES), 40))
    figure = plot.synchrony(TIMES, order, envelopes, "mV")
    words = [word for word, _ in check_texts(figure)]
    assert labels(figure) == [("", "order parameter R (1)"), ("time (s)", "envelope (mV)")]
    assert f"mean 0.50, metastability {order.std():.2f}; dotted: independent nodes" in words
    mean, curve, floor = figure.axes[0].get_lines()
    assert mean.get_ydata()[0] == pytest.approx(0.5, abs=1e-9)
    np.testing.assert_array_equal(curve.get_ydata(), order)
    assert floor.get_ydata()[0] == pytest.approx(np.sqrt(np.pi / 160))
    assert figure.axes[0].get_ylim() == (0, 1)
    np.testing.assert_allclose(figure.axes[1].get_lines()[0].get_ydata(), envelopes.mean(axis=1))
    edges = figure.axes[1].collections[0].get_paths()[0].vertices[:, 1]
    assert edges.min() == pytest.approx(np.percentile(envelopes, 10, axis=1).min())


def test_one_node_has_neither_floor_nor_spread():
    figure = plot.synchrony(TIMES, np.ones(len(TIMES)), np.ones((len(TIMES), 1)), "", "one node")
    words = [word for word, _ in check_texts(figure)]
    assert "mean 1.00, metastability 0.00" in words and "one node" in words
    assert len(figure.axes[0].get_lines()) == 2 and not figure.axes[1].collections
    assert labels(figure)[1][1] == "envelope (1)"


def test_wrong_arrays_are_named():
    with pytest.raises(ValueError, match=r"`pull` must have shape \(500\), got \(499,\)"):
        plot.push_pull(TIMES, PUSH, PULL[1:])
    with pytest.raises(ValueError, match="`push` has 1 non-finite entries"):
        plot.push_pull(TIMES, np.where(TIMES == 0, np.nan, PUSH), PULL)
    with pytest.raises(ValueError, match=r"`plane\[1\]` must have shape \(500\)"):
        plot.push_pull(TIMES, PUSH, PULL, plane=(PUSH, PULL[1:]))
    with pytest.raises(ValueError, match=r"`envelopes` must have shape \(500, any\)"):
        plot.synchrony(TIMES, np.ones(500), np.ones((499, 2)))
    for order in (PUSH / 6, PUSH / 4 + 0.75):
        with pytest.raises(ValueError, match="`order` must lie between 0 and 1, got"):
            plot.synchrony(TIMES, order, np.ones((500, 2)))
