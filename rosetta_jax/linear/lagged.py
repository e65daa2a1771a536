r"""Exact covariance and correlations of the signals of a stable network at lags, without simulating.

.. math::
    C(\tau) = E[s(t + \tau)\,s(t)^\top]
    = \frac1\pi \int_0^\infty \mathrm{Re}\,[S(\omega)\,e^{i\omega\tau}]\,d\omega, \qquad C(-\tau) = C(\tau)^\top

the inverse transform of the cross spectrum, delays and coloured noise in it. Between the frequencies that resolve
every mode $S$ is a polynomial through its values at Gauss's nodes, whose product with the turning exponential is
integrated as it is, so that a long lag needs no finer grid than a short one (Filon's rule):

.. math::  \int_{-1}^1 P_n(x)\,e^{i\theta x}\,dx = 2\,i^n j_n(\theta)

with Legendre's polynomials and spherical Bessel functions, to about $10^{-5}$ of the variance. Without delays and
with white noise $C(\tau) = O\,e^{A\tau}\,\Sigma\,O^\top$ of the covariance of the state.

Source: Gilson et al., PLoS Comput. Biol. 12, e1004762 (2016), whose $Q^\tau$ is $C(\tau)^\top$; Filon 1928.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial.legendre import legvander

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Float, Scalar
from rosetta_jax.linear.covariance import (
    GAUSS_NODES,
    GAUSS_WEIGHTS,
    LinearConnectivity,
    counted_density,
    edges_of,
    is_instant,
    judged_covariance,
    over_panels,
    read_out,
    required,
    stationary,
    tail,
)
from rosetta_jax.linear.spectrum import Linearisation
from rosetta_jax.network import Network, as_network
from rosetta_jax.observe.lagged import as_lags, by_zero_lag
from rosetta_jax.system import Rung

# The powers of i and the values of Legendre's polynomials that make weights of Bessel functions.
_ORDERS = np.arange(GAUSS_NODES.size)
_WEIGHTS = (
    ((2 * _ORDERS + 1) * 1j**_ORDERS)[:, None]
    * legvander(GAUSS_NODES, _ORDERS[-1]).T
    * GAUSS_WEIGHTS[None, :]
)
# Terms of an exponential whose matrix is no larger than 1, and how often it may be squared.
_TERMS, _SQUARINGS = 18, 32


def lagged_covariance(
    system: Network | Rung,
    lags: Any,
    *,
    band: tuple[float, float] | None = None,
    check: bool = True,
) -> LinearConnectivity:
    """The covariance of the signals at `lags` (s), of all frequencies or a band (Hz): (lags, nodes, nodes).

    [lag, later, earlier]. Lags of either sign; sensor noise counts only within a band. Differentiable in every
    parameter. With `check` the matrices are NaN where the point is unstable or undecided. Raises `ValueError` for
    lags that are not finite, a band that is empty or a network without noise.
    """
    network = as_network(system)
    return judged_covariance(network, required(network, band), check, AtLags(as_lags(lags)))


def lagged_correlations(
    system: Network | Rung,
    lags: Any,
    *,
    band: tuple[float, float] | None = None,
    check: bool = True,
) -> LinearConnectivity:
    """The same divided by the standard deviations at lag zero: (lags, nodes, nodes).

    What `rosetta_jax.observe.lagged_correlations` tends to for a long simulation.
    """
    found = lagged_covariance(system, (0.0, *as_lags(lags)), band=band, check=check)
    return LinearConnectivity(by_zero_lag(found.matrix), found.status)


class AtLags(eqx.Module):
    """Covariances at lags, as a function that a program is compiled with."""

    lags: tuple[float, ...] = eqx.field(static=True)

    @full_precision
    def __call__(
        self, linearisation: Linearisation, band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        """The covariance of the signals, without a judgement of stability."""
        lags = jnp.asarray(self.lags, linearisation.blocks.A.dtype)
        if band is None and is_instant(linearisation.network):
            return _from_exponential(linearisation, lags)
        return _from_spectrum(linearisation, lags, band)


def lagged_integral(
    density_of: Callable[[Array], Array],
    edges: Float[Array, " edges"],
    band: tuple[float, float] | None,
    lags: Float[Array, " lags"],
) -> Float[Array, "lags nodes nodes"]:
    """The inverse transform of a two-sided cross density at lags (s), of all frequencies or of a band (Hz)."""

    def weighed(density: Array, middle: Scalar, half: Scalar) -> Float[Array, "lags nodes nodes"]:
        turned = jax.lax.complex(jnp.cos(middle * lags), jnp.sin(middle * lags))
        weights = turned[:, None] * _filon(half * lags)
        found = jnp.tensordot(weights.astype(density.dtype), density, axes=1)
        return half / jnp.pi * found.real

    return over_panels(density_of, edges, band, weighed)


def _from_spectrum(
    linearisation: Linearisation,
    lags: Float[Array, " lags"],
    band: tuple[float, float] | None,
) -> Float[Array, "lags nodes nodes"]:
    edges = edges_of(linearisation)
    total = lagged_integral(
        lambda omega: counted_density(linearisation, omega, band), edges, band, lags
    )
    if band is not None:
        return total
    # Beyond the last frequency waves of any other lag cancel.
    return total + jnp.where((lags == 0)[:, None, None], tail(linearisation, edges[-1])[None], 0.0)


def _from_exponential(
    linearisation: Linearisation, lags: Float[Array, " lags"]
) -> Float[Array, "lags nodes nodes"]:
    matrix, state = stationary(linearisation)

    def at(lag: Scalar) -> Float[Array, "nodes nodes"]:
        later = read_out(linearisation, exponential(matrix * jnp.abs(lag)) @ state)
        return jnp.where(lag < 0, later.T, later)

    return jax.lax.map(at, lags)


def exponential(matrix: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """The exponential of a matrix by Taylor's series and squaring: of products alone."""
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    size = jax.lax.stop_gradient(jnp.max(jnp.sum(jnp.abs(matrix), axis=0)))
    squarings = jnp.ceil(jnp.log2(jnp.maximum(size, 1.0)))
    small = matrix / 2**squarings

    def term(total: Array, number: Scalar) -> tuple[Array, None]:
        return identity + small @ total / number, None

    def square(total: Array, number: Scalar) -> tuple[Array, None]:
        return jax.lax.cond(number < squarings, lambda: total @ total, lambda: total), None

    orders = jnp.arange(_TERMS, 0, -1, dtype=matrix.dtype)
    begun = jax.lax.scan(term, identity, orders)[0]
    return jax.lax.scan(square, begun, jnp.arange(_SQUARINGS, dtype=matrix.dtype))[0]


