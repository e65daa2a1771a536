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
from rosetta_jax._types import Array, Float, Int, Pairwise, Scalar
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear.blocks import Read
from rosetta_jax.linear.solves import factorised, inverse
from rosetta_jax.linear.spectrum import Linearisation, about_fixed_point, cross_density
from rosetta_jax.linear.stability import resolving_frequencies, stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.system import Rung

_HALVINGS = 15
_GAUSS_NODES, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(4)


class LinearConnectivity(eqx.Module):
    """A (nodes, nodes) matrix from theory and a status; NaN throughout where that is no success."""

    matrix: Pairwise
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
    found: Callable[[Linearisation, tuple[float, float] | None], Pairwise],
    read: Read = Network.signal,
) -> LinearConnectivity:
    """A covariance of what is `read`, NaN throughout unless the point is there, stable and finite."""
    linearisation = about_fixed_point(network, read=read)
    status = linearisation.point.status
    if check:
        status = stability(network, linearisation.point).status
    matrix = jax.lax.cond(
        status == Status.ok,
        lambda: found(linearisation, band),
        lambda: jnp.full((network.nodes, network.nodes), jnp.nan, linearisation.blocks.A.dtype),
    )
    status = first_failure(status, status_where(~jnp.all(jnp.isfinite(matrix)), Status.non_finite))
    return LinearConnectivity(jnp.where(status == Status.ok, matrix, jnp.nan), status)


@full_precision
def covariance_of(linearisation: Linearisation, band: tuple[float, float] | None) -> Pairwise:
    """The covariance of the signals, (nodes, nodes), without a judgement of stability."""
    network = linearisation.network
    instant = network.connectome.lengths is None and isinstance(network.noise, WhiteNoise)
    if instant and band is None:
        return _from_lyapunov(linearisation)
    return _from_spectrum(linearisation, band)


def _from_spectrum(linearisation: Linearisation, band: tuple[float, float] | None) -> Pairwise:
    edges = edges_of(linearisation)
    total = integral(lambda omega: _density(linearisation, omega, band), edges, band)
    return total if band is not None else total + _tail(linearisation, edges[-1])


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
    if band is not None:
        low, high = (jnp.asarray(2 * np.pi * edge, edges.dtype) for edge in band)
        edges = jnp.concatenate([low[None], jnp.clip(edges, low, high), high[None]])
    nodes, weights = (jnp.asarray(rule, edges.dtype) for rule in (_GAUSS_NODES, _GAUSS_WEIGHTS))

    def add(total: Pairwise, ends: tuple[Scalar, Scalar]) -> tuple[Pairwise, None]:
        start, stop = ends
        half = (stop - start) / 2

        def panel() -> Pairwise:
            omega = (start + stop) / 2 + half * nodes
            density = jnp.real(density_of(omega))
            return total + half / jnp.pi * jnp.tensordot(weights, density, axes=1)

        return jax.lax.cond(half > 0, panel, lambda: total), None

    shape = jax.eval_shape(density_of, jax.ShapeDtypeStruct(nodes.shape, edges.dtype)).shape[1:]
    zero = jnp.zeros(shape, edges.dtype)
    return jax.lax.scan(jax.checkpoint(add), zero, (edges[:-1], edges[1:]))[0]


def _density(linearisation: Linearisation, omega: Array, band: tuple[float, float] | None) -> Array:
    if band is not None:
        return cross_density(linearisation, omega)
    return cross_density(without_sensor(linearisation), omega)


def without_sensor(linearisation: Linearisation) -> Linearisation:
    """The same without the noise of a sensor."""
    return eqx.tree_at(
        lambda lin: lin.network.sensor, linearisation, None, is_leaf=lambda leaf: leaf is None
    )


def _tail(linearisation: Linearisation, last: Scalar) -> Pairwise:
    blocks = linearisation.blocks
    direct = jnp.einsum("ns,nsp->np", blocks.O, blocks.E)
    density = linearisation.inputs_density(last[None])[0]
    return jnp.diag(jnp.sum(direct**2 * density, axis=1)) / (jnp.pi * last)


def _from_lyapunov(linearisation: Linearisation) -> Pairwise:
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
    state = lyapunov(whole.reshape(size, size), noise.reshape(size, size))
    return jnp.einsum("is,isjt,jt->ij", blocks.O, state.reshape(nodes, s, nodes, s), blocks.O)


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
