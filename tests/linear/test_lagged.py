"""Covariances at lags: matrix exponentials, sums over fine grids, directions, delays, BOLD."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm, solve_continuous_lyapunov
from scipy.special import spherical_jn

import rosetta_jax as rj
from rosetta_jax.linear import (
    bold_cross_spectrum,
    bold_lagged_correlations,
    covariance,
    cross_spectrum,
    lagged_correlations,
    lagged_covariance,
)
from rosetta_jax.linear.lagged import _spherical_bessel, exponential

from .dense import dense

WEIGHTS = np.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.2], [0.3, 0.2, 0.0]])
LAGS = (0.0, 0.003, -0.003, 0.02, 0.4)


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def brain(lengths=None, alpha=(-5.0, -6.0, -4.0), **parts):
    rung = rj.HarmonicOscillator(alpha, 2 * np.pi * np.array([10.0, 10.5, 9.5]))
    given = {"gain": 4.0, "speed": 10.0, "noise": rj.WhiteNoise([1.0, 1.5, 0.7])} | parts
    return rj.Network(rung, rj.Connectome(WEIGHTS, lengths), **given)


@pytest.fixture(scope="module")
def exact():
    return np.asarray(lagged_covariance(brain(), LAGS, check=False).matrix)


def test_without_delays_it_is_the_matrix_exponential_of_the_covariance(exact):
    matrices = dense(brain(), ("x", "y"))
    whole = matrices.A + matrices.B @ matrices.transport(0.0) @ matrices.S
    level = np.tile([1.0, 1.5, 0.7], 2) ** 2
    state = solve_continuous_lyapunov(whole, -matrices.E @ np.diag(level) @ matrices.E.T)
    for lag, found in zip(LAGS, exact, strict=True):
        later = matrices.O @ expm(whole * abs(lag)) @ state @ matrices.O.T
        np.testing.assert_allclose(found, later.T if lag < 0 else later, atol=1e-12)


def test_at_lag_zero_it_is_the_covariance_and_backwards_its_transpose(exact):
    np.testing.assert_allclose(exact[0], covariance(brain(), check=False).matrix, rtol=1e-12)
    np.testing.assert_allclose(exact[1], exact[2].T, rtol=1e-12)
    assert np.abs(exact[1] - exact[1].T).max() > 0.01 * exact[0].max()


def test_the_transform_of_the_spectrum_is_the_matrix_exponential(exact):
    # With lengths, all of them zero, the integral is taken.
    found = lagged_covariance(brain(np.zeros((3, 3))), LAGS, check=False).matrix
    np.testing.assert_allclose(found, exact, atol=1e-5 * exact.max())
    # At lag zero by Gauss's own rule, with what lies beyond the last frequency.
    np.testing.assert_allclose(found[0], exact[0], atol=1e-7 * exact.max())


def test_in_a_band_with_delays_and_sensor_noise_it_is_the_sum_over_a_fine_grid():
    delayed, band = brain(200 * WEIGHTS, sensor=rj.WhiteNoise(0.03)), (8.0, 12.0)
    grid = np.linspace(*band, 2001)
    density = np.asarray(cross_spectrum(delayed, grid, check=False).density)
    turned = np.exp(2j * np.pi * np.multiply.outer(LAGS, grid))[:, :, None, None]
    expected = np.trapezoid((turned * density).real, grid, axis=1)
    found = lagged_covariance(delayed, LAGS, band=band, check=False).matrix
    np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())


def test_lags_tell_a_direction_that_correlations_do_not():
    def pair(weights):
        rung = rj.HarmonicOscillator(-5.0, 2.0)
        found = rj.Network(
            rung, rj.Connectome(weights), "additive", gain=3.0, noise=rj.WhiteNoise(1.0)
        )
        return np.asarray(lagged_correlations(found, (0.0, 0.2), check=False).matrix)

    (whole, late), (other, reverse) = pair([[0.0, 0.0], [1.0, 0.0]]), pair([[0.0, 1.0], [0.0, 0.0]])
    assert whole[0, 1] == pytest.approx(other[0, 1], rel=1e-9) and whole[0, 1] > 0.1
    np.testing.assert_allclose(late, reverse[::-1, ::-1], rtol=1e-9)
    # Region 0 drives 1, and runs ahead of it.
    assert late[1, 0] > whole[0, 1] > late[0, 1] + 0.1
    np.testing.assert_allclose(np.diag(whole), 1.0, rtol=1e-12)


def test_bold_at_lags_is_the_sum_over_a_fine_grid():
    rung = rj.HarmonicOscillator([-0.4, -0.6, -0.5], 0.3)
    slow = rj.Network(
        rung,
        rj.Connectome(WEIGHTS),
        gain=0.3,
        noise=rj.WhiteNoise(0.1),
        bold=rj.BalloonWindkessel(transit_time=[0.9, 1.0, 1.4], scale=0.01),
    )
    lags = (0.0, 2.0, -2.0, 9.0)
    found = np.asarray(bold_lagged_correlations(slow, lags, check=False).matrix)
    grid = np.linspace(1e-8, 1.5, 3001)
    density = np.asarray(bold_cross_spectrum(slow, grid, check=False).density)
    turned = np.exp(2j * np.pi * np.multiply.outer(lags, grid))[:, :, None, None]
    total = np.trapezoid((turned * density).real, grid, axis=1)
    scale = np.sqrt(np.diag(total[0]))
    np.testing.assert_allclose(found, total / np.outer(scale, scale), atol=2e-5)
    np.testing.assert_allclose(found[1], found[2].T, atol=1e-12)


def test_what_is_unstable_has_none():
    found = lagged_correlations(brain(alpha=5.0, gain=0.1), 0.01)
    assert int(found.status) == rj.Status.unstable and np.isnan(found.matrix).all()
    assert found.matrix.shape == (1, 3, 3)


def test_an_exponential_and_its_derivative():
    matrix = np.random.default_rng(0).normal(size=(5, 5)) * 6
    np.testing.assert_allclose(exponential(jnp.asarray(matrix)), expm(matrix), rtol=1e-11)
    change = np.random.default_rng(1).normal(size=(5, 5))
    _, slope = jax.jvp(exponential, (jnp.asarray(matrix),), (jnp.asarray(change),))
    step = 1e-6
    expected = (expm(matrix + step * change) - expm(matrix - step * change)) / (2 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_spherical_bessel_functions():
    theta = np.array([-30.0, -0.5, 0.0, 1e-3, 0.7, 0.999, 1.001, 5.0, 300.0])
    for order, found in enumerate(_spherical_bessel(jnp.asarray(theta))):
        sign = np.where(theta < 0, (-1.0) ** order, 1.0)
        np.testing.assert_allclose(found, sign * spherical_jn(order, np.abs(theta)), atol=1e-14)


@pytest.mark.parametrize("lags", [[], [np.nan], [[0.1]]])
def test_lags_that_are_none_are_refused(lags):
    with pytest.raises(ValueError, match="`lags`"):
        lagged_covariance(brain(), lags)
