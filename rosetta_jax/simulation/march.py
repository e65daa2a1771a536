"""The march: steps in blocks, and what is kept or folded up of them.

Blocks run under `jax.checkpoint`: a reverse gradient stores one state a block, and what arrived in each step
where memory allows, and recomputes the rest: noise and what is local to a node, at a fraction of the cost. What
is reduced (`rosetta_jax.observe.streaming`) is folded up as blocks go by, so that nothing need be kept. So are
haemodynamics (`rosetta_jax.simulation.haemodynamics`), which no node feels.
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
from rosetta_jax.observe import BalloonState
from rosetta_jax.observe.streaming import OfBold, Reduction
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.simulation.haemodynamics import along, before
from rosetta_jax.simulation.saving import Decimation
from rosetta_jax.simulation.step import Carry, March, Series, marching


class Plan(eqx.Module):
    """How a march is cut and what comes of it; numbers are static, so that one compilation serves all parameters.

    `samples` are given back, each `every` seconds, after the first `dropped`. `keep` names what a reverse gradient
    keeps of every step: "arriving" or nothing. Derivatives reach back within windows of `window` blocks (0: all).
    Vessels take one step for `at_once` of the march (0: there are none).
    """

    samples: int = eqx.field(static=True)
    dropped: int = eqx.field(static=True)
    block: int = eqx.field(static=True)
    window: int = eqx.field(static=True)
    at_once: int = eqx.field(static=True)
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
        return self.first_of_bold(number) - self.decimation.lag

    def first_of_bold(self, number: Int[Array, ""]) -> Int[Array, ""]:
        """The same of the BOLD signal, for which no filter waits."""
        return number * (self.block // self.decimation.factor) - self.dropped


class Kept(eqx.Module):
    """What a march gives, lanes in front where there are several: what was not asked for is None or missing."""

    signal: Float[Array, "*lanes samples nodes"] | None
    states: Any
    bold: Float[Array, "*lanes samples nodes"] | None
    haemodynamics: BalloonState | None
    reduced: dict[str, Any]
    status: Int[Array, "*lanes"]


class Folded(eqx.Module):
    """What a block hands on: the filter's past, vessels, memories of reductions, whether all was finite."""

    past: Any
    vessels: BalloonState | None
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
    haemodynamics: BalloonState | None,
) -> Kept:
    """March `network` as planned."""
    march = marching(network, plan.solver, dt, formulation, active=plan.at_once > 0)
    return _marched(march, key, plan, past, haemodynamics)


def march_lanes(
    varying: Network,
    shared: Network,
    dt: Float[Array, ""],
    keys: Key[Array, " lanes"],
    plan: Plan,
    formulation: Formulation,
    past: Callable[[Scalar], Any] | None,
    haemodynamics: BalloonState | None,
) -> Kept:
    """March several networks that share their links as one; `varying` holds what they do not share."""
    first = eqx.combine(jax.tree.map(lambda leaf: leaf[0], varying), shared)
    moving = transport(first, dt, formulation)
    march = March(shared, varying, moving, plan.solver, dt, plan.at_once > 0)
    return _marched(march, keys, plan, past, haemodynamics)


def _marched(
    marching: March,
    key: Keys,
    plan: Plan,
    past: Callable[[Scalar], Any] | None,
    haemodynamics: BalloonState | None,
) -> Kept:
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
        folded, kept = _folded(marching, plan, folded, series, number)
        return (stepping, history, folded), kept

    folded = _unfolded(marching, plan, stepping.local.state, haemodynamics)
    numbers = jnp.arange(plan.blocks, dtype=jnp.int32)
    (_, _, folded), kept = jax.lax.scan(block, (stepping, history, folded), numbers)

    def cut(array: Array, begin: int) -> Array:
        whole = array.reshape(-1, *array.shape[2:])[begin : begin + plan.samples]
        # Time before nodes, lanes before time.
        return jnp.moveaxis(whole, 0, -2)

    through_filter, of_bold = kept
    lag = plan.decimation.lag
    signal, states = jax.tree.map(lambda each: cut(each, lag + plan.dropped), through_filter)
    bold, vessels = jax.tree.map(lambda each: cut(each, plan.dropped), of_bold)
    reduced = {
        name: marching.each(lambda _, memory, each=each: each.finish(memory), folded.memories[name])
        for name, each in plan.reductions.items()
    }
    found = signal, states, bold, vessels, reduced
    return _judged(marching.moving.status, folded.finite, found)


def _severed(carry: Any, here: Bool[Array, ""]) -> Any:
    """The same, without derivatives by anything before where this is `here`."""

    def severed(leaf: Any) -> Any:
        if not eqx.is_inexact_array(leaf):
            return leaf
        return jnp.where(here, jax.lax.stop_gradient(leaf), leaf)

    return jax.tree.map(severed, carry)


