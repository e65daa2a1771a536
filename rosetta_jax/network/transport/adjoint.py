r"""Linear maps whose reverse pass is written out, under every transformation of JAX.

`jax.custom_vjp` has no forward mode, and what `jax.custom_derivatives.linear_call` transposes cannot be mapped
over. Here a map is a primitive that is linear in what moves, given what is held: forward mode applies it to
tangents, reverse mode calls its adjoint, `jax.vmap` maps both, and what is held is differentiated as usual.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir

from rosetta_jax._precision import full_precision

# Leaves in, leaves out.
Leaves = Sequence[Any]
Adjoint = Callable[[Leaves, Leaves], Leaves]

_linear = Primitive("linear_with_adjoint")
_linear.multiple_results = True


def with_adjoint(
    forward: Callable[[Any, Any], Any], adjoint: Callable[[Any, Any], Any], held: Any, moving: Any
) -> Any:
    """`forward(held, moving)`, linear in `moving`, whose cotangents are `adjoint(held, cotangents)`.

    The adjoint need not be that of each map alone: where maps are applied one after another it is enough that the
    adjoints, applied in reverse, give the cotangents of what enters the first. What they hand on in between may
    mean something else.
    """
    held_leaves, held_in = jax.tree.flatten(held)
    leaves, moving_in = jax.tree.flatten(moving)
    out = jax.tree.structure(jax.eval_shape(forward, held, moving))

    # Traced wherever they are transformed, not only where a march is.
    @full_precision
    def there(*values: Any) -> Leaves:
        known, leaves = values[: len(held_leaves)], values[len(held_leaves) :]
        found = forward(held_in.unflatten(known), moving_in.unflatten(leaves))
        return tuple(jax.tree.leaves(found))

    @full_precision
    def back(known: Leaves, cotangents: Leaves) -> Leaves:
        found = adjoint(held_in.unflatten(known), out.unflatten(cotangents))
        return tuple(jax.tree.leaves(found))

    values = (*held_leaves, *leaves)
    traced = jax.make_jaxpr(there)(*values)
    return out.unflatten(_linear.bind(*values, there=traced, back=back, held=len(held_leaves)))


@_linear.def_impl
def _applied(*values: Any, there: ClosedJaxpr, back: Adjoint, held: int) -> Leaves:
    return jaxpr_as_fun(there)(*values)


@_linear.def_abstract_eval
def _shapes(*values: Any, there: ClosedJaxpr, back: Adjoint, held: int) -> Leaves:
    return there.out_avals


def _forward_mode(
    primals: Leaves, tangents: Leaves, *, there: ClosedJaxpr, back: Adjoint, held: int
) -> tuple[Leaves, Leaves]:
    """The map and its slope: along what moves the same map, along what is held by JAX."""
    known, moving = primals[:held], primals[held:]
    changing = [place for place in range(held) if not isinstance(tangents[place], ad.Zero)]

    def of_held(*values: Any) -> Leaves:
        whole = dict(enumerate(known)) | dict(zip(changing, values, strict=True))
        return jaxpr_as_fun(there)(*whole.values(), *moving)

    if changing:
        found, slopes = jax.jvp(
            of_held, [known[place] for place in changing], [tangents[place] for place in changing]
        )
    else:
        found, slopes = _linear.bind(*primals, there=there, back=back, held=held), None
    if slopes is not None and all(isinstance(each, ad.Zero) for each in tangents[held:]):
        return found, slopes
    moves = map(ad.instantiate_zeros, tangents[held:])
    along = _linear.bind(*known, *moves, there=there, back=back, held=held)
    return found, along if slopes is None else tuple(map(jnp.add, slopes, along))


def _reverse_mode(
    cotangents: Leaves, *values: Any, there: ClosedJaxpr, back: Adjoint, held: int
) -> list[Any]:
    """The cotangents of what moves; what is held has none here, where all is linear."""
    found = back(values[:held], tuple(map(ad.instantiate_zeros, cotangents)))
    wanted = [isinstance(value, ad.UndefinedPrimal) for value in values[held:]]
    return [None] * held + [
        each if here else None for each, here in zip(found, wanted, strict=True)
    ]


def _mapped(
    values: Leaves, axes: Leaves, *, there: ClosedJaxpr, back: Adjoint, held: int
) -> tuple[Leaves, Leaves]:
    pairs = list(zip(values, axes, strict=True))
    size = next(value.shape[axis] for value, axis in pairs if axis is not None)
    moving = [
        jnp.broadcast_to(value, (size, *value.shape))
        if axis is None
        else jnp.moveaxis(value, axis, 0)
        for value, axis in pairs[held:]
    ]
    whole = (*values[:held], *moving)
    mapped = jax.vmap(jaxpr_as_fun(there), in_axes=(*axes[:held], *(0 for _ in moving)))
    found = _linear.bind(
        *whole,
        there=jax.make_jaxpr(mapped)(*whole),
        back=jax.vmap(back, in_axes=(axes[:held], 0)),
        held=held,
    )
    return found, (0,) * len(found)


ad.primitive_jvps[_linear] = _forward_mode
ad.primitive_transposes[_linear] = _reverse_mode
batching.primitive_batchers[_linear] = _mapped
mlir.register_lowering(_linear, mlir.lower_fun(_applied, multiple_results=True))
