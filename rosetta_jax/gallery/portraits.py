"""Figure 1.2: all rungs alone, each as an orbit in its plane above what happens along a parameter below."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.cycles import Cycles, cycles
from rosetta_jax.gallery.equilibria import Curve, Family, Hopf, curve, hopf_points, unstacked
from rosetta_jax.gallery.measured import hopf_numbers
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.gallery.qif import ing_population, ing_sweep
from rosetta_jax.gallery.stuart_landau import onset_sweep
from rosetta_jax.gallery.wilson_cowan import set_b, sweep_b
from rosetta_jax.plot import _canvas
from rosetta_jax.plot._canvas import BLUE, GREY, TICK
from rosetta_jax.rungs import NMM1, HarmonicOscillator, StuartLandau
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung, stack_state

_PLANE = "x (1)", "y (1)"
# Input (mV), gain g_x (mV s) and slope (1/mV) of set M.
_SET_M = (7.0, 1.0, 12.0)
_M_RANGE = (0.32667, 1.60666)


class MotifAlong(eqx.Module):
    """Set M with its input, the gain g_x and the slope of its sigmoid on a line: `start` + value `direction`."""

    start: Array
    direction: Array

    def __call__(self, value: Any) -> NMM1:
        drive, gain, slope = (
            begin + value * by for begin, by in zip(self.start, self.direction, strict=True)
        )
        return NMM1.named("M", bias_x=drive, gain_x=gain, **{"transfer.steepness": slope})


def _along(which: int) -> MotifAlong:
    """One of the three swept from zero, the others as in the set at an input of 7."""
    direction = np.eye(3)[which]
    return MotifAlong(jnp.asarray(np.where(direction, 0.0, _SET_M)), jnp.asarray(direction))


def _itself(rung: Rung, state: Any, value: Any) -> Any:
    """Without folds the parameter itself is the level."""
    return value


def _curve(which: int, low: float, high: float) -> Curve:
    return curve(Family(_along(which), _itself), np.linspace(low, high, 300), np.zeros(4), low)


def portraits() -> Page:
    """The six rungs, and the numbers of the motif of second-order synapses, which has no figure of its own."""
    along = _curve(0, 0.0, 12.0)
    hopf = hopf_points(along)
    values = np.append(np.linspace(4.2, 7.65, 60), 7.0)
    found = cycles(along.family.build, values, 5e-3, 150.0, 10.0, along.near(values, lowest=0.0))
    low, high, frequency = found.at(7.0)
    turning = 1 / np.pi
    numbers = (
        *hopf_numbers(hopf, (("HB+", 4.074408, turning), ("HB+", 7.732774, turning)), digits=1e-6),
        Number("set M at Fe = 7: gain of the loop", 11.904, _loop_gain(), "", 1e-3),
        Number("set M at Fe = 7: period", 3.1782, 1 / frequency, "s", 1e-4),
        Number("set M at Fe = 7: lowest x", _M_RANGE[0], low, "", 1e-5),
        Number("set M at Fe = 7: highest x", _M_RANGE[1], high, "", 1e-5),
        Number("set M: onset in g_x", 0.467123, _onset(1, 0.2, 1.0), "", 1e-6),
        Number("set M: onset in the slope", 6.884777, _onset(2, 3.0, 12.0), "", 1e-6),
    )
    return Page(
        "All rungs alone",
        "Above, one run of every rung in its plane: the transient in grey, what it settles on in blue. Below, "
        "the equilibria and the range of the cycles along one parameter. From the third rung on a rhythm is "
        "born at a supercritical Hopf point.",
        figure(along, hopf, found),
        numbers,
    )


def _loop_gain() -> float:
    """The product of gains, weights and slopes around the loop at the fixed point of set M."""
    rung = NMM1.named("M")
    x, y = _curve(0, 0.0, 7.0).states[-1, :2]
    slopes = [rung.transfer.slope(v) for v in (7.0 - float(rung.w_xy) * y, float(rung.w_yx) * x)]
    return float(rung.gain_x * rung.gain_y * rung.w_xy * rung.w_yx * slopes[0] * slopes[1])


def _onset(which: int, low: float, high: float) -> float:
    found = hopf_points(_curve(which, low, high))
    return found[0].point.value if found else np.nan


def figure(along: Curve, hopf: list[Hopf], found: Cycles) -> Any:
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
    _below(panels[1, 1:], along, hopf, found)
    diagram.legend(picture, panels[1, 2])
    return picture


def _below(panels: Any, along: Curve, hopf: list[Hopf], found: Cycles) -> None:
    """The sketches of rungs 2 to 6."""
    panels[0].plot([-2, 0], [0, 0], color=BLUE, lw=2.0)
    panels[0].set(ylim=(-1, 1), xlim=(-2, 0))
    _canvas.name_axes(panels[0], "growth rate α (1/s)", "x (1)")
    onset, born, cycle = onset_sweep()
    _sketch(panels[1], onset, onset.states[:, 0], cycle, born)
    _canvas.name_axes(panels[1], "growth rate α (1/s)", "x (1)")
    bubble = sweep_b()
    _sketch(panels[2], bubble.along, bubble.along.levels, bubble.cycles, bubble.hopf)
    panels[2].set(xlim=(-9, -1), ylim=(0, 1))
    _canvas.name_axes(panels[2], "input $P_y$ (1)", "x (1)")
    _sketch(panels[3], along, along.states[:, 0], found, hopf)
    _canvas.name_axes(panels[3], "input $F_e$ (mV)", "x (mV)")
    current, born, gamma = ing_sweep()
    _sketch(panels[4], current, current.levels, gamma, born)
    panels[4].set(xlim=(-20, 100))
    _canvas.name_axes(panels[4], "current $I$ (1)", "rate $r$ (Hz)")


def _sketch(axes: Any, along: Curve, heights: np.ndarray, found: Cycles, hopf: list[Hopf]) -> None:
    diagram.equilibria(axes, along, heights)
    ends = [diagram.lifted(each.point, along, heights) for each in hopf]
    diagram.envelope(axes, found, ends, width=1.3)
    for end in ends:
        axes.plot(end.value, end.level, "o", ms=4, color="#222222", zorder=5)


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
        ("4  Wilson-Cowan", _PLANE, _run(set_b(-5.0), (0.0, 0.0), 0.3, 0.05, 1e-4)),
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
