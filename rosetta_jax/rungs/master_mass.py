r"""The master mass: one population with a membrane and a synapse, of which rungs 4 and 5 are limits.

.. math::
    \tau_m\dot r &= -r + (1 - \tau_f r)\,\phi(\kappa s + P + F_e + \lambda E) \\
    (\tau_r\tfrac{d}{dt} + 1)(\tau_d\tfrac{d}{dt} + 1)\,s &= r + p

The rate $r$ (1/s) follows its transfer function $\phi$ with the membrane's time; the synapse filters it to $s$
(1/s), which acts back with the weight $\kappa$ (mV s), negative where the population inhibits itself. A fast
synapse, $\tau_r, \tau_d \to 0$, leaves a Wilson-Cowan population, a fast membrane, $\tau_m \to 0$, one of NMM1;
with the first line replaced by rate and voltage it is rung 6. $\phi$ is any transfer function of
`rosetta_jax.rungs.transfer`. In a network a node sends $s$, which arrives inside $\phi$: $F_e = G\sum_j
C_{ij}s_j(t-\tau_{ij})$.

Ports: `field`, mV inside $\phi$ (a drive, a field; noise there must be smooth), and `rate`, pulses a second
through the synapse, where noise may be white.

Push and pull: $r$ pushes $s$, $s$ pulls $r$ through $\kappa < 0$. Neither limit can oscillate, the whole can:
with a synapse of equal times $\tau_s$ and the gain of the loop $K = -\kappa\phi'$ the fixed point loses
stability at

.. math::
    K = 4 + 2\left(\frac{\tau_m}{\tau_s} + \frac{\tau_s}{\tau_m}\right), \qquad
    \omega = \frac1{\tau_s}\sqrt{1 + \frac{2\tau_s}{\tau_m}}

for 10 and 5 ms at $K = 9$ and 45.02 Hz. The default, $K = 12.5$, oscillates; `kappa=-0.36`, $K = 7.9$, is a
stable focus of 43 Hz.

Wired (`rj.working_brain`): `kappa=-0.36`, gain 0.01, white noise of strength 0.005, steps of 0.2 ms; 43 Hz.

Source: Castaldo et al., arXiv 2512.10982, the recurrent population of section 4. The values are ours: of a
cortical population with a largest rate of 100 a second. The latency of the loop that the paper also mentions is
left out.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Channels, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative
from rosetta_jax.rungs.declare import time_constant
from rosetta_jax.rungs.synapse import acceleration
from rosetta_jax.rungs.transfer import Sigmoid, TransferFunction, transfer_function
from rosetta_jax.system import Rung, component, port

_SOURCE = "a choice; the model is Castaldo et al. 2512.10982, section 4"


class MasterMassState(eqx.Module):
    """The rate of the population and what its synapse makes of it."""

    r: Nodal = component(unit="1/s", description="firing rate of the population")
    s: Nodal = component(unit="1/s", description="firing rate as the synapse filters it")
    s_velocity: Nodal = component(unit="1/s²", description="rate of change of s")


class MasterMassInputs(eqx.Module):
    """A potential inside the transfer function, and a rate through the synapse."""

    field: Parameter = port(
        unit="mV", linear=False, description="polarisation, inside the transfer function"
    )
    rate: Parameter = port(
        unit="1/s", linear=True, description="pulses a second through the synapse"
    )


class MasterMass(Rung):
    r"""A population with membrane and synapse; signal $\kappa s$ (mV), its own postsynaptic potential."""

    bias: Parameter = parameter(
        25.0,
        unit="mV",
        symbol="P",
        description="constant input, inside the transfer function",
        source=_SOURCE,
    )
    kappa: Parameter = parameter(
        -0.5,
        unit="mV s",
        symbol="κ",
        description="weight of the population on itself, negative where it inhibits",
        source=_SOURCE,
    )
    membrane_time: Parameter = time_constant(0.01, "τ_m", "time constant of the membrane", _SOURCE)
    rise: Parameter = time_constant(0.005, "τ_r", "rise time of the synapse", _SOURCE)
    decay: Parameter = time_constant(0.005, "τ_d", "decay time of the synapse", _SOURCE)
    refractory_time: Parameter = parameter(
        0.0,
        unit="s",
        symbol="τ_f",
        description="refractory time, within which a neuron that has fired cannot fire again",
        support=NonNegative(),
        span=(0.0, 10.0),
        source=_SOURCE,
    )
    transfer: TransferFunction = transfer_function(
        lambda: Sigmoid(half_rate=50.0, threshold=0.0, steepness=1.0)
    )

    State: ClassVar[type] = MasterMassState
    Inputs: ClassVar[type] = MasterMassInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "field"
    field_port: ClassVar[str] = "field"
    noise_ports: ClassVar[tuple[str, ...]] = ("rate",)
    signal_unit: ClassVar[str] = "mV"

    def start(self, nodes: int) -> MasterMassState:
        rest = jnp.zeros(nodes)
        return MasterMassState(r=jnp.full(nodes, 40.0), s=jnp.full(nodes, 40.0), s_velocity=rest)

    def vector_field(
        self, t: Scalar, state: MasterMassState, inputs: MasterMassInputs
    ) -> MasterMassState:
        onto = self.transfer.rate(self.kappa * state.s + self.bias + inputs.field)
        roused = (1 - self.refractory_time * state.r) * onto
        arriving = state.r + inputs.rate
        return MasterMassState(
            r=(roused - state.r) / self.membrane_time,
            s=state.s_velocity,
            s_velocity=acceleration(state.s, state.s_velocity, arriving, self.rise, self.decay),
        )

    def send(self, state: MasterMassState, inputs: MasterMassInputs) -> Channels:
        return state.s[None, :]

    def receive(self, combined: Channels) -> MasterMassInputs:
        return MasterMassInputs(field=combined[0])

    def signal(self, state: MasterMassState, inputs: MasterMassInputs) -> Nodal:
        return self.kappa * state.s

    def activity(self, state: MasterMassState, inputs: MasterMassInputs) -> Nodal:
        """The rate of the population, 1/s."""
        return state.r

    def push_pull(self, state: MasterMassState, inputs: MasterMassInputs) -> tuple[Nodal, Nodal]:
        return state.r, self.kappa * state.s
