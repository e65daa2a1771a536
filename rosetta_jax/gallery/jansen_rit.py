"""Figure 6.2: the Jansen-Rit column against its input, alpha and spikes side by side."""

from collections.abc import Sequence
from typing import Any

from rosetta_jax.bifurcation import Branch, CycleBranch, continuation, cycles
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import seen
from rosetta_jax.gallery.measured import (
    fold_numbers,
    frequency_numbers,
    hopf_numbers,
    range_numbers,
)
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.rungs import JansenRit

_SPIKES = {114.0: (0.901, 10.992), 120.0: (1.226, 11.170), 130.0: (1.942, 11.463)}
_SPIKES[137.0] = (2.959, 11.615)
_SPIKE_HERTZ = {120.0: 2.3846, 130.0: 3.1704, 134.0: 3.5537, 136.0: 3.9186, 137.1: 4.3438}
_ALPHA_HERTZ = {
    **{100.0: 10.39353, 120.0: 10.4683, 130.0: 10.5175, 137.0: 10.5540, 150.0: 10.6231},
    **{200.0: 10.8625, 220.0: 10.9380, 270.0: 11.0782, 310.0: 11.1541},
}
_HOPF = (("HB−", -12.147492, 7.2395), ("HB+", 89.829108, 10.3771), ("HB+", 315.696428, 11.1636))


def jansen_rit() -> Page:
    """The potential of the pyramidal cells against the input rate."""
    branch = continuation(JansenRit(), "bias", (-80.0, 350.0))
    # From HB− through the fold of cycles to the SNIC, and between the other two Hopf points.
    spiking, rhythm = cycles(branch, 0), cycles(branch, 1)
    spikes, alpha = seen(spiking), seen(rhythm)
    (turn,) = spiking.folds
    numbers = (
        *fold_numbers(branch.folds, {"SN": -41.301410, "SNIC": 113.586273}, "1/s"),
        *hopf_numbers(branch.hopfs, _HOPF, "1/s"),
        *range_numbers(spikes, _SPIKES, ("p", "y"), "mV"),
        *frequency_numbers(spikes, _SPIKE_HERTZ, "p", tolerance=1e-4),
        *frequency_numbers(alpha, _ALPHA_HERTZ, "p", tolerance=5e-4),
        Number("alpha: highest y", 9.101, alpha.highest()[1], "mV", 1e-3),
        Number("alpha: lowest y", 5.794, alpha.lowest()[1], "mV", 1e-3),
        Number("SNLC, fold of cycles", 137.37927, turn.value, "1/s", 3e-3),
        Number("cycle there: lowest y", 3.2046, float(turn.low[0]), "mV", 0.1),
        Number("cycle there: highest y", 11.5827, float(turn.high[0]), "mV", 0.1),
    )
    return Page(
        "Jansen-Rit: alpha and spikes",
        "Potential of the pyramidal cells and frequency of the cycles against the constant input rate. Alpha "
        "lives between the two supercritical Hopf points; between the SNIC and the fold of cycles at 137.38 a "
        "slow spiking cycle is stable beside it. At the fold it meets the unstable cycle that is born at HB−.",
        _figure(branch, (spiking, rhythm)),
        numbers,
    )


def _figure(branch: Branch, found: Sequence[CycleBranch]) -> Any:
    figure, (above, below) = diagram.stacked(8.4, 6.2, (3.0, 1.2))
    diagram.equilibria(above, branch)
    diagram.cycles(above, branch, found)
    diagram.frequencies(below, branch, found)
    for fold, kind, at in zip(branch.folds, ("SNIC", "SN"), ((-8, 0), (-6, -5)), strict=True):
        diagram.mark_point(above, fold, at, kind)
    for hopf, at in zip(branch.hopfs, ((-4, 7), (-4, 8), (6, -8)), strict=True):
        diagram.mark_point(above, hopf, at)
    diagram.mark_turns(above, found, (8, 0))
    above.set_xlim(-80, 350)
    above.set_ylim(-5, 12.4)
    below.set_ylim(0, 12.5)
    _canvas.name_axes(above, "", "potential $y = y_1 - y_2$ (mV)")
    _canvas.name_axes(below, "input rate $p$ (1/s)", "frequency (Hz)")
    diagram.legend(figure, above)
    return figure
