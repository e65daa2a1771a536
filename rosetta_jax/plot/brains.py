"""A value for every region, on a glass brain: from the left, from above and from behind."""

import importlib
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import GREY, INK, LABEL, SMALL, TICK, TITLE
from rosetta_jax.plot._outlines import OUTLINES, smooth

# Columns of the centres shown across and up, which way is near, and the words around.
VIEWS = {
    "left": ((1, 2), (-1, 1), (0, -1), "left hemisphere", ("front", "back")),
    "top": ((0, 1), (1, 1), (2, 1), "from above", ("left", "right")),
    "back": ((0, 2), (1, 1), (1, -1), "from behind", ("left", "right")),
}
# What nilearn calls them.
DIRECTIONS = {"left": "l", "top": "z", "back": "y"}
# Middle and half width, across and then up, of each view (mm).
Frame = tuple[float, float, float, float]
FRAMES: dict[str, Frame] = {
    "left": (17.0, 97.0, 2.0, 97.0),
    "top": (0.0, 76.0, -17.0, 97.0),
    "back": (0.0, 76.0, 2.0, 97.0),
}
BOUNDS = np.array([[-80.0, -115.0, -65.0], [80.0, 85.0, 90.0]])
OUTSIDE = "centres lie outside the MNI brain: shown without an outline, all regions in each view"
SMALLEST, LARGEST = 18.0, 120.0


def glass_brain(centres: Any, values: Any, label: str, unit: str = "1", title: str = "") -> Figure:
    """A value for every region as dots, sized and coloured by it, in three projections.

    `centres` (nodes, 3) in mm, MNI; `values` (nodes,), NaN where there is none; `label` and `unit`
    of the value. The view from the left shows the left hemisphere only; nearer dots cover farther
    ones. Values that change sign get a diverging scale, and sizes follow their magnitude. Centres
    outside MNI space are drawn without an outline, and the picture says so. Raises `ValueError` for
    other shapes or where no value is finite.
    """
    centres = _canvas.finite_array("centres", centres, None, 3)
    values = _values("values", values, len(centres))
    norm, colours = _scale(values)
    figure = _canvas.canvas(8.4, 3.1 + (0.35 if title else 0.0))
    frames = _frames(centres)
    panels = _views(figure, 1, frames)[0]
    _row(panels, centres, values, norm, colours, frames)
    _colour_bar(figure, panels, norm, colours, f"{label} ({unit})")
    if title:
        figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left", color=INK)
    return figure


def alpha_maps(centres: Any, measured: Any, fitted: Any, correlation: Any) -> Figure:
    """Maps of relative alpha, measured above and fitted below, on one scale.

    `centres` (nodes, 3) in mm, MNI; `measured`, `fitted` (nodes,): the share of power at 8-13 Hz,
    from 0 to 1; `correlation`, Pearson's r of the two across regions, written beside the fitted
    map. Raises `ValueError` as `glass_brain` does.
    """
    centres = _canvas.finite_array("centres", centres, None, 3)
    maps = {
        "measured": _values("measured", measured, len(centres)),
        "fitted": _values("fitted", fitted, len(centres)),
    }
    norm, colours = _scale(np.concatenate(list(maps.values())))
    figure = _canvas.canvas(8.6, 6.3)
    frames = _frames(centres)
    panels = _views(figure, 2, frames)
    words = ("measured", f"fitted\nr = {float(correlation):.2f}")
    for row, (values, word) in enumerate(zip(maps.values(), words, strict=True)):
        _row(panels[row], centres, values, norm, colours, frames)
        panels[row][0].text(
            0.0, 1.0, word, transform=panels[row][0].transAxes, va="top", fontsize=TITLE, color=INK
        )
    _colour_bar(figure, panels, norm, colours, "relative alpha (share of power at 8 to 13 Hz)", 0.5)
    return figure


def _views(figure: Figure, rows: int, frames: dict[str, Frame]) -> np.ndarray:
    widths = [frame[1] for frame in frames.values()]
    if frames is not FRAMES:
        figure.supxlabel(OUTSIDE, fontsize=SMALL + 0.5, color=INK)
    return figure.subplots(
        rows, len(VIEWS), squeeze=False, gridspec_kw={"width_ratios": widths, "wspace": 0.02}
    )


def _row(
    panels: Any,
    centres: np.ndarray,
    values: np.ndarray,
    norm: Normalize,
    colours: str,
    frames: dict[str, Frame],
) -> None:
    """The three views of one map."""
    inside = frames is FRAMES
    for axes, view in zip(panels, VIEWS, strict=True):
        _canvas.bare_axes(axes)
        axes.set_aspect("equal")
        _, _, (near, sign), title, (low, high) = VIEWS[view]
        place = _place(centres, view)
        if inside:
            _outline(axes, view)
        seen = np.isfinite(values)
        if inside and view == "left":
            seen &= centres[:, 0] <= 0
        order = np.flatnonzero(seen)[np.argsort(sign * centres[seen, near], kind="stable")]
        axes.scatter(
            *place[order].T,
            s=_sizes(values[order], norm, colours),
            c=values[order],
            cmap=colours,
            norm=norm,
            edgecolors="white" if colours == "viridis" else GREY,
            linewidths=0.6,
            zorder=5,
        )
        x, width, y, height = frames[view]
        axes.set(xlim=(x - width, x + width), ylim=(y - height, y + height))
        axes.set_title(title if inside or view != "left" else "from the left", fontsize=TICK)
        style = {"fontsize": SMALL + 0.5, "color": GREY, "va": "center"}
        axes.text(x - 0.98 * width, y - 0.9 * height, low, ha="left", **style)
        axes.text(x + 0.98 * width, y - 0.9 * height, high, ha="right", **style)
    _length_bar(panels[0])


