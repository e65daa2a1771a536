"""Matrices between regions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import INK, LABEL, PALE, TICK

MOST_LABELS, MOST_NUMBERS = 90, 20


def connectivity(
    matrix: Any,
    labels: Sequence[str] | None = None,
    label: str = "weight (1)",
    log: bool = False,
    sides: tuple[str, str] = ("source region", "target region"),
) -> Figure:
    """A matrix between regions, targets down and sources across, with a colour bar.

    `matrix` (nodes, nodes) as [target, source], not finite entries and the diagonal left blank;
    `labels`, one a region; `label`, what is shown, with its unit; `sides`, the names of the axes
    across and down. Positive matrices are drawn in
    viridis, others in a scale that is white at zero; `log` (positive entries only, others blank)
    suits weights. Raises `ValueError` for a matrix that is not square or has nothing to draw.
    """
    matrix = _canvas.real_array("matrix", matrix, None, None)
    nodes = len(matrix)
    matrix = _canvas.real_array("matrix", matrix, nodes, nodes)
    names = _canvas.name_list("labels", labels, nodes)
    shown = np.isfinite(matrix) & ~np.eye(nodes, dtype=bool)
    if log:
        shown &= matrix > 0
    if not shown.any():
        raise ValueError("`matrix` has nothing to draw off its diagonal.")
    norm, colours = _scale(matrix[shown], log)
    side = float(np.clip(0.095 * nodes, 4.0, 8.0))
    size = float(np.clip(72 * side / nodes * (0.8 if labels else 2.0), 4.0, TICK))
    margin = 0.6 * size / 72 * max(len(name) for name in names)
    figure = _canvas.canvas(side + margin + 1.2, side + margin + 0.35)
    axes = figure.subplots()
    axes.set_facecolor(PALE)
    image = axes.imshow(
        np.ma.masked_array(matrix, ~shown), cmap=colours, norm=norm, interpolation="nearest"
    )
    every = -(-nodes // (MOST_NUMBERS if labels is None else MOST_LABELS))
    ticks = np.arange(0, nodes, every)
    axes.set_xticks(ticks, [names[k] for k in ticks], rotation=90, fontsize=size)
    axes.set_yticks(ticks, [names[k] for k in ticks], fontsize=size)
    axes.tick_params(length=1.5, width=0.5, labelcolor=INK, pad=1.5)
    axes.spines[:].set_visible(False)
    _canvas.name_axes(axes, *sides)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, pad=0.02)
    bar.set_label(label, fontsize=LABEL, color=INK)
    bar.ax.tick_params(labelsize=TICK, which="both")
    bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def _scale(values: np.ndarray, log: bool) -> tuple[Normalize, str]:
    low, high = float(values.min()), float(values.max())
    if log:
        return LogNorm(low, high if high > low else 10 * low), "viridis"
    if low < 0:
        size = max(-low, high)
        return Normalize(-size, size), "PuOr_r"
    return Normalize(0.0, high if high > 0 else 1.0), "viridis"
