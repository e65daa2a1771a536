"""The largest Lyapunov exponent against closed forms, with delays, on cycles and in chaos."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

import rosetta_jax as rj

KEY = jax.random.key(0)
PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])


class Convection(eqx.Module):
    """The state of Lorenz's equations."""

    x: jax.Array = rj.component(unit="", description="turning")
    y: jax.Array = rj.component(unit="", description="difference of temperature")
    z: jax.Array = rj.component(unit="", description="distortion")


class Heat(eqx.Module):
    """Where anything enters."""

    heat: jax.Array = rj.port(unit="1/s", linear=True, description="heating")


class Lorenz(rj.Rung):
    """Lorenz 1963, whose largest exponent is 0.9056."""

    State: ClassVar[type] = Convection
    Inputs: ClassVar[type] = Heat
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "heat"
    field_port: ClassVar[str] = "heat"
    noise_ports: ClassVar[tuple[str, ...]] = ("heat",)
    signal_unit: ClassVar[str] = ""

    ratio: jax.Array = rj.parameter(28.0, unit="1", symbol="r", description="Rayleigh number")

    def start(self, nodes):
        return Convection(x=jnp.ones(nodes), y=jnp.ones(nodes), z=20.0 * jnp.ones(nodes))

    def vector_field(self, t, state, inputs):
        x, y, z = state.x, state.y, state.z
        return Convection(
            x=10.0 * (y - x) + inputs.heat, y=x * (self.ratio - z) - y, z=x * y - 8.0 / 3.0 * z
        )

    def send(self, state, inputs):
        return state.x[None]

    def receive(self, combined):
        return Heat(heat=combined[0])

    def signal(self, state, inputs):
        return state.x

    def push_pull(self, state, inputs):
        return 10.0 * state.y, -10.0 * state.x


def test_a_decay_forgets_at_its_rate():
    lone = rj.alone(rj.HarmonicOscillator(alpha=-3.0, omega=20.0), noise=rj.WhiteNoise(1.0))
    found = rj.lyapunov_exponent(lone, 4.0, 1e-3, key=KEY)
    assert float(found) == pytest.approx(-3.0, abs=0.02)


def test_a_cycle_neither_forgets_nor_diverges():
    lone = rj.alone(rj.StuartLandau(alpha=5.0, omega=40.0))
    found = rj.lyapunov_exponent(lone, 4.0, 1e-3, transient=4.0)
    assert abs(float(found)) < 1e-3
    # Below the onset it is the distance to it.
    below = rj.alone(rj.StuartLandau(alpha=-5.0, omega=40.0))
    found = rj.lyapunov_exponent(below, 2.0, 1e-3, transient=2.0)
    assert float(found) == pytest.approx(-5.0, abs=0.01)


@pytest.mark.parametrize("steps", [4.4, 20.0])
def test_a_delayed_pair_forgets_at_the_rate_of_its_slowest_root(steps):
    # x' = -a x + g x(t - d): the root is a + lambda = W(g d e^(a d)) / d - ... in closed form.
    dt, decay, gain = 1e-3, 12.0, 5.0
    delay = steps * dt
    brain = rj.Network(
        rj.HarmonicOscillator(alpha=-decay, omega=1e-9),
        rj.Connectome(PAIR, np.full((2, 2), 1e3 * delay)),
        "additive",
        gain=gain,
        speed=1.0,
    )
    root = float(np.real(lambertw(gain * delay * np.exp(decay * delay)))) / delay - decay
    found = rj.lyapunov_exponent(brain, 2.0, dt, transient=1.0)
    assert float(found) == pytest.approx(root, abs=0.01)


def test_chaos_diverges():
    found = rj.lyapunov_exponent(rj.alone(Lorenz()), 200.0, 5e-3, transient=10.0)
    assert float(found) == pytest.approx(0.9056, abs=0.04)


def test_lanes_and_a_run_that_fails():
    def exponent(alpha):
        return rj.lyapunov_exponent(rj.alone(rj.HarmonicOscillator(alpha=alpha)), 1.0, 1e-3)

    found = jax.vmap(exponent)(jnp.asarray([-3.0, -1.0, 1e5]))
    np.testing.assert_allclose(found[:2], [-3.0, -1.0], atol=0.05)
    assert not np.isfinite(found[2])
