"""The written reverse pass: of a linear map alone, and of links read for several steps against a ring."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from oscillators import DT, oscillators

import rosetta_jax as rj
from rosetta_jax.network.transport import formulate
from rosetta_jax.network.transport.adjoint import with_adjoint

NODES = 6


def product(matrix, vectors):
    return tuple(matrix @ vector for vector in vectors)


def product_back(matrix, vectors):
    return tuple(matrix.T @ vector for vector in vectors)


def written(matrix, vectors):
    return with_adjoint(product, product_back, matrix, vectors)


def doubled(matrix, vectors):
    """Twice the true adjoint, to see which one is used."""
    return with_adjoint(
        product, lambda *at: tuple(2 * each for each in product_back(*at)), matrix, vectors
    )


MATRIX = np.random.default_rng(0).normal(size=(3, 4))
VECTORS = tuple(np.random.default_rng(seed).normal(size=4) for seed in (1, 2))


def energy(apply, matrix, vectors):
    first, second = apply(matrix, vectors)
    return jnp.sum(jnp.sin(first)) * jnp.sum(second**3)


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: f,
        jax.jit,
        partial(jax.grad, argnums=(0, 1)),
        partial(jax.jacfwd, argnums=(0, 1)),
        partial(jax.hessian, argnums=(0, 1)),
        lambda f: jax.jacrev(jax.jacrev(f, argnums=(0, 1)), argnums=(0, 1)),
        lambda f: jax.grad(jax.checkpoint(f), argnums=(0, 1)),
    ],
    ids=["value", "jit", "reverse", "forward", "hessian", "reverse twice", "checkpoint"],
)
def test_a_map_with_its_adjoint_is_the_map(transform):
    found, expected = (
        transform(partial(energy, apply))(MATRIX, VECTORS) for apply in (written, product)
    )
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (2, (0, 1)), (None, (None, 0))])
def test_a_map_with_its_adjoint_is_mapped_over(axes):
    lanes = np.random.default_rng(3)

    def laid(axis, shape):
        return (
            lanes.normal(size=shape)
            if axis is None
            else lanes.normal(size=np.insert(shape, axis, 5))
        )

    first, second = axes[1] if isinstance(axes[1], tuple) else (axes[1], axes[1])
    given = laid(axes[0], (3, 4)), (laid(first, (4,)), laid(second, (4,)))
    found, expected = (
        jax.vmap(jax.value_and_grad(partial(energy, apply), argnums=(0, 1)), in_axes=axes)(*given)
        for apply in (written, product)
    )
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    total = jax.grad(lambda at: jnp.sum(jax.vmap(partial(energy, written), axes)(given[0], at)))
    plain = jax.grad(lambda at: jnp.sum(jax.vmap(partial(energy, product), axes)(given[0], at)))
    for one, other in zip(total(given[1]), plain(given[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_reverse_pass_is_the_one_written():
    slope, twice = (
        jax.grad(partial(energy, apply), argnums=1)(MATRIX, VECTORS) for apply in (written, doubled)
    )
    np.testing.assert_allclose(twice[0], 2 * slope[0], rtol=1e-12)


def brain(least: float, most: float, share: float, phase: bool) -> rj.Network:
    return oscillators(NODES, least, most, share, phase, noise=rj.WhiteNoise(0.1))


BRAINS = {
    "sparse": (brain(9.1, 25.3, 0.4, False), "slices"),
    "turning": (brain(9.1, 25.3, 1.0, True), "slices"),
    "shorter and sparse": (brain(0.1, 20.0, 0.5, True), "ring and slices"),
    "pushed": (brain(0.1, 20.0, 1.0, False), "split"),
}
GIVEN = {"size": jnp.asarray(1.2), "gain": jnp.asarray(3.0), "alpha": jnp.full(NODES, 2.0)}


def loss(network, transport, delays, given):
    """Of a run whose past depends on parameters, too."""

    def past(t):
        angle = 60.0 * t + jnp.arange(float(NODES))
        size = given["size"]
        return rj.StuartLandau.State(x=size * jnp.cos(angle), y=size**2 * jnp.sin(angle))

    run = rj.simulate(
        rj.replace(network, {"gain": given["gain"], "rung.alpha": given["alpha"]}),
        0.061,
        DT,
        key=jax.random.key(0),
        past=past,
        transport=transport,
        delays=delays,
        block=24,
    )
    return jnp.mean(run.signal**2) + jnp.mean(run.signal[-1])


@pytest.mark.parametrize("delays", ["interpolated", "rounded"])
@pytest.mark.parametrize("kind", BRAINS)
def test_the_gradient_of_links_read_ahead_is_that_of_a_ring(kind, delays):
    network, name = BRAINS[kind]
    assert formulate(network, DT, delays, name).name == name
    found, expected = (
        jax.jit(jax.value_and_grad(partial(loss, network, each, delays)))(GIVEN)
        for each in (name, "ring")
    )
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-14)


def test_forward_mode_and_the_derivative_of_a_gradient_are_those_of_a_ring():
    network, name = BRAINS["shorter and sparse"]
    step = jax.tree.map(jnp.ones_like, GIVEN)

    def both(transport, given):
        value = partial(loss, network, transport, "interpolated")
        along = jax.jvp(value, (given,), (step,))[1]
        return along, jax.jvp(jax.grad(value), (given,), (step,))[1]

    found, expected = (jax.jit(partial(both, each))(GIVEN) for each in (name, "ring"))
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-14)