def _filon(theta: Float[Array, " lags"]) -> Complex[Array, "lags 4"]:
    """What values at Gauss's nodes of [-1, 1] weigh in an integral with a wave of `theta` radians."""
    bessel = jnp.stack(_spherical_bessel(theta), axis=-1)
    weights = jnp.asarray(_WEIGHTS, jnp.result_type(1j * np.zeros(1, theta.dtype)))
    return bessel.astype(weights.dtype) @ weights


def _spherical_bessel(theta: Float[Array, " lags"]) -> list[Float[Array, " lags"]]:
    """The first four, of either sign of `theta`; near zero, where closed forms lose digits, from their series."""
    near = jnp.abs(theta) < 1
    at = jnp.where(near, 1.0, theta)
    sine, cosine, inverse = jnp.sin(at), jnp.cos(at), 1 / at
    far = [sine * inverse, (sine * inverse - cosine) * inverse]
    for order in (1, 2):
        far.append((2 * order + 1) * inverse * far[order] - far[order - 1])
    small = jnp.where(near, theta, 0.0)
    return [jnp.where(near, _near_zero(small, order), each) for order, each in enumerate(far)]


def _near_zero(theta: Float[Array, " lags"], order: int) -> Float[Array, " lags"]:
    first = 1 / np.prod(np.arange(1, 2 * order + 2, 2))
    total = jnp.zeros_like(theta)
    for term in range(8, 0, -1):
        total = (1 + total) * (-(theta**2) / (2 * term * (2 * order + 2 * term + 1)))
    return first * theta**order * (1 + total)
