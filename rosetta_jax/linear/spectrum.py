r"""Exact spectra of a delayed network about its fixed point, without simulating.

With noise of two-sided density $S_u$ at each node and port and $X = Q K (I - T K)^{-1} T_u + D$,

.. math::  S_{\text{signal}}(\omega) = X S_u X^H + S_{\text{sensor}}, \qquad P(f) = 2\, S_{ii}(2\pi f)

Power needs only the diagonal, and its derivative is cheaper than that of $X$: with $Z = Q (I - K T)^{-1}$, $Y =
(I - KT)^{-1} K$ and $U = (I + T Y)\, T_u S_u X^H$,

.. math::
    dP_i = 2\,\mathrm{Re}\,[\,dQ\, Y T_u S_u X^H + Z\, dK\, U + Z K (dT\, Y T_u + dT_u) S_u X^H
    + dD\, S_u X^H]_{ii}

one product for each parameter that moves a delay or weight between regions, none for the others: what belongs to a
region alone, its loop with $dK_{jj}$ among it, weighs $Z_{ij} U_{ji}$ and its like, so that numbers of regions are
free in fits by the hundred. (The change of a spectrum that
Castaldo et al., arXiv 2512.10982, rung 2, print for a change $dM$ of the network's matrix, $R\,[dM\,\Sigma +
\Sigma\,dM^H] R^H$, has the right integral over frequencies and is wrong at each of them.)
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, CrossSpectrum, Float, Int, Scalar, Spectrum
from rosetta_jax.linear.blocks import (
    Blocks,
    Read,
    Responses,
    into,
    loop,
    node_responses,
    over_frequencies,
    product,
    through,
    transport_at,
)
from rosetta_jax.linear.fixed_point import FixedPoint, fixed_point, linearised
from rosetta_jax.linear.solves import inverse
from rosetta_jax.linear.stability import stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.links import Links
from rosetta_jax.network.self_loop import apart
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.system import Rung, ports


class LinearSpectrum(eqx.Module):
    """A spectrum from theory: `frequencies` (Hz), `density`, one-sided per hertz, and a status.

    `density` is (frequencies, nodes) for power and (frequencies, nodes, nodes) for cross spectra, NaN
    throughout where `status` is no success: the spectrum of an unstable point looks fine and means
    nothing.
    """

    frequencies: Float[Array, " frequencies"]
    density: Array
    status: Int[Array, ""]


class Linearisation(eqx.Module):
    """A network about its fixed point: what every spectrum is made from, of what its blocks read.

    `network` has its loops as links; `given` is the same as it was given, where it has some.
    """

    network: Network
    point: FixedPoint
    blocks: Blocks
    given: Network | None = None

    def inputs_density(
        self, omega: Float[Array, " frequencies"]
    ) -> Float[Array, "frequencies n p"]:
        """Two-sided density of the noise at each node and port."""
        noise = self.network.noise
        shape = (omega.shape[0], self.network.nodes, len(self.network.noise_ports))
        if noise is None:
            return jnp.zeros(shape, dtype=omega.dtype)
        return jnp.broadcast_to(_nodal(noise.density(omega))[:, :, None], shape)

    def sensor_density(self, omega: Float[Array, " frequencies"]) -> Float[Array, "frequencies n"]:
        """Two-sided density of the sensor noise of each node."""
        shape = (omega.shape[0], self.network.nodes)
        if self.network.sensor is None:
            return jnp.zeros(shape, dtype=omega.dtype)
        return jnp.broadcast_to(_nodal(self.network.sensor.density(omega)), shape)


def about_fixed_point(
    network: Network, ports: tuple[str, ...] | None = None, read: Read = Network.signal
) -> Linearisation:
    """`network` linearised about its fixed point, with inputs at `ports`, by default those of its noise."""
    given, network = network, as_network(network)
    point = fixed_point(network)
    ports = network.noise_ports if ports is None else ports
    blocks = linearised(network, point, ports, read)
    return Linearisation(network, point, blocks, None if given.self_gain is None else given)


def power_spectrum(
    system: Network | Rung, frequencies: Any, *, check: bool = True
) -> LinearSpectrum:
    """The exact power spectrum of every node's signal, one-sided per hertz: (frequencies, nodes).

    `frequencies` in Hz, above zero. Noise, delays and sensor noise of `system` enter exactly; the
    network is linearised about its fixed point, so the noise must be small enough for the rung.
    Differentiable in every parameter, gain, speed and weights included. With `check` stability is
    decided first and the density is NaN where the point is unstable or undecided.
    """
    network = as_network(system)
    require_noise(network)
    return judged_spectrum(
        network, as_frequencies(frequencies), network.noise_ports, check, power_density
    )


@full_precision
def power_density(linearisation: Linearisation, omega: Float[Array, " frequencies"]) -> Spectrum:
    """Two-sided power density at angular frequencies, without a judgement of stability."""
    noise = linearisation.inputs_density(omega)

    nodes = node_responses(linearisation.blocks)
    between, own_at = _between_and_own(linearisation)

    def at(omega: Scalar, noise: Float[Array, "nodes p"]) -> Float[Array, " nodes"]:
        return _power(nodes(omega), transport_at(between, omega), own_at(omega), noise)

    return over_frequencies(at, omega, noise) + linearisation.sensor_density(omega)


def _between_and_own(
    linearisation: Linearisation,
) -> tuple[Network, Callable[[Scalar], Complex[Array, " nodes"]]]:
    """The network whose links the rule of `_power` knows, and the loop of each node at a frequency (rad/s)."""
    network = linearisation.network
    if linearisation.given is None:
        nothing = jnp.zeros(network.nodes, network.connectome.weights.dtype)
        return network, lambda omega: jax.lax.complex(nothing, nothing)
    between, gain, delay = apart(linearisation.given)

    def own(omega: Scalar) -> Complex[Array, " nodes"]:
        return jax.lax.complex(gain * jnp.cos(omega * delay), -gain * jnp.sin(omega * delay))

    return between, own


def cross_spectrum(
    system: Network | Rung, frequencies: Any, *, check: bool = True
) -> LinearSpectrum:
    r"""The exact cross spectrum $E[s_i \bar s_j]$, one-sided per hertz: (frequencies, nodes, nodes)."""
    network = as_network(system)
    require_noise(network)
    return judged_spectrum(
        network, as_frequencies(frequencies), network.noise_ports, check, cross_density
    )


@full_precision
def cross_density(
    linearisation: Linearisation, omega: Float[Array, " frequencies"]
) -> CrossSpectrum:
    """Two-sided cross density at angular frequencies, without a judgement of stability."""
    noise = linearisation.inputs_density(omega)
    sensor = linearisation.sensor_density(omega)

    transfer = _transfer(linearisation)

    def at(omega: Scalar, noise: Array, sensor: Array) -> Complex[Array, "nodes nodes"]:
        X = transfer(omega)
        density = jnp.einsum("ijp,jp,kjp->ik", X, noise.astype(X.dtype), X.conj())
        return density + jnp.diag(sensor).astype(X.dtype)

    return over_frequencies(at, omega, noise, sensor)


def coherence(system: Network | Rung, frequencies: Any, *, check: bool = True) -> LinearSpectrum:
    r"""The squared coherence $|S_{ij}|^2 / (S_{ii} S_{jj})$, between 0 and 1."""
    found = cross_spectrum(system, frequencies, check=check)
    power = jnp.real(jnp.diagonal(found.density, axis1=1, axis2=2))
    squared = jnp.abs(found.density) ** 2 / (power[:, :, None] * power[:, None, :])
    return LinearSpectrum(found.frequencies, squared, found.status)


def response(
    system: Network | Rung,
    frequencies: Any,
    port: str,
    *,
    check: bool = True,
) -> LinearSpectrum:
    """The response of every signal to an oscillating input at `port` of each node.

    `density` holds the complex transfer function (frequencies, target, source): unit of the signal
    per unit of the port. A sinusoid $a e^{i\\omega t}$ at a node gives `density * a` at every other.
    """
    network = as_network(system)
    _checks.one_of("port", port, ports(network.rung))
    found = judged_spectrum(network, as_frequencies(frequencies), (port,), check, _transfers)
    return LinearSpectrum(found.frequencies, found.density[..., 0] / 2, found.status)


def _transfers(
    linearisation: Linearisation, omega: Float[Array, " frequencies"]
) -> Complex[Array, "frequencies nodes nodes p"]:
    return over_frequencies(_transfer(linearisation), omega)


def _transfer(
    linearisation: Linearisation,
) -> Callable[[Scalar], Complex[Array, "nodes nodes p"]]:
    """`X`, from every input of every node to every signal, as a function of angular frequency."""
    nodes = node_responses(linearisation.blocks)

    def at(omega: Scalar) -> Complex[Array, "nodes nodes p"]:
        _, _, X = _routes(nodes(omega), transport_at(linearisation.network, omega))
        return X

    return at


def _routes(
    node: Responses, K: Links
) -> tuple[
    Complex[Array, "cn cn"], Complex[Array, "nodes c nodes"], Complex[Array, "nodes nodes p"]
]:
    """`W = (I - K T)^-1` over all channels, `Z K = Q W K`, and `X`."""
    nodes, channels = node.Q.shape
    W = inverse(jnp.eye(channels * nodes, dtype=K.dtype) - loop(K, node.T))
    Z = _leaving(node, W)
    ZK = into(Z, K)
    own = jnp.einsum("ip,ij->ijp", node.D, jnp.eye(nodes, dtype=K.dtype))
    return W, ZK, jnp.einsum("icj,jcp->ijp", ZK, node.T_u) + own


def _leaving(node: Responses, W: Complex[Array, "cn cn"]) -> Complex[Array, "nodes c nodes"]:
    """`Z = Q W`."""
    nodes, channels = node.Q.shape
    return jnp.einsum("id,dicj->icj", node.Q, W.reshape(channels, nodes, channels, nodes))


@jax.custom_jvp
def _power(
    node: Responses, K: Links, own: Complex[Array, " nodes"], noise: Float[Array, "nodes p"]
) -> Float[Array, " nodes"]:
    _, _, X = _routes(node, _with_own(K, own))
    return jnp.einsum("ijp,jp->i", X.real**2 + X.imag**2, noise)


def _power_derivative(primals: Any, tangents: Any) -> tuple[Array, Array]:
    """The rule of the module's top. What does not move comes as a symbol, and costs nothing."""
    node, K, own, noise = primals
    d_node, d_K, d_own, d_noise = tangents
    nodes, channels = node.Q.shape
    K = _with_own(K, own)
    W, ZK, X = _routes(node, K)
    squared = X.real**2 + X.imag**2
    power = jnp.einsum("ijp,jp->i", squared, noise)
    weighed = noise.astype(X.dtype)[None] * X.conj()
    G = jnp.einsum("jcp,ijp->cji", node.T_u, weighed)
    KG = through(K, G).reshape(channels * nodes, nodes)
    YG = product(W, KG).reshape(channels, nodes, nodes)
    # Weights of what moves, made before it is known: many tangents at once are then one product of matrices.
    parts = [
        (d_node.Q, lambda: jnp.einsum("cii,ij->ijc", YG, jnp.eye(nodes, dtype=YG.dtype))),
        (d_node.T, lambda: jnp.einsum("icj,dji->ijcd", ZK, YG)),
        (d_node.T_u, lambda: jnp.einsum("icj,ijp->ijcp", ZK, weighed)),
        (d_node.D, lambda: jnp.einsum("iip,ij->ijp", weighed, jnp.eye(nodes, dtype=YG.dtype))),
    ]
    change = jnp.zeros(nodes, X.dtype)
    if _moves(d_K) or _moves(d_own):
        U = G + jnp.einsum("jcd,dji->cji", node.T, YG)
        Z = _leaving(node, W)
        parts.append((d_own, lambda: jnp.einsum("icj,cji->ij", Z, U)))
        if _moves(d_K):
            change = jnp.einsum("icj,cji->i", Z, through(d_K, U))
    for moved, weights in parts:
        if _moves(moved):
            change = change + product(weights().reshape(nodes, -1), moved.reshape(-1, 1))[:, 0]
    moved = 2 * change.real
    if _moves(d_noise):
        moved = moved + jnp.einsum("ijp,jp->i", squared, d_noise)
    return power, moved


