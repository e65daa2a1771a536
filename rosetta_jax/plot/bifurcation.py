"""A bifurcation diagram: equilibria and cycles along a parameter, and the points where they change their fate."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rosetta_jax.bifurcation import Branch, CycleBranch, Hopf
from rosetta_jax.parameters import info
from rosetta_jax.plot import _branches, _canvas
from rosetta_jax.plot._branches import Envelope
from rosetta_jax.plot._labels import Mark, place_labels


def bifurcation(
    branch: Branch,
    cycles: CycleBranch | Sequence[CycleBranch] = (),
    node: int = 0,
    title: str = "",
) -> Figure:
    """Equilibria and cycles of one node against the parameter, and below them the frequency of the cycles.

    `branch` as `rj.bifurcation.continuation` gives it: solid where stable, dashed where not. `cycles`, one or
    several branches that `rj.bifurcation.cycles` finds on it: their lowest and highest signal, solid and shaded
    where stable, dashed where not. Marked with their value are folds (SN, or SNIC where cycles end on one), Hopf
    points at which a stable (HB+) or an unstable cycle (HB−) is born, or neither (HB, degenerate), folds of cycles
    (SNLC), and where cycles end on a saddle (HC). Names and units are those of the parameter and of the rung.
    Raises `ValueError` for a node that is not there.
    """
    found = [cycles] if isinstance(cycles, CycleBranch) else list(cycles)
    nodes = branch.signals.shape[1]
    if not 0 <= node < nodes:
        raise ValueError(f"`node` must be from 0 to {nodes - 1}, got {node}: there is no other.")
    height, ratios = (6.2, (3.0, 1.2)) if found else (4.6, (1.0,))
    figure, panels = _branches.stacked(8.4, height, ratios)
    drawn = line(branch, branch.signals[:, node], lambda point: float(point.signal[node]))
    _branches.equilibria(panels[0], *drawn)
    for each in found:
        drawn = cycle_envelope(branch, each, node)
        _branches.envelope(panels[0], drawn)
        _branches.frequencies(panels[1], drawn)
    _name(panels, branch, node, title)
    marks = []
    for kind, value, heights in points(branch, found, node):
        for level in heights:
            _branches.marker(panels[0], kind, value, level)
        marks.append(Mark(_branches.title_of(kind, value), value, heights[-1]))
    _branches.legend(figure, panels[0])
    place_labels(figure, panels[0], marks)
    return figure


def line(
    branch: Branch, levels: np.ndarray, level: Callable[[Any], float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameter, level and stability of the equilibria, the points where these change among them.

    `levels` are what is drawn, `level` that of a fold or a Hopf point.
    """
    stable = branch.stable
    columns = np.array([branch.values, levels, stable], float)
    known = np.column_stack([branch.states, branch.values])
    places, more = [], []
    for point in (*branch.folds, *branch.hopfs):
        places.append(_place(known, np.append(point.x, point.value)))
        before = int(places[-1])
        more.append((point.value, level(point), stable[before] or stable[before + 1]))
    order = np.argsort(places)
    rows = np.array(more, float).reshape(-1, 3)[order]
    whole = np.insert(columns, np.array(places, int)[order] + 1, rows.T, axis=1)
    return whole[0], whole[1], whole[2] > 0


def _place(known: np.ndarray, point: np.ndarray) -> float:
    """Where a point lies on a curve: between the two neighbours to which it is nearest, by their numbers."""
    size = np.ptp(known, axis=0)
    # Rates of change vanish all along, to rounding: they tell no two points apart.
    size = np.where(size > 1e-9 * np.abs(known).max(), size, np.inf)
    steps = np.linalg.norm(np.diff(known / size, axis=0), axis=1)
    apart = np.linalg.norm((known - point) / size, axis=1)
    place = int(np.argmin(apart[:-1] + apart[1:] - steps))
    return place + apart[place] / (apart[place] + apart[place + 1])


