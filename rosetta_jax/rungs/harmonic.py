r"""Rungs 1 and 2: the harmonic oscillator, undamped or damped.

The rotation alone: two variables that drive each other a quarter of a turn apart, and a leak. The undamped form
($\alpha = 0$) keeps its amplitude for ever; the damped one is the linear response of every richer rung at a
stable focus, so its spectra and covariances are exact.

.. math::  \dot z = (\alpha + i\omega) z + F(t), \qquad z = x + i y

that is $\dot x = \alpha x - \omega y + F_x$, $\dot y = \omega x + \alpha y + F_y$. With noise of strength
$\sigma$ on both ports, $E|d\xi|^2 = 2\sigma^2 dt$, $\mathrm{Var}\,x = \sigma^2/(2|\alpha|)$. In a network
coupling is diffusive, $G\sum_j C_{ij} (z_j(t-\tau_{ij}) - z_i(t))$.

Push and pull: $x$ pushes $y$ up through $+\omega x$; $y$ pulls $x$ down through $-\omega y$.

Wired (`rj.working_brain`): `alpha=-5`, gain 3, white noise of strength 0.02, steps of 0.5 ms; 10 Hz.

Source: Castaldo et al., arXiv 2512.10982, rungs 1 and 2. A constant force $F$ shifts the undamped centre to
$iF/\omega$; the printed centre $(-F_x/\omega, 0)$ is wrong. The matrix of a network is $\mathrm{diag}(\alpha +
i\omega) + G(C - \mathrm{diag}\,s)$, where $-A + i\Omega + GC$ is printed.
"""

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.rungs.plane import PlanarInputs, PlanarRung, PlanarState


class HarmonicOscillator(PlanarRung):
    r"""$\dot z = (\alpha + i\omega) z + F$: growth `alpha` (1/s), rotation `omega` (rad/s)."""

    alpha: Parameter = parameter(
        -5.0,
        unit="1/s",
        symbol="α",
        description="growth rate; below 0 it decays, 0 is the undamped form",
        source="Castaldo et al. 2512.10982, rung 2; Cabral 2014 for 40 Hz delay models",
    )
    omega: Parameter = parameter(
        62.83185307179586,
        unit="rad/s",
        symbol="ω",
        description="angular frequency",
        support=Positive(),
        source="10 Hz, alpha; Castaldo et al. 2512.10982, rung 1",
    )

    def vector_field(self, t: Scalar, state: PlanarState, inputs: PlanarInputs) -> PlanarState:
        x, y = state.x, state.y
        return PlanarState(
            x=self.alpha * x - self.omega * y + inputs.x,
            y=self.omega * x + self.alpha * y + inputs.y,
        )

    def push_pull(self, state: PlanarState, inputs: PlanarInputs) -> tuple[Nodal, Nodal]:
        return self.omega * state.x, -self.omega * state.y
