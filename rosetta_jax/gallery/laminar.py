"""Figure 6.4: the laminar column against the input of its deep pyramidal cells, alpha below and gamma above."""

from collections.abc import Mapping, Sequence
from typing import Any

from rosetta_jax._types import Nodal
from rosetta_jax.bifurcation import Branch, CycleBranch, continuation, cycles
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import Cycles, seen
from rosetta_jax.gallery.measured import fold_numbers, hopf_numbers, range_numbers
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.rungs import Laminar

# Lowest and highest v_P1 (mV) and period (s).
_SPIKES = {105.62: (-0.310, 11.926, 0.6006), 149.87: (2.437, 13.144, 0.2192)}
_ALPHA = {169.50: (4.236, 11.045, 0.1062)}
# Cycles: steps, of the range, so short that they see both folds; how many polynomials; and the longest period (s).
_FOLLOWED = {"longest": 0.0125, "intervals": 25, "longest_period": 1.0}
_HOPF = (("HB+", 363.312445, 10.8287), ("HB+", 454.644210, 40.3010))


def _second(rung: Laminar, state: Any) -> Nodal:
    return rung.potential_2(state, rung.Inputs())


def laminar() -> Page:
    """Both pyramidal potentials against the input of the deep one, without input above."""
    branch = continuation(Laminar(bias_2=0.0), "bias_1", (-100.0, 500.0))
    born, last = sorted(branch.hopfs, key=lambda hopf: hopf.value)
    slow, fast = cycles(branch, born, **_FOLLOWED), cycles(branch, last, **_FOLLOWED)
    deep = seen(slow)
    numbers = (
        *fold_numbers(branch.folds, {"SN": -65.298657, "SNIC": 103.869666}, "1/s"),
        *hopf_numbers(branch.hopfs, _HOPF, "1/s"),
        *_cycle_numbers(deep, _SPIKES | _ALPHA),
        *_turn_numbers(slow),
    )
    return Page(
        "Laminar column: alpha below, gamma above",
        "Potentials of the deep and the superficial pyramidal cells and the frequency of the cycles against "
        "the input of the deep ones, with none above (the figure's p2 = 0, which the paper does not say). "
        "Beyond 454.6 gamma lives above and is a thin band below. Spikes and alpha are one branch that turns "
        "back at two folds of cycles, 154.596 and 153.746, between which both are stable; the paper draws one "
        "line.",
        _figure(branch, (slow, fast)),
        numbers,
    )


def _turn_numbers(found: CycleBranch) -> list[Number]:
    """The folds of cycles, and the period there."""
    numbers = []
    for name, value, period in (("first", 153.745, 0.132), ("second", 154.597, 0.158)):
        turn = min(found.folds, key=lambda fold: abs(fold.value - value))
        numbers += [
            Number(f"SNLC, {name} fold of cycles", value, turn.value, "1/s", 5e-3),
            Number(f"period at the {name} one", period, turn.period, "s", 1e-3),
        ]
    return numbers


def _cycle_numbers(
    of: Cycles, expected: Mapping[float, tuple[float, float, float]]
) -> list[Number]:
    """The range and the period (s), which near the SNIC depends much on the rounded input."""
    ranges = {value: (low, high) for value, (low, high, _) in expected.items()}
    numbers = range_numbers(of, ranges, ("p1", "v_P1"), "mV")
    for value, (_, _, period) in expected.items():
        name = f"cycle at p1 = {value:g}: period"
        numbers.append(Number(name, period, 1 / of.at(value)[2], "s", 5e-4))
    return numbers


def _figure(branch: Branch, found: Sequence[CycleBranch]) -> Any:
    figure, (low, high, hertz) = diagram.stacked(8.4, 8.0, (2.2, 2.2, 1.2))
    diagram.equilibria(low, branch)
    diagram.equilibria(high, branch, _second)
    diagram.cycles(low, branch, found)
    diagram.cycles(high, branch, found, _second)
    diagram.frequencies(hertz, branch, found)
    for fold, kind, at in zip(branch.folds, ("SNIC", "SN"), ((-8, 0), (0, -9)), strict=True):
        diagram.mark_point(low, fold, at, kind)
    for hopf in branch.hopfs:
        diagram.mark_point(low, hopf, (7, -8) if hopf.value < 400 else (-2, 8))
    diagram.mark_turns(
        low, found, *((8, 3) if fold.value > 154 else (8, -1) for fold in found[0].folds)
    )
    _between_folds(hertz, branch, found)
    low.set_xlim(-100, 500)
    hertz.set_ylim(0, 45)
    _canvas.name_axes(low, "", "deep, $v_{P1}$ (mV)")
    _canvas.name_axes(high, "", "superficial, $v_{P2}$ (mV)")
    _canvas.name_axes(hertz, "input rate of P1, $p_1$ (1/s)", "frequency (Hz)")
    diagram.legend(figure, low)
    return figure


def _between_folds(axes: Any, branch: Branch, found: Sequence[CycleBranch]) -> None:
    """The corner in which the branch turns back, enlarged."""
    corner = _canvas.plain_axes(axes.inset_axes((0.06, 0.42, 0.24, 0.58)))
    diagram.frequencies(corner, branch, found)
    corner.set(xlim=(153.2, 155.2), ylim=(5.5, 8.5), xticks=(154, 155), yticks=(6, 8))
    axes.indicate_inset_zoom(corner, edgecolor="#8a8a8a")
