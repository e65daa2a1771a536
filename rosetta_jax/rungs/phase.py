r"""Rung 1: the phase oscillator, all that is left of a rhythm when its amplitude does not matter.

.. math::  \dot\theta = \omega + F_\theta + \tfrac{1}{r}\,\mathrm{Im}\,[(F_x + iF_y)\,e^{-i\theta}]

on a circle of radius `r`. Wired it is Kuramoto's model, with a lag Sakaguchi's: a node sends $\cos k\theta$ and
$\sin k\theta$, and the coupling makes of what arrives, without a matrix of sines,

.. math::  \dot\theta_i = \omega_i + G\sum_k a_k\sum_j C_{ij}\sin(k[\theta_j(t-\tau_{ij}) - \theta_i(t)] - \phi_k)

(`rj.PhaseCoupling`; by default one harmonic of amplitude one without lag). All-to-all coupling has $C_{ij} =
1/N$. Delays and lags of the kind $\phi = \bar\omega\tau$ say the same twice: take one of them.

Ports: `theta` (rad/s); `x` and `y`, a force on the circle as rungs 2 and 3 take it, whose effect depends on the
phase. White noise of strength $\sigma$ on `theta` diffuses with $D = \sigma^2/2$, on `x` and `y` with $D =
\sigma^2/(2r^2)$ (Stratonovich). The signal is $r\cos\theta$.

Push and pull: with $x = r\cos\theta$ and $y = r\sin\theta$, $x$ pushes $y$ through $\omega x$ and $y$ pulls $x$
through $-\omega y$; the antisymmetric part is the whole dynamics.

Wired (`rj.working_brain`): gain 20, white noise of strength 1, steps of 0.5 ms; not locked, since regions slow
down by strength times delay: groups of them meet and part (order parameter 0.74, standard deviation 0.10).

Source: Castaldo et al., arXiv 2512.10982, rung 1; Kuramoto 1984; Sakaguchi and Kuramoto 1986.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._types import Channels, Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.system import Rung, component, port

_GOLDEN = 0.6180339887498949


class PhaseState(eqx.Module):
    """The phase of an oscillator."""

    theta: Nodal = component(unit="rad", description="phase, from 0 to one turn")


class PhaseInputs(eqx.Module):
    """What turns the phase at once, and a force on the circle."""

    theta: Parameter = port(unit="rad/s", linear=True, description="added to the angular frequency")
    x: Parameter = port(
        unit="1/s", linear=True, multiplicative=True, description="force on x = r cos(theta)"
    )
    y: Parameter = port(
        unit="1/s", linear=True, multiplicative=True, description="force on y = r sin(theta)"
    )


class PhaseOscillator(Rung):
    r"""$\dot\theta = \omega + F$; signal $r\cos\theta$. `harmonics` (static) are sent when it is wired."""

    omega: Parameter = parameter(
        62.83185307179586,
        unit="rad/s",
        symbol="ω",
        description="angular frequency",
        source="10 Hz, alpha; Castaldo et al. 2512.10982, rung 1",
    )
    radius: Parameter = parameter(
        1.0,
        unit="",
        symbol="r",
        description="radius of the circle, for forces on it and the signal",
        support=Positive(),
        source="Castaldo et al. 2512.10982, rung 1",
    )
    harmonics: int = eqx.field(default=1, static=True)

    State: ClassVar[type] = PhaseState
    Inputs: ClassVar[type] = PhaseInputs
    coupling: ClassVar[str] = "phase"
    drive_port: ClassVar[str] = "theta"
    field_port: ClassVar[str] = "theta"
    noise_ports: ClassVar[tuple[str, ...]] = ("theta",)
    signal_unit: ClassVar[str] = ""

    def __check_init__(self):
        _checks.whole("harmonics", self.harmonics)

    def start(self, nodes: int) -> PhaseState:
        # Spread over the circle, the same for every run, near no symmetric state.
        return PhaseState(theta=2 * jnp.pi * jnp.mod(_GOLDEN * jnp.arange(nodes, dtype=float), 1.0))

    def vector_field(self, t: Scalar, state: PhaseState, inputs: PhaseInputs) -> PhaseState:
        theta = state.theta
        turning = inputs.y * jnp.cos(theta) - inputs.x * jnp.sin(theta)
        return PhaseState(theta=self.omega + inputs.theta + turning / self.radius)

    def send(self, state: PhaseState, inputs: PhaseInputs) -> Channels:
        angles = [number * state.theta for number in range(1, self.harmonics + 1)]
        return jnp.stack([wave(angle) for angle in angles for wave in (jnp.cos, jnp.sin)])

    def receive(self, combined: Channels) -> PhaseInputs:
        return PhaseInputs(theta=combined[0])

    def signal(self, state: PhaseState, inputs: PhaseInputs) -> Nodal:
        return self.radius * jnp.cos(state.theta)

    def push_pull(self, state: PhaseState, inputs: PhaseInputs) -> tuple[Nodal, Nodal]:
        turning = self.omega * self.radius
        return turning * jnp.cos(state.theta), -turning * jnp.sin(state.theta)

    def wrap(self, state: PhaseState) -> PhaseState:
        return PhaseState(theta=jnp.mod(state.theta, 2 * jnp.pi))