_power.defjvp(full_precision(_power_derivative), symbolic_zeros=True)


def _moves(tangent: Any) -> bool:
    return not isinstance(tangent, SymbolicZero)


def _with_own(K: Links, own: Complex[Array, " nodes"]) -> Links:
    """Links with the loop of every node to itself, which sends each channel to its like."""
    loops = jnp.diag(own)
    if K.ndim == 2:
        return K + loops
    return K + jnp.einsum("cd,ij->cdij", jnp.eye(len(K), dtype=K.dtype), loops)


@eqx.filter_jit
@full_precision
def judged_spectrum(
    network: Network,
    frequencies: Float[Array, " frequencies"],
    noise_ports: tuple[str, ...],
    check: bool,
    density_of: Callable[[Linearisation, Array], Array],
    read: Read = Network.signal,
) -> LinearSpectrum:
    """Twice a two-sided density, NaN throughout unless the point is there, stable and finite."""
    linearisation = about_fixed_point(network, noise_ports, read)
    status = linearisation.point.status
    if check:
        status = stability(network, linearisation.point).status

    def judged() -> Array:
        return 2 * density_of(linearisation, 2 * jnp.pi * frequencies)

    # Judged first: an unstable point costs no spectrum, and the two never run at the same time.
    blank = jax.tree.map(
        lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), jax.eval_shape(judged)
    )
    density = jax.lax.cond(status == Status.ok, judged, lambda: blank)
    status = first_failure(status, status_where(~jnp.all(jnp.isfinite(density)), Status.non_finite))
    density = jnp.where(status == Status.ok, density, jnp.full_like(density, jnp.nan))
    return LinearSpectrum(frequencies, density, status)


def as_frequencies(frequencies: Any) -> Float[Array, " frequencies"]:
    """A list of frequencies in Hz, above zero, as an array."""
    array = _checks.as_float_array(frequencies, "frequencies")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"`frequencies` must be a list of hertz, got shape {array.shape}.")
    return _checks.positive("frequencies", array, "Hz")


def _nodal(density: Array) -> Array:
    return density if density.ndim == 2 else density[:, None]


def require_noise(network: Network) -> None:
    """Raise where a network has no noise, and so no spectrum."""
    if network.noise is None:
        raise ValueError(
            "`noise` is needed: a network without noise has no spectrum; give rj.WhiteNoise(sigma)."
        )
