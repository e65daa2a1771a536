"""How the gallery draws: branches as a page's readout sees them, orbits, and what happens where."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rosetta_jax.bifurcation import Branch, CycleBranch, Fold, Hopf
from rosetta_jax.gallery import branches
from rosetta_jax.gallery.branches import Readout, level_at, levels, signal
from rosetta_jax.plot import _branches
from rosetta_jax.plot._branches import legend as legend
from rosetta_jax.plot._branches import stacked as stacked
from rosetta_jax.plot._canvas import BLUE, GREY
from rosetta_jax.plot.bifurcation import line


def equilibria(axes: Any, branch: Branch, observe: Readout = signal) -> None:
    """Equilibria against the parameter: solid where stable, dashed where not."""
    at = {point: level_at(point, observe) for point in (*branch.folds, *branch.hopfs)}
    _branches.equilibria(axes, *line(branch, levels(branch, observe), at.__getitem__))


def cycles(
    axes: Any,
    branch: Branch,
    found: Sequence[CycleBranch],
    observe: Readout = signal,
    width: float = 1.6,
) -> None:
    """The range of cycles against the parameter, into the points where they are born and end."""
    for each in found:
        _branches.envelope(axes, branches.envelope(branch, each, observe), width)


def frequencies(axes: Any, branch: Branch, found: Sequence[CycleBranch]) -> None:
    """The frequency of cycles against the parameter."""
    for each in found:
        _branches.frequencies(axes, branches.envelope(branch, each))


def mark(
    axes: Any, kind: str, x: float, y: float, text: str = "", at: tuple[int, int] = (6, 6)
) -> None:
    """What happens at a point, by its kind, with a label `at` an offset (points)."""
    _branches.marker(axes, kind, x, y)
    _branches.label(axes, text or _branches.title_of(kind, x), x, y, at)


def mark_point(
    axes: Any,
    point: Fold | Hopf,
    at: tuple[int, int] = (6, 6),
    kind: str = "",
    text: str = "",
    observe: Readout = signal,
) -> None:
    """A fold or a Hopf point on the curve of equilibria; `kind` where more is known of it than it knows itself."""
    mark(axes, kind or point.label, point.value, level_at(point, observe), text, at)


def mark_turns(axes: Any, found: Sequence[CycleBranch], *at: tuple[int, int]) -> None:
    """The folds of cycles, in order, at their lowest and highest signal, with a label each at the highest."""
    folds = [fold for each in found for fold in each.folds]
    for fold, offset in zip(folds, at, strict=True):
        _branches.marker(axes, fold.label, fold.value, float(fold.low[0]))
        mark(axes, fold.label, fold.value, float(fold.high[0]), at=offset)


def mark_end(axes: Any, found: CycleBranch, at: tuple[int, int]) -> None:
    """The saddle on which cycles end, at their lowest and highest signal, with a label at the highest."""
    _branches.marker(axes, "HC", float(found.values[-1]), float(found.low[-1, 0]))
    mark(axes, "HC", float(found.values[-1]), float(found.high[-1, 0]), at=at)


def orbit(axes: Any, x: np.ndarray, y: np.ndarray, transient: int) -> None:
    """A run in the plane: the transient in grey, what it settles on in blue."""
    axes.plot(x[: transient + 1], y[: transient + 1], color=GREY, lw=0.8)
    axes.plot(x[transient:], y[transient:], color=BLUE, lw=2.0)
    axes.plot(x[0], y[0], "o", ms=3, color=GREY)
