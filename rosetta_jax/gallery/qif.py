"""Figures 7.2 and 7.3: gamma of QIF populations, by inhibition alone (ING) and by both kinds (PING)."""

import functools
from typing import Any

from rosetta_jax.bifurcation import Branch, CycleBranch, continuation
from rosetta_jax.bifurcation import cycles as followed
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import Cycles, seen
from rosetta_jax.gallery.measured import fold_numbers, frequency_numbers, hopf_numbers
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


@functools.cache
def ing_sweep() -> tuple[Branch, CycleBranch]:
    """Equilibria of one inhibitory population against its current, and the cycles between their Hopf points."""
    branch = continuation(QIFPopulation.named("ING"), "bias", (-20.0, 100.0))
    return branch, followed(branch)


def ing() -> Page:
    """Gamma of one inhibitory population against its current."""
    branch, found = ing_sweep()
    hopf, cycles = branch.hopfs, seen(found)
    top, bottom = cycles.highest(), cycles.lowest()
    numbers = (
        *hopf_numbers(hopf, _ING),
        Number("rate at the first Hopf point", 33.8571, float(hopf[0].signal[0]), "Hz", 1e-4),
        Number("rate at the second Hopf point", 260.4069, float(hopf[1].signal[0]), "Hz", 1e-4),
        *frequency_numbers(cycles, _ING_HERTZ, "I"),
        Number("cycle at I = 20: lowest rate", 11.0, cycles.at(20.0)[0], "Hz", 0.1),
        Number("cycle at I = 20: highest rate", 915.0, cycles.at(20.0)[1], "Hz", 0.1),
        Number("cycle at I = 30: highest rate", 1116.4, cycles.at(30.0)[1], "Hz", 0.1),
        Number("highest rate of all", 1117.8, top[1], "Hz", 0.1),
        Number("highest rate of all, at I", 31.0, top[0], "", 0.5),
        Number("lowest rate of all", 9.2, bottom[1], "Hz", 0.1),
        Number("lowest rate of all, at I", 12.0, bottom[0], "", 0.5),
    )
    return Page(
        "ING: gamma of inhibition alone",
        "Firing rate of one inhibitory QIF population and frequency of its cycle against the constant "
        "current. A volley inhibits itself through the synapse until it has decayed.",
        _ing_figure(branch, found),
        numbers,
    )


def ping() -> Page:
    """Gamma of an excitatory and an inhibitory population against the current into both."""
    branch = continuation(NMM2.named("PING"), ("bias_e", "bias_i"), (-20.0, 75.0))
    found = followed(branch)
    cycles = seen(found)
    return Page(
        "PING: gamma of excitation and inhibition",
        "Firing rate of the excitatory population and frequency of the cycle against the constant current "
        "into both populations, with the paper's weights times 15. The two folds lie close together; the "
        "paper labels one.",
        _ping_figure(branch, found),
        (
            *fold_numbers(branch.folds, {"SN": 0.268508, "other SN": -1.321603}),
            *hopf_numbers(branch.hopfs, _PING),
            *frequency_numbers(cycles, _PING_HERTZ, "I"),
            Number("cycle at I = 10: highest rate", 520.7, cycles.at(10.0)[1], "Hz", 0.1),
            *(
                Number(
                    f"cycle at I = {value:g}, in the neck: highest rate",
                    want,
                    cycles.at(value)[1],
                    "Hz",
                    0.1,
                )
                for value, want in _NECK.items()
            ),
            *_ping_extremes(cycles),
        ),
    )


def _ping_extremes(of: Cycles) -> list[Number]:
    """The turns of the envelope."""
    numbers = []
    for name, rate, place, (value, level) in (
        ("highest rate of all", 531.7, 11.5, of.highest((2.0, 25.0))),
        ("lowest rate of all", 8.4, 5.2, of.lowest((1.0, 15.0))),
    ):
        numbers.append(Number(name, rate, level, "Hz", 0.1))
        numbers.append(Number(f"{name}, at I", place, value, "", 0.5))
    return numbers


def _figure(branch: Branch, found: CycleBranch, name: str) -> tuple[Any, Any]:
    """Rate and frequency against the current; the figure and the panel of the rate."""
    figure, (above, below) = diagram.stacked(8.4, 6.2, (3.0, 1.2))
    diagram.equilibria(above, branch)
    diagram.cycles(above, branch, [found])
    diagram.frequencies(below, branch, [found])
    above.set_ylim(bottom=0)
    below.set_ylim(0, 270)
    _canvas.name_axes(above, "", name)
    _canvas.name_axes(below, "constant current $I$ (1)", "frequency (Hz)")
    diagram.legend(figure, above)
    return figure, above


def _ing_figure(branch: Branch, found: CycleBranch) -> Any:
    figure, axes = _figure(branch, found, "rate $r$ (Hz)")
    for hopf, at in zip(branch.hopfs, ((-8, 8), (6, -8)), strict=True):
        diagram.mark_point(axes, hopf, at)
    axes.set_xlim(-20, 100)
    return figure


def _ping_figure(branch: Branch, found: CycleBranch) -> Any:
    """With the corner of the folds enlarged."""
    figure, axes = _figure(branch, found, "rate $r_E$ (Hz)")
    diagram.mark_point(axes, branch.hopfs[1], (2, -10))
    axes.set_xlim(-20, 75)
    corner = _canvas.plain_axes(axes.inset_axes((0.48, 0.45, 0.5, 0.52)))
    diagram.equilibria(corner, branch)
    diagram.cycles(corner, branch, [found])
    for fold, at in zip(branch.folds, ((-34, 7), (-6, 4)), strict=True):
        diagram.mark_point(corner, fold, at)
    diagram.mark_point(corner, branch.hopfs[0], (-4, 8))
    corner.set(xlim=(-4, 4), ylim=(0, 90))
    axes.indicate_inset_zoom(corner, edgecolor="#8a8a8a")
    for text in corner.get_xticklabels():
        # Above the lines that lead to the corner.
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})
    return figure
