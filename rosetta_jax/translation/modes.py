r"""The leading mode of each node about a network's fixed point, and what it sends, receives and shows.

Of the node's matrix $A$ with $A q = \lambda q$, $p^H A = \lambda p^H$, $p^H q = 1$ and $\mathrm{Im}\,\lambda > 0$
the coordinate is $a = 2 (c^T q)\,p^H (x - x_0)$, scaled so that the signal is $o_0 + \mathrm{Re}\,a$. A unit of
input at a port moves it by $2 (c^T q)\,p^H b$, and a link from $j$ carries

.. math::  \kappa_{ij} = (c^T q)_i\, p_i^H B_i\, C_{ij}\, S_j q_j / (c^T q)_j

with a phase of its own: one number for what the connectome, both synapses and both readouts do at this frequency
(Castaldo et al., arXiv 2512.10982, the map from any rung to Stuart-Landau).
"""

from typing import Any, NamedTuple

import numpy as np

from rosetta_jax.bifurcation.family import Parameter
from rosetta_jax.linear.blocks import Blocks, linearise
from rosetta_jax.linear.fixed_point import FixedPoint
from rosetta_jax.network import Network
from rosetta_jax.results import Status
from rosetta_jax.system import ports
from rosetta_jax.translation.nodes import Lone, arriving_at, lone_nodes
from rosetta_jax.translation.standing import fixed_point_near


class Modes(NamedTuple):
    r"""The leading complex mode of each node: `root` (1/s), `right` and `left` (nodes, s), $c^Tq$ `observed`.

    `links` are $\kappa$ (nodes, nodes) in 1/s, delays left out; `inputs` what a unit at each port does (nodes,).
    """

    point: FixedPoint
    blocks: Blocks
    root: np.ndarray
    right: np.ndarray
    left: np.ndarray
    observed: np.ndarray
    links: np.ndarray
    inputs: dict[str, np.ndarray]

    @property
    def growth(self) -> np.ndarray:
        """The real parts of the roots (1/s)."""
        return np.real(self.root)

    @property
    def omega(self) -> np.ndarray:
        """The imaginary parts of the roots (rad/s)."""
        return np.imag(self.root)


def modes(network: Network, start: Any = None) -> Modes:
    """The leading modes at the fixed point found from `start`, a state, by default the rung's guess.

    Raises `ValueError` where there is no fixed point, or a node does not rotate about it.
    """
    point = fixed_point_near(network, start)
    if int(point.status) != Status.ok:
        raise ValueError(
            "`source` has no fixed point that was found, so that there is no onset to stand on: where it "
            "oscillates translate its cycle, rj.translate(source, rj.PhaseOscillator)."
        )
    names = tuple(ports(network.rung))
    inputs = network.rung.Inputs()
    blocks = linearise(network, point.state, point.arriving, inputs, names)
    own = np.asarray(blocks.A)
    roots, right, left = zip(
        *(_leading(matrix, node) for node, matrix in enumerate(own)), strict=True
    )
    root, right, left = (np.array(each) for each in (roots, right, left))
    observed = np.einsum("ns,ns->n", np.asarray(blocks.O), right)
    entering = np.einsum("ns,nsc->nc", left.conj(), np.asarray(blocks.B)) * observed[:, None]
    leaving = np.einsum("ncs,ns->nc", np.asarray(blocks.S), right) / observed[:, None]
    links = np.asarray(network.links())
    if links.ndim == 2:
        carried = links * (entering @ leaving.T)
    else:
        carried = np.einsum("ic,cdij,jd->ij", entering, links, leaving)
    pushed = 2 * observed[:, None] * np.einsum("ns,nsp->np", left.conj(), np.asarray(blocks.E))
    return Modes(
        point, blocks, root, right, left, observed, carried, dict(zip(names, pushed.T, strict=True))
    )


def lone(network: Network, found: Modes, *parameters: Parameter) -> Lone:
    """The nodes of a network, each alone with what the others give it at their fixed point."""
    return lone_nodes(network, arriving_at(network, found.point), parameters or ((),))


def _leading(matrix: np.ndarray, node: int) -> tuple[complex, np.ndarray, np.ndarray]:
    """The rightmost complex root of a node with its right and left vectors."""
    values, right = np.linalg.eig(matrix)
    turning = np.imag(values) > 1e-9 * np.abs(values)
    if not turning.any():
        raise ValueError(
            f"`source`: node {node} does not rotate about its fixed point, all its eigenvalues are real "
            f"({', '.join(f'{value.real:.4g}' for value in values)} 1/s): there is no oscillation to translate."
        )
    place = int(np.argmax(np.where(turning, np.real(values), -np.inf)))
    left = np.linalg.inv(right)[place].conj()
    return complex(values[place]), right[:, place], left
