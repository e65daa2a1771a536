"""The canonical response function: its integrals, its transfer function, convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import gamma

from rosetta_jax.observe import GammaHRF

TIMES = np.arange(0.0, 90.0, 1e-2)


def test_the_response_is_that_of_two_gamma_densities():
    found = GammaHRF(gain=2.0).response(jnp.asarray(TIMES))
    expected = 2 * (gamma(6).pdf(TIMES) - gamma(16).pdf(TIMES) / 6) / (5 / 6)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert TIMES[np.argmax(found)] == pytest.approx(5.0, abs=0.02)
    np.testing.assert_array_equal(GammaHRF().response(jnp.array([-1.0, 0.0])), 0.0)


def test_the_transfer_function_is_the_transform_of_the_response():
    hrf = GammaHRF(peak_width=0.9, undershoot=0.3)
    response, omega = np.asarray(hrf.response(jnp.asarray(TIMES))), np.array([0.0, 0.1, 0.7, 1.5])
    expected = np.exp(-1j * np.outer(omega, TIMES)) @ response * 1e-2
    np.testing.assert_allclose(hrf.transfer(jnp.asarray(omega)), expected, atol=1e-9)


def test_regional_responses_equal_separate_ones():
    times, omega = jnp.asarray(TIMES[::100]), jnp.array([0.2, 0.5])
    together = GammaHRF(peak_shape=[5.0, 6.0])
    series = jnp.asarray(np.random.default_rng(0).normal(size=(200, 2)))
    for node, shape in enumerate((5.0, 6.0)):
        alone = GammaHRF(peak_shape=shape)
        np.testing.assert_allclose(
            together.response(times)[:, node], alone.response(times), rtol=1e-12
        )
        np.testing.assert_allclose(
            together.transfer(omega)[:, node], alone.transfer(omega), rtol=1e-12
        )
        own = alone.convolve(series[:, node : node + 1], 0.5)[:, 0]
        np.testing.assert_allclose(together.convolve(series, 0.5)[:, node], own, atol=1e-12)


def test_what_never_changes_is_multiplied_by_the_gain():
    found = GammaHRF(gain=3.0).convolve(jnp.full((50, 2), 0.7), 0.1)
    np.testing.assert_allclose(found, 2.1, rtol=1e-12)


def _errors(dt):
    """How far the convolution of a sinusoid is from what the transfer function says, once begun."""
    times, omega, hrf = np.arange(0.0, 160.0, dt), 0.9, GammaHRF()
    found = hrf.convolve(jnp.asarray(np.sin(omega * times)[:, None]), dt)[:, 0]
    size = complex(hrf.transfer(jnp.array([omega]))[0])
    late = times > 100
    return np.abs(found - (size * np.exp(1j * omega * times)).imag)[late].max()


def test_convolution_is_right_to_second_order():
    coarse, fine = _errors(0.4), _errors(0.2)
    assert fine < 1e-3 and coarse / fine == pytest.approx(4.0, rel=0.05)


def test_convolution_follows_what_comes_and_not_what_will():
    series = np.zeros((300, 1))
    series[100] = 1.0
    found = GammaHRF().convolve(jnp.asarray(series), 0.1)[:, 0]
    np.testing.assert_allclose(found[:100], 0.0, atol=1e-15)
    expected = 0.1 * GammaHRF().response(jnp.asarray(np.arange(200) * 0.1))
    np.testing.assert_allclose(found[100:], expected, atol=2e-5)


def test_the_gradient_of_a_convolution_is_that_of_differences():
    series = jnp.asarray(np.random.default_rng(1).normal(size=(100, 1)))

    def measure(undershoot):
        return jnp.sum(GammaHRF(undershoot=undershoot).convolve(series, 0.5) ** 2)

    at, step = jnp.asarray(0.2), 1e-5
    differences = (measure(at + step) - measure(at - step)) / (2 * step)
    assert jax.grad(measure)(at) == pytest.approx(float(differences), rel=1e-7)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"peak_width.*above zero"):
        GammaHRF(peak_width=-1.0)
    with pytest.raises(ValueError, match=r"peak_width.*another unit"):
        GammaHRF(peak_width=1000.0)
    with pytest.raises(ValueError, match=r"series"):
        GammaHRF().convolve(jnp.zeros(10), 0.1)
    with pytest.raises(ValueError, match=r"dt"):
        GammaHRF().convolve(jnp.zeros((10, 1)), -0.1)
    with pytest.raises(ValueError, match=r"shape and width.*traced"):
        jax.grad(lambda width: GammaHRF(peak_width=width).convolve(jnp.ones((10, 1)), 0.1).sum())(
            1.0
        )
