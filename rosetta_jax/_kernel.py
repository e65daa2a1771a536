"""Loops of small steps, compiled for a processor into one kernel.

XLA calls a kernel for each fused operation, and a call takes about as long as the arithmetic of eighty nodes.
What is wrapped here becomes one kernel with all its operations and loops, by which a small march takes two thirds
of the time, forward and reverse. That holds on a CPU and for what a kernel can hold (`rosetta_jax._holdable`);
anything else, and anywhere else, is compiled as if it were not wrapped.

It is a primitive, and not a call of `jax.jit`, because what can be one kernel is known only when all has been
differentiated and mapped: the passes forward and back are each judged where they are lowered.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Primitive, jaxpr_as_fun
from jax.interpreters import ad, batching, mlir, partial_eval
from jax.interpreters.mlir import ir

from rosetta_jax._holdable import holdable

Leaves = Sequence[Any]

_kernel = Primitive("one_kernel")
_kernel.multiple_results = True


def one_kernel(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)`, of arrays and pytrees of them, in one kernel where that can be.

    The numbers are those of `function` to rounding, and so are all derivatives and maps. Names that a policy of
    `jax.checkpoint` goes by are not seen within.
    """
    leaves, tree = jax.tree.flatten(arguments)
    traced, shapes = jax.make_jaxpr(
        lambda *leaves: function(*tree.unflatten(leaves)), return_shape=True
    )(*leaves)
    # What the function closes over goes in with the rest, since it may be traced.
    found = _bound(partial(_evaluated, traced.jaxpr), traced.consts, leaves)
    return jax.tree.structure(shapes).unflatten(found)


def _evaluated(jaxpr: Jaxpr, constants: Leaves, values: Leaves) -> Leaves:
    return jaxpr_as_fun(ClosedJaxpr(jaxpr, list(constants)))(*values)


def _bound(function: Callable[..., Leaves], *arguments: Leaves) -> Leaves:
    """The kernel of a function of lists of arrays, applied to them."""
    leaves, tree = jax.tree.flatten(arguments)
    closed = jax.make_jaxpr(lambda *leaves: function(*tree.unflatten(leaves)))(*leaves)
    return _kernel.bind(*leaves, jaxpr=closed)


@_kernel.def_impl
def _applied(*values: Any, jaxpr: ClosedJaxpr) -> Leaves:
    return jaxpr_as_fun(jaxpr)(*values)


@_kernel.def_abstract_eval
def _shapes(*values: Any, jaxpr: ClosedJaxpr) -> Leaves:
    return jaxpr.out_avals


def _merged(here: Sequence[bool], some: Leaves, others: Leaves) -> list[Any]:
    """Of two lists one, with the next of `some` where it is `here`."""
    first, second = iter(some), iter(others)
    return [next(first if each else second) for each in here]


def _not(here: Sequence[bool]) -> list[bool]:
    return [not each for each in here]


def _where(here: Sequence[bool], values: Leaves) -> list[Any]:
    return [value for value, each in zip(values, here, strict=True) if each]


def _forward_mode(
    primals: Leaves, tangents: Leaves, *, jaxpr: ClosedJaxpr
) -> tuple[Leaves, Leaves]:
    """Two kernels, the second linear: what both need is given by the first."""
    moving = [not isinstance(tangent, ad.Zero) for tangent in tangents]
    smooth = [jax.numpy.issubdtype(aval.dtype, jax.numpy.inexact) for aval in jaxpr.out_avals]
    slope = []

    def first(*values: Any) -> Leaves:
        others = _where(_not(moving), values)

        def moved(*some: Any) -> tuple[Leaves, Leaves]:
            found = jaxpr_as_fun(jaxpr)(*_merged(moving, some, others))
            return _where(smooth, found), _where(_not(smooth), found)

        found, along, whole = jax.linearize(moved, *_where(moving, values), has_aux=True)
        traced = jax.make_jaxpr(along)(*_where(moving, tangents))
        slope.append(traced.jaxpr)
        return (*_merged(smooth, found, whole), *traced.consts)

    traced = jax.make_jaxpr(first)(*primals)
    found, held = _apart(traced, primals, len(smooth))
    slopes = _bound(partial(_evaluated, slope[0]), held, _where(moving, tangents))
    fixed = [ad.Zero(aval.to_tangent_aval()) for aval in _where(_not(smooth), jaxpr.out_avals)]
    return found, _merged(smooth, slopes, fixed)


