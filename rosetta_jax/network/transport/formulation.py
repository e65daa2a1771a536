"""Which formulation of the transport suits a network: chosen by its size, its delays and what is known of them.

| formulation | short links (up to nine steps) | long links | chosen for |
|---|---|---|---|
| `at once` | | | no delays: a product of matrix and vector at each stage |
| `predicted` | | | no delays, where asked for: one product a step |
| `ring` | gathered, one value a step | gathered | delays traced, or mostly short; lanes, few nodes |
| `split` | pushed through one matrix | read for eight steps at once | some short delays, few nodes |
| `ring and slices` | gathered, beyond five steps for four at once | as above | some short delays, more nodes |
| `slices` | | as above | delays all beyond nine steps |
| `taps` | | one product for eight steps, approximate | the same, where asked for |

`predicted` computes what arrives at the end of a step where Euler's method would end, and takes it for the start
of the next too. What arrives is wrong by the square of the step, so that Heun keeps order two, at half the
products: the coupling is marched as by Adams and Bashforth. `taps` interpolates what was sent between few past
steps, right to a stated share up to a stated frequency (`rosetta_jax.network.transport.taps`). All others agree to
rounding.

Where weights, lengths and speed are numbers when a march is planned, only links that carry weight are read: of
a sparse connectome as many a node as the node with most has.
"""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Int
from rosetta_jax.network.network import Network, delay_bounds, delays_known
from rosetta_jax.network.transport.slices import CHUNK
from rosetta_jax.network.transport.taps import Piece, spread

# What reads the short links and the long ones.
FORMULATIONS = {
    "at once": (None, None),
    "predicted": (None, None),
    "ring": ("ring", None),
    "split": ("pushed", "slices"),
    "ring and slices": ("ring", "slices"),
    "slices": (None, "slices"),
    "taps": (None, "taps"),
}
DELAYS = ("interpolated", "rounded")
# A matrix of pushes of more numbers falls out of the cache.
_LARGEST_PUSH = 2**19
# Of lanes marched together a ring copies rows, which is fastest while there are few: its reverse pass adds up all
# that it holds in each step.
_LARGEST_WINDOW = 100_000
# Of links too short to be read for eight steps at once those that can are read for so many.
_SHORTER = 4
# Slices pay where they take so much of the links off the ring.
_FEWEST_FAR = 0.25


class Formulation(eqx.Module):
    """How links are read: by name, and the sources of short and of long ones where delays are known.

    `whole` are the delays in whole steps where they are known; `rows` is the longest a march has room for, and
    `ahead` the longest pushed. `pieces` are the ranges of delays that taps are spread over.
    """

    whole: Int[Array, "nodes nodes"] | None
    near_sources: Int[Array, "nodes near"] | None
    far_sources: tuple[Int[Array, "nodes _"] | None, ...]
    far_targets: tuple[Int[Array, "nodes _"] | None, ...]
    name: str = eqx.field(static=True)
    at_once: bool = eqx.field(static=True)
    rounded: bool = eqx.field(static=True)
    rows: int = eqx.field(static=True)
    ahead: int = eqx.field(static=True)
    chunks: tuple[int, ...] = eqx.field(static=True, default=())
    pieces: tuple[Piece, ...] = eqx.field(static=True, default=())

    @property
    def near(self) -> str | None:
        """What reads the short links: "ring", "pushed" or None."""
        return FORMULATIONS[self.name][0]

    @property
    def far(self) -> str | None:
        """What reads the long links: "slices", "taps" or None."""
        return FORMULATIONS[self.name][1]

    @property
    def least(self) -> int:
        """The fewest whole steps of a delay that can be read."""
        if self.whole is None and self.far is not None:
            return self.pieces[0].begin if self.pieces else CHUNK + 1
        return 0 if self.at_once or self.whole is not None else 1

    @property
    def delays(self) -> str:
        """How delays are read: "none", "interpolated" or "rounded"."""
        if not self.rows:
            return "none"
        return "rounded" if self.rounded else "interpolated"

    @property
    def chunk(self) -> int:
        """The most steps read at once."""
        return max(self.chunks, default=1)


def formulate(
    network: Network,
    dt: float,
    delays: str = "interpolated",
    name: str | None = None,
    *,
    traced: bool = False,
    lanes: int = 1,
) -> Formulation:
    """The formulation for steps of `dt` (s), of the given `name` or the fastest; `delays` as in `rj.simulate`.

    With `traced` links are taken as not known even where they are. `lanes` are marched together.

    Raises `ValueError` for a name that is not there or does not suit the delays.
    """
    rounded = _checks.one_of("delays", delays, DELAYS) == "rounded"
    if name is not None:
        _checks.one_of("transport", name, FORMULATIONS)
    rows = history_rows(network, dt)
    if traced or not delays_known(network):
        return _unknown(rows, rounded, name, (network.min_delay or 0.0) / dt, dt)
    weights = np.asarray(network.connectome.weights)
    linked = weights != 0
    if network.connectome.lengths is None:
        found = Formulation(None, None, (), (), "at once", bool(linked.any()), rounded, 0, 0)
        return _named(name, found)
    lengths = np.asarray(network.connectome.lengths, dtype=float)
    in_steps = lengths / (1000 * float(network.speed) * dt)
    # Single precision may put a delay of whole steps on either side.
    whole = np.rint(in_steps) if rounded else np.floor(in_steps * (1 + 1e-6))
    whole = np.where(linked, whole, 1).astype(int)
    short = linked & (whole == 0)
    # One for which there is no room is not read: it fails as a whole.
    far = linked & (whole > CHUNK) & (whole <= rows)
    near = linked & (whole <= CHUNK)
    if rounded:
        near = near & ~short
    small = lanes % CHUNK == 0 and (rows + 1) * linked.shape[0] * lanes <= _LARGEST_WINDOW
    fastest = "ring" if small else _fastest(near, far)
    chosen = fastest if name is None else _suiting(name, near, far)
    chunks = _chunks(chosen, whole[near], lanes)
    if not chunks:
        near = near | far
    elif chosen != "split":
        near = near & (whole <= chunks[-1])
    levels = [linked & (whole > chunk) & (whole <= most) for most, chunk in spans(rows, chunks)]
    return Formulation(
        whole=_known(whole),
        near_sources=None if chosen == "split" else _sources(near),
        far_sources=tuple(map(_sources, levels)),
        far_targets=tuple(_sources(level.T) for level in levels),
        name=chosen,
        at_once=bool(short.any()),
        rounded=rounded,
        rows=rows,
        ahead=max(int(whole[near].max(initial=0)), 1) + (0 if rounded else 1),
        chunks=chunks,
        pieces=_pieces(whole[far], rounded, dt) if chosen == "taps" else (),
    )


