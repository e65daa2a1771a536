"""The push-pull motif at work: the two opposing terms against time, and how they turn in the plane."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, LABEL, PURPLE, TICK, VERMILION

# In the plane: the last turns in bold, the heads along them, and the size of a head in points.
TURNS, HEADS, HEAD = 2, 4, 11.0
# A swing of less than this share of the mean is drawn once more by itself.
SMALL_SWING = 0.5


def push_pull(
    times: Any,
    push: Any,
    pull: Any,
    unit: str = "1",
    plane: tuple[Any, Any] | None = None,
    plane_labels: tuple[str, str] = ("x (1)", "y (1)"),
    title: str = "",
) -> Figure:
    """Push above and pull below zero against time, and the path of one node in the plane.

    `times` (time,) in s; `push` and `pull` (time,), both in `unit`, as `rung.push_pull` gives them for a node:
    pull is negative where it inhibits. Where one swings little beside its mean, the swings of both are drawn too.
    The plane is that of push and minus pull, in which a motif turns anticlockwise, or `plane`, two
    coordinates (time,) with their `plane_labels`. Raises `ValueError` for other shapes and what is not finite.
    """
    times = _canvas.finite_array("times", times, None)
    push = _canvas.finite_array("push", push, len(times))
    pull = _canvas.finite_array("pull", pull, len(times))
    across, up = (push, -pull) if plane is None else plane
    across = _canvas.finite_array("plane[0]", across, len(times))
    up = _canvas.finite_array("plane[1]", up, len(times))
    small = any(np.std(term) < SMALL_SWING * abs(np.mean(term)) for term in (push, pull))
    figure = _canvas.canvas(9.4, 4.6 if small else 3.6)
    grid = figure.add_gridspec(2 if small else 1, 2, width_ratios=(1.6, 1.0))
    lowest = upper = figure.add_subplot(grid[0, 0])
    _opposed(upper, times, push, pull)
    _canvas.name_axes(upper, "", _with_unit("push and pull", unit), title)
    if small:
        upper.tick_params(labelbottom=False)
        lowest = figure.add_subplot(grid[1, 0], sharex=upper)
        _swings(lowest, times, push, pull)
        _canvas.name_axes(lowest, "", _with_unit("about their means", unit))
    lowest.set_xlabel("time (s)", fontsize=LABEL, color=INK)
    named = (_with_unit("push", unit), _with_unit("minus pull", unit))
    _path(figure.add_subplot(grid[:, 1]), across, up, named if plane is None else plane_labels)
    return figure


def _with_unit(name: str, unit: str) -> str:
    return f"{name} ({unit or '1'})"


def _opposed(axes: Axes, times: np.ndarray, push: np.ndarray, pull: np.ndarray) -> None:
    """Both terms, filled from zero."""
    _canvas.plain_axes(axes)
    for term, colour, name in ((push, VERMILION, "push"), (pull, BLUE, "pull")):
        axes.fill_between(times, term, 0.0, color=colour, alpha=0.18, lw=0)
        axes.plot(times, term, color=colour, lw=1.4, label=name)
    axes.axhline(0.0, color=GREY, lw=0.8)
    axes.set_xlim(times[0], times[-1] if len(times) > 1 else times[0] + 1.0)
    axes.legend(
        frameon=False, fontsize=TICK, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 0.98)
    )


def _swings(axes: Axes, times: np.ndarray, push: np.ndarray, pull: np.ndarray) -> None:
    """Both terms about their means: which leads and which follows."""
    _canvas.plain_axes(axes)
    for term, colour in ((push, VERMILION), (pull, BLUE)):
        axes.plot(times, term - term.mean(), color=colour, lw=1.2)
    axes.axhline(0.0, color=GREY, lw=0.8)


def _path(axes: Axes, across: np.ndarray, up: np.ndarray, labels: tuple[str, str]) -> None:
    """The path in the plane, its last turns in bold with heads that say which way they go."""
    _canvas.plain_axes(axes)
    axes.plot(across, up, color=GREY, lw=0.6, alpha=0.6)
    first = _last_turns(across, up)
    across, up = across[first:], up[first:]
    axes.plot(across, up, color=PURPLE, lw=1.6)
    width, height = (np.ptp(values) or 1.0 for values in (across, up))
    lengths = np.cumsum(np.hypot(np.diff(across) / width, np.diff(up) / height))
    for share in (np.arange(HEADS) + 0.5) / HEADS:
        if len(lengths) and lengths[-1] > 0:
            at = int(np.searchsorted(lengths, share * lengths[-1]))
            axes.annotate(
                "",
                (across[at + 1], up[at + 1]),
                (across[at], up[at]),
                arrowprops={"arrowstyle": "-|>", "color": PURPLE, "mutation_scale": HEAD},
            )
    axes.plot(across[-1], up[-1], "o", color=INK, ms=5, label="end")
    axes.set_box_aspect(1.0)
    axes.legend(frameon=False, fontsize=TICK, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    _canvas.name_axes(axes, *labels)


def _last_turns(across: np.ndarray, up: np.ndarray) -> int:
    """Where the last turns about the mean begin; 0 where there are fewer."""
    spread = [np.std(values) or 1.0 for values in (across, up)]
    centred = (across - across.mean()) / spread[0] + 1j * (up - up.mean()) / spread[1]
    angle = np.unwrap(np.angle(centred))
    before = np.flatnonzero(np.abs(angle[-1] - angle) >= 2 * np.pi * TURNS)
    return int(before[-1]) if len(before) else 0
