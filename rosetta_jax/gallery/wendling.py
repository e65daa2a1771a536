"""Figure 6.3: the Wendling column as the paper prints it, and its original form, which is the library's rung."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.bifurcation import Branch, CycleBranch, continuation
from rosetta_jax.bifurcation import cycles as followed
from rosetta_jax.gallery import diagram
from rosetta_jax.gallery.branches import Cycles, seen
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
# Of the unstable cycle (s), which ends on a saddle where its period grows without bound.
_LONGEST = 1.0
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


def _y0(rung: PrintedWendling, state: PrintedWendlingState) -> Nodal:
    return state.y0


def wendling() -> Page:
    """The printed form with its cycles, and the original one."""
    printed = continuation(PrintedWendling(), "bias", (0.0, 1700.0))
    original = continuation(Wendling(), "bias", (-80.0, 220.0))
    stable, unstable = followed(printed), followed(original, longest_period=_LONGEST)
    found = seen(stable, _y0)
    numbers = (
        *hopf_numbers(
            printed.hopfs, (("HB+", 368.948, 15.377), ("HB+", 1398.894, 11.339)), "1/s", 1e-3, 1e-3
        ),
        *range_numbers(found, _RANGES, ("P", "y0"), "mV", 1e-4),
        *frequency_numbers(found, _HERTZ, "P", 1e-2),
        *_extremes(found),
        *fold_numbers(
            original.folds,
            {"original: fold": 121.595708, "original: other fold": -32.955664},
            "1/s",
        ),
        *hopf_numbers(original.hopfs, (("HB−", -24.003968, 5.24),), "1/s", digits=1e-2),
    )
    return Page(
        "Wendling: as printed, and the original",
        "Left, the eight equations that the paper prints, which draw its figure (its text, 600 and 1750, is "
        "another model again): potential y0 and frequency of the cycle against the input rate. Right, the "
        "original column of Wendling et al. 2002, in ten dimensions: a resting and an active state side by "
        "side between −24.0 and 121.6. The unstable cycle that is born at −24.0 ends on the saddle between "
        "them, near 26.7.",
        _figure(printed, stable, original, unstable),
        numbers,
    )


def _extremes(of: Cycles) -> list[Number]:
    """The turns of the envelope, which are those of the printed picture."""
    # The highest of two peaks a turn has a corner where the other takes over: no curve leads through it.
    between = (of.values > 1050) & (of.values < 1300)
    dip = int(np.argmin(np.where(between, of.high, np.inf)))
    numbers = []
    for name, height, place, (value, level) in (
        ("lowest y0 of all", 0.0153, 480.0, of.lowest()),
        ("highest y0: first top", 0.1253, 1050.0, of.highest((900.0, 1120.0))),
        ("highest y0: dip", 0.1222, 1140.0, (float(of.values[dip]), float(of.high[dip]))),
        ("highest y0: second top", 0.1337, 1340.0, of.highest((1200.0, 1392.0))),
    ):
        numbers.append(Number(name, height, level, "mV", 3e-4))
        numbers.append(Number(f"{name}, at p", place, value, "1/s", 10.0))
    return numbers


def _figure(printed: Branch, stable: CycleBranch, original: Branch, unstable: CycleBranch) -> Any:
    figure = _canvas.canvas(11.5, 5.8)
    axes = figure.subplot_mosaic("ac;bc", width_ratios=(1.25, 1), height_ratios=(2.6, 1))
    for panel in axes.values():
        _canvas.plain_axes(panel)
    diagram.equilibria(axes["a"], printed, _y0)
    diagram.cycles(axes["a"], printed, [stable], _y0)
    for hopf, at in zip(printed.hopfs, ((-4, 7), (6, -8)), strict=True):
        diagram.mark_point(axes["a"], hopf, at, observe=_y0)
    diagram.frequencies(axes["b"], printed, [stable])
    axes["a"].set(xlim=(0, 1700), ylim=(0, 0.165))
    axes["b"].set(xlim=(0, 1700), ylim=(0, 17))
    _canvas.name_axes(axes["a"], "", "potential $y_0$ (mV)", "as printed")
    _canvas.name_axes(axes["b"], "input rate $p$ (1/s)", "frequency (Hz)")
    _original_panel(axes["c"], original, unstable)
    diagram.legend(figure, axes["a"], axes["c"])
    return figure


def _original_panel(axes: Any, original: Branch, unstable: CycleBranch) -> None:
    diagram.equilibria(axes, original)
    diagram.cycles(axes, original, [unstable])
    for fold, at in zip(original.folds, ((8, -2), (-2, -8)), strict=True):
        diagram.mark_point(axes, fold, at)
    for hopf in original.hopfs:
        diagram.mark_point(axes, hopf, (-8, 7))
    diagram.mark_end(axes, unstable, (9, 0))
    axes.set(xlim=(-80, 220), ylim=(-5, 8.6))
    _canvas.name_axes(
        axes, "input rate $p$ (1/s)", "potential $v = y_1 - y_2 - y_3$ (mV)", "original"
    )