def history_rows(network: Network, dt: float) -> int:
    """How many steps of history the delays of `network` need at step `dt`; 0 without delays."""
    if network.connectome.lengths is None:
        return 0
    longest = delay_bounds(network)[1] if network.max_delay is None else network.max_delay
    return math.floor(longest / dt * (1 + 1e-6)) + 1


def _chunks(name: str, near: np.ndarray, lanes: int) -> tuple[int, ...]:
    """Steps that links are read for at once, the most first; `near` are delays up to nine steps, in whole ones."""
    if FORMULATIONS[name][1] is None:
        return ()
    # Of lanes a gather copies rows as it is.
    shorter = name == "ring and slices" and lanes == 1 and bool((near > _SHORTER).any())
    return (CHUNK, _SHORTER) if shorter else (CHUNK,)


def spans(rows: int, chunks: tuple[int, ...]) -> list[tuple[int, int]]:
    """The most whole steps of the links read for each of `chunks`, and the chunk, which all of them exceed."""
    return list(zip((rows, *chunks[:-1]), chunks, strict=True)) if chunks else []


def _pieces(whole: np.ndarray, rounded: bool, dt: float) -> tuple[Piece, ...]:
    return spread(int(whole.min()), int(whole.max()) + (0 if rounded else 1), dt)


def _unknown(rows: int, rounded: bool, name: str | None, shortest: float, dt: float) -> Formulation:
    """The formulation for links that are traced, none of them shorter than so many steps."""
    # With room for rounding in single precision.
    known = shortest / (1 + 1e-5)
    fitting = ["slices", "ring", "taps"] if known > CHUNK + 1 else ["ring"]
    fitting = fitting if rows else ["at once"]
    found = name if name in fitting else fitting[0]
    pieces = spread(math.floor(known), rows + 1, dt) if found == "taps" else ()
    at_once = known < 1 or not rows
    every, chunks = ((), ()) if FORMULATIONS[found][1] is None else ((None,), (CHUNK,))
    return _named(
        name,
        Formulation(None, None, every, every, found, at_once, rounded, rows, 0, chunks, pieces),
    )


def _named(name: str | None, found: Formulation) -> Formulation:
    if name == "predicted" and found.name == "at once":
        return dataclasses.replace(found, name=name)
    if name not in (None, found.name):
        raise ValueError(
            f"`transport` {name!r} does not suit this network, whose links can only be read as {found.name!r}: "
            "its delays are none, or traced and so not known when the march is planned. Leave it out, or if all "
            f"are beyond {CHUNK + 1} steps say so by Network(..., min_delay=seconds, max_delay=seconds)."
        )
    return found


def _suiting(name: str, near: np.ndarray, far: np.ndarray) -> str:
    """The name, where there are links for each of its parts and no others."""
    if name == "ring":
        return name
    for part, links, length in zip(
        FORMULATIONS[name], (near, far), ("up to", "beyond"), strict=True
    ):
        if (part is None) == bool(links.any()):
            raise ValueError(
                f"`transport` {name!r} reads {'no' if part is None else 'some'} links {length} {CHUNK + 1} "
                f"steps long, and the network has {int(links.sum())} such: take another of "
                f"{sorted(FORMULATIONS)}, or leave it out for the fastest."
            )
    return name


def _fastest(near: np.ndarray, far: np.ndarray) -> str:
    nodes, links = near.shape[0], int(near.sum() + far.sum())
    if not far.any() or far.sum() < _FEWEST_FAR * links:
        return "ring"
    if not near.any():
        return "slices"
    pushes = (CHUNK + 1) * nodes**2
    return "split" if pushes <= _LARGEST_PUSH else "ring and slices"


def _sources(linked: np.ndarray) -> Int[Array, "nodes links"] | None:
    """The sources of each node's links, filled up with others, of no weight; None where that spares nothing.

    Not with the node itself, whose own loop would be read once for each that is missing.
    """
    most = max(int(linked.sum(axis=1).max()), 1)
    if most >= linked.shape[0] - 1:
        return None
    return _known(np.argsort(~linked, axis=1, kind="stable")[:, :most])


def _known(values: np.ndarray) -> Array:
    """The values as an array that stays concrete where all else is traced."""
    with jax.ensure_compile_time_eval():
        return jnp.asarray(values, dtype=jnp.int32)
