"""Many lanes at once: a lane ends when it has converged, on its own, and the work goes to those that are left.

Everything a lane knows sits in one small tree; the loop over iterations runs on the host, so that a bar
can show progress and an interruption loses at most the iteration in flight. All trees together are the state of
a descent, which a file can hold. On a CPU each core moves lanes of its own.
"""

import copy
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg  # noqa: F401  (the LAPACK that jax calls, loaded before it is limited)
from threadpoolctl import threadpool_limits

from rosetta_jax._types import Array, Float, Int, PyTree
from rosetta_jax.optimise.checkpoint import Checkpoint
from rosetta_jax.optimise.chunks import Chunk, Meter, gathered, history, restore, state
from rosetta_jax.optimise.methods import Lane, Method, Objective
from rosetta_jax.results import Status, progress

# Working memory of all chunks that move at a time, at most (MB).
_MEMORY = 4e3


class Descent(eqx.Module):
    """Where many lanes ended: best `vectors` (lanes, size), their `losses`, and a `status` each.

    `history` (iterations, lanes) holds the best loss after each iteration, and `slopes` the norm of its
    gradient where it was evaluated last; `evaluations` counts the loss (with its derivative) per lane.
    `memory` is the compiled program's working memory in MB (NaN where the backend does not tell). Seconds of
    compilation, of descent, and of CPU during descent, those of earlier runs of a descent that went on included.
    """

    vectors: Float[np.ndarray, "lanes size"]
    losses: Float[np.ndarray, " lanes"]
    status: Int[np.ndarray, " lanes"]
    history: Float[np.ndarray, "iterations lanes"]
    slopes: Float[np.ndarray, "iterations lanes"]
    evaluations: Int[np.ndarray, " lanes"]
    memory: float
    interrupted: bool
    seconds_compile: float
    seconds: float
    cpu_seconds: float


def descend(
    objective: Objective,
    starts: Float[Array, "lanes size"],
    data: PyTree,
    which: Int[Array, " lanes"],
    method: Method,
    *,
    name: str = "descent",
    show_progress: bool = True,
    checkpoint: Checkpoint | None = None,
) -> Descent:
    """Descend from every start: lane `i` begins at `starts[i]` and sees `data` number `which[i]`.

    `data` is a tree of arrays with a leading axis of data sets. A lane whose start fails keeps that
    status and is not moved. Interrupting (Ctrl-C) at any time, compilation included, returns what has been
    found, marked `interrupted`; a lane that was not evaluated yet has an infinite loss.

    With a `checkpoint` the state goes into its file after each chunk of lanes and when the descent ends, and a
    descent whose file is there goes on from it: on the same kind of device to the same numbers, bit by bit, as if
    it had never stopped. One that had ended is read and not moved.
    """
    program = Program(objective, method, data, lanes=starts.shape[0])
    return program.descend(starts, which, name, show_progress, checkpoint)


def _descended(
    program: "Program",
    starts: Array,
    which: Array,
    name: str,
    show_progress: bool,
    checkpoint: Checkpoint | None,
) -> Descent:
    chunks, meter, interrupted = program.chunks(starts, which), Meter(), False
    if checkpoint is not None:
        restore(checkpoint, chunks, meter)
    before = sum(chunk.moves for chunk in chunks)
    with progress(show_progress) as bar:
        task = bar.add_task(name, total=starts.shape[0], note="")
        try:
            if not program.ended(chunks):
                meter.compiled(*program.compile(chunks[0]))
            for _ in _moves(program, chunks, meter.memory):
                best = float(gathered(chunks, "loss").min())
                done = int(gathered(chunks, "done").sum())
                bar.update(task, completed=done, note=f"best loss {best:.5g}")
                if checkpoint is not None:
                    checkpoint.offer(lambda: state(chunks, meter))
        except KeyboardInterrupt:
            interrupted = True
    if checkpoint is not None and sum(chunk.moves for chunk in chunks) > before:
        checkpoint.write(state(chunks, meter))
    return _outcome(chunks, meter, interrupted)


def _moves(program: "Program", chunks: list[Chunk], memory: float) -> Iterator[None]:
    """Turns of all chunks until they end, one chunk a core at a time; yields after each move of one."""
    workers = min(len(chunks), program.workers(memory))
    pool = ThreadPoolExecutor(workers) if workers > 1 else None
    try:
        while not program.ended(chunks):
            least = min(chunk.moves for chunk in chunks)
            turn = [chunk for chunk in chunks if chunk.moves == least]
            for chunk, lanes in _advanced(program, turn, pool):
                # Put in place by this thread alone, which also writes the file.
                chunk.move(lanes)
                yield
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _advanced(
    program: "Program", turn: list[Chunk], pool: ThreadPoolExecutor | None
) -> Iterator[tuple[Chunk, Lane]]:
    """The chunks of a turn and their lanes one iteration on, as they come."""
    if pool is None:
        yield from ((chunk, program.advance(chunk)) for chunk in turn)
    else:
        asked = {pool.submit(program.advance, chunk): chunk for chunk in turn}
        yield from ((asked[moved], moved.result()) for moved in as_completed(asked))


