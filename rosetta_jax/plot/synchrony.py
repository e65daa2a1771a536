"""Synchrony in time: the order parameter, and how loud the rhythm is."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, TICK, VERMILION


def synchrony(times: Any, order: Any, envelopes: Any, unit: str = "mV", title: str = "") -> Figure:
    """The order parameter and the envelopes of a rhythm against time.

    `times` (time,) in s; `order` (time,), from 0 to 1, with its mean, its standard deviation (metastability) and
    the level of as many independent nodes; `envelopes` (time, nodes) in `unit`, their mean over nodes and the
    middle 80 % of nodes. Raises `ValueError` for other shapes, what is not finite, and an order outside of 0 to 1.
    """
    times = _canvas.finite_array("times", times, None)
    order = _canvas.finite_array("order", order, len(times))
    envelopes = _canvas.finite_array("envelopes", envelopes, len(times), None)
    if order.min() < -1e-6 or order.max() > 1 + 1e-6:
        raise ValueError(
            f"`order` must lie between 0 and 1, got {order.min():g} to {order.max():g}: give R(t), not phases."
        )
    figure = _canvas.canvas(8.0, 4.4)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _order(upper, times, order, envelopes.shape[1])
    _canvas.name_axes(upper, "", "order parameter R (1)", title)
    _loudness(lower, times, envelopes)
    _canvas.name_axes(lower, "time (s)", f"envelope ({unit or '1'})")
    return figure


def _order(axes: Axes, times: np.ndarray, order: np.ndarray, nodes: int) -> None:
    _canvas.plain_axes(axes)
    mean, deviation = float(order.mean()), float(order.std())
    axes.axhspan(mean - deviation, mean + deviation, color=GREY, alpha=0.2, lw=0)
    axes.axhline(mean, color=GREY, lw=1.0)
    axes.plot(times, order, color=BLUE, lw=1.2)
    axes.set_ylim(0, 1)
    axes.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1.0)
    remark = f"mean {mean:.2f}, metastability {deviation:.2f}"
    if nodes > 1:
        axes.axhline(np.sqrt(np.pi / 4 / nodes), color=INK, lw=0.9, ls=(0, (1, 1.5)))
        remark += "; dotted: independent nodes"
    _remark(axes, remark)


def _loudness(axes: Axes, times: np.ndarray, envelopes: np.ndarray) -> None:
    _canvas.plain_axes(axes)
    if envelopes.shape[1] > 1:
        low, high = np.percentile(envelopes, [10, 90], axis=1)
        axes.fill_between(times, low, high, color=VERMILION, alpha=0.2, lw=0)
        _remark(axes, "mean and middle 80 % of nodes")
    axes.plot(times, envelopes.mean(axis=1), color=VERMILION, lw=1.4)
    axes.set_ylim(bottom=0)


def _remark(axes: Axes, text: str) -> None:
    """A few words above the panel, at the right."""
    axes.text(
        1.0, 1.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=TICK, color=INK
    )
