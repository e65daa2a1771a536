"""Figure 1.2: all rungs alone, each as an orbit in its plane above what happens along a parameter below."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Parameter, Scalar
from rosetta_jax.bifurcation import Branch, CycleBranch, continuation
from rosetta_jax.bifurcation import cycles as followed
from rosetta_jax.bifurcation.equilibria import equilibrium_near
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import seen, unstacked
from rosetta_jax.gallery.measured import hopf_numbers
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.gallery.qif import ing_population, ing_sweep
from rosetta_jax.gallery.stuart_landau import onset_sweep
from rosetta_jax.gallery.wilson_cowan import sweep_b
from rosetta_jax.parameters import get, parameter, replace
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, TICK
from rosetta_jax.rungs import NMM1, HarmonicOscillator, StuartLandau, WilsonCowan
from rosetta_jax.rungs.nmm1 import NMM1Inputs, NMM1State
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung, stack_state

_PLANE = "x (1)", "y (1)"
_M_RANGE = (0.32667, 1.60666)


class Along(NMM1):
    """The pair with input, gain g_x and slope each moved by a multiple of u.

    One program follows it in any of them.
    """

    along: Parameter = parameter(0.0, unit="1", symbol="u", description="distance along the line")
    input_by: Parameter = parameter(0.0, unit="mV", symbol="d_P", description="of the input, a u")
    gain_by: Parameter = parameter(0.0, unit="mV s", symbol="d_g", description="of g_x, a u")
    slope_by: Parameter = parameter(0.0, unit="1/mV", symbol="d_ρ", description="of the slope, a u")

    def vector_field(self, t: Scalar, state: NMM1State, inputs: NMM1Inputs) -> NMM1State:
        by = {"bias_x": self.input_by, "gain_x": self.gain_by, "transfer.steepness": self.slope_by}
        moved = replace(
            self, {path: get(self, path) + self.along * each for path, each in by.items()}
        )
        return NMM1.vector_field(moved, t, state, inputs)


def portraits() -> Page:
    """The six rungs, and the numbers of the motif of second-order synapses, which has no figure of its own."""
    branch = continuation(Along.named("M", bias_x=0.0, input_by=1.0), "along", (0.0, 12.0))
    found = followed(branch)
    low, high, frequency = seen(found).at(7.0)
    turning = 1 / np.pi
    numbers = (
        *hopf_numbers(
            branch.hopfs, (("HB+", 4.074408, turning), ("HB+", 7.732774, turning)), digits=1e-6
        ),
        Number("set M at Fe = 7: gain of the loop", 11.904, _loop_gain(branch), "", 1e-3),
        Number("set M at Fe = 7: period", 3.1782, 1 / frequency, "s", 1e-4),
        Number("set M at Fe = 7: lowest x", _M_RANGE[0], low, "", 1e-5),
        Number("set M at Fe = 7: highest x", _M_RANGE[1], high, "", 1e-5),
        Number("set M: onset in g_x", 0.467123, 1 + _onset(-0.8, gain_by=1.0), "", 1e-6),
        Number("set M: onset in the slope", 6.884777, 12 + _onset(-9.0, slope_by=1.0), "", 1e-6),
    )
    return Page(
        "All rungs alone",
        "Above, one run of every rung in its plane: the transient in grey, what it settles on in blue. Below, "
        "the equilibria and the range of the cycles along one parameter. From the third rung on a rhythm is "
        "born at a supercritical Hopf point.",
        figure(branch, found),
        numbers,
    )


def _loop_gain(branch: Branch) -> float:
    """The product of gains, weights and slopes around the loop at the fixed point of set M, Fe = 7."""
    rung, (near,) = NMM1.named("M"), branch.at(7.0)
    x, _ = equilibrium_near(branch.family, jnp.asarray(near), jnp.asarray([7.0]))
    state = branch.family.state(x)
    slopes = [
        rung.transfer.slope(v)[0]
        for v in (rung.bias_x - rung.w_xy * state.y, rung.bias_y + rung.w_yx * state.x)
    ]
    return float(rung.gain_x * rung.gain_y * rung.w_xy * rung.w_yx * slopes[0] * slopes[1])


def _onset(lowest: float, **slopes: float) -> float:
    """Where rhythm begins between `lowest` and set M itself, as a distance from it."""
    branch = continuation(Along.named("M", **slopes), "along", (lowest, 0.0))
    return branch.hopfs[0].value if branch.hopfs else np.nan


def figure(branch: Branch, found: CycleBranch) -> Any:
    """Two rows of six panels."""
    picture = _canvas.canvas(15.5, 5.6)
    panels = picture.subplots(2, 6, height_ratios=(1.15, 1))
    for axes in panels.flat:
        _canvas.plain_axes(axes)
    for axes, (title, names, run) in zip(panels[0], _runs(), strict=True):
        diagram.orbit(axes, *run)
        axes.set_box_aspect(1)
        if names == _PLANE:
            axes.set_aspect("equal", adjustable="datalim")
        _canvas.name_axes(axes, *names, title)
    _canvas.bare_axes(panels[1, 0])
    panels[1, 0].text(
        0.5, 0.5, "the amplitude is\nwhat it began with:\nno bifurcation", ha="center", va="center",
        fontsize=TICK, color=GREY, transform=panels[1, 0].transAxes,
    )  # fmt: skip
    _below(panels[1, 1:], branch, found)
    diagram.legend(picture, panels[1, 2])
    return picture


def _below(panels: Any, branch: Branch, found: CycleBranch) -> None:
    """The sketches of rungs 2 to 6."""
    panels[0].plot([-2, 0], [0, 0], color=BLUE, lw=2.0)
    panels[0].set(ylim=(-1, 1), xlim=(-2, 0))
    _canvas.name_axes(panels[0], "growth rate α (1/s)", "x (1)")
    _sketch(panels[1], *onset_sweep())
    _canvas.name_axes(panels[1], "growth rate α (1/s)", "x (1)")
    _sketch(panels[2], *sweep_b())
    panels[2].set(xlim=(-9, -1), ylim=(0, 1))
    _canvas.name_axes(panels[2], "input $P_y$ (1)", "x (1)")
    _sketch(panels[3], branch, found)
    _canvas.name_axes(panels[3], "input $F_e$ (mV)", "x (mV)")
    _sketch(panels[4], *ing_sweep())
    panels[4].set(xlim=(-20, 100))
    _canvas.name_axes(panels[4], "current $I$ (1)", "rate $r$ (Hz)")


def _sketch(axes: Any, branch: Branch, found: CycleBranch) -> None:
    diagram.equilibria(axes, branch)
    diagram.cycles(axes, branch, [found], width=1.3)
    for hopf in branch.hopfs:
        axes.plot(hopf.value, hopf.signal, "o", ms=4, color="#222222", zorder=5)


def _runs() -> list[tuple[str, tuple[str, str], tuple[np.ndarray, np.ndarray, int]]]:
    """A run of every rung: title, the names of its plane, and the run with the length of its transient."""
    return [
        (
            "1  rotation",
            _PLANE,
            _run(HarmonicOscillator(alpha=0.0, omega=2.0), (1.0, 0.0), 0.0, 4.0),
        ),
        (
            "2  damping",
            _PLANE,
            _run(HarmonicOscillator(alpha=-0.3, omega=2.0), (1.0, 0.0), 20.0, 0.1),
        ),
        (
            "3  Stuart-Landau",
            _PLANE,
            _run(StuartLandau(alpha=1.0, omega=2.0), (2.0, 0.0), 8.0, 4.0),
        ),
        ("4  Wilson-Cowan", _PLANE, _run(WilsonCowan.named("WC-b"), (0.0, 0.0), 0.3, 0.05, 1e-4)),
        (
            "5  second-order synapses",
            ("x (mV)", "y (mV)"),
            _run(NMM1.named("M"), (0.0,) * 4, 30.0, 4.0),
        ),
        (
            "6  QIF populations",
            ("mean voltage v (1)", "rate $r$ (Hz)"),
            _run(ing_population(10.0), (10.0, -1.0, 10.0, 0.0), 0.3, 0.02, 2e-5, (1, 0)),
        ),
    ]


def _run(
    rung: Rung,
    start: tuple[float, ...],
    transient: float,
    kept: float,
    dt: float = 2e-3,
    shown: tuple[int, int] = (0, 1),
) -> tuple[np.ndarray, np.ndarray, int]:
    """Two components of a run from `start` (flat), and how many samples are transient."""
    state = unstacked(rung, np.asarray(start))
    solution = simulate(rung, transient + kept, dt, past=lambda _: state, save=("states",))
    rows = np.asarray(stack_state(solution.states))[:, :, 0]
    return rows[shown[0]], rows[shown[1]], round(transient / dt)
