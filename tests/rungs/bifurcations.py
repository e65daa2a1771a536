"""Fixed points, folds and Hopf points of one node, as roots on its Jacobian: no continuation."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq, root

from rosetta_jax.system import Rung, stack_state, unstack_state


@jax.jit
def drift(rung: Rung, point: jax.Array) -> jax.Array:
    """The time derivative of one node at a flat state."""
    state = unstack_state(rung, point[:, None])
    return stack_state(rung.vector_field(jnp.zeros(()), state, rung.Inputs()))[:, 0]


jacobian = jax.jit(jax.jacfwd(drift, argnums=1))


def signal(rung: Rung, point: jax.Array) -> jax.Array:
    return rung.signal(unstack_state(rung, point[:, None]), rung.Inputs())[0]


def fixed_point(rung: Rung, start: np.ndarray) -> np.ndarray:
    """The fixed point that the search finds from `start`, to rounding."""
    point = root(
        lambda x: np.asarray(drift(rung, jnp.asarray(x))),
        start,
        jac=lambda x: np.asarray(jacobian(rung, jnp.asarray(x))),
        method="lm",
        tol=1e-12,
    ).x
    step = np.linalg.solve(jacobian(rung, jnp.asarray(point)), drift(rung, jnp.asarray(point)))
    assert np.abs(step).max() < 1e-10, "no fixed point here"
    return point - step


def modes(rung: Rung, point: np.ndarray) -> np.ndarray:
    """The eigenvalues of the Jacobian, 1/s, leading ones first."""
    found = np.linalg.eigvals(np.asarray(jacobian(rung, jnp.asarray(point))))
    return found[np.argsort(-found.real)]


def mode_near(rung: Rung, point: np.ndarray, frequency: float) -> complex:
    """The eigenvalue whose frequency is nearest to `frequency` (Hz)."""
    found = modes(rung, point)
    return found[np.argmin(np.abs(found.imag / (2 * np.pi) - frequency))]


def hopf(
    build: Callable[[float], Rung],
    bracket: tuple[float, float],
    start: np.ndarray,
    frequency: float,
) -> tuple[float, complex]:
    """Where the mode near `frequency` (Hz) crosses the axis, by the parameter of `build`, and the mode there."""

    def mode(value: float) -> complex:
        rung = build(value)
        return mode_near(rung, fixed_point(rung, start), frequency)

    value = brentq(lambda value: mode(value).real, *bracket, xtol=1e-10)
    return value, mode(value)


def fold(
    build: Callable[[float], Rung],
    signals: tuple[float, float],
    start: np.ndarray,
    value: float,
) -> tuple[float, float]:
    """The parameter where the branch turns, between two signals on it, and the size of its smallest mode.

    The signal parametrises the branch through its fold; the parameter is solved for along with the state.
    """

    @jax.jit
    def conditions(unknown: jax.Array, level: float) -> jax.Array:
        rung = build(unknown[-1])
        off = signal(rung, unknown[:-1]) - level
        return jnp.concatenate([drift(rung, unknown[:-1]), off[None]])

    slopes = jax.jit(jax.jacfwd(conditions))

    def solved(level: float) -> tuple[float, np.ndarray]:
        found = root(
            lambda x: np.asarray(conditions(jnp.asarray(x), level)),
            np.append(start, value),
            jac=lambda x: np.asarray(slopes(jnp.asarray(x), level)),
            method="lm",
            tol=1e-12,
        )
        assert np.abs(found.fun).max() < 1e-6, "no fixed point with this signal"
        return found.x[-1], np.asarray(jacobian(build(found.x[-1]), jnp.asarray(found.x[:-1])))

    level = brentq(lambda level: np.linalg.det(solved(level)[1] / 100.0), *signals, xtol=1e-12)
    turning, A = solved(level)
    return turning, np.abs(np.linalg.eigvals(A)).min()
