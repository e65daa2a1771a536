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
second, active state is stable beside the resting one, and beyond 121.60 only that one is left. Its network is
worked there, at `bias=200`, a stable focus of 11.15 Hz. Named sets are the activities of 2002, all with A = 5
mV and p = 90: "background" and "sporadic spikes" (rest below a fold at p = 124.9 and 94.1, beyond which it
spikes), "sustained spikes" (4.5 Hz), "slow rhythm" (a focus of 9.9 Hz), "fast activity" (under noise a broad
peak near 15 Hz) and "quasi-sinusoidal" (11.0 Hz).

Source: Wendling et al. 2002, Eur. J. Neurosci. 15:1499, the original form in ten dimensions. The form in eight
dimensions that Castaldo et al., arXiv 2512.10982, print is another model: it has a minus sign before $C_2$, and
inhibits the fast pool by $y_2$, which has $C_4$ in it, where it should be $y_4 = y_2 / C_4$. Its text, Hopf
points at 600 and 1750 pulses/s, contradicts its figure, 369 and 1399; neither is this model.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Channels, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative, Positive
from rosetta_jax.rungs.transfer import sigmoid
from rosetta_jax.system import Rung, component, port

_SOURCE = "Wendling et al. 2002, table 1"
# Rates per second, which others give per millisecond, and potentials in mV, which others give in V.
_RATES, _POTENTIALS = (1.0, 1e5), (0.03, 3e3)


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


class WendlingInputs(eqx.Module):
    """A rate through the excitatory synapse, and a potential inside the sigmoid."""

    rate: Parameter = port(
        unit="1/s", linear=True, description="pulses a second through the excitatory synapse"
    )
    field: Parameter = port(
        unit="mV",
        linear=False,
        description="polarisation of the pyramidal soma, inside the sigmoid",
    )


def _inverse_time(default: float, symbol: str, synapses: str) -> Any:
    return parameter(
        default,
        unit="1/s",
        symbol=symbol,
        description=f"inverse time constant of {synapses} synapses",
        support=Positive(),
        span=_RATES,
        source=_SOURCE,
    )


class Wendling(Rung):
    r"""The Wendling column; signal $y_1 - y_2 - y_3$ (mV), the potential of the pyramidal cells."""

    bias: Parameter = parameter(
        90.0,
        unit="1/s",
        symbol="p",
        description="constant input rate; at 90 it rests, at 200 it is a weakly damped focus",
        source="Wendling et al. 2002, mean of the input noise",
    )
    excitatory_gain: Parameter = parameter(
        3.25,
        unit="mV",
        symbol="A",
        description="size of excitatory potentials",
        support=Positive(),
        span=_POTENTIALS,
        source=_SOURCE,
    )
    slow_inhibitory_gain: Parameter = parameter(
        22.0,
        unit="mV",
        symbol="B",
        description="size of slow inhibitory potentials",
        support=Positive(),
        span=_POTENTIALS,
        source=_SOURCE,
    )
    fast_inhibitory_gain: Parameter = parameter(
        10.0,
        unit="mV",
        symbol="G",
        description="size of fast inhibitory potentials; none at 0",
        support=NonNegative(),
        span=(0.0, _POTENTIALS[1]),
        source=_SOURCE,
    )
    excitatory_rate: Parameter = _inverse_time(100.0, "a", "excitatory")
    slow_inhibitory_rate: Parameter = _inverse_time(50.0, "b", "slow inhibitory")
    fast_inhibitory_rate: Parameter = _inverse_time(500.0, "g", "fast inhibitory")
    connectivity: Parameter = parameter(
        135.0,
        unit="",
        symbol="C",
        description="number of synapses between the populations: "
        "C1..C7 = C (1, 0.8, 0.25, 0.25, 0.3, 0.1, 0.8)",
        support=Positive(),
        source=_SOURCE,
    )
    half_rate: Parameter = parameter(
        2.5,
        unit="1/s",
        symbol="e0",
        description="half of the largest firing rate",
        support=Positive(),
        source=_SOURCE,
    )
    threshold: Parameter = parameter(
        6.0,
        unit="mV",
        symbol="v0",
        description="potential at half of the largest firing rate",
        source=_SOURCE,
    )
    slope: Parameter = parameter(
        0.56,
        unit="1/mV",
        symbol="ρ",
        description="steepness of the sigmoid",
        support=Positive(),
        source=_SOURCE,
    )

    State: ClassVar[type] = WendlingState
    Inputs: ClassVar[type] = WendlingInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "rate"
    field_port: ClassVar[str] = "field"
    noise_ports: ClassVar[tuple[str, ...]] = ("rate",)
    signal_unit: ClassVar[str] = "mV"
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

    def vector_field(
        self, t: Scalar, state: WendlingState, inputs: WendlingInputs
    ) -> WendlingState:
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
            z0=self.excitatory_gain * a * pyramidal - 2 * a * state.z0 - a * a * state.y0,
            z1=self.excitatory_gain * a * excitation - 2 * a * state.z1 - a * a * state.y1,
            z2=0.25 * count * into_slow - 2 * b * state.z2 - b * b * state.y2,
            z3=self.fast_inhibitory_gain * g * fast - 2 * g * state.z3 - g * g * state.y3,
            z4=into_slow - 2 * b * state.z4 - b * b * state.y4,
        )

    def firing_rate(self, state: WendlingState, inputs: WendlingInputs) -> Nodal:
        """The rate S(v) of the pyramidal cells, 1/s, a field included."""
        return self._rate(self.signal(state, inputs) + inputs.field)

    def _rate(self, potential: Nodal) -> Nodal:
        return sigmoid(potential, self.half_rate, self.threshold, self.slope)

    def send(self, state: WendlingState, inputs: WendlingInputs) -> Channels:
        return self.firing_rate(state, inputs)[None, :]

    def receive(self, combined: Channels) -> WendlingInputs:
        return WendlingInputs(rate=combined[0])

    def signal(self, state: WendlingState, inputs: WendlingInputs) -> Nodal:
        return state.y1 - state.y2 - state.y3

    def push_pull(self, state: WendlingState, inputs: WendlingInputs) -> tuple[Nodal, Nodal]:
        return state.y1, -(state.y2 + state.y3)
