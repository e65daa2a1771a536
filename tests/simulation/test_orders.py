"""Orders of the march, measured against closed forms, with delays and with noise."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Connectome, Network, alone
from rosetta_jax.parameters import parameter
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung, component, port

PAIR = np.array([[0.0, -1.0], [-1.0, 0.0]])


class Level(eqx.Module):
    y: jax.Array = component(unit="", description="level")


class Force(eqx.Module):
    force: jax.Array = port(unit="1/s", linear=True, description="force")


class Relay(Rung):
    """`y' = -a y + force`: sends y, receives a force. Two of them make `y' = -y(t - tau)`."""

    decay: jax.Array = parameter(0.0, unit="1/s", symbol="a", description="decay", source="test")

    State: ClassVar[type] = Level
    Inputs: ClassVar[type] = Force
    coupling: ClassVar[str] = "additive"
    drive_port: ClassVar[str] = "force"
    field_port: ClassVar[str] = "force"
    noise_ports: ClassVar[tuple[str, ...]] = ("force",)
    signal_unit: ClassVar[str] = ""

    def start(self, nodes):
        return Level(y=jnp.ones(nodes))

    def vector_field(self, t, state, inputs):
        return Level(y=-self.decay * state.y + inputs.force)

    def send(self, state, inputs):
        return state.y[None]

    def receive(self, combined):
        return Force(force=combined[0])

    def signal(self, state, inputs):
        return state.y

    def push_pull(self, state, inputs):
        return inputs.force + 0 * state.y, -self.decay * state.y


def delayed(delay: float, dt: float, steps: int, past=None) -> np.ndarray:
    """`y' = -y(t - delay)` at times 0, dt ... steps dt."""
    connectome = Connectome(PAIR, np.full((2, 2), 1000.0 * delay))
    brain = Network(Relay(), connectome, speed=1.0)
    return np.asarray(simulate(brain, (steps + 1) * dt, dt, past=past).signal[:, 0])


def by_steps(t: float) -> float:
    """`y' = -y(t - 1)` with y = 1 before 0, piece by piece."""
    return sum(
        (-1) ** k * (t - k + 1) ** k / float(jax.scipy.special.factorial(k))
        for k in range(int(np.floor(t + 1e-9)) + 2)
    )


def order(sizes, errors) -> float:
    """The slope of log error over log step."""
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize("steps", [(30, 90, 240), (28, 83, 224)], ids=["whole", "broken"])
def test_delays_keep_order_two(steps):
    # Three time units; a delay is a whole number of steps, or it is not.
    sizes = [3.0 / n for n in steps]
    errors = [abs(delayed(1.0, 3.0 / n, n)[-1] - by_steps(3.0)) for n in steps]
    assert errors[-1] < 1e-4 and order(sizes, errors) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_delays_below_the_step_keep_order_two(share):
    sizes, errors = [0.1, 0.04, 0.0125], []
    for dt in sizes:
        delay = share * dt
        exponent = float(lambertw(-delay).real) / delay  # s = -exp(-s delay)
        found = delayed(
            delay,
            dt,
            round(1 / dt),
            past=lambda t, s=exponent: Level(y=jnp.exp(s * t) * jnp.ones(2)),
        )
        errors.append(abs(found[-1] - np.exp(exponent)))
    assert errors[-1] < 1e-4 and order(sizes, errors) == pytest.approx(2.0, abs=0.2)


def noise_step(decay: float, dt: float) -> tuple[float, float]:
    """One step of a noisy decay as `y -> R y + g xi`, from y = 1: the march's R and |g|."""
    key = jax.random.key(4)

    def first(decay, sigma):
        brain = alone(Relay(decay=decay), noise=WhiteNoise(sigma=sigma))
        return float(simulate(brain, 2 * dt, dt, key=key).signal[1, 0])

    normal = (first(0.0, 1.0) - 1) / np.sqrt(dt)
    growth = first(decay, 0.0)
    return growth, abs((first(decay, 1.0) - growth) / normal)


def test_a_noisy_step_is_that_of_stochastic_heun():
    growth, kick = noise_step(1.3, 0.1)
    assert growth == pytest.approx(1 - 0.13 + 0.13**2 / 2, rel=1e-12)
    assert kick == pytest.approx((1 - 0.13 / 2) * np.sqrt(0.1), rel=1e-12)


def test_the_stationary_variance_has_weak_order_two():
    sizes, errors = [0.2, 0.1, 0.05, 0.025], []
    for dt in sizes:
        growth, kick = noise_step(1.0, dt)
        errors.append(abs(kick**2 / (1 - growth**2) - 0.5))
    assert order(sizes, errors) == pytest.approx(2.0, abs=0.1)
