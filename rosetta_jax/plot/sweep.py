"""Pictures of a sweep: a curve, a map, or panels of pairs, with the members that failed marked by their reason."""

import textwrap
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, CYCLE, GREY, INK, LABEL, PALE, TICK
from rosetta_jax.results import Status
from rosetta_jax.sweeps import best, over_seeds, swept_parameters

_MOST_PANELS = 6
# Letters of a line beside a bar of colours.
_WIDE = 40
# Crosses of failed members, in points: at most, and at least.
_CROSS = (7.0, 1.5)
_COLOURS, _EMPTY = "viridis", "#f2f2f2"


def sweep(dataset: Any, variable: str, *, largest: bool = True) -> Figure:
    """A measure of a sweep over its parameters, the largest (or smallest) starred.

    Of one parameter a curve, of two a map, of more (to six) a panel for each pair: over a grid each panel shows
    the best that is reached along all other axes, over drawn points it shows the points. Over seeds of the noise
    it is the mean. Members that failed are crossed, a colour for each reason; where they succeeded and have no
    such number, as a spectrum without a peak, the place is empty. `variable` must be one number a member.
    Raises `ValueError` where it is not, where no member has one, or for too many parameters.
    """
    whole = over_seeds(dataset, variable)
    moved = swept_parameters(dataset)
    if not moved:
        raise ValueError(
            "the sweep moves no parameter of one number: there is nothing to draw over."
        )
    if len(moved) > _MOST_PANELS:
        raise ValueError(
            f"the sweep moves {len(moved)} parameters and a picture has room for {_MOST_PANELS}: select some of "
            "them first, as dataset.isel(speed=0)."
        )
    star = best(dataset, variable, 1, largest=largest).isel(rank=0)
    if len(moved) == 1:
        return _curve(whole, variable, next(iter(moved)), star, largest)
    if len(moved) == 2:
        figure = _canvas.canvas(5.4, 4.2)
        axes = figure.subplots()
        first, second = moved
        drawn = _panel(axes, whole, variable, (first, second), moved, largest)
        _star(axes, star, (first, second))
        _colour_bar(figure, drawn, axes, whole[variable])
        _legend(figure, whole, variable, largest)
        return figure
    return _pairs(whole, variable, moved, star, largest)


def _curve(whole: Any, variable: str, path: str, star: Any, largest: bool) -> Figure:
    figure = _canvas.canvas(5.4, 3.4)
    axes = _canvas.plain_axes(figure.subplots())
    x, y = np.asarray(whole[path]), np.asarray(whole[variable]).ravel()
    order = np.argsort(x)
    axes.plot(x[order], y[order], "-o", color=BLUE, lw=1.4, ms=3.5 if len(x) < 60 else 1.5)
    axes.plot(float(star[path]), float(star[variable]), **_STAR)
    if _is_geometric(x):
        axes.set_xscale("log")
    for status, colour in _reasons(whole).items():
        failed = x[np.asarray(whole["status"]).ravel() == status]
        axes.plot(
            failed,
            np.full(len(failed), 0.02),
            "x",
            color=colour,
            ms=5,
            transform=axes.get_xaxis_transform(),
        )
    _canvas.name_axes(axes, _name(whole, path), _label(whole[variable]))
    _legend(figure, whole, variable, largest)
    return figure


def _pairs(whole: Any, variable: str, moved: Mapping[str, str], star: Any, largest: bool) -> Figure:
    paths = list(moved)
    across = len(paths) - 1
    figure = _canvas.canvas(1.1 + 2.1 * across, 0.9 + 2.0 * across)
    grid = figure.subplots(across, across, squeeze=False)
    drawn = None
    for row in range(across):
        for column in range(across):
            axes = grid[row, column]
            if column > row:
                _canvas.bare_axes(axes)
                continue
            pair = paths[column], paths[row + 1]
            drawn = _panel(axes, whole, variable, pair, moved, largest)
            _star(axes, star, pair)
            if row < across - 1:
                axes.set_xlabel("")
            if column:
                axes.set_ylabel("")
    _colour_bar(figure, drawn, grid[:, -1].tolist(), whole[variable])
    _legend(figure, whole, variable, largest)
    return figure


def _panel(
    axes: Axes,
    whole: Any,
    variable: str,
    pair: tuple[str, str],
    moved: Mapping[str, str],
    largest: bool,
) -> Any:
    """One pair of parameters; what has been coloured."""
    _canvas.plain_axes(axes)
    values = whole[variable]
    limits = {
        "vmin": float(np.nanmin(values)),
        "vmax": float(np.nanmax(values)),
        "cmap": _COLOURS if largest else f"{_COLOURS}_r",
    }
    if moved[pair[0]] == moved[pair[1]]:
        drawn = _points(axes, whole, variable, pair, largest, limits)
    else:
        drawn = _map(axes, whole, variable, pair, moved, largest, limits)
    for set_scale, path in zip((axes.set_xscale, axes.set_yscale), pair, strict=True):
        if _is_geometric(np.asarray(whole[path])):
            set_scale("log")
    _canvas.name_axes(axes, _name(whole, pair[0]), _name(whole, pair[1]))
    return drawn


