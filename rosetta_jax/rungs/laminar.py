r"""Rung 5 in layers: the laminar column (LaNMM), an alpha column below and a gamma column above.

Below, the pyramidal cells P1 of layer 5 make alpha with stellate cells (SS) and slow interneurons (SST), as in
Jansen and Rit. Above, those of layer 2/3, P2, make gamma with fast interneurons (PV). Each column excites the
other, so that the alpha below modulates the gamma above. With the potentials

.. math::
    v_1 &= C_1 y_2 - C_2 y_3 + C_{11} y_4 + C_3(\tfrac{A}{a} p_1 + y_6) + \lambda_1 E_1 \\
    v_2 &= C_6 y_4 - C_7 y_5 + C_{12} y_1 + C_8(\tfrac{A}{a} p_2 + y_7) + \lambda_2 E_2

of P1 and P2, $S(v) = 2 e_0/(1 + e^{\rho(v_0 - v)})$, $S_2$ the same with the threshold of P2, and $L_k =
d^2/dt^2 + 2k\,d/dt + k^2$,

.. math::
    L_a y_1 &= A a\,S(v_1), & L_a y_2 &= A a\,S(C_4 y_1), & L_b y_3 &= B b\,S(C_5 y_1), \\
    L_a y_4 &= A a\,S_2(v_2), & L_g y_5 &= G g\,S(C_9 y_4 - C_{10} y_5 + C_{13} y_1), \\
    L_a y_6 &= A a\,r_1(t), & L_a y_7 &= A a\,r_2(t).

All weights are magnitudes; signs are explicit. The constant rates $p_1, p_2$ are static: they polarise by
$(A/a)p$ inside the sigmoids. What varies in time goes through synapses of its own, $y_6$ and $y_7$, which the
authors' model lacks; in the long run a step of `rate_1` equals one of $p_1$.

Ports: `rate_1` and `rate_2` through these synapses, where noise may be white; `field_1` and `field_2` (mV)
inside the sigmoids of P1 and P2, at once. In a network a node sends the rate $S(v_1)$, a field included, and
receives at `rate_1`.

Push and pull, of the column as a whole: all that excites pushes $v_1 + v_2$ up; slow inhibition of P1 and fast
inhibition of P2 pull it down by $-(C_2 y_3 + C_7 y_5)$. Alpha and gamma both turn in this plane.

At $p_2$ = 0 it rests below a SNIC at $p_1$ = 103.87, makes alpha up to the Hopf point at 363.31 (10.8 Hz) and
gamma from that at 454.64 (40.3 Hz). The default, 200 and 90, makes both: 10 Hz below, 39 Hz above. At
`bias_1=400, bias_2=0` it is a stable focus of both (10.7 and 39.8 Hz). Named sets are the authors' later
conditions, all at $p_1$ = 270: "mild impairment" and "Alzheimer" (which rests without noise) weaken PV,
"psychedelic" strengthens excitation of P1.

Wired (`rj.working_brain`): `bias_1=400`, `bias_2=0`, gain 2, white noise of strength 0.1, steps of 0.2 ms; 10.7
and 39.8 Hz.

Source: Sanchez-Todo et al. 2023, NeuroImage 270:119938; Castaldo et al., arXiv 2512.10982, which mislabels the
sigmoids of $y_2$, $y_3$ and $y_5$ (all have the threshold of P1), gives the input in pulses a second without
the A/a that makes it a potential, and does not say that its figure has $p_2$ = 0.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Array, Channels, Float, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative
from rosetta_jax.rungs.column import (
    inverse_time,
    potential_gain,
    sigmoid_half_rate,
    sigmoid_steepness,
)
from rosetta_jax.rungs.laminar_sources import SYNAPSES, source_density
from rosetta_jax.rungs.synapse import alpha_acceleration
from rosetta_jax.rungs.transfer import sigmoid
from rosetta_jax.system import Rung, component, port

_SOURCE = "Sanchez-Todo et al. 2023, as in the authors' network code"
# By how much the authors strengthen the excitation of P1 under psychedelics.
_PSYCHEDELIC = 1.3846154


def _potential(of: str) -> Any:
    return component(unit="mV", description=f"potential that {of} causes, per synapse")


def _velocity(name: str) -> Any:
    return component(unit="mV/s", description=f"rate of change of {name}")


class LaminarState(eqx.Module):
    """Seven postsynaptic potentials, one for each that sends, and their rates of change."""

    y1: Nodal = _potential("P1")
    y2: Nodal = _potential("SS")
    y3: Nodal = _potential("SST")
    y4: Nodal = _potential("P2")
    y5: Nodal = _potential("PV")
    y6: Nodal = _potential("the rate that arrives at P1")
    y7: Nodal = _potential("the rate that arrives at P2")
    z1: Nodal = _velocity("y1")
    z2: Nodal = _velocity("y2")
    z3: Nodal = _velocity("y3")
    z4: Nodal = _velocity("y4")
    z5: Nodal = _velocity("y5")
    z6: Nodal = _velocity("y6")
    z7: Nodal = _velocity("y7")


def _rate_port(population: str) -> Any:
    return port(
        unit="1/s",
        linear=True,
        description=f"pulses a second through an excitatory synapse of {population}",
    )


def _field_port(population: str) -> Any:
    return port(
        unit="mV",
        linear=False,
        description=f"polarisation of the soma of {population}, inside its sigmoid",
    )


class LaminarInputs(eqx.Module):
    """Rates through excitatory synapses, and potentials inside the sigmoids."""

    rate_1: Parameter = _rate_port("P1")
    rate_2: Parameter = _rate_port("P2")
    field_1: Parameter = _field_port("P1")
    field_2: Parameter = _field_port("P2")


def _bias(default: float, symbol: str, population: str) -> Any:
    return parameter(
        default,
        unit="1/s",
        symbol=symbol,
        description=f"constant input rate of {population}, static",
        source="Castaldo et al. 2512.10982; the authors' network code",
    )


def _weight(default: float, symbol: str, of: str, by: str) -> Any:
    return parameter(
        default,
        unit="",
        symbol=symbol,
        description=f"weight of the synapses on {of} of {by}",
        support=NonNegative(),
        source=_SOURCE,
    )


def _threshold(default: float, symbol: str, populations: str) -> Any:
    return parameter(
        default,
        unit="mV",
        symbol=symbol,
        description=f"potential at half of the largest firing rate of {populations}",
        source=_SOURCE,
    )


def _sum(potentials: Iterable[Nodal]) -> Nodal:
    first, *others = potentials
    return sum(others, start=first)


class Laminar(Rung):
    r"""The laminar column; signal $v_1$ (mV), the potential of the deep pyramidal cells, a field included."""

    bias_1: Parameter = _bias(200.0, "p1", "P1")
    bias_2: Parameter = _bias(90.0, "p2", "P2")
    excitatory_gain: Parameter = potential_gain(3.25, "A", "excitatory", _SOURCE)
    slow_inhibitory_gain: Parameter = potential_gain(22.0, "B", "slow inhibitory", _SOURCE)
    fast_inhibitory_gain: Parameter = potential_gain(30.0, "G", "fast inhibitory", _SOURCE)
    excitatory_rate: Parameter = inverse_time(100.0, "a", "excitatory", _SOURCE)
    slow_inhibitory_rate: Parameter = inverse_time(50.0, "b", "slow inhibitory", _SOURCE)
    fast_inhibitory_rate: Parameter = inverse_time(220.0, "g", "fast inhibitory", _SOURCE)
    w_p1_ss: Parameter = _weight(108.0, "C1", "P1", "SS")
    w_p1_sst: Parameter = _weight(33.7, "C2", "P1", "SST")
    w_p1_in: Parameter = _weight(1.0, "C3", "P1", "what arrives")
    w_ss_p1: Parameter = _weight(135.0, "C4", "SS", "P1")
    w_sst_p1: Parameter = _weight(33.75, "C5", "SST", "P1")
    w_p2_p2: Parameter = _weight(70.0, "C6", "P2", "P2")
    w_p2_pv: Parameter = _weight(550.0, "C7", "P2", "PV")
    w_p2_in: Parameter = _weight(1.0, "C8", "P2", "what arrives")
    w_pv_p2: Parameter = _weight(200.0, "C9", "PV", "P2")
    w_pv_pv: Parameter = _weight(100.0, "C10", "PV", "PV")
    w_p1_p2: Parameter = _weight(80.0, "C11", "P1", "P2")
    w_p2_p1: Parameter = _weight(200.0, "C12", "P2", "P1")
    w_pv_p1: Parameter = _weight(30.0, "C13", "PV", "P1")
    half_rate: Parameter = sigmoid_half_rate(_SOURCE)
    threshold: Parameter = _threshold(6.0, "v0", "P1, SS, SST and PV")
    threshold_p2: Parameter = _threshold(1.0, "v0_P2", "P2")
    slope: Parameter = sigmoid_steepness(_SOURCE)

    State: ClassVar[type] = LaminarState
    Inputs: ClassVar[type] = LaminarInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "rate_1"
    field_port: ClassVar[str] = "field_1"
    noise_ports: ClassVar[tuple[str, ...]] = ("rate_1", "rate_2")
    signal_unit: ClassVar[str] = "mV"
    sets: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "mild impairment": {"bias_1": 270.0, "w_p2_pv": 300.0},
        "Alzheimer": {"bias_1": 270.0, "w_p2_pv": 140.0},
        "psychedelic": {
            "bias_1": 270.0,
            "w_p1_ss": _PSYCHEDELIC * 108.0,
            "w_p1_in": _PSYCHEDELIC,
            "w_p1_p2": _PSYCHEDELIC * 80.0,
        },
    }

    def start(self, nodes: int) -> LaminarState:
        rest = jnp.zeros(nodes)
        return LaminarState(*[rest] * 14)

    def vector_field(self, t: Scalar, state: LaminarState, inputs: LaminarInputs) -> LaminarState:
        a, b, g = self.excitatory_rate, self.slow_inhibitory_rate, self.fast_inhibitory_rate
        excite = self.excitatory_gain * a
        rate_p1 = self.firing_rate(state, inputs)
        rate_p2 = self._rate(self.potential_2(state, inputs), self.threshold_p2)
        rate_ss = self._rate(self.w_ss_p1 * state.y1, self.threshold)
        rate_sst = self._rate(self.w_sst_p1 * state.y1, self.threshold)
        rate_pv = self._rate(self._potential_pv(state), self.threshold)
        return LaminarState(
            y1=state.z1,
            y2=state.z2,
            y3=state.z3,
            y4=state.z4,
            y5=state.z5,
            y6=state.z6,
            y7=state.z7,
            z1=alpha_acceleration(state.y1, state.z1, excite * rate_p1, a),
            z2=alpha_acceleration(state.y2, state.z2, excite * rate_ss, a),
            z3=alpha_acceleration(state.y3, state.z3, self.slow_inhibitory_gain * b * rate_sst, b),
            z4=alpha_acceleration(state.y4, state.z4, excite * rate_p2, a),
            z5=alpha_acceleration(state.y5, state.z5, self.fast_inhibitory_gain * g * rate_pv, g),
            z6=alpha_acceleration(state.y6, state.z6, excite * inputs.rate_1, a),
            z7=alpha_acceleration(state.y7, state.z7, excite * inputs.rate_2, a),
        )

    def synaptic_potentials(self, state: LaminarState) -> dict[str, Nodal]:
        """What each synapse adds to the potential of P1 or P2 (mV), by its name target_presynaptic."""
        static = self.excitatory_gain / self.excitatory_rate
        return {
            "p1_ss": self.w_p1_ss * state.y2,
            "p1_sst": -self.w_p1_sst * state.y3,
            "p1_p2": self.w_p1_p2 * state.y4,
            "p1_in": self.w_p1_in * (static * self.bias_1 + state.y6),
            "p2_p2": self.w_p2_p2 * state.y4,
            "p2_pv": -self.w_p2_pv * state.y5,
            "p2_p1": self.w_p2_p1 * state.y1,
            "p2_in": self.w_p2_in * (static * self.bias_2 + state.y7),
        }

    def potential_1(self, state: LaminarState, inputs: LaminarInputs) -> Nodal:
        """The potential $v_1$ of the deep pyramidal cells P1, mV."""
        return self._onto("p1", state) + inputs.field_1

    def potential_2(self, state: LaminarState, inputs: LaminarInputs) -> Nodal:
        """The potential $v_2$ of the superficial pyramidal cells P2, mV."""
        return self._onto("p2", state) + inputs.field_2

    def _onto(self, target: str, state: LaminarState) -> Nodal:
        potentials = self.synaptic_potentials(state).items()
        return _sum(each for name, each in potentials if name.startswith(target))

    def _potential_pv(self, state: LaminarState) -> Nodal:
        return self.w_pv_p2 * state.y4 - self.w_pv_pv * state.y5 + self.w_pv_p1 * state.y1

    def firing_rate(self, state: LaminarState, inputs: LaminarInputs) -> Nodal:
        """The rate $S(v_1)$ of the deep pyramidal cells P1, 1/s, a field included."""
        return self._rate(self.potential_1(state, inputs), self.threshold)

    def _rate(self, potential: Nodal, threshold: Array) -> Nodal:
        return sigmoid(potential, self.half_rate, threshold, self.slope)

    def send(self, state: LaminarState, inputs: LaminarInputs) -> Channels:
        return self.firing_rate(state, inputs)[None, :]

    def receive(self, combined: Channels) -> LaminarInputs:
        return LaminarInputs(rate_1=combined[0])

    def signal(self, state: LaminarState, inputs: LaminarInputs) -> Nodal:
        return self.potential_1(state, inputs)

    def activity(self, state: LaminarState, inputs: LaminarInputs) -> Nodal:
        """The mean rate of the pyramidal cells P1 and P2, 1/s."""
        superficial = self._rate(self.potential_2(state, inputs), self.threshold_p2)
        return (self.firing_rate(state, inputs) + superficial) / 2

    def push_pull(self, state: LaminarState, inputs: LaminarInputs) -> tuple[Nodal, Nodal]:
        potentials = self.synaptic_potentials(state)
        pull = potentials.pop("p1_sst") + potentials.pop("p2_pv")
        return _sum(potentials.values()), pull

    def sources(
        self,
        state: LaminarState,
        inputs: LaminarInputs,
        synapses: Mapping[str, Mapping[str, float]] = SYNAPSES,
    ) -> Float[Array, "depths nodes"]:
        """The current sources of the column by layer (mV, negative where a sink), `(depths, nodes)`.

        Rows are the layers of `laminar_sources.LAYERS`; over depth they sum to zero. `synapses` places each
        synapse, by default as the table in `laminar_sources` does. A field polarises without a synaptic current
        and adds none. For a series take `jax.vmap` over time, for the potential they make
        `laminar_sources.field_potential`.
        """
        return source_density(self.synaptic_potentials(state), synapses)
