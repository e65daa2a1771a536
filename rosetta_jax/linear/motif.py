r"""The push-pull motif at a fixed point: two variables that turn because one excites and the other inhibits.

Every rung names two opposing terms. With $p$ the push and $q$ the negative of the pull, both functions of the
state, the leading pair of modes $\alpha \pm i\nu$ of a node moves them by a 2 x 2 block,

.. math::  \frac{d}{dt}\begin{pmatrix} p \\ q\end{pmatrix} = M \begin{pmatrix} p \\ q\end{pmatrix}, \qquad
    M = (\nabla(p, q)\,V)\,\Lambda\,(\nabla(p, q)\,V)^{-1},

with the modes' plane $V$ and what the plane does, $AV = V\Lambda$. It is the motif where $M_{pq} < 0 < M_{qp}$:
pull takes from push and push feeds pull. The rate of rotation is $\sqrt{-M_{pq}M_{qp} - (M_{pp}-M_{qq})^2/4}$,
the imaginary part of the pair, whatever the units of the two.

Source: Castaldo et al., arXiv 2512.10982, section 1 and the boxes of its rungs; the general test is ours.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Float
from rosetta_jax.linear.fixed_point import fixed_point
from rosetta_jax.network import as_network
from rosetta_jax.results import Status
from rosetta_jax.rungs import PhaseOscillator
from rosetta_jax.system import Rung, stack_state, unstack_state


class Motif(eqx.Module):
    """The motif of each node: `block` (nodes, 2, 2) in 1/s, rows and columns push and pull.

    `growth` and `rotation` (nodes,), real and imaginary part of the leading pair, 1/s and rad/s (0 where both
    modes are real); `holds` (nodes,), whether push feeds pull and pull takes from push. The block is NaN
    where push and pull do not tell the two modes apart.
    """

    block: Float[np.ndarray, "nodes 2 2"]
    growth: Float[np.ndarray, " nodes"]
    rotation: Float[np.ndarray, " nodes"]

    @property
    def holds(self) -> np.ndarray:
        """The sign test of each node."""
        return (self.block[:, 0, 1] < 0) & (self.block[:, 1, 0] > 0)


def motif(rung: Rung, start: object = None) -> Motif:
    """The push-pull block of every node of a rung alone, at its fixed point.

    `start` begins the search, for rungs with several fixed points. A phase oscillator turns on its circle
    as it is. Raises `ValueError` where no fixed point is found.
    """
    if isinstance(rung, PhaseOscillator):
        turning = np.atleast_1d(np.asarray(rung.omega, float))
        block = turning[:, None, None] * np.array([[0.0, -1.0], [1.0, 0.0]])
        return Motif(block, np.zeros_like(turning), np.abs(turning))
    point = fixed_point(rung, start=start)
    if int(point.status) != Status.ok:
        raise ValueError(
            f"{type(rung).__name__} has no fixed point that the search finds from its guess: give `start`, a "
            "state near one."
        )
    network = as_network(rung)
    state = stack_state(point.state)
    jacobians, terms = _derivatives(network.rung, state)
    found = [_block(A, slopes) for A, slopes in zip(jacobians, terms, strict=True)]
    return Motif(*(np.array(column) for column in zip(*found, strict=True)))


def _derivatives(rung: Rung, state: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """Of each node: the Jacobian (nodes, s, s), and the slopes of push and negative pull (nodes, 2, s)."""

    def drift(x: jax.Array) -> jax.Array:
        field = rung.vector_field(jnp.zeros(()), unstack_state(rung, x), rung.Inputs())
        return stack_state(field)

    def terms(x: jax.Array) -> jax.Array:
        push, pull = rung.push_pull(unstack_state(rung, x), rung.Inputs())
        return jnp.stack([push, -pull])

    ones = jnp.ones_like(state[0])
    tangents = jnp.eye(len(state), dtype=state.dtype)[:, :, None] * ones[None, None, :]

    def slopes(function: Callable[[jax.Array], jax.Array]) -> np.ndarray:
        columns = jax.vmap(lambda tangent: jax.jvp(function, (state,), (tangent,))[1])(tangents)
        return np.asarray(jnp.transpose(columns, (2, 1, 0)), float)

    return slopes(drift), slopes(terms)


def _block(A: np.ndarray, terms: np.ndarray) -> tuple[np.ndarray, float, float]:
    """How the leading plane of `A` moves the two terms, and how it grows and turns."""
    found: Any = np.linalg.eig(A)  # real or complex, as it turns out
    modes, vectors = found
    order = np.argsort(-modes.real, kind="stable")
    turning = order[np.abs(modes[order].imag) > 1e-9 * np.abs(modes).max()]
    if len(turning):
        vector, mode = vectors[:, turning[0]], modes[turning[0]]
        plane = np.stack([vector.real, vector.imag], axis=1)
        moves = np.array([[mode.real, mode.imag], [-mode.imag, mode.real]])
    else:
        plane, moves = vectors[:, order[:2]].real, np.diag(modes[order[:2]].real)
    growth, rotation = np.trace(moves) / 2, abs(moves[0, 1])
    seen = terms @ plane
    if np.linalg.cond(seen) > 1e12:  # both terms see the same combination of the two modes
        return np.full((2, 2), np.nan), growth, rotation
    return seen @ moves @ np.linalg.inv(seen), growth, rotation
