"""One step of any explicit diffrax solver."""

import dataclasses
from collections.abc import Callable
from typing import Any

import diffrax
import jax
import jax.numpy as jnp

from rosetta_jax._types import Scalar

# Stages that are written out. XLA fuses each into all later ones: beyond a few it compiles for ever.
UNROLLED = 4


# A share of the step, a plain number where stages are written out.
Share = float | Scalar


def solver_step(
    solver: diffrax.AbstractSolver, field: Callable[[Share, Any], Any], state: Any, dt: Scalar
) -> Any:
    """The state after a step of `dt`, of slopes `field(share of the step, state)`."""
    if isinstance(solver, diffrax.AbstractRungeKutta):
        tableau = solver.tableau
        few = isinstance(tableau, diffrax.ButcherTableau) and len(tableau.b_sol) <= UNROLLED
        if few and isinstance(solver, diffrax.AbstractERK):
            return _runge_kutta_step(tableau, field, state, dt)
        # Its default loop over stages has no forward derivative.
        solver = dataclasses.replace(solver, scan_kind="bounded")
    terms = diffrax.ODETerm(lambda t, state, _: field(jnp.asarray(t) / dt, state))
    zero = jnp.zeros_like(dt)
    # Begun anew each step: a cached last stage would carry this step's noise into the next.
    memory = solver.init(terms, zero, dt, state, None)
    after, *_ = solver.step(terms, zero, dt, state, None, memory, made_jump=False)
    return after


def _runge_kutta_step(
    tableau: Any, field: Callable[[Share, Any], Any], state: Any, dt: Scalar
) -> Any:
    # The stages written out, for a faster reverse gradient than a loop over them gives.
    slopes = [field(0.0, state)]

    def advanced(weights: Any) -> Any:
        return jax.tree.map(
            lambda begun, *ks: (
                begun + dt * sum(float(w) * k for w, k in zip(weights, ks, strict=True))
            ),
            state,
            *slopes,
        )

    for weights, share in zip(tableau.a_lower, tableau.c, strict=True):
        slopes.append(field(float(share), advanced(weights)))
    return advanced(tableau.b_sol)
