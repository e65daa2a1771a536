r"""Links shorter than a chunk of steps, pushed: what a node sends is added to all it will arrive in.

One dense matrix holds, for each number of steps ahead, the weights of what arrives then; its product with what
is sent in a step goes into as many sums that wait. Nothing is gathered, so where nodes are few this is fastest,
and its reverse pass is a product again.
"""

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._types import Array, Float
from rosetta_jax.network.links import turned
from rosetta_jax.network.transport.adjoint import with_adjoint
from rosetta_jax.network.transport.reads import Reads, Sent

# What is still to arrive at the end of this step, of the next, and so on.
Waiting = Float[Array, "channels ahead nodes *lanes"]


class Pushed(eqx.Module):
    """The weights `[source, steps ahead and target]`, or as many for each pair of channels.

    `returned` are the former turned round, for the reverse pass: a matrix is read fast along its last axis.
    """

    weights: Float[Array, "nodes flat"] | Float[Array, "channels channels nodes flat"]
    returned: Float[Array, "flat nodes"] | None
    ahead: int = eqx.field(static=True)

    def begin(self, past: Float[Array, "steps channels nodes *lanes"]) -> tuple[Waiting, Sent]:
        """The sums that wait after past values, the oldest first, and what arrives now."""
        _, channels, *each = past.shape
        waiting = jnp.zeros((channels, self.ahead, *each), past.dtype)
        waiting, arriving = jax.lax.scan(
            lambda waiting, sent: self.advance(waiting, sent), waiting, past[-self.ahead :]
        )
        return waiting, arriving[-1]

    def advance(self, waiting: Waiting, sent: Sent) -> tuple[Waiting, Sent]:
        """The sums with what is `sent` now, and what arrives of it all a step later."""
        total = waiting + self._carried(sent).reshape(waiting.shape)
        return jnp.concatenate([total[:, 1:], jnp.zeros_like(total[:, :1])], axis=1), total[:, 0]

    def _carried(self, sent: Sent) -> Float[Array, "channels flat *lanes"]:
        if self.weights.ndim == 4:
            return jnp.einsum("cdjk,dj...->ck...", self.weights, sent)
        if sent.ndim == 2:
            return with_adjoint(_product, _product_back, (self.weights, self.returned), sent)
        return jnp.einsum("jk,cjl->ckl", self.weights, sent)


def _product(held: tuple[Array, Array], sent: Array) -> Array:
    return sent @ held[0]


def _product_back(held: tuple[Array, Array], cotangent: Array) -> Array:
    return cotangent @ held[1]


def pushed(reads: Reads, ahead: int, channels: int) -> Pushed:
    """The links of `reads`, all sources of each node in order, as pushes up to `ahead` steps."""

    def after(steps: int) -> Array:
        weights = jnp.where(reads.back == steps, reads.soon, 0.0)
        if reads.later is not None:
            weights = weights + jnp.where(reads.back + 1 == steps, reads.later, 0.0)
        return turned(weights, reads.turn, channels)

    weights = jnp.stack([after(steps) for steps in range(ahead)], axis=-3)
    by_source = jnp.moveaxis(weights, -1, -3)
    flat = by_source.reshape(*by_source.shape[:-2], -1)
    return Pushed(flat, flat.T if flat.ndim == 2 else None, ahead)
