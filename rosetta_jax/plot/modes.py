"""Modes of a network on glass brains: a row for each, with its frequency and damping."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rosetta_jax.plot import _canvas, brains
from rosetta_jax.plot._canvas import INK, LABEL, TITLE

_MOST = 8


def network_modes(
    centres: Any, shapes: Any, frequencies: Any, dampings: Any, title: str = ""
) -> Figure:
    r"""The leading modes of a network, one a row: dots sized and coloured by how a mode shows in each region.

    `centres` (nodes, 3) in mm, MNI; `shapes` (modes, nodes), complex or real, as `signals` of `rj.linear.modes` or
    `vectors` of `rj.network.harmonics`: drawn is the real part at the moment when the largest entry is real, as a
    share of it, so that regions of opposite sign ring against each other. `frequencies` (modes,) Hz and `dampings`
    (modes,) 1/s stand beside; a mode is down to a third after 1/damping. At most eight are drawn. Raises
    `ValueError` for other shapes or more modes.
    """
    centres = _canvas.finite_array("centres", centres, None, 3)
    shapes = _in_phase(shapes, len(centres))
    frequencies = _canvas.finite_array("frequencies", frequencies, len(shapes))
    dampings = _canvas.finite_array("dampings", dampings, len(shapes))
    norm, colours = brains._scale(shapes)
    figure = _canvas.canvas(8.6, 0.4 + 2.6 * len(shapes))
    frames = brains._frames(centres)
    panels = brains._views(figure, len(shapes), frames)
    for row, values in enumerate(shapes):
        brains._row(panels[row], centres, values, norm, colours, frames)
        panels[row][0].text(
            0.0,
            1.0,
            f"{frequencies[row]:.1f} Hz\n{dampings[row]:.3g} 1/s",
            transform=panels[row][0].transAxes,
            va="top",
            fontsize=LABEL,
            color=INK,
        )
    shrink = 0.8 / len(shapes) ** 0.5
    brains._colour_bar(figure, panels, norm, colours, "amplitude (share of the largest)", shrink)
    if title:
        figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left", color=INK)
    return figure


def _in_phase(shapes: Any, nodes: int) -> np.ndarray:
    """The real part of each shape when its largest entry is real, as a share of that."""
    shapes = np.asarray(shapes)
    if shapes.ndim != 2 or shapes.shape[1] != nodes or not 1 <= len(shapes) <= _MOST:
        raise ValueError(
            f"`shapes` must be (modes, {nodes}), 1 to {_MOST} modes, got {shapes.shape}: draw the leading ones."
        )
    largest = shapes[np.arange(len(shapes)), np.argmax(np.abs(shapes), axis=1)]
    if not np.isfinite(shapes).all() or (largest == 0).any():
        raise ValueError("`shapes` has a mode that is zero or not finite: leave it out.")
    return np.real(shapes / largest[:, None])
