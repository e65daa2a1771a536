r"""Rung 6: next-generation neural masses (NMM2), the exact mean field of spiking QIF neurons.

To the synapses of rung 5 it adds the membrane: in place of a static sigmoid a rate $r$ (1/s) and a mean voltage
$v$, whose gain depends on the state and resonates at the firing rate itself. One population, of coupling $J$ to
itself (excitatory above, inhibitory below zero), with its synapse is

.. math::
    \tau_m\dot r &= \frac{\Delta}{\pi\tau_m} + 2rv &
    \tau_m\dot v &= v^2 + \bar\eta - (\pi\tau_m r)^2 + \tau_m J s + I(t) \\
    \tau_s\dot s &= z & \tau_s\dot z &= r - 2z - s

`order` says which synapse: 2 this one, 1 $\tau_s\dot s = r - s$, 0 $s = r$. In the pair E receives
$\tau_e(w_{ee}s_e - w_{ei}s_i)$ and I receives $\tau_i(w_{ie}s_e - w_{ii}s_i)$. Times are in seconds, $r$, $s$
and $z$ in 1/s; currents, voltages and weights have no unit. The bias is $\bar\eta$ and any constant current.

Ports: `current` (`current_e`, `current_i`), common to all neurons, in $\dot v$; white noise is well defined
there. A field that would polarise neurons at rest by $\lambda E$ mV is a current $2\sqrt{|\bar\eta|}\,\lambda
E/S$ for $S$ mV per unit of voltage. Independent Cauchy noise of scale $\Gamma$ on each neuron is heterogeneity:
give $\Delta + \Gamma$ as `width`. No port adds to $\dot r$, so that rates stay positive: $\dot r =
\Delta/\pi\tau_m^2$ where $r = 0$. In a network a node sends $s$ of its (excitatory) population, $-s$ where $J <
0$, since what inhibits itself inhibits others; what arrives is the current $\tau_m G\sum_j
C_{ij}s_j(t-\tau_{ij})$. The signal is $r$.

Push and pull: in a population $v$ pushes $r$ through $2rv$ and $r$ pulls $v$ through $-(\pi\tau_m r)^2$, so
that even without synapses it is a damped rotator. In the pair E pushes I by what it sends, $\tau_i w_{ie}r_e$,
and I pulls E by what reaches it, $-\tau_e w_{ei}s_i$: the synapse lies between.

The defaults are stable foci, of 50.7 Hz (population) and 53.9 Hz (pair). Named sets: "ING", an inhibitory
population that makes gamma between the Hopf points at $\bar\eta$ = 5.322 (54.6 Hz) and 76.70 (255.5 Hz), 71.4
Hz at 10, the set's own; "MPR", an excitatory one without synapses, bistable between $\bar\eta$ = -5.744 and
-3.136; "PING", the pair, gamma between 1.110 (54.0 Hz) and 67.67 (229.9 Hz) of both biases, 80.0 Hz at 10.
Gamma takes steps of 0.1 ms, at high biases, whose first volley is sharp, of 0.02 ms.

Wired (`rj.working_brain`): a population with gain 1, white noise of strength 0.002, steps of 0.1 ms; a pair
with gain 0.2, white noise of strength 0.002, steps of 0.1 ms.

Source: Montbrió, Pazó and Roxin 2015; Clusella et al. 2023; Castaldo et al., arXiv 2512.10982, rung 6. Its
equations of ING print $\Delta$ without the $\pi\tau_m$ below it, with which there is no Hopf point; its weights
of PING, 1, 1, 1 and 2, are in units of 15, and I enters both populations; its reset $V_r \leftarrow V_j$ is
reversed.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Array, Channels, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.rungs.declare import time_constant, weight
from rosetta_jax.rungs.qif import mean_field
from rosetta_jax.system import Rung, component, port

_ING = "Castaldo et al. 2512.10982, rung 6, ING"
_PING = "Castaldo et al. 2512.10982, rung 6, PING"
_WEIGHTS = f"{_PING}, printed in units of 15"
_ORDERS = (0, 1, 2)
# A few spikes a second, below threshold.
_START = {"r": 10.0, "v": -1.0, "s": 10.0, "z": 0.0}


class MembraneState(eqx.Module):
    """A population whose rate acts at once."""

    r: Nodal = component(unit="1/s", description="firing rate")
    v: Nodal = component(unit="", description="mean voltage")


class FirstOrderState(MembraneState):
    """A population with a first-order synapse."""

    s: Nodal = component(unit="1/s", description="synaptic activation")


class SecondOrderState(FirstOrderState):
    """A population with an alpha synapse."""

    z: Nodal = component(unit="1/s", description="rate of change of s, times the synaptic time")


class PairMembraneState(eqx.Module):
    """Two populations whose rates act at once."""

    r_e: Nodal = component(unit="1/s", description="firing rate of E")
    v_e: Nodal = component(unit="", description="mean voltage of E")
    r_i: Nodal = component(unit="1/s", description="firing rate of I")
    v_i: Nodal = component(unit="", description="mean voltage of I")


class PairFirstOrderState(PairMembraneState):
    """Two populations with first-order synapses."""

    s_e: Nodal = component(unit="1/s", description="synaptic activation by E")
    s_i: Nodal = component(unit="1/s", description="synaptic activation by I")


class PairSecondOrderState(PairFirstOrderState):
    """Two populations with alpha synapses."""

    z_e: Nodal = component(unit="1/s", description="rate of change of s_e, times the synaptic time")
    z_i: Nodal = component(unit="1/s", description="rate of change of s_i, times the synaptic time")


class _ByOrder:
    """The state that a rung's `order` needs; asked of the class, that of the default order 2."""

    def __init__(self, *states: type):
        self._states = states

    def __get__(self, rung: Any, kind: Any = None) -> type:
        return self._states[2 if rung is None else rung.order]