def _outcome(chunks: list[Chunk], meter: Meter, interrupted: bool) -> Descent:
    done, status = gathered(chunks, "done"), gathered(chunks, "status")
    status = np.where((status == Status.ok) & ~done, Status.not_converged, status)
    moved = all(chunk.moves for chunk in chunks)
    seconds_compile, seconds, cpu_seconds = map(float, meter.seconds)
    return Descent(
        vectors=gathered(chunks, "vector"),
        losses=gathered(chunks, "loss"),
        status=status.astype(np.int32),
        history=history(chunks, "losses") if moved else gathered(chunks, "loss")[None],
        slopes=history(chunks, "slopes") if moved else gathered(chunks, "slope")[None],
        evaluations=gathered(chunks, "evaluations"),
        memory=meter.memory,
        interrupted=interrupted,
        seconds_compile=seconds_compile,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
    )


class Program:
    """The one compiled program of a descent: move a chunk of lanes, those that are not done.

    Made once, it serves any number of descents of as many lanes, each on data of its own (`on`).
    """

    def __init__(self, objective: Objective, method: Method, data: PyTree, lanes: int):
        # On a CPU the lanes of a chunk run one after the other and those that are done cost nothing, so that
        # small chunks are dealt out evenly to the cores; elsewhere they run at once. The size does not depend on
        # the machine, or a file could not move to another.
        self._on_cpu = jax.default_backend() == "cpu"
        self._size = min(max(lanes // 16, 1), 8) if self._on_cpu else min(lanes, 64)
        self._together = None if self._on_cpu else self._size
        self._lanes, self._data, self._steps = lanes, data, method.steps

        def begin(start: Array, which: Array, data: PyTree) -> Lane:
            return jax.tree.map(_strong, method.begin(objective, start, _pick(data, which)))

        def step(lane: Lane, which: Array, data: PyTree) -> Lane:
            return jax.lax.cond(
                lane.done,
                lambda: lane,
                lambda: method.step(objective, lane, _pick(data, which)),
            )

        def move(lanes: Lane, which: Array, data: PyTree) -> Lane:
            return jax.lax.map(
                lambda args: step(args[0], args[1], data), (lanes, which), batch_size=self._together
            )

        self._begin = jax.jit(jax.vmap(begin, in_axes=(0, 0, None)))
        self._move: Any = jax.jit(move)

    def on(self, data: PyTree) -> "Program":
        """The same program on other values of its data."""
        other = copy.copy(self)
        other._data = data
        return other

    def descend(
        self,
        starts: Float[Array, "lanes size"],
        which: Int[Array, " lanes"],
        name: str = "descent",
        show_progress: bool = True,
        checkpoint: Checkpoint | None = None,
    ) -> Descent:
        """What `descend` does."""
        # The small matrices of a fit gain nothing from more BLAS threads, and lose thirtyfold to their waits
        # where other work shares the cores.
        with threadpool_limits(1, user_api="blas"):
            return _descended(self, starts, which, name, show_progress, checkpoint)

    def chunks(self, starts: Array, which: Array) -> list[Chunk]:
        """The lanes in chunks of one size; the last is filled up with copies that do not count."""
        chunks = []
        for first in range(0, self._lanes, self._size):
            real = min(self._size, self._lanes - first)
            index = np.minimum(first + np.arange(self._size), self._lanes - 1)
            lanes = self._begin(starts[index], which[index].astype(jnp.int32), self._data)
            copies = jnp.arange(self._size) >= real
            lanes = eqx.tree_at(lambda lanes: lanes.done, lanes, copies)
            chunks.append(Chunk(lanes, which[index].astype(jnp.int32), real))
        return chunks

    def compile(self, chunk: Chunk) -> tuple[float, float]:
        """Compile before any clock runs: the seconds it took, and the working memory of the program (MB)."""
        began = time.perf_counter()
        if hasattr(self._move, "lower"):
            lowered = self._move.lower(chunk.lanes, chunk.which, self._data)
            self._move = lowered.compile()
        seconds = time.perf_counter() - began
        analysis = self._move.memory_analysis()
        return seconds, float("nan") if analysis is None else analysis.temp_size_in_bytes / 1e6

    def ended(self, chunks: list[Chunk]) -> bool:
        """Whether all lanes are done, or have made all their iterations; chunks move in turns."""
        least, most = (each(chunk.moves for chunk in chunks) for each in (min, max))
        return least == most and (
            least > self._steps or (least > 0 and all(chunk.finished for chunk in chunks))
        )

    def workers(self, memory: float) -> int:
        """How many chunks move at a time, where each needs so much `memory` (MB): one a core of a CPU."""
        if not self._on_cpu:
            return 1
        fitting = _MEMORY // memory if memory > 0 else float("inf")
        return int(max(1, min(_cores(), fitting)))

    def advance(self, chunk: Chunk) -> Lane:
        """The lanes of a chunk one iteration on."""
        if chunk.finished:
            return chunk.lanes
        return jax.block_until_ready(self._move(chunk.lanes, chunk.which, self._data))


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _strong(leaf: Array) -> Array:
    """Without weak typing, which no file can hold."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return leaf if is_key else leaf.astype(leaf.dtype)


def _pick(data: PyTree, which: Array) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[which], data)
