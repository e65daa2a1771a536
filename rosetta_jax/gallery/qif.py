"""Figures 7.2 and 7.3: gamma of QIF populations, by inhibition alone (ING) and by both kinds (PING)."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.cycles import Cycles, cycles
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
from rosetta_jax.gallery.measured import fold_numbers, frequency_numbers, hopf_numbers, peak
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.plot import _canvas
from rosetta_jax.rungs import NMM2, QIFPopulation

# The paper gives milliseconds and kHz; here all is in seconds and hertz.
_ING = (("HB+", 5.322121, 54.5523), ("HB+", 76.701125, 255.4653))
_ING_HERTZ = {6.0: 57.109, 10.0: 71.405, 20.0: 100.685, 30.0: 129.050, 40.0: 158.234, 60.0: 213.901}
_PING = (("HB+", 1.110447, 53.9702), ("HB+", 67.665305, 229.9425))
_PING_HERTZ = {2.0: 55.625, 5.0: 65.130, 10.0: 80.033, 20.0: 104.747, 40.0: 158.054}
_NECK = {30.2: 141.1, 40.2: 131.7}


def ing_population(bias: Any) -> QIFPopulation:
    return QIFPopulation.named("ING", bias=bias)


def ping_pair(bias: Any) -> NMM2:
    return NMM2.named("PING", bias_e=bias, bias_i=bias)


@functools.cache
def ing_sweep() -> tuple[Curve, list[Hopf], Cycles]:
    """Equilibria, Hopf points and cycles of one inhibitory population against its current."""
    levels = np.geomspace(2.0, 320.0, 600)
    along = curve(Family(ing_population, signal), levels, np.array([2.0, -10.0, 2.0, 0.0]), -20.0)
    inner = np.linspace(5.7, 74.8, 120), np.linspace(10.0, 14.0, 9), list(_ING_HERTZ)
    values = np.concatenate(inner)
    found = cycles(ing_population, values, 4e-5, 3.0, 0.3, along.near(values, lowest=0.0))
    return along, hopf_points(along), found


def ing() -> Page:
    """Gamma of one inhibitory population against its current."""
    along, hopf, found = ing_sweep()
    top, bottom = peak(found.values, found.high), peak(found.values, -found.low)
    numbers = (
        *hopf_numbers(hopf, _ING),
        Number("rate at the first Hopf point", 33.8571, hopf[0].point.level, "Hz", 1e-4),
        Number("rate at the second Hopf point", 260.4069, hopf[1].point.level, "Hz", 1e-4),
        *frequency_numbers(found, _ING_HERTZ, "I"),
        Number("cycle at I = 20: lowest rate", 11.0, found.at(20.0)[0], "Hz", 0.1),
        Number("cycle at I = 20: highest rate", 915.0, found.at(20.0)[1], "Hz", 0.1),
        Number("cycle at I = 30: highest rate", 1116.4, found.at(30.0)[1], "Hz", 0.1),
        Number("highest rate of all", 1117.8, top[1], "Hz", 0.1),
        Number("highest rate of all, at I", 31.0, top[0], "", 0.5),
        Number("lowest rate of all", 9.2, -bottom[1], "Hz", 0.1),
        Number("lowest rate of all, at I", 12.0, bottom[0], "", 0.5),
    )
    return Page(
        "ING: gamma of inhibition alone",
        "Firing rate of one inhibitory QIF population and frequency of its cycle against the constant "
        "current. A volley inhibits itself through the synapse until it has decayed.",
        _ing_figure(along, found, hopf),
        numbers,
    )


def ping() -> Page:
    """Gamma of an excitatory and an inhibitory population against the current into both."""
    levels = np.geomspace(0.4, 160.0, 800)
    start = np.array([0.4, -25.0, 0.4, -50.0, 0.4, 0.4, 0.0, 0.0])
    along = curve(Family(ping_pair, signal), levels, start, -500.0)
    turns, hopf = folds(along), hopf_points(along)
    values = np.concatenate(
        [np.geomspace(1.25, 3.0, 16), np.linspace(3.2, 65.5, 130), list(_PING_HERTZ), list(_NECK)]
    )
    found = cycles(ping_pair, values, 4e-5, 3.0, 0.3, along.near(values, lowest=turns[-1].level))
    return Page(
        "PING: gamma of excitation and inhibition",
        "Firing rate of the excitatory population and frequency of the cycle against the constant current "
        "into both populations, with the paper's weights times 15. The two folds lie close together; the "
        "paper labels one.",
        _ping_figure(along, found, hopf, turns),
        (
            *fold_numbers(turns, {"SN": 0.268508, "other SN": -1.321603}),
            *hopf_numbers(hopf, _PING),
            *frequency_numbers(found, _PING_HERTZ, "I"),
            Number("cycle at I = 10: highest rate", 520.7, found.at(10.0)[1], "Hz", 0.1),
            *(
                Number(
                    f"cycle at I = {value:g}, in the neck: highest rate",
                    want,
                    found.at(value)[1],
                    "Hz",
                    0.1,
                )
                for value, want in _NECK.items()
            ),
            *_ping_extremes(found),
        ),
    )


def _ping_extremes(of: Cycles) -> list[Number]:
    """The turns of the envelope."""
    numbers = []
    for name, rate, place, sign, heights, ends in (
        ("highest rate of all", 531.7, 11.5, 1, of.high, (2, 25)),
        ("lowest rate of all", 8.4, 5.2, -1, of.low, (1, 15)),
    ):
        inside = (of.values >= ends[0]) & (of.values <= ends[1])
        at, found = peak(of.values[inside], sign * heights[inside])
        numbers.append(Number(name, rate, sign * found, "Hz", 0.1))
        numbers.append(Number(f"{name}, at I", place, at, "", 0.5))
    return numbers


def _figure(along: Curve, found: Cycles, hopf: Sequence[Hopf], name: str) -> tuple[Any, Any]:
    """Rate and frequency against the current; the figure and the panel of the rate."""
    figure, (above, below) = diagram.stacked(8.4, 6.2, (3.0, 1.2))
    diagram.equilibria(above, along)
    diagram.envelope(above, found, [each.point for each in hopf])
    diagram.frequencies(below, found, hopf)
    above.set_ylim(bottom=0)
    below.set_ylim(0, 270)
    _canvas.name_axes(above, "", name)
    _canvas.name_axes(below, "constant current $I$ (1)", "frequency (Hz)")
    diagram.legend(figure, above)
    return figure, above


def _ing_figure(along: Curve, found: Cycles, hopf: Sequence[Hopf]) -> Any:
    figure, axes = _figure(along, found, hopf, "rate $r$ (Hz)")
    for each, at in zip(hopf, ((-8, 8), (6, -8)), strict=True):
        diagram.mark_hopf(axes, each, at)
    axes.set_xlim(-20, 100)
    return figure


def _ping_figure(along: Curve, found: Cycles, hopf: Sequence[Hopf], turns: Sequence[Point]) -> Any:
    """With the corner of the folds enlarged."""
    figure, axes = _figure(along, found, hopf, "rate $r_E$ (Hz)")
    diagram.mark_hopf(axes, hopf[1], (2, -10))
    axes.set_xlim(-20, 75)
    corner = _canvas.plain_axes(axes.inset_axes((0.48, 0.45, 0.5, 0.52)))
    diagram.equilibria(corner, along)
    diagram.envelope(corner, found, [hopf[0].point])
    for turn, at in zip(turns, ((-34, 7), (-6, 4)), strict=True):
        diagram.mark(corner, "SN", turn.value, turn.level, at=at)
    diagram.mark_hopf(corner, hopf[0], (-4, 8))
    corner.set(xlim=(-4, 4), ylim=(0, 90))
    axes.indicate_inset_zoom(corner, edgecolor="#8a8a8a")
    return figure
