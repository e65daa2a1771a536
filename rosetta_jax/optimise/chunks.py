"""Lanes in chunks that move together and what their descent cost, as a tree that a file can hold."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array, Float, Int
from rosetta_jax.optimise.checkpoint import Checkpoint, stored
from rosetta_jax.optimise.methods import Lane


class Moved(NamedTuple):
    """Lanes as they are, and the loss and slope of those that count after each move."""

    lanes: Lane
    losses: tuple[np.ndarray, ...] = ()
    slopes: tuple[np.ndarray, ...] = ()


class Chunk:
    """A few lanes that move together; the first `real` of them count, the others fill it up."""

    def __init__(self, lanes: Lane, which: Array, real: int):
        # Replaced as one, so that an interruption never falls between its parts.
        self.moved = Moved(lanes)
        self.which, self.real = which, real

    @property
    def lanes(self) -> Lane:
        """The lanes as they are."""
        return self.moved.lanes

    @property
    def moves(self) -> int:
        """How many iterations these lanes have made."""
        return len(self.moved.losses)

    @property
    def finished(self) -> bool:
        """Whether every lane is done."""
        return bool(np.asarray(self.lanes.done)[: self.real].all())

    def move(self, lanes: Lane) -> None:
        """Put the same lanes, one iteration on, in their place."""
        _, losses, slopes = self.moved
        loss, slope = (np.asarray(each)[: self.real] for each in (lanes.loss, lanes.slope))
        self.moved = Moved(lanes, (*losses, loss), (*slopes, slope))


class Meter:
    """Seconds of compilation, of descent and of CPU during it, and the memory of the program in MB."""

    def __init__(self) -> None:
        self.before, self.memory = np.zeros(3), float("nan")
        self._began: tuple[float, float] | None = None

    def compiled(self, seconds: float, memory: float) -> None:
        """Note what compilation took and found, and start the clocks of the descent."""
        self.before = self.before + np.array([seconds, 0.0, 0.0])
        self.memory = memory
        self._began = time.perf_counter(), time.process_time()

    @property
    def seconds(self) -> Float[np.ndarray, "3"]:
        """Seconds of compilation, of descent and of CPU, up to now."""
        if self._began is None:
            return self.before
        wall, cpu = self._began
        return self.before + np.array([0.0, time.perf_counter() - wall, time.process_time() - cpu])


class State(eqx.Module):
    """All lanes that count, their losses and slopes after each of the `moves` of their chunk, and the costs.

    Chunks move in turns, so of one iteration some may have moved: the last row is NaN for the others.
    """

    lanes: Lane
    moves: Int[np.ndarray, " chunks"]
    losses: Float[np.ndarray, "iterations lanes"]
    slopes: Float[np.ndarray, "iterations lanes"]
    seconds: Float[np.ndarray, "3"]
    memory: Float[np.ndarray, ""]


def state(chunks: Sequence[Chunk], meter: Meter) -> State:
    """The state of a descent."""
    real = [jax.tree.map(lambda x, c=c: stored(x)[: c.real], c.lanes) for c in chunks]
    return State(
        lanes=jax.tree.map(lambda *leaves: np.concatenate(leaves), *real),
        moves=np.array([chunk.moves for chunk in chunks]),
        losses=_rows(chunks, "losses"),
        slopes=_rows(chunks, "slopes"),
        seconds=meter.seconds,
        memory=np.array(meter.memory),
    )


def restore(checkpoint: Checkpoint, chunks: Sequence[Chunk], meter: Meter) -> None:
    """Put chunks and costs where the file of `checkpoint` says that they were, where there is one."""
    nothing = state(chunks, meter)
    found = checkpoint.restored(eqx.tree_at(lambda s: s.lanes, nothing, chunks[0].lanes))
    if found is None:
        return
    first = 0
    for chunk, moves in zip(chunks, found.moves, strict=True):
        # The copies that fill a chunk up stay as they are.
        lanes = jax.tree.map(
            lambda old, new, at=first, real=chunk.real: jnp.concatenate(
                [jnp.asarray(new[at : at + real]), old[real:]]
            ),
            chunk.lanes,
            found.lanes,
        )
        losses, slopes = (
            tuple(rows[:moves, first : first + chunk.real]) for rows in (found.losses, found.slopes)
        )
        chunk.moved = Moved(lanes, losses, slopes)
        first += chunk.real
    meter.before, meter.memory = found.seconds, float(found.memory)


def history(chunks: Sequence[Chunk], name: str) -> Float[np.ndarray, "iterations lanes"]:
    """Losses or slopes of all lanes that count, after each iteration that all have made."""
    whole = min(chunk.moves for chunk in chunks)
    return np.concatenate(
        [np.stack(getattr(chunk.moved, name)[:whole]) for chunk in chunks], axis=1
    )


def gathered(chunks: Sequence[Chunk], name: str) -> np.ndarray:
    """One field of all lanes that count, as it is."""
    return np.concatenate([np.asarray(getattr(c.lanes, name))[: c.real] for c in chunks])


def _rows(chunks: Sequence[Chunk], name: str) -> Float[np.ndarray, "iterations lanes"]:
    """Losses or slopes after every move, filled up with NaN where a chunk has made fewer."""
    shape = max(chunk.moves for chunk in chunks), sum(chunk.real for chunk in chunks)
    rows, first = np.full(shape, np.nan, chunks[0].lanes.loss.dtype), 0
    for chunk in chunks:
        for number, row in enumerate(getattr(chunk.moved, name)):
            rows[number, first : first + chunk.real] = row
        first += chunk.real
    return rows
