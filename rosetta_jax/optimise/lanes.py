"""Many lanes at once: a lane ends when it has converged, on its own, and the work goes to those that are left.

Everything a lane knows sits in one small tree; the loop over iterations runs on the host, so that a bar
can show progress and an interruption loses at most the iteration in flight.
"""

import time
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg  # noqa: F401  (the LAPACK that jax calls, loaded before it is limited)
from threadpoolctl import threadpool_limits

from rosetta_jax._types import Array, Float, Int, PyTree
from rosetta_jax.optimise.methods import Lane, Method, Objective
from rosetta_jax.results import Status, progress


class Descent(eqx.Module):
    """Where many lanes ended: best `vectors` (lanes, size), their `losses`, and a `status` each.

    `history` (iterations, lanes) holds the best loss after each iteration, and `slopes` the norm of its
    gradient where it was evaluated last; `evaluations` counts the loss (with its derivative) per lane.
    `memory` is the compiled program's working memory in MB (NaN where the backend does not tell). Seconds of
    compilation, of descent, and of CPU during descent.
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
) -> Descent:
    """Descend from every start: lane `i` begins at `starts[i]` and sees `data` number `which[i]`.

    `data` is a tree of arrays with a leading axis of data sets. A lane whose start fails keeps that
    status and is not moved. Interrupting (Ctrl-C) at any time, compilation included, returns what has been
    found, marked `interrupted`; a lane that was not evaluated yet has an infinite loss.
    """
    program = _Program(objective, method, data, lanes=starts.shape[0])
    # The small matrices of a fit gain nothing from more BLAS threads, and lose thirtyfold to their waits
    # where other work shares the cores.
    with threadpool_limits(1, user_api="blas"):
        return _descended(program, starts, which, method.steps, name, show_progress)


def _descended(
    program: "_Program",
    starts: Array,
    which: Array,
    steps: int,
    name: str,
    show_progress: bool,
) -> Descent:
    chunks = program.chunks(starts, which)
    seconds_compile, history, slopes, interrupted = 0.0, [], [], False
    began, cpu_began = time.perf_counter(), time.process_time()
    with progress(show_progress) as bar:
        task = bar.add_task(name, total=starts.shape[0], note="")
        try:
            seconds_compile = program.compile(chunks[0])
            began, cpu_began = time.perf_counter(), time.process_time()
            for _ in range(steps + 1):
                for chunk in chunks:
                    program.advance(chunk)
                    best = float(_gathered(chunks, "loss").min())
                    done = int(_gathered(chunks, "done").sum())
                    bar.update(task, completed=done, note=f"best loss {best:.5g}")
                history.append(_gathered(chunks, "loss"))
                slopes.append(_gathered(chunks, "slope"))
                if all(chunk.finished for chunk in chunks):
                    break
        except KeyboardInterrupt:
            interrupted = True
    done, status = _gathered(chunks, "done"), _gathered(chunks, "status")
    status = np.where((status == Status.ok) & ~done, Status.not_converged, status)
    return Descent(
        vectors=_gathered(chunks, "vector"),
        losses=_gathered(chunks, "loss"),
        status=status.astype(np.int32),
        history=np.stack(history or [_gathered(chunks, "loss")]),
        slopes=np.stack(slopes or [_gathered(chunks, "slope")]),
        evaluations=_gathered(chunks, "evaluations"),
        memory=program.memory,
        interrupted=interrupted,
        seconds_compile=seconds_compile,
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu_began,
    )


class _Chunk:
    """A few lanes that move together; the first `real` of them count."""

    def __init__(self, lanes: Lane, which: Array, real: int):
        self.lanes, self.which, self.real = lanes, which, real

    @property
    def finished(self) -> bool:
        """Whether every lane is done."""
        return bool(np.asarray(self.lanes.done)[: self.real].all())


class _Program:
    """The one compiled program of a descent: move a chunk of lanes, those that are not done."""

    def __init__(self, objective: Objective, method: Method, data: PyTree, lanes: int):
        # On a CPU lanes run one after the other and those that are done cost nothing; elsewhere at once.
        on_cpu = jax.default_backend() == "cpu"
        self._size = min(lanes, 8 if on_cpu else 64)
        self._together = None if on_cpu else self._size
        self._lanes, self._data = lanes, data

        def begin(start: Array, which: Array, data: PyTree) -> Lane:
            return method.begin(objective, start, _pick(data, which))

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

    def chunks(self, starts: Array, which: Array) -> list[_Chunk]:
        """The lanes in chunks of one size; the last is filled up with copies that do not count."""
        chunks = []
        for first in range(0, self._lanes, self._size):
            real = min(self._size, self._lanes - first)
            index = np.minimum(first + np.arange(self._size), self._lanes - 1)
            lanes = self._begin(starts[index], which[index].astype(jnp.int32), self._data)
            copies = jnp.arange(self._size) >= real
            lanes = eqx.tree_at(lambda lanes: lanes.done, lanes, copies)
            chunks.append(_Chunk(lanes, which[index].astype(jnp.int32), real))
        return chunks

    def compile(self, chunk: _Chunk) -> float:
        """Compile before any clock runs; the seconds it took."""
        began = time.perf_counter()
        lowered = self._move.lower(chunk.lanes, chunk.which, self._data)
        self._move = lowered.compile()
        return time.perf_counter() - began

    @property
    def memory(self) -> float:
        """Working memory of the compiled program, MB."""
        compiled = hasattr(self._move, "memory_analysis")
        analysis = self._move.memory_analysis() if compiled else None
        return float("nan") if analysis is None else analysis.temp_size_in_bytes / 1e6

    def advance(self, chunk: _Chunk) -> None:
        """Move a chunk one iteration on."""
        if not chunk.finished:
            chunk.lanes = jax.block_until_ready(self._move(chunk.lanes, chunk.which, self._data))


def _gathered(chunks: list[_Chunk], name: str) -> np.ndarray:
    """One field of all lanes that count."""
    return np.concatenate([np.asarray(getattr(c.lanes, name))[: c.real] for c in chunks])


def _pick(data: PyTree, which: Array) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[which], data)
