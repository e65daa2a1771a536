"""Programs of descents, kept: the next one that asks the same, of another person say, compiles nothing."""

from collections.abc import Callable
from typing import Any

import jax

from rosetta_jax._fingerprint import fingerprint
from rosetta_jax._types import PyTree
from rosetta_jax.optimise.lanes import Program

# How many are kept: each holds its compiled code, some megabytes.
_MOST = 12
_kept: list[tuple[str, Any, Program]] = []


def kept_program(asked: PyTree, make: Callable[[], Program]) -> Program:
    """The program of `make()`, or the one that was made when the same was `asked`.

    `asked` is a tree of all that the program has in it: what its data do not hold. Classes and functions are the
    same where they are the same object, so that one which was defined anew is never taken for the old one.
    """
    leaves, structure = jax.tree.flatten((asked, jax.default_backend()))
    content = fingerprint(leaves)
    for place, (known, other, program) in enumerate(_kept):
        if known == content and _same(structure, other):
            _kept.append(_kept.pop(place))
            return program
    # Without the data, which may be large.
    program = make().on(None)
    _kept.append((content, structure, program))
    del _kept[:-_MOST]
    return program


def _same(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except ValueError:  # of arrays among what is static: not one truth, but many
        return False
