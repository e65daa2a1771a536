r"""Links longer than a chunk of steps, read for the whole chunk at once.

All that arrives over them in the next eight steps was sent before the first of these, so a link reads it as one
slice of eight values from a row of the history, where step by step it would gather eight times. The sum over
links is a product of a row of weights with those slices. Links too short for that are read for chunks of four
steps in the same way, within the longer ones.

The reverse pass is the same the other way. Of what a node sent, the cotangent is the sum over its targets of
those of what arrived, $\bar s_j(n) = \sum_i C_{ij}\, \bar a_i(n + k_{ij})$, all of them known a chunk before, so
that it is read in slices too where JAX would add each slice to a history of cotangents, which takes twice as long.
What goes back from chunk to chunk is then a history of $\bar a$ and not of $\bar s$.
"""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.network.links import rotated
from rosetta_jax.network.transport.adjoint import with_adjoint
from rosetta_jax.network.transport.reads import Reads, Sent

# Most steps read at once: eight numbers fill a register.
CHUNK = 8
# Numbers copied at once: on a CPU they may stay in the cache until they are summed, elsewhere there are few loops.
_TILE, _TILE_ELSEWHERE = 2**16, 2**27
# What nodes sent, the oldest first.
Rows = Float[Array, "channels nodes rows *lanes"]
# What nodes sent in the steps of a chunk, or what arrives at the end of each.
Chunk = Float[Array, "chunk channels nodes *lanes"]
# A history, the place in it where each link begins to read, and the angle by which it turns what it reads.
Held = tuple[Rows, Int[Array, "nodes links"], Float[Array, "nodes links"] | None]


class Past(eqx.Module):
    """What nodes sent, and what of it is `due` at the end of the next step; None where delays are whole.

    Going back in time the place of `sent` holds the cotangents of what arrived, that of `due` its own, and that
    of `spare`, which is zero, what of them is due a step earlier.
    """

    sent: Rows
    due: Sent | None
    spare: Sent | None


