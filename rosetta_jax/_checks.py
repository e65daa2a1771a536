"""Checks at the edge: each returns the value it checked, or raises an error in plain words.

An error names the argument, what was found, what is wanted and what to do. Only concrete values can
be checked: inside `jax.jit`, `jax.vmap` and `jax.grad` values are tracers, these checks let them
pass, and engines report a status for each lane instead (`rosetta_jax.results.Status`).
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def is_concrete(value: Any) -> bool:
    """Whether the numbers in `value` are known now (not traced by a transformation)."""
    return not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(value))


def as_float_array(value: Any, name: str = "value") -> jax.Array:
    """`value` as a strong inexact array of JAX's default precision; inexact arrays keep theirs."""
    if is_concrete(value):
        # Known numbers stay known inside `jax.jit`.
        with jax.ensure_compile_time_eval():
            return _as_float_array(value, name)
    return _as_float_array(value, name)


def _as_float_array(value: Any, name: str) -> jax.Array:
    if isinstance(value, complex) or getattr(getattr(value, "dtype", None), "kind", "") == "c":
        raise TypeError(f"`{name}` must be real, got complex entries: take `.real` or `.imag`.")
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.inexact):
        return value.astype(value.dtype)  # drops weak typing
    try:
        return jnp.asarray(value, dtype=jnp.result_type(float))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"`{name}` must be a number or an array of numbers, got {shown(value)}."
        ) from error


def finite(name: str, value: jax.Array) -> jax.Array:
    """`value`, all of whose entries must be finite."""
    if is_concrete(value):
        bad = ~np.isfinite(np.asarray(value))
        if value.ndim == 0 and bad:
            raise ValueError(f"`{name}` must be a finite number, got {float(value):g}.")
        if bad.any():
            raise ValueError(
                f"`{name}` has {int(bad.sum())} non-finite of {bad.size} entries, the first at "
                "index "
                f"{_first(bad)}: mend or leave out those entries."
            )
    return value


def non_negative(name: str, value: jax.Array, unit: str = "") -> jax.Array:
    """`value`, all of whose entries must be finite and at least zero."""
    return _signed(name, value, unit, strict=False)


def positive(name: str, value: jax.Array, unit: str = "") -> jax.Array:
    """`value`, all of whose entries must be finite and above zero."""
    return _signed(name, value, unit, strict=True)


def _signed(name: str, value: jax.Array, unit: str, strict: bool) -> jax.Array:
    finite(name, value)
    if is_concrete(value):
        array = np.asarray(value)
        bad = array <= 0 if strict else array < 0
        if bad.any():
            demand = "positive" if strict else "zero or positive"
            place = f" at index {_first(bad)}" if array.ndim else ""
            raise ValueError(
                f"`{name}` must be {demand}{f' ({unit})' if unit else ''}: "
                f"found {array[bad].flat[0]:g}{place}."
            )
    return value


def shape(name: str, value: jax.Array, wanted: Sequence[int], meaning: str = "") -> jax.Array:
    """`value`, whose shape must be `wanted`."""
    if tuple(value.shape) != tuple(wanted):
        means = f" ({meaning})" if meaning else ""
        raise ValueError(
            f"`{name}` must have shape {tuple(wanted)}{means}, got {tuple(value.shape)}."
        )
    return value


def shared_or_regional(name: str, value: jax.Array, nodes: int) -> jax.Array:
    """`value`, which must be one number for all nodes `()` or one a node `(nodes,)`."""
    if value.shape not in ((), (nodes,)):
        raise ValueError(
            f"`{name}` must be one number () or one a node ({nodes},), got shape {value.shape}."
        )
    return value


def series(name: str, value: Any, least: int = 2) -> jax.Array:
    """`value` as a real, finite series `(time, nodes)` of at least `least` samples."""
    if np.ndim(value) != 2:
        raise ValueError(
            f"`{name}` must be a series (time, nodes), got shape {np.shape(value)}: a series of "
            "one node is `x[:, None]`, an ensemble goes through `jax.vmap`."
        )
    if jnp.iscomplexobj(value):
        raise ValueError(f"`{name}` must be real, got complex entries: take `.real` or `.imag`.")
    if np.shape(value)[0] < least:
        raise ValueError(
            f"`{name}` has {np.shape(value)[0]} samples, needs at least {least}: time leads."
        )
    return finite(name, as_float_array(value, name))


