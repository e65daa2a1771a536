"""How a descent went: the loss of every start against iterations."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import CYCLE, GREY, TICK, VERMILION

NAMED = 5


def convergence(
    history: Any, names: Sequence[str] | None = None, label: str = "loss (1)"
) -> Figure:
    """The loss of every start against iteration; the start that ends lowest stands out.

    `history` (iterations, starts), or (iterations,) for one start, as a descent records it; entries
    that are not finite, where a start had failed, leave gaps; `names`, one a start; `label`, the
    loss with its unit. The axis is logarithmic where every loss is positive. Raises `ValueError`
    where no start has a finite loss.
    """
    history = np.asarray(history)
    history = history[:, None] if history.ndim == 1 else history
    history = _canvas.real_array("history", history, None, None).T
    names = _canvas.name_list("names", names, len(history))
    seen = np.where(np.isfinite(history), history, np.inf)
    if not np.isfinite(seen).any():
        raise ValueError("`history` has no finite loss: every start failed; look at its status.")
    best = int(np.argmin(_last(seen)))
    iterations = np.arange(history.shape[1])
    figure = _canvas.canvas(6.4, 3.8)
    axes = _canvas.plain_axes(figure.subplots())
    few = len(history) <= NAMED
    # Failed values leave gaps; a lone point between gaps still shows.
    drawn = np.where(np.isfinite(history), history, np.nan)
    colours = [colour for colour in CYCLE if colour != VERMILION]
    others = [k for k in range(len(history)) if k != best]
    for place, start in enumerate(others):
        colour = colours[place % len(colours)] if few else GREY
        failed = "" if np.isfinite(seen[start]).any() else ": failed"
        name = f"start {names[start]}{failed}" if few else ("other starts" if place == 0 else None)
        axes.plot(iterations, drawn[start], color=colour, lw=1.0, alpha=0.8, label=name)
    value = float(_last(seen)[best])
    axes.plot(
        iterations,
        drawn[best],
        color=VERMILION,
        lw=2.4,
        label=f"start {names[best]}, the best: {value:.4g}",
    )
    stop = np.flatnonzero(np.isfinite(seen[best]))[-1]
    axes.plot(stop, drawn[best, stop], "o", color=VERMILION, ms=6)
    if np.nanmin(drawn) > 0:
        axes.set_yscale("log")
        axes.tick_params(axis="y", which="minor", labelsize=TICK)
    axes.legend(frameon=False, fontsize=TICK, loc="upper right")
    _canvas.name_axes(axes, "iteration", label)
    return figure


def _last(seen: np.ndarray) -> np.ndarray:
    """The last finite loss of every start, infinite where there is none."""
    last = np.full(len(seen), np.inf)
    for start, losses in enumerate(seen):
        finite = losses[np.isfinite(losses)]
        if finite.size:
            last[start] = finite[-1]
    return last
