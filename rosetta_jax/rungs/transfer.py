"""Static transfer functions: from a potential or current to a firing rate, with their slopes."""

import jax

from rosetta_jax._types import Array


def sigmoid(potential: Array, half_rate: Array, threshold: Array, slope: Array) -> Array:
    r"""The logistic rate $2 e_0 / (1 + \exp(\rho (v_0 - v)))$ of a potential $v$.

    `half_rate` $e_0$ (1/s) is the rate at the `threshold` $v_0$ (mV), `slope` is $\rho$ (1/mV); any
    shapes that spread over each other. Source: Jansen and Rit 1995, equation 3.
    """
    return 2 * half_rate * jax.nn.sigmoid(slope * (potential - threshold))


def sigmoid_slope(potential: Array, half_rate: Array, threshold: Array, slope: Array) -> Array:
    r"""The derivative $\rho S (1 - S / 2 e_0)$ of `sigmoid` to the potential, per second and mV."""
    share = jax.nn.sigmoid(slope * (potential - threshold))
    return 2 * half_rate * slope * share * (1 - share)
