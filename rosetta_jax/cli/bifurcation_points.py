"""What `rosetta bifurcation` tells of each point and each branch of cycles, in words and numbers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rosetta_jax.bifurcation import Branch, CycleBranch, Fold, FoldOfCycles, Hopf
from rosetta_jax.plot.bifurcation import parameter_label


class Point(NamedTuple):
    """A point at which something changes: its mark, the parameter, the frequency (Hz) of the cycle that is born,
    turns or ends there, the lowest and highest signal, and in words what happens.
    """

    kind: str
    value: float
    frequency: float | None
    low: float
    high: float
    event: str


def points(branch: Branch, found: Sequence[CycleBranch]) -> list[Point]:
    """All points of the equilibria and their cycles, by the parameter."""
    marked = [_fold(branch, found, fold) for fold in branch.folds]
    marked += [_hopf(found, hopf) for hopf in branch.hopfs]
    for each in found:
        marked += [_turn(each, fold) for fold in each.folds]
        if each.kind == "homoclinic":
            low, high = float(each.low[-1, 0]), float(each.high[-1, 0])
            event = f"{_from(each)} ends on a saddle: its period grows without bound"
            marked.append(Point("HC", float(each.values[-1]), 0.0, low, high, event))
    return sorted(marked, key=lambda point: point.value)


def _fold(branch: Branch, found: Sequence[CycleBranch], fold: Fold) -> Point:
    level = float(fold.signal[0])
    for each in found:
        if each.kind == "SNIC" and each.end == fold.value:
            event = f"two equilibria meet, where {_from(each)} ends: its period grows without bound"
            return Point("SNIC", fold.value, 0.0, level, level, event)
    coordinates = np.stack([branch.values, branch.signals[:, 0]], axis=1)
    one = _stable_beside(coordinates, np.array([fold.value, level]), branch.stable)
    event = "a stable and an unstable equilibrium meet" if one else "two unstable equilibria meet"
    return Point(fold.label, fold.value, None, level, level, event)


def _hopf(found: Sequence[CycleBranch], hopf: Hopf) -> Point:
    level = float(hopf.signal[0])
    event = f"{'a stable' if hopf.supercritical else 'an unstable'} cycle is born"
    if hopf.degenerate:
        event = "degenerate: the first Lyapunov coefficient vanishes, no branch of cycles is born"
    for each in found:
        if each.kind == "Hopf" and each.end == hopf.value:
            event = f"{_from(each)} ends"
    return Point(hopf.label, hopf.value, hopf.frequency, level, level, event)


def _turn(of: CycleBranch, fold: FoldOfCycles) -> Point:
    coordinates = np.stack([of.values, of.periods], axis=1)
    one = _stable_beside(coordinates, np.array([fold.value, fold.period]), of.stable)
    event = "a stable and an unstable cycle meet" if one else "two unstable cycles meet"
    low, high = float(fold.low[0]), float(fold.high[0])
    return Point(fold.label, fold.value, 1 / fold.period, low, high, event)


def _stable_beside(coordinates: np.ndarray, fold: np.ndarray, stable: np.ndarray) -> bool:
    """Whether one of the two that meet at a fold of a branch is stable."""
    apart = np.linalg.norm((coordinates - fold) / np.ptp(coordinates, axis=0), axis=1)
    near = int(np.argmin(apart))
    return bool(stable[max(near - 1, 0) : near + 2].any())


def _from(of: CycleBranch) -> str:
    return f"the cycle from {of.hopf.label} at {_number(of.hopf.value)}"


def point_row(branch: Branch, point: Point) -> dict[str, Any]:
    """A row of the table of points."""
    unit = branch.family.network.rung.signal_unit or "1"
    signal = _number(point.low)
    if point.high > point.low:
        signal = f"{signal} to {_number(point.high)}"
    return {
        "point": point.kind,
        _heading(branch): _number(point.value, 8),
        "frequency (Hz)": "–" if point.frequency is None else _number(point.frequency),
        f"signal ({unit})": signal,
        "what happens": point.event,
    }


def cycle_row(branch: Branch, of: CycleBranch) -> dict[str, Any]:
    """A row of the table of branches of cycles."""
    hertz = of.frequencies
    # At the Hopf point itself there is no cycle yet.
    stable = of.stable[1:]
    return {
        "from": f"{of.hopf.label} at {_number(of.hopf.value)}",
        _heading(branch): f"{_number(of.values.min())} to {_number(of.values.max())}",
        "frequency (Hz)": f"{_number(hertz.min())} to {_number(hertz.max())}",
        "stable": "yes" if stable.all() else "partly" if stable.any() else "no",
        "how they end": of.ending,
    }


def _heading(branch: Branch) -> str:
    """The parameter and its unit, without the symbol."""
    _, bracket, unit = parameter_label(branch).rpartition(" (")
    return f"{branch.parameter}{bracket}{unit}"


def _number(value: Any, digits: int = 5) -> str:
    value = 0.0 if abs(value) < 1e-9 else float(value)
    return f"{value:.{digits}g}".replace("-", "−")
