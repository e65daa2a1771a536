"""What a sweep will take: members, memory, blocks, time and room on a disk, found without running it."""

import math
import time

import equinox as eqx
import numpy as np

from rosetta_jax.sweeps.blocks import Blocks, cut
from rosetta_jax.sweeps.program import Program

# Seconds that a block should take: what a kill may lose.
_SECONDS = 4.0
# Blocks that each worker should have at least, so that none waits long for the others at the end.
_TURNS = 4
# Bytes of a block's arrays at most.
_MOST_BYTES = 2**27
# Seconds of a trial, and how often it may be doubled.
_TRIAL, _DOUBLINGS = 0.2, 12


class Estimate(eqx.Module):
    """What a sweep takes here.

    `members`; `memory_mb` that its calls need at a time; `chunk`, members that are computed and written together;
    `seconds_member`, of one worker, from a trial of some members; `seconds` of all; `store_mb`, not compressed.
    """

    members: int
    memory_mb: float
    chunk: int
    workers: int
    seconds_member: float
    seconds: float
    store_mb: float

    @property
    def message(self) -> str:
        """The estimate in words."""
        return (
            f"{self.members} members in chunks of {self.chunk}: {self.memory_mb:.3g} MB of memory, "
            f"{self.seconds_member * 1e3:.3g} ms a member, {self.seconds:.3g} s on {self.workers} "
            f"worker{'s' if self.workers > 1 else ''}, {self.store_mb:.3g} MB in the store."
        )


def seconds_a_member(program: Program) -> float:
    """Seconds that one worker needs for a member, from a trial of members spread over the sweep."""
    number = program.members.number
    count = min(program.lanes, number)
    program.compute(_spread(number, count))
    for _ in range(_DOUBLINGS):
        begun = time.perf_counter()
        program.compute(_spread(number, count))
        seconds = time.perf_counter() - begun
        if seconds > _TRIAL or count >= min(number, program.capacity):
            break
        count = min(2 * count, number, program.capacity)
    return seconds / count


def blocks_for(
    shape: tuple[int, ...], bytes_a_member: int, workers: int, seconds_member: float, lanes: int
) -> Blocks:
    """The blocks of a sweep, of what a few seconds compute and memory holds."""
    for_time = _SECONDS / max(seconds_member, 1e-9)
    for_turns = math.prod(shape) / (_TURNS * workers)
    for_bytes = _MOST_BYTES / max(bytes_a_member, 1)
    return cut(shape, max(int(min(for_time, for_turns, for_bytes)), lanes), lanes)


def estimated(program: Program, blocks: Blocks, seconds_member: float) -> Estimate:
    """The estimate of a sweep in these blocks."""
    memory, members = program.memory, program.members.number
    held = blocks.largest * memory.member
    workers = min(program.workers, blocks.number)
    rows = sum(
        math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in program.shapes.values()
    )
    return Estimate(
        members=members,
        memory_mb=workers * (memory.of(program.capacity) + held) / 2**20,
        chunk=blocks.largest,
        workers=workers,
        seconds_member=seconds_member,
        seconds=seconds_member * members / workers,
        store_mb=rows * members / 2**20,
    )


def _spread(number: int, count: int) -> np.ndarray:
    """Numbers of `count` members, evenly spread."""
    return np.linspace(0, number - 1, count).astype(np.int64)
