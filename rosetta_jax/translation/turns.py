r"""What each node of a network does in a turn of its own cycle, moved by what the others send on average.

Cycles and what arrives of them settle upon each other in a few rounds. The first cycle is found by a run, all
others from it by collocation, in small steps of what differs where one is too far.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Scalar
from rosetta_jax.bifurcation.collocation import DEGREE, Places, between, unknowns, whole
from rosetta_jax.bifurcation.family import Family
from rosetta_jax.bifurcation.limit_cycle import (
    Cycle,
    collocated,
    looked_at,
    settled,
)
from rosetta_jax.linear import fixed_point
from rosetta_jax.network import Network
from rosetta_jax.network.coupling import Diffusive
from rosetta_jax.results import Status
from rosetta_jax.system import ports
from rosetta_jax.translation.nodes import Lone, arriving_at, lone_nodes, node_of, part_way
from rosetta_jax.translation.responses import along

# Samples of a turn, and harmonics that are kept at most.
SAMPLES, MOST = 256, 8
# Rounds in which cycles and what arrives of them settle upon each other.
_ROUNDS = 3
# Intervals of a cycle, and steps from one to another where one is too far.
_INTERVALS, _STEPS = 60, 8


class Turn(NamedTuple):
    """What a node does in a turn of its phase, as Fourier coefficients from 0.

    `sent` (channels, harmonics), `heard` (channels, harmonics) the response to what arrives before the gain,
    `signal` (harmonics,), and the response to each port (harmonics,).
    """

    cycle: Cycle
    sent: np.ndarray
    heard: np.ndarray
    signal: np.ndarray
    ports: Mapping[str, np.ndarray]


class _Cycles(NamedTuple):
    """The cycles of all nodes: `places` (nodes, intervals, degree, n) on `mesh` (nodes, intervals), periods (s).

    `sent` (channels, nodes) is what they send on average.
    """

    lone: Lone
    mesh: Array
    places: Array
    periods: Array
    sent: Array


def turns_of(network: Network, start: Any, settle: float, dt: float) -> list[Turn]:
    """The turn of each node, moved by what arrives of all cycles on average.

    Raises `ValueError` where a node has no cycle.
    """
    arriving = _at_rest(network)
    lone = lone_nodes(network, arriving)
    places, period = settled(lone.at(0), start, settle, dt, _INTERVALS)
    nodes = network.nodes
    first = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf[:1], leaf.shape), (lone.rungs, lone.inputs)
    )
    dtype = network.connectome.weights.dtype
    mesh = jnp.full((nodes, _INTERVALS), 1 / _INTERVALS, dtype)
    guess = jnp.broadcast_to(jnp.asarray(places, dtype), (nodes, *places.shape))
    periods = jnp.full(nodes, period, dtype)
    begun = _Cycles(Lone(lone.family, *first), mesh, guess, periods, jnp.zeros_like(arriving))
    found = _moved(begun, lone)
    if np.asarray(network.connectome.strengths()).any():
        for _ in range(_ROUNDS):
            found = _moved(found, lone_nodes(network, _arriving(network, found.sent)))
    return _turns(network, found)


def _at_rest(network: Network) -> Array:
    """What arrives at the fixed point, nothing where there is none."""
    point = fixed_point(network)
    arriving = arriving_at(network, point)
    return arriving if int(point.status) == Status.ok else jnp.zeros_like(arriving)


def _arriving(network: Network, sent: Array) -> Array:
    """What arrives of what is sent on average."""
    arriving = sent @ network.connectome.weights.T
    own = network.connectome.strengths()[None, :] * sent
    return arriving - own if isinstance(network.coupling, Diffusive) else arriving


def _moved(cycles: _Cycles, lone: Lone) -> _Cycles:
    """The cycles of other nodes, found from those of these."""
    for steps in (1, _STEPS):
        mesh, places, periods, sent, good = _followed(cycles, lone, steps)
        if np.asarray(good).all():
            return _Cycles(lone, mesh, places, periods, sent.T)
    lost = np.flatnonzero(~np.asarray(good))
    raise ValueError(
        f"`source`: {len(lost)} of {len(good)} nodes, node {lost[0]} first, have no cycle near one of "
        f"{float(cycles.periods[lost[0]]):g} s: with what arrives they may come to rest, or their cycles are of "
        "another kind than that of node 0. Move a parameter, weaken the coupling, or give another `start`."
    )


@eqx.filter_jit
@full_precision
def _followed(cycles: _Cycles, lone: Lone, steps: int) -> Any:
    """Mesh, places, period, what is sent on average, and whether there is one, of each node."""
    dtype = cycles.mesh.dtype
    shares = jnp.arange(1, steps + 1, dtype=dtype) / steps
    even = jnp.linspace(0.0, 1.0, _INTERVALS * DEGREE, endpoint=False, dtype=dtype)
    samples = jnp.linspace(0.0, 1.0, SAMPLES, endpoint=False, dtype=dtype)

    def one(of: Family, rung: Any, inputs: Any, mesh: Array, places: Array, period: Scalar) -> Any:
        before = node_of(of, rung, inputs)

        def onward(carry: Any, share: Scalar) -> Any:
            mesh, places, period, good = carry
            here = part_way(before, of, share)
            guess = between(mesh, whole(places), even).reshape(places.shape)
            z, mesh, now = collocated(here, guess, period, jnp.zeros_like(period))
            return (mesh, z[:-2].reshape(places.shape), z[-2], good & now), None

        start = mesh, places, period, jnp.ones((), bool)
        (mesh, places, period, good), _ = jax.lax.scan(onward, start, shares)
        states = between(mesh, whole(places), samples)
        sent = jax.vmap(lambda x: of.sent(x, jnp.zeros(1, dtype))[:, 0])(states)
        return mesh, places, period, jnp.mean(sent, axis=0), good

    before = cycles.lone
    return lone.over(one, before.rungs, before.inputs, cycles.mesh, cycles.places, cycles.periods)


def _turns(network: Network, cycles: _Cycles) -> list[Turn]:
    names = tuple(ports(network.rung))
    looked = _looked_at(cycles)
    low, high, monodromy, sent, heard, signal, pushed = (np.asarray(each) for each in looked)
    multipliers = np.linalg.eigvals(monodromy).astype(complex)

    def harmonics(series: np.ndarray) -> np.ndarray:
        return np.fft.fft(series, axis=0)[: MOST + 1].T / SAMPLES

    return [
        Turn(
            Cycle(
                cycles.lone.at(node),
                float(cycles.periods[node]),
                low[node],
                high[node],
                multipliers[node],
                cycles.mesh[node],
                cycles.places[node],
            ),
            harmonics(sent[node]),
            harmonics(heard[node]),
            harmonics(signal[node])[0],
            dict(zip(names, harmonics(pushed[node]), strict=True)),
        )
        for node in range(network.nodes)
    ]


@eqx.filter_jit
@full_precision
def _looked_at(cycles: _Cycles) -> Any:
    def one(of: Family, mesh: Array, places: Places, period: Scalar) -> Any:
        z = unknowns(places, period, jnp.zeros_like(period))
        return *looked_at(of, mesh, z), *along(of, mesh, places, period, SAMPLES)

    return cycles.lone.over(one, cycles.mesh, cycles.places, cycles.periods)
