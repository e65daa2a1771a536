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

The history is a ring of $L$ rows written twice, at row $r$ and $r + L$, so that the last $L$ steps
are always one contiguous window and the indices into it never change.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Bool

from rosetta_jax._types import Array, Channels, Float, Int, Pairwise, Scalar
from rosetta_jax.network.network import Network, longest_delay


class Transport(eqx.Module):
    """The matrices and indices of one network at one step length, fixed through a march."""

    at_once: Pairwise
    recent: Pairwise | None
    earlier: Pairwise | None
    steps_back: Int[Array, "nodes nodes"] | None
    too_long: Bool[Array, ""]
    rows: int = eqx.field(static=True)

    def stage(self, sent: Channels) -> Channels:
        """What arrives at a stage from the stage itself, through delays below the step."""
        return sent @ self.at_once.T

    def begin(self, history: Float[Array, "rows channels nodes"]) -> "History":
        """The history from `rows` past values, the oldest first and the present one last."""
        flat = history.reshape(self.rows, -1)
        return History(rows=jnp.concatenate([flat, flat]), newest=jnp.int32(self.rows - 1))

    def read(self, history: "History", channels: int) -> Channels:
        """The known part of what arrives one step after the newest row of `history`."""
        assert self.steps_back is not None and self.earlier is not None and self.recent is not None
        window = history.window(self.rows)
        nodes = self.at_once.shape[0]
        back = self.rows - 1 - self.steps_back
        source = jnp.arange(nodes, dtype=jnp.int32)
        arriving = []
        for channel in range(channels):
            place = channel * nodes + source[None, :]
            earlier = _gather(window, back * (channels * nodes) + place)
            # The row one step later than `earlier`; its weight is zero where there is none yet.
            later = jnp.minimum(back + 1, self.rows - 1)
            recent = _gather(window, later * (channels * nodes) + place)
            arriving.append(jnp.sum(self.earlier * earlier + self.recent * recent, axis=1))
        return jnp.stack(arriving)


class History(eqx.Module):
    """What nodes sent in the last steps: `2 * rows` rows, each step written twice."""

    rows: Float[Array, "doubled width"]
    newest: Int[Array, ""]

    def push(self, sent: Channels) -> "History":
        """The history with the channels of the next step."""
        length = self.rows.shape[0] // 2
        at = jnp.where(self.newest + 1 == length, 0, self.newest + 1)
        row = sent.reshape(1, -1)
        zero = jnp.int32(0)
        rows = jax.lax.dynamic_update_slice(self.rows, row, (at, zero))
        rows = jax.lax.dynamic_update_slice(rows, row, (at + length, zero))
        return History(rows=rows, newest=at)

    def window(self, length: int) -> Float[Array, " flat"]:
        """The last `length` rows, oldest first, flat."""
        width = self.rows.shape[1]
        rows = jax.lax.dynamic_slice(self.rows, (self.newest + 1, jnp.int32(0)), (length, width))
        # A barrier keeps the slice a copy: fused into the gather it becomes a slow scalar loop.
        return jax.lax.optimization_barrier(rows.reshape(-1))


def _gather(window: Float[Array, " flat"], index: Int[Array, "nodes nodes"]) -> Pairwise:
    gathered = window.at[index].get(mode="promise_in_bounds")
    return jax.lax.optimization_barrier(gathered)


def history_rows(network: Network, dt: float) -> int:
    """How many steps of history the delays of `network` need at step `dt`; 0 without delays."""
    if network.connectome.lengths is None:
        return 0
    longest = longest_delay(network) if network.max_delay is None else network.max_delay
    return math.floor(longest / dt * (1 + 1e-6)) + 2


def transport(network: Network, dt: Scalar, rows: int) -> Transport:
    """The transport of `network` at step `dt` with room for `rows` steps of history.

    A delay that does not fit sets `too_long`; it is never clamped.
    """
    weights = network.connectome.weights
    delays = network.delays()
    if delays is None or rows == 0:
        return Transport(weights, None, None, None, jnp.asarray(False), 0)
    in_steps = delays / dt
    whole = jnp.floor(in_steps)
    share = in_steps - whole
    fits = whole <= rows - 1
    too_long = jnp.any((weights != 0) & ~fits)
    below_step = whole == 0
    steps_back = jnp.where(fits, whole, rows - 1).astype(jnp.int32)
    whole_part = weights * (1 - share)
    return Transport(
        at_once=jnp.where(below_step, whole_part, 0.0),
        recent=jnp.where(below_step, 0.0, whole_part),
        earlier=weights * share,
        steps_back=steps_back,
        too_long=too_long,
        rows=rows,
    )
