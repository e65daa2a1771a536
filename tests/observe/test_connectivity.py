"""Covariance and Pearson correlation against NumPy, where they are hard, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.observe import (
    covariance,
    cross_spectrum,
    functional_connectivity,
    upper_triangle,
)


def mixed(time=300, nodes=4, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((time, nodes)) @ generator.standard_normal((nodes, nodes))


def test_agree_with_numpy():
    signal = mixed()
    np.testing.assert_allclose(covariance(signal), np.cov(signal.T), rtol=1e-12)
    np.testing.assert_allclose(functional_connectivity(signal), np.corrcoef(signal.T), rtol=1e-11)


def test_two_samples_suffice():
    signal = np.array([[0.0, 1.0], [1.0, -2.0]])
    np.testing.assert_allclose(functional_connectivity(signal), [[1, -1], [-1, 1]], rtol=1e-14)


def test_a_large_offset_costs_no_more_digits_than_the_data_lost():
    signal = mixed()
    shifted = jnp.asarray(signal + 1e5, jnp.float32)
    wanted = np.corrcoef(np.asarray(shifted, np.float64).T)  # of the rounded data
    found = functional_connectivity(shifted)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, wanted, atol=2e-6)
    wanted = np.cov(np.asarray(shifted, np.float64).T)
    np.testing.assert_allclose(covariance(shifted), wanted, rtol=1e-5)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_squares_out_of_range_do_not_matter(size):
    signal = jnp.asarray(mixed() * size, jnp.float32)
    np.testing.assert_allclose(functional_connectivity(signal), np.corrcoef(mixed().T), atol=2e-6)


def test_a_constant_node_is_nan_and_spares_the_others():
    signal = mixed()
    signal[:, 2] = 0.1  # whose mean over 300 samples is not exactly 0.1
    found = np.asarray(functional_connectivity(signal))
    assert np.isnan(found[2, :]).all() and np.isnan(found[:, 2]).all()
    others = [0, 1, 3]
    wanted = np.corrcoef(signal[:, others].T)
    np.testing.assert_allclose(found[np.ix_(others, others)], wanted, rtol=1e-11)
    gradient = jax.grad(lambda x: jnp.nansum(functional_connectivity(x) ** 2))(jnp.asarray(signal))
    assert np.isfinite(gradient).all() and np.abs(gradient[:, 0]).max() > 1e-4
    assert (np.asarray(gradient[:, 2]) == 0).all()


@pytest.mark.parametrize("band", [(8.0, 20.0), (0.0, 5.0), (45.0, 50.0)])
def test_the_connectivity_of_a_band_is_that_of_its_cross_spectrum(band):
    """The bins at 0 Hz and the Nyquist frequency have half the weight of others."""
    signal = mixed(700)
    crossed = cross_spectrum(signal, 0.01, segment=1.0)
    inside = (crossed.frequencies >= band[0]) & (crossed.frequencies <= band[1])
    summed = np.asarray(crossed.density.real)[np.asarray(inside)].sum(axis=0)
    scale = np.sqrt(np.diag(summed))
    found = functional_connectivity(signal, band=band, dt=0.01, segment=1.0)
    np.testing.assert_allclose(found, summed / np.outer(scale, scale), rtol=1e-11)


@pytest.mark.parametrize("measure", [functional_connectivity, covariance])
def test_gradient_against_finite_differences(measure):
    signal = jnp.asarray(mixed())
    weights = jnp.asarray(np.random.default_rng(1).standard_normal((4, 4)))
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(signal.shape))

    def loss(series):
        return jnp.sum(weights * measure(series) ** 2)

    along = jnp.vdot(jax.jit(jax.grad(loss))(signal), direction)
    step = 1e-5  # truncation ~ step**2, rounding ~ 1e-16 / step
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-7)


@pytest.mark.parametrize("measure", [functional_connectivity, covariance])
def test_vmap_is_a_loop(measure):
    ensemble = jnp.stack([jnp.asarray(mixed(seed=seed)) for seed in range(3)])
    together = jax.jit(jax.vmap(measure))(ensemble)
    for lane in range(3):
        np.testing.assert_allclose(together[lane], measure(ensemble[lane]), rtol=1e-12, atol=1e-14)


def test_upper_triangle_goes_row_by_row():
    matrix = np.arange(16.0).reshape(4, 4)
    np.testing.assert_array_equal(upper_triangle(matrix), [1, 2, 3, 6, 7, 11])
    stacked = upper_triangle(jnp.stack([jnp.asarray(matrix), -jnp.asarray(matrix)]))
    np.testing.assert_array_equal(stacked[1], [-1, -2, -3, -6, -7, -11])


@pytest.mark.parametrize("matrix", [np.ones(4), np.ones((4, 3))])
def test_upper_triangle_refuses_what_is_not_square(matrix):
    with pytest.raises(ValueError, match="`matrix` must be square"):
        upper_triangle(matrix)


@pytest.mark.parametrize("measure", [functional_connectivity, covariance])
@pytest.mark.parametrize(
    "signal, message",
    [
        (np.ones(5), r"`signal` must be a series \(time, nodes\)"),
        (np.ones((1, 5)), "`signal` has 1 samples, needs at least 2"),
        (np.full((5, 2), np.nan), "`signal` has 10 non-finite of 10 entries"),
        (np.ones((5, 2)) + 1j, "`signal` must be real"),
    ],
)
def test_wrong_input_is_named(measure, signal, message):
    with pytest.raises(ValueError, match=message):
        measure(signal)


def test_segments_shorter_than_the_slowest_rhythm_are_warned_of():
    """Power below the band leaks in: two nodes with a slow rhythm in common and their own within the band."""
    times = 0.5 * np.arange(4000)
    rng = np.random.default_rng(3)
    slow = 20 * np.sin(2 * np.pi * 0.004 * times)
    signal = slow[:, None] + rng.normal(size=(times.size, 2))
    band = {"band": (0.01, 0.1), "dt": 0.5}
    with pytest.warns(UserWarning, match=r"`segment` of 50 s is shorter than a period of 0.01 Hz"):
        leaked = functional_connectivity(signal, segment=50.0, **band)
    clean = functional_connectivity(signal, segment=1000.0, **band)
    assert leaked[0, 1] > 0.9 and abs(clean[0, 1]) < 0.2
    functional_connectivity(signal, segment=100.0, **band)