class Slices(eqx.Module):
    """The links of each node, at least a `chunk` of steps back, and `rows` steps of history.

    `returned` are the same links the other way: for each source its targets.
    """

    reads: Reads
    returned: Reads
    rows: int = eqx.field(static=True)
    chunk: int = eqx.field(static=True, default=CHUNK)

    def begin(self, past: Float[Array, "steps channels nodes *lanes"]) -> tuple[Past, Sent]:
        """The history after `rows + 1` past values, the oldest first, and what arrives now."""
        sent = jnp.moveaxis(past[-self.rows - 1 :], 0, 2)
        soon, *later = self._read(sent[:, :, :-1])
        now = soon[0]
        if later:
            now = now + self._read(_delayed(sent[:, :, :-1]))[1][0]
        return with_adjoint(Slices._entered, Slices._entered_back, self, sent[:, :, 1:]), now

    def ahead(self, history: Past) -> tuple[Past, Chunk]:
        """What arrives at the end of each step of the next chunk, and the history with what is due after it."""
        return with_adjoint(Slices._arrived, Slices._arrived_back, self, history)

    def after(self, history: Past, sent: Chunk) -> Past:
        """The history with what a chunk of steps has sent."""
        return with_adjoint(Slices._kept, Slices._sent_back, self, (history, sent))

    def _entered(self, sent: Rows) -> Past:
        """The history of what was sent before the march."""
        _, *later = self._read(_delayed(sent))
        if not later:
            return Past(sent, None, None)
        return Past(sent, later[0][0], jnp.zeros_like(later[0][0]))

    def _arrived(self, history: Past) -> tuple[Past, Chunk]:
        soon, *later = self._read(history.sent)
        if not later or history.due is None:
            return history, soon
        arriving = soon + jnp.concatenate([history.due[None], later[0][:-1]])
        return Past(history.sent, later[0][-1], history.spare), arriving

    def _kept(self, both: tuple[Past, Chunk]) -> Past:
        history, sent = both
        rows = jnp.concatenate([history.sent[:, :, self.chunk :], jnp.moveaxis(sent, 0, 2)], axis=2)
        return Past(rows, history.due, history.spare)

    # What follows goes back in time: from the cotangents of what a map gives to those of what it takes.

    def _arrived_back(self, cotangents: tuple[Past, Chunk]) -> Past:
        back, arriving = cotangents
        rows = jnp.concatenate(
            [jnp.moveaxis(arriving, 0, 2), back.sent[:, :, : -self.chunk]], axis=2
        )
        return Past(rows, None if back.due is None else arriving[0], back.spare)

    def _sent_back(self, back: Past) -> tuple[Past, Chunk]:
        soon, *later = self._sums(self.returned, self.returned.back - self.chunk, back.sent)
        if not later or back.spare is None:
            return back, soon
        sent = soon + jnp.concatenate([later[0][1:], back.spare[None]])
        return Past(back.sent, back.due, later[0][0]), sent

    def _entered_back(self, back: Past) -> Rows:
        def chunk(back: Past, _: None) -> tuple[Past, Chunk]:
            back, sent = self._sent_back(back)
            return self._arrived_back((back, jnp.zeros_like(sent))), sent

        _, sent = jax.lax.scan(chunk, back, None, length=-(-self.rows // self.chunk))
        # The latest chunk came first.
        sent = sent[::-1].reshape(-1, *sent.shape[2:])[-self.rows :]
        return jnp.moveaxis(sent, 0, 2)

    def _read(self, sent: Rows) -> tuple[Chunk, ...]:
        """What arrives at the end of each step of the values read, and what one step later."""
        return self._sums(self.reads, self.rows - self.reads.back, sent)

    def _sums(self, reads: Reads, row: Int[Array, "nodes links"], sent: Rows) -> tuple[Chunk, ...]:
        """What links give that begin to read at a `row` each."""
        held = (sent, reads.sources * self.rows + row, reads.turn)
        return reads.sums(partial(_summed, self.chunk), held)


def _delayed(sent: Rows) -> Rows:
    """The rows a step earlier; no link reads the oldest in its first step, so that any may stand for it."""
    return jnp.concatenate([sent[:, :, :1], sent[:, :, :-1]], axis=2)


def _summed(chunk: int, held: Held, weights: tuple[Array, ...]) -> tuple[Array, ...]:
    """The sums over links, `(chunk, channels, nodes, *lanes)`, for each of the weights."""
    history, place, turn = held
    nodes, links = place.shape
    size = chunk * links * history.shape[0] * (history.shape[3] if history.ndim > 3 else 1)
    most = _TILE if jax.default_backend() == "cpu" else _TILE_ELSEWHERE
    tile = max(1, most // size)
    if nodes <= tile:
        found = _of_targets(chunk, history, place, turn, weights)
        return tuple(jnp.moveaxis(each, 2, 0) for each in found)

    def one(_: None, part: tuple) -> tuple[None, tuple[Array, ...]]:
        return None, tuple(jnp.moveaxis(each, 1, 0) for each in _of_targets(chunk, history, *part))

    parts = jax.tree.map(lambda each: _tiled(each, tile), (place, turn, weights))
    _, found = jax.lax.scan(one, None, parts)
    whole = (each.reshape(-1, *each.shape[2:])[:nodes] for each in found)
    return tuple(jnp.moveaxis(each, (2, 1, 0), (0, 1, 2)) for each in whole)


def _of_targets(
    chunk: int,
    history: Rows,
    place: Int[Array, "targets links"],
    turn: Float[Array, "targets links"] | None,
    weights: tuple[Float[Array, "targets links"], ...],
) -> tuple[Float[Array, "channels targets chunk *lanes"], ...]:
    gathered = [_slices(chunk, channel, place) for channel in history]
    if turn is not None:
        gathered = rotated(gathered, turn)
    return tuple(jnp.stack([_weighed(each, values) for values in gathered]) for each in weights)


def _weighed(
    weights: Float[Array, "targets links"], values: Float[Array, "targets links chunk *lanes"]
) -> Float[Array, "targets chunk *lanes"]:
    beside = CHUNK // values.shape[2]
    if values.ndim > 3 or beside == 1:
        return jnp.einsum("ij,ijt...->it...", weights, values)
    # Neighbouring links side by side fill a register; each has its weights, and its part of the sum.
    wide = values.reshape(values.shape[0], -1, CHUNK)
    parts = [
        jnp.einsum("ij,ijt->it", weights[:, link::beside], wide).reshape(
            -1, beside, values.shape[2]
        )
        for link in range(beside)
    ]
    return sum((part[:, link] for link, part in enumerate(parts[1:], 1)), parts[0][:, 0])


def _slices(
    chunk: int,
    channel: Float[Array, "nodes rows *lanes"],
    place: Int[Array, "targets links"],
) -> Float[Array, "targets links chunk *lanes"]:
    flat = channel.reshape(-1, *channel.shape[2:])
    numbers = jax.lax.GatherDimensionNumbers(
        offset_dims=tuple(range(2, 2 + flat.ndim)), collapsed_slice_dims=(), start_index_map=(0,)
    )
    found = jax.lax.gather(
        flat, place[..., None], numbers, (chunk, *flat.shape[1:]), mode="promise_in_bounds"
    )
    # A barrier keeps the slices copies: fused into the sums they become slow scalar loops.
    return jax.lax.optimization_barrier(found)


def _tiled(array: Array, tile: int) -> Array:
    """The rows in tiles of so many, the last one filled up with zeros, which weigh nothing."""
    rest = -array.shape[0] % tile
    return jnp.pad(array, ((0, rest), (0, 0))).reshape(-1, tile, array.shape[1])
