r"""The largest Lyapunov exponent: how fast two runs with the same noise part, and gradients grow.

A small change $\delta$ of the state at time 0 is carried along by the linearised march, what is still on its way
between nodes included, and

.. math::  \lambda = \frac{1}{T} \ln \frac{|\delta(T)|}{|\delta(0)|}

is its mean rate of growth after a transient. The gradient of a run of length $T$ grows like $e^{\lambda T}$.
"""

from collections.abc import Callable
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float, Int, PRNGKeyArray, Scalar
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.transport import Formulation, formulate
from rosetta_jax.results import Status
from rosetta_jax.simulation.march import Plan
from rosetta_jax.simulation.planning import check_past, check_step, key_for, requested
from rosetta_jax.simulation.step import marching
from rosetta_jax.system import Rung


def lyapunov_exponent(
    system: Network | Rung,
    duration: float,
    dt: float,
    *,
    key: PRNGKeyArray | None = None,
    transient: float = 0.0,
    solver: diffrax.AbstractSolver | None = None,
    past: Callable[[Scalar], Any] | None = None,
    delays: str = "interpolated",
) -> Float[Array, ""]:
    """The largest Lyapunov exponent (1/s), over `duration` seconds after `transient` seconds in steps of `dt` (s).

    Negative: runs forget where they began, and gradients stay bounded. Zero: phases drift freely, and gradients
    grow with the duration. Positive: chaos; gradients of runs much longer than its inverse mean nothing. A change
    is drawn from `key`, as is the noise, and scaled back after each block, so that it neither overflows nor
    vanishes. It takes some time to turn into the direction that grows fastest: give a `transient`.

    Costs two runs. Raises as `rj.simulate` does; a run that is not finite has exponent NaN.
    """
    network = as_network(system)
    request = requested(network, duration, dt, transient, (), None, None)
    check_step(network, request.dt, solver)
    if past is not None:
        check_past(network, past)
    solver = diffrax.Heun() if solver is None else solver
    formulation = formulate(network, request.dt, delays)
    plan = request.plan(network, formulation, solver, None, None)
    step = jnp.asarray(request.dt, jnp.result_type(float))
    return _exponent(network, step, key_for(network, key), plan, formulation, past)


@eqx.filter_jit
@full_precision
def _exponent(
    network: Network,
    dt: Float[Array, ""],
    key: PRNGKeyArray,
    plan: Plan,
    formulation: Formulation,
    past: Callable[[Scalar], Any] | None,
) -> Float[Array, ""]:
    march = marching(network, plan.solver, dt, formulation)
    begun = march.begin(key, past)
    numbers, places = eqx.partition(begun, eqx.is_inexact_array)

    def moved(numbers: Any, places: Any, number: Int[Array, ""]) -> tuple[Any, Any]:
        stepping, history = eqx.combine(numbers, places)
        draws = march.draws(key, number, plan.block)
        stepping, history, _ = march.steps(stepping, history, draws, plan.block)
        return eqx.partition((stepping, history), eqx.is_inexact_array)

    def block(carry: tuple[Any, Any, Any], number: Int[Array, ""]) -> tuple[Any, Scalar]:
        numbers, places, change = carry
        numbers, change, places = jax.jvp(
            lambda numbers: moved(numbers, places, number), (numbers,), (change,), has_aux=True
        )
        size = _size(change)
        return (numbers, places, jax.tree.map(lambda leaf: leaf / size, change)), jnp.log(size)

    change = _unit_change(numbers, jax.random.fold_in(key, 2))
    count = jnp.arange(plan.blocks, dtype=jnp.int32)
    _, growth = jax.lax.scan(block, (numbers, places, change), count)
    # Blocks that begin within the transient are left out.
    counts = count * plan.block >= plan.dropped
    total = jnp.sum(jnp.where(counts, growth, 0.0))
    exponent = total / (jnp.sum(counts).astype(dt.dtype) * plan.block * dt)
    return jnp.where(march.moving.status == Status.ok, exponent, jnp.nan)


def _unit_change(numbers: Any, key: PRNGKeyArray) -> Any:
    """A change of the state alone, of length one; what is on its way and what is remembered stays."""
    stepping, history = numbers
    still = jax.tree.map(jnp.zeros_like, (stepping, history))
    leaves, structure = jax.tree.flatten(stepping.local.state)
    keys = jax.random.split(key, len(leaves))
    drawn = [
        jax.random.normal(key, leaf.shape, leaf.dtype)
        for key, leaf in zip(keys, leaves, strict=True)
    ]
    change = eqx.tree_at(
        lambda tree: tree[0].local.state, still, jax.tree.unflatten(structure, drawn)
    )
    size = _size(change)
    return jax.tree.map(lambda leaf: leaf / size, change)


def _size(change: Any) -> Scalar:
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(change)))
