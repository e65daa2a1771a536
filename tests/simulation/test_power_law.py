"""1/f^k noise as a sum of processes: its density, and that the march has it too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.observe.spectrum import welch_standard_error

BANDS = [(0.5, 100.0), (0.1, 200.0), (1.0, 50.0)]


@pytest.mark.parametrize("exponent", [1e-6, 0.3, 1.0, 1.7, 1.999])
@pytest.mark.parametrize("band", BANDS)
def test_the_sum_is_the_power_law_over_its_band(band, exponent):
    omega = 2 * jnp.pi * jnp.geomspace(*band, 300)
    found = rj.PowerLawProcess(0.7, exponent, band=band).density(omega)
    exact = rj.PowerLawNoise(0.7, exponent).density(omega)
    assert float(jnp.max(jnp.abs(10 * jnp.log10(found / exact)))) < 0.1


def test_beyond_the_band_it_levels_off_below_and_becomes_white_above():
    noise = rj.PowerLawProcess(1.0, 1.0, band=(1.0, 50.0))
    low = noise.density(jnp.asarray([1e-4, 1e-3]))
    high = noise.density(jnp.asarray([1e6, 1e7]))
    assert float(low[0] / low[1]) == pytest.approx(1.0, rel=1e-2)
    assert float(high[0] / high[1]) == pytest.approx(1.0, rel=1e-2) and float(high[0]) > 0


def test_density_varies_by_region():
    noise = rj.PowerLawProcess([0.5, 1.0, 2.0], [0.2, 1.0, 1.8])
    omega = jnp.asarray([30.0, 60.0])
    for node in range(3):
        lone = rj.PowerLawProcess(noise.sigma[node], noise.exponent[node])
        np.testing.assert_allclose(noise.density(omega)[:, node], lone.density(omega), rtol=1e-12)


def brain(exponent, nodes=12):
    return rj.alone(
        rj.HarmonicOscillator(alpha=-40.0, omega=2 * np.pi * 20.0),
        nodes=nodes,
        noise=rj.PowerLawProcess(1.0, exponent, band=(0.5, 60.0)),
    )


@pytest.mark.parametrize("exponent", [0.0 + 1e-6, 0.8, 1.5])
def test_the_march_has_the_density_of_theory(exponent):
    network = brain(exponent)
    solution = rj.simulate(
        network, 200.0, 5e-4, key=jax.random.key(1), transient=20.0, save_every=4e-3
    )
    frequencies = np.arange(1.0, 60.1, 1.0)
    found = rj.observe.power_spectrum(
        solution.signal, 4e-3, segment=4.0, frequencies=frequencies
    ).density.mean(axis=1)
    exact = rj.linear.power_spectrum(network, frequencies).density[:, 0]
    relative = welch_standard_error(50000, 1000) / np.sqrt(network.nodes)
    # A step of 1 ms loses 0.1 dB towards 60 Hz (linear over the step) and shifts the mean by 0.007,
    # twice the scatter of keys; half of it does a quarter of that. The rest is scatter.
    scatter = np.log(np.asarray(found) / np.asarray(exact))
    assert np.mean(np.abs(scatter) < 3 * relative + 0.025) > 0.97
    assert abs(scatter.mean()) < 0.01


def test_it_begins_in_its_stationary_state():
    """The variance over many nodes does not drift from the first step on."""
    noise = rj.PowerLawProcess(1.0, 1.2, band=(1.0, 100.0))
    normal = jax.random.normal(jax.random.key(0), (noise.deviates, 4000))
    start = noise.start(normal)
    dt = jnp.asarray(1e-2)
    later = start
    for step in range(20):
        fresh = jax.random.normal(jax.random.key(1 + step), normal.shape)
        later = noise.advance(later, fresh, dt)
    np.testing.assert_allclose(jnp.var(later, axis=2), jnp.var(start, axis=2), rtol=0.15)


def test_it_is_differentiable_in_exponent_and_strength():
    def power(exponent, sigma):
        noise = rj.PowerLawProcess(sigma, exponent)
        network = rj.alone(rj.HarmonicOscillator(alpha=-40.0), noise=noise)
        return jnp.mean(rj.simulate(network, 0.5, 1e-3, key=jax.random.key(0)).signal ** 2)

    at = (jnp.asarray(0.7), jnp.asarray(1.3))
    gradient = jax.grad(power, argnums=(0, 1))(*at)
    for k, h in enumerate((1e-6, 1e-6)):
        up, down = ([a + s * h * (i == k) for i, a in enumerate(at)] for s in (1.0, -1.0))
        np.testing.assert_allclose(gradient[k], (power(*up) - power(*down)) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("exponent", [0.0, 2.0, -0.3])
def test_an_exponent_that_no_sum_reaches_is_refused(exponent):
    with pytest.raises(ValueError, match="must be between 0 and 2"):
        rj.PowerLawProcess(1.0, exponent)


def test_a_band_in_the_wrong_order_is_refused():
    with pytest.raises(ValueError, match="`band` must be two hertz in order"):
        rj.PowerLawProcess(1.0, 1.0, band=(50.0, 1.0))


def test_inside_a_sigmoid_it_is_refused():
    with pytest.raises(ValueError, match="is not well defined"):
        rj.alone(rj.JansenRit(), noise=rj.PowerLawProcess(1.0, 1.0, ports=("field",)))
