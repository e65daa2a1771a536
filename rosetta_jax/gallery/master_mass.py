"""Figure 4.2: the master mass, one population that inhibits itself through a membrane and a synapse."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax.bifurcation import Branch, CycleBranch, Hopf, continuation, cycles
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, TICK, VERMILION
from rosetta_jax.rungs import MasterMass
from rosetta_jax.rungs.master_mass import MasterMassState
from rosetta_jax.system import Rung

MEMBRANE, SYNAPSE = 0.010, 0.005
_RATIOS = (0.25, 0.5, 1.0, 2.0, 4.0)


def _rate(rung: Rung, state: Any) -> Any:
    return state.r


def onset(synapse: float) -> tuple[Branch, Hopf, float]:
    """Equilibria along the weight, the Hopf point at the weakest inhibition, and the gain of the loop there.

    The synapse has equal times of so many s.
    """
    rung = MasterMass(membrane_time=MEMBRANE, rise=synapse, decay=synapse)
    start = MasterMassState(*(jnp.full(1, each) for each in (18.0, 18.0, 0.0)))
    branch = continuation(rung, "kappa", (-1.5, -0.02), start=start)
    hopf = max(branch.hopfs, key=lambda hopf: hopf.value)
    onto = hopf.value * hopf.state.s + rung.bias
    return branch, hopf, -hopf.value * float(rung.transfer.slope(onto)[0])


def closed_form(ratio: Any) -> tuple[Any, Any]:
    """Gain and frequency (Hz) of onset where the membrane is `ratio` times as slow as the synapse."""
    synapse = MEMBRANE / ratio
    return 4 + 2 * (ratio + 1 / ratio), np.sqrt(1 + 2 / ratio) / synapse / (2 * np.pi)


def master_mass() -> Page:
    """The rate against the inhibition, and the line of onset against the ratio of times."""
    onsets = {ratio: onset(MEMBRANE / ratio) for ratio in _RATIOS}
    branch, hopf, gain = onsets[MEMBRANE / SYNAPSE]
    found = cycles(branch, hopf)
    numbers = [
        Number("10 and 5 ms: gain of the loop at onset", 9.0, gain, "", 1e-6),
        Number("10 and 5 ms: frequency at onset", 45.0158, hopf.frequency, "Hz", 1e-4),
    ]
    for ratio, (_, point, gain) in onsets.items():
        want = closed_form(ratio)
        numbers.append(Number(f"τm/τs = {ratio:g}: gain", want[0], gain, "", 1e-6))
        numbers.append(
            Number(f"τm/τs = {ratio:g}: frequency", want[1], point.frequency, "Hz", 1e-4)
        )
    return Page(
        "The master mass",
        "One population with a membrane of 10 ms and a synapse of 5 ms that inhibits itself. Left, its rate "
        "against the strength of the inhibition. Right, the gain of the loop at which rhythm begins, K = 4 + "
        "2(τm/τs + τs/τm): where one of the two is much faster than the other, as in its limits Wilson-Cowan "
        "and NMM1, no gain suffices.",
        _figure(branch, hopf, found, [gain for _, _, gain in onsets.values()]),
        tuple(numbers),
    )


def _figure(branch: Branch, hopf: Hopf, found: CycleBranch, gains: Sequence[float]) -> Any:
    figure = _canvas.canvas(10.4, 4.6)
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        _canvas.plain_axes(axes)
    diagram.equilibria(left, branch, _rate)
    diagram.cycles(left, branch, [found], _rate)
    diagram.mark_point(left, hopf, (-8, -5), text=f"{hopf.label}, K = 9", observe=_rate)
    left.set(xlim=(0, -1.2), ylim=(0, None))
    _canvas.name_axes(left, "weight on itself κ (mV s)", "rate r (1/s)")
    ratios = np.geomspace(0.1, 10, 200)
    right.plot(ratios, closed_form(ratios)[0], color=GREY, lw=1.6, label="closed form")
    right.plot(_RATIOS, gains, "o", color=VERMILION, label="found")
    right.fill_between(ratios, closed_form(ratios)[0], 30, color=VERMILION, alpha=0.10, lw=0)
    right.text(1, 20, "rhythm", ha="center", fontsize=TICK, color=VERMILION)
    right.text(1, 3, "rest", ha="center", fontsize=TICK, color=BLUE)
    right.set(xscale="log", ylim=(0, 26), xlim=(0.1, 10))
    right.legend(frameon=False, fontsize=TICK, loc="lower right")
    _canvas.name_axes(right, "membrane time / synapse time (1)", "gain of the loop K (1)")
    diagram.legend(figure, left)
    return figure
