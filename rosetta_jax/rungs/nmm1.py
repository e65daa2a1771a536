r"""Rung 5: the excitatory-inhibitory pair with second-order synapses (NMM1).

To the rates of rung 4 it adds the kinetics of synapses: potentials rise and decay, and the lag of the two
filters around the loop makes the rhythm; no self-excitation is needed.

.. math::
    L_x[x] &= g_x\,[S(w_{xx}x - w_{xy}y + P_x + F_e + \lambda_x E) + p_x] \\
    L_y[y] &= g_y\,[S(w_{yx}x - w_{yy}y + P_y + \lambda_y E) + p_y], \qquad
    L = \tau_r\tau_d\frac{d^2}{dt^2} + (\tau_r+\tau_d)\frac{d}{dt} + 1

with potentials in mV and gains $g$ (areas of the responses) in mV s. By default $S(v) =
2e_0/(1+e^{\rho(v_0-v)})$ in both populations; any other transfer function of `rosetta_jax.rungs.transfer` may
stand for it. The weights of populations on themselves are zero, as in the paper's motif, unless a model of another
rung brings them along (`rj.translate`); that of a single population, $w_{xy} = w_{yx} = 0$, may be negative. In a
network a node sends $x$, which arrives inside the sigmoid of $x$: $F_e = G\sum_j C_{ij}x_j(t-\tau_{ij})$.

Ports: `field_x` and `field_y`, mV inside the sigmoids; `rate_x` and `rate_y`, pulses a second through the
synapses, where noise may be white.

Push and pull: $x$ pushes $y$ through $w_{yx}x$, $y$ pulls $x$ through $-w_{xy}y$. With equal rise and decay
times the fixed point loses stability where the gain of the loop, $K = g_xg_yw_{xy}w_{yx}S_x'S_y'$, reaches $2 +
\tau_x/\tau_y + \tau_y/\tau_x$, at the angular frequency $1/\sqrt{\tau_x\tau_y}$: by default 11.25 Hz.

Named set: "M", the dimensionless motif of the companion site, rhythm for $P_x$ between 4.074 and 7.733. The
default oscillates; at `bias_x=10` it is a stable focus of 10.6 Hz.

Wired (`rj.working_brain`): `bias_x=10`, gain 5, white noise of strength 0.01, steps of 0.5 ms; 10.6 Hz.

Source: Castaldo et al., arXiv 2512.10982, rung 5; gains, times and sigmoid of Jansen and Rit 1995. The paper's
Barkhausen paragraph asks the filters for a phase of $2\pi$; they supply $\pi$ and the sign of inhibition the
rest.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Channels, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.rungs.declare import time_constant, weight
from rosetta_jax.rungs.synapse import acceleration
from rosetta_jax.rungs.transfer import Sigmoid, TransferFunction, transfer_function
from rosetta_jax.system import Rung, component, port

_SOURCE = "Castaldo et al. 2512.10982, rung 5; sizes of Jansen and Rit 1995"


class NMM1State(eqx.Module):
    """Two postsynaptic potentials and their rates of change."""

    x: Nodal = component(unit="mV", description="excitatory potential")
    y: Nodal = component(unit="mV", description="inhibitory potential")
    x_velocity: Nodal = component(unit="mV/s", description="rate of change of x")
    y_velocity: Nodal = component(unit="mV/s", description="rate of change of y")


class NMM1Inputs(eqx.Module):
    """Potentials inside the sigmoids, and rates through the synapses."""

    field_x: Parameter = port(
        unit="mV", linear=False, description="polarisation of the excitatory population"
    )
    field_y: Parameter = port(
        unit="mV", linear=False, description="polarisation of the inhibitory population"
    )
    rate_x: Parameter = port(
        unit="1/s", linear=True, description="pulses a second through the excitatory synapse"
    )
    rate_y: Parameter = port(
        unit="1/s", linear=True, description="pulses a second through the inhibitory synapse"
    )


def _bias(default: float, symbol: str, population: str) -> Any:
    return parameter(
        default,
        unit="mV",
        symbol=symbol,
        description=f"constant input of the {population} population, inside its sigmoid",
        source=_SOURCE,
    )


def _gain(default: float, symbol: str, description: str) -> Any:
    return parameter(
        default,
        unit="mV s",
        symbol=symbol,
        description=description,
        support=Positive(),
        source=_SOURCE,
    )


class NMM1(Rung):
    r"""The pair of second-order populations; signal `x` (mV), the excitatory potential."""

    bias_x: Parameter = _bias(28.0, "P_x", "excitatory")
    bias_y: Parameter = _bias(0.0, "P_y", "inhibitory")
    w_xx: Parameter = parameter(
        0.0,
        unit="",
        symbol="w_xx",
        description="weight of x on itself, negative where it inhibits",
        source=_SOURCE,
    )
    w_xy: Parameter = weight(20.0, "w_xy", "inhibition of x by y", _SOURCE)
    w_yx: Parameter = weight(75.0, "w_yx", "excitation of y by x", _SOURCE)
    w_yy: Parameter = weight(0.0, "w_yy", "inhibition of y by itself", _SOURCE)
    gain_x: Parameter = _gain(0.0325, "g_x", "area of the excitatory response, A/a")
    gain_y: Parameter = _gain(0.44, "g_y", "area of the inhibitory response, B/b")
    rise_x: Parameter = time_constant(0.01, "τ_rx", "rise time of the excitatory synapse", _SOURCE)
    decay_x: Parameter = time_constant(
        0.01, "τ_dx", "decay time of the excitatory synapse", _SOURCE
    )
    rise_y: Parameter = time_constant(0.02, "τ_ry", "rise time of the inhibitory synapse", _SOURCE)
    decay_y: Parameter = time_constant(
        0.02, "τ_dy", "decay time of the inhibitory synapse", _SOURCE
    )
    transfer: TransferFunction = transfer_function(Sigmoid)

    State: ClassVar[type] = NMM1State
    Inputs: ClassVar[type] = NMM1Inputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "rate_x"
    field_port: ClassVar[str] = "field_x"
    noise_ports: ClassVar[tuple[str, ...]] = ("rate_x",)
    signal_unit: ClassVar[str] = "mV"
    sets: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "M": {
            "bias_x": 7.0,
            "w_xy": 2.0,
            "w_yx": 0.2,
            "gain_x": 1.0,
            "gain_y": 2.0,
            "rise_x": 0.5,
            "decay_x": 0.5,
            "rise_y": 0.5,
            "decay_y": 0.5,
            "transfer.half_rate": 1.0,
            "transfer.threshold": 0.0,
            "transfer.steepness": 12.0,
        },
    }

    def start(self, nodes: int) -> NMM1State:
        # Midway: from rest the first second goes by in saturation.
        rest = jnp.zeros(nodes)
        return NMM1State(
            x=jnp.full(nodes, 0.08), y=jnp.full(nodes, 1.0), x_velocity=rest, y_velocity=rest
        )

    def vector_field(self, t: Scalar, state: NMM1State, inputs: NMM1Inputs) -> NMM1State:
        onto_x, onto_y = self.firing_rates(state, inputs)
        driven_x = self.gain_x * (onto_x + inputs.rate_x)
        driven_y = self.gain_y * (onto_y + inputs.rate_y)
        return NMM1State(
            x=state.x_velocity,
            y=state.y_velocity,
            x_velocity=acceleration(state.x, state.x_velocity, driven_x, self.rise_x, self.decay_x),
            y_velocity=acceleration(state.y, state.y_velocity, driven_y, self.rise_y, self.decay_y),
        )

    def firing_rates(self, state: NMM1State, inputs: NMM1Inputs) -> tuple[Nodal, Nodal]:
        """The rates S of both populations, 1/s, fields included."""
        into_x = self.w_xx * state.x - self.w_xy * state.y
        into_y = self.w_yx * state.x - self.w_yy * state.y
        return (
            self.transfer.rate(into_x + self.bias_x + inputs.field_x),
            self.transfer.rate(into_y + self.bias_y + inputs.field_y),
        )

    def send(self, state: NMM1State, inputs: NMM1Inputs) -> Channels:
        return state.x[None, :]

    def receive(self, combined: Channels) -> NMM1Inputs:
        return NMM1Inputs(field_x=combined[0])

    def signal(self, state: NMM1State, inputs: NMM1Inputs) -> Nodal:
        return state.x

    def activity(self, state: NMM1State, inputs: NMM1Inputs) -> Nodal:
        """The rate that makes the potential x, as its synapse has smoothed it, 1/s."""
        return state.x / self.gain_x

    def push_pull(self, state: NMM1State, inputs: NMM1Inputs) -> tuple[Nodal, Nodal]:
        return self.w_yx * state.x, -self.w_xy * state.y
