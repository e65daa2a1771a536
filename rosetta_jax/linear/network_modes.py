r"""The modes of a network about its stable fixed point: how each rings, where, and what it adds to a spectrum.

A mode is a root of $\det\Delta(\lambda) = 0$ (`rosetta_jax.linear.characteristic`) with a right vector r, the
shape in which it rings, and a left one l, what excites it. About its root the response of the signals to inputs is

.. math::
    H(\lambda) = \frac{c\,b^T}{\lambda - \lambda_k} + \ldots, \quad
    c = O\,r, \quad b = \frac{(E + B K(\lambda_k) F)^T l}{l^T\Delta'(\lambda_k)\,r}

so that a spectrum is a sum over modes and what is left. Roots found near the imaginary axis
(`rosetta_jax.linear.history`) are made exact by Newton's method on $\Delta$ itself.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Float, Int
from rosetta_jax.linear.characteristic import (
    Characteristic,
    Shape,
    carried_back,
    characteristic,
)
from rosetta_jax.linear.history import roots_near
from rosetta_jax.linear.rightmost import Root, polished
from rosetta_jax.linear.spectrum import Linearisation, about_fixed_point, as_frequencies, response
from rosetta_jax.linear.stability import stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.results import Status
from rosetta_jax.system import Rung

# Roots nearer to each other than this, relative to their size, are one.
_SAME = 1e-7


class NetworkModes(eqx.Module):
    r"""Modes of a network in a band, the least damped first; of a pair the one that turns forward.

    `roots` $\lambda_k$ (modes,) 1/s; `right` and `left` vectors (modes, nodes, s), with $l^T\Delta' r = 1$ and the
    largest entry of `signals` (modes, nodes), how a mode shows in the signals, equal to 1; `inputs` (modes, nodes,
    ports), how inputs at the ports of the noise excite it; `participation` (modes, nodes), the share of each node,
    $|l_i (\Delta' r)_i|$ over their sum. `depth` (1/s): of all modes in the band whose damping is below, none is
    missing; infinite without delays. `status` of the point.
    """

    roots: Complex[np.ndarray, " modes"]
    right: Complex[np.ndarray, "modes nodes s"]
    left: Complex[np.ndarray, "modes nodes s"]
    signals: Complex[np.ndarray, "modes nodes"]
    inputs: Complex[np.ndarray, "modes nodes p"]
    participation: Float[np.ndarray, "modes nodes"]
    depth: float
    status: Int[Array, ""]

    @property
    def frequencies(self) -> Float[np.ndarray, " modes"]:
        r"""How fast each turns, $\mathrm{Im}\,\lambda/2\pi$ (Hz)."""
        return np.imag(self.roots) / (2 * np.pi)

    @property
    def dampings(self) -> Float[np.ndarray, " modes"]:
        r"""How fast each dies away, $-\mathrm{Re}\,\lambda$ (1/s)."""
        return -np.real(self.roots)

    def responses(
        self, frequencies: Float[np.ndarray, " frequencies"]
    ) -> Complex[np.ndarray, "modes frequencies nodes sources p"]:
        """What each mode adds, with the one that turns backward, to the response of signals to inputs."""
        residues = np.einsum("ki,kjp->kijp", self.signals, self.inputs)
        at = 2j * np.pi * np.asarray(frequencies)
        found = []
        for root, residue in zip(self.roots, residues, strict=True):
            forward = residue[None] / (at - root)[:, None, None, None]
            backward = residue.conj()[None] / (at - root.conjugate())[:, None, None, None]
            found.append(forward + (backward if root.imag > 0 else 0))
        return np.stack(found)


def modes(
    system: Network | Rung, number: int = 10, *, band: tuple[float, float] = (0.0, 60.0)
) -> NetworkModes:
    """The `number` least damped modes that turn at frequencies of a `band` (Hz), delays exact.

    There may be fewer, and there are none without a fixed point. Not differentiable; the first root is by
    `rj.linear.rightmost`. Raises `ValueError` for a band or a number that is none.
    """
    network, number = as_network(system), _checks.whole("number", number)
    low, high = (2 * np.pi * edge for edge in _checks.band("band", band))
    linear = about_fixed_point(network)
    judged = stability(network, linear.point)
    of = characteristic(network, linear.blocks)
    if int(judged.status) in (Status.ok, Status.unstable, Status.undecided):
        guesses, vectors, depth = roots_near(of, low, high, number)
    else:
        guesses, vectors, depth = np.zeros(0, complex), np.zeros((0, *of.A.shape[:2]), complex), 0.0
    roots = _polished(of, jnp.asarray(guesses), jnp.asarray(vectors))
    values = np.asarray(roots.value)
    inside = (np.imag(values) >= low - 1e-6 * high) & (np.imag(values) <= high)
    kept = _distinct(values, np.flatnonzero(np.asarray(roots.found) & inside))[:number]
    return _described(
        of, linear, jax.tree.map(lambda leaf: leaf[kept], roots), depth, judged.status
    )


def power_shares(
    found: NetworkModes, system: Network | Rung, frequencies: Any
) -> Float[np.ndarray, "modes frequencies nodes"]:
    r"""The share of each mode in the power spectrum of every signal, without sensor noise.

    With the response $H = \sum_k H_k + \ldots$ to noise of density S it is
    $\mathrm{Re}(H_k S H^*)_{ii} / (H S H^*)_{ii}$: shares of all modes add up to 1, and are negative where a mode
    takes away. What the `found` modes leave out is one less their sum. `frequencies` in Hz.
    """
    network, frequencies = as_network(system), as_frequencies(frequencies)
    linear = about_fixed_point(network)
    noise = np.asarray(linear.inputs_density(2 * jnp.pi * frequencies))
    ports = [response(network, frequencies, port, check=False) for port in network.noise_ports]
    whole = np.stack([np.asarray(each.density) for each in ports], axis=-1)
    power = np.einsum("fijp,fjp,fijp->fi", whole, noise, whole.conj()).real
    each = found.responses(np.asarray(frequencies))
    return np.einsum("kfijp,fjp,fijp->kfi", each, noise, whole.conj()).real / power


@eqx.filter_jit
@full_precision
def _polished(
    of: Characteristic, guesses: Complex[Array, " roots"], vectors: Complex[Array, "roots nodes s"]
) -> Root:
    return jax.lax.map(lambda each: polished(of, *each), (guesses, vectors))


def _distinct(values: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Of the roots `which`, one of those that are the same, the least damped first."""
    kept: list[int] = []
    for each in which[np.argsort(-np.real(values[which]), kind="stable")]:
        apart = np.abs(values[kept] - values[each]) if kept else np.ones(1)
        if (apart > _SAME * (1 + np.abs(values[each]))).all():
            kept.append(int(each))
    return np.array(kept, dtype=int)


# --- what a mode does -------------------------------------------------------------------------------


def _described(
    of: Characteristic, linear: Linearisation, roots: Root, depth: float, status: Int[Array, ""]
) -> NetworkModes:
    blocks = linear.blocks
    values = np.asarray(roots.value)
    right, left = np.asarray(roots.right), np.asarray(roots.left)
    turned = np.asarray(jax.vmap(of.slope)(roots.value, roots.right))
    signals = np.einsum("is,kis->ki", np.asarray(blocks.O), right)
    # Scaled by what is seen of a mode, or where nothing is by itself.
    seen = np.abs(signals).max(axis=1, initial=0) > 1e-9
    flat = np.where(seen[:, None, None], signals[:, :, None], right)
    flat = flat.reshape(len(values), right.shape[1] * right.shape[2])
    scale = flat[np.arange(len(values)), np.argmax(np.abs(flat), axis=1)]
    signals, right, turned = (
        signals / scale[:, None],
        *(each / scale[:, None, None] for each in (right, turned)),
    )
    left = left / np.einsum("kis,kis->k", left, turned)[:, None, None]
    share = np.abs(np.einsum("kis,kis->ki", left, turned))
    entering = np.einsum("kis,isp->kip", left, np.asarray(blocks.E))
    sent = jax.vmap(lambda root, l: _sent_back(of, root, l))(roots.value, jnp.asarray(left))
    inputs = entering + np.einsum("kci,icp->kip", np.asarray(sent), np.asarray(blocks.F))
    return NetworkModes(
        roots=values,
        right=right,
        left=left,
        signals=signals,
        inputs=inputs,
        participation=share / share.sum(axis=1, keepdims=True),
        depth=depth,
        status=status,
    )


def _sent_back(
    of: Characteristic, root: Complex[Array, ""], left: Shape
) -> Complex[Array, "c nodes"]:
    r"""$K^T B^T l$: how what is sent excites a mode."""
    return carried_back(of.links(root), jnp.einsum("nsc,ns->cn", of.B, left))
