"""What all pictures share: the figure, colours, type sizes and the checks of what is drawn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

# Okabe and Ito (2008), "Color Universal Design"; yellow is left out, since it vanishes on white.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
INK, GREY, PALE = "#222222", "#8a8a8a", "#d9d9d9"
TITLE, LABEL, TICK, SMALL = 11.0, 9.5, 8.5, 6.5


def canvas(width: float, height: float) -> Figure:
    """An empty figure of so many inches, whose layout keeps labels apart."""
    figure = Figure(figsize=(width, height), layout=ConstrainedLayoutEngine(h_pad=0.08, w_pad=0.08))
    figure.patch.set_facecolor("white")
    return figure


def plain_axes(axes: Axes, size: float = TICK) -> Axes:
    """Two thin spines, small ticks."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=GREY, linewidth=0.8)
    axes.tick_params(labelsize=size, color=GREY, labelcolor=INK, width=0.8, length=3)
    return axes


def name_axes(axes: Axes, x: str, y: str, title: str = "") -> None:
    """Labels (with units) and a title, set to the left."""
    axes.set_xlabel(x, fontsize=LABEL, color=INK)
    axes.set_ylabel(y, fontsize=LABEL, color=INK)
    if title:
        axes.set_title(title, fontsize=TITLE, loc="left", color=INK)


def bare_axes(axes: Axes) -> Axes:
    """No spines and no ticks: for pictures that carry their own scale."""
    axes.set_axis_off()
    return axes


def real_array(name: str, value: Any, *shape: int | None) -> np.ndarray:
    """`value` as a float array of the given shape, where None stands for any length."""
    array = np.asarray(value)
    if np.iscomplexobj(array):
        raise ValueError(f"`{name}` must be real, got complex entries: draw its size or its phase.")
    wrong = array.ndim != len(shape) or any(
        want is not None and want != have for want, have in zip(shape, array.shape, strict=False)
    )
    if wrong:
        wanted = ", ".join("any" if n is None else str(n) for n in shape)
        swapped = array.ndim == 2 and all(
            want in (None, have) for want, have in zip(shape, array.shape[::-1], strict=False)
        )
        remedy = ": transpose it" if swapped else ""
        raise ValueError(f"`{name}` must have shape ({wanted}), got {array.shape}{remedy}.")
    return array.astype(float)


def finite_array(name: str, value: Any, *shape: int | None) -> np.ndarray:
    """`real_array` of at least one entry, all finite."""
    array = real_array(name, value, *shape)
    bad = int((~np.isfinite(array)).sum())
    if bad or array.size == 0:
        found = f"{bad} non-finite entries" if bad else "no entries"
        raise ValueError(f"`{name}` has {found}: nothing can be drawn; look at the status first.")
    return array


def power_array(name: str, value: Any, *shape: int | None) -> np.ndarray:
    """Positive power as decibels, `10 log10`."""
    array = finite_array(name, value, *shape)
    if (array <= 0).any():
        raise ValueError(f"`{name}` must be positive power (not decibels): found {array.min():g}.")
    return 10 * np.log10(array)


def name_list(name: str, labels: Sequence[str] | None, count: int) -> list[str]:
    """`labels` as strings, one for each of `count`; numbers from 1 where there are none."""
    if labels is None:
        return [str(k + 1) for k in range(count)]
    if len(labels) != count:
        raise ValueError(f"`{name}` has {len(labels)} names for {count}: give one each.")
    return [str(label) for label in labels]


def fitting(text: str, inches: float, size: float, least: float = 4.5) -> tuple[str, float]:
    """`text` and a type size with which it fits a width; cut with an ellipsis where none does."""
    glyph = 0.56 / 72
    size = min(size, inches / (glyph * max(len(text), 1)))
    if size >= least:
        return text, size
    room = max(int(inches / (glyph * least)) - 1, 1)
    return text[:room] + "…", least
