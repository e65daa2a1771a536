"""Where the blocks of a sweep are computed: by this process, a few at a time, or by a cluster."""

import abc
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import numpy as np

from rosetta_jax.sweeps.blocks import Blocks
from rosetta_jax.sweeps.estimate import seconds_a_member
from rosetta_jax.sweeps.program import Program

Block = tuple[int, dict[str, np.ndarray]]


class Trial(NamedTuple):
    """What a trial of some members told: seconds of one worker for each, and how many go together."""

    seconds: float
    lanes: int


class Engine(abc.ABC):
    """What computes blocks."""

    backend: str
    workers: int
    lanes: int

    @abc.abstractmethod
    def trial(self) -> Trial:
        """Compute a few members, to know what they take."""

    @abc.abstractmethod
    def computed(self, blocks: Blocks, rest: Sequence[int]) -> Iterator[Block]:
        """The blocks `rest`, in the order in which they are done."""


class Here(Engine):
    """This process: a thread for each device, or each core where the only device is a CPU."""

    def __init__(self, program: Program):
        self._program = program
        self.backend, self.workers = program.devices[0].platform, program.workers

    @property
    def lanes(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Members computed at a time, as many as memory allows of those that were asked for."""
        self._program.compile()
        return self._program.lanes

    def trial(self) -> Trial:
        return tried(self._program)

    def computed(self, blocks: Blocks, rest: Sequence[int]) -> Iterator[Block]:
        if rest:
            self._program.compile()
        workers = min(self.workers, len(rest))
        if workers <= 1:
            yield from ((block, self._program.compute(blocks.members(block))) for block in rest)
            return
        left, asked = iter(rest), dict[Future[dict[str, np.ndarray]], int]()
        pool = ThreadPoolExecutor(workers)

        def ask() -> None:
            block = next(left, None)
            if block is not None:
                asked[pool.submit(self._program.compute, blocks.members(block))] = block

        try:
            for _ in range(workers + 1):
                ask()
            while asked:
                done, _ = wait(asked, return_when=FIRST_COMPLETED)
                for found in done:
                    block = asked.pop(found)
                    ask()
                    yield block, found.result()
        finally:
            pool.shutdown(cancel_futures=True)


def tried(program: Program) -> Trial:
    """A trial by a program."""
    seconds = seconds_a_member(program)
    return Trial(seconds, program.lanes)
