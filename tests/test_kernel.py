"""Loops in one kernel: the same numbers under every transformation, and compiled so only where that can be."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax._kernel import one_kernel

NODES = 12
MATRIX = np.random.default_rng(0).normal(size=(NODES, NODES)) / NODES
# In what JAX lowers, and in what XLA compiles.
TAG = 'xla_cpu_small_call = "true"'
COMPILED_TAG = 'xla_cpu_small_call="true"'


def march(carry: dict[str, Any], inputs: jax.Array) -> tuple[dict[str, Any], jax.Array]:
    """A few nonlinear steps with a counter, a product, and what is not differentiable."""

    def step(carry: dict[str, Any], each: jax.Array) -> tuple[dict[str, Any], jax.Array]:
        x = carry["x"]
        away = jnp.where(x > 0, jnp.tanh(x), jnp.expm1(x)) + x @ jnp.asarray(MATRIX)
        after = x + 0.1 * (away + each * carry["rate"])
        return {"x": after, "rate": carry["rate"], "count": carry["count"] + 1}, after**2

    return jax.lax.scan(step, carry, inputs)


def wrapped(carry: dict[str, Any], inputs: jax.Array) -> tuple[dict[str, Any], jax.Array]:
    return one_kernel(march, carry, inputs)


def start() -> tuple[dict[str, Any], jax.Array]:
    rng = np.random.default_rng(1)
    carry = {
        "x": jnp.asarray(rng.normal(size=NODES)),
        "rate": jnp.asarray(0.7),
        "count": jnp.int32(0),
    }
    return carry, jnp.asarray(rng.normal(size=(5, NODES)))


def scalar(function: Callable, x: jax.Array, rate: jax.Array, inputs: jax.Array) -> jax.Array:
    carry, squares = function({"x": x, "rate": rate, "count": jnp.int32(3)}, inputs)
    return jnp.sum(jnp.sin(squares)) + jnp.sum(carry["x"] ** 3)


def arguments() -> tuple[jax.Array, jax.Array, jax.Array]:
    carry, inputs = start()
    return carry["x"], carry["rate"], inputs


TRANSFORMED = {
    "value": lambda f: f,
    "reverse": lambda f: jax.grad(f, (0, 1, 2)),
    "forward": jax.jacfwd,
    "reverse of forward": lambda f: jax.grad(lambda *a: jnp.sum(jax.jacfwd(f, 1)(*a)), (0, 1)),
    "forward of reverse": lambda f: jax.hessian(f, 0),
    "reverse twice": lambda f: jax.grad(lambda *a: jnp.sum(jax.grad(f, 2)(*a) ** 2), (0, 1)),
    "checkpointed": lambda f: jax.grad(jax.checkpoint(f), (0, 1, 2)),
    "mapped": lambda f: (
        lambda x, r, i: jax.vmap(f, (0, None, 1))(jnp.stack([x, -x]), r, jnp.stack([i, i], 1))
    ),
    "mapped reverse": lambda f: (
        lambda x, r, i: jax.vmap(jax.grad(f, (0, 1)), (None, 0, None))(x, jnp.stack([r, 2 * r]), i)
    ),
    "reverse of mapped": lambda f: jax.grad(
        lambda x, r, i: jnp.sum(jax.vmap(f, (None, 0, None))(x, jnp.stack([r, 3 * r]), i)), (0, 1)
    ),
    "vjp in a loop": lambda f: (
        lambda x, r, i: jax.lax.scan(
            lambda x, _: (x - 0.1 * jax.grad(f)(x, r, i), None), x, None, length=3
        )[0]
    ),
}


@pytest.mark.parametrize("transformed", TRANSFORMED)
def test_numbers_are_those_of_the_function(transformed):
    found, right = (
        jax.jit(TRANSFORMED[transformed](lambda *a, f=f: scalar(f, *a)))(*arguments())
        for f in (wrapped, march)
    )
    for each, expected in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-12, atol=1e-13)


def test_whole_numbers_pass_through_and_no_compilation_is_needed():
    carry, _ = wrapped(*start())
    assert carry["count"] == 5
    assert carry["count"].dtype == jnp.int32


def test_a_kernel_of_whole_numbers_has_no_slope():
    def loss(x: jax.Array) -> jax.Array:
        whole = one_kernel(lambda x: jnp.floor(x).astype(jnp.int32), x)
        return jnp.sum(whole.astype(x.dtype) * x)

    np.testing.assert_array_equal(jax.jit(jax.grad(loss))(jnp.array([1.5, 2.5])), [1.0, 2.0])


def test_what_is_closed_over_is_differentiated_too():
    def outer(rate: jax.Array, function: Callable) -> jax.Array:
        return function(lambda x: jnp.tanh(rate * x), jnp.arange(3.0)).sum()

    found = jax.jit(jax.grad(lambda rate: outer(rate, one_kernel)))(0.5)
    assert np.isclose(found, jax.grad(lambda rate: outer(rate, lambda f, x: f(x)))(0.5))


def text(function: Callable, *values: Any, platform: str = "cpu") -> str:
    traced = jax.jit(lambda *values: one_kernel(function, *values)).trace(*values)
    return traced.lower(lowering_platforms=(platform,)).as_text()


def test_the_march_is_one_kernel_on_a_processor_alone():
    assert text(march, *start()).count(TAG) == 1
    for platform in ("cuda", "tpu"):
        assert TAG not in text(march, *start(), platform=platform)


def test_forward_and_reverse_are_kernels_in_what_is_compiled():
    gradient = jax.jit(jax.grad(lambda x, *a: scalar(wrapped, x, *a)))
    lines = gradient.lower(*arguments()).compile().as_text().splitlines()
    assert sum(" call(" in line and COMPILED_TAG in line for line in lines) == 2


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (lambda x, m: m @ x, [(90, 90), (90, 90)]),
        (lambda x, m: m @ x, [(100,), (100, 100)]),
        (lambda x: jnp.sum(x), [(2000,)]),
        (lambda x: x.at[jnp.array([0, 2])].add(1.0), [(9,)]),
        (lambda x: x[jnp.array([2, 1])], [(9,)]),
        (lambda x: jnp.sort(x), [(9,)]),
        (lambda x: jnp.cumsum(x), [(9,)]),
        (lambda x: jnp.linalg.solve(x, x), [(4, 4)]),
        (lambda x: 2 * x, [(400, 400)]),
        (lambda x: jax.lax.cond(x[0] > 0, lambda x: jnp.sort(x), lambda x: x, x), [(9,)]),
    ],
    ids=[
        "matrices",
        "rows",
        "sum",
        "scatter",
        "gather",
        "sort",
        "cumsum",
        "solve",
        "large",
        "branch",
    ],
)
def test_what_a_kernel_cannot_hold_is_compiled_as_ever(function, shapes):
    rng = np.random.default_rng(2)
    values = [jnp.asarray(rng.normal(size=shape)) for shape in shapes]
    assert TAG not in text(function, *values)
    found = jax.jit(lambda *values: one_kernel(function, *values))(*values)
    np.testing.assert_allclose(found, function(*values), rtol=1e-12)


LARGE = np.random.default_rng(3).normal(size=(8, 200))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x[:8] @ jnp.asarray(LARGE, x.dtype),
        lambda x: (x, x, 2.0, jnp.ones(4)),
        lambda x: (jnp.arange(3), x.max(keepdims=True), 1 - x),
        lambda x: jnp.exp(jax.lax.complex(x, 2 * x)),
    ],
    ids=["constant", "passed", "extremes", "complex"],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_odd_kernels_compile(function, dtype):
    x = jnp.linspace(0.0, 1.0, 1000, dtype=dtype)

    def called(x: jax.Array) -> Any:
        return jax.lax.map(lambda k: one_kernel(function, x * k), jnp.arange(2, dtype=dtype))

    found, right = (
        jax.jit(called)(x),
        jax.lax.map(lambda k: function(x * k), jnp.arange(2, dtype=dtype)),
    )
    for each, expected in zip(jax.tree.leaves(found), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(each, expected, rtol=1e-6)


def test_arguments_that_the_compiler_finds_not_to_be_needed_are_harmless():
    # Where they are not given back, XLA ends the process.
    def function(x: jax.Array, y: jax.Array, z: jax.Array) -> jax.Array:
        return y + jnp.where(jnp.zeros((), bool), x.reshape(2, 1000)[0] + z[:1000], 1.0)

    def called(x: jax.Array, z: jax.Array) -> jax.Array:
        return jax.lax.map(
            lambda k: one_kernel(function, jnp.concatenate([x, x]) * k, x + k, z), jnp.arange(2.0)
        )

    found = jax.jit(called)(jnp.ones(1000), jnp.ones(3000))
    np.testing.assert_array_equal(found, np.array([[2.0], [3.0]]) * np.ones(1000))
