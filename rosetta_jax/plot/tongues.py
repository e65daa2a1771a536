"""Arnold tongues: where a rhythm is locked by simulation, with the edges that theories predict drawn over it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, INK, SMALL, TICK, TITLE, VERMILION

# How predictions are drawn, in the order in which they are given.
_LINES: tuple[dict[str, Any], ...] = (
    {"color": INK, "lw": 1.4},
    {"color": VERMILION, "lw": 1.4, "ls": (0, (4, 2))},
    {"color": BLUE, "lw": 1.4, "ls": (0, (1, 1.5))},
)
_LOCKED = "#cfe3f1"
# Panels beside each other, and inches of each.
_ACROSS, _WIDTH, _HEIGHT = 3, 2.9, 2.5
# What the legend needs.
_NARROWEST = 5.2
# Points from a line of a note to the next.
_LINE = 1.3 * SMALL


class TonguePanel(NamedTuple):
    """One rhythm: own `frequency` (Hz), where it is `locked` (a, f) on a grid of `frequencies` and `amplitudes`.

    `edges` holds, by name of who predicts them, lowest and highest frequency (Hz), (a,) each, NaN where there is
    none; `unit` is that of the amplitudes, and `note` what else is to be said, in small print beneath the title.
    """

    title: str
    frequency: float
    frequencies: Any
    amplitudes: Any
    locked: Any
    edges: Mapping[str, tuple[Any, Any]]
    unit: str
    note: str = ""


def tongues(panels: Sequence[TonguePanel], title: str = "") -> Figure:
    """A panel a rhythm, frequencies relative to its own. Raises `ValueError` for shapes that do not fit."""
    if not panels:
        raise ValueError("`panels` is empty: give at least one TonguePanel.")
    across = min(len(panels), _ACROSS)
    rows = -(-len(panels) // across)
    lines = max(len(panel.note.splitlines()) for panel in panels)
    height = (_HEIGHT + lines * _LINE / 72) * rows + 0.5
    figure = _canvas.canvas(max(_WIDTH * across + 0.6, _NARROWEST), height)
    grid = figure.subplots(rows, across, squeeze=False)
    for place, axes in enumerate(grid.ravel()):
        if place < len(panels):
            _panel(axes, panels[place], lines)
            if place + across < len(panels):
                axes.set_xlabel("")
        else:
            _canvas.bare_axes(axes)
    names = list(dict.fromkeys(name for panel in panels for name in panel.edges))
    handles: list[Any] = [Patch(color=_LOCKED, label="locked, simulated")]
    handles += [
        grid[0, 0].plot([], [], label=name, **line)[0]
        for name, line in zip(names, _LINES, strict=False)
    ]
    figure.legend(
        handles=handles,
        frameon=False,
        fontsize=TICK,
        ncols=len(handles),
        loc="outside lower center",
    )
    if title:
        figure.suptitle(title, fontsize=_canvas.TITLE, color=INK, x=0.02, ha="left")
    return figure


def _panel(axes: Axes, panel: TonguePanel, lines: int) -> None:
    """One of them, with room for a note of so many `lines`."""
    hertz = _canvas.finite_array("frequencies", panel.frequencies, None)
    sizes = _canvas.finite_array("amplitudes", panel.amplitudes, None)
    locked = _canvas.finite_array("locked", panel.locked, len(sizes), len(hertz))
    relative = hertz / panel.frequency
    _canvas.plain_axes(axes)
    axes.pcolormesh(
        relative,
        sizes,
        locked,
        cmap=ListedColormap(["white", _LOCKED]),
        shading="nearest",
        vmin=0,
        vmax=1,
    )
    axes.axvline(1.0, color=GREY, lw=0.7, zorder=1)
    for (name, pair), line in zip(panel.edges.items(), _LINES, strict=False):
        for side, each in enumerate(pair):
            edge = _canvas.real_array(f"edges[{name!r}][{side}]", each, len(sizes))
            axes.plot(edge / panel.frequency, sizes, **line)
    axes.set_xlim(relative[0], relative[-1])
    axes.set_ylim(0, sizes[-1])
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.locator_params(axis="x", nbins=4)
    name = "frequency of the input / own"
    _canvas.name_axes(axes, name, f"amplitude ({panel.unit})")
    room = lines * _LINE
    axes.set_title(panel.title, fontsize=TITLE, loc="left", color=INK, pad=8 + room)
    axes.annotate(
        panel.note,
        (0, 1),
        (0, 4 + room),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        fontsize=SMALL,
        color=INK,
    )
