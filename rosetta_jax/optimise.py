r"""Descent of any loss from many starts at once: lanes that cannot hurt each other.

A lane is one start on one data set. Two methods: `LevenbergMarquardt` where the loss is a sum of squares,
with the exact Jacobian by forward differentiation, and `GradientDescent` with any optax optimiser. Both
keep the best vector seen and refuse a step whose loss is not finite or whose status is no success: it is
taken back and the next one is shorter. A lane ends when it has converged, on its own, and the work goes to
those that are left.

Everything a lane knows sits in one small tree; the loop over iterations runs on the host, so that a bar
can show progress and an interruption loses at most the iteration in flight.
"""

import abc
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from rosetta_jax._types import Array, Bool, Float, Int, PyTree, Scalar
from rosetta_jax.results import Status, first_failure, progress, status_where

# Without it programs of this size can wait for ever on a CPU of few cores: the threads that would run
# what is left are all waiting (jax issue 25861 and others).
_COMPILER_OPTIONS = {"xla_cpu_enable_concurrency_optimized_scheduler": False}


class Objective(eqx.Module):
    """What a descent needs to know of a vector on a data set.

    `residuals(vector, data)`: the loss is the sum of their squares. `status(vector, data)`: whether they
    mean anything there; it is asked first, and a vector that fails is refused without them.
    """

    residuals: Callable[[Float[Array, " size"], PyTree], Float[Array, " residuals"]]
    status: Callable[[Float[Array, " size"], PyTree], Int[Array, ""]]



class Lane(eqx.Module):
    """One start: the best vector and loss so far, and what its method remembers."""

    vector: Float[Array, "*lanes size"]
    loss: Float[Array, "*lanes"]
    status: Int[Array, "*lanes"]
    done: Bool[Array, "*lanes"]
    evaluations: Int[Array, "*lanes"]
    memory: PyTree


