"""Evoked responses: all sensors on top of each other, measured and fitted."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, SMALL, VERMILION


def responses(times: Any, measured: Any, fitted: Any, unit: str = "1") -> Figure:
    """The courses of all sensors, measured and fitted on one scale, and the root of their mean square.

    `times` (T,) s from the stimulus; `measured`, `fitted` (T, sensors) in `unit`. Raises `ValueError` for other
    shapes and entries that are not finite.
    """
    times = 1000 * _canvas.finite_array("times", times, None)
    measured = _canvas.finite_array("measured", measured, len(times), None)
    fitted = _canvas.finite_array("fitted", fitted, len(times), measured.shape[1])
    figure = _canvas.canvas(11.0, 3.3)
    panels = figure.subplots(1, 3, sharex=True)
    size = 1.08 * (float(np.abs([measured, fitted]).max()) or 1.0)
    ending = "" if unit == "1" else f" ({unit})"
    for axes, courses, title in zip(
        panels, (measured, fitted), ("measured", "fitted"), strict=False
    ):
        _canvas.plain_axes(axes)
        axes.plot(times, courses, color=BLUE, lw=0.6, alpha=0.6)
        axes.set_ylim(-size, size)
        _canvas.name_axes(axes, "time (ms)", f"potential{ending}", title)
    last = _canvas.plain_axes(panels[2])
    drawn = {"measured": (measured, GREY, 3.0), "fitted": (fitted, VERMILION, 1.2)}
    for name, (courses, colour, width) in drawn.items():
        last.plot(times, np.sqrt((courses**2).mean(axis=1)), color=colour, lw=width, label=name)
    last.set_ylim(0.0, None)
    last.legend(fontsize=SMALL + 1, frameon=False)
    _canvas.name_axes(last, "time (ms)", f"root mean square{ending}", "over sensors")
    last.set_xlim(times[0], times[-1])
    return figure
