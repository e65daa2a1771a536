r"""Rung 5 with fast inhibition: the Wendling column, from background to seizure.

To the Jansen-Rit column it adds a pool of fast inhibitory interneurons near the soma, which the slow pool
inhibits. Where slow (dendritic) inhibition fails, the fast one takes over: spikes, then a low fast rhythm. With
$v = y_1 - y_2 - y_3 + \lambda E$ the potential of the pyramidal cells and $S$ the sigmoid,

.. math::
    \ddot y_0 + 2a\dot y_0 + a^2 y_0 &= A a\, S(v) \\
    \ddot y_1 + 2a\dot y_1 + a^2 y_1 &= A a\, [p + C_2 S(C_1 y_0)] \\
    \ddot y_2 + 2b\dot y_2 + b^2 y_2 &= B b\, C_4 S(C_3 y_0) \\
    \ddot y_3 + 2g\dot y_3 + g^2 y_3 &= G g\, C_7 S(C_5 y_0 - C_6 y_4) \\
    \ddot y_4 + 2b\dot y_4 + b^2 y_4 &= B b\, S(C_3 y_0)

with $C_{1..7} = C (1, 0.8, 0.25, 0.25, 0.3, 0.1, 0.8)$ and $S(v) = 2 e_0 / (1 + e^{\rho(v_0 - v)})$. Once the
start is forgotten, $y_2 = C_4 y_4$. The port `rate` adds to $p$, through the excitatory synapse; the port
`field` adds to $v$, inside the sigmoid. In a network a node sends the rate $S(v)$ of its pyramidal cells, a
field included, and receives pulses a second at `rate`.

Push and pull: excitation pushes the pyramidal potential up by $y_1$, slow and fast inhibition pull it down by
$-(y_2 + y_3)$.

Alone and by default it rests. Between p = -24.00 (a subcritical Hopf point, 5.24 Hz) and 121.60 (a fold) a
second, active state is stable beside the resting one, and beyond 121.60 only that one is left. At `bias=200` it
is a stable focus of 11.15 Hz. Named sets are the activities of 2002, all with A = 5 mV and p = 90: "background"
and "sporadic spikes" (rest below a fold at p = 124.9 and 94.1, beyond which it spikes), "sustained spikes" (4.5
Hz), "slow rhythm" (a focus of 9.9 Hz), "fast activity" (under noise a broad peak near 15 Hz) and
"quasi-sinusoidal" (11.0 Hz).

Wired (`rj.working_brain`): `bias=200`, gain 0.5, white noise of strength 0.1, steps of 0.2 ms; 11.15 Hz.

Source: Wendling et al. 2002, Eur. J. Neurosci. 15:1499, the original form in ten dimensions. The form in eight
dimensions that Castaldo et al., arXiv 2512.10982, print is another model: it has a minus sign before $C_2$, and
inhibits the fast pool by $y_2$, which has $C_4$ in it, where it should be $y_4 = y_2 / C_4$. Its text, Hopf
points at 600 and 1750 pulses/s, contradicts its figure, 369 and 1399; neither is this model.
"""