class QIFInputs(eqx.Module):
    """A current common to all neurons."""

    current: Parameter = port(unit="1", linear=True, description="current into all neurons")


class NMM2Inputs(eqx.Module):
    """Currents common to all neurons of each population."""

    current_e: Parameter = port(unit="1", linear=True, description="current into all of E")
    current_i: Parameter = port(unit="1", linear=True, description="current into all of I")


def _bias(default: float, symbol: str, population: str, source: str) -> Any:
    return parameter(
        default,
        unit="1",
        symbol=symbol,
        description=f"centre of the currents of {population}, constant input included",
        source=source,
    )


def _width(symbol: str, population: str) -> Any:
    return parameter(
        1.0,
        unit="1",
        symbol=symbol,
        description=f"half-width at half maximum of the Lorentzian of currents of {population}",
        support=Positive(),
        source="Montbrió, Pazó and Roxin 2015; a choice of the scale of currents",
    )


class _QIFRung(Rung):
    """What populations of QIF neurons share: an order of synapses, and how synapses move."""

    order: eqx.AbstractVar[int]

    coupling: ClassVar[str] = "additive"
    signal_unit: ClassVar[str] = "1/s"

    def __check_init__(self):
        _checks.one_of("order", self.order, _ORDERS)

    def start(self, nodes: int) -> Any:
        names = [field.name for field in dataclasses.fields(self.State)]
        return self.State(**{name: jnp.full(nodes, _START[name[0]]) for name in names})

    def _activation(self, state: Any, population: str = "") -> Nodal:
        return getattr(state, ("s" if self.order else "r") + population)

    def _synapse(self, state: Any, time: Array, population: str = "") -> dict[str, Nodal]:
        if self.order == 0:
            return {}
        r, s = (getattr(state, name + population) for name in "rs")
        if self.order == 1:
            return {"s" + population: (r - s) / time}
        z = getattr(state, "z" + population)
        return {"s" + population: z / time, "z" + population: (r - 2 * z - s) / time}


class QIFPopulation(_QIFRung):
    r"""One population coupled to itself; signal `r` (1/s), its firing rate. `order` (static) 0, 1 or 2."""

    bias: Parameter = _bias(4.0, "η̄", "the population", f"{_ING}; it oscillates from 5.32 to 76.70")
    width: Parameter = _width("Δ", "the population")
    coupling_strength: Parameter = parameter(
        -20.0,
        unit="",
        symbol="J",
        description="coupling to itself, excitatory above and inhibitory below zero",
        source=_ING,
    )
    membrane_time: Parameter = time_constant(0.0075, "τ_m", "membrane time constant", _ING)
    synaptic_time: Parameter = time_constant(0.002, "τ_s", "synaptic time constant", _ING)
    order: int = eqx.field(default=2, static=True)

    State: ClassVar[Any] = _ByOrder(MembraneState, FirstOrderState, SecondOrderState)
    Inputs: ClassVar[type] = QIFInputs
    drive_port: ClassVar[str] = "current"
    field_port: ClassVar[str] = "current"
    noise_ports: ClassVar[tuple[str, ...]] = ("current",)
    sets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "ING": {
            "bias": 10.0,
            "coupling_strength": -20.0,
            "membrane_time": 0.0075,
            "synaptic_time": 0.002,
        },
        "MPR": {"bias": -5.0, "coupling_strength": 15.0, "membrane_time": 0.01, "order": 0},
    }

    def vector_field(self, t: Scalar, state: Any, inputs: QIFInputs) -> Any:
        synaptic = self.membrane_time * self.coupling_strength * self._activation(state)
        r, v = mean_field(
            state.r,
            state.v,
            self.bias + synaptic + inputs.current,
            self.width,
            self.membrane_time,
        )
        return self.State(r=r, v=v, **self._synapse(state, self.synaptic_time))

    def send(self, state: Any, inputs: QIFInputs) -> Channels:
        s = self._activation(state)
        return jnp.where(self.coupling_strength < 0, -s, s)[None, :]

    def receive(self, combined: Channels) -> QIFInputs:
        return QIFInputs(current=self.membrane_time * combined[0])

    def signal(self, state: Any, inputs: QIFInputs) -> Nodal:
        return state.r

    def push_pull(self, state: Any, inputs: QIFInputs) -> tuple[Nodal, Nodal]:
        rotation = math.pi * self.membrane_time * state.r
        return 2 * rotation * state.v, -rotation * rotation