def _map(
    axes: Axes,
    whole: Any,
    variable: str,
    pair: tuple[str, str],
    moved: Mapping[str, str],
    largest: bool,
    limits: Mapping[str, Any],
) -> Any:
    """The best along all other axes, on the grid of two of them; crosses where all of them failed."""
    x_axis, y_axis = (moved[path] for path in pair)
    others = [axis for axis in whole[variable].dims if axis not in (x_axis, y_axis)]
    shown = _best_along(others, whole[variable], largest).transpose(y_axis, x_axis)
    failed = (whole["status"] != int(Status.ok)).all(others).transpose(y_axis, x_axis)
    status = whole["status"].isel(dict.fromkeys(others, 0)).transpose(y_axis, x_axis)
    x, y = np.asarray(whole[pair[0]]), np.asarray(whole[pair[1]])
    drawn = axes.pcolormesh(
        _edges(x), _edges(y), np.asarray(shown), rasterized=True, **dict(limits)
    )
    axes.set_facecolor(_EMPTY)
    size = float(np.clip(160 / max(len(x), len(y)), _CROSS[1], _CROSS[0]))
    for reason, colour in _reasons(whole).items():
        rows, columns = np.nonzero(np.asarray(failed) & (np.asarray(status) == reason))
        axes.plot(x[columns], y[rows], "x", color=colour, ms=size, mew=size / 6, ls="none")
    return drawn


def _points(
    axes: Axes,
    whole: Any,
    variable: str,
    pair: tuple[str, str],
    largest: bool,
    limits: Mapping[str, Any],
) -> Any:
    """Points that were drawn, the best on top; over other axes the best of each point."""
    axis = whole[pair[0]].dims[0]
    others = [other for other in whole[variable].dims if other != axis]
    values = np.asarray(_best_along(others, whole[variable], largest))
    status = np.asarray(whole["status"].isel(dict.fromkeys(others, 0)))
    x, y = np.asarray(whole[pair[0]]), np.asarray(whole[pair[1]])
    order = np.argsort(np.where(np.isfinite(values), values if largest else -values, -np.inf))
    size = float(np.clip(4000 / len(x), 3, 36))
    drawn = axes.scatter(
        x[order], y[order], c=values[order], s=size, lw=0, rasterized=True, **dict(limits)
    )
    for reason, colour in _reasons(whole).items():
        failed = (status == reason) & ~np.isfinite(values)
        axes.plot(x[failed], y[failed], "x", color=colour, ms=np.sqrt(size), mew=0.8, ls="none")
    return drawn


def _best_along(axes: list[Any], values: Any, largest: bool) -> Any:
    """The best along some axes, which may be none."""
    if not axes:
        return values
    return values.max(axes) if largest else values.min(axes)


_STAR: dict[str, Any] = {
    "marker": "*",
    "ms": 13,
    "color": "white",
    "mec": INK,
    "mew": 1.0,
    "ls": "none",
    "zorder": 5,
}


def _star(axes: Axes, star: Any, pair: tuple[str, str]) -> None:
    axes.plot(float(star[pair[0]]), float(star[pair[1]]), clip_on=False, **_STAR)


def _colour_bar(figure: Figure, drawn: Any, axes: Any, variable: Any) -> None:
    bar = figure.colorbar(drawn, ax=axes, pad=0.03)
    bar.set_label(_label(variable), fontsize=LABEL, color=INK)
    bar.ax.tick_params(labelsize=TICK, color=GREY, labelcolor=INK)
    bar.outline.set_edgecolor(PALE)


def _legend(figure: Figure, whole: Any, variable: str, largest: bool) -> None:
    handles: list[Any] = [
        Line2D([], [], **{**_STAR, "ms": 9}, label="largest" if largest else "smallest")
    ]
    handles += [
        Line2D(
            [], [], marker="x", color=colour, ls="none", label=Status(status).name.replace("_", " ")
        )
        for status, colour in _reasons(whole).items()
    ]
    if (whole[variable].isnull() & (whole["status"] == int(Status.ok))).any():
        handles.append(Patch(facecolor=_EMPTY, edgecolor=PALE, label="none"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=TICK,
    )


def _reasons(whole: Any) -> dict[int, str]:
    """The statuses of members that failed, each with a colour."""
    found = np.unique(np.asarray(whole["status"]))
    colours = CYCLE[1:]
    return {
        int(status): colours[place % len(colours)]
        for place, status in enumerate(found[found != int(Status.ok)])
    }


def _edges(centres: np.ndarray) -> np.ndarray:
    """The edges of cells about their centres, which need not be even."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    if _is_geometric(centres):
        return np.exp(_edges_between(np.log(centres)))
    return _edges_between(centres)


def _edges_between(centres: np.ndarray) -> np.ndarray:
    middle = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - middle[0], 2 * centres[-1] - middle[-1]
    return np.concatenate([[first], middle, [last]])


def _is_geometric(values: np.ndarray) -> bool:
    """Whether values grow by one factor, as those of a logarithmic grid do."""
    if len(values) < 3 or (values <= 0).any():
        return False
    steps = np.diff(np.log(values))
    even = np.ptp(np.diff(values)) <= 1e-3 * np.abs(np.diff(values)).max()
    return bool(np.ptp(steps) <= 1e-3 * np.abs(steps).max()) and not even


def _name(whole: Any, path: str) -> str:
    """A parameter with its unit."""
    unit = whole[path].attrs.get("units", "")
    return f"{path} ({unit or '1'})"


def _label(variable: Any) -> str:
    """A measure in words, with its unit."""
    words = variable.attrs.get("long_name") or str(variable.name).replace("_", " ")
    unit = variable.attrs.get("units", "")
    return textwrap.fill(f"{words} ({unit})" if unit else words, _WIDE)
