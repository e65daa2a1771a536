"""The quintic normal form: its two states side by side, its noise, and the sense of multiplicative noise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import alone
from rosetta_jax.rungs import StuartLandau, SubcriticalStuartLandau
from rosetta_jax.simulation import simulate

KEY = jax.random.key(5)


def radius(system, duration: float, start: float, dt: float = 1e-3, **how) -> np.ndarray:
    nodes = system.nodes
    past = lambda t: system.rung.State(x=jnp.full(nodes, start), y=jnp.zeros(nodes))  # noqa: E731
    solution = simulate(system, duration, dt, past=past, save=("states",), **how)
    assert solution.succeeded
    return np.hypot(np.asarray(solution.states.x), np.asarray(solution.states.y))


@pytest.mark.parametrize(("start", "end"), [(0.7, 0.0), (0.85, 1.847759), (3.0, 1.847759)])
def test_rest_and_cycle_are_both_stable_apart_by_the_unstable_cycle(start, end):
    # r^2 = 2 +- sqrt(2): 0.765 is the border between the two.
    found = radius(alone(SubcriticalStuartLandau()), 12.0, start)[-1, 0]
    assert found == pytest.approx(end, abs=3e-3)


@pytest.mark.parametrize(("alpha", "lives"), [(-3.9, True), (-4.1, False)])
def test_the_cycle_ends_at_its_fold(alpha, lives):
    found = radius(alone(SubcriticalStuartLandau(alpha=alpha)), 30.0, 2.0)[-1, 0]
    assert (found > 1.0) == lives


def test_the_noisy_radius_has_the_stationary_density():
    # p(r) ~ r exp[(alpha r^2 + gamma3 r^4 / 2 - gamma5 r^6 / 3) / sigma^2] for additive noise.
    alpha, gamma3, gamma5, sigma = -1.0, 1.0, 1.0, 1.0

    def moment(power: int) -> float:
        def weight(r: float) -> float:
            return r ** (1 + power) * np.exp(
                (alpha * r**2 + gamma3 * r**4 / 2 - gamma5 * r**6 / 3) / sigma**2
            )

        return quad(weight, 0, 6)[0]

    rung = SubcriticalStuartLandau(alpha=alpha, omega=1.0, gamma3=gamma3, gamma5=gamma5)
    network = alone(rung, nodes=300, noise=WhiteNoise(sigma))
    squared = radius(network, 60.0, 1.0, dt=4e-3, key=KEY, transient=10.0) ** 2
    expected = moment(2) / moment(0)
    each = squared.mean(axis=0)
    error = each.std() / np.sqrt(len(each))
    assert abs(squared.mean() - expected) < 3 * error + 2e-3 * expected and error < 0.01


def test_multiplicative_noise_is_that_of_stratonovich():
    # Of a small amplitude <ln r> grows with alpha, and <r> with alpha + (m sigma)^2 / 2.
    rung = SubcriticalStuartLandau(
        alpha=0.5, omega=1.0, gamma3=0.0, gamma5=1e-12, multiplicative=2.0
    )
    noise = WhiteNoise(0.3, ports=("amplitude",))
    found = radius(alone(rung, nodes=1000, noise=noise), 1.0 + 1e-3, 1e-3, key=KEY)[-1] / 1e-3
    logarithms = np.log(found)
    assert logarithms.mean() == pytest.approx(0.5, abs=3 * 0.6 / np.sqrt(1000))
    assert logarithms.std() == pytest.approx(0.6, rel=0.08)
    assert found.mean() == pytest.approx(np.exp(0.5 + 0.18), rel=0.07)


def test_noise_switches_between_the_two_states():
    rung = SubcriticalStuartLandau(alpha=-3.0)
    network = alone(rung, nodes=50, noise=WhiteNoise(0.5, ports=("x", "y", "amplitude")))
    r = radius(network, 60.0, 0.1, dt=2e-3, key=KEY, save_every=0.02)
    high = r > 1.2
    assert 0.05 < high.mean() < 0.95
    assert (np.diff(high.astype(int), axis=0) != 0).any(axis=0).mean() > 0.5


def test_without_the_quintic_term_it_is_the_supercritical_form():
    # With gamma3 = 0 and no fifth power the linear part is that of Stuart-Landau.
    state = StuartLandau.State(x=jnp.array([1e-4]), y=jnp.array([2e-4]))
    here = SubcriticalStuartLandau(alpha=-1.0).vector_field(
        jnp.zeros(()), state, SubcriticalStuartLandau.Inputs()
    )
    there = StuartLandau(alpha=-1.0).vector_field(jnp.zeros(()), state, StuartLandau.Inputs())
    np.testing.assert_allclose(here.x, there.x, rtol=1e-6)
    np.testing.assert_allclose(here.y, there.y, rtol=1e-6)
