"""Linear theory in plain NumPy, from the full Jacobian of a whole network: slow and obvious.

States, channels and inputs of all nodes are flat vectors, by component: `[c * nodes + i]`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import rosetta_jax as rj
from rosetta_jax.linear import FixedPoint, fixed_point
from rosetta_jax.system import add_inputs, stack_state, unstack_state


class Dense(NamedTuple):
    """Derivatives of the whole network; names as in `rosetta_jax.linear.blocks`."""

    A: np.ndarray
    B: np.ndarray
    S: np.ndarray
    O: np.ndarray
    E: np.ndarray
    F: np.ndarray
    P: np.ndarray
    weights: np.ndarray
    delays: np.ndarray
    channels: int

    @property
    def nodes(self) -> int:
        return self.weights.shape[0]

    def transport(self, s: complex) -> np.ndarray:
        """All channels, from sent to arriving, at the complex frequency `s`."""
        return np.kron(np.eye(self.channels), self.weights * np.exp(-s * self.delays))

    def transfer(self, omega: float) -> np.ndarray:
        """(nodes, ports * nodes): from inputs to signals."""
        K = self.transport(1j * omega)
        R = np.linalg.inv(1j * omega * np.eye(len(self.A)) - self.A - self.B @ K @ self.S)
        return self.O @ R @ (self.E + self.B @ K @ self.F) + self.P

    def eigenvalues(self) -> np.ndarray:
        """Those of the network without delays."""
        return np.linalg.eigvals(self.A + self.B @ self.transport(0.0) @ self.S)


def dense(network: rj.Network, ports: Sequence[str], point: FixedPoint | None = None) -> Dense:
    """The derivatives of `network` at its fixed point, by differentiating it as a whole."""
    point = fixed_point(network) if point is None else point
    parts = (_flat(part) for part in _derivatives(network, point, tuple(ports)))
    delays = network.delays()
    weights = np.asarray(network.connectome.weights)
    return Dense(
        *parts,
        weights=weights,
        delays=np.zeros_like(weights) if delays is None else np.asarray(delays),
        channels=point.arriving.shape[0],
    )


@eqx.filter_jit
def _derivatives(network: rj.Network, point: FixedPoint, ports: tuple[str, ...]) -> tuple:
    x, arriving = stack_state(point.state), point.arriving
    u = jnp.zeros((len(ports), network.nodes))

    def outside(u: jax.Array) -> Any:
        named = network.rung.Inputs(**dict(zip(ports, u, strict=True)))
        return add_inputs(network.rung.Inputs(), named)

    def state(x: jax.Array) -> Any:
        return unstack_state(network.rung, x)

    def drift(x: jax.Array, arriving: jax.Array, u: jax.Array) -> jax.Array:
        field = network.vector_field(jnp.zeros(()), state(x), arriving, outside(u))
        return stack_state(field)

    def sent(x: jax.Array, u: jax.Array) -> jax.Array:
        return network.send(state(x), outside(u))

    def signal(x: jax.Array, u: jax.Array) -> jax.Array:
        return network.signal(state(x), outside(u))[None]

    A, B, E = jax.jacfwd(drift, argnums=(0, 1, 2))(x, arriving, u)
    S, F = jax.jacfwd(sent, argnums=(0, 1))(x, u)
    O, P = jax.jacfwd(signal, argnums=(0, 1))(x, u)
    return A, B, S, O, E, F, P


def _flat(jacobian: jax.Array) -> np.ndarray:
    rows, nodes, columns, _ = jacobian.shape
    return np.asarray(jacobian).reshape(rows * nodes, columns * nodes)


def characteristic_roots(matrices: Dense, order: int = 24) -> np.ndarray:
    """The rightmost roots with delays: eigenvalues of a Chebyshev discretised solution operator.

    The history on [-longest, 0] is a polynomial through Chebyshev points; its derivative is the
    generator, and the delayed equation holds at 0 (Breda, Maset and Vermiglio 2005).
    """
    size = len(matrices.A)
    longest = matrices.delays[matrices.weights != 0].max()
    theta = longest * (np.cos(np.pi * np.arange(order + 1) / order) - 1) / 2
    scale = np.where((np.arange(order + 1) == 0) | (np.arange(order + 1) == order), 2.0, 1.0)
    scale = scale * (-1.0) ** np.arange(order + 1)
    apart = theta[:, None] - theta[None, :] + np.eye(order + 1)
    derivative = scale[:, None] / scale[None, :] / apart
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    generator = np.kron(derivative, np.eye(size))
    generator[:size] = 0.0
    generator[:size, :size] = matrices.A
    for i, j in np.argwhere(matrices.weights != 0):
        edge = np.zeros_like(matrices.weights)
        edge[i, j] = matrices.weights[i, j]
        step = matrices.B @ np.kron(np.eye(matrices.channels), edge) @ matrices.S
        generator[:size] += np.kron(_lagrange(theta, -matrices.delays[i, j])[None, :], step)
    return np.linalg.eigvals(generator)


def _lagrange(points: np.ndarray, at: float) -> np.ndarray:
    """The values at `at` of the polynomials that are 1 at one of `points` and 0 at the others."""
    if np.any(points == at):
        return (points == at).astype(float)
    order = len(points) - 1
    weights = (-1.0) ** np.arange(order + 1) * np.where(
        np.isin(np.arange(order + 1), (0, order)), 0.5, 1
    )
    terms = weights / (at - points)
    return terms / terms.sum()


def random_connectome(
    rng: np.random.Generator, nodes: int, *, longest: float | None = None, share: float = 0.5
) -> rj.Connectome:
    """Random weights of spectral radius about 1; lengths (mm) up to `longest`, or none."""
    weights = rng.lognormal(0.0, 0.7, (nodes, nodes)) * (rng.random((nodes, nodes)) < share)
    np.fill_diagonal(weights, 0.0)
    weights[np.arange(nodes), np.roll(np.arange(nodes), 1)] += 0.3
    weights /= np.abs(np.linalg.eigvals(weights)).max()
    lengths = None if longest is None else rng.uniform(0.05, 1.0, (nodes, nodes)) * longest
    return rj.Connectome(weights, lengths)
