"""LAPACK calls in lanes: unbatched on a CPU, batched elsewhere, right with their derivatives."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from rosetta_jax.linear.solves import factorised, inverse

RNG = np.random.default_rng(0)
REAL = jnp.asarray(RNG.normal(size=(3, 2, 4, 4)))
COMPLEX = jax.lax.complex(REAL, jnp.asarray(RNG.normal(size=REAL.shape)))
RIGHT = jnp.asarray(RNG.normal(size=(3, 2, 4)))


def _solve(matrix, right):
    return factorised(matrix).solve(right.astype(matrix.dtype))


def _determinant(matrix):
    found = factorised(matrix)
    return jnp.prod(found.diagonal) * found.sign.astype(matrix.dtype)


@pytest.mark.parametrize("matrices", [REAL, COMPLEX], ids=["real", "complex"])
@pytest.mark.parametrize("transform", [lambda f: f, jax.jit], ids=["plain", "jit"])
def test_nested_lanes_are_those_of_numpy(matrices, transform):
    def lanes(function):
        return transform(jax.vmap(jax.vmap(function)))

    np.testing.assert_allclose(lanes(inverse)(matrices), np.linalg.inv(matrices), rtol=1e-10)
    np.testing.assert_allclose(lanes(_determinant)(matrices), np.linalg.det(matrices), rtol=1e-10)
    expected = np.linalg.solve(matrices, RIGHT[..., None])[..., 0]
    np.testing.assert_allclose(lanes(_solve)(matrices, RIGHT), expected, rtol=1e-10)


def test_one_matrix_serves_every_lane_of_right_sides():
    found = jax.vmap(lambda right: _solve(REAL[0, 0], right))(RIGHT[0])
    np.testing.assert_allclose(found, np.linalg.solve(REAL[0, 0], RIGHT[0].T).T, rtol=1e-10)


# --- derivatives --------------------------------------------------------------------------------


def _measures(matrix, right):
    weights = jnp.arange(16.0).reshape(4, 4)
    return jnp.sum(weights * inverse(matrix)) + jnp.sum(_solve(matrix, right) ** 2)


def _plain_measures(matrix, right):
    weights = jnp.arange(16.0).reshape(4, 4)
    solved = jnp.linalg.solve(matrix, right)
    return jnp.sum(weights * jnp.linalg.inv(matrix)) + jnp.sum(solved**2)


DERIVATIVES = {
    "grad": jax.grad,
    "jacfwd": jax.jacfwd,
    "hessian": jax.hessian,
    "reverse over reverse": lambda f: jax.jacrev(jax.grad(f)),
}


@pytest.mark.parametrize("name, jit", list(itertools.product(DERIVATIVES, [False, True])), ids=str)
def test_derivatives_of_lanes_and_lanes_of_derivatives_are_those_of_plain_solves(name, jit):
    derivative = DERIVATIVES[name]
    expected = np.stack(
        [derivative(_plain_measures)(*lane) for lane in zip(REAL[0], RIGHT[0], strict=True)]
    )
    inside = jax.vmap(derivative(_measures))
    found = (jax.jit(inside) if jit else inside)(REAL[0], RIGHT[0])
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * abs(expected).max())


def test_the_gradient_of_a_sum_over_lanes_is_that_of_each():
    def total(matrices):
        return jnp.sum(jax.vmap(_measures)(matrices, RIGHT[0]))

    expected = jax.vmap(jax.grad(_plain_measures))(REAL[0], RIGHT[0])
    for found in (jax.grad(total)(REAL[0]), jax.jit(jax.jacfwd(total))(REAL[0])):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9 * abs(expected).max())


@pytest.mark.parametrize("lanes", [False, True], ids=["one", "lanes"])
def test_a_hessian_passes_through_a_loop(lanes):
    # Reverse mode through a loop drops custom derivatives before the outer ones are taken.
    def total(measures, at):
        each = jax.lax.map(lambda m: measures(at * m, RIGHT[0, 0]), REAL[0])
        return jnp.sum(each)

    def hessian(measures):
        found = jax.hessian(lambda at: total(measures, at))
        return jax.jit(jax.vmap(found) if lanes else found)

    at = jnp.array([1.0, 1.5]) if lanes else jnp.asarray(1.5)
    np.testing.assert_allclose(hessian(_measures)(at), hessian(_plain_measures)(at), rtol=1e-8)


# --- what is compiled ---------------------------------------------------------------------------


def _lapack_shapes(platform, function, *arguments):
    """The result types of the LAPACK calls (or of LU and triangular solves) in a lowered program."""
    text = export.export(jax.jit(function), platforms=[platform])(*arguments).mlir_module()
    names = ("lapack", "blas", "getrf", "triangular_solve", "trsm", "Lu")
    return [
        line.rpartition("->")[2]
        for line in text.splitlines()
        if ("custom_call" in line or "triangular_solve" in line) and any(n in line for n in names)
    ]


CALLS = {
    "inverse": (inverse, (REAL[0],)),
    "solve": (_solve, (REAL[0], RIGHT[0])),
    "gradient": (jax.grad(_measures), (REAL[0], RIGHT[0])),
}


@pytest.mark.parametrize("name", CALLS)
def test_lanes_are_unbatched_on_a_cpu_and_batched_elsewhere(name):
    function, arguments = CALLS[name]
    lanes = jax.vmap(function)
    on_cpu = _lapack_shapes("cpu", lanes, *arguments)
    assert on_cpu and not any("2x4x4" in shape for shape in on_cpu)
    assert any("2x4x4" in shape for shape in _lapack_shapes("cuda", lanes, *arguments))
