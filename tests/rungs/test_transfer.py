"""Transfer functions against closed forms, derivatives of every order that is used, and lost digits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.rungs.transfer import sigmoid

HALF_RATE, THRESHOLD, SLOPE = 2.5, 6.0, 0.56
CONSTANTS = tuple(jnp.asarray(each) for each in (HALF_RATE, THRESHOLD, SLOPE))
POTENTIALS = np.linspace(-60.0, 72.0, 67)  # to the far saturation on both sides


def share(v: np.ndarray) -> np.ndarray:
    """The logistic function and, at `-v`, what is missing to one, each with all its digits."""
    return 1 / (1 + np.exp(-SLOPE * v))


def test_the_sigmoid_is_the_logistic_function():
    expected = 2 * HALF_RATE * share(POTENTIALS - THRESHOLD)
    np.testing.assert_allclose(sigmoid(jnp.asarray(POTENTIALS), *CONSTANTS), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_keep_their_digits_at_saturation(dtype):
    # In float64 from the same numbers: what is tested is the arithmetic, not the rounding of inputs.
    rounded = [np.asarray(each, dtype).astype(float) for each in (POTENTIALS, *CONSTANTS)]
    v, half_rate, threshold, slope = rounded
    x = np.asarray(slope * (v - threshold), dtype).astype(float)
    expected = 2 * half_rate * slope / (1 + np.exp(-x)) / (1 + np.exp(x))
    values = [jnp.asarray(each, dtype) for each in rounded]
    found = jax.vmap(jax.grad(sigmoid), in_axes=(0, None, None, None))(*values)
    assert found.dtype == dtype
    # The argument of the exponential, up to 37, is rounded once more.
    np.testing.assert_allclose(found, expected, rtol=60 * np.finfo(dtype).eps)


def test_higher_derivatives_at_the_threshold_are_those_of_the_logistic_function():
    # S = 1/2 + x/4 - x^3/48 + ..., so the second derivative vanishes and the third is -1/8.
    def of_argument(x):
        return sigmoid(THRESHOLD + x / SLOPE, *CONSTANTS) / (2 * HALF_RATE)

    derivatives, function = [], of_argument
    for _ in range(3):
        function = jax.grad(function)
        derivatives.append(float(function(jnp.asarray(0.0))))
    np.testing.assert_allclose(derivatives, [1 / 4, 0, -1 / 8], atol=1e-14)
