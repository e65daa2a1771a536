"""Methods of descent: how a lane begins and takes one step. A lane is one start on one data set.

Both keep the best vector seen and refuse a step whose loss is not finite or whose status is no success: it is
taken back and the next one is shorter.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
import scipy.linalg  # noqa: F401  (the LAPACK that jax calls, loaded before it is limited)

from rosetta_jax import _checks
from rosetta_jax._types import Array, Bool, Float, Int, PyTree, Scalar
from rosetta_jax.results import Status, first_failure, status_where


def with_value(function: Callable[[PyTree], Array]) -> Callable[[PyTree], tuple[Any, Array]]:
    """The Jacobian of a function, by forward mode, and its value."""

    def twice(at: PyTree) -> tuple[Array, Array]:
        value = function(at)
        return value, value

    return jax.jacfwd(twice, has_aux=True)


class Objective(eqx.Module):
    """What a descent needs to know of a vector on a data set.

    `residuals(vector, data)`: the loss is the sum of their squares. `status(vector, data)`: whether they
    mean anything there; it is asked first, and a vector that fails is refused without them. `slopes(vector, data)`
    is the Jacobian and the residuals, where there is a cheaper way than one derivative of the whole.
    """

    residuals: Callable[[Float[Array, " size"], PyTree], Float[Array, " residuals"]]
    status: Callable[[Float[Array, " size"], PyTree], Int[Array, ""]]
    slopes: Callable[[Float[Array, " size"], PyTree], tuple[Array, Array]] | None = None

    def jacobian(self, vector: Float[Array, " size"], data: PyTree) -> tuple[Array, Array]:
        """The Jacobian of the residuals, (residuals, size), and the residuals."""
        if self.slopes is not None:
            return self.slopes(vector, data)
        return with_value(lambda vector: self.residuals(vector, data))(vector)


class Lane(eqx.Module):
    """One start: the best vector and loss so far, and what its method remembers.

    `slope` is the norm of the loss's gradient where it was last evaluated.
    """

    vector: Float[Array, "*lanes size"]
    loss: Float[Array, "*lanes"]
    slope: Float[Array, "*lanes"]
    status: Int[Array, "*lanes"]
    done: Bool[Array, "*lanes"]
    evaluations: Int[Array, "*lanes"]
    memory: PyTree


class Method(eqx.Module):
    """How a lane descends: `begin` it at a vector, and `step` until it is done."""

    steps: eqx.AbstractVar[int]

    @abc.abstractmethod
    def begin(self, objective: Objective, vector: Float[Array, " size"], data: PyTree) -> Lane:
        """The lane at its start, not yet evaluated."""

    @abc.abstractmethod
    def step(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        """The lane one iteration on; the first iteration evaluates the start."""


class _Curvature(eqx.Module):
    residual: Array
    jacobian: Array
    damping: Scalar
    growth: Scalar


class LevenbergMarquardt(Method):
    r"""Steps $(J^T J + \lambda\,\mathrm{diag} J^T J)\,\delta = -J^T r$ with the exact Jacobian.

    The damping falls by how well the last step was predicted (Nielsen 1999) and doubles its growth at
    each refusal. A lane has converged when the loss falls by less than `tolerance` of itself, as was
    predicted, or when no shorter step helps. `longest` bounds a step in each plain coordinate.
    """

    steps: int = eqx.field(default=60, static=True)
    tolerance: float = eqx.field(default=2e-4, static=True)
    damping: float = eqx.field(default=1e-2, static=True)
    longest: float = eqx.field(default=2.0, static=True)

    def __check_init__(self):
        _checks.whole("steps", self.steps, least=0)  # at 0 the starts alone are evaluated
        _checks.known("tolerance", self.tolerance, zero=True)
        _checks.known("damping", self.damping)
        _checks.known("longest", self.longest)

    def begin(self, objective: Objective, vector: Float[Array, " size"], data: PyTree) -> Lane:
        dtype = vector.dtype
        count = jax.eval_shape(objective.residuals, vector, data).shape[0]
        memory = _Curvature(
            residual=jnp.zeros(count, dtype),
            jacobian=jnp.zeros((count, vector.shape[0]), dtype),
            damping=jnp.asarray(self.damping, dtype),
            growth=jnp.asarray(2.0, dtype),
        )
        return _unseen(vector, memory)

    def step(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        curve, first = lane.memory, lane.evaluations == 0
        gradient = curve.jacobian.T @ curve.residual
        normal = curve.jacobian.T @ curve.jacobian
        tiny = jnp.finfo(normal.dtype).tiny
        scale = jnp.diag(normal) + 1e-12 * jnp.trace(normal) + tiny
        change = -jnp.linalg.solve(normal + curve.damping * jnp.diag(scale), gradient)
        change = change * jnp.minimum(1.0, self.longest / (jnp.max(jnp.abs(change)) + tiny))
        change = jnp.where(first, 0.0, change)
        residual, jacobian, loss, status = self._evaluate(objective, lane.vector + change, data)

        predicted = -2 * (gradient @ change) - change @ normal @ change + tiny
        gained = lane.loss - loss
        better = (status == Status.ok) & (gained > 0)
        share = jnp.clip(gained / predicted, 0.0, 1.0)
        easier = curve.damping * jnp.maximum(1 / 3, 1 - (2 * share - 1) ** 3)
        damping = jnp.where(better, easier, curve.damping * curve.growth)
        growth = jnp.where(better, 2.0, 2 * curve.growth).astype(curve.growth.dtype)
        little = (gained < self.tolerance * lane.loss) & (predicted < self.tolerance * lane.loss)
        done = (better & little) | (damping > 1e8) | (first & ~better)
        damping = jnp.where(first, curve.damping, damping)
        kept = _where(better, (residual, jacobian), (curve.residual, curve.jacobian))
        return Lane(
            vector=jnp.where(better, lane.vector + change, lane.vector),
            loss=jnp.where(better, loss, lane.loss),
            slope=2 * jnp.linalg.norm(jacobian.T @ residual),
            status=jnp.where(first, status, lane.status),
            done=done,
            evaluations=lane.evaluations + 1,
            memory=_Curvature(kept[0], kept[1], damping, growth),
        )

    def _evaluate(self, objective: Objective, vector: Array, data: PyTree) -> tuple[Array, ...]:
        (jacobian, residual), status = _guarded(
            objective, vector, data, lambda: objective.jacobian(vector, data)
        )
        loss = jnp.where(status == Status.ok, residual @ residual, jnp.inf)
        return residual, jacobian, loss, status


_DERIVATIVES: dict[str, Callable[..., Any]] = {"reverse": jax.grad, "forward": jax.jacfwd}


class _Momentum(eqx.Module):
    vector: Array
    gradient: Array
    optimiser: PyTree
    scale: Scalar
    waited: Int[Array, ""]
    returning: Bool[Array, ""]


class GradientDescent(Method):
    """Updates of an optax optimiser on the sum of squares, `updates` an iteration.

    By default Adam with steps of 0.25 in plain coordinates that decay over sixty updates. A refused
    update goes back to the best vector with cleared momentum and half the step. A lane has converged
    after `patience` updates none of which lowered the loss by more than `tolerance` of itself.
    `derivative` is "reverse", whose cost does not grow with the number of coordinates, or "forward", whose
    memory does not grow with the length of a simulation.
    """

    steps: int = eqx.field(default=6, static=True)
    updates: int = eqx.field(default=10, static=True)
    tolerance: float = eqx.field(default=5e-4, static=True)
    patience: int = eqx.field(default=25, static=True)
    derivative: str = eqx.field(default="reverse", static=True)
    optimiser: optax.GradientTransformation = eqx.field(
        default_factory=lambda: optax.adam(optax.cosine_decay_schedule(0.25, 60)), static=True
    )

    def __check_init__(self):
        _checks.whole("steps", self.steps, least=0)
        for name in ("updates", "patience"):
            _checks.whole(name, getattr(self, name))
        _checks.known("tolerance", self.tolerance, zero=True)
        _checks.one_of("derivative", self.derivative, _DERIVATIVES)
        _checks.instance(
            "optimiser",
            self.optimiser,
            optax.GradientTransformation,
            "an optax one such as optax.adam(0.1)",
        )

    def begin(self, objective: Objective, vector: Float[Array, " size"], data: PyTree) -> Lane:
        memory = _Momentum(
            vector=vector,
            gradient=jnp.zeros_like(vector),
            optimiser=self.optimiser.init(vector),
            scale=jnp.ones((), vector.dtype),
            waited=jnp.int32(0),
            returning=jnp.asarray(False),
        )
        return _unseen(vector, memory)

    def step(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        def update(lane: Lane, _: None) -> tuple[Lane, None]:
            return jax.lax.cond(
                lane.done, lambda: lane, lambda: self._update(objective, lane, data)
            ), None

        return jax.lax.scan(update, lane, None, length=self.updates)[0]

    def _update(self, objective: Objective, lane: Lane, data: PyTree) -> Lane:
        memory, first = lane.memory, lane.evaluations == 0
        with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
            change, optimiser = self.optimiser.update(
                memory.gradient, memory.optimiser, memory.vector
            )
        moved = memory.vector + memory.scale * change
        vector = jnp.where(first | memory.returning, memory.vector, moved)
        optimiser = _where(first | memory.returning, memory.optimiser, optimiser)
        loss, gradient, status = self._evaluate(objective, vector, data)
        refused = status != Status.ok
        better = ~refused & (loss < lane.loss)
        gained = better & (lane.loss - loss > self.tolerance * lane.loss)
        waited = jnp.where(gained | first, 0, memory.waited + 1).astype(jnp.int32)
        scale = jnp.where(refused, memory.scale / 2, memory.scale)
        return Lane(
            vector=jnp.where(better, vector, lane.vector),
            loss=jnp.where(better, loss, lane.loss),
            slope=jnp.linalg.norm(gradient),
            status=jnp.where(first, status, lane.status),
            done=(waited >= self.patience) | (scale < 1e-4) | (first & refused),
            evaluations=lane.evaluations + 1,
            memory=_Momentum(
                # Back to the best vector after a refusal: the next evaluation is of its gradient.
                vector=jnp.where(refused, lane.vector, vector),
                gradient=gradient,
                optimiser=_where(refused, self.optimiser.init(vector), optimiser),
                scale=scale,
                waited=waited,
                returning=refused,
            ),
        )

    def _evaluate(self, objective: Objective, vector: Array, data: PyTree) -> tuple[Array, ...]:
        def loss(vector: Array) -> tuple[Array, Array]:
            residual = objective.residuals(vector, data)
            value = residual @ residual
            return value, value

        derivative = _DERIVATIVES[self.derivative]
        (gradient, value), status = _guarded(
            objective, vector, data, lambda: derivative(loss, has_aux=True)(vector)
        )
        return jnp.where(status == Status.ok, value, jnp.inf), gradient, status


def _unseen(vector: Float[Array, " size"], memory: PyTree) -> Lane:
    return Lane(
        vector=vector,
        loss=jnp.full((), jnp.inf, vector.dtype),
        slope=jnp.zeros((), vector.dtype),
        status=jnp.int32(Status.ok),
        done=jnp.asarray(False),
        evaluations=jnp.int32(0),
        memory=memory,
    )


def _guarded(
    objective: Objective, vector: Array, data: PyTree, known: Callable[[], tuple[Array, Array]]
) -> tuple[tuple[Array, Array], Int[Array, ""]]:
    """`known()`, derivative and value, where status allows it and both are finite, else zeros and the reason."""
    status = objective.status(vector, data).astype(jnp.int32)
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(known))
    found = jax.lax.cond(status == Status.ok, known, lambda: blank)
    derivative, value = (jnp.all(jnp.isfinite(part)) for part in found)
    reason = first_failure(
        status,
        status_where(~value, Status.non_finite),
        status_where(~derivative, Status.gradient_diverged),
    )
    return _where(derivative & value, found, blank), reason


def _where(condition: Array, yes: PyTree, no: PyTree) -> PyTree:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
