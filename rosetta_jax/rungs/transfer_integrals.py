r"""Firing rates of noisy neurons as integrals, by fixed nodes that follow the integrand.

Each function gives the rate in units of the inverse membrane time, $\tau r$, of numbers `()`, from
the mean time between spikes. Integrals over voltages grow and vanish exponentially; written as below
each has one peak on a half-line, whose place and height are known, so that one recipe serves all of
them and neither tail overflows.

**Recipe.** From zero to the near edge of the peak, or to a quarter of the far end, 64 nodes lie at
logarithmic distances, which resolves whatever structure there is near zero; from there to the far
end there are the 64 of Gauss and Legendre. At the ends the integrand has fallen by $e^{-50}$. Derivatives
hold the nodes where they are, to which the integral is indifferent.

**Accuracy.** In float64 rates above $10^{-280}$ are good to $10^{-9}$ of themselves, their derivatives to
$10^{-6}$ of the gradient and the rate; in float32 rates above $10^{-30}$ to $10^{-5}$, the arguments being
exact. Smaller rates end at zero, with slope zero.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient

from rosetta_jax._types import Array, Float, Scalar

_NODES = 64
# What an integrand has lost at the ends: e^-50 of its peak.
_FALL = 50.0
# The nearest structure to zero that is resolved, as a share of where the logarithmic nodes end.
_FINEST = 1e-8


def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


def _logarithmic() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on (0, 1), evenly spread in log distance from zero down to `_FINEST`."""
    nodes, weights = _gauss_legendre()
    length = np.arcsinh(1 / _FINEST)
    return _FINEST * np.sinh(length * nodes), _FINEST * length * np.cosh(length * nodes) * weights


_EVEN, _EVEN_WEIGHTS = _gauss_legendre()
_LOG, _LOG_WEIGHTS = _logarithmic()


def _half_line(near: Scalar, far: Scalar) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """Nodes and weights from zero to `far`, evenly spread from `near` on."""
    split = jnp.maximum(near, far / 4)
    even, even_weights, log, log_weights = (
        jnp.asarray(each, far.dtype) for each in (_EVEN, _EVEN_WEIGHTS, _LOG, _LOG_WEIGHTS)
    )
    nodes = jnp.concatenate([split * log, split + (far - split) * even])
    return nodes, jnp.concatenate([split * log_weights, (far - split) * even_weights])


@jax.jit
def quadratic(current: Scalar) -> Scalar:
    r"""The QIF neuron $\dot V = V^2 + k + \xi$ in Gaussian white noise of unit strength.

    .. math::  1/(\tau r) = 2\sqrt\pi \int_0^\infty e^{-u^6/48 - k u^2}\,du
    """
    k = stop_gradient(current)
    size = jnp.abs(k)
    # For k < 0 the peak is at u^4 = 16|k|; about it the exponent falls as 4|k| (u - peak)^2.
    peak = jnp.where(k < 0, 2 * size**0.25, 0.0)
    width = jnp.sqrt(_FALL / (jnp.where(k < 0, 2.3, 1.0) * size))
    height = jnp.where(k < 0, 8 / 3 * size**1.5, 0.0)
    far = peak + jnp.minimum(width, (48 * _FALL) ** (1 / 6))
    u, weights = _half_line(peak - width, far)
    integral = jnp.sum(weights * jnp.exp(-(u**6) / 48 - current * u * u - height))
    return jnp.exp(-height) / (2 * math.sqrt(math.pi) * integral)


@jax.jit
def leaky(to_threshold: Scalar, to_climb: Scalar) -> Scalar:
    r"""The LIF neuron, from its distances in units of the noise: $b$ from input to threshold, $d$ from reset.

    .. math::
        1/(\tau r) = \sqrt\pi \int_{b-d}^{b} e^{x^2}(1+\mathrm{erf}\,x)\,dx
        = \int_0^\infty e^{-t^2 + 2bt}\,\frac{1 - e^{-2dt}}{t}\,dt

    by $e^{x^2}(1+\mathrm{erf}\,x) = (2/\sqrt\pi)\int_0^\infty e^{-t^2+2xt}\,dt$.
    """
    b, d = to_threshold, to_climb
    peak = stop_gradient(jnp.maximum(b, 0.0))
    # Beside the peak the exponent falls as a square; where b < 0, first in proportion.
    slope = stop_gradient(jnp.minimum(b, 0.0))
    far = peak + _FALL / (jnp.sqrt(slope * slope + _FALL) - slope)
    t, weights = _half_line(peak - math.sqrt(_FALL), far)
    exponent = -((t - peak) ** 2) + 2 * (b - peak) * t
    integral = jnp.sum(weights * jnp.exp(exponent) * -jnp.expm1(-2 * d * t) / t)
    return jnp.exp(-peak * peak) / integral


