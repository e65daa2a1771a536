"""Labels of points, put where they cover neither each other nor, if it can be helped, what is drawn.

Each label tries places around its point, ever farther away, and takes the nearest one that lies within the
panel, touches no other label and no mark, and crosses the curves least. A label that finds none is left out.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from rosetta_jax.plot import _branches
from rosetta_jax.plot._canvas import TICK

# Points: distances of a label from its mark, the room about a mark and about a label.
_DISTANCES = (6.0, 10.0, 16.0, 24.0, 34.0, 48.0, 66.0, 90.0, 120.0, 160.0, 210.0)
_DIRECTIONS = 16
_MARK, _APART = 4.0, 1.5
# What it costs to cross a point of a curve, they lie a few pixels apart, against points of distance.
_CROSSING, _SPACING = 10.0, 3.0
# Marks of one text so close to each other (points) share a label.
_SAME = 8.0


class Mark(NamedTuple):
    """A point of a panel and what is written at it."""

    text: str
    x: float
    y: float


class _Place(NamedTuple):
    """Where a label may go: its offset (points), its box (pixels), and how far that is (points)."""

    offset: tuple[float, float]
    box: Bbox
    distance: float


def place_labels(figure: Figure, axes: Axes, marks: Sequence[Mark]) -> None:
    """Write the labels of marks into a panel that is drawn already, limits and all."""
    # Only a figure that is laid out knows where its points are.
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    taken = [_about(spot, _MARK * scale) for spot in _shown(axes)]
    curves, panel = _curves(axes), axes.get_window_extent().frozen()
    for mark, spot in _once(axes, marks, _SAME * scale):
        places = _places(figure, mark, spot, scale)
        free = [each for each in places if _inside(each.box, panel) and _clear(each.box, taken)]
        if free:
            best = min(
                free, key=lambda each: each.distance + _CROSSING * _crossed(each.box, curves)
            )
            label = _branches.label(axes, mark.text, mark.x, mark.y, best.offset)
            label.set_in_layout(False)
            taken.append(best.box)


def _once(axes: Axes, marks: Sequence[Mark], near: float) -> list[tuple[Mark, np.ndarray]]:
    """Marks from left to right with their places (pixels), those alike and near each other once."""
    found: list[tuple[Mark, np.ndarray]] = []
    for mark in sorted(marks, key=lambda mark: mark.x):
        spot = axes.transData.transform((mark.x, mark.y))
        alike = [np.hypot(*(spot - at)) for other, at in found if other.text == mark.text]
        if min(alike, default=np.inf) >= near:
            found.append((mark, spot))
    return found


def _places(figure: Figure, mark: Mark, spot: np.ndarray, scale: float) -> list[_Place]:
    """The places about one mark."""
    width, height = _size(figure, mark.text)
    found = []
    for distance in _DISTANCES:
        for angle in 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS:
            x, y = (round(distance * float(part(angle)), 1) for part in (np.cos, np.sin))
            left = spot[0] + scale * x - (0 if x > 0 else width if x < 0 else width / 2)
            low = spot[1] + scale * y - (0 if y > 0 else height if y < 0 else height / 2)
            box = Bbox.from_bounds(left, low, width, height).padded(_APART * scale)
            found.append(_Place((x, y), box, distance))
    return found


def _size(figure: Figure, text: str) -> tuple[float, float]:
    """The size of a label in pixels."""
    box = Text(0, 0, text, fontsize=TICK, figure=figure).get_window_extent()
    return box.width, box.height


def _shown(axes: Axes) -> list[np.ndarray]:
    """The places of all marks of a panel, in pixels."""
    lines = [line for line in axes.get_lines() if line.get_marker() not in ("", "None", None)]
    return [spot for line in lines for spot in axes.transData.transform(line.get_xydata())]


def _curves(axes: Axes) -> np.ndarray:
    """Points along all curves of a panel, a few pixels apart."""
    found = [np.zeros((0, 2))]
    for line in axes.get_lines():
        spots = axes.transData.transform(line.get_xydata())
        begin, end = spots[:-1], spots[1:]
        whole = np.isfinite(begin).all(axis=1) & np.isfinite(end).all(axis=1)
        for one, other in zip(begin[whole], end[whole], strict=True):
            count = 1 + int(np.hypot(*(other - one)) / _SPACING)
            found.append(one + np.linspace(0, 1, count, endpoint=False)[:, None] * (other - one))
    return np.concatenate(found)


def _crossed(box: Bbox, curves: np.ndarray) -> int:
    inside = (curves > (box.x0, box.y0)) & (curves < (box.x1, box.y1))
    return int(inside.all(axis=1).sum())


def _about(spot: np.ndarray, reach: float) -> Bbox:
    return Bbox.from_bounds(spot[0] - reach, spot[1] - reach, 2 * reach, 2 * reach)


def _inside(box: Bbox, panel: Bbox) -> bool:
    within = box.x0 >= panel.x0 and box.x1 <= panel.x1
    return bool(within and box.y0 >= panel.y0 and box.y1 <= panel.y1)


def _clear(box: Bbox, taken: Sequence[Bbox]) -> bool:
    return not any(box.overlaps(other) for other in taken)
