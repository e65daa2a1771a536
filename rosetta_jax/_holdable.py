"""What one kernel of a processor can hold: elementwise arithmetic of small arrays, and a vector times a matrix.

All else the compiler makes calls of libraries (large sums, products of matrices, solvers), which a kernel cannot
hold, or has no means for it there (scattering, sorting), or makes slow (gathers).
"""

import math
from collections.abc import Iterator
from typing import Any

from jax.extend.core import ClosedJaxpr, Jaxpr


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Numbers in the largest array: beyond, calls cost little beside the arithmetic, which may be shared by the cores.
_LARGEST = 2**17
# Sums of more numbers become calls of a library, which a kernel cannot hold.
_LARGEST_SUM = 2**10
# A matrix may be larger where sums run over its columns than where they run along its rows, which is slow.
_LARGEST_BY_COLUMNS, _LARGEST_BY_ROWS = 2**18, 2**13

_ARITHMETIC = _names(
    "abs acos acosh add add_any and asin asinh atan atan2 atanh bitcast_convert_type cbrt ceil clamp complex conj "
    "convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt imag "
    "integer_pow iota is_finite le lgamma log log1p logistic lt max min mul name ne neg nextafter not or pow real "
    "rem round rsqrt select_n shift_left shift_right_arithmetic shift_right_logical sign sin sinh sqrt square "
    "stop_gradient sub tan tanh xor"
)
_MOVES = _names(
    "broadcast_in_dim concatenate device_put dynamic_slice dynamic_update_slice expand_dims optimization_barrier "
    "pad reshape rev slice split squeeze transpose"
)
_SUMS = _names("reduce_and reduce_max reduce_min reduce_or reduce_prod reduce_sum")
# What holds other equations, all of which are judged.
_HOLDING = _names(
    "checkpoint closed_call cond custom_jvp_call custom_vjp_call jit linear_with_adjoint one_kernel pjit scan "
    "while"
)


def holdable(jaxpr: Jaxpr) -> bool:
    """Whether one kernel can hold all equations, and gains by it."""
    return all(map(_one_holdable, jaxpr.eqns))


def _one_holdable(equation: Any) -> bool:
    name = equation.primitive.name
    if any(math.prod(each.aval.shape) > _LARGEST for each in equation.outvars):
        return False
    if name in _HOLDING:
        return all(map(holdable, _inside(equation.params)))
    if name in _SUMS:
        return math.prod(equation.invars[0].aval.shape) <= _LARGEST_SUM
    if name == "dot_general":
        return _vector_by_matrix(equation)
    return name in _ARITHMETIC or name in _MOVES


def _inside(parameters: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in parameters.values():
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, ClosedJaxpr):
                yield each.jaxpr
            elif isinstance(each, Jaxpr):
                yield each


def _vector_by_matrix(product: Any) -> bool:
    """Whether one side is a vector, and the matrix not too large for the axis that sums run along."""
    contracted, (batched, _) = product.params["dimension_numbers"]
    sides = list(zip((each.aval.shape for each in product.invars), contracted, strict=True))
    free = [
        math.prod(size for axis, size in enumerate(shape) if axis not in over)
        for shape, over in sides
    ]
    if batched or min(free) > 1:
        return False
    matrix, over = sides[free.index(max(free))]
    by_rows = len(matrix) - 1 in over
    return math.prod(matrix) <= (_LARGEST_BY_ROWS if by_rows else _LARGEST_BY_COLUMNS)
