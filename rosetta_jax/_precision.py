"""Products in the precision of their numbers.

By default accelerators round the factors of float32 products to fewer bits: relative errors of a thousandth,
where a spectrum near onset needs a millionth. What the library computes is small, so it asks for all bits.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax

_P = ParamSpec("_P")
_R = TypeVar("_R")


def full_precision(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`function` with every product in it, and in its derivatives, in full precision."""

    @functools.wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with jax.default_matmul_precision("highest"):
            return function(*args, **kwargs)

    return wrapped