def _outline(axes: Axes, view: str) -> None:
    """That of nilearn, an MNI brain with its sulci, where it is installed, and else our own."""
    try:
        schematics = importlib.import_module("nilearn.plotting.glass_brain").plot_brain_schematics
    except ImportError:
        return _own_outline(axes, view)
    facing = _Facing(axes, VIEWS[view][1])
    schematics(facing, DIRECTIONS[view], edgecolor="#9c9c9c", linewidth=0.9, zorder=1)


class _Facing:
    """Axes whose millimetres run the way of a view: what nilearn draws into."""

    def __init__(self, axes: Axes, signs: tuple[int, int]):
        self.transData = Affine2D().scale(*signs) + axes.transData
        self.get_facecolor, self.add_patch = axes.get_facecolor, axes.add_patch


def _own_outline(axes: Axes, view: str) -> None:
    for depth, curve in enumerate(OUTLINES[view]):
        path = smooth(curve).T
        if curve.kind == "fold":
            axes.plot(*path, color="#c4c4c4", lw=1.0, zorder=3, solid_capstyle="round")
            continue
        face = "#f4f4f4" if curve.kind == "cerebrum" else "#e9e9e9"
        axes.fill(*path, facecolor=face, edgecolor="#9c9c9c", lw=1.2, zorder=1 + 0.1 * depth)


def _place(centres: np.ndarray, view: str) -> np.ndarray:
    columns, signs, *_ = VIEWS[view]
    return centres[:, list(columns)] * np.array(signs)


def _frames(centres: np.ndarray) -> dict[str, Frame]:
    """Those of the brain, or, where centres lie outside it, frames about the dots on one scale."""
    if np.all((centres >= BOUNDS[0]) & (centres <= BOUNDS[1])):
        return FRAMES
    places = {view: _place(centres, view) for view in VIEWS}
    margin = 0.12 * max(float(np.ptp(centres, axis=0).max()), 1.0)
    height = max(float(np.ptp(place[:, 1])) for place in places.values()) / 2 + margin
    frames = {}
    for view, place in places.items():
        x, y = (place.max(0) + place.min(0)) / 2
        frames[view] = (float(x), float(np.ptp(place[:, 0])) / 2 + margin, float(y), height)
    return frames


def _length_bar(axes: Axes) -> None:
    """A bar of about a quarter of the width, in mm."""
    low, high = axes.get_xlim()
    bottom, top = axes.get_ylim()
    target = (high - low) / 3.5
    power = 10.0 ** np.floor(np.log10(target))
    size = max(step for step in (1, 2, 5) if step * power <= target) * power
    start, y = low + 0.3 * (high - low), bottom + 0.05 * (top - bottom)
    axes.plot([start, start + size], [y, y], color=INK, lw=1.8, zorder=6, solid_capstyle="butt")
    axes.text(
        start + 1.06 * size,
        y,
        f"{size:g} mm",
        va="center",
        fontsize=SMALL + 0.5,
        color=INK,
        zorder=6,
    )


def _colour_bar(
    figure: Figure, panels: Any, norm: Normalize, colours: str, label: str, shrink: float = 0.8
) -> None:
    bar = figure.colorbar(
        ScalarMappable(norm, colours), ax=panels, shrink=shrink, pad=0.02, aspect=16
    )
    bar.set_label(label, fontsize=LABEL, color=INK)
    bar.ax.tick_params(labelsize=TICK)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _values(name: str, values: Any, nodes: int) -> np.ndarray:
    values = _canvas.real_array(name, values, nodes)
    if not np.isfinite(values).any():
        raise ValueError(f"`{name}` has no finite entry: nothing can be drawn; look at its status.")
    return np.where(np.isfinite(values), values, np.nan)


def _scale(values: np.ndarray) -> tuple[Normalize, str]:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if low < 0 < high:
        size = max(-low, high)
        return Normalize(-size, size), "PuOr_r"
    if high == low:
        return Normalize(low - 0.5, high + 0.5), "viridis"
    return Normalize(low, high), "viridis"


def _sizes(values: np.ndarray, norm: Normalize, colours: str) -> np.ndarray:
    share = np.asarray(norm(values), dtype=float)
    if colours != "viridis":
        share = np.abs(2 * share - 1)
    return SMALLEST + (LARGEST - SMALLEST) * share
