r"""All equilibria in a box of states, stable or not.

Newton's method from many places that fill the box evenly (a low-discrepancy sequence), each step shortened until
it brings the field nearer to zero. What is found once is kept once. That is no proof: a basin too small for all
starts is missed, and more `starts` find more.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import qmc

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Complex, Float
from rosetta_jax.bifurcation.family import Family, family
from rosetta_jax.bifurcation.roots import characteristic_roots
from rosetta_jax.network import Network
from rosetta_jax.system import Rung

_ITERATIONS, _HALVINGS = 60, 8
# Equilibria nearer than this, of the size of the box, are one.
_SAME = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Equilibrium:
    """A fixed point: `state` and `signal`, (nodes,) each, and the rightmost characteristic `roots` (1/s)."""

    state: Any
    signal: Float[np.ndarray, " nodes"]
    roots: Complex[np.ndarray, " roots"]

    @property
    def stable(self) -> bool:
        """Whether all characteristic roots lie left of the axis."""
        return bool(np.real(self.roots).max() < 0)

    @property
    def unstable_modes(self) -> int:
        """How many characteristic roots lie right of the axis."""
        return int((np.real(self.roots) > 0).sum())


def fixed_points(
    system: Network | Rung,
    box: Mapping[str, tuple[float, float]],
    *,
    inputs: Any = None,
    starts: int = 256,
) -> tuple[Equilibrium, ...]:
    """All equilibria that are found in a box, in the order of their signal (of the first node).

    `box` gives the lowest and the highest value of components of the state by name, the same for all nodes; those
    left out, rates of change say, start at the rung's own guess and may end anywhere. `inputs` are constant inputs
    at the rung's ports. Delays do not move equilibria, and count in their roots. Raises `ValueError` for a
    component that is not there and for a range that is none.
    """
    of = family(system, ((),), inputs)
    low, high, free = _bounds(of, box)
    begun = starts_in(of, box, _checks.whole("starts", starts))
    found, good = (np.asarray(each) for each in _searched(of, jnp.asarray(begun)))
    size = np.where(free, high - low, 1 + np.abs(found[good]).max(axis=0, initial=0.0))
    inside = ((found >= low - _SAME * size) & (found <= high + _SAME * size))[:, free].all(axis=1)
    each = [_described(of, x) for x in _once(found[good & inside], size)]
    return tuple(sorted(each, key=lambda point: float(point.signal[0])))


def starts_in(
    of: Family, box: Mapping[str, tuple[float, float]], starts: int
) -> Float[np.ndarray, "starts n"]:
    """Flat states that fill a box evenly; components that it does not name are the rung's own guess."""
    low, high, free = _bounds(of, box)
    places = qmc.Sobol(int(free.sum()), scramble=False).random(starts)
    guess = np.asarray(of.flat(of.network.rung.guess(of.network.nodes)))
    begun = np.broadcast_to(guess, (len(places), of.size)).copy()
    begun[:, free] = low[free] + places * (high - low)[free]
    return begun


def _bounds(of: Family, box: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lowest and highest flat states, and which of their numbers the box names."""
    names = [field.name for field in dataclasses.fields(of.network.rung.State)]
    low, high = np.full((2, len(names), of.network.nodes), np.nan)
    for name, ends in _checks.instance("box", box, Mapping, "a mapping of ranges").items():
        row = names.index(_checks.one_of("box", name, names))
        low[row], high[row] = (float(end) for end in ends)
        if not low[row, 0] < high[row, 0]:
            raise ValueError(f"`box[{name!r}]` must be a range, the lower end first, got {ends!r}.")
    free = np.isfinite(low).reshape(-1)
    if not free.any():
        raise ValueError(f"`box` names no component of the state: choose from {', '.join(names)}.")
    return low.reshape(-1), high.reshape(-1), free


@eqx.filter_jit
@full_precision
def _searched(
    of: Family, begun: Float[Array, "starts n"]
) -> tuple[Float[Array, "starts n"], Bool[Array, " starts"]]:
    """Where Newton's method ends from each start, and whether it has converged."""
    one = jnp.eye(of.size, dtype=begun.dtype)
    shares = 0.5 ** np.arange(_HALVINGS)
    tolerance = jnp.finfo(begun.dtype).eps ** 0.6

    def drift(x: Array) -> Array:
        return of.drift(x, jnp.zeros(1, x.dtype))

    def going(carry: Any) -> Array:
        number, _, change = carry
        return (number < _ITERATIONS) & ~(change < tolerance)

    def step(carry: Any) -> Any:
        number, x, _ = carry
        value, along = jax.linearize(drift, x)
        matrix = jax.vmap(along)(one).T
        change = jnp.linalg.solve(matrix, -value)
        # The change that the same matrix would ask for after each share of a step: it knows no units.
        tried = x[None] + jnp.asarray(shares, x.dtype)[:, None] * change[None]
        asked = jnp.linalg.solve(matrix, -jax.vmap(drift)(tried).T).T
        shorter = jnp.sum(asked**2, axis=1) < jnp.sum(change**2)
        share = jnp.where(jnp.any(shorter), jnp.argmax(shorter), _HALVINGS - 1)
        size = jnp.max(jnp.abs(change) / (1 + jnp.abs(x)))
        return number + 1, tried[share], jnp.where(jnp.isfinite(size), size, jnp.inf)

    def one_search(x: Array) -> tuple[Array, Array]:
        start = (jnp.int32(0), x, jnp.ones((), x.dtype))
        _, x, change = jax.lax.while_loop(going, step, start)
        return x, change < tolerance

    return jax.lax.map(one_search, begun)


def _once(found: np.ndarray, size: np.ndarray) -> list[np.ndarray]:
    kept: list[np.ndarray] = []
    for x in found:
        if not any((np.abs(x - other) < _SAME * size).all() for other in kept):
            kept.append(x)
    return kept


def _described(of: Family, x: np.ndarray) -> Equilibrium:
    flat, none = jnp.asarray(x), jnp.zeros(1)
    return Equilibrium(
        of.state(flat), np.asarray(of.signal(flat, none)), characteristic_roots(of, flat, none)
    )
