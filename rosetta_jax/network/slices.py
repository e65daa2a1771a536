r"""The transport in chunks of steps, where every delay is longer than a chunk.

With $\tau = (k + f) h$ what arrives at the end of step $n + m$ is $(1-f)\, s_{n+1+m-k} + f\, s_{n+m-k}$. Where
$k > 8$ for every link, all that arrives in the next eight steps was sent before the first of them, and an edge
reads it as one slice of nine values in a row of the history, where step by step it would gather eight times.
The sum over edges is a product of a row of weights with those slices. Same numbers as
`rosetta_jax.network.transport`, to rounding.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._types import Array, Channels, Float, Int, Pairwise, Scalar
from rosetta_jax.network.links import rotated
from rosetta_jax.network.network import Network, delays_known, shortest_delay
from rosetta_jax.network.transport import delayed_reads

# Steps read at once: eight numbers fill a register.
CHUNK = 8
# What nodes sent, (channels, nodes, rows), the oldest first.
Sent = Float[Array, "channels nodes rows"]


class Slices(eqx.Module):
    """The weights of the newer and the older value of each edge, and where its slice begins in the history.

    `place` counts in one channel, flat; `turn` is the angle of each link where they turn what they carry.
    """

    newer: Pairwise
    older: Pairwise
    place: Int[Array, "nodes nodes"]
    turn: Pairwise | None
    too_long: Bool[Array, ""]
    rows: int = eqx.field(static=True)

    def begin(self, past: Float[Array, "steps channels nodes"]) -> tuple[Sent, Channels]:
        """The history after `rows + 1` past values, the oldest first, and what arrives now."""
        sent = jnp.moveaxis(past, 0, 2)
        return sent[..., 1:], self.ahead(sent[..., :-1])[0]

    def stage(self, sent: Channels) -> Channels:
        """What arrives at a stage from the stage itself: nothing, with delays so long."""
        return jnp.zeros_like(sent)

    def ahead(self, history: Sent) -> Float[Array, "chunk channels nodes"]:
        """What arrives at the end of each step of the next chunk."""
        gathered = [self._slices(channel) for channel in history]
        if self.turn is not None:
            gathered = rotated(gathered, self.turn[..., None])
        arriving = [
            jnp.einsum("ij,ijt->ti", self.newer, each[..., 1:])
            + jnp.einsum("ij,ijt->ti", self.older, each[..., :-1])
            for each in gathered
        ]
        return jnp.stack(arriving, axis=1)

    def after(self, history: Sent, sent: Float[Array, "chunk channels nodes"]) -> Sent:
        """The history with what a chunk of steps has sent."""
        return jnp.concatenate([history[..., CHUNK:], jnp.moveaxis(sent, 0, 2)], axis=2)

    def _slices(self, channel: Float[Array, "nodes rows"]) -> Float[Array, "nodes nodes slice"]:
        numbers = jax.lax.GatherDimensionNumbers(
            offset_dims=(2,), collapsed_slice_dims=(), start_index_map=(0,)
        )
        found = jax.lax.gather(
            channel.reshape(-1), self.place[..., None], numbers, (CHUNK + 1,),
            mode="promise_in_bounds",
        )  # fmt: skip
        # A barrier keeps the slices copies: fused into the sums they become slow scalar loops.
        return jax.lax.optimization_barrier(found)


def all_beyond_a_chunk(network: Network, dt: float) -> bool:
    """Whether the delay of every link is known to be longer than a chunk of steps."""
    if network.connectome.lengths is None or not delays_known(network):
        return False
    shortest = shortest_delay(network)
    # With room for rounding in single precision.
    return math.isfinite(shortest) and shortest > (CHUNK + 1) * dt * (1 + 1e-5)


def slices(network: Network, dt: Scalar, rows: int) -> Slices:
    """The transport of `network` in chunks of steps of `dt`, with room for `rows` steps of history."""
    weights, delays = network.connectome.weights, network.delays()
    assert delays is not None
    reads = delayed_reads(weights, delays / dt, rows)
    sources = jnp.arange(network.nodes, dtype=jnp.int32)[None, :]
    return Slices(
        newer=reads.newer,
        older=reads.older,
        place=sources * rows + rows - reads.back(CHUNK + 1),
        turn=network.connectome.phase,
        too_long=reads.too_long,
        rows=rows,
    )