from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative, Positive
from rosetta_jax.rungs.column import (
    POTENTIALS,
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

_SOURCE = "Wendling et al. 2002, table 1"


class WendlingState(eqx.Module):
    """Five postsynaptic potentials and their rates of change."""

    y0: Nodal = component(
        unit="mV", description="potential that pyramidal cells cause in the pools"
    )
    y1: Nodal = component(unit="mV", description="excitatory potential on pyramidal cells")
    y2: Nodal = component(unit="mV", description="slow inhibitory potential on pyramidal cells")
    y3: Nodal = component(unit="mV", description="fast inhibitory potential on pyramidal cells")
    y4: Nodal = component(unit="mV", description="slow inhibitory potential on the fast pool")
    z0: Nodal = component(unit="mV/s", description="rate of change of y0")
    z1: Nodal = component(unit="mV/s", description="rate of change of y1")
    z2: Nodal = component(unit="mV/s", description="rate of change of y2")
    z3: Nodal = component(unit="mV/s", description="rate of change of y3")
    z4: Nodal = component(unit="mV/s", description="rate of change of y4")


class Wendling(ColumnRung):
    r"""The Wendling column; signal $y_1 - y_2 - y_3$ (mV), the potential of the pyramidal cells."""

    bias: Parameter = parameter(
        90.0,
        unit="1/s",
        symbol="p",
        description="constant input rate; at 90 it rests, at 200 it is a weakly damped focus",
        source="Wendling et al. 2002, mean of the input noise",
    )
    excitatory_gain: Parameter = potential_gain(3.25, "A", "excitatory", _SOURCE)
    slow_inhibitory_gain: Parameter = potential_gain(22.0, "B", "slow inhibitory", _SOURCE)
    fast_inhibitory_gain: Parameter = parameter(
        10.0,
        unit="mV",
        symbol="G",
        description="size of fast inhibitory potentials; none at 0",
        support=NonNegative(),
        span=(0.0, POTENTIALS[1]),
        source=_SOURCE,
    )
    excitatory_rate: Parameter = inverse_time(100.0, "a", "excitatory", _SOURCE)
    slow_inhibitory_rate: Parameter = inverse_time(50.0, "b", "slow inhibitory", _SOURCE)
    fast_inhibitory_rate: Parameter = inverse_time(500.0, "g", "fast inhibitory", _SOURCE)
    connectivity: Parameter = parameter(
        135.0,
        unit="",
        symbol="C",
        description="number of synapses between the populations: "
        "C1..C7 = C (1, 0.8, 0.25, 0.25, 0.3, 0.1, 0.8)",
        support=Positive(),
        source=_SOURCE,
    )
    half_rate: Parameter = sigmoid_half_rate(_SOURCE)
    threshold: Parameter = sigmoid_threshold(_SOURCE)
    slope: Parameter = sigmoid_steepness(_SOURCE)

    State: ClassVar[type] = WendlingState
    sets: ClassVar[Mapping[str, Mapping[str, float]]] = {
        name: {
            "excitatory_gain": 5.0,
            "slow_inhibitory_gain": slow,
            "fast_inhibitory_gain": fast,
        }
        for name, slow, fast in (
            ("background", 50.0, 15.0),
            ("sporadic spikes", 40.0, 15.0),
            ("sustained spikes", 25.0, 15.0),
            ("slow rhythm", 10.0, 15.0),
            ("fast activity", 5.0, 25.0),
            ("quasi-sinusoidal", 15.0, 0.0),
        )
    }

    def start(self, nodes: int) -> WendlingState:
        rest = jnp.zeros(nodes)
        return WendlingState(*[rest] * 10)

    def vector_field(self, t: Scalar, state: WendlingState, inputs: ColumnInputs) -> WendlingState:
        a, b, g = self.excitatory_rate, self.slow_inhibitory_rate, self.fast_inhibitory_rate
        count = self.connectivity
        excitation = self.bias + inputs.rate + 0.8 * count * self._rate(count * state.y0)
        slow = self._rate(0.25 * count * state.y0)
        fast = 0.8 * count * self._rate(0.3 * count * state.y0 - 0.1 * count * state.y4)
        pyramidal = self.firing_rate(state, inputs)
        into_slow = self.slow_inhibitory_gain * b * slow
        return WendlingState(
            y0=state.z0,
            y1=state.z1,
            y2=state.z2,
            y3=state.z3,
            y4=state.z4,
            z0=alpha_acceleration(state.y0, state.z0, self.excitatory_gain * a * pyramidal, a),
            z1=alpha_acceleration(state.y1, state.z1, self.excitatory_gain * a * excitation, a),
            z2=alpha_acceleration(state.y2, state.z2, 0.25 * count * into_slow, b),
            z3=alpha_acceleration(state.y3, state.z3, self.fast_inhibitory_gain * g * fast, g),
            z4=alpha_acceleration(state.y4, state.z4, into_slow, b),
        )

    def signal(self, state: WendlingState, inputs: ColumnInputs) -> Nodal:
        return state.y1 - state.y2 - state.y3

    def push_pull(self, state: WendlingState, inputs: ColumnInputs) -> tuple[Nodal, Nodal]:
        return state.y1, -(state.y2 + state.y3)
