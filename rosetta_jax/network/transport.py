r"""The transport between regions: $a_{c,i}(t) = \sum_j C_{ij}\, s_{c,j}(t - \tau_{ij})$, marched in
steps.

Delays are read by linear interpolation between the steps of a history. With $\tau = (k + f) h$,
what arrives at the end of a step, $t_{n+1}$, is $(1-f)\, s_{n+1-k} + f\, s_{n-k}$. For $k \ge 1$
all of it is known when the step begins, and it is also what arrives at the start of the next step,
so one read a step serves every stage. For $k = 0$, a delay below the step, the part $(1-f)\,
s_{n+1}$ does not exist yet: it is read from the stage itself, through a second matrix. Clamping
such delays to a step, as is common, costs the order.

At a stage a share $\theta$ into the step, $a(\theta) = (1-\theta)\, a_n + \theta\, a_{n+1} + P
s(\theta)$ with $a_n$, $a_{n+1}$ the known parts and $P_{ij} = C_{ij} (1-f_{ij})$ where $k_{ij} =
0$.

Each value is gathered once: $s_{n+1-k}$, read now for its part $1-f$ of $a_{n+1}$, is also the one
whose part $f$ belongs to $a_{n+2}$. So a read weighs what it gathers twice, and what is due one
step later waits as one number a node.

The history is a flat ring of $L$ rows written twice, at row $r$ and $r + L$, so that the last $L$
steps are always one contiguous window and the indices into it never change.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._types import Array, Channels, Float, Int, Pairwise, Scalar
from rosetta_jax.network.links import Links, by_source, carried_by_source, rotated, turned
from rosetta_jax.network.network import Network, delays_known, longest_delay, shortest_delay


class History(eqx.Module):
    """What nodes sent in the last steps, and what of it is still to arrive.

    `rows` holds each step twice, flat in every channel; `newest` is the row of the last step; `due`
    is what arrives one step after the next.
    """

    rows: Float[Array, "channels doubled"]
    newest: Int[Array, ""]
    due: Channels

    def push(self, sent: Channels) -> "History":
        """The history with the channels of the next step."""
        nodes = sent.shape[1]
        half = self.rows.shape[1] // 2
        at = self.newest + 1
        at = jnp.where(at == half // nodes, 0, at)
        zero = jnp.int32(0)
        rows = jax.lax.dynamic_update_slice(self.rows, sent, (zero, at * nodes))
        rows = jax.lax.dynamic_update_slice(rows, sent, (zero, at * nodes + half))
        return History(rows, at, self.due)

    def window(self) -> Float[Array, "channels flat"]:
        """All rows once, the oldest first."""
        channels, doubled = self.rows.shape
        start = (self.newest + 1) * self.due.shape[1]
        rows = jax.lax.dynamic_slice(self.rows, (jnp.int32(0), start), (channels, doubled // 2))
        # A barrier keeps the slice a copy: fused into the gather it becomes a slow scalar loop.
        return jax.lax.optimization_barrier(rows)


class Transport(eqx.Module):
    """The matrices and places of one network at one step length, fixed through a march.

    Of the value at its place in the window, an edge hands on `soon` at the end of the step and
    `later` one step after; `turn` is the angle of each link where they turn what they carry. `at_once` alone
    is `[source, target]`.
    """

    at_once: Links | None
    soon: Pairwise | None
    later: Pairwise | None
    place: Int[Array, "nodes nodes"] | None
    turn: Pairwise | None
    too_long: Bool[Array, ""]
    rows: int = eqx.field(static=True)

    def stage(self, sent: Channels) -> Channels:
        """What arrives at a stage from the stage itself, through delays below the step."""
        return (
            jnp.zeros_like(sent) if self.at_once is None else carried_by_source(self.at_once, sent)
        )

    def begin(self, past: Float[Array, "rows channels nodes"]) -> tuple[History, Channels]:
        """The history after `rows + 1` past values, the oldest first, and what arrives next."""
        once = past[:-1].swapaxes(0, 1).reshape(past.shape[1], -1)
        rows = jnp.concatenate([once, once], axis=1)
        history = History(rows, jnp.int32(self.rows - 1), jnp.zeros_like(past[0]))
        _, due = self._read(history)
        return self.advance(History(rows, history.newest, due), past[-1])

    def advance(self, history: History, sent: Channels) -> tuple[History, Channels]:
        """The history with what is `sent` now, and the known part of what arrives a step later."""
        history = history.push(sent)
        soon, due = self._read(history)
        return History(history.rows, history.newest, due), history.due + soon

    def _read(self, history: History) -> tuple[Channels, Channels]:
        assert self.place is not None and self.soon is not None and self.later is not None
        gathered = [
            jax.lax.optimization_barrier(channel.at[self.place].get(mode="promise_in_bounds"))
            for channel in history.window()
        ]
        if self.turn is not None:
            gathered = rotated(gathered, self.turn)
        # Channel by channel: sums over two of three axes at once are slow.
        soon = [jnp.sum(self.soon * each, axis=1) for each in gathered]
        later = [jnp.sum(self.later * each, axis=1) for each in gathered]
        return jnp.stack(soon), jnp.stack(later)


def history_rows(network: Network, dt: float) -> int:
    """How many steps of history the delays of `network` need at step `dt`; 0 without delays."""
    if network.connectome.lengths is None:
        return 0
    longest = longest_delay(network) if network.max_delay is None else network.max_delay
    return math.floor(longest / dt * (1 + 1e-6)) + 1


def may_be_below_step(network: Network, dt: float) -> bool:
    """Whether the delay of a link may be below the step `dt`, as traced ones may; of no links, none is."""
    # With room for rounding in single precision.
    return not delays_known(network) or shortest_delay(network) < dt * (1 + 1e-5)


class DelayedReads(NamedTuple):
    """Delays in whole steps, which of them fit, and the weights of the newer and the older value read."""

    whole: Pairwise
    fits: Bool[Array, "nodes nodes"]
    too_long: Bool[Array, ""]
    newer: Pairwise
    older: Pairwise

    def back(self, least: int) -> Int[Array, "nodes nodes"]:
        """How many steps back to read, at least so many; what does not fit is judged by `too_long`."""
        return jnp.clip(jnp.where(self.fits, self.whole, 1.0), least, None).astype(jnp.int32)


def delayed_reads(weights: Pairwise, in_steps: Pairwise, rows: int) -> DelayedReads:
    """What each link reads by linear interpolation, with room for `rows` steps of history."""
    whole = jnp.floor(in_steps)
    share = in_steps - whole
    fits = whole <= rows
    too_long = jnp.any((weights != 0) & ~fits)
    return DelayedReads(whole, fits, too_long, weights * (1 - share), weights * share)


def transport(network: Network, dt: Scalar, rows: int, below_step: bool = True) -> Transport:
    """The transport of `network` at step `dt` with room for `rows` steps of history.

    `below_step` says whether a delay may be below a step. A delay that does not fit sets
    `too_long`; it is never clamped.
    """
    weights, phase = network.connectome.weights, network.connectome.phase
    delays = network.delays()
    if delays is None or rows == 0:
        at_once = by_source(network.links()) if below_step else None
        return Transport(at_once, None, None, None, None, jnp.asarray(False), 0)
    reads = delayed_reads(weights, delays / dt, rows)
    within_step, newer, older = reads.whole == 0, reads.newer, reads.older
    # Of a step or more, the part 1 - f comes from `whole` steps before the end of this one; below a
    # step that is not there yet, and the part f comes from the last value sent.
    at_once = jnp.where(within_step, newer, 0.0)
    back = reads.back(1)
    return Transport(
        at_once=by_source(turned(at_once, phase, network.channels)) if below_step else None,
        soon=jnp.where(within_step, older, newer),
        later=jnp.where(within_step, 0.0, older),
        place=(rows - back) * network.nodes + jnp.arange(network.nodes, dtype=jnp.int32)[None, :],
        turn=phase,
        too_long=reads.too_long,
        rows=rows,
    )
