r"""What each node reads of what others have sent: whose value, how many steps back, and how much of it.

With a delay $\tau = (k + f) h$ what arrives over a link at the end of step $n$ is $(1-f)\, s_{n+1-k} + f\,
s_{n-k}$, where $s_n$ was sent when step $n$ began. So of one value, $k - 1$ steps back, the part $1-f$ arrives
at the end of this step and the part $f$ one step later. For $k = 0$ the part $(1-f)\, s_{n+1}$ does not exist
yet: it is read from the stage itself, through a matrix. Delays rounded to whole steps have $f = 0$ throughout.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._types import Array, Float, Int, Pairwise, Scalar
from rosetta_jax.network.network import Network

# For each target its links: all sources, or as many as the node with most has.
Linked = Float[Array, "nodes links"]
# What nodes sent or receive, with an axis for lanes marched together or none.
Sent = Float[Array, "channels nodes *lanes"]


class Steps(eqx.Module):
    """Delays in whole steps and the share of a step beyond, `[target, source]`; what does not fit is judged."""

    whole: Int[Array, "nodes nodes"]
    share: Pairwise | None
    too_long: Bool[Array, ""]


class Reads(eqx.Module):
    """The links of each node: of the value sent `back` steps ago, `soon` arrives at the end of the step, `later`
    one step after (None where delays are whole). `turn` is the angle of each link where they turn what they carry.
    """

    sources: Int[Array, "nodes links"]
    back: Int[Array, "nodes links"]
    soon: Linked
    later: Linked | None
    turn: Linked | None

    def each_once(self) -> "Reads":
        """The same with a link for every value: interpolated ones become two."""
        if self.later is None:
            return self

        def twice(array: Array) -> Array:
            return jnp.concatenate([array, array], axis=1)

        return Reads(
            sources=twice(self.sources),
            back=jnp.concatenate([self.back, self.back + 1], axis=1),
            soon=jnp.concatenate([self.soon, self.later], axis=1),
            later=None,
            turn=None if self.turn is None else twice(self.turn),
        )


def steps(
    network: Network, dt: Scalar, rows: int, rounded: bool, known: Int[Array, "nodes nodes"] | None
) -> Steps:
    """The delays of `network` in steps of `dt`; `known` are the whole steps where they need not be found."""
    delays = network.delays()
    assert delays is not None
    in_steps = delays / dt
    if known is None:
        nearest = jnp.round(in_steps) if rounded else jnp.floor(in_steps)
        fits = nearest <= rows
        # What does not fit is read from somewhere, and judged by `too_long`.
        whole = jnp.where(fits, nearest, 1.0)
    else:
        fits, whole = known <= rows, known.astype(in_steps.dtype)
    return Steps(
        whole=whole.astype(jnp.int32),
        share=None if rounded else in_steps - whole,
        too_long=jnp.any((network.connectome.weights != 0) & ~fits),
    )


def at_once(weights: Pairwise, steps: Steps) -> Pairwise:
    """The part of each weight that arrives from the stage itself."""
    newer = weights if steps.share is None else weights * (1 - steps.share)
    return jnp.where(steps.whole == 0, newer, 0.0)


def reads(
    weights: Pairwise,
    phase: Pairwise | None,
    steps: Steps,
    sources: Int[Array, "nodes links"] | None,
) -> Reads:
    """The links from `sources`, by default from all; a node without so many names itself, which has no weight."""

    def chosen(array: Array) -> Array:
        return array if sources is None else jnp.take_along_axis(array, sources, axis=1)

    weight, whole = chosen(weights), chosen(steps.whole)
    within = whole == 0
    if steps.share is None:
        soon, later = jnp.where(within, 0.0, weight), None
    else:
        share = chosen(steps.share)
        older = weight * share
        # Below a step the part 1 - f is not there yet, and the part f comes from the last value sent.
        soon = jnp.where(within, older, weight * (1 - share))
        later = jnp.where(within, 0.0, older)
    everyone = jnp.arange(weights.shape[0], dtype=jnp.int32)[None, :]
    return Reads(
        sources=jnp.broadcast_to(everyone, weights.shape) if sources is None else sources,
        back=jnp.maximum(whole, 1) - 1,
        soon=soon,
        later=later,
        turn=None if phase is None else chosen(phase),
    )
