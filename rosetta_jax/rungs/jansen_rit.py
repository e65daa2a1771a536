r"""Rung 5: the Jansen-Rit column (NMM1 with three populations).

Pyramidal cells excite two pools of interneurons; one returns excitation, the other inhibition, each through a
second-order synapse. The alpha rhythm is the lag of these synapses around the inhibitory loop. With $v = y_1 -
y_2 + \lambda E$ the potential of the pyramidal cells and $S$ the sigmoid,

.. math::
    \ddot y_0 + 2a\dot y_0 + a^2 y_0 &= A a\, S(v) \\
    \ddot y_1 + 2a\dot y_1 + a^2 y_1 &= A a\, [p + C_2 S(C_1 y_0)] \\
    \ddot y_2 + 2b\dot y_2 + b^2 y_2 &= B b\, C_4 S(C_3 y_0)

with $C_{1..4} = C (1, 0.8, 0.25, 0.25)$ and $S(v) = 2 e_0 / (1 + e^{\rho(v_0 - v)})$. The port `rate` adds to
$p$, through the excitatory synapse; the port `field` adds to $v$, inside the sigmoid. In a network a node sends
the rate $S(v)$ of its pyramidal cells, so a field acts on other nodes at once, and receives pulses a second at
`rate`: $p_i = p + G\sum_j C_{ij} S(v_j(t-\tau_{ij}))$.

Push and pull: excitation pushes the pyramidal potential up by $y_1$, inhibition pulls it down by $-y_2$.

Alone it oscillates between the supercritical Hopf points at p = 89.83 and 315.70 pulses/s (alpha, near 11 Hz);
the fixed point is stable below the first and above the second.

Wired (`rj.working_brain`): `bias=350`, gain 2, white noise of strength 0.1, steps of 0.5 ms; 11.1 Hz, above the
upper Hopf point.

Source: Jansen and Rit 1995; Castaldo et al., arXiv 2512.10982, rung 5; Grimbert and Faugeras 2006. The paper's
operator has other norms here and in its pair (NMM1: divided by $a^2$), and $d^2/dt$ in it means $d^2/dt^2$.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.rungs.column import (
    ColumnInputs,
    ColumnRung,
    inverse_time,
    potential_gain,
    sigmoid_half_rate,
    sigmoid_steepness,
    sigmoid_threshold,
)
from rosetta_jax.rungs.synapse import alpha_acceleration
from rosetta_jax.system import component

_SOURCE = "Jansen and Rit 1995, table 1"


class JansenRitState(eqx.Module):
    """Three postsynaptic potentials and their rates of change."""

    y0: Nodal = component(
        unit="mV", description="potential that pyramidal cells cause in the pools"
    )
    y1: Nodal = component(unit="mV", description="excitatory potential on pyramidal cells")
    y2: Nodal = component(unit="mV", description="inhibitory potential on pyramidal cells")
    z0: Nodal = component(unit="mV/s", description="rate of change of y0")
    z1: Nodal = component(unit="mV/s", description="rate of change of y1")
    z2: Nodal = component(unit="mV/s", description="rate of change of y2")


class JansenRit(ColumnRung):
    r"""The Jansen-Rit column; signal $y_1 - y_2$ (mV), the potential of the pyramidal cells."""

    bias: Parameter = parameter(
        220.0,
        unit="1/s",
        symbol="p",
        description="constant input rate; at 220 it oscillates, at 350 it is a stable focus",
        source="Jansen and Rit 1995, 120 to 320 pulses/s",
    )
    excitatory_gain: Parameter = potential_gain(3.25, "A", "excitatory", _SOURCE)
    inhibitory_gain: Parameter = potential_gain(22.0, "B", "inhibitory", _SOURCE)
    excitatory_rate: Parameter = inverse_time(100.0, "a", "excitatory", _SOURCE)
    inhibitory_rate: Parameter = inverse_time(50.0, "b", "inhibitory", _SOURCE)
    connectivity: Parameter = parameter(
        135.0,
        unit="",
        symbol="C",
        description="number of synapses between the populations: C1..C4 = C (1, 0.8, 0.25, 0.25)",
        support=Positive(),
        source=_SOURCE,
    )
    half_rate: Parameter = sigmoid_half_rate(_SOURCE)
    threshold: Parameter = sigmoid_threshold(_SOURCE)
    slope: Parameter = sigmoid_steepness(_SOURCE)

    State: ClassVar[type] = JansenRitState

    def start(self, nodes: int) -> JansenRitState:
        rest = jnp.zeros(nodes)
        return JansenRitState(y0=rest, y1=rest, y2=rest, z0=rest, z1=rest, z2=rest)

    def vector_field(
        self, t: Scalar, state: JansenRitState, inputs: ColumnInputs
    ) -> JansenRitState:
        a, b = self.excitatory_rate, self.inhibitory_rate
        count = self.connectivity
        excitation = self.bias + inputs.rate + 0.8 * count * self._rate(count * state.y0)
        inhibition = 0.25 * count * self._rate(0.25 * count * state.y0)
        pyramidal = self.firing_rate(state, inputs)
        return JansenRitState(
            y0=state.z0,
            y1=state.z1,
            y2=state.z2,
            z0=alpha_acceleration(state.y0, state.z0, self.excitatory_gain * a * pyramidal, a),
            z1=alpha_acceleration(state.y1, state.z1, self.excitatory_gain * a * excitation, a),
            z2=alpha_acceleration(state.y2, state.z2, self.inhibitory_gain * b * inhibition, b),
        )

    def signal(self, state: JansenRitState, inputs: ColumnInputs) -> Nodal:
        return state.y1 - state.y2

    def push_pull(self, state: JansenRitState, inputs: ColumnInputs) -> tuple[Nodal, Nodal]:
        return state.y1, -state.y2
