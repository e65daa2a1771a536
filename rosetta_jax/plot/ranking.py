"""Scores side by side: what a model reaches against its baselines and its ceiling."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosetta_jax import _checks
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import INK, PALE, TICK, VERMILION


def scores(
    names: Sequence[str],
    values: Any,
    errors: Any = None,
    label: str = "correlation r (1)",
    highlight: Sequence[str] = (),
) -> Figure:
    """Scores as dots, one row each in the order given, with error bars and the numbers.

    `names` and `values` (scores,); `errors` (scores,), half widths, NaN where there is none;
    `label`, the score with its unit; `highlight`, the names that stand out (the model among its
    baselines). Raises `ValueError` where lengths differ, an error is negative or a highlighted name
    is unknown.
    """
    values = _canvas.finite_array("values", values, None)
    names = _canvas.name_list("names", names, len(values))
    errors = np.full(len(values), np.nan) if errors is None else errors
    errors = _canvas.real_array("errors", errors, len(values))
    if (errors < 0).any():
        raise ValueError(f"`errors` must be zero or positive: found {np.nanmin(errors):g}.")
    for name in highlight:
        _checks.one_of("highlight", name, names)
    rows = np.arange(len(values))
    wide = max(len(name) for name in names)
    figure = _canvas.canvas(min(4.6 + 0.07 * wide, 10.0), 0.34 * len(values) + 0.9)
    axes = _canvas.plain_axes(figure.subplots())
    axes.grid(axis="y", color=PALE, lw=0.8)
    axes.set_axisbelow(True)
    for row, name in enumerate(names):
        known = np.isfinite(errors[row])
        colour = VERMILION if name in highlight else INK
        axes.errorbar(
            values[row],
            row,
            xerr=errors[row] if known else None,
            fmt="o",
            color=colour,
            ms=6,
            lw=1.6,
            capsize=3,
        )
        text = _shown(values[row]) + (f" ± {_shown(errors[row])}" if known else "")
        _write(axes, text, row, colour)
    axes.set_yticks(rows, names, fontsize=TICK)
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        if name in highlight:
            tick.set(color=VERMILION, fontweight="bold")
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _canvas.name_axes(axes, label, "")
    return figure


def _write(axes: Any, text: str, row: int, colour: str) -> None:
    """The number in a column of its own, right of the picture."""
    axes.text(
        1.02,
        row,
        text,
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=TICK,
        color=colour,
    )


def _shown(value: float) -> str:
    """Three decimals of what is about one, none of what is large."""
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
