r"""The characteristic matrix of a linearised network, and its inverse by small systems a node and one of channels.

A perturbation $x(t) = u\,e^{\lambda t}$ lives where $\Delta(\lambda)\,u = 0$, with the blocks of
`rosetta_jax.linear.blocks`, $R = (\lambda - A)^{-1}$ and $T = S R B$ of every node:

.. math::
    \Delta(\lambda) = \lambda - A - B K(\lambda) S, \quad K_{ij} = C_{ij}\,e^{-\lambda\tau_{ij}} \\
    \Delta^{-1} = R + R B\,(I - K T)^{-1} K S R, \qquad \Delta' = 1 + B\,(\tau K)\,S

Between node modes that are hardly coupled the determinant of $I - KT$ has poles beside its zeros; that of
$\Delta$ has zeros alone, which are the modes.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Complex
from rosetta_jax.linear.blocks import Blocks, loop
from rosetta_jax.linear.resolvent import Resolvent, resolvent
from rosetta_jax.linear.solves import factorised
from rosetta_jax.network import Network
from rosetta_jax.network.links import Links, carried, delayed_by

# A perturbation of the state, by node.
Shape = Complex[Array, "nodes s"]


class Characteristic(eqx.Module):
    r"""$\Delta(\lambda)$ of a network at a fixed point; vectors are (nodes, s). All arrays are complex."""

    A: Complex[Array, "nodes s s"]
    B: Complex[Array, "nodes s c"]
    S: Complex[Array, "nodes c s"]
    weights: Links
    delays: Complex[Array, "nodes nodes"] | None
    nodes: Resolvent

    def links(self, root: Complex[Array, ""], power: int = 0) -> Links:
        r"""$\tau^p K(\lambda)$, `[target, source]`."""
        if self.delays is None:
            return jnp.zeros_like(self.weights) if power else self.weights
        return delayed_by(self.weights, self.delays**power * jnp.exp(-root * self.delays))

    def of(self, root: Complex[Array, ""], u: Shape) -> Shape:
        r"""$\Delta(\lambda)\,u$."""
        own = root * u - jnp.einsum("nst,nt->ns", self.A, u)
        return own - self._coupled(self.links(root), u)

    def slope(self, root: Complex[Array, ""], u: Shape) -> Shape:
        r"""$\Delta'(\lambda)\,u$."""
        return u + self._coupled(self.links(root, 1), u)

    def slope_transposed(self, root: Complex[Array, ""], left: Shape) -> Shape:
        r"""$\Delta'(\lambda)^T l$."""
        entering = jnp.einsum("nsc,ns->cn", self.B, left)
        back = carried_back(self.links(root, 1), entering)
        return left + jnp.einsum("ncs,cn->ns", self.S, back)

    def _coupled(self, links: Links, u: Shape) -> Shape:
        sent = jnp.einsum("ncs,ns->cn", self.S, u)
        return jnp.einsum("nsc,cn->ns", self.B, carried(links, sent))

    def inverse(
        self, root: Complex[Array, ""]
    ) -> tuple[Callable[[Shape], Shape], Callable[[Shape], Shape]]:
        r"""Functions that multiply by $\Delta^{-1}(\lambda)$, and by its transpose."""
        B, S, R, K = self.B, self.S, _at(self.nodes, root), self.links(root)
        T = jnp.einsum("ncs,nst,ntd->ncd", S, R, B)
        M = jnp.eye(T.shape[1] * T.shape[0], dtype=K.dtype) - loop(K, T)

        def solve(b: Shape) -> Shape:
            own = jnp.einsum("nst,nt->ns", R, b)
            arriving = carried(K, jnp.einsum("ncs,ns->cn", S, own))
            whole = forward.solve(arriving.reshape(-1)).reshape(arriving.shape)
            return own + jnp.einsum("nst,ntc,cn->ns", R, B, whole)

        def solve_transposed(b: Shape) -> Shape:
            own = jnp.einsum("nst,ns->nt", R, b)
            entering = jnp.einsum("nsc,ns->cn", B, own)
            whole = backward.solve(entering.reshape(-1)).reshape(entering.shape)
            return own + jnp.einsum("nst,ncs,cn->nt", R, S, carried_back(K, whole))

        forward, backward = factorised(M), factorised(M.T)
        return solve, solve_transposed


def characteristic(network: Network, blocks: Blocks) -> Characteristic:
    """The characteristic matrix of a network with its blocks at a fixed point."""
    delays = network.delays()
    real = (blocks.A, blocks.B, blocks.S, network.links(), delays, resolvent(blocks.A))
    return Characteristic(*jax.tree.map(lambda x: jax.lax.complex(x, jnp.zeros_like(x)), real))


def _at(nodes: Resolvent, root: Complex[Array, ""]) -> Complex[Array, "nodes s s"]:
    r"""$(\lambda - A)^{-1}$ of every node, with what rounding cut off given back to first order."""
    at = root / nodes.scale
    below = jnp.polyval(nodes.determinant, at)[:, None, None]
    inverse = jnp.polyval(nodes.adjugate, at) / below
    return (inverse + inverse @ nodes.remainder / below) / nodes.scale


def carried_back(K: Links, arriving: Complex[Array, "c nodes"]) -> Complex[Array, "c nodes"]:
    """The transpose of what links do."""
    if K.ndim == 2:
        return arriving @ K
    return jnp.einsum("cdij,ci->dj", K, arriving)
