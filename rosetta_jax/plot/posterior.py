"""Posteriors: what they predict of a measurement, what they say of parameters, and whether to believe them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.stats import binom, gaussian_kde

from rosetta_jax import _checks
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, LABEL, PALE, SKY, SMALL, TICK, VERMILION

# The levels of bands and of regions of highest density, from the inside.
_LEVELS = (0.5, 0.9)
_MOST_PARAMETERS, _MOST_DRAWS, _POINTS, _BINS = 12, 2000, 60, 24


def predictive(
    frequencies: Any, measured: Any, drawn: Any, labels: Sequence[str] | None = None
) -> Figure:
    """Measured spectra of all regions over the bands of what draws of a posterior predict.

    `frequencies` (F,) in Hz; `measured` (F, nodes) and `drawn` (draws, F, nodes), positive linear power, drawn in
    dB: their median and the bands of 50 and 90 %, frequency by frequency. Draws that are not finite had no
    prediction and are left out, and counted in the legend. `labels`, one a region. Raises `ValueError` for other
    shapes, for power that is not positive, and where no draw is left.
    """
    frequencies = _canvas.finite_array("frequencies", frequencies, None)
    measured = _canvas.power_array("measured", measured, len(frequencies), None).T
    nodes = len(measured)
    drawn = _canvas.real_array("drawn", drawn, None, len(frequencies), nodes)
    good = np.isfinite(drawn).all(axis=(1, 2))
    if not good.any():
        raise ValueError(
            "`drawn` has no draw that is finite: look at the status of the predictions."
        )
    flat = _canvas.power_array("drawn", drawn[good].reshape(good.sum(), -1), None, None)
    drawn = flat.reshape(good.sum(), len(frequencies), nodes)
    labels = _canvas.name_list("labels", labels, nodes)
    bands = {level: np.quantile(drawn, _ends(level), axis=0) for level in _LEVELS}
    figure, panels = _multiples(nodes)
    for node, axes in enumerate(panels.flat[:nodes]):
        _canvas.plain_axes(axes, size=SMALL)
        for (low, high), alpha in zip(reversed(bands.values()), (0.22, 0.4), strict=True):
            axes.fill_between(
                frequencies, low[:, node], high[:, node], color=BLUE, alpha=alpha, lw=0
            )
        axes.plot(frequencies, np.median(drawn, axis=0)[:, node], color=BLUE, lw=1.1)
        axes.plot(frequencies, measured[node], color=VERMILION, lw=0.9)
        text, size = _canvas.fitting(labels[node], 1.35, SMALL + 0.5)
        axes.set_title(text, fontsize=size, loc="left", pad=2, color=INK)
        axes.tick_params(labelbottom=node + panels.shape[1] >= nodes)
    first = panels.flat[0]
    first.set(xlim=(frequencies[0], frequencies[-1]))
    first.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], prune="both"))
    first.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    for axes in panels.flat[nodes:]:
        axes.set_axis_off()
    _predictive_legend(panels.flat[-1], int((~good).sum()), len(good))
    figure.supxlabel("frequency (Hz)", fontsize=LABEL + 1, color=INK)
    figure.supylabel("power (dB)", fontsize=LABEL + 1, color=INK)
    return figure


def marginals(
    drawn: Mapping[str, Any],
    prior: Mapping[str, Any] | None = None,
    truth: Mapping[str, float] | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Every parameter's posterior against its prior, and every pair of parameters.

    `drawn` names parameters and gives their draws, (draws,) each, at most twelve; `prior`, draws of their priors,
    any number; `truth`, where it is known; `labels`, how they are named on the axes, with units. On the diagonal
    stand histograms, below it the regions that hold 50 and 90 % of the draws, by kernel density. Draws that are
    not finite are left out. Raises `ValueError` where a parameter has fewer than ten draws or does not vary, and
    for names of `prior`, `truth` or `labels` that were not drawn.
    """
    names = list(drawn)
    if not 0 < len(names) <= _MOST_PARAMETERS:
        raise ValueError(
            f"`drawn` has {len(names)} parameters: give 1 to {_MOST_PARAMETERS}, those of interest."
        )
    prior, truth, labels = dict(prior or {}), dict(truth or {}), dict(labels or {})
    for argument, given in (("prior", prior), ("truth", truth), ("labels", labels)):
        for name in given:
            _checks.one_of(argument, name, names)
    draws = _draws(drawn)
    count = len(names)
    ranges = [_range(draws[name], truth.get(name)) for name in names]
    figure = _canvas.canvas(1.55 * max(count, 2) + 0.9, 1.45 * max(count, 2) + 0.5)
    panels = figure.subplots(count, count, squeeze=False)
    for row in range(count):
        for column in range(count):
            axes = panels[row, column]
            if column > row:
                axes.set_axis_off()
                continue
            _canvas.plain_axes(axes, size=SMALL)
            of, against = names[column], names[row]
            axes.set_xlim(*ranges[column])
            axes.xaxis.set_major_locator(MaxNLocator(3, prune="both"))
            if row == column:
                _single(axes, draws[of], prior.get(of), ranges[column])
            else:
                _pair(axes, draws[of], draws[against], ranges[column], ranges[row])
            if of in truth:
                axes.axvline(truth[of], color=VERMILION, lw=1.0)
            if against in truth and row != column:
                axes.axhline(truth[against], color=VERMILION, lw=1.0)
            _edge_labels(axes, row, column, count, [labels.get(name, name) for name in names])
    _marginals_legend(figure, bool(prior), bool(truth))
    return figure


