"""How the gallery draws: equilibria, cycles, orbits and what happens where, the same on every page."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rosetta_jax.gallery.cycles import Cycles
from rosetta_jax.gallery.equilibria import Curve, Hopf, Point
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, TICK, VERMILION

STABLE, UNSTABLE, CYCLE = (
    "stable equilibrium",
    "unstable equilibrium",
    "stable cycle: lowest, highest",
)
_MARKS = {"SN": "s", "SNIC": "D", "HB+": "o", "HB−": "o", "BT": "^", "cusp": "v"}


def equilibria(axes: Any, along: Curve, heights: np.ndarray | None = None) -> None:
    """Equilibria against the parameter: solid where stable, dashed where not."""
    lines(axes, along.values, along.levels if heights is None else heights, along.stable)


def lines(axes: Any, x: np.ndarray, y: np.ndarray, stable: np.ndarray) -> None:
    """A curve, solid and blue where `stable`, dashed and grey elsewhere."""
    # The dashes reach the last stable points, so that no gap is left.
    beside = np.append(~stable[1:], False) | np.insert(~stable[:-1], 0, False)
    for shown, style, label in (
        (stable, {"color": BLUE, "ls": "-", "lw": 2.0}, STABLE),
        (~stable | beside, {"color": GREY, "ls": (0, (3, 1.6)), "lw": 1.3}, UNSTABLE),
    ):
        if shown.any():
            axes.plot(np.where(shown, x, np.nan), np.where(shown, y, np.nan), label=label, **style)


def envelope(axes: Any, of: Cycles, ends: Sequence[Point] = (), width: float = 1.6) -> None:
    """The range of cycles against the parameter, drawn into the points where they are born (`ends`)."""
    columns = np.stack([each[of.moving] for each in (of.values, of.low, of.high)])
    columns = np.concatenate([columns, *(_birth(columns, end) for end in ends)], axis=1)
    values, low, high = columns[:, np.argsort(columns[0])]
    axes.fill_between(values, low, high, color=VERMILION, alpha=0.10, lw=0)
    axes.plot(values, low, color=VERMILION, lw=width, label=CYCLE)
    axes.plot(values, high, color=VERMILION, lw=width)


def _birth(columns: np.ndarray, end: Point) -> np.ndarray:
    """From a Hopf point to the nearest cycle: its size grows as the root of the distance, its middle with it.

    So close to onset cycles take minutes to settle.
    """
    value, low, high = columns[:, np.argmin(np.abs(columns[0] - end.value))]
    share = np.linspace(0, 1, 24, endpoint=False) ** 2
    middle = end.level + share * ((low + high) / 2 - end.level)
    swing = np.sqrt(share) * (high - low) / 2
    return np.stack([end.value + share * (value - end.value), middle - swing, middle + swing])


def lifted(point: Point, along: Curve, heights: np.ndarray) -> Point:
    """A point of a curve at the height that another observation has there."""
    order = np.argsort(along.levels)
    return point._replace(level=float(np.interp(point.level, along.levels[order], heights[order])))


def frequencies(axes: Any, of: Cycles, hopf: Sequence[Hopf] = ()) -> None:
    """The frequency of cycles against the parameter, from the Hopf points where they are born."""
    values = np.append(of.values[of.moving], [each.point.value for each in hopf])
    hertz = np.append(of.frequency[of.moving], [each.frequency for each in hopf])
    order = np.argsort(values)
    axes.plot(values[order], hertz[order], color=VERMILION, lw=1.6)


def mark(
    axes: Any, kind: str, x: float, y: float, text: str = "", at: tuple[int, int] = (6, 6)
) -> None:
    """What happens at a point, by its kind, with a label `at` an offset (points)."""
    face = "white" if kind == "HB−" else INK
    axes.plot(x, y, _MARKS[kind], ms=5, mfc=face, mec=INK, mew=1.0, zorder=5)
    axes.annotate(
        text or f"{kind} {x:.4g}".replace("-", "−"),
        (x, y),
        xytext=at,
        textcoords="offset points",
        ha="left" if at[0] > 0 else "right" if at[0] < 0 else "center",
        va="bottom" if at[1] > 0 else "top" if at[1] < 0 else "center",
        fontsize=TICK,
        color=INK,
        arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.6}
        if max(map(abs, at)) > 20
        else None,
    )


def mark_hopf(axes: Any, hopf: Hopf, at: tuple[int, int] = (6, 6)) -> None:
    """A Hopf point on the curve of equilibria."""
    mark(axes, hopf.label, hopf.point.value, hopf.point.level, at=at)


def orbit(axes: Any, x: np.ndarray, y: np.ndarray, transient: int) -> None:
    """A run in the plane: the transient in grey, what it settles on in blue."""
    axes.plot(x[: transient + 1], y[: transient + 1], color=GREY, lw=0.8)
    axes.plot(x[transient:], y[transient:], color=BLUE, lw=2.0)
    axes.plot(x[0], y[0], "o", ms=3, color=GREY)


def legend(figure: Any, axes: Any) -> None:
    """One legend below a figure, of what is labelled in `axes`, each once."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(
        once.values(),
        once.keys(),
        loc="outside lower center",
        ncols=len(once),
        frameon=False,
        fontsize=TICK,
    )


def stacked(width: float, height: float, ratios: Sequence[float]) -> tuple[Any, Any]:
    """A figure of panels one above the other on one abscissa."""
    figure = _canvas.canvas(width, height)
    panels = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios)
    for axes in panels:
        _canvas.plain_axes(axes)
    return figure, panels
