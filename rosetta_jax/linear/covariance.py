r"""Exact covariance and functional connectivity of the signals of a stable network.

Without delays and with white noise the covariance of the state solves the Lyapunov equation
$A\Sigma + \Sigma A^T + E\sigma^2 E^T = 0$, here by doubling, which needs products and solves only.
Otherwise, and in a band, it is the integral of the cross spectrum,

.. math::  \mathrm{Cov} = \int_0^\infty 2\,\mathrm{Re}\,S(\omega)\, \frac{d\omega}{2\pi},

by Gauss's rule between frequencies that resolve every mode, with the tail beyond the last of them,
$O E S_u E^T O^T / (\pi\omega_{\max})$: a truncated grid loses that variance.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, CrossSpectrum, Float, Int, Pairwise, Scalar
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear.blocks import Read
from rosetta_jax.linear.solves import factorised, inverse
from rosetta_jax.linear.spectrum import Linearisation, about_fixed_point, cross_density
from rosetta_jax.linear.stability import resolving_frequencies, stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.system import Rung

_HALVINGS = 15
GAUSS_NODES, GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(4)


class LinearConnectivity(eqx.Module):
    """A (nodes, nodes) matrix from theory, or one a lag, and a status; NaN throughout where that is no success."""

    matrix: Float[Array, "*lags nodes nodes"]
    status: Int[Array, ""]


def covariance(
    system: Network | Rung, *, band: tuple[float, float] | None = None, check: bool = True
) -> LinearConnectivity:
    """The covariance of the signals, of all frequencies or of a band (Hz): (nodes, nodes).

    Sensor noise counts only within a band, since white noise has no variance of its own.
    Differentiable in every parameter. With `check` the matrix is NaN where the point is unstable or
    undecided. Raises `ValueError` for a band that is empty or a network without noise.
    """
    network = as_network(system)
    return judged_covariance(network, required(network, band), check, covariance_of)


def functional_connectivity(
    system: Network | Rung, *, band: tuple[float, float] | None = None, check: bool = True
) -> LinearConnectivity:
    """The correlation of the signals, of all frequencies or of a band (Hz): (nodes, nodes).

    The matrix that `rosetta_jax.observe.functional_connectivity` tends to for a long simulation.
    """
    return correlated(covariance(system, band=band, check=check))


def required(network: Network, band: Any) -> tuple[float, float] | None:
    """The checked band. Raises where a network has no noise, and so no covariance."""
    if network.noise is None:
        raise ValueError(
            "`noise` is None: a network without noise has no covariance, give it some such as "
            "rj.WhiteNoise(0.1)."
        )
    return None if band is None else _checks.band("band", band)


def correlated(found: LinearConnectivity) -> LinearConnectivity:
    """The correlation that belongs to a covariance."""
    return LinearConnectivity(correlations(found.matrix), found.status)


def correlations(covariance: Pairwise) -> Pairwise:
    """A covariance divided by standard deviations."""
    scale = jnp.sqrt(jnp.diagonal(covariance))
    return covariance / (scale[:, None] * scale[None, :])


@eqx.filter_jit
@full_precision
def judged_covariance(
    network: Network,
    band: tuple[float, float] | None,
    check: bool,
    found: Callable[[Linearisation, tuple[float, float] | None], Array],
    read: Read = Network.signal,
) -> LinearConnectivity:
    """What is `found` of what is `read`, NaN throughout unless the point is there, stable and finite."""
    linearisation = about_fixed_point(network, read=read)
    status = linearisation.point.status
    if check:
        status = stability(network, linearisation.point).status
    blank = jax.eval_shape(lambda: found(linearisation, band))
    matrix = jax.lax.cond(
        status == Status.ok,
        lambda: found(linearisation, band),
        lambda: jnp.full(blank.shape, jnp.nan, blank.dtype),
    )
    status = first_failure(status, status_where(~jnp.all(jnp.isfinite(matrix)), Status.non_finite))
    return LinearConnectivity(jnp.where(status == Status.ok, matrix, jnp.nan), status)


@full_precision
def covariance_of(linearisation: Linearisation, band: tuple[float, float] | None) -> Pairwise:
    """The covariance of the signals, (nodes, nodes), without a judgement of stability."""
    if band is None and is_instant(linearisation.network):
        return read_out(linearisation, stationary(linearisation)[1])
    return _from_spectrum(linearisation, band)


def is_instant(network: Network) -> bool:
    """Whether the state, driven by white noise without delays, obeys a Lyapunov equation."""
    return network.connectome.lengths is None and isinstance(network.noise, WhiteNoise)


def _from_spectrum(linearisation: Linearisation, band: tuple[float, float] | None) -> Pairwise:
    edges = edges_of(linearisation)
    total = integral(lambda omega: counted_density(linearisation, omega, band), edges, band)
    return total if band is not None else total + tail(linearisation, edges[-1])


def edges_of(linearisation: Linearisation) -> Float[Array, " edges"]:
    """Angular frequencies (rad/s) in order, from 0, between which a network and its noise change little."""
    network = linearisation.network
    edges = resolving_frequencies(network, linearisation.blocks)
    if isinstance(network.noise, WhiteNoise):
        return edges
    # Slow noise has a peak at zero that no mode tells of.
    halved = 0.5 ** jnp.arange(_HALVINGS, 0, -1, dtype=edges.dtype)
    return jnp.concatenate([edges[:1], edges[1] * halved, edges[1:]])


def integral(
    density_of: Callable[[Array], Array],
    edges: Float[Array, " edges"],
    band: tuple[float, float] | None,
) -> Pairwise:
    """The integral of twice a two-sided cross density over positive frequencies, or over a band (Hz)."""

    def weighed(density: Array, middle: Scalar, half: Scalar) -> Pairwise:
        weights = jnp.asarray(GAUSS_WEIGHTS, half.dtype)
        return half / jnp.pi * jnp.tensordot(weights, jnp.real(density), axes=1)

    return over_panels(density_of, edges, band, weighed)


def over_panels(
    density_of: Callable[[Array], Array],
    edges: Float[Array, " edges"],
    band: tuple[float, float] | None,
    weighed: Callable[[Array, Scalar, Scalar], Array],
) -> Array:
    """The sum over panels between edges, or within a band (Hz), of `weighed(density, middle, half)`.

    The density is at the four Gauss nodes of a panel, of this middle and half width (rad/s).
    """
    if band is not None:
        low, high = (jnp.asarray(2 * np.pi * edge, edges.dtype) for edge in band)
        edges = jnp.concatenate([low[None], jnp.clip(edges, low, high), high[None]])
    nodes = jnp.asarray(GAUSS_NODES, edges.dtype)

    def panel(start: Scalar, stop: Scalar) -> Array:
        middle, half = (start + stop) / 2, (stop - start) / 2
        return weighed(density_of(middle + half * nodes), middle, half)

    def add(total: Array, ends: tuple[Scalar, Scalar]) -> tuple[Array, None]:
        return jax.lax.cond(ends[1] > ends[0], lambda: total + panel(*ends), lambda: total), None

    found = jax.eval_shape(panel, edges[0], edges[1])
    zero = jnp.zeros(found.shape, found.dtype)
    return jax.lax.scan(jax.checkpoint(add), zero, (edges[:-1], edges[1:]))[0]


def counted_density(
    linearisation: Linearisation, omega: Array, band: tuple[float, float] | None
) -> CrossSpectrum:
    """The two-sided cross density that counts: sensor noise within a band alone."""
    if band is not None:
        return cross_density(linearisation, omega)
    return cross_density(without_sensor(linearisation), omega)


def without_sensor(linearisation: Linearisation) -> Linearisation:
    """The same without the noise of a sensor."""
    return eqx.tree_at(
        lambda lin: lin.network.sensor, linearisation, None, is_leaf=lambda leaf: leaf is None
    )


def tail(linearisation: Linearisation, last: Scalar) -> Pairwise:
    """The covariance of what lies beyond the last frequency (rad/s)."""
    blocks = linearisation.blocks
    direct = jnp.einsum("ns,nsp->np", blocks.O, blocks.E)
    density = linearisation.inputs_density(last[None])[0]
    return jnp.diag(jnp.sum(direct**2 * density, axis=1)) / (jnp.pi * last)


def stationary(
    linearisation: Linearisation,
) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
    """Of an instant network the matrix of its whole state, nodes lead, and the covariance of that state."""
    network, blocks = linearisation.network, linearisation.blocks
    nodes, s = network.nodes, blocks.A.shape[-1]
    identity = jnp.eye(nodes, dtype=blocks.A.dtype)
    links = network.links()
    between = "isc,ij,jct->isjt" if links.ndim == 2 else "isc,cdij,jdt->isjt"
    whole = jnp.einsum("ij,ist->isjt", identity, blocks.A) + jnp.einsum(
        between, blocks.B, links, blocks.S
    )
    density = linearisation.inputs_density(jnp.ones(1, blocks.A.dtype))[0]
    noise = jnp.einsum("ij,isp,ip,itp->isjt", identity, blocks.E, density, blocks.E)
    size = nodes * s
    matrix = whole.reshape(size, size)
    return matrix, lyapunov(matrix, noise.reshape(size, size))


def read_out(linearisation: Linearisation, state: Float[Array, "n n"]) -> Pairwise:
    """The covariance of the signals that a covariance of the whole state makes."""
    O = linearisation.blocks.O
    nodes, s = O.shape
    return jnp.einsum("is,isjt,jt->ij", O, state.reshape(nodes, s, nodes, s), O)


def lyapunov(A: Float[Array, "n n"], Q: Float[Array, "n n"]) -> Float[Array, "n n"]:
    r"""The solution of $A X + X A^T + Q = 0$ for stable `A`, by doubling after a Cayley transform.

    Differentiable forward and reverse, through the equation itself. Not finite where `A` is unstable.
    """

    def operator(X: Array) -> Array:
        return -(A @ X + X @ A.T)

    def solve(matrix: Array) -> Any:
        return lambda _, right: _doubling(matrix, right)

    return jax.lax.custom_linear_solve(operator, Q, solve(A), solve(A.T))


def _doubling(A: Array, Q: Array) -> Array:
    identity = jnp.eye(A.shape[0], dtype=A.dtype)
    # The shift that serves best lies between the slowest and the fastest mode.
    shift = jnp.exp(jnp.mean(jnp.log(jnp.abs(factorised(A).diagonal))))
    shifted = inverse(shift * identity - A)
    step = shifted @ (shift * identity + A)
    begin = 2 * shift * shifted @ Q @ shifted.T

    def going(carry: tuple[Array, Array, Int[Array, ""]]) -> Array:
        step, _, number = carry
        return (number < 50) & (jnp.max(jnp.abs(step)) > jnp.finfo(A.dtype).eps)

    def double(carry: tuple[Array, Array, Int[Array, ""]]) -> Any:
        step, total, number = carry
        return step @ step, total + step @ total @ step.T, number + 1

    return jax.lax.while_loop(going, double, (step, begin, jnp.int32(0)))[1]
