"""Pictures of posteriors: bands, marginals and ranks, what is drawn where, nothing on top of another."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from test_plots import check_texts

from rosetta_jax import plot
from rosetta_jax.plot._canvas import BLUE, VERMILION

RNG = np.random.default_rng(0)
FREQUENCIES = np.arange(2.0, 40.0)
EXACT = 100 / FREQUENCIES[:, None] * np.ones((1, 3))
MEASURED = EXACT * RNG.gamma(12, 1 / 12, EXACT.shape)
DRAWN = EXACT * RNG.gamma(12, 1 / 12, (400, *EXACT.shape))
LABELS = ["left cuneus", "right cuneus", "left insula"]


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def test_measured_spectra_lie_over_the_bands_of_what_is_predicted():
    figure = plot.predictive(FREQUENCIES, MEASURED, DRAWN, LABELS)
    words = [word for word, _ in check_texts(figure)]
    assert {"frequency (Hz)", "power (dB)", "measured", "median", "50 %", "90 %"} <= set(words)
    assert set(LABELS) <= set(words)
    assert len(panels(figure)) == 3
    middle, seen = panels(figure)[1].get_lines()
    assert [to_hex(each.get_color()) for each in (middle, seen)] == [
        BLUE.lower(),
        VERMILION.lower(),
    ]
    np.testing.assert_allclose(seen.get_ydata(), 10 * np.log10(MEASURED[:, 1]))
    np.testing.assert_allclose(middle.get_ydata(), np.median(10 * np.log10(DRAWN[:, :, 1]), axis=0))
    wide, narrow = panels(figure)[1].collections
    for band, level in ((wide, 0.9), (narrow, 0.5)):
        ends = 10 * np.log10(
            np.quantile(DRAWN[:, :, 1], [(1 - level) / 2, (1 + level) / 2], axis=0)
        )
        extent = band.get_paths()[0].vertices[:, 1]
        np.testing.assert_allclose(
            [extent.min(), extent.max()], [ends[0].min(), ends[1].max()], atol=0.01
        )


def test_draws_without_a_prediction_are_counted_and_left_out():
    some = DRAWN.copy()
    some[:5, 3] = np.nan
    figure = plot.predictive(FREQUENCIES, MEASURED, some)
    words = [word for word, _ in check_texts(figure)]
    assert "5 of 400 draws\nhad no prediction" in words
    middle = panels(figure)[0].get_lines()[0].get_ydata()
    np.testing.assert_allclose(middle, np.median(10 * np.log10(DRAWN[5:, :, 0]), axis=0))
    with pytest.raises(ValueError, match="no draw that is finite"):
        plot.predictive(FREQUENCIES, MEASURED, np.full_like(DRAWN, np.nan))
    with pytest.raises(ValueError, match="`drawn` must be positive power"):
        plot.predictive(FREQUENCIES, MEASURED, -DRAWN)


@pytest.mark.parametrize("nodes", [1, 8])
def test_any_number_of_regions_leaves_a_cell_for_the_legend(nodes):
    figure = plot.predictive(FREQUENCIES, np.ones((38, nodes)), np.ones((20, 38, nodes)) * 2)
    check_texts(figure)
    assert len(panels(figure)) == nodes
    assert figure.axes[-1].get_legend() is not None


A = RNG.normal(5.0, 0.5, 900)
DRAWS = {
    "rung.alpha": A,
    "gain": np.exp(0.4 * (A - 5) + RNG.normal(0, 0.1, 900)),
    "speed": RNG.normal(8, 1, 900),
}


def test_every_parameter_and_every_pair_has_a_panel():
    prior = {name: RNG.normal(6.0, 2.0, 3000) for name in DRAWS}
    figure = plot.marginals(DRAWS, prior, {"gain": 1.1}, {"speed": "speed (m/s)"})
    words = [word for word, _ in check_texts(figure)]
    assert {"posterior", "prior", "truth", "speed (m/s)", "rung.alpha"} <= set(words)
    assert "speed" not in words
    grid = np.array(figure.axes).reshape(3, 3)
    assert [[axes.axison for axes in row] for row in grid] == np.tril(
        np.ones((3, 3), bool)
    ).tolist()
    # A posterior of area 1, and the prior over the same values, which is wider than the panel.
    posterior, _, before = grid[0, 0].patches
    np.testing.assert_allclose(area(posterior), 1.0, atol=0.01)
    inside = np.mean((prior["rung.alpha"] >= A.min()) & (prior["rung.alpha"] <= A.max()))
    assert area(before) == pytest.approx(inside, abs=0.05) and inside < 0.6
    assert [line.get_xdata()[0] for line in grid[1, 1].get_lines()] == [1.1]
    assert [line.get_ydata()[0] for line in grid[1, 0].get_lines()] == [1.1]
    assert [line.get_xdata()[0] for line in grid[2, 1].get_lines()] == [1.1]
    assert not grid[2, 0].get_lines()


def area(stairs):
    values, edges, _ = stairs.get_data()
    return values @ np.diff(edges)


def test_regions_hold_their_share_of_the_draws():
    axes = plot.marginals(DRAWS).axes[3]
    for paths, share in ((axes.collections[0].get_paths(), (0.9, 0.5)),):
        points = np.stack([DRAWS["rung.alpha"], DRAWS["gain"]], axis=1)
        inner = paths[1].contains_points(points)
        outer = paths[0].contains_points(points) | inner
        assert outer.mean() == pytest.approx(share[0], abs=0.04)
        assert inner.mean() == pytest.approx(share[1], abs=0.04)


def test_a_positive_parameter_is_not_drawn_below_zero():
    values = RNG.exponential(size=500)
    axes = plot.marginals({"gain": values}).axes[0]
    assert axes.get_xlim()[0] == values.min()


def test_parameters_on_a_line_are_drawn_as_points():
    figure = plot.marginals({"a": A, "b": 2 * A})
    check_texts(figure)
    assert not figure.axes[2].collections and len(figure.axes[2].get_lines()) == 1


@pytest.mark.parametrize(
    "change, words",
    [
        ({"drawn": {}}, "`drawn` has 0 parameters"),
        ({"drawn": {"a": A, "b": A[:50]}}, r"`drawn` has \[50, 900\] draws"),
        ({"drawn": {"a": np.ones(900)}}, "ten or more that vary"),
        ({"drawn": {"a": np.where(A > 0, np.nan, A)}}, "0 finite draws"),
        ({"truth": {"gian": 1.0}}, "Did you mean 'gain'"),
    ],
)
def test_marginals_that_cannot_be_drawn_are_named(change, words):
    with pytest.raises(ValueError, match=words):
        plot.marginals(**{"drawn": DRAWS} | change)


def test_ranks_stand_over_what_uniform_ones_would_scatter():
    ranks = RNG.integers(0, 100, (400, 5))
    ranks[:, 1] = 49
    ranks[:7] = -1
    figure = plot.rank_histogram(ranks, 99, ["a", "b", "c", "d", "e"])
    words = [word for word, _ in check_texts(figure)]
    assert {"rank of the truth among 99 draws", "data sets of 393", "a", "e"} <= set(words)
    assert len(panels(figure)) == 5
    counts, edges, _ = panels(figure)[1].patches[-1].get_data()
    assert counts.tolist() == [0, 0, 0, 0, 393, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(edges, np.arange(0, 101, 10))
    band = panels(figure)[0].patches[0].get_bbox()
    assert (band.y0, band.y1) == (25.0, 55.0)
    inside = panels(figure)[0].patches[-1].get_data()[0]
    assert inside.sum() == 393 and (inside >= band.y0).all() and (inside <= band.y1).all()


@pytest.mark.parametrize(
    "ranks, settings, words",
    [
        (np.zeros((5, 1)), {"draws": 99, "bins": 7}, "`bins` of 7 do not divide"),
        (np.full((5, 1), -1), {"draws": 99}, "`ranks` must have a row"),
        (np.full((5, 1), 100), {"draws": 99}, "`ranks` must have a row"),
    ],
)
def test_ranks_that_cannot_be_drawn_are_named(ranks, settings, words):
    with pytest.raises(ValueError, match=words):
        plot.rank_histogram(ranks, **settings)
