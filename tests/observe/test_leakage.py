"""Leakage correction against NumPy's singular values, its optimum, and envelopes that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.observe import analytic_signal, envelope_connectivity, orthogonalised
from rosetta_jax.observe.leakage import inverse_root

DT, BAND = 0.005, (8.0, 20.0)


def mixed(time=500, nodes=5, seed=0, spread=0.3):
    generator = np.random.default_rng(seed)
    mixing = np.eye(nodes) + spread * generator.standard_normal((nodes, nodes))
    return (
        generator.standard_normal((time, nodes))
        @ mixing
        * np.exp(0.3 * generator.standard_normal(nodes))
    )


def by_numpy(signal, rounds=400):
    """The iteration with singular vectors of the whole series."""
    centred = signal - signal.mean(axis=0)
    size = np.linalg.norm(centred, axis=0)
    for _ in range(rounds):
        left, _, right = np.linalg.svd(centred * size, full_matrices=False)
        orthonormal = left @ right
        size = np.sum(centred * orthonormal, axis=0)
    return orthonormal * size


def test_agrees_with_singular_vectors_of_the_series():
    signal = mixed() + 7.0
    np.testing.assert_allclose(orthogonalised(signal), by_numpy(signal), rtol=1e-9, atol=1e-10)


def test_the_nodes_are_orthogonal_and_nothing_orthogonal_lies_nearer():
    signal = mixed(seed=3)
    centred = signal - signal.mean(axis=0)
    found = np.asarray(orthogonalised(signal))
    products = found.T @ found
    off = products - np.diag(np.diag(products))
    assert np.abs(off).max() < 1e-10 * np.diag(products).min()
    nearest = np.sum((centred - found) ** 2)
    rng = np.random.default_rng(4)
    for size in (1e-3, 1e-2, 0.1):
        turn, _ = np.linalg.qr(np.eye(5) + size * rng.standard_normal((5, 5)))
        turn *= np.sign(np.diag(turn))
        unit = found / np.linalg.norm(found, axis=0) @ turn
        other = unit * np.sum(centred * unit, axis=0)
        assert np.sum((centred - other) ** 2) > nearest


def test_orthogonal_series_stay_as_they_are():
    signal = np.linalg.qr(np.random.default_rng(1).standard_normal((200, 4)))[0]
    signal -= signal.mean(axis=0)
    signal = np.linalg.qr(signal)[0] * np.array([1.0, 2.0, 5.0, 0.1])
    np.testing.assert_allclose(orthogonalised(signal), signal, atol=1e-10)


def test_the_inverse_root_reaches_small_eigenvalues():
    rng = np.random.default_rng(2)
    vectors = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    values = np.array([1.0, 1.0, 0.3, 1e-3, 1e-6, 1e-9])
    found = np.asarray(inverse_root(jnp.asarray(vectors * values @ vectors.T)))
    wanted = vectors / np.sqrt(values) @ vectors.T
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * np.abs(wanted).max())


def test_symmetric_connectivity_is_that_of_the_envelopes_of_the_corrected_band():
    signal = mixed(2000)
    turning = np.asarray(analytic_signal(signal, DT, BAND))
    turning = turning - turning.mean(axis=0)
    corrected = by_numpy(turning.real)
    mixing = np.linalg.lstsq(turning.real, corrected, rcond=None)[0]
    wanted = np.corrcoef(np.abs(turning @ mixing).T)
    found = envelope_connectivity(signal, DT, BAND, orthogonalise="symmetric")
    np.testing.assert_allclose(found, wanted, atol=1e-8)


def test_leakage_goes_and_what_swells_together_stays():
    """Two pairs swell together, their carriers apart; then the sensors mix all four at once."""
    rng = np.random.default_rng(6)
    swelling = np.exp(0.5 * rng.standard_normal((600, 2)).repeat(200, axis=0))
    own = np.asarray(analytic_signal(rng.standard_normal((120_000, 4)), DT, BAND)).real
    sources = own * swelling[:, [0, 0, 1, 1]]
    leaking = sources @ (np.eye(4) + 0.3 * (1 - np.eye(4)))
    clean = np.asarray(envelope_connectivity(sources, DT, BAND))
    plain = np.asarray(envelope_connectivity(leaking, DT, BAND))
    found = np.asarray(envelope_connectivity(leaking, DT, BAND, orthogonalise="symmetric"))
    assert clean[0, 1] > 0.3 and abs(clean[0, 2]) < 0.1 and plain[0, 2] > abs(clean[0, 2]) + 0.1
    np.testing.assert_allclose(found, clean, atol=0.05)


def test_pairwise_is_what_true_asks_for():
    signal = mixed(1000)
    named = envelope_connectivity(signal, DT, BAND, orthogonalise="pairwise")
    np.testing.assert_array_equal(
        named, envelope_connectivity(signal, DT, BAND, orthogonalise=True)
    )


@pytest.mark.parametrize(
    "measure",
    [orthogonalised, lambda x: envelope_connectivity(x, DT, BAND, orthogonalise="symmetric")],
)
def test_gradient_against_finite_differences_and_batches(measure):
    signal = jnp.asarray(mixed(300, 3))
    shape = jax.eval_shape(measure, signal).shape
    weights = jnp.asarray(np.random.default_rng(1).standard_normal(shape))
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(signal.shape))
    loss = jax.jit(lambda x: jnp.sum(weights * measure(x) ** 2))
    along = jnp.vdot(jax.jit(jax.grad(loss))(signal), direction)
    step = 1e-5
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-6)
    ensemble = jnp.stack([signal, signal + signal**3])
    np.testing.assert_allclose(
        jax.vmap(loss)(ensemble), [loss(each) for each in ensemble], rtol=1e-9
    )


def test_equal_independent_nodes_have_a_gradient():
    """All eigenvalues coincide there."""
    signal = np.linalg.qr(np.random.default_rng(1).standard_normal((50, 3)))[0]
    slope = jax.jit(jax.grad(lambda x: jnp.sum(orthogonalised(x)[:, 0] ** 3)))
    gradient = slope(jnp.asarray(signal))
    assert np.isfinite(gradient).all() and np.abs(gradient).max() > 1e-3


@pytest.mark.parametrize("size", [1e-13, 1.0])
def test_single_precision(size):
    signal = mixed()
    found = orthogonalised(jnp.asarray(signal * size, jnp.float32))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(found) / np.float32(size), by_numpy(signal), atol=1e-4)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"`signal` has 4 samples of 5 nodes.*more samples"):
        orthogonalised(np.random.default_rng(0).standard_normal((4, 5)))
    with pytest.raises(ValueError, match="`signal` must be a series"):
        orthogonalised(np.ones(5))
    with pytest.raises(ValueError, match="`orthogonalise` is 'both'"):
        envelope_connectivity(mixed(), DT, BAND, orthogonalise="both")
