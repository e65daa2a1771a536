"""Links read step by step, each value gathered once from a ring of the last steps.

Every step is written twice, at row $r$ and $r + L$, so that the last $L$ steps are always one contiguous window
and the places in it never change.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.network.links import rotated
from rosetta_jax.network.transport.reads import Linked, Reads, Sent


class History(eqx.Module):
    """What nodes sent in the last steps, and what of it is still to arrive.

    `rows` holds each step twice, flat in every channel; `newest` is the row of the last step; `due` is what
    arrives one step after the next, None where delays are whole.
    """

    rows: Float[Array, "channels doubled *lanes"]
    newest: Int[Array, ""]
    due: Sent | None

    def push(self, sent: Sent) -> "History":
        """The history with the channels of the next step."""
        nodes, half = sent.shape[1], self.rows.shape[1] // 2
        at = self.newest + 1
        at = jnp.where(at == half // nodes, 0, at)
        zero = jnp.int32(0)
        rest = (zero,) * (sent.ndim - 2)
        rows = jax.lax.dynamic_update_slice(self.rows, sent, (zero, at * nodes, *rest))
        rows = jax.lax.dynamic_update_slice(rows, sent, (zero, at * nodes + half, *rest))
        return History(rows, at, self.due)

    def window(self, nodes: int) -> Float[Array, "channels flat *lanes"]:
        """All rows once, the oldest first."""
        half = self.rows.shape[1] // 2
        start = (self.newest + 1) * nodes
        rows = jax.lax.dynamic_slice_in_dim(self.rows, start, half, axis=1)
        # A barrier keeps the slice a copy: fused into the gather it becomes a slow scalar loop.
        return jax.lax.optimization_barrier(rows)


# A window, the place in it that each link reads, and the angle by which it turns what it reads.
Held = tuple[Float[Array, "channels flat *lanes"], Int[Array, "nodes links"], Linked | None]


class Ring(eqx.Module):
    """The links of each node and their places in a window of `rows` steps."""

    reads: Reads
    rows: int = eqx.field(static=True)

    def begin(self, past: Float[Array, "steps channels nodes *lanes"]) -> tuple[History, Sent]:
        """The history after `rows + 1` past values, the oldest first, and what arrives now."""
        past = past[-self.rows - 1 :]
        once = past[:-1].swapaxes(0, 1).reshape(past.shape[1], -1, *past.shape[3:])
        due = None if self.reads.later is None else jnp.zeros_like(past[0])
        history = History(jnp.concatenate([once, once], axis=1), jnp.int32(self.rows - 1), due)
        history, _ = self._read(history, past.shape[2])
        return self.advance(history, past[-1])

    def advance(self, history: History, sent: Sent) -> tuple[History, Sent]:
        """The history with what is `sent` now, and what arrives of it all a step later."""
        return self._read(history.push(sent), sent.shape[1])

    def _read(self, history: History, nodes: int) -> tuple[History, Sent]:
        reads = self.reads
        place = (self.rows - 1 - reads.back) * nodes + reads.sources
        arriving, *later = reads.sums(_summed, (history.window(nodes), place, reads.turn))
        if history.due is None:
            return history, arriving
        return History(history.rows, history.newest, later[0]), history.due + arriving


def _summed(held: Held, weights: tuple[Linked, ...]) -> tuple[Sent, ...]:
    """The sums over links for each of the weights."""
    window, place, turn = held
    gathered = [
        jax.lax.optimization_barrier(channel.at[place].get(mode="promise_in_bounds"))
        for channel in window
    ]
    if turn is not None:
        gathered = rotated(gathered, turn)
    return tuple(_sums(each, gathered) for each in weights)


def _sums(weights: Linked, gathered: list[Float[Array, "nodes links *lanes"]]) -> Sent:
    if gathered[0].ndim > 2:
        return jnp.stack([jnp.einsum("ij,ij...->i...", weights, each) for each in gathered])
    # Channel by channel: sums over two of three axes at once are slow.
    return jnp.stack([jnp.sum(weights * each, axis=1) for each in gathered])
