"""Outlines of a brain from three sides, in millimetres of MNI space, drawn for this package.

Each outline is a few points that a smooth closed or open curve passes through (Catmull-Rom spline).
The side view is seen from the left, the front to the left; the back view is seen from behind.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Points = Sequence[tuple[float, float]]


class Curve(NamedTuple):
    """Points (horizontal, vertical) in mm; whether the curve closes, and how it is drawn."""

    points: np.ndarray
    closed: bool
    kind: str  # "cerebrum", "below" or "fold"


def _mirrored(right: Points) -> np.ndarray:
    """Both halves of a symmetric outline, from the points of the right half, top to bottom."""
    half = np.array(right, dtype=float)
    other = half[::-1] * [-1.0, 1.0]
    inner = slice(None if half[-1, 0] else 1, None if half[0, 0] else -1)
    return np.concatenate([half, other[inner]])


def _side(points: Points) -> np.ndarray:
    """Points (y, z) as the left view shows them: the front to the left."""
    return np.array(points, dtype=float) * [-1.0, 1.0]


_CEREBRUM_SIDE = [
    *[
        (70.0, 4.0),
        (67.0, 22.0),
        (56.0, 42.0),
        (36.0, 59.0),
        (10.0, 73.0),
        (-16.0, 79.0),
        (-42.0, 77.0),
        (-66.0, 66.0),
    ],
    *[
        (-86.0, 47.0),
        (-99.0, 25.0),
        (-106.0, 2.0),
        (-103.0, -14.0),
        (-90.0, -21.0),
        (-70.0, -22.0),
        (-50.0, -28.0),
    ],
    *[
        (-30.0, -37.0),
        (-8.0, -44.0),
        (10.0, -48.0),
        (21.0, -43.0),
        (25.0, -32.0),
        (22.0, -21.0),
        (30.0, -23.0),
    ],
    *[(46.0, -22.0), (60.0, -14.0)],
]
_CEREBELLUM_SIDE = [
    *[
        (-92.0, -20.0),
        (-98.0, -33.0),
        (-92.0, -48.0),
        (-76.0, -58.0),
        (-57.0, -59.0),
        (-42.0, -51.0),
        (-35.0, -38.0),
    ],
    *[(-42.0, -24.0), (-68.0, -16.0)],
]
_STEM_SIDE = [
    (-14.0, -30.0),
    (-20.0, -50.0),
    (-28.0, -74.0),
    (-40.0, -76.0),
    (-42.0, -54.0),
    (-40.0, -30.0),
]
_TOP_RIGHT = [
    *[
        (0.0, 66.0),
        (7.0, 72.0),
        (20.0, 71.0),
        (36.0, 60.0),
        (47.0, 43.0),
        (55.0, 22.0),
        (62.0, 0.0),
        (67.0, -22.0),
        (67.0, -42.0),
    ],
    *[(60.0, -65.0), (48.0, -85.0), (30.0, -101.0), (12.0, -107.0), (3.0, -104.0), (0.0, -99.0)],
]
_BACK_RIGHT = [
    *[
        (0.0, 73.0),
        (7.0, 79.0),
        (22.0, 79.0),
        (40.0, 69.0),
        (54.0, 52.0),
        (63.0, 32.0),
        (68.0, 10.0),
        (69.0, -8.0),
        (65.0, -26.0),
    ],
    *[(56.0, -40.0), (44.0, -47.0), (30.0, -42.0), (14.0, -32.0), (0.0, -28.0)],
]
_CEREBELLUM_BACK = [
    *[
        (0.0, -24.0),
        (14.0, -20.0),
        (32.0, -21.0),
        (46.0, -29.0),
        (50.0, -41.0),
        (42.0, -54.0),
        (26.0, -61.0),
        (10.0, -60.0),
    ],
    (0.0, -55.0),
]

OUTLINES: dict[str, tuple[Curve, ...]] = {
    "left": (
        Curve(_side(_STEM_SIDE), True, "below"),
        Curve(_side(_CEREBELLUM_SIDE), True, "below"),
        Curve(_side(_CEREBRUM_SIDE), True, "cerebrum"),
        Curve(
            _side([(22.0, -21.0), (12.0, -10.0), (-8.0, -3.0), (-28.0, 8.0), (-42.0, 22.0)]),
            False,
            "fold",
        ),
        Curve(
            _side([(-26.0, 78.0), (-20.0, 58.0), (-10.0, 40.0), (0.0, 20.0), (4.0, 4.0)]),
            False,
            "fold",
        ),
        Curve(_side([(-80.0, 53.0), (-74.0, 40.0), (-72.0, 28.0)]), False, "fold"),
    ),
    "top": (
        Curve(_mirrored(_TOP_RIGHT), True, "cerebrum"),
        Curve(np.array([(0.0, 66.0), (0.0, 20.0), (0.0, -50.0), (0.0, -99.0)]), False, "fold"),
        Curve(np.array([(5.0, -34.0), (24.0, -26.0), (42.0, -14.0), (54.0, -8.0)]), False, "fold"),
        Curve(
            np.array([(-5.0, -34.0), (-24.0, -26.0), (-42.0, -14.0), (-54.0, -8.0)]), False, "fold"
        ),
    ),
    "back": (
        Curve(_mirrored(_BACK_RIGHT), True, "cerebrum"),
        Curve(_mirrored(_CEREBELLUM_BACK), True, "below"),
        Curve(np.array([(0.0, 73.0), (0.0, 30.0), (0.0, -24.0)]), False, "fold"),
    ),
}


def smooth(curve: Curve, pieces: int = 12) -> np.ndarray:
    """The curve as many points: a Catmull-Rom spline through the given ones."""
    points = curve.points
    if curve.closed:
        around = np.concatenate([points[-1:], points, points[:2]])
    else:
        around = np.concatenate(
            [2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]]
        )
    before, here, there, after = around[:-3], around[1:-2], around[2:-1], around[3:]
    u = (np.arange(pieces) / pieces)[:, None, None]
    path = 0.5 * (
        2 * here
        + (there - before) * u
        + (2 * before - 5 * here + 4 * there - after) * u**2
        + (3 * here - 3 * there + after - before) * u**3
    )
    path = path.transpose(1, 0, 2).reshape(-1, 2)
    return np.concatenate([path, points[:1] if curve.closed else points[-1:]])
