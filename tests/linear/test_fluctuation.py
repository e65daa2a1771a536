"""Fluctuation and dissipation: equilibrium where detailed balance holds, closed forms where it does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fluctuation_dissipation

WEIGHTS = np.array([[0.0, 0.8, 0.2], [0.8, 0.0, 1.0], [0.2, 1.0, 0.0]])
BINS = np.arange(0.5, 40.0, 0.5)
SIGMA = 0.7
X_ALONE = rj.WhiteNoise(SIGMA, ports=("x",))


def network(weights=WEIGHTS, lengths=None, omega=1e-9, alpha=-30.0, noise=X_ALONE, **more):
    rung = rj.HarmonicOscillator(alpha=alpha, omega=omega)
    wires = rj.Connectome(weights, lengths)
    return rj.Network(rung, wires, gain=10.0, speed=2.0, noise=noise, **more)


def test_without_direction_rotation_or_delay_it_is_in_equilibrium():
    found = fluctuation_dissipation(network(sensor=rj.WhiteNoise(1.0)), BINS)
    assert int(found.status) == rj.Status.ok
    np.testing.assert_allclose(found.temperatures, SIGMA**2 / 2, rtol=1e-9)
    assert float(found.temperature) == pytest.approx(SIGMA**2 / 2, rel=1e-9)
    # Between nodes, too.
    np.testing.assert_allclose(
        found.equilibrium, found.density, atol=1e-9 * found.density.real.max()
    )
    np.testing.assert_allclose(found.departure, 0.0, atol=1e-9)


def test_a_rotating_node_has_the_temperatures_of_its_closed_form():
    alpha, turn = -12.0, 60.0
    alone = rj.alone(rj.HarmonicOscillator(alpha=alpha, omega=turn), noise=X_ALONE)
    found = fluctuation_dissipation(alone, BINS)
    omega = 2 * np.pi * BINS
    determinant = (1j * omega - alpha) ** 2 + turn**2
    chi = (1j * omega - alpha) / determinant
    density = SIGMA**2 * (omega**2 + alpha**2) / np.abs(determinant) ** 2
    np.testing.assert_allclose(found.susceptibility[:, 0, 0], chi, rtol=1e-10)
    np.testing.assert_allclose(
        found.temperatures[:, 0], -omega * density / (2 * chi.imag), rtol=1e-9
    )
    assert float(found.departure[0]) > 0.1
    # Below its own rhythm it answers as if it fed what drives it.
    assert found.temperatures[0, 0] < 0 < found.temperatures[-1, 0]


@pytest.mark.parametrize(
    "more",
    [{"weights": np.triu(WEIGHTS)}, {"lengths": 60.0 * (WEIGHTS > 0)}],
    ids=["direction", "delay"],
)
def test_direction_and_delay_lead_away_from_equilibrium(more):
    found = fluctuation_dissipation(network(**more), BINS)
    assert float(found.departure.max()) > 0.01
    assert float(jnp.abs(found.equilibrium - found.density).max()) > 1e-3 * SIGMA**2 / 900


def test_its_slope_is_that_of_differences():
    def departure(gain):
        brain = rj.replace(network(np.triu(WEIGHTS)), {"gain": gain})
        return fluctuation_dissipation(brain, BINS).departure.sum()

    slope = jax.jit(jax.grad(departure))(10.0)
    ends = [float(departure(10.0 + step)) for step in (1e-3, -1e-3)]
    assert float(slope) == pytest.approx((ends[0] - ends[1]) / 2e-3, rel=1e-6)


def test_where_it_means_nothing_it_says_so():
    found = fluctuation_dissipation(network(alpha=5.0), BINS)
    assert int(found.status) == rj.Status.unstable
    assert np.isnan(found.temperatures).all()
    with pytest.raises(ValueError, match="noise"):
        fluctuation_dissipation(network(noise=None), BINS)
    with pytest.raises(ValueError, match="`port`"):
        fluctuation_dissipation(network(), BINS, "z")