def _apart(traced: ClosedJaxpr, values: Leaves, count: int) -> tuple[Leaves, Leaves]:
    """The first `count` results of a kernel, and the others, of which it does not give what it was given."""
    given = {variable: place for place, variable in enumerate(traced.jaxpr.invars)}
    others = traced.jaxpr.outvars[count:]
    known = [None if isinstance(each, Literal) else given.get(each) for each in others]
    made = [True] * count + [place is None for place in known]
    found = _bound(lambda values: _where(made, jaxpr_as_fun(traced)(*values)), values)
    passed = [values[place] for place in known if place is not None]
    return found[:count], _merged(made[count:], found[count:], passed)


def _reverse_mode(cotangents: Leaves, *values: Any, jaxpr: ClosedJaxpr) -> list[Any]:
    wanted = [ad.is_undefined_primal(value) for value in values]
    coming = [not isinstance(cotangent, ad.Zero) for cotangent in cotangents]
    held = _where(_not(wanted), values)
    shapes = [
        jax.ShapeDtypeStruct(value.aval.shape, value.aval.dtype) for value in _where(wanted, values)
    ]

    def back(held: Leaves, coming_back: Leaves) -> Leaves:
        def moved(*some: Any) -> Leaves:
            return _where(coming, jaxpr_as_fun(jaxpr)(*_merged(wanted, some, held)))

        return jax.linear_transpose(moved, *shapes)(coming_back)

    found = _bound(back, held, _where(coming, cotangents))
    return _merged(wanted, found, [None] * len(held))


def _mapped(values: Leaves, axes: Leaves, *, jaxpr: ClosedJaxpr) -> tuple[Leaves, Leaves]:
    closed = jax.make_jaxpr(jax.vmap(jaxpr_as_fun(jaxpr), in_axes=tuple(axes)))(*values)
    return _kernel.bind(*values, jaxpr=closed), (0,) * len(closed.out_avals)


def _pruned(used: list[bool], equation: Any) -> tuple[list[bool], Any]:
    """The kernel of what is used of its results."""
    if not any(used):
        return [False] * len(equation.invars), None
    closed = equation.params["jaxpr"]
    jaxpr, needed = partial_eval.dce_jaxpr(closed.jaxpr, used)
    return needed, equation.replace(
        invars=_where(needed, equation.invars),
        outvars=_where(used, equation.outvars),
        params={"jaxpr": ClosedJaxpr(jaxpr, closed.consts)},
    )


_plain = mlir.lower_fun(_applied, multiple_results=True)


def _lowered(context: Any, *values: Any, jaxpr: ClosedJaxpr) -> Leaves:
    """The call of a function that is compiled as a whole, where it can be."""
    if not values or not jaxpr.out_avals or not holdable(jaxpr.jaxpr):
        return _plain(context, *values, jaxpr=jaxpr)

    def one_kernel(*values: Any) -> Leaves:
        # XLA must not find that an argument is not needed, or it fails: constants are kept out by a barrier, and
        # all arguments are given back.
        return (*jaxpr_as_fun(jaxpr)(*values), *jax.lax.optimization_barrier(values))

    def called(*values: Any) -> Leaves:
        return jax.jit(one_kernel)(*jax.lax.optimization_barrier(values))

    found = mlir.lower_fun(called, multiple_results=True)(context, *values)
    attributes: dict[str, ir.Attribute] = {
        "inlineable": ir.StringAttr.get("false"),
        "xla_cpu_small_call": ir.StringAttr.get("true"),
    }
    found[-1].owner.attributes["mhlo.frontend_attributes"] = ir.DictAttr.get(attributes)
    return found[: len(jaxpr.out_avals)]


ad.primitive_jvps[_kernel] = _forward_mode
ad.primitive_transposes[_kernel] = _reverse_mode
batching.primitive_batchers[_kernel] = _mapped
partial_eval.dce_rules[_kernel] = _pruned
mlir.register_lowering(_kernel, _plain)
mlir.register_lowering(_kernel, _lowered, platform="cpu")