@jax.jit
def exponential(stiffness: Scalar, current: Scalar, reset: Scalar, threshold: Scalar) -> Scalar:
    r"""The EIF neuron $\dot x = -x + j + e^x + \xi/D$ in units of the sharpness $D$ from the soft threshold.

    `stiffness` is $\beta = 2D^2/s^2$ for noise of strength $s$. With $\omega = x - y$ the distance between the
    voltages $y \le x$ of the double integral of $e^{\beta[F(y) - F(x)]}$, $F(x) = -x^2/2 + jx + e^x$,

    .. math::
        1/(\tau r) = \beta\int_0^\infty d\omega\int_{x_r}^{x_t} dx\;
        e^{\beta\,[-\omega^2/2 - j\omega + \omega x - (1 - e^{-\omega})\,e^x]}

    The exponent is concave in $x$, and its maximum over $x$ is concave in $\omega$.
    """
    fixed = stop_gradient((stiffness, current, threshold))
    near, far, height = _outer_window(*fixed)
    omega, outer_weights = _half_line(near, far)
    x, weights = jax.vmap(_inner_nodes, in_axes=(0, None, None, None))(
        omega, fixed[0], reset, threshold
    )
    omega = omega[:, None]
    phi = omega * (x - omega / 2 - current) + jnp.expm1(-omega) * jnp.exp(x)
    inner = jnp.sum(weights * jnp.exp(stiffness * phi - height), axis=1)
    return jnp.exp(-height) / (stiffness * jnp.sum(outer_weights * inner))


def _inner_nodes(
    omega: Scalar, stiffness: Scalar, reset: Scalar, threshold: Scalar
) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
    """Nodes and weights in x, where the integrand is `exp(a x - A e^x)`: a slow rise, then a cliff."""
    a, A = stiffness * omega, -stiffness * jnp.expm1(-omega)
    cliff = jnp.log(jnp.maximum(a, 1.0) / A)
    beyond = jnp.minimum(jnp.sqrt(2 * _FALL / a), 1 + jnp.log1p(_FALL / jnp.maximum(a, 1.0)))
    before = jnp.where(a > 3 * _FALL, jnp.sqrt(3 * _FALL / a), 1 + _FALL / a)
    peak = jnp.minimum(jnp.log(a / A), stop_gradient(threshold))
    # Reset and threshold move with their parameters, what the fall of the integrand sets does not.
    high = jnp.minimum(threshold, cliff + beyond)
    low = jnp.maximum(reset, peak - before)
    middle = jnp.clip(cliff - 6, low, high)
    even, even_weights = jnp.asarray(_EVEN, omega.dtype), jnp.asarray(_EVEN_WEIGHTS, omega.dtype)
    nodes = [low + (middle - low) * even, middle + (high - middle) * even]
    weights = [(middle - low) * even_weights, (high - middle) * even_weights]
    return jnp.concatenate(nodes), jnp.concatenate(weights)


def _outer_window(
    stiffness: Scalar, current: Scalar, threshold: Scalar
) -> tuple[Scalar, Scalar, Scalar]:
    """Where the integral over omega begins and ends to matter, and its largest exponent."""
    bound = current < -1 - 1e-6
    rest, brink = _equilibria(jnp.where(bound, current, -2.0))
    brink = jnp.minimum(brink, threshold)
    peak = jnp.where(bound, jnp.maximum(brink - rest, 0.0), 0.0)
    inside = peak > 0
    # The steepest, the most curved and the flattest the exponent can be: each bounds the fall.
    first = jnp.minimum(threshold, 0.0)
    slope = jnp.where(inside, 0.0, stiffness * (current - first + jnp.exp(first)))
    softness = 1 / -jnp.expm1(rest) + jnp.where(
        brink < threshold, 1 / jnp.expm1(jnp.maximum(brink, 1e-6)), 0.0
    )
    variance = softness / stiffness
    flat = _FALL / (0.78 * stiffness)
    flattest = jnp.where(
        flat < 8 / 3, (24 * flat) ** (1 / 3), 2 + jnp.sqrt(jnp.maximum(2 * flat - 4 / 3, 0.0))
    )
    ahead = jnp.minimum(flattest, _FALL / jnp.maximum(slope, 1e-30))
    ahead = jnp.where(inside, jnp.minimum(ahead, jnp.sqrt(2 * _FALL * variance)), ahead)
    behind = jnp.sqrt(4 * _FALL * variance)
    top = jnp.maximum(peak, 1e-6)
    x = jnp.minimum(jnp.log(top / -jnp.expm1(-top)), threshold)
    height = stiffness * (top * (x - top / 2 - current) + jnp.expm1(-top) * jnp.exp(x))
    return (
        jnp.where(inside, peak - behind, 0.0),
        peak + ahead,
        jnp.where(inside, height, 0.0),
    )


def _equilibria(current: Scalar) -> tuple[Scalar, Scalar]:
    """The stable and the unstable root of `x - e^x = current` below -1, by Newton from outside."""

    def newton(_: Any, roots: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        rest, brink = (x + (x - jnp.exp(x) - current) / jnp.expm1(x) for x in roots)
        return rest, brink

    return jax.lax.fori_loop(0, 10, newton, (current, 1 + jnp.log1p(-current)))
