r"""Two models that the paper only names, as rungs of your own: the reduced Wong-Wang and Robinson's field.

.. math::
    \tau\dot S &= -S + \tau\gamma (1 - S) H(x), \quad x = J(wS + G\textstyle\sum_j C_{ij}S_j) + I_0, \quad
    H(x) = \frac{ax - b}{1 - e^{-d(ax-b)}} \\
    \ddot\phi + 2\gamma\dot\phi + \gamma^2\phi &= \gamma^2(Q + G\textstyle\sum_j C_{ij}Q_j), \quad
    \frac{\ddot V}{\alpha\beta} + \Big(\frac1\alpha + \frac1\beta\Big)\dot V + V = \nu_e\phi - \nu_i Q + P

with $Q = Q_{\max}/(1 + e^{(\theta - V)/\sigma})$ and delays in the sums. Source: Castaldo et al., arXiv
2512.10982, table of coupled node equations; constants of Deco et al. 2013 (Wong-Wang) and Robinson et al. 2004,
here with the thalamus as a constant drive P. Run it with `python notebooks/paper_rungs.py`.
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import rosetta_jax as rj


class WongWangState(eqx.Module):
    s: jax.Array = rj.component(unit="", description="open share of NMDA synapses")


class WongWangInputs(eqx.Module):
    current: jax.Array = rj.port(unit="nA", linear=False, description="current, inside H")
    s: jax.Array = rj.port(unit="1/s", linear=True, description="added to the rate of change of S")


class WongWang(rj.Rung):
    """The reduced Wong-Wang mass; signal S."""

    State: ClassVar[type] = WongWangState
    Inputs: ClassVar[type] = WongWangInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "current"
    field_port: ClassVar[str] = "current"
    noise_ports: ClassVar[tuple[str, ...]] = ("s",)
    signal_unit: ClassVar[str] = ""

    recurrence: jax.Array = rj.parameter(0.6, unit="", symbol="w", description="self-excitation")
    bias: jax.Array = rj.parameter(0.3, unit="nA", symbol="I0", description="constant current")
    strength: jax.Array = rj.parameter(
        0.2609, unit="nA", symbol="J", description="current of open synapses", support=rj.Positive()
    )
    tau: jax.Array = rj.parameter(
        0.1, unit="s", symbol="τ", description="time constant of NMDA", support=rj.Positive()
    )

    def start(self, nodes: int) -> WongWangState:
        return WongWangState(s=jnp.full(nodes, 0.1))

    def rate(self, state: WongWangState, inputs: WongWangInputs) -> jax.Array:
        """H (1/s), with its limit where numerator and denominator vanish."""
        x = self.strength * self.recurrence * state.s + self.bias + inputs.current
        u = 0.154 * (270.0 * x - 108.0)
        safe = jnp.where(jnp.abs(u) < 1e-6, 1.0, u)
        return jnp.where(jnp.abs(u) < 1e-6, 1 + u / 2, safe / (1 - jnp.exp(-safe))) / 0.154

    def vector_field(self, t, state: WongWangState, inputs: WongWangInputs) -> WongWangState:
        opening, closing = self.push_pull(state, inputs)
        return WongWangState(s=opening + closing + inputs.s)

    def send(self, state: WongWangState, inputs: WongWangInputs) -> jax.Array:
        return (self.strength * state.s)[None]

    def receive(self, combined: jax.Array) -> WongWangInputs:
        return WongWangInputs(current=combined[0])

    def signal(self, state: WongWangState, inputs: WongWangInputs) -> jax.Array:
        return state.s

    def push_pull(self, state: WongWangState, inputs: WongWangInputs):
        return 0.641 * (1 - state.s) * self.rate(state, inputs), -state.s / self.tau


class RobinsonState(eqx.Module):
    phi: jax.Array = rj.component(unit="1/s", description="rate carried by the field")
    v: jax.Array = rj.component(unit="mV", description="potential at the soma")
    phi_velocity: jax.Array = rj.component(unit="1/s²", description="rate of change of phi")
    v_velocity: jax.Array = rj.component(unit="mV/s", description="rate of change of V")


class RobinsonInputs(eqx.Module):
    drive: jax.Array = rj.port(unit="mV", linear=True, description="input through the dendrite")
    rate: jax.Array = rj.port(unit="1/s", linear=True, description="rates that enter the field")


class Robinson(rj.Rung):
    """Robinson's cortical field at one place; signal phi (1/s)."""

    State: ClassVar[type] = RobinsonState
    Inputs: ClassVar[type] = RobinsonInputs
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "drive"
    field_port: ClassVar[str] = "drive"
    noise_ports: ClassVar[tuple[str, ...]] = ("drive",)
    signal_unit: ClassVar[str] = "1/s"

    bias: jax.Array = rj.parameter(7.0, unit="mV", symbol="P", description="thalamic drive")
    excitation: jax.Array = rj.parameter(1.5, unit="mV s", symbol="ν_e", description="of the field")
    inhibition: jax.Array = rj.parameter(2.0, unit="mV s", symbol="ν_i", description="local")
    damping: jax.Array = rj.parameter(
        116.0, unit="1/s", symbol="γ", description="velocity over range", support=rj.Positive()
    )

    def start(self, nodes: int) -> RobinsonState:
        return RobinsonState(*jnp.zeros((4, nodes)))

    def vector_field(self, t, state: RobinsonState, inputs: RobinsonInputs) -> RobinsonState:
        g, alpha, beta = self.damping, 83.0, 769.0
        source = self.firing(state) + inputs.rate - state.phi
        pushed = self.bias + inputs.drive + sum(self.push_pull(state, inputs)) - state.v
        return RobinsonState(
            phi=state.phi_velocity,
            v=state.v_velocity,
            phi_velocity=g**2 * source - 2 * g * state.phi_velocity,
            v_velocity=alpha * beta * pushed - (alpha + beta) * state.v_velocity,
        )

    def firing(self, state: RobinsonState) -> jax.Array:  # Q, 1/s
        return 340.0 * jax.nn.sigmoid((state.v - 12.9) / 3.8)

    def send(self, state: RobinsonState, inputs: RobinsonInputs) -> jax.Array:
        return self.firing(state)[None]

    def receive(self, combined: jax.Array) -> RobinsonInputs:
        return RobinsonInputs(rate=combined[0])

    def signal(self, state: RobinsonState, inputs: RobinsonInputs) -> jax.Array:
        return state.phi

    def push_pull(self, state: RobinsonState, inputs: RobinsonInputs):
        return self.excitation * state.phi, -self.inhibition * self.firing(state)


def brains() -> dict[str, rj.Network]:
    """Both wired by the embedded connectome, at stable points, with delays and noise."""
    connectome = rj.synthetic.connectome()
    return {
        "Wong-Wang": rj.Network(
            WongWang(), connectome, gain=0.5, speed=8.0, noise=rj.WhiteNoise(1e-3)
        ),
        "Robinson": rj.Network(
            Robinson(), connectome, gain=0.1, speed=8.0, noise=rj.WhiteNoise(0.01)
        ),
    }


def main() -> None:
    """Simulate both and compare the variance with the exact one."""
    for name, brain in brains().items():
        solution = rj.simulate(
            brain, 60.0, 1e-3, key=jax.random.key(0), transient=5.0, save_every=5e-3
        )
        exact = rj.linear.covariance(brain)
        found = np.asarray(solution.signal).var(axis=0).mean()
        expected = np.asarray(exact.matrix).diagonal().mean()
        print(
            f"{name}: {rj.Status(int(exact.status)).message} variance {found / expected:.3f} of theory"
        )


if __name__ == "__main__":
    main()
