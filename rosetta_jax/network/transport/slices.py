r"""Links longer than a chunk of steps, read for the whole chunk at once.

All that arrives over them in the next eight steps was sent before the first of these, so a link reads it as one
slice of eight values from a row of the history, where step by step it would gather eight times. The sum over
links is a product of a row of weights with those slices.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.network.links import rotated
from rosetta_jax.network.transport.reads import Reads, Sent

# Steps read at once: eight numbers fill a register.
CHUNK = 8
# Numbers copied at once: on a CPU they may stay in the cache until they are summed, elsewhere there are few loops.
_TILE, _TILE_ELSEWHERE = 2**18, 2**27
# What nodes sent, the oldest first.
Rows = Float[Array, "channels nodes rows *lanes"]
# A history, the place in it where each link begins to read, and the angle by which it turns what it reads.
Held = tuple[Rows, Int[Array, "nodes links"], Float[Array, "nodes links"] | None]


class Slices(eqx.Module):
    """The links of each node, a value each, at least a chunk of steps back, and `rows` steps of history."""

    reads: Reads
    rows: int = eqx.field(static=True)

    def begin(self, past: Float[Array, "steps channels nodes *lanes"]) -> tuple[Rows, Sent]:
        """The history after `rows + 1` past values, the oldest first, and what arrives now."""
        sent = jnp.moveaxis(past[-self.rows - 1 :], 0, 2)
        return sent[:, :, 1:], self.ahead(sent[:, :, :-1])[0]

    def ahead(self, history: Rows) -> Float[Array, "chunk channels nodes *lanes"]:
        """What arrives at the end of each step of the next chunk."""
        place = self.reads.sources * self.rows + self.rows - self.reads.back
        return self.reads.sums(_summed, (history, place, self.reads.turn))[0]

    def after(self, history: Rows, sent: Float[Array, "chunk channels nodes *lanes"]) -> Rows:
        """The history with what a chunk of steps has sent."""
        return jnp.concatenate([history[:, :, CHUNK:], jnp.moveaxis(sent, 0, 2)], axis=2)


def _summed(held: Held, weights: tuple[Array, ...]) -> tuple[Array, ...]:
    """The sums over links, `(chunk, channels, nodes, *lanes)`, for each of the weights."""
    history, place, turn = held
    nodes, links = place.shape
    size = CHUNK * links * history.shape[0] * (history.shape[3] if history.ndim > 3 else 1)
    most = _TILE if jax.default_backend() == "cpu" else _TILE_ELSEWHERE
    tile = max(1, most // size)
    if nodes <= tile:
        found = _of_targets(history, place, turn, weights)
        return tuple(jnp.moveaxis(each, 2, 0) for each in found)

    def one(_: None, part: tuple) -> tuple[None, tuple[Array, ...]]:
        return None, tuple(jnp.moveaxis(each, 1, 0) for each in _of_targets(history, *part))

    parts = jax.tree.map(lambda each: _tiled(each, tile), (place, turn, weights))
    _, found = jax.lax.scan(one, None, parts)
    whole = (each.reshape(-1, *each.shape[2:])[:nodes] for each in found)
    return tuple(jnp.moveaxis(each, (2, 1, 0), (0, 1, 2)) for each in whole)


def _of_targets(
    history: Rows,
    place: Int[Array, "targets links"],
    turn: Float[Array, "targets links"] | None,
    weights: tuple[Float[Array, "targets links"], ...],
) -> tuple[Float[Array, "channels targets chunk *lanes"], ...]:
    gathered = [_slices(channel, place) for channel in history]
    if turn is not None:
        gathered = rotated(gathered, turn)
    return tuple(
        jnp.stack([jnp.einsum("ij,ijt...->it...", each, values) for values in gathered])
        for each in weights
    )


def _slices(
    channel: Float[Array, "nodes rows *lanes"], place: Int[Array, "targets links"]
) -> Float[Array, "targets links chunk *lanes"]:
    flat = channel.reshape(-1, *channel.shape[2:])
    numbers = jax.lax.GatherDimensionNumbers(
        offset_dims=tuple(range(2, 2 + flat.ndim)), collapsed_slice_dims=(), start_index_map=(0,)
    )
    found = jax.lax.gather(
        flat, place[..., None], numbers, (CHUNK, *flat.shape[1:]), mode="promise_in_bounds"
    )
    # A barrier keeps the slices copies: fused into the sums they become slow scalar loops.
    return jax.lax.optimization_barrier(found)


def _tiled(array: Array, tile: int) -> Array:
    """The rows in tiles of so many, the last one filled up with zeros, which weigh nothing."""
    rest = -array.shape[0] % tile
    return jnp.pad(array, ((0, rest), (0, 0))).reshape(-1, tile, array.shape[1])
