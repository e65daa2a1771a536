"""Series in time: stacked traces with a scale bar."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, INK, TICK


def series(
    times: Any, signal: Any, labels: Sequence[str] | None = None, unit: str = "mV"
) -> Figure:
    """Traces of all nodes, stacked in order, on one scale that a bar states.

    `times` (time,) in s; `signal` (time, nodes) in `unit` (1 where it has none), each trace drawn about
    its own median; `labels`, one a node. Entries that are not finite leave gaps. Raises `ValueError` for other
    shapes or where no entry is finite.
    """
    times = _canvas.finite_array("times", times, None)
    signal = _canvas.real_array("signal", signal, len(times), None)
    nodes = signal.shape[1]
    names = _canvas.name_list("labels", labels, nodes)
    signal = np.where(np.isfinite(signal), signal, np.nan)
    if not np.isfinite(signal).any():
        raise ValueError("`signal` has no finite entry: nothing can be drawn; look at its status.")
    middles = np.array([_median(trace) for trace in signal.T])
    swings = signal - middles
    gap = 2 * float(np.nanpercentile(np.abs(swings), 99))
    gap = gap if gap > 0 else 1.0
    height = float(np.clip(0.22 * nodes, 2.0, 11.0)) + 0.8
    size = float(np.clip(72 * (height - 0.8) / nodes * 0.8, 4.0, TICK))
    figure = _canvas.canvas(8.0, height)
    axes = _canvas.plain_axes(figure.subplots())
    offsets = -gap * np.arange(nodes)
    for node in range(nodes):
        line = axes.plot(times, swings[:, node] + offsets[node], color=BLUE, lw=0.7)[0]
        line.set_rasterized(signal.size > 100_000)
    axes.set_yticks(offsets, names, fontsize=size)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(offsets[-1] - 0.75 * gap, 0.75 * gap)
    axes.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1.0)
    _bar(axes, gap * (1 if nodes < 12 else nodes / 12), unit)
    _canvas.name_axes(axes, "time (s)", "")
    return figure


def _bar(axes: Any, room: float, unit: str) -> None:
    """A vertical bar of a round size, right of the traces."""
    size = _round_below(room)
    place = axes.get_yaxis_transform()
    middle = sum(axes.get_ylim()) / 2
    low, high = middle - size / 2, middle + size / 2
    axes.plot([1.015, 1.015], [low, high], color=INK, lw=2.0, transform=place, clip_on=False)
    axes.text(
        1.03,
        middle,
        f"{size:g}" if unit == "1" else f"{size:g} {unit}",
        transform=place,
        va="center",
        fontsize=TICK,
        color=INK,
    )


def _round_below(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `value`."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(max(step for step in (1, 2, 5) if step * power <= value * (1 + 1e-9)) * power)


def _median(trace: np.ndarray) -> float:
    finite = trace[np.isfinite(trace)]
    return float(np.median(finite)) if finite.size else 0.0
