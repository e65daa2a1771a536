r"""What each node reads of what others have sent: whose value, how many steps back, and how much of it.

With a delay $\tau = (k + f) h$ what arrives over a link at the end of step $n$ is $(1-f)\, s_{n+1-k} + f\,
s_{n-k}$, where $s_n$ was sent when step $n$ began. So of one value, $k - 1$ steps back, the part $1-f$ arrives
at the end of this step and the part $f$ one step later. For $k = 0$ the part $(1-f)\, s_{n+1}$ does not exist
yet: it is read from the stage itself, through a matrix. Delays rounded to whole steps have $f = 0$ throughout.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._types import Array, Float, Int, Pairwise, Scalar
from rosetta_jax.network.network import Network
from rosetta_jax.network.transport.at_speed import Read, read_at_speed

# For each target its links: all sources, or as many as the node with most has.
Linked = Float[Array, "nodes links"]
# What nodes sent or receive, with an axis for lanes marched together or none.
Sent = Float[Array, "channels nodes *lanes"]


class Steps(eqx.Module):
    """Delays in whole steps and the share of a step beyond, `[target, source]`; what does not fit is judged.

    `reach` is the delay in steps at a speed of 1 m/s.
    """

    whole: Int[Array, "nodes nodes"]
    share: Pairwise | None
    reach: Pairwise
    too_long: Bool[Array, ""]
    too_short: Bool[Array, ""]

    def turned_round(self) -> "Steps":
        """The same, `[source, target]`."""
        return jax.tree.map(lambda each: each.T, self)


class Reads(eqx.Module):
    """The links of each node: of the value sent `back` steps ago, `soon` arrives at the end of the step, `later`
    one step after (None where delays are whole). `turn` is the angle of each link where they turn what they carry.
    `pull` says how these weights follow the `speed` where it is traced (`rosetta_jax.network.transport.at_speed`).
    """

    sources: Int[Array, "nodes links"]
    back: Int[Array, "nodes links"]
    soon: Linked
    later: Linked | None
    turn: Linked | None
    pull: tuple[Linked, ...] | None
    speed: Scalar | None

    def sums(self, read: Read, held: Any) -> tuple[Sent, ...]:
        """What `read(held, weights)` gives for `soon` and, where it is there, for `later`."""
        weights = (self.soon,) if self.later is None else (self.soon, self.later)
        if self.pull is None or self.speed is None:
            return read(held, weights)
        return read_at_speed(read, weights, self.pull, self.speed, held)

    def filled(self, multiple: int) -> "Reads":
        """The same with so many links a node, or twice, or thrice as many; those added have no weight."""
        rest = -self.soon.shape[1] % multiple

        def wider(links: Array) -> Array:
            return jnp.pad(links, ((0, 0), (0, rest))) if links.ndim else links

        return jax.tree.map(wider, self)


def steps(
    network: Network,
    dt: Scalar,
    span: tuple[int, int],
    rounded: bool,
    known: Int[Array, "nodes nodes"] | None,
) -> Steps:
    """The delays of `network` in steps of `dt`; `known` are the whole steps where they need not be found.

    `span` are the least and the most whole steps that there is room for.
    """
    lengths = network.connectome.lengths
    assert lengths is not None
    least, most = span
    reach = lengths / (1000 * dt)
    in_steps = reach / network.speed
    if known is None:
        nearest = jnp.round(in_steps) if rounded else jnp.floor(in_steps)
        # What does not fit is read from somewhere, and judged.
        whole = jnp.where((nearest >= least) & (nearest <= most), nearest, 1.0)
    else:
        nearest = whole = known.astype(in_steps.dtype)
    linked = network.connectome.weights != 0
    return Steps(
        whole=whole.astype(jnp.int32),
        share=None if rounded else in_steps - whole,
        reach=reach,
        too_long=jnp.any(linked & (nearest > most)),
        too_short=jnp.any(linked & (nearest < least)),
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
    speed: Scalar | None = None,
) -> Reads:
    """The links from `sources`, by default from all; a node without so many names others, which have no weight.

    Where `speed` is given derivatives by it are found while reading.
    """

    def chosen(array: Array) -> Array:
        return array if sources is None else jnp.take_along_axis(array, sources, axis=1)

    weight, whole = chosen(weights), chosen(steps.whole)
    within, pull = whole == 0, None

    def split(newer: Array, older: Array) -> tuple[Array, Array]:
        # Below a step the part 1 - f is not there yet, and the part f comes from the last value sent.
        return jnp.where(within, older, newer), jnp.where(within, 0.0, older)

    if steps.share is None:
        soon, later = jnp.where(within, 0.0, weight), None
    else:
        share = chosen(steps.share)
        soon, later = split(weight * (1 - share), weight * share)
        if speed is not None:
            reach = weight * chosen(steps.reach)
            pull = split(reach, -reach)
    everyone = jnp.arange(weights.shape[0], dtype=jnp.int32)[None, :]
    return Reads(
        sources=jnp.broadcast_to(everyone, weights.shape) if sources is None else sources,
        back=jnp.maximum(whole, 1) - 1,
        soon=soon,
        later=later,
        turn=None if phase is None else chosen(phase),
        pull=pull,
        speed=speed,
    )