def cycle_envelope(branch: Branch, of: CycleBranch, node: int = 0) -> Envelope:
    """Cycles as they are drawn: with their folds, and into the points where they end."""
    low, high = of.low[:, node], of.high[:, node]
    drawn = Envelope(of.values, low, high, of.frequencies, stability(of))
    for fold in of.folds:
        turning = (fold.value, fold.low[node], fold.high[node], 1 / fold.period)
        place = 1 + int(_place(np.column_stack(drawn[:4]), np.array(turning)))
        beside = drawn.stable[place - 1] or drawn.stable[place]
        drawn = drawn.joined(Envelope(*(np.array([each]) for each in (*turning, beside))), place)
    return closed(drawn, branch, of, lambda end: float(end.signal[node]))


def stability(of: CycleBranch) -> np.ndarray:
    """Which cycles are stable; at the Hopf point there is none yet, it counts with the first."""
    stable = of.stable.copy()
    stable[:1] = stable[1:2]
    return stable


def closed(
    drawn: Envelope, branch: Branch, of: CycleBranch, level: Callable[[Hopf], float]
) -> Envelope:
    """Cycles drawn on into the Hopf point, of a `level` there, or the SNIC at which they end."""
    last = len(drawn.values)
    if of.kind == "Hopf":
        end = min(branch.hopfs, key=lambda hopf: abs(hopf.value - float(of.values[-1])))
        return drawn.into(end.value, level(end), end.frequency)
    if of.kind == "SNIC":
        more = (of.end, drawn.low[-1], drawn.high[-1], 0.0, drawn.stable[-1])
        return drawn.joined(Envelope(*(np.array([each]) for each in more)), last)
    return drawn


def points(
    branch: Branch, found: Sequence[CycleBranch], node: int
) -> list[tuple[str, float, list[float]]]:
    """What is marked: the kind, the parameter, and the levels of one node, the labelled one last."""
    snics = {each.end for each in found if each.kind == "SNIC"}
    marked = [
        ("SNIC" if fold.value in snics else fold.label, fold.value, [float(fold.signal[node])])
        for fold in branch.folds
    ]
    marked += [(hopf.label, hopf.value, [float(hopf.signal[node])]) for hopf in branch.hopfs]
    for each in found:
        for fold in each.folds:
            levels = [float(fold.low[node]), float(fold.high[node])]
            marked.append((fold.label, fold.value, levels))
        if each.kind == "homoclinic":
            levels = [float(each.low[-1, node]), float(each.high[-1, node])]
            marked.append(("HC", float(each.values[-1]), levels))
    return marked


def _name(panels: Sequence[Axes], branch: Branch, node: int, title: str) -> None:
    """Limits, and names with units."""
    network = branch.family.network
    labels = network.connectome.labels
    name = f"region {node + 1}" if labels is None else labels[node]
    of = f" of {name}" if branch.signals.shape[1] > 1 else ""
    lowest, unit = panels[-1], network.rung.signal_unit or "1"
    _canvas.name_axes(panels[0], "", f"signal{of} ({unit})", title)
    if len(panels) > 1:
        _canvas.name_axes(lowest, "", "frequency (Hz)")
        lowest.set_ylim(bottom=0, top=1.08 * lowest.dataLim.y1)
    lowest.set_xlabel(parameter_label(branch), fontsize=_canvas.LABEL, color=_canvas.INK)
    panels[0].set_xlim(branch.values.min(), branch.values.max())


def parameter_label(branch: Branch) -> str:
    """The parameter of a branch by name, symbol and unit."""
    found = info(branch.family.network, branch.family.paths[0][0])
    if found is None:
        return branch.parameter
    several = len(branch.family.paths[0]) > 1
    symbol = "" if several or not found.symbol else f" {_typeset(found.symbol)}"
    return f"{branch.parameter}{symbol} ({found.unit or '1'})"


def _typeset(symbol: str) -> str:
    """A symbol as mathematics: bars above, what follows an underscore or is a number below."""
    name, _, index = symbol.partition("_")
    if not index and (numbered := re.fullmatch(r"(\D+)(\d+)", name)):
        name, index = numbered.groups()
    name = re.sub("(.)\u0304", r"\\bar{\1}", name)
    return f"${name}_{{{index}}}$" if index else f"${name}$"