class Method(eqx.Module):
    """How a lane descends: `begin` it at a vector, and `step` until it is done."""

    steps: eqx.AbstractVar[int]

    @abc.abstractmethod
    def begin(self, objective: Objective, vector: Float[Array, " size"], data: PyTree) -> Lane:
        """The lane at its start, evaluated there."""

    @abc.abstractmethod
    def step(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        """The lane one iteration on."""


class Descent(eqx.Module):
    """Where many lanes ended: best `vectors` (lanes, size), their `losses`, and a `status` each.

    `history` (iterations, lanes) holds the best loss after each iteration; `evaluations` counts the
    loss (with its derivative) per lane. Seconds of compilation, of descent, and of CPU during descent.
    """

    vectors: Float[np.ndarray, "lanes size"]
    losses: Float[np.ndarray, " lanes"]
    status: Int[np.ndarray, " lanes"]
    history: Float[np.ndarray, "iterations lanes"]
    evaluations: Int[np.ndarray, " lanes"]
    interrupted: bool
    seconds_compile: float
    seconds: float
    cpu_seconds: float


class _Curvature(eqx.Module):
    residual: Array
    jacobian: Array
    damping: Scalar
    growth: Scalar


class LevenbergMarquardt(Method):
    r"""Steps $(J^T J + \lambda\,\mathrm{diag} J^T J)\,\delta = -J^T r$ with the exact Jacobian.

    The damping falls by how well the last step was predicted (Nielsen 1999) and doubles its growth at
    each refusal. A lane has converged when the loss falls by less than `tolerance` of itself twice in a
    row, or when no shorter step helps. `longest` bounds a step in each plain coordinate.
    """

    steps: int = eqx.field(default=60, static=True)
    tolerance: float = eqx.field(default=2e-4, static=True)
    damping: float = eqx.field(default=1e-2, static=True)
    longest: float = eqx.field(default=2.0, static=True)

    def begin(self, objective: Objective, vector: Float[Array, " size"], data: PyTree) -> Lane:
        residual, jacobian, loss, status = self._evaluate(objective, vector, data)
        dtype = vector.dtype
        memory = _Curvature(
            residual, jacobian, jnp.asarray(self.damping, dtype), jnp.asarray(2.0, dtype)
        )
        failed = status != Status.ok
        return Lane(vector, loss, status, failed, jnp.int32(1), memory)

    def step(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        curve = lane.memory
        gradient = curve.jacobian.T @ curve.residual
        normal = curve.jacobian.T @ curve.jacobian
        scale = jnp.diag(normal) + 1e-12 * jnp.trace(normal) + jnp.finfo(normal.dtype).tiny
        change = -jnp.linalg.solve(normal + curve.damping * jnp.diag(scale), gradient)
        change = change * jnp.minimum(1.0, self.longest / jnp.max(jnp.abs(change)))
        residual, jacobian, loss, status = self._evaluate(objective, lane.vector + change, data)

        predicted = -2 * (gradient @ change) - change @ normal @ change
        gained = lane.loss - loss
        better = (status == Status.ok) & (gained > 0)
        share = jnp.clip(gained / predicted, 0.0, 1.0)
        easier = curve.damping * jnp.maximum(1 / 3, 1 - (2 * share - 1) ** 3)
        damping = jnp.where(better, easier, curve.damping * curve.growth)
        growth = jnp.where(better, 2.0, 2 * curve.growth).astype(curve.growth.dtype)
        little = (gained < self.tolerance * lane.loss) & (predicted < self.tolerance * lane.loss)
        done = (better & little) | (damping > 1e8)
        kept = _where(better, (residual, jacobian), (curve.residual, curve.jacobian))
        return Lane(
            vector=jnp.where(better, lane.vector + change, lane.vector),
            loss=jnp.where(better, loss, lane.loss),
            status=lane.status,
            done=done,
            evaluations=lane.evaluations + 1,
            memory=_Curvature(*kept, damping, growth),
        )

    def _evaluate(self, objective: Objective, vector: Array, data: PyTree) -> tuple[Array, ...]:
        def both(vector: Array) -> tuple[Array, Array]:
            residual = objective.residuals(vector, data)
            return residual, residual

        def known() -> tuple[Array, Array]:
            jacobian, residual = jax.jacfwd(both, has_aux=True)(vector)
            return residual, jacobian

        (residual, jacobian), status = _guarded(objective, vector, data, known)
        loss = jnp.where(status == Status.ok, residual @ residual, jnp.inf)
        return residual, jacobian, loss, status


class _Momentum(eqx.Module):
    vector: Array
    gradient: Array
    optimiser: PyTree
    scale: Scalar
    waited: Int[Array, ""]


class GradientDescent(Method):
    """Updates of an optax optimiser (Adam by default) on the sum of squares, several an iteration.

    A refused update goes back to the best vector with cleared momentum and half the step. A lane has
    converged after `patience` updates none of which lowered the loss by more than `tolerance` of itself.
    """

    steps: int = eqx.field(default=60, static=True)
    updates: int = eqx.field(default=10, static=True)
    tolerance: float = eqx.field(default=1e-4, static=True)
    patience: int = eqx.field(default=30, static=True)
    optimiser: optax.GradientTransformation = eqx.field(
        default_factory=lambda: optax.adam(0.05), static=True
    )

    def begin(self, objective: Objective, vector: Float[Array, " size"], data: PyTree) -> Lane:
        loss, gradient, status = self._evaluate(objective, vector, data)
        memory = _Momentum(
            vector,
            gradient,
            self.optimiser.init(vector),
            jnp.ones((), vector.dtype),
            jnp.int32(0),
        )
        return Lane(vector, loss, status, status != Status.ok, jnp.int32(1), memory)

    def step(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        def update(lane: Lane, _: None) -> tuple[Lane, None]:
            return jax.lax.cond(
                lane.done, lambda: lane, lambda: self._update(objective, lane, data)
            ), None

        return jax.lax.scan(update, lane, None, length=self.updates)[0]

    def _update(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        memory = lane.memory
        change, optimiser = self.optimiser.update(memory.gradient, memory.optimiser, memory.vector)
        vector = memory.vector + memory.scale * change
        loss, gradient, status = self._evaluate(objective, vector, data)
        refused = status != Status.ok
        better = ~refused & (loss < lane.loss)
        gained = better & (lane.loss - loss > self.tolerance * lane.loss)
        waited = jnp.where(gained, 0, memory.waited + 1).astype(jnp.int32)
        best = jnp.where(better, vector, lane.vector)
        # A refusal returns to the best vector, whose gradient the fresh optimiser needs.
        back_loss, back, _ = jax.lax.cond(
            refused,
            lambda: self._evaluate(objective, lane.vector, data),
            lambda: (loss, gradient, status),
        )
        fresh = _where(refused, self.optimiser.init(vector), optimiser)
        scale = jnp.where(refused, memory.scale / 2, memory.scale)
        return Lane(
            vector=best,
            loss=jnp.where(better, loss, lane.loss),
            status=lane.status,
            done=(waited >= self.patience) | (scale < 1e-4),
            evaluations=lane.evaluations + 1 + refused.astype(jnp.int32),
            memory=_Momentum(jnp.where(refused, lane.vector, vector), back, fresh, scale, waited),
        )

    def _evaluate(self, objective: Objective, vector: Array, data: PyTree) -> tuple[Array, ...]:
        def loss(vector: Array) -> Array:
            residual = objective.residuals(vector, data)
            return residual @ residual

        (value, gradient), status = _guarded(
            objective, vector, data, lambda: jax.value_and_grad(loss)(vector)
        )
        return jnp.where(status == Status.ok, value, jnp.inf), gradient, status


def _guarded(
    objective: Objective, vector: Array, data: PyTree, known: Callable[[], PyTree]
) -> tuple[PyTree, Int[Array, ""]]:
    """`known()` where the status allows it and all of it is finite, else zeros and the reason."""
    status = objective.status(vector, data).astype(jnp.int32)
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(known))
    found = jax.lax.cond(status == Status.ok, known, lambda: blank)
    finite = jnp.asarray(True)
    for leaf in jax.tree.leaves(found):
        finite = finite & jnp.all(jnp.isfinite(leaf))
    found = _where(finite, found, blank)
    return found, first_failure(status, status_where(~finite, Status.non_finite))


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
    status and is not moved. Interrupting (Ctrl-C) returns what has been found, marked `interrupted`.
    """
    programs = _Programs(objective, method, data, lanes=starts.shape[0])
    seconds_compile = programs.compile(starts.shape[1], starts.dtype)
    chunks = programs.chunks(starts, which)
    history, interrupted = [], False
    began, cpu_began = time.perf_counter(), time.process_time()
    with progress(show_progress) as bar:
        task = bar.add_task(name, total=starts.shape[0], note="")
        try:
            for _ in range(method.steps + 1):
                for chunk in chunks:
                    programs.advance(chunk)
                    done, best = programs.summary(chunks)
                    bar.update(task, completed=done, note=f"best loss {best:.5g}")
                history.append(programs.gather(chunks, "loss"))
                if all(chunk.finished for chunk in chunks):
                    break
        except KeyboardInterrupt:
            interrupted = True
    done, status = programs.gather(chunks, "done"), programs.gather(chunks, "status")
    status = np.where((status == Status.ok) & ~done, Status.not_converged, status)
    return Descent(
        vectors=programs.gather(chunks, "vector"),
        losses=programs.gather(chunks, "loss"),
        status=status.astype(np.int32),
        history=np.stack(history or [programs.gather(chunks, "loss")]),
        evaluations=programs.gather(chunks, "evaluations"),
        interrupted=interrupted,
        seconds_compile=seconds_compile,
        seconds=time.perf_counter() - began,
        cpu_seconds=time.process_time() - cpu_began,
    )


class _Chunk:
    """A few lanes that move together; `lanes` is None until they have begun."""

    def __init__(self, starts: Array, which: Array, real: int):
        self.starts, self.which, self.real = starts, which, real
        self.lanes: Lane | None = None

    @property
    def finished(self) -> bool:
        """Whether every lane is done."""
        return self.lanes is not None and bool(np.asarray(self.lanes.done)[: self.real].all())


class _Programs:
    """The two compiled programs of a descent: begin a chunk of lanes, and move those that are not done."""

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

        self._begin, self._step = (self._over_lanes(function) for function in (begin, step))

    def _over_lanes(self, function: Callable[..., Lane]) -> Any:
        def run(lanes: PyTree, which: Array, data: PyTree) -> Lane:
            return jax.lax.map(
                lambda args: function(*args, data), (lanes, which), batch_size=self._together
            )

        return jax.jit(run)

    def compile(self, size: int, dtype: Any) -> float:
        """Compile both programs before any clock runs; the seconds it took."""
        began = time.perf_counter()
        starts = jax.ShapeDtypeStruct((self._size, size), dtype)
        which = jax.ShapeDtypeStruct((self._size,), jnp.int32)
        lanes = jax.eval_shape(self._begin, starts, which, self._data)
        self._begin = self._begin.lower(starts, which, self._data).compile(_COMPILER_OPTIONS)
        self._step = self._step.lower(lanes, which, self._data).compile(_COMPILER_OPTIONS)
        return time.perf_counter() - began

    def chunks(self, starts: Array, which: Array) -> list[_Chunk]:
        """The lanes in chunks of one size; the last is filled up with copies that do not count."""
        chunks = []
        for first in range(0, self._lanes, self._size):
            real = min(self._size, self._lanes - first)
            index = np.minimum(first + np.arange(self._size), self._lanes - 1)
            chunks.append(_Chunk(starts[index], which[index].astype(jnp.int32), real))
        return chunks

    def advance(self, chunk: _Chunk) -> None:
        """Begin a chunk, or move it one iteration on."""
        if chunk.lanes is None:
            chunk.lanes = self._begin(chunk.starts, chunk.which, self._data)
        elif not chunk.finished:
            chunk.lanes = self._step(chunk.lanes, chunk.which, self._data)
        jax.block_until_ready(chunk.lanes.loss)

    def summary(self, chunks: list[_Chunk]) -> tuple[int, float]:
        """How many lanes are done, and the lowest loss."""
        begun = [chunk for chunk in chunks if chunk.lanes is not None]
        done = sum(int(np.asarray(c.lanes.done)[: c.real].sum()) for c in begun)
        return done, min(float(np.asarray(c.lanes.loss)[: c.real].min()) for c in begun)

    def gather(self, chunks: list[_Chunk], name: str) -> np.ndarray:
        """One field of all lanes; lanes that never began stand at their start with an infinite loss."""
        parts = []
        for chunk in chunks:
            lanes = chunk.lanes or _not_begun(chunk)
            parts.append(np.asarray(getattr(lanes, name))[: chunk.real])
        return np.concatenate(parts)


def _not_begun(chunk: _Chunk) -> Lane:
    lanes = chunk.starts.shape[0]
    zeros = jnp.zeros(lanes, jnp.int32)
    return Lane(
        vector=chunk.starts,
        loss=jnp.full(lanes, jnp.inf, chunk.starts.dtype),
        status=zeros,
        done=zeros.astype(bool),
        evaluations=zeros,
        memory=None,
    )


def _pick(data: PyTree, which: Array) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[which], data)


def _where(condition: Array, yes: PyTree, no: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
