"""Figure 6.2: the Jansen-Rit column against its input, alpha and spikes side by side."""

from typing import Any

import numpy as np

from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.cycles import Cycles, cycles
from rosetta_jax.gallery.equilibria import Curve, Family, curve, folds, hopf_points, signal
from rosetta_jax.gallery.measured import (
    fold_numbers,
    frequency_numbers,
    hopf_numbers,
    peak,
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


def _column(bias: Any) -> JansenRit:
    return JansenRit(bias=bias)


def alpha_cycles(along: Curve, values: np.ndarray) -> Cycles:
    """The cycles of alpha, begun near the upper equilibrium."""
    start = along.near(values, lowest=5.4)
    return cycles(_column, values, dt=5e-4, transient=60.0, duration=2.0, state=start)


def jansen_rit() -> Page:
    """The potential of the pyramidal cells against the input rate."""
    along = curve(Family(_column, signal), np.linspace(-4.6, 8.8, 700), np.zeros(6), -80.0)
    turns, hopf = folds(along), hopf_points(along)
    alpha = alpha_cycles(along, np.append(np.linspace(92.5, 312.5, 90), list(_ALPHA_HERTZ)))
    # From rest all of these spike; the period grows without bound towards the fold.
    close = 113.5863 + np.geomspace(0.004, 4.0, 12)
    spikes = cycles(
        _column,
        np.concatenate([close, np.linspace(118.5, 137.3, 24), list(_SPIKES), list(_SPIKE_HERTZ)]),
        dt=5e-4,
        transient=6.0,
        duration=6.0,
    )
    numbers = (
        *fold_numbers(turns, {"SN": -41.301410, "SNIC": 113.586273}, "1/s"),
        *hopf_numbers(hopf, _HOPF, "1/s"),
        *range_numbers(spikes, _SPIKES, ("p", "y"), "mV"),
        *frequency_numbers(spikes, _SPIKE_HERTZ, "p", tolerance=1e-4),
        *frequency_numbers(alpha, _ALPHA_HERTZ, "p", tolerance=5e-4),
        Number("alpha: highest y", 9.101, peak(alpha.values, alpha.high)[1], "mV", 1e-3),
        Number("alpha: lowest y", 5.794, -peak(alpha.values, -alpha.low)[1], "mV", 1e-3),
        Number("SNLC, fold of cycles", 137.376, None, "1/s", 3e-3),
        Number("unstable cycle there: lowest y", 3.4, None, "mV", 0.1),
        Number("unstable cycle there: highest y", 11.6, None, "mV", 0.1),
    )
    return Page(
        "Jansen-Rit: alpha and spikes",
        "Potential of the pyramidal cells and frequency of the stable cycles against the constant input rate. "
        "Alpha lives between the two supercritical Hopf points; between the SNIC and the fold of cycles at "
        "137.4 a slow spiking cycle is stable beside it. The unstable cycle from HB− to that fold follows "
        "with continuation.",
        _figure(along, alpha, spikes, turns, hopf),
        numbers,
    )


def _figure(along: Curve, alpha: Cycles, spikes: Cycles, turns: list, hopf: list) -> Any:
    figure, (above, below) = diagram.stacked(8.4, 6.2, (3.0, 1.2))
    diagram.equilibria(above, along)
    diagram.envelope(above, alpha, [each.point for each in hopf[1:]])
    diagram.envelope(above, spikes)
    for turn, kind, at in zip(turns, ("SNIC", "SN"), ((46, -4), (-6, -5)), strict=True):
        diagram.mark(above, kind, turn.value, turn.level, at=at)
    for each, at in zip(hopf, ((-4, 7), (-4, 8), (6, -8)), strict=True):
        diagram.mark_hopf(above, each, at)
    diagram.frequencies(below, alpha, hopf[1:])
    diagram.frequencies(below, spikes)
    above.set_xlim(-80, 350)
    above.set_ylim(-5, 12.4)
    below.set_ylim(0, 12.5)
    _canvas.name_axes(above, "", "potential $y = y_1 - y_2$ (mV)")
    _canvas.name_axes(below, "input rate $p$ (1/s)", "frequency (Hz)")
    diagram.legend(figure, above)
    return figure
