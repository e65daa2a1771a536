"""Figure 6.4: the laminar column against the input of its deep pyramidal cells, alpha below and gamma above."""

from typing import Any

import numpy as np

from rosetta_jax._types import Nodal
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.cycles import Cycles, several
from rosetta_jax.gallery.equilibria import (
    Curve,
    Family,
    Hopf,
    Point,
    curve,
    folds,
    hopf_points,
    signal,
)
from rosetta_jax.gallery.measured import fold_numbers, hopf_numbers, range_numbers
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.rungs import Laminar

# Lowest and highest v_P1 (mV) and period (s).
_SPIKES = {105.62: (-0.310, 11.926, 0.6006), 149.87: (2.437, 13.144, 0.2192)}
_ALPHA = {169.50: (4.236, 11.045, 0.1062)}
_HOPF = (("HB+", 363.312445, 10.8287), ("HB+", 454.644210, 40.3010))


def _column(bias: Any) -> Laminar:
    return Laminar(bias_1=bias, bias_2=0.0)


def _second(rung: Laminar, state: Any) -> Nodal:
    return rung.potential_2(state, rung.Inputs())


def laminar() -> Page:
    """Both pyramidal potentials against the input of the deep one, without input above."""
    along = curve(Family(_column, signal), np.linspace(-4.2, 11.3, 700), np.zeros(14), -80.0)
    turns, hopf = folds(along), hopf_points(along)
    deep, above = _runs(along)
    numbers = (
        *fold_numbers(turns, {"SN": -65.298657, "SNIC": 103.869666}, "1/s"),
        *hopf_numbers(hopf, _HOPF, "1/s"),
        *_cycle_numbers(deep[0], _SPIKES),
        *_cycle_numbers(deep[1], _ALPHA),
        Number("SNLC, first fold of cycles", 153.745, None, "1/s", 5e-3),
        Number("period at the first one", 0.132, None, "s", 1e-3),
        Number("SNLC, second fold of cycles", 154.597, None, "1/s", 5e-3),
        Number("period at the second one", 0.158, None, "s", 1e-3),
    )
    return Page(
        "Laminar column: alpha below, gamma above",
        "Potentials of the deep and the superficial pyramidal cells and the frequency of the stable cycles "
        "against the input of the deep ones, with none above (the figure's p2 = 0, which the paper does not "
        "say). Beyond 454.6 gamma lives above and is a thin band below. Two folds of cycles, at 153.7 and "
        "154.6, between which spikes and alpha are both stable, follow with continuation; the paper draws one "
        "line.",
        _figure(along, deep, above, turns, hopf),
        numbers,
    )


def _cycle_numbers(of: Cycles, expected: dict[float, tuple[float, float, float]]) -> list[Number]:
    """The range and the period (s), which near the SNIC depends much on the rounded input."""
    ranges = {value: (low, high) for value, (low, high, _) in expected.items()}
    numbers = range_numbers(of, ranges, ("p1", "v_P1"), "mV")
    for value, (_, _, period) in expected.items():
        name = f"cycle at p1 = {value:g}: period"
        numbers.append(Number(name, period, 1 / of.at(value)[2], "s", 5e-4))
    return numbers


def _runs(along: Curve) -> tuple[list[Cycles], list[Cycles]]:
    """Spikes from rest, alpha and gamma from near the upper equilibrium, as seen below and above."""
    close = 103.8697 + np.geomspace(0.01, 5.0, 10)
    rows = (
        (np.concatenate([close, np.linspace(110.0, 154.5, 40), list(_SPIKES)]), None, 6.0, 4.0),
        (np.append(np.linspace(154.0, 358.0, 70), list(_ALPHA)), 0.05, 15.0, 1.0),
        (np.linspace(458.0, 500.0, 30), 0.05, 20.0, 0.5),
    )
    found = []
    for values, kick, transient, duration in rows:
        start = None if kick is None else along.near(values, lowest=5.5, kick=kick)
        found.append(several(_column, values, 5e-4, transient, duration, start, (signal, _second)))
    return [runs[0] for runs in found], [runs[1] for runs in found]


def _figure(
    along: Curve,
    deep: list[Cycles],
    above: list[Cycles],
    turns: list[Point],
    hopf: list[Hopf],
) -> Any:
    figure, (low, high, hertz) = diagram.stacked(8.4, 8.0, (2.2, 2.2, 1.2))
    heights = along.observed(_second)
    diagram.equilibria(low, along)
    diagram.equilibria(high, along, heights)
    born = [None, hopf[0], hopf[1]]
    for axes, runs, level in ((low, deep, along.levels), (high, above, heights)):
        for run, each in zip(runs, born, strict=True):
            ends = [] if each is None else [diagram.lifted(each.point, along, level)]
            diagram.envelope(axes, run, ends)
    for run, each in zip(deep, born, strict=True):
        diagram.frequencies(hertz, run, [] if each is None else [each])
    for turn, kind, at in zip(turns, ("SNIC", "SN"), ((46, -14), (8, 0)), strict=True):
        diagram.mark(low, kind, turn.value, turn.level, at=at)
    for each, at in zip(hopf, ((7, -8), (-2, 8)), strict=True):
        diagram.mark_hopf(low, each, at)
    low.set_xlim(-100, 500)
    hertz.set_ylim(0, 45)
    _canvas.name_axes(low, "", "deep, $v_{P1}$ (mV)")
    _canvas.name_axes(high, "", "superficial, $v_{P2}$ (mV)")
    _canvas.name_axes(hertz, "input rate of P1, $p_1$ (1/s)", "frequency (Hz)")
    diagram.legend(figure, low)
    return figure