def _unfolded(
    marching: March, plan: Plan, state: Any, haemodynamics: BalloonState | None
) -> Folded:
    zero = jnp.zeros((), marching.dt.dtype)

    def begin(network: Network, state: Any) -> tuple[Any, Any, dict[str, Any], Bool[Array, ""]]:
        outside = network.outside(zero)
        signal = network.signal(state, outside)
        memories = {
            name: each.begin(plan.samples, network.nodes, plan.every, signal.dtype)
            for name, each in plan.reductions.items()
        }
        vessels = None
        if plan.at_once:
            activity = network.activity(state, outside)
            vessels = before(network.vessels(), activity, haemodynamics, marching.dt)
        return (signal, _wanted(plan, state)), vessels, memories, jnp.asarray(True)

    first, vessels, memories, finite = marching.each(begin, state)
    past = plan.decimation.begin(jax.tree.map(jnp.ravel, first))
    return Folded(past, vessels, memories, finite)


def _folded(
    marching: March, plan: Plan, folded: Folded, series: Series, number: Int[Array, ""]
) -> tuple[Folded, Any]:
    """What a block hands on, and what is kept of its signal and states, and of BOLD and vessels."""
    signal, states, activity = series
    flat = jax.tree.map(
        lambda each: each.reshape(each.shape[0], -1), (signal, _wanted(plan, states))
    )
    past, kept = plan.decimation.block(folded.past, flat)
    signal, states = jax.tree.map(lambda each: each.reshape(each.shape[0], *signal.shape[1:]), kept)
    vessels, bold, along = _flowed(marching, plan, folded.vessels, activity)
    firsts = plan.first(number), plan.first_of_bold(number)

    def fold(
        _: Network, memories: Any, series: Array, bold: Array | None
    ) -> tuple[dict[str, Any], Bool[Array, ""]]:
        rows = {False: (series, firsts[0]), True: (bold, firsts[1])}
        memories = {
            name: each.add(memories[name], *rows[isinstance(each, OfBold)])
            for name, each in plan.reductions.items()
        }
        finite = _finite_rows(plan, *rows[False])
        return memories, finite if bold is None else finite & _finite_rows(plan, *rows[True])

    by_lane = _lanes_first(marching, (signal, bold))
    memories, finite = marching.each(fold, folded.memories, *by_lane)
    after = Folded(past, vessels, memories, folded.finite & finite)
    of_bold = (
        bold if "bold" in plan.save else None,
        along if "haemodynamics" in plan.save else None,
    )
    return after, ((signal if "signal" in plan.save else None, states), of_bold)


def _flowed(
    marching: March, plan: Plan, vessels: BalloonState | None, activity: Array | None
) -> tuple[BalloonState | None, Array | None, BalloonState | None]:
    """The vessels after a block, and BOLD and vessels at its samples, which lead."""
    if not plan.at_once:
        return None, None, None

    def flow(network: Network, vessels: BalloonState, activity: Array) -> tuple[Any, Any]:
        bold, every = network.vessels(), plan.decimation.factor
        after, samples = along(bold, vessels, activity, marching.dt, plan.at_once, every)
        return after, (bold.signal(samples), samples)

    after, found = marching.each(flow, vessels, _lanes_first(marching, activity))
    return after, *_lanes_first(marching, found)


def _lanes_first(marching: March, tree: Any) -> Any:
    """Lanes and rows of series changed for each other, where there are several lanes."""
    if marching.varying is None:
        return tree
    return jax.tree.map(lambda array: array.swapaxes(0, 1), tree)


def _finite_rows(plan: Plan, series: Array, first: Int[Array, ""]) -> Bool[Array, ""]:
    """Whether all rows that count are finite."""
    index = first + jnp.arange(series.shape[0], dtype=first.dtype)
    counts = (index >= 0) & (index < plan.samples)
    return _all_finite(jnp.where(counts[:, None], series, 0.0))


def _wanted(plan: Plan, states: Any) -> Any:
    return states if "states" in plan.save else None


def _judged(
    links: Int[Array, ""], finite: Bool[Array, "*lanes"], found: tuple[Any, Any, Any, Any, dict]
) -> Kept:
    status = first_failure(
        jnp.broadcast_to(links, finite.shape),
        status_where(~finite, Status.non_finite),
    )

    # A march without room for its delays means nothing, however plausible it looks.
    def judged(leaf: Array) -> Array:
        return jnp.where(links != Status.ok, jnp.nan, leaf) if eqx.is_inexact_array(leaf) else leaf

    signal, states, bold, haemodynamics, reduced = jax.tree.map(judged, found)
    return Kept(signal, states, bold, haemodynamics, reduced, status)


def _all_finite(tree: Any) -> Bool[Array, ""]:
    finite = jnp.asarray(True)
    for leaf in jax.tree.leaves(tree):
        finite = finite & jnp.all(jnp.isfinite(leaf))
    return finite