class NMM2(_QIFRung):
    r"""The pair of E and I (PING); signal `r_e` (1/s), the firing rate of E. `order` (static) 0, 1 or 2."""

    bias_e: Parameter = _bias(
        0.5, "η̄_e", "E", f"{_PING}; with both it oscillates from 1.11 to 67.7"
    )
    bias_i: Parameter = _bias(0.5, "η̄_i", "I", f"{_PING}; its main text has the input in E only")
    width_e: Parameter = _width("Δ_e", "E")
    width_i: Parameter = _width("Δ_i", "I")
    w_ee: Parameter = weight(15.0, "w_ee", "excitation of E by itself", _WEIGHTS)
    w_ei: Parameter = weight(15.0, "w_ei", "inhibition of E by I", _WEIGHTS)
    w_ie: Parameter = weight(15.0, "w_ie", "excitation of I by E", _WEIGHTS)
    w_ii: Parameter = weight(30.0, "w_ii", "inhibition of I by itself", _WEIGHTS)
    membrane_time_e: Parameter = time_constant(0.015, "τ_e", "membrane time constant of E", _PING)
    membrane_time_i: Parameter = time_constant(0.0075, "τ_i", "membrane time constant of I", _PING)
    synaptic_time_e: Parameter = time_constant(0.01, "τ_se", "time of synapses from E, AMPA", _PING)
    synaptic_time_i: Parameter = time_constant(
        0.0025, "τ_si", "time of synapses from I, GABA", _PING
    )
    order: int = eqx.field(default=2, static=True)

    State: ClassVar[Any] = _ByOrder(PairMembraneState, PairFirstOrderState, PairSecondOrderState)
    Inputs: ClassVar[type] = NMM2Inputs
    drive_port: ClassVar[str] = "current_e"
    field_port: ClassVar[str] = "current_e"
    noise_ports: ClassVar[tuple[str, ...]] = ("current_e",)
    sets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "PING": {
            "bias_e": 10.0,
            "bias_i": 10.0,
            "w_ee": 15.0,
            "w_ei": 15.0,
            "w_ie": 15.0,
            "w_ii": 30.0,
            "membrane_time_e": 0.015,
            "membrane_time_i": 0.0075,
            "synaptic_time_e": 0.01,
            "synaptic_time_i": 0.0025,
        }
    }

    def vector_field(self, t: Scalar, state: Any, inputs: NMM2Inputs) -> Any:
        s_e, s_i = self._activation(state, "_e"), self._activation(state, "_i")
        into_e = self.membrane_time_e * (self.w_ee * s_e - self.w_ei * s_i)
        into_i = self.membrane_time_i * (self.w_ie * s_e - self.w_ii * s_i)
        current_e = self.bias_e + into_e + inputs.current_e
        current_i = self.bias_i + into_i + inputs.current_i
        r_e, v_e = mean_field(state.r_e, state.v_e, current_e, self.width_e, self.membrane_time_e)
        r_i, v_i = mean_field(state.r_i, state.v_i, current_i, self.width_i, self.membrane_time_i)
        return self.State(
            r_e=r_e,
            v_e=v_e,
            r_i=r_i,
            v_i=v_i,
            **self._synapse(state, self.synaptic_time_e, "_e"),
            **self._synapse(state, self.synaptic_time_i, "_i"),
        )

    def send(self, state: Any, inputs: NMM2Inputs) -> Channels:
        return self._activation(state, "_e")[None, :]

    def receive(self, combined: Channels) -> NMM2Inputs:
        return NMM2Inputs(current_e=self.membrane_time_e * combined[0])

    def signal(self, state: Any, inputs: NMM2Inputs) -> Nodal:
        return state.r_e

    def push_pull(self, state: Any, inputs: NMM2Inputs) -> tuple[Nodal, Nodal]:
        push = self.membrane_time_i * self.w_ie * state.r_e
        return push, -self.membrane_time_e * self.w_ei * self._activation(state, "_i")
