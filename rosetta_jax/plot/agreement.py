"""Measured against predicted: matrices side by side, and pair by pair."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, LABEL, PALE, TICK, TITLE

MOST_TICKS = 8


def agreement(
    measured: Any, fitted: Any, correlation: Any, labels: Sequence[str] | None = None
) -> Figure:
    """Functional connectivity measured and fitted, on one scale, and the one against the other pair by pair.

    `measured`, `fitted` (nodes, nodes), correlations from -1 to 1, diagonals left blank; `correlation`, Pearson's
    r over pairs, written above the scatter; `labels`, one a region, drawn where there is room. Raises `ValueError`
    for other shapes and entries that are not finite.
    """
    measured = _canvas.finite_array("measured", measured, None, None)
    nodes = len(measured)
    measured = _canvas.finite_array("measured", measured, nodes, nodes)
    fitted = _canvas.finite_array("fitted", fitted, nodes, nodes)
    names = _canvas.name_list("labels", labels, nodes)
    off = ~np.eye(nodes, dtype=bool)
    both = np.concatenate([measured[off], fitted[off]])
    size = float(np.abs(both).max()) or 1.0
    signed = bool((both < 0).any())
    norm = Normalize(-size if signed else 0.0, size)
    figure = _canvas.canvas(11.0, 3.7)
    first, second, third = figure.subplots(1, 3)
    ticks = np.arange(0, nodes, 1 if nodes <= 12 else -(-nodes // MOST_TICKS))
    image = None
    for axes, matrix, title in ((first, measured, "measured"), (second, fitted, "fitted")):
        axes.set_facecolor(PALE)
        image = axes.imshow(
            np.ma.masked_array(matrix, ~off),
            cmap="PuOr_r" if signed else "viridis",
            norm=norm,
            interpolation="nearest",
        )
        words = names if nodes <= 12 else [str(k + 1) for k in range(nodes)]
        axes.set_xticks(ticks, [words[k] for k in ticks], rotation=90, fontsize=TICK - 1)
        axes.set_yticks(ticks, [words[k] for k in ticks], fontsize=TICK - 1)
        axes.tick_params(length=1.5, width=0.5, labelcolor=INK)
        axes.spines[:].set_visible(False)
        _canvas.name_axes(axes, "region", "region", title)
    assert image is not None
    bar = figure.colorbar(image, ax=[first, second], shrink=0.75, pad=0.02)
    bar.set_label("correlation r (1)", fontsize=LABEL, color=INK)
    bar.ax.tick_params(labelsize=TICK)
    bar.outline.set_visible(False)  # type: ignore[operator]
    _pairs(third, measured, fitted, float(correlation))
    return figure


def _pairs(axes: Any, measured: np.ndarray, fitted: np.ndarray, correlation: float) -> None:
    """One dot a pair of regions, and where the two would be equal."""
    pairs = np.triu_indices(len(measured), 1)
    x, y = measured[pairs], fitted[pairs]
    _canvas.plain_axes(axes)
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    axes.plot(ends, ends, color=GREY, lw=0.8, ls="--", zorder=1)
    few = len(x) < 400
    axes.scatter(
        x, y, s=14 if few else 5, color=BLUE, alpha=0.7 if few else 0.3, linewidths=0, zorder=2
    )
    axes.set_box_aspect(1)
    _canvas.name_axes(axes, "measured correlation (1)", "fitted correlation (1)")
    axes.set_title(f"pairs, r = {correlation:.2f}", fontsize=TITLE, loc="left", color=INK)
