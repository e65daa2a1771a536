"""The picture of spiking neurons over what their populations do."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from test_plots import check_texts

from rosetta_jax import plot
from rosetta_jax.plot._canvas import BLUE, VERMILION

TIMES = np.arange(0, 0.1, 0.001)
RNG = np.random.default_rng(0)
SPIKES = RNG.random((100, 2, 30)) < 0.1
RATE = 20 + 10 * np.sin(np.stack([60 * TIMES, 60 * TIMES + 1], axis=1))
SYNAPSE = RATE + 5


def shades(axes):
    return [to_hex(line.get_color()) for line in axes.get_lines()]


def test_spikes_stand_above_the_rate_and_the_synapse():
    over = RATE + 1, SYNAPSE + 1
    figure = plot.raster(TIMES, SPIKES, RATE, SYNAPSE, over, ("E", "I"), title="PING")
    words = [word for word, _ in check_texts(figure)]
    assert {"PING", "E", "I", "network", "mean field"} <= set(words)
    top, middle, bottom = figure.axes
    names = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    assert names == [
        ("", "neuron (by current)"),
        ("", "rate r (1/s)"),
        ("time (s)", "synapse s (1/s)"),
    ]
    for axes, series, smooth in ((middle, RATE, over[0]), (bottom, SYNAPSE, over[1])):
        assert shades(axes) == [VERMILION.lower()] * 2 + [BLUE.lower()] * 2
        thick, thin = axes.get_lines()[2:]
        np.testing.assert_array_equal(thick.get_ydata(), series[:, 1])
        np.testing.assert_array_equal(thin.get_ydata(), smooth[:, 1])
        assert thick.get_linewidth() > thin.get_linewidth()
    assert middle.get_ylim()[0] == 0 and top.get_xlim() == (TIMES[0], TIMES[-1])


def test_every_spike_has_its_mark_and_the_first_population_is_above():
    axes = plot.raster(TIMES, SPIKES, RATE, SYNAPSE).axes[0]
    above, below = axes.get_lines()
    assert shades(axes) == [VERMILION.lower(), BLUE.lower()]
    assert above.get_ydata().min() > below.get_ydata().max()
    for marks, population in ((above, 0), (below, 1)):
        at, neuron = np.nonzero(SPIKES[:, population])
        np.testing.assert_array_equal(marks.get_xdata(), TIMES[at])
        np.testing.assert_array_equal(marks.get_ydata() - marks.get_ydata().min(), neuron)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["1", "2"]
    # Each name stands at the middle of its neurons.
    np.testing.assert_allclose(axes.get_yticks(), [34 + 14.5, 14.5])


def test_one_population_without_a_mean_field():
    figure = plot.raster(
        TIMES,
        SPIKES[:, :1],
        RATE[:, :1],
        -SYNAPSE[:, :1],
        names=["population"],
        lower_label="mean voltage v (1)",
    )
    check_texts(figure)
    assert figure.axes[1].get_legend() is None and shades(figure.axes[0]) == [BLUE.lower()]
    assert figure.axes[2].get_ylabel() == "mean voltage v (1)"
    assert [len(axes.get_lines()) for axes in figure.axes] == [1, 1, 1]


@pytest.mark.parametrize("samples, shown", [(1, 30), (2, 1)])
def test_short_series_and_few_neurons_are_drawn(samples, shown):
    figure = plot.raster(
        TIMES[:samples], SPIKES[:samples, :, :shown], RATE[:samples], SYNAPSE[:samples]
    )
    check_texts(figure)


def test_wrong_arrays_are_named():
    with pytest.raises(ValueError, match=r"`spikes` must have shape \(100, any, any\)"):
        plot.raster(TIMES, SPIKES[:, 0], RATE, SYNAPSE)
    with pytest.raises(ValueError, match="`spikes` has no entries"):
        plot.raster(TIMES, SPIKES[:, :, :0], RATE, SYNAPSE)
    with pytest.raises(ValueError, match=r"`rate` must have shape \(100, 2\), got \(100, 1\)"):
        plot.raster(TIMES, SPIKES, RATE[:, :1], SYNAPSE)
    with pytest.raises(ValueError, match="`lower` has 1 non-finite"):
        plot.raster(TIMES, SPIKES, RATE, np.where(SYNAPSE[0, 0] == SYNAPSE, np.nan, SYNAPSE))
    with pytest.raises(ValueError, match=r"`mean_field\[1\]` must have shape \(100, 2\)"):
        plot.raster(TIMES, SPIKES, RATE, SYNAPSE, (RATE, SYNAPSE[1:]))
    with pytest.raises(ValueError, match="`names` has 1 names for 2"):
        plot.raster(TIMES, SPIKES, RATE, SYNAPSE, names=["E"])
