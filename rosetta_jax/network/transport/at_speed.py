r"""What a read changes by when the speed does, found while it is made.

Of a read $a = \sum_l w_l(v)\, s_l$ reverse mode would keep every value $s_l$ in order to find $\partial a /
\partial w_l$, as many numbers a step as there are links, and then sum them up into the slope of one number, the
speed. Here $\partial a/\partial v$ is summed beside $a$ from the same values: one number for each that arrives.
With delays of $k + f$ steps weights are linear in $f = \text{length} / (1000\, v h) - k$, so $\partial w_l /
\partial v = p_l / v^2$, and the pull $p_l$ does not depend on the speed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import SymbolicZero

from rosetta_jax._types import Array, Scalar

# Sums of what is held, one for each of some weights.
Weights = tuple[Array, ...]
Read = Callable[[Any, Weights], tuple[Array, ...]]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def read_at_speed(
    read: Read, weights: Weights, pull: Weights, speed: Scalar, held: Any
) -> tuple[Array, ...]:
    """`read(held, weights)`, for a read that is linear in the numbers held and in the weights.

    Where `pull` is differentiated too links are free, and the values of all are kept.
    """
    return read(held, weights)


def _slope(read: Read, primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    weights, pull, speed, held = primals
    by_weights, by_pull, by_speed, by_held = tangents
    found, terms = read_at_speed(read, weights, pull, speed, held), []
    if _changes(by_pull):
        terms.append(read(held, _written_out(weights, by_weights)))
    elif _changes(by_speed):
        found, change = _beside(read, weights, pull, speed, held)
        terms.append(tuple(by_speed / speed**2 * each for each in change))
    if _changes(by_held):
        terms.append(read(_in_place(held, by_held), weights))
    if not terms:
        return found, jax.tree.map(jnp.zeros_like, found)
    return found, jax.tree.map(lambda *each: sum(each[1:], each[0]), *terms)


read_at_speed.defjvp(_slope, symbolic_zeros=True)


def _beside(
    read: Read, weights: Weights, pull: Weights, speed: Scalar, held: Any
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """What is read and what its pull is, from the same values; the pull itself does not follow the speed."""
    still = tuple(jnp.zeros_like(each) for each in pull)
    found = read_at_speed(read, (*weights, *pull), (*pull, *still), speed, held)
    return found[: len(weights)], checkpoint_name(found[len(weights) :], "arriving")


def _changes(tangents: Any) -> bool:
    leaves = jax.tree.leaves(tangents, is_leaf=_is_zero)
    return any(not _is_zero(leaf) and leaf.dtype != jax.dtypes.float0 for leaf in leaves)


def _is_zero(leaf: Any) -> bool:
    return isinstance(leaf, SymbolicZero)


def _written_out(values: Any, tangents: Any) -> Any:
    """The tangents, with zeros as numbers."""
    return jax.tree.map(
        lambda value, tangent: jnp.zeros_like(value) if _is_zero(tangent) else tangent,
        values,
        tangents,
    )


def _in_place(held: Any, tangents: Any) -> Any:
    """What is held with its numbers changed to their tangents; places stay."""
    numbers, places = eqx.partition(held, eqx.is_inexact_array)
    changes = eqx.filter(tangents, jax.tree.map(eqx.is_inexact_array, held))
    return eqx.combine(_written_out(numbers, changes), places)
