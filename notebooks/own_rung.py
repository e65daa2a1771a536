r"""A rung of your own: the FitzHugh-Nagumo neuron in one class, and everything the library then does with it.

.. math::
    \tau \dot v = v - v^3/3 - w + I + u(t), \qquad \tau \dot w = \varepsilon (v + a - b w)

Push and pull: $v$ pushes $w$ through $\varepsilon v / \tau$ and $w$ pulls $v$ back through $-w / \tau$.

Source: FitzHugh 1961, Biophysical Journal 1:445; Nagumo et al. 1962, Proc. IRE 50:2061.

Run it with `python notebooks/own_rung.py`.
"""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import rosetta_jax as rj


class State(eqx.Module):
    """What evolves: one array a component, `(nodes,)`."""

    v: jax.Array = rj.component(unit="", description="fast variable, what an electrode sees")
    w: jax.Array = rj.component(unit="", description="slow recovery")


class Inputs(eqx.Module):
    """Where anything may enter: one field a port, zero unless something arrives."""

    current: jax.Array = rj.port(unit="1", linear=True, description="input current to v")


class FitzHughNagumo(rj.Rung):
    """FitzHugh-Nagumo; its only equilibrium loses stability at `bias` near 0.33, to 10 Hz relaxation."""

    State: ClassVar[type] = State
    Inputs: ClassVar[type] = Inputs
    coupling: ClassVar[str] = "diffusive"
    drive_port: ClassVar[str] = "current"
    field_port: ClassVar[str] = "current"
    noise_ports: ClassVar[tuple[str, ...]] = ("current",)
    signal_unit: ClassVar[str] = ""

    bias: jax.Array = rj.parameter(0.25, unit="1", symbol="I", description="constant current")
    tau: jax.Array = rj.parameter(
        4e-3, unit="s", symbol="τ", description="time constant of v", support=rj.Positive()
    )
    epsilon: jax.Array = rj.parameter(
        0.08, unit="", symbol="ε", description="how slow w is", support=rj.Positive()
    )
    a: jax.Array = rj.parameter(0.7, unit="", symbol="a", description="offset of recovery")
    b: jax.Array = rj.parameter(0.8, unit="", symbol="b", description="leak of recovery")

    def start(self, nodes: int) -> State:
        return State(v=jnp.full(nodes, -1.0), w=jnp.full(nodes, -0.4))

    def vector_field(self, t, state: State, inputs: Inputs) -> State:
        v, w = state.v, state.w
        return State(
            v=(v - v**3 / 3 - w + self.bias + inputs.current) / self.tau,
            w=self.epsilon * (v + self.a - self.b * w) / self.tau,
        )

    def send(self, state: State, inputs: Inputs) -> jax.Array:
        return state.v[None]

    def receive(self, combined: jax.Array) -> Inputs:
        return Inputs(current=combined[0])

    def signal(self, state: State, inputs: Inputs) -> jax.Array:
        return state.v

    def push_pull(self, state: State, inputs: Inputs) -> tuple[jax.Array, jax.Array]:
        return self.epsilon * state.v / self.tau, -state.w / self.tau


def brain() -> rj.Network:
    """The rung on the embedded connectome, with delays and noise."""
    return rj.Network(
        FitzHughNagumo(),
        rj.synthetic.connectome(),
        gain=0.2,
        speed=8.0,
        noise=rj.WhiteNoise(1e-4),
    )


def main() -> None:
    """Simulate, linearise, judge and fit a brain of this rung."""
    network, frequencies = brain(), np.linspace(2.0, 40.0, 60)
    solution = rj.simulate(
        network, 10.0, 1e-3, key=jax.random.key(0), transient=1.0, save_every=5e-3
    )
    print(f"simulated {network.nodes} regions: {solution.message}")

    exact = rj.linear.power_spectrum(network, frequencies)
    peak = frequencies[np.asarray(exact.density).mean(axis=1).argmax()]
    print(f"the exact spectrum peaks at {peak:.1f} Hz; {rj.Status(int(exact.status)).message}")

    excited = rj.replace(network, {"rung.bias": 0.5})
    found = rj.linear.stability(excited)
    print(f"at bias 0.5 {int(found.unstable_modes)} modes grow")

    start = rj.replace(network, {"rung.bias": 0.1, "rung.tau": 6e-3})
    result = rj.fit(
        start,
        {"rung.bias": rj.Uniform(-0.5, 0.33), "rung.tau": rj.LogNormal(5e-3, 0.5)},
        rj.SpectrumLoss(frequencies, exact.density),
        starts=2,
    )
    values = {path: float(value[0]) for path, value in result.values.items()}
    print(f"fitted to that spectrum: {values} (truth: bias 0.25, tau 0.004 s)")


if __name__ == "__main__":
    main()
