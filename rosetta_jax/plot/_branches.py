"""How equilibria and cycles are drawn along a parameter, and the points where they change their fate."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, TICK, VERMILION

STABLE, UNSTABLE = "stable equilibrium", "unstable equilibrium"
CYCLE, UNSTABLE_CYCLE = "stable cycle: lowest, highest", "unstable cycle"
_DASHES = (0, (3, 1.6))
_MARKERS = {
    "SN": "s",
    "SNIC": "D",
    "HB+": "o",
    "HB−": "o",
    "HB": "o",
    "SNLC": "P",
    "HC": "X",
    "BT": "^",
    "cusp": "v",
}
# How far a label is from its mark, right and up (points).
Offset = tuple[float | int, float | int]
# Points of the parabola by which an envelope meets the Hopf point at which it ends.
_CLOSING = 24


class Envelope(NamedTuple):
    """Cycles along a parameter, in order: lowest and highest level, frequency (Hz), and which are stable."""

    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    frequencies: np.ndarray
    stable: np.ndarray

    def joined(self, other: "Envelope", place: int) -> "Envelope":
        """With others put in before `place`."""
        return Envelope(
            *(np.insert(one, place, more) for one, more in zip(self, other, strict=True))
        )

    def into(self, value: float, level: float, frequency: float) -> "Envelope":
        """Drawn on into the Hopf point at which the cycles end: their size vanishes there as a root does."""
        share = np.linspace(1, 0, _CLOSING)[1:] ** 2
        last = Envelope(*(each[-1] for each in self))
        middle = level + share * ((last.low + last.high) / 2 - level)
        swing = np.sqrt(share) * (last.high - last.low) / 2
        closing = Envelope(
            value + share * (last.values - value),
            middle - swing,
            middle + swing,
            frequency + share * (last.frequencies - frequency),
            np.full(share.shape, last.stable),
        )
        return self.joined(closing, len(self.values))


def equilibria(axes: Axes, x: np.ndarray, y: np.ndarray, stable: np.ndarray) -> None:
    """Equilibria against the parameter: solid and blue where stable, dashed and grey where not."""
    _lines(axes, x, y, stable, (BLUE, GREY), (2.0, 1.3), (STABLE, UNSTABLE))


def envelope(axes: Axes, of: Envelope, width: float = 1.6) -> None:
    """The range of cycles: solid and shaded where they are stable, dashed where not."""
    for first, last in _stretches(of.stable):
        here = slice(first, last)
        axes.fill_between(
            of.values[here], of.low[here], of.high[here], color=VERMILION, alpha=0.10, lw=0
        )
    for heights in (of.low, of.high):
        _lines(
            axes,
            of.values,
            heights,
            of.stable,
            (VERMILION, VERMILION),
            (width, 0.75 * width),
            (CYCLE, UNSTABLE_CYCLE),
        )


def frequencies(axes: Axes, of: Envelope, width: float = 1.6) -> None:
    """The frequency of cycles against the parameter."""
    colours, widths = (VERMILION, VERMILION), (width, 0.75 * width)
    _lines(axes, of.values, of.frequencies, of.stable, colours, widths, ("", ""))


def _lines(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    stable: np.ndarray,
    colours: tuple[str, str],
    widths: tuple[float, float],
    labels: tuple[str, str],
) -> None:
    # The dashes reach the last stable points, so that no gap is left.
    beside = np.append(~stable[1:], False) | np.insert(~stable[:-1], 0, False)
    parts = zip((stable, ~stable | beside), ("-", _DASHES), colours, widths, labels, strict=True)
    for shown, style, colour, width, label in parts:
        if (shown if style == "-" else ~stable).any():
            axes.plot(
                np.where(shown, x, np.nan),
                np.where(shown, y, np.nan),
                color=colour,
                lw=width,
                ls=style,
                label=label,
            )


def _stretches(shown: np.ndarray) -> list[tuple[int, int]]:
    """Where runs of True begin, and where they have ended."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(int)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def marker(axes: Axes, kind: str, x: float, y: float) -> None:
    """The mark of what happens at a point, by its kind."""
    face = {"HB−": "white", "HB": GREY}.get(kind, INK)
    axes.plot(x, y, _MARKERS[kind], ms=5, mfc=face, mec=INK, mew=1.0, zorder=5)


def title_of(kind: str, value: float) -> str:
    """A kind and the parameter, as a mark is labelled."""
    # What is zero to rounding is zero.
    shown = 0.0 if abs(value) < 1e-9 else value
    return f"{kind} {shown:.4g}".replace("-", "−")


def label(axes: Axes, text: str, x: float, y: float, at: Offset) -> Any:
    """A label `at` an offset (points) from its mark, with a line to it where that is far."""
    return axes.annotate(
        text,
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


def legend(figure: Figure, *panels: Axes) -> None:
    """One legend below a figure, of what is labelled in some panels, each once."""
    once: dict[str, Any] = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        once |= {each: one for each, one in zip(labels, handles, strict=True) if each not in once}
    figure.legend(
        once.values(),
        once.keys(),
        loc="outside lower center",
        ncols=len(once),
        frameon=False,
        fontsize=TICK,
    )


def stacked(width: float, height: float, ratios: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A figure of panels one above the other on one abscissa."""
    figure = _canvas.canvas(width, height)
    panels = figure.subplots(len(ratios), 1, sharex=True, height_ratios=ratios, squeeze=False)
    return figure, [_canvas.plain_axes(axes) for axes in panels.flat]
