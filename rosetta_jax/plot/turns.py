"""One turn of a rhythm, and what translations of it show of it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import CYCLE, GREY, TICK

# So that lines that lie on each other are seen.
_DASHES: tuple[Any, ...] = ("-", (0, (4, 2)), (0, (1, 1.5)))


def turns(
    signals: Mapping[str, Any], label: str = "signal", title: str = "", share: float = 1.0
) -> Figure:
    """A turn of each signal (samples,), the first as what the others stand for.

    `label` names the axis with its unit; signals cover `share` of a turn. Raises `ValueError` for what is not one
    finite series each.
    """
    if not signals:
        raise ValueError("`signals` is empty: give at least one series.")
    figure = _canvas.canvas(5.2, 3.0)
    axes = _canvas.plain_axes(figure.subplots())
    for place, (name, series) in enumerate(signals.items()):
        values = _canvas.finite_array(f"signals[{name!r}]", series, None)
        turned = share * np.arange(len(values)) / len(values)
        style: dict[str, Any] = (
            {"color": GREY, "lw": 4.0, "alpha": 0.55}
            if place == 0
            else {"color": CYCLE[place - 1], "lw": 1.5, "ls": _DASHES[(place - 1) % len(_DASHES)]}
        )
        axes.plot(turned, values, label=name, **style)
    axes.set_xlim(0, share)
    _canvas.name_axes(axes, "time (turns)", label, title)
    figure.legend(frameon=False, fontsize=TICK, ncols=len(signals), loc="outside lower center")
    return figure