def known(name: str, value: Any, unit: str = "", zero: bool = False) -> float:
    """`value` as a positive float (or `zero`) that a program is compiled with, so it may not be traced."""
    require_known(name, value, "fixes the length of an array")
    number = _number(value)
    if not (np.isfinite(number) and (number > 0 or (zero and number == 0))):
        demand = "one number of zero or above" if zero else "one positive number"
        raise ValueError(
            f"`{name}` must be {demand}{f' ({unit})' if unit else ''}, got {shown(value)}."
        )
    return number


def require_known(name: str, value: Any, why: str) -> None:
    """Raise where `value` is traced."""
    if not is_concrete(value):
        raise ValueError(
            f"`{name}` {why}, so it must be known when the program is compiled, but it is traced: "
            "close over it, or name it in `static_argnames`."
        )


def _number(value: Any) -> float:
    """One real number as a float; NaN for anything else."""
    single = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf"
    return float(value) if single else float("nan")


def whole(name: str, value: Any, least: int = 1) -> int:
    """`value` as a whole number of at least `least`."""
    if np.ndim(value) or np.asarray(value).dtype.kind not in "iu" or value < least:
        raise ValueError(f"`{name}` must be a whole number from {least}, got {shown(value)}.")
    return int(value)


def multiple(name: str, value: Any, of: float, meaning: str) -> int:
    """How many times `of` (s) make up `value` (s), which must be a whole number of them."""
    ratio = known(name, value, "s") / of
    nearest = max(1, round(ratio))
    if abs(ratio - nearest) > 1e-6 * max(ratio, 1.0):
        raise ValueError(
            f"`{name}` must be a whole number of {meaning}: {value} s is {ratio:g} times {of:g} s; "
            f"take {nearest * of:g} s."
        )
    return nearest


def band(name: str, value: Any) -> tuple[float, float]:
    """`value` as two frequencies (Hz) in order, from zero."""
    edges = (
        [_number(edge) for edge in value] if isinstance(value, (tuple, list, np.ndarray)) else []
    )
    if len(edges) != 2 or not 0 <= edges[0] < edges[1] < np.inf:
        raise ValueError(
            f"`{name}` must be two hertz in order, such as (8, 12), got {shown(value)}."
        )
    return edges[0], edges[1]


def instance(name: str, value: Any, kind: type | tuple[type, ...], wanted: str) -> Any:
    """`value`, which must be of a `kind`: in words, what is `wanted`."""
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {wanted}, got {shown(value)}.")
    return value


def key(name: str, value: Any) -> Any:
    """`value`, which must be one random key."""
    dtype, shape = getattr(value, "dtype", None), np.shape(value)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key) and shape == ()
    if not typed and not (dtype == jnp.uint32 and shape == (2,)):
        raise TypeError(
            f"`{name}` must be one random key such as jax.random.key(0), got {shown(value)}; "
            "an ensemble of keys goes through `jax.vmap`."
        )
    return value


def unit(name: str, value: jax.Array, span: tuple[float, float], unit: str) -> jax.Array:
    """`value`, which outside of `span` can only be meant in another unit."""
    if is_concrete(value):
        array = np.asarray(value)
        bad = (array < span[0]) | (array > span[1])
        if bad.any():
            found = f"{array[bad].flat[0]:g}"
            raise ValueError(
                f"`{name}` of {found} {unit} is outside {span[0]:g} to {span[1]:g} {unit}, as if it were in "
                f"another unit: give {unit}."
            )
    return value


def one_of(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """`value`, which must be among `allowed`; a near miss is suggested."""
    allowed = list(allowed)
    if value not in allowed:
        raise ValueError(f"`{name}` is {value!r}. {suggestion(value, allowed)}")
    return value


def suggestion(found: Any, allowed: Iterable[Any]) -> str:
    """A sentence listing what is allowed, with the nearest first."""
    names = [str(item) for item in allowed]
    near = get_close_matches(str(found), names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return f"{hint}Choose from: {', '.join(names)}."


def shown(value: Any) -> str:
    """`value` as an error shows it, in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _first(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(mask)[0])
