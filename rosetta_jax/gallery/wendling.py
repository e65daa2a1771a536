"""Figure 6.3: the Wendling column as the paper prints it, and its original form, which is the library's rung."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.cycles import Cycles, cycles
from rosetta_jax.gallery.equilibria import Curve, Family, Hopf, curve, folds, hopf_points, signal
from rosetta_jax.gallery.measured import (
    fold_numbers,
    frequency_numbers,
    hopf_numbers,
    range_numbers,
)
from rosetta_jax.gallery.page import Number, Page
from rosetta_jax.parameters import parameter
from rosetta_jax.plot import _canvas
from rosetta_jax.rungs import Wendling
from rosetta_jax.rungs.column import (
    ColumnInputs,
    ColumnRung,
    sigmoid_half_rate,
    sigmoid_steepness,
    sigmoid_threshold,
)
from rosetta_jax.rungs.synapse import alpha_acceleration
from rosetta_jax.system import component

_RANGES = {400.0: (0.0183, 0.0477), 800.0: (0.0252, 0.1111), 1000.0: (0.0403, 0.1245)}
_RANGES[1200.0] = (0.0768, 0.1261)
_HERTZ = {400.0: 15.26, 800.0: 14.59, 1000.0: 13.70, 1200.0: 11.97}
_PRINTED = "Castaldo et al. 2512.10982, rung 5, Wendling, as printed"


def _potential(of: str) -> Any:
    return component(unit="mV", description=f"potential that {of} cause")


def _velocity(name: str) -> Any:
    return component(unit="mV/s", description=f"rate of change of {name}")


class PrintedWendlingState(eqx.Module):
    """Four postsynaptic potentials and their rates of change."""

    y0: Nodal = _potential("pyramidal cells")
    y1: Nodal = _potential("excitatory interneurons")
    y2: Nodal = _potential("slow inhibitory interneurons")
    y3: Nodal = _potential("fast inhibitory interneurons")
    z0: Nodal = _velocity("y0")
    z1: Nodal = _velocity("y1")
    z2: Nodal = _velocity("y2")
    z3: Nodal = _velocity("y3")


class PrintedWendling(ColumnRung):
    r"""The column in the eight dimensions of the paper, for its figure alone: not the model of Wendling et al.

    It has $p - C_2 S(C_1 y_0)$ where excitation should add, and inhibits the fast pool by $C_6 y_2$, which has the
    weight $C_4$ in it already.
    """

    bias: Parameter = parameter(
        800.0, unit="1/s", symbol="p", description="constant input rate", source=_PRINTED
    )
    half_rate: Parameter = sigmoid_half_rate(_PRINTED)
    threshold: Parameter = sigmoid_threshold(_PRINTED)
    slope: Parameter = sigmoid_steepness(_PRINTED)

    State: ClassVar[type] = PrintedWendlingState

    def start(self, nodes: int) -> PrintedWendlingState:
        return PrintedWendlingState(*[jnp.zeros(nodes)] * 8)

    def vector_field(
        self, t: Scalar, state: PrintedWendlingState, inputs: ColumnInputs
    ) -> PrintedWendlingState:
        a, b, g, count = 100.0, 50.0, 500.0, 135.0
        excite = 3.25 * a
        into_1 = self.bias + inputs.rate - 0.8 * count * self._rate(count * state.y0)
        into_2 = 0.25 * count * self._rate(0.25 * count * state.y0)
        into_3 = 0.8 * count * self._rate(0.3 * count * state.y0 - 0.1 * count * state.y2)
        pyramidal = self.firing_rate(state, inputs)
        return PrintedWendlingState(
            y0=state.z0,
            y1=state.z1,
            y2=state.z2,
            y3=state.z3,
            z0=alpha_acceleration(state.y0, state.z0, excite * pyramidal, jnp.asarray(a)),
            z1=alpha_acceleration(state.y1, state.z1, excite * into_1, jnp.asarray(a)),
            z2=alpha_acceleration(state.y2, state.z2, 22.0 * b * into_2, jnp.asarray(b)),
            z3=alpha_acceleration(state.y3, state.z3, 10.0 * g * into_3, jnp.asarray(g)),
        )

    def signal(self, state: PrintedWendlingState, inputs: ColumnInputs) -> Nodal:
        return state.y1 - state.y2 - state.y3

    def push_pull(self, state: PrintedWendlingState, inputs: ColumnInputs) -> tuple[Nodal, Nodal]:
        return state.y1, -(state.y2 + state.y3)


def _original(bias: Any) -> Wendling:
    return Wendling(bias=bias)


def _printed(bias: Any) -> PrintedWendling:
    return PrintedWendling(bias=bias)


def _y0(rung: PrintedWendling, state: PrintedWendlingState) -> Nodal:
    return state.y0


def wendling() -> Page:
    """The printed form with its cycles, and the original one."""
    printed = curve(Family(_printed, signal), np.linspace(-3.1, 10.0, 500), np.zeros(8), 0.0)
    hopf = hopf_points(printed)
    values = np.append(np.linspace(374.0, 1392.0, 200), list(_RANGES))
    start = printed.near(values, lowest=-4.0, kick=0.02)
    found = cycles(_printed, values, 2.5e-4, 6.0, 0.5, start, _y0)
    original = curve(Family(_original, signal), np.linspace(-4.8, 7.9, 500), np.zeros(10), -80.0)
    turns, born = folds(original), hopf_points(original)
    numbers = (
        *hopf_numbers(
            hopf, (("HB+", 368.948, 15.377), ("HB+", 1398.894, 11.339)), "1/s", 1e-3, 1e-3
        ),
        *range_numbers(found, _RANGES, ("P", "y0"), "mV", 1e-4),
        *frequency_numbers(found, _HERTZ, "P", 1e-2),
        *_extremes(found),
        *fold_numbers(
            turns, {"original: fold": 121.595708, "original: other fold": -32.955664}, "1/s"
        ),
        *hopf_numbers(born, (("HB−", -24.003968, 5.24),), "1/s", digits=1e-2),
    )
    return Page(
        "Wendling: as printed, and the original",
        "Left, the eight equations that the paper prints, which draw its figure (its text, 600 and 1750, is "
        "another model again): potential y0 and frequency of the cycle against the input rate. Right, the "
        "original column of Wendling et al. 2002, in ten dimensions: a resting and an active state side by "
        "side between −24.0 and 121.6. Its unstable cycle follows with continuation.",
        _figure(printed, found, hopf, original, born),
        numbers,
    )


def _extremes(of: Cycles) -> list[Number]:
    """The turns of the envelope, which are those of the printed picture."""
    numbers = []
    for name, height, place, sign, heights, ends in (
        ("lowest y0 of all", 0.0153, 480.0, -1, of.low, (374, 700)),
        ("highest y0: first top", 0.1253, 1050.0, 1, of.high, (900, 1140)),
        ("highest y0: dip", 0.1222, 1140.0, -1, of.high, (1050, 1300)),
        ("highest y0: second top", 0.1337, 1340.0, 1, of.high, (1150, 1392)),
    ):
        # The highest of two peaks a turn has a corner where the other takes over: no parabola through it.
        inside = np.flatnonzero((of.values >= ends[0]) & (of.values <= ends[1]))
        at = inside[np.argmax(sign * heights[inside])]
        numbers.append(Number(name, height, float(heights[at]), "mV", 3e-4))
        numbers.append(Number(f"{name}, at p", place, float(of.values[at]), "1/s", 10.0))
    return numbers


def _figure(
    printed: Curve, found: Cycles, hopf: list[Hopf], original: Curve, born: list[Hopf]
) -> Any:
    figure = _canvas.canvas(11.5, 5.8)
    axes = figure.subplot_mosaic("ac;bc", width_ratios=(1.25, 1), height_ratios=(2.6, 1))
    for panel in axes.values():
        _canvas.plain_axes(panel)
    heights = printed.observed(_y0)
    diagram.equilibria(axes["a"], printed, heights)
    ends = [diagram.lifted(each.point, printed, heights) for each in hopf]
    diagram.envelope(axes["a"], found, ends)
    for end, at in zip(ends, ((-4, 7), (6, -8)), strict=True):
        diagram.mark(axes["a"], "HB+", end.value, end.level, at=at)
    diagram.frequencies(axes["b"], found, hopf)
    axes["a"].set(xlim=(0, 1700), ylim=(0, 0.165))
    axes["b"].set(xlim=(0, 1700), ylim=(0, 17))
    _canvas.name_axes(axes["a"], "", "potential $y_0$ (mV)", "as printed")
    _canvas.name_axes(axes["b"], "input rate $p$ (1/s)", "frequency (Hz)")
    _original_panel(axes["c"], original, born)
    diagram.legend(figure, axes["a"])
    return figure


def _original_panel(axes: Any, original: Curve, born: list[Hopf]) -> None:
    diagram.equilibria(axes, original)
    for turn, at in zip(folds(original), ((8, -2), (8, -6)), strict=True):
        diagram.mark(axes, "SN", turn.value, turn.level, at=at)
    for each in born:
        diagram.mark_hopf(axes, each, (-4, 7))
    axes.set(xlim=(-80, 220), ylim=(-5, 8.2))
    _canvas.name_axes(
        axes, "input rate $p$ (1/s)", "potential $v = y_1 - y_2 - y_3$ (mV)", "original"
    )
