r"""Rung 3: the Stuart-Landau oscillator, the normal form of every supercritical Hopf point.

To the rotation it adds an amplitude of its own: below onset ($\alpha < 0$) a damped focus, above it a limit
cycle of radius $\sqrt{\alpha/\gamma}$, with a frequency that depends on the radius when there is shear $\beta$.

.. math::  \dot z = (\alpha + i\omega) z - (\gamma + i\beta) |z|^2 z + F(t), \qquad z = x + i y

In polar form $\dot r = \alpha r - \gamma r^3$, $\dot\theta = \omega - \beta r^2$. In a network coupling is
diffusive, $G\sum_j C_{ij} (z_j(t-\tau_{ij}) - z_i(t))$, the own term without delay.

Push and pull: with $\Omega(r) = \omega - \beta r^2$, $x$ pushes $y$ through $+\Omega x$ and $y$ pulls $x$
through $-\Omega y$.

Wired (`rj.working_brain`): `alpha=-5`, gain 3, white noise of strength 0.02, steps of 0.5 ms; below onset, 10
Hz.

Source: Castaldo et al., arXiv 2512.10982, rung 3 (sign convention of $\beta$ as printed there). Its transient
phase lacks the factor $t$ of $(\omega - \alpha\beta/\gamma)\,t$, and its rescaling of time and amplitude does
not give the form it states: $u = \sqrt\gamma\,z$ alone makes $\gamma$ one, and $\beta$ the shear
$\beta/\gamma$.
"""

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import Positive
from rosetta_jax.rungs.plane import PlanarInputs, PlanarRung, PlanarState


class StuartLandau(PlanarRung):
    r"""$\dot z = (\alpha + i\omega) z - (\gamma + i\beta)|z|^2 z + F$, onset at `alpha` = 0."""

    alpha: Parameter = parameter(
        -5.0,
        unit="1/s",
        symbol="α",
        description="growth rate; the limit cycle appears at 0",
        source="Castaldo et al. 2512.10982, rung 3; Cabral 2014 for 40 Hz delay models",
    )
    omega: Parameter = parameter(
        62.83185307179586,
        unit="rad/s",
        symbol="ω",
        description="angular frequency at zero amplitude",
        support=Positive(),
        source="10 Hz, alpha; Castaldo et al. 2512.10982, rung 3",
    )
    gamma: Parameter = parameter(
        1.0,
        unit="1/s",
        symbol="γ",
        description="saturation of the amplitude",
        support=Positive(),
        source="Castaldo et al. 2512.10982, rung 3; a choice of the scale of z",
    )
    beta: Parameter = parameter(
        0.0,
        unit="1/s",
        symbol="β",
        description="shear: how the frequency falls with the squared radius",
        source="Castaldo et al. 2512.10982, rung 3",
    )

    def vector_field(self, t: Scalar, state: PlanarState, inputs: PlanarInputs) -> PlanarState:
        x, y = state.x, state.y
        squared_radius = x * x + y * y
        growth = self.alpha - self.gamma * squared_radius
        rotation = self.omega - self.beta * squared_radius
        return PlanarState(
            x=growth * x - rotation * y + inputs.x,
            y=growth * y + rotation * x + inputs.y,
        )

    def push_pull(self, state: PlanarState, inputs: PlanarInputs) -> tuple[Nodal, Nodal]:
        rotation = self.omega - self.beta * (state.x**2 + state.y**2)
        return rotation * state.x, -rotation * state.y
