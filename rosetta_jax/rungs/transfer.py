"""Static transfer functions: from a potential or current to a firing rate, with their slopes."""

from typing import Any

import jax

from rosetta_jax._types import Array


def sigmoid(potential: Array, half_rate: Array, threshold: Array, slope: Array) -> Array:
    r"""The logistic rate $2 e_0 / (1 + \exp(\rho (v_0 - v)))$ of a potential $v$.

    `half_rate` $e_0$ (1/s) is the rate at the `threshold` $v_0$ (mV), `slope` is $\rho$ (1/mV); any
    shapes that spread over each other. Source: Jansen and Rit 1995, equation 3.
    """
    return 2 * half_rate * _logistic(slope * (potential - threshold))


def sigmoid_slope(potential: Array, half_rate: Array, threshold: Array, slope: Array) -> Array:
    r"""The derivative $\rho S (1 - S / 2 e_0)$ of `sigmoid` to the potential, per second and mV."""
    return 2 * half_rate * slope * _logistic_slope(slope * (potential - threshold))


@jax.custom_jvp
def _logistic(x: Array) -> Array:
    return jax.nn.sigmoid(x)


@_logistic.defjvp
def _logistic_derivative(primals: tuple[Array], tangents: tuple[Any]) -> tuple[Array, Array]:
    (x,), (change,) = primals, tangents
    return _logistic(x), _logistic_slope(x) * change


def _logistic_slope(x: Array) -> Array:
    # Not S (1 - S), which at saturation loses the digits of a slope that strong synapses then multiply.
    return _logistic(x) * _logistic(-x)
