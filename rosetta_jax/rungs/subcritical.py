r"""Rung 3's subcritical variant: a rest state and a cycle side by side, and noise that grows with the
amplitude.

.. math::
    \dot z = (\alpha + i\omega) z + (\gamma_3 - i\beta) |z|^2 z - \gamma_5 |z|^4 z + m\,\eta(t)\, z + F(t)

In polar form $\dot r = \alpha r + \gamma_3 r^3 - \gamma_5 r^5 + m\eta r$, $\dot\theta = \omega - \beta r^2$.
Between the fold of cycles at $\alpha = -\gamma_3^2/4\gamma_5$ and the Hopf point at $\alpha = 0$ the focus at
zero and the cycle of squared radius $(\gamma_3 + \sqrt{\gamma_3^2 + 4\alpha\gamma_5})/2\gamma_5$ are both
stable, apart by the unstable cycle with the other sign: noise switches between them, and bursts of alpha come
and go.

Ports: `x` and `y`, forces; `amplitude` (1/s), which the state multiplies. White noise there is understood in
the sense of Stratonovich, which Heun's scheme converges to: $\langle\ln r\rangle$ of a small amplitude grows
with $\alpha$, $\langle r\rangle$ with $\alpha + m^2\sigma^2/2$. One strength serves all ports of a noise, so
$m$ says how much stronger the multiplicative part is: `rj.WhiteNoise(0.1, ports=("x", "y", "amplitude"))`.

Push and pull: with $\Omega(r) = \omega - \beta r^2$, $x$ pushes $y$ through $+\Omega x$ and $y$ pulls $x$
through $-\Omega y$.

Wired (`rj.working_brain`): `alpha=-5`, gain 3, white noise of strength 0.02, steps of 0.5 ms; below the fold
of cycles at -4.

Source: Freyer, Roberts, Ritter and Breakspear 2012 (bistable alpha by multiplicative noise near a subcritical
Hopf point, here with a frequency and shear of its own); Castaldo et al., arXiv 2512.10982, rung 3, names it.
"""

from typing import ClassVar

from rosetta_jax._types import Nodal, Parameter, Scalar
from rosetta_jax.parameters import parameter
from rosetta_jax.priors import NonNegative, Positive
from rosetta_jax.rungs.plane import PlanarInputs, PlanarRung, PlanarState
from rosetta_jax.system import port

_SOURCE = "form of Freyer et al. 2012; a choice of scale"


class SubcriticalInputs(PlanarInputs):
    """Forces on the two coordinates, and a rate that the state multiplies."""

    amplitude: Parameter = port(
        unit="1/s",
        linear=True,
        multiplicative=True,
        description="added to the growth rate, times m",
    )


class SubcriticalStuartLandau(PlanarRung):
    r"""The quintic normal form; bistable between `alpha` = $-\gamma_3^2/4\gamma_5$ and 0, by default at -2."""

    alpha: Parameter = parameter(
        -2.0,
        unit="1/s",
        symbol="α",
        description="growth rate at zero amplitude; bistable from -4 to 0 by default",
        source=_SOURCE,
    )
    omega: Parameter = parameter(
        62.83185307179586,
        unit="rad/s",
        symbol="ω",
        description="angular frequency at zero amplitude",
        support=Positive(),
        source="10 Hz, alpha; Freyer et al. 2012",
    )
    gamma3: Parameter = parameter(
        4.0,
        unit="1/s",
        symbol="γ3",
        description="growth with the squared amplitude",
        support=NonNegative(),
        source=_SOURCE,
    )
    gamma5: Parameter = parameter(
        1.0,
        unit="1/s",
        symbol="γ5",
        description="saturation with its square",
        support=Positive(),
        source=_SOURCE,
    )
    beta: Parameter = parameter(
        0.0,
        unit="1/s",
        symbol="β",
        description="shear: how the frequency falls with the squared radius",
        source=_SOURCE,
    )
    multiplicative: Parameter = parameter(
        1.0,
        unit="",
        symbol="m",
        description="gain of the input that the state multiplies",
        source=_SOURCE,
    )

    Inputs: ClassVar[type] = SubcriticalInputs

    def vector_field(self, t: Scalar, state: PlanarState, inputs: SubcriticalInputs) -> PlanarState:
        x, y = state.x, state.y
        squared_radius = x * x + y * y
        growth = (
            self.alpha
            + self.multiplicative * inputs.amplitude
            + (self.gamma3 - self.gamma5 * squared_radius) * squared_radius
        )
        rotation = self.omega - self.beta * squared_radius
        return PlanarState(
            x=growth * x - rotation * y + inputs.x,
            y=growth * y + rotation * x + inputs.y,
        )

    def push_pull(self, state: PlanarState, inputs: SubcriticalInputs) -> tuple[Nodal, Nodal]:
        rotation = self.omega - self.beta * (state.x**2 + state.y**2)
        return rotation * state.x, -rotation * state.y
