r"""Rung 4: the Wilson-Cowan pair of an excitatory and an inhibitory population.

To the amplitude of rung 3 it adds physiology: what rotates are the rates of two populations, bounded by a
sigmoid.

.. math::
    \tau_x\dot x + x &= \gamma_x\,(k_x - r x)\,S_x(w_{xx}x - w_{xy}y + P_x + F_e) \\
    \tau_y\dot y + y &= \gamma_y\,(k_y - r y)\,S_y(w_{yx}x - w_{yy}y + P_y)

By default $S$ is the logistic curve of maximum 1, $r = 0$ and $k = 1$: rates. With gains $\gamma$ it is the
form in postsynaptic potentials, $r$ is the refractory factor, and a `transfer` that subtracts its value at rest
makes the model of 1972, with $k = 1 - S(0)$. Any other transfer function of `rosetta_jax.rungs.transfer` may
stand for either; $x$ and $y$ then have its unit. All weights are magnitudes; signs are explicit. In a network a
node sends $x$, which arrives inside the sigmoid of $x$: $F_e = G\sum_j C_{ij}x_j(t-\tau_{ij})$.

Ports: `current_x` and `current_y` inside the sigmoids (a drive or a field, in units of $P$; noise there must be
smooth), `x` and `y` added to $\dot x$ and $\dot y$, where noise may be white.

Push and pull: $x$ pushes $y$ through $w_{yx}x$, $y$ pulls $x$ through $-w_{xy}y$. Rhythm needs recurrent
excitation: at a Hopf point $S_x'w_{xx} = 1 + (\tau_x/\tau_y)(1 + S_y'w_{yy})$.

Named sets, all with times of 10 ms: "WC-a" (rhythm between the SNIC at $P_x$ = -3.3005 and the Hopf point at
1.5315), "WC-b" (the same weights, rhythm for $P_y$ between -6.7068 and -3.2932), "WC72" (the limit cycle of
1972, 50 ms). The default oscillates and lies in both a and b, with a period of 31.4 ms; at `bias_y=-7.2` it is
a stable focus of 32 Hz.

Wired (`rj.working_brain`): `bias_y=-7.2`, gain 0.5, white noise of strength 0.02, steps of 0.2 ms; 32 Hz.

Source: Wilson and Cowan 1972; Castaldo et al., arXiv 2512.10982, rung 4. Its table prints $e_0 = 1$, a maximum
of 2; its figures have the maximum rate 1, and with 2 there is no Hopf point. Its text lets a drive stand in for
recurrent excitation: in first-order equations it cannot.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Channels, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative, Positive
from rosetta_jax.rungs.declare import time_constant, weight
from rosetta_jax.rungs.transfer import Logistic, TransferFunction, transfer_function
from rosetta_jax.system import Rung, component, port

_SOURCE = "Castaldo et al. 2512.10982, rung 4, set WC-a"
_1972 = "Wilson and Cowan 1972"
_TIMES = f"1 in Castaldo et al. 2512.10982; 10 ms, {_1972}"


class WilsonCowanState(eqx.Module):
    """The activity of both populations."""

    x: Nodal = component(unit="", description="activity of the excitatory population")
    y: Nodal = component(unit="", description="activity of the inhibitory population")


class WilsonCowanInputs(eqx.Module):
    """Currents inside the sigmoids, and what is added to the rates of change."""

    current_x: Parameter = port(
        unit="1", linear=False, description="current into x, inside its sigmoid"
    )
    current_y: Parameter = port(
        unit="1", linear=False, description="current into y, inside its sigmoid"
    )
    x: Parameter = port(unit="1/s", linear=True, description="added to the rate of change of x")
    y: Parameter = port(unit="1/s", linear=True, description="added to the rate of change of y")


def _gain(symbol: str) -> Any:
    return parameter(
        1.0,
        unit="",
        symbol=symbol,
        description="gain; other than 1 in the form of postsynaptic potentials",
        support=Positive(),
        source="Castaldo et al. 2512.10982, rung 4, PSP form",
    )


class WilsonCowan(Rung):
    r"""The Wilson-Cowan pair; signal `x`, the activity of the excitatory population."""

    bias_x: Parameter = parameter(
        0.0, unit="1", symbol="P_x", description="constant current into x", source=_SOURCE
    )
    bias_y: Parameter = parameter(
        -6.0, unit="1", symbol="P_y", description="constant current into y", source=_SOURCE
    )
    w_xx: Parameter = weight(12.0, "w_xx", "excitation of x by itself", _SOURCE)
    w_xy: Parameter = weight(12.0, "w_xy", "inhibition of x by y", _SOURCE)
    w_yx: Parameter = weight(12.0, "w_yx", "excitation of y by x", _SOURCE)
    w_yy: Parameter = weight(2.0, "w_yy", "inhibition of y by itself", _SOURCE)
    time_x: Parameter = time_constant(
        0.01, "τ_x", "time constant of the excitatory population", _TIMES
    )
    time_y: Parameter = time_constant(
        0.01, "τ_y", "time constant of the inhibitory population", _TIMES
    )
    transfer_x: TransferFunction = transfer_function(Logistic)
    transfer_y: TransferFunction = transfer_function(Logistic)
    gain_x: Parameter = _gain("γ_x")
    gain_y: Parameter = _gain("γ_y")
    refractory: Parameter = parameter(
        0.0,
        unit="",
        symbol="r",
        description="refractory share: the sigmoid acts on what is not yet active",
        support=NonNegative(),
        source=_1972,
    )

    State: ClassVar[type] = WilsonCowanState
    Inputs: ClassVar[type] = WilsonCowanInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "current_x"
    field_port: ClassVar[str] = "current_x"
    noise_ports: ClassVar[tuple[str, ...]] = ("x",)
    signal_unit: ClassVar[str] = ""
    sets: ClassVar[Mapping[str, Mapping[str, float]]] = {
        "WC-a": {"bias_x": 1.0, "bias_y": -6.0},
        "WC-b": {"bias_x": 0.0, "bias_y": -5.0},
        "WC72": {
            "bias_x": 1.25,
            "bias_y": 0.0,
            "w_xx": 16.0,
            "w_xy": 12.0,
            "w_yx": 15.0,
            "w_yy": 3.0,
            "transfer_x.steepness": 1.3,
            "transfer_y.steepness": 2.0,
            "transfer_x.threshold": 4.0,
            "transfer_y.threshold": 3.7,
            "transfer_x.subtracted": 1.0,
            "transfer_y.subtracted": 1.0,
            "refractory": 1.0,
        },
    }

    def start(self, nodes: int) -> WilsonCowanState:
        return WilsonCowanState(x=jnp.full(nodes, 0.1), y=jnp.full(nodes, 0.1))

    def vector_field(
        self, t: Scalar, state: WilsonCowanState, inputs: WilsonCowanInputs
    ) -> WilsonCowanState:
        x, y = state.x, state.y
        into_x = self.w_xx * x - self.w_xy * y + self.bias_x + inputs.current_x
        into_y = self.w_yx * x - self.w_yy * y + self.bias_y + inputs.current_y
        driven_x = self.gain_x * self._response(x, into_x, self.transfer_x)
        driven_y = self.gain_y * self._response(y, into_y, self.transfer_y)
        return WilsonCowanState(
            x=(driven_x - x) / self.time_x + inputs.x,
            y=(driven_y - y) / self.time_y + inputs.y,
        )

    def _response(self, active: Nodal, current: Nodal, transfer: TransferFunction) -> Nodal:
        return (transfer.available() - self.refractory * active) * transfer.rate(current)

    def send(self, state: WilsonCowanState, inputs: WilsonCowanInputs) -> Channels:
        return state.x[None, :]

    def receive(self, combined: Channels) -> WilsonCowanInputs:
        return WilsonCowanInputs(current_x=combined[0])

    def signal(self, state: WilsonCowanState, inputs: WilsonCowanInputs) -> Nodal:
        return state.x

    def push_pull(self, state: WilsonCowanState, inputs: WilsonCowanInputs) -> tuple[Nodal, Nodal]:
        return self.w_yx * state.x, -self.w_xy * state.y
