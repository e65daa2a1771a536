"""Spiking neurons above, and below what their populations do, with the mean field drawn over it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, CYCLE, GREY, INK, TICK, VERMILION

# How a network, and the mean field over it, are drawn.
_NETWORK: dict[str, Any] = {"lw": 3.0, "alpha": 0.35, "solid_capstyle": "butt"}
_MEAN_FIELD: dict[str, Any] = {"lw": 1.1}
# Inches of the raster, and the room between its populations in neurons.
_HEIGHT, _GAP = 2.2, 4
_MOST_MARKS = 20_000


def raster(
    times: Any,
    spikes: Any,
    rate: Any,
    lower: Any,
    mean_field: tuple[Any, Any] | None = None,
    names: Sequence[str] | None = None,
    lower_label: str = "synapse s (1/s)",
    title: str = "",
) -> Figure:
    """Spikes of some neurons of each population, and below them its rate and one more series.

    `times` (time,) in s; `spikes` (time, populations, shown), any number other than zero a spike; `rate` (time,
    populations) in 1/s; `lower` (time, populations), synapse or voltage, as `lower_label` says with its unit;
    `mean_field`, the rate and the lower series of a mean field, drawn over those of the network; `names` of the
    populations, the first above. Raises `ValueError` for other shapes and what is not finite.
    """
    times = _canvas.finite_array("times", times, None)
    spikes = _canvas.finite_array("spikes", spikes, len(times), None, None)
    shape = len(times), spikes.shape[1]
    drawn = [
        _canvas.finite_array("rate", rate, *shape),
        _canvas.finite_array("lower", lower, *shape),
    ]
    over = [
        _canvas.finite_array(f"mean_field[{place}]", each, *shape)
        for place, each in enumerate(mean_field or ())
    ]
    labels = _canvas.name_list("names", names, shape[1])
    figure = _canvas.canvas(8.0, _HEIGHT + 3.6)
    top, middle, bottom = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": (_HEIGHT, 1.5, 1.5)}
    )
    colours = _colours(shape[1])
    _spikes(top, times, spikes, labels, colours)
    for place, axes in enumerate((middle, bottom)):
        _canvas.plain_axes(axes)
        for column, colour in enumerate(colours):
            axes.plot(times, drawn[place][:, column], color=colour, **_NETWORK)
            for each in over[place : place + 1]:
                axes.plot(times, each[:, column], color=colour, **_MEAN_FIELD)
    if over:
        _legend(middle)
    _canvas.name_axes(top, "", "neuron (by current)", title)
    _canvas.name_axes(middle, "", "rate r (1/s)")
    _canvas.name_axes(bottom, "time (s)", lower_label)
    middle.set_ylim(bottom=0)
    top.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1.0)
    return figure


def _colours(populations: int) -> Sequence[str]:
    """One for each: ink alone, E and I as push and pull are."""
    if populations == 1:
        return (BLUE,)
    return [(VERMILION, BLUE, *CYCLE[2:])[place % len(CYCLE)] for place in range(populations)]


def _spikes(
    axes: Axes,
    times: np.ndarray,
    spikes: np.ndarray,
    labels: Sequence[str],
    colours: Sequence[str],
) -> None:
    """A mark for every spike, the neurons of a population side by side, the first population above."""
    _canvas.plain_axes(axes)
    _, populations, shown = spikes.shape
    whole = populations * (shown + _GAP)
    size = 72 * _HEIGHT / whole
    middles = []
    for population, colour in enumerate(colours):
        base = (populations - 1 - population) * (shown + _GAP)
        at, neuron = np.nonzero(spikes[:, population])
        marks = axes.plot(times[at], base + neuron, "|", color=colour, ms=max(size, 1.2), mew=0.7)[
            0
        ]
        marks.set_rasterized(len(at) > _MOST_MARKS)
        middles.append(base + (shown - 1) / 2)
    axes.set_yticks(middles, labels)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-_GAP, whole)


def _legend(axes: Axes) -> None:
    handles = [
        Line2D([], [], color=GREY, label="network", **_NETWORK),
        Line2D([], [], color=INK, label="mean field", **_MEAN_FIELD),
    ]
    axes.legend(
        handles=handles,
        frameon=False,
        fontsize=TICK,
        ncols=2,
        loc="lower right",
        bbox_to_anchor=(1.0, 0.98),
    )
