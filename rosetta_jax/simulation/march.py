"""The march: steps in blocks, and what is kept or folded up of them.

Blocks run under `jax.checkpoint`: a reverse gradient stores one state a block, and what arrived in each step
where memory allows, and recomputes the rest: noise and what is local to a node, at a fraction of the cost. What
is reduced (`rosetta_jax.observe.streaming`) is folded up as blocks go by, so that nothing need be kept.
"""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float, Int, Key, Keys, PRNGKeyArray, Scalar
from rosetta_jax.network import Network
from rosetta_jax.network.transport import Formulation, transport
from rosetta_jax.observe.streaming import Reduction
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.simulation.saving import Decimation
from rosetta_jax.simulation.step import Carry, March, marching


class Plan(eqx.Module):
    """How a march is cut and what comes of it; numbers are static, so that one compilation serves all parameters.

    `samples` are given back, each `every` seconds, after the first `dropped`. `keep` names what a reverse gradient
    keeps of every step: "arriving" or nothing. Derivatives reach back within windows of `window` blocks (0: all).
    """

    samples: int = eqx.field(static=True)
    dropped: int = eqx.field(static=True)
    block: int = eqx.field(static=True)
    window: int = eqx.field(static=True)
    every: float = eqx.field(static=True)
    save: tuple[str, ...] = eqx.field(static=True)
    keep: tuple[str, ...] = eqx.field(static=True)
    reductions: dict[str, Reduction]
    decimation: Decimation
    solver: diffrax.AbstractSolver

    @property
    def blocks(self) -> int:
        """Blocks to march: of what is kept, and what the filter needs beyond."""
        kept = self.dropped + self.samples
        return -(-(kept * self.decimation.factor + self.decimation.half) // self.block)

    def first(self, number: Int[Array, ""]) -> Int[Array, ""]:
        """The index of the first sample that block `number` gives, counted from the first given back."""
        block = self.block // self.decimation.factor
        return number * block - (self.decimation.lag + self.dropped)


class Kept(eqx.Module):
    """What a march gives, lanes in front where there are several: what was not asked for is None or missing."""

    signal: Float[Array, "*lanes samples nodes"] | None
    states: Any
    reduced: dict[str, Any]
    status: Int[Array, "*lanes"]


class Folded(eqx.Module):
    """What a block hands to the next: past of the filter, memories of reductions, whether all was finite."""

    past: Any
    memories: dict[str, Any]
    finite: Bool[Array, "*lanes"]


@eqx.filter_jit
@full_precision
def march(
    network: Network,
    dt: Float[Array, ""],
    key: PRNGKeyArray,
    plan: Plan,
    formulation: Formulation,
    past: Callable[[Scalar], Any] | None,
) -> Kept:
    """March `network` as planned."""
    return _marched(marching(network, plan.solver, dt, formulation), key, plan, past)


def march_lanes(
    varying: Network,
    shared: Network,
    dt: Float[Array, ""],
    keys: Key[Array, " lanes"],
    plan: Plan,
    formulation: Formulation,
    past: Callable[[Scalar], Any] | None,
) -> Kept:
    """March several networks that share their links as one; `varying` holds what they do not share."""
    first = eqx.combine(jax.tree.map(lambda leaf: leaf[0], varying), shared)
    moving = transport(first, dt, formulation)
    return _marched(March(shared, varying, moving, plan.solver, dt), keys, plan, past)


def _marched(marching: March, key: Keys, plan: Plan, past: Callable[[Scalar], Any] | None) -> Kept:
    stepping, history = marching.begin(key, past)

    @partial(jax.checkpoint, policy=jax.checkpoint_policies.save_only_these_names(*plan.keep))
    def block(carry: tuple[Carry, Any, Folded], number: Int[Array, ""]) -> tuple[Any, Any]:
        stepping, history, folded = carry
        if plan.window:
            stepping, history = _severed((stepping, history), number % plan.window == 0)
        # Judged where a block begins: what the last block marches beyond the end does not count.
        finite = marching.each(lambda _, state: _all_finite(state), stepping.local.state)
        draws = marching.draws(key, number, plan.block)
        stepping, history, series = marching.steps(stepping, history, draws, plan.block)
        folded = dataclasses.replace(folded, finite=folded.finite & finite)
        folded, kept = _folded(marching, plan, folded, series, plan.first(number))
        return (stepping, history, folded), kept

    folded = _unfolded(marching, plan, stepping.local.state)
    numbers = jnp.arange(plan.blocks, dtype=jnp.int32)
    (_, _, folded), kept = jax.lax.scan(block, (stepping, history, folded), numbers)
    begin = plan.decimation.lag + plan.dropped

    def cut(array: Array) -> Array:
        whole = array.reshape(-1, *array.shape[2:])[begin : begin + plan.samples]
        # Time before nodes, lanes before time.
        return jnp.moveaxis(whole, 0, -2)

    signal, states = jax.tree.map(cut, kept)
    reduced = {
        name: marching.each(lambda _, memory, each=each: each.finish(memory), folded.memories[name])
        for name, each in plan.reductions.items()
    }
    return _judged(marching.moving.status, folded.finite, (signal, states, reduced))


def _severed(carry: Any, here: Bool[Array, ""]) -> Any:
    """The same, without derivatives by anything before where this is `here`."""

    def severed(leaf: Any) -> Any:
        if not eqx.is_inexact_array(leaf):
            return leaf
        return jnp.where(here, jax.lax.stop_gradient(leaf), leaf)

    return jax.tree.map(severed, carry)


def _unfolded(marching: March, plan: Plan, state: Any) -> Folded:
    zero = jnp.zeros((), marching.dt.dtype)

    def begin(network: Network, state: Any) -> tuple[Any, dict[str, Any], Bool[Array, ""]]:
        signal = network.signal(state, network.outside(zero))
        memories = {
            name: each.begin(plan.samples, network.nodes, plan.every, signal.dtype)
            for name, each in plan.reductions.items()
        }
        return (signal, _wanted(plan, state)), memories, jnp.asarray(True)

    first, memories, finite = marching.each(begin, state)
    return Folded(plan.decimation.begin(jax.tree.map(jnp.ravel, first)), memories, finite)


def _folded(
    marching: March, plan: Plan, folded: Folded, series: tuple[Array, Any], first: Int[Array, ""]
) -> tuple[Folded, tuple[Array | None, Any]]:
    """What a block hands on, and what is kept of its signal and states."""
    signal, states = series
    flat = jax.tree.map(
        lambda each: each.reshape(each.shape[0], -1), (signal, _wanted(plan, states))
    )
    past, kept = plan.decimation.block(folded.past, flat)
    signal, states = jax.tree.map(lambda each: each.reshape(each.shape[0], *signal.shape[1:]), kept)
    index = first + jnp.arange(signal.shape[0], dtype=first.dtype)
    counts = (index >= 0) & (index < plan.samples)

    def fold(_: Network, memories: Any, series: Any) -> tuple[dict[str, Any], Bool[Array, ""]]:
        memories = {
            name: each.add(memories[name], series, first) for name, each in plan.reductions.items()
        }
        return memories, _all_finite(jnp.where(counts[:, None], series, 0.0))

    by_lane = signal if marching.varying is None else signal.swapaxes(0, 1)
    memories, finite = marching.each(fold, folded.memories, by_lane)
    after = Folded(past, memories, folded.finite & finite)
    return after, (signal if "signal" in plan.save else None, states)


def _wanted(plan: Plan, states: Any) -> Any:
    return states if "states" in plan.save else None


def _judged(
    links: Int[Array, ""], finite: Bool[Array, "*lanes"], found: tuple[Any, Any, dict]
) -> Kept:
    status = first_failure(
        jnp.broadcast_to(links, finite.shape),
        status_where(~finite, Status.non_finite),
    )

    # A march without room for its delays means nothing, however plausible it looks.
    def judged(leaf: Array) -> Array:
        return jnp.where(links != Status.ok, jnp.nan, leaf) if eqx.is_inexact_array(leaf) else leaf

    signal, states, reduced = jax.tree.map(judged, found)
    return Kept(signal, states, reduced, status)


def _all_finite(tree: Any) -> Bool[Array, ""]:
    finite = jnp.asarray(True)
    for leaf in jax.tree.leaves(tree):
        finite = finite & jnp.all(jnp.isfinite(leaf))
    return finite
