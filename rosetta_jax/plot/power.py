"""Spectra: measured against fitted, region by region and on average; those of a model by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter, ScalarFormatter

from rosetta_jax import _checks
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, CYCLE, GREY, INK, LABEL, SMALL, TICK, VERMILION

OTHER_STYLES = ((0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
KINDS = ("log", "decibel")


def spectra(
    frequencies: Any,
    measured: Any,
    fitted: Any,
    labels: Sequence[str] | None = None,
    correlations: Any = None,
) -> Figure:
    """Measured and fitted spectra of all regions as small multiples on common axes.

    `frequencies` (F,) in Hz; `measured`, `fitted` (F, nodes), positive linear power, drawn in dB;
    `labels`, one a region; `correlations` (nodes,), written into each panel. Raises `ValueError`
    for other shapes, for power that is not positive, and for entries that are not finite.
    """
    frequencies = _canvas.finite_array("frequencies", frequencies, None)
    measured = _canvas.power_array("measured", measured, len(frequencies), None).T
    nodes = len(measured)
    fitted = _canvas.power_array("fitted", fitted, len(frequencies), nodes).T
    labels = _canvas.name_list("labels", labels, nodes)
    if correlations is not None:
        correlations = _canvas.real_array("correlations", correlations, nodes)
    columns = max(2, min(9, int(np.ceil(np.sqrt(1.1 * (nodes + 1))))))
    rows = -(-(nodes + 1) // columns)  # the last cell is for the legend
    figure = _canvas.canvas(1.55 * columns + 0.6, 1.25 * rows + 0.6)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    room = _room(measured, fitted)
    for node, axes in enumerate(panels.flat[:nodes]):
        _canvas.plain_axes(axes, size=SMALL)
        axes.plot(frequencies, measured[node], color=GREY, lw=2.0, solid_capstyle="round")
        axes.plot(frequencies, fitted[node], color=VERMILION, lw=1.1)
        text, size = _canvas.fitting(labels[node], 1.35, SMALL + 0.5)
        axes.set_title(text, fontsize=size, loc="left", pad=2, color=INK)
        if correlations is not None:
            _corner(axes, f"r = {correlations[node]:.2f}")
        axes.tick_params(labelbottom=node + columns >= nodes)
    first = panels.flat[0]
    first.set(xlim=(frequencies[0], frequencies[-1]), ylim=room)
    first.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], prune="both"))
    first.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    for axes in panels.flat[nodes:]:
        axes.set_axis_off()
    lines = [Line2D([], [], color=GREY, lw=2.5), Line2D([], [], color=VERMILION, lw=1.4)]
    corner = panels.flat[-1]
    corner.legend(lines, ["measured", "fitted"], loc="center", frameon=False, fontsize=TICK)
    figure.supxlabel("frequency (Hz)", fontsize=LABEL + 1, color=INK)
    figure.supylabel("power (dB)", fontsize=LABEL + 1, color=INK)
    return figure


def mean_spectrum(
    frequencies: Any,
    measured: Any,
    fitted: Any,
    others: Mapping[str, Any] | None = None,
    names: tuple[str, str] = ("measured", "fitted"),
) -> Figure:
    """The spectrum averaged over regions (mean of decibels) and the middle 80 % of regions.

    `frequencies` (F,) in Hz; `measured`, `fitted` (F, nodes), positive linear power; `others` names
    further curves to set beside them, each (F, nodes) or, already averaged, (F,); `names` of the
    first two. Raises `ValueError` as `spectra` does.
    """
    frequencies = _canvas.finite_array("frequencies", frequencies, None)
    measured = _canvas.power_array("measured", measured, len(frequencies), None).T
    fitted = _canvas.power_array("fitted", fitted, len(frequencies), len(measured)).T
    figure = _canvas.canvas(6.8, 4.2)
    axes = _canvas.plain_axes(figure.subplots())
    axes.fill_between(
        frequencies, *np.percentile(measured, [10, 90], 0), color=GREY, alpha=0.2, lw=0
    )
    for edge in np.percentile(fitted, [10, 90], axis=0):
        axes.plot(frequencies, edge, color=VERMILION, lw=0.8, alpha=0.7)
    axes.plot(frequencies, measured.mean(0), color=INK, lw=2.4, label=names[0])
    axes.plot(frequencies, fitted.mean(0), color=VERMILION, lw=1.8, label=names[1])
    colours = (BLUE, *CYCLE[2:])
    for k, (name, curve) in enumerate((others or {}).items()):
        shape = (len(frequencies),) if np.ndim(curve) == 1 else (len(frequencies), None)
        curve = _canvas.power_array(f"others[{name!r}]", curve, *shape)
        curve = curve.mean(1) if curve.ndim == 2 else curve
        style = OTHER_STYLES[k % len(OTHER_STYLES)]
        axes.plot(frequencies, curve, color=colours[k % len(colours)], lw=1.5, ls=style, label=name)
    handles, shown = axes.get_legend_handles_labels()
    handles += [Patch(facecolor=GREY, alpha=0.3), Line2D([], [], color=VERMILION, lw=0.8)]
    shown += [f"10 % to 90 % of regions, {names[0]}", f"the same, {names[1]}"]
    axes.legend(handles, shown, frameon=False, fontsize=TICK, loc="best")
    axes.set_xlim(frequencies[0], frequencies[-1])
    _canvas.name_axes(axes, "frequency (Hz)", "power (dB), mean over regions")
    return figure


def spectrum(
    frequencies: Any,
    density: Any,
    labels: Sequence[str] | None = None,
    unit: str = "unit²/Hz",
    kind: str = "log",
) -> Figure:
    """Spectra of all nodes in one panel, with their mean in bold.

    `frequencies` (F,) in Hz, above zero; `density` (F, nodes), positive power as
    `rj.linear.power_spectrum` and `rj.observe.power_spectrum` give it, in `unit`; `labels`, one a
    node, named in a legend where there are at most six. `kind` "log" draws both axes
    logarithmically, "decibel" draws dB of `unit` over hertz. Raises `ValueError` for other shapes
    or kinds, and for power that is not positive and finite.
    """
    _checks.one_of("kind", kind, KINDS)
    frequencies = _canvas.finite_array("frequencies", frequencies, None)
    decibels = _canvas.power_array("density", density, len(frequencies), None)
    nodes = decibels.shape[1]
    labels = _canvas.name_list("labels", labels, nodes)
    log = kind == "log"
    curves = 10 ** (decibels / 10) if log else decibels
    figure = _canvas.canvas(6.4, 4.2)
    axes = _canvas.plain_axes(figure.subplots())
    few = nodes <= len(CYCLE)
    for node in range(nodes):
        style = {"color": CYCLE[node], "lw": 1.4} if few else {"color": BLUE, "lw": 0.6}
        axes.plot(
            frequencies,
            curves[:, node],
            alpha=1.0 if few else max(0.15, min(0.6, 12 / nodes)),
            label=labels[node] if few else None,
            **style,
        )
    if nodes > 1:
        # The mean of power, as one electrode over all nodes would see it were they independent.
        mean = 10 ** (decibels / 10)
        mean = mean.mean(axis=1) if log else 10 * np.log10(mean.mean(axis=1))
        axes.plot(frequencies, mean, color=INK, lw=2.6, label="mean power")
    if log:
        _logarithmic(axes, frequencies)
    axes.set_xlim(frequencies.min(), frequencies.max())
    if few or nodes > 1:
        axes.legend(frameon=False, fontsize=TICK, loc="best")
    label = f"power density ({unit})" if log else f"power density (dB of {unit})"
    _canvas.name_axes(axes, "frequency (Hz)", label)
    return figure


def _logarithmic(axes: Any, frequencies: np.ndarray) -> None:
    if (frequencies <= 0).any():
        raise ValueError(
            '`frequencies` must be above 0 Hz on a logarithmic axis: use kind="decibel".'
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    low, high = frequencies.min(), frequencies.max()
    steps = [f for f in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if low <= f <= high]
    if len(steps) >= 2:
        axes.set_xticks(steps)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(NullFormatter())


def _room(*curves: np.ndarray) -> tuple[float, float]:
    """Limits that hold all curves, with space above for the number in the corner."""
    low = min(float(c.min()) for c in curves)
    high = max(float(c.max()) for c in curves)
    span = max(high - low, 1.0)
    return low - 0.05 * span, high + 0.22 * span


def _corner(axes: Any, text: str) -> None:
    axes.text(
        0.97,
        0.97,
        text,
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=SMALL,
        color=INK,
    )
