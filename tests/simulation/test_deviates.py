"""Normal deviates by number of step: the cipher, the distribution, and that nothing repeats."""

import jax
import jax.extend.random
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rosetta_jax.simulation.deviates import _fraction32, _fraction64, _normal, deviates, hashed

KEY = jax.random.key(3)
TYPES = [jnp.dtype("float32"), jnp.dtype("float64")]


def drawn(dtype, steps=2000, number=80, begin=0, key=KEY) -> np.ndarray:
    return np.asarray(
        jax.jit(lambda key, begin: deviates(key, begin, steps, number, dtype))(
            key, jnp.int32(begin)
        )
    )


def test_the_hash_is_that_of_jax():
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 2**32, 2, dtype=np.uint32)
    step, place = rng.integers(0, 2**32, (2, 50), dtype=np.uint32)
    counter = jnp.concatenate([jnp.asarray(step), jnp.asarray(place)])
    wanted = jax.extend.random.threefry_2x32(jnp.asarray([first, second]), counter)
    found = hashed(*(jnp.asarray(word) for word in (first, second, step, place)))
    np.testing.assert_array_equal(np.concatenate(found), wanted)


def test_the_hash_of_the_authors():
    # The known answer for words of ones in the reference implementation, random123's kat_vectors.
    ones = jnp.uint32(0xFFFFFFFF)
    assert [int(word) for word in hashed(ones, ones, ones, ones)] == [0x1CB996FC, 0xBB002BE7]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_deviates_are_standard_normal(dtype):
    found = drawn(dtype)
    assert found.dtype == dtype
    assert stats.kstest(found.ravel(), "norm").pvalue > 1e-3
    # Twenty-four bits reach 5.4 standard deviations.
    beyond = (np.abs(found) > 3.5).sum()
    expected = found.size * 2 * stats.norm.sf(3.5)
    assert abs(beyond - expected) < 4 * np.sqrt(expected)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_deviates_of_steps_and_places_are_independent(dtype):
    found = drawn(dtype, steps=4000, number=40).astype(float)
    places = np.corrcoef(found.T)[np.triu_indices(40, 1)]
    steps = (found[1:] * found[:-1]).mean(axis=0)
    for each in (places, steps, ((found**2 - 1)[:, :20] * (found**2 - 1)[:, 20:]).mean(0) / 2):
        assert np.abs(each).max() < 4.5 / np.sqrt(4000)


def test_extremes_are_finite_and_symmetric():
    words = jnp.asarray([0, 2**32 - 1, 2**31 - 1, 2**31], dtype=jnp.uint32)
    single = np.asarray(_normal(_fraction32(words)))
    double = np.asarray(_normal(_fraction64(words, words)))
    for found in (single, double):
        assert np.isfinite(found).all() and (found != 0).all()
        np.testing.assert_allclose(np.sort(found), -np.sort(found)[::-1], rtol=1e-12)
    np.testing.assert_allclose(np.abs(single).max(), stats.norm.isf(2.0**-25), rtol=1e-3)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("number", [1, 5])
def test_a_step_is_the_same_wherever_the_draw_begins(dtype, number):
    whole = drawn(dtype, steps=50, number=number)
    np.testing.assert_array_equal(drawn(dtype, steps=13, number=number, begin=20), whole[20:33])
    assert np.unique(whole).size == whole.size


@pytest.mark.parametrize("kind", ["threefry2x32", "rbg"])
def test_keys_of_every_generator_and_their_lanes(kind):
    keys = jax.random.split(jax.random.key(0, impl=kind), 3)
    lanes = jax.vmap(lambda key: deviates(key, jnp.int32(0), 4, 3, TYPES[1]))(keys)
    each = [drawn(TYPES[1], 4, 3, key=key) for key in keys]
    np.testing.assert_array_equal(lanes, each)
    assert np.unique(lanes).size == lanes.size