def rank_histogram(
    ranks: Any, draws: int, names: Sequence[str] | None = None, bins: int = 10
) -> Figure:
    """Ranks of the truth among draws, one panel a parameter, with what uniform ranks would scatter.

    `ranks` (sets, size), whole numbers from 0 to `draws`; rows with a negative one had no posterior and are left
    out; `names`, one a parameter; `bins` must divide the `draws + 1` ranks. The band holds 99 % of the counts of a
    bin. A heap in the middle says that intervals are too wide, heaps at both ends too narrow, a slope a bias.
    Raises `ValueError` for other shapes, where `bins` do not divide, and where no row is left.
    """
    ranks = _canvas.finite_array("ranks", ranks, None, None)
    draws, bins = _checks.whole("draws", draws), _checks.whole("bins", bins, 2)
    if (draws + 1) % bins:
        raise ValueError(
            f"`bins` of {bins} do not divide the {draws + 1} ranks evenly: take a divisor."
        )
    kept = ranks[(ranks >= 0).all(axis=1)]
    if not len(kept) or kept.max() > draws:
        raise ValueError(f"`ranks` must have a row of whole numbers from 0 to {draws}.")
    count = ranks.shape[1]
    names = _canvas.name_list("names", names, count)
    columns = min(count, 4)
    rows = -(-count // columns)
    figure = _canvas.canvas(2.2 * columns + 0.9, 1.9 * rows + 0.7)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    edges = np.linspace(0, draws + 1, bins + 1)
    low, high = binom.ppf([0.005, 0.995], len(kept), 1 / bins)
    for place, axes in enumerate(panels.flat):
        if place >= count:
            axes.set_axis_off()
            continue
        _canvas.plain_axes(axes)
        axes.axhspan(low, high, color=PALE, lw=0)
        axes.axhline(len(kept) / bins, color=GREY, lw=1.0)
        axes.stairs(np.histogram(kept[:, place], edges)[0], edges, color=BLUE, lw=2.0)
        text, size = _canvas.fitting(names[place], 2.0, LABEL)
        axes.set_title(text, fontsize=size, loc="left", color=INK)
        axes.tick_params(labelbottom=place + columns >= count)
    panels.flat[0].set(xlim=(0, draws + 1), ylim=(0, None))
    panels.flat[0].yaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure.supxlabel(f"rank of the truth among {draws} draws", fontsize=LABEL + 1, color=INK)
    figure.supylabel(f"data sets of {len(kept)}", fontsize=LABEL + 1, color=INK)
    return figure


def _ends(level: float) -> list[float]:
    return [(1 - level) / 2, (1 + level) / 2]


def _multiples(nodes: int) -> tuple[Figure, np.ndarray]:
    """A panel for each region on common axes, and one for the legend."""
    columns = nodes + 1 if nodes < 4 else min(9, int(np.ceil(np.sqrt(1.1 * (nodes + 1)))))
    rows = -(-(nodes + 1) // columns)
    wide, high = (1.55, 1.25) if nodes > 5 else (2.4, 2.0)
    figure = _canvas.canvas(wide * columns + 0.6, high * rows + 0.6)
    return figure, figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def _predictive_legend(axes: Axes, lost: int, total: int) -> None:
    handles = [
        Line2D([], [], color=VERMILION, lw=1.4),
        Line2D([], [], color=BLUE, lw=1.4),
        # As dark as the bands are on top of one another.
        Patch(facecolor=BLUE, alpha=0.53),
        Patch(facecolor=BLUE, alpha=0.22),
    ]
    names = ["measured", "median", "50 %", "90 %"]
    title = f"{lost} of {total} draws\nhad no prediction" if lost else None
    legend = axes.legend(
        handles,
        names,
        loc="center",
        frameon=False,
        fontsize=TICK,
        title=title,
        title_fontsize=SMALL,
    )
    legend.get_title().set_color(INK)


def _draws(drawn: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Draws of each parameter, those left out that are not finite in all."""
    each = {
        name: _canvas.real_array(f"drawn[{name!r}]", value, None) for name, value in drawn.items()
    }
    lengths = {len(value) for value in each.values()}
    if len(lengths) > 1:
        raise ValueError(f"`drawn` has {sorted(lengths)} draws: give as many of each parameter.")
    good = np.isfinite(np.stack(list(each.values()))).all(axis=0)
    for name, value in each.items():
        if good.sum() < 10 or np.ptp(value[good]) == 0:
            raise ValueError(
                f"`drawn[{name!r}]` has {good.sum()} finite draws, or one value: give ten or more that vary."
            )
    return {name: value[good] for name, value in each.items()}


def _range(values: np.ndarray, truth: float | None) -> tuple[float, float]:
    low, high = np.quantile(values, [0.002, 0.998])
    room = 0.12 * (high - low)
    # No further than the draws: a positive parameter is not drawn below zero.
    low, high = max(low - room, values.min()), min(high + room, values.max())
    if truth is not None:
        low, high = min(low, truth), max(high, truth)
    return float(low), float(high)


def _single(axes: Axes, values: np.ndarray, prior: Any, ends: tuple[float, float]) -> None:
    edges = np.linspace(*ends, _BINS + 1)
    width = edges[1] - edges[0]
    found = np.histogram(values, edges)[0] / (len(values) * width)
    axes.stairs(found, edges, fill=True, color=BLUE, alpha=0.4)
    axes.stairs(found, edges, color=BLUE, lw=1.3)
    if prior is not None:
        prior = _canvas.finite_array("prior", prior, None)
        before = np.histogram(prior, edges)[0] / (len(prior) * width)
        axes.stairs(before, edges, color=GREY, lw=1.3)
    axes.set_ylim(0, None)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _pair(
    axes: Axes,
    across: np.ndarray,
    up: np.ndarray,
    ends: tuple[float, float],
    heights: tuple[float, float],
) -> None:
    """Regions of highest density that hold shares of the draws."""
    points = np.stack([across, up])
    points = points[:, :: max(1, points.shape[1] // _MOST_DRAWS)]
    axes.set_ylim(*heights)
    axes.yaxis.set_major_locator(MaxNLocator(3, prune="both"))
    if abs(np.corrcoef(points)[0, 1]) > 1 - 1e-9:
        # On a line there is no area.
        axes.plot(*points, ".", color=BLUE, ms=1.5)
        return
    kernel = gaussian_kde(points)
    # A share of the draws lies where the density is above this quantile of itself.
    heights_at = np.quantile(kernel(points), [1 - level for level in reversed(_LEVELS)])
    x, y = np.meshgrid(np.linspace(*ends, _POINTS), np.linspace(*heights, _POINTS))
    density = kernel(np.stack([x.ravel(), y.ravel()])).reshape(x.shape)
    top = max(float(density.max()), float(heights_at[-1])) * 1.001
    axes.contourf(x, y, density, levels=[*heights_at, top], colors=[SKY, BLUE], alpha=0.65)


def _edge_labels(axes: Axes, row: int, column: int, count: int, names: list[str]) -> None:
    """Names and numbers at the left and the lower edge only."""
    if row == count - 1:
        text, size = _canvas.fitting(names[column], 1.5, TICK)
        axes.set_xlabel(text, fontsize=size, color=INK)
    else:
        axes.tick_params(labelbottom=False)
    if column == 0 and row > 0:
        text, size = _canvas.fitting(names[row], 1.4, TICK)
        axes.set_ylabel(text, fontsize=size, color=INK)
    elif column > 0:
        axes.tick_params(labelleft=False)


def _marginals_legend(figure: Figure, prior: bool, truth: bool) -> None:
    shown: list[tuple[Any, str]] = [(Patch(facecolor=BLUE, alpha=0.5), "posterior")]
    if prior:
        shown.append((Line2D([], [], color=GREY, lw=1.4), "prior"))
    if truth:
        shown.append((Line2D([], [], color=VERMILION, lw=1.4), "truth"))
    handles, names = zip(*shown, strict=True)
    figure.legend(handles, names, loc="outside upper right", ncols=3, frameon=False, fontsize=TICK)
