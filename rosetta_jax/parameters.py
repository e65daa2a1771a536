"""Parameters named by their path, with their metadata, supports and priors.

A parameter is an inexact array somewhere in a tree of modules, and its name is the path to it:
`"gain"`, `"rung.alpha"`, `"noise.sigma"`, `"connectome.weights"`. The same names serve a sweep's
axes, a fit's free parameters, a saved result and a plot's label. Metadata (symbol, unit, support,
source) sits on the field that declares the parameter, so tables and labels read it from there.

A *free* parameter is a path and what it may be: a support or a prior (`rosetta_jax.priors`), for all
regions or by region (`rosetta_jax.regional`).
"""

import dataclasses
from collections.abc import Callable, Container, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, PRNGKeyArray, PyTree
from rosetta_jax.priors import (
    FreeParameter,
    Interval,
    Negative,
    NonNegative,
    Positive,
    Real,
    Uniform,
)


@dataclasses.dataclass(frozen=True)
class ParameterInfo:
    """What a field says of the parameter it declares."""

    unit: str
    symbol: str
    description: str
    source: str
    support: FreeParameter
    span: tuple[float, float] | None = None


def parameter(
    default: Any = dataclasses.MISSING,
    *,
    unit: str,
    symbol: str,
    description: str,
    source: str = "",
    support: FreeParameter | None = None,
    span: tuple[float, float] | None = None,
) -> Any:
    """Declare a parameter field of a module, with the metadata that tables and labels read.

    The value becomes a strong inexact array, `()` shared or `(nodes,)` regional. Outside of its `span` it
    can only be meant in another unit, milliseconds for seconds say, and is refused. With a `default` of None it
    may be left out.
    """
    support = Real() if support is None else support
    info = ParameterInfo(unit, symbol, description, source, support, span)
    keywords = {} if default is dataclasses.MISSING else {"default": default}
    return eqx.field(converter=_numbers_or_as_is, metadata={"parameter": info}, **keywords)


def _numbers_or_as_is(value: Any) -> Any:
    if value is None:
        return value
    # What is no number is refused by `check_parameters`, which knows the parameter's name.
    try:
        return _checks.as_float_array(value)
    except TypeError:
        return value


def check_parameters(module: eqx.Module) -> None:
    """Raise where a parameter of `module` is no number, not finite or outside its support."""
    for field in dataclasses.fields(module):
        info = field.metadata.get("parameter")
        if info is None:
            continue
        name = f"{type(module).__name__}.{field.name}"
        value = getattr(module, field.name)
        if value is None and field.default is None:
            continue
        if not isinstance(value, jax.Array):
            value = _checks.as_float_array(value, name)
        if value.ndim > 1:
            raise ValueError(
                f"`{name}` must be one number () or one a node (nodes,), got shape {value.shape}."
            )
        _checks.finite(name, value)
        _require_support(name, info, value)
        if info.span is not None:
            _checks.unit(name, value, info.span, info.unit)


def check_support(tree: PyTree, path: str, values: Float[Array, "..."]) -> None:
    """Raise where any of the `values` meant for the parameter at `path` is outside its support."""
    known = info(tree, path)
    if known is not None:
        _require_support(path, known, values)


def _require_support(name: str, info: ParameterInfo, value: Array) -> None:
    if _checks.is_concrete(value) and not _holds(info.support.contains, value):
        unit = f" {info.unit}" if info.unit else ""
        raise ValueError(
            f"`{name}` must be {_in_words(info.support)}, got {np.asarray(value)}{unit}."
        )


def _holds(condition: Callable[[Array], Array], value: Array) -> bool:
    # Inside `jax.jit` even what is done to known numbers is traced, unless asked for at once.
    with jax.ensure_compile_time_eval():
        return bool(jnp.all(condition(value)))


def _in_words(support: FreeParameter) -> str:
    if isinstance(support, (Interval, Uniform)):
        return f"between {support.lower:g} and {support.upper:g}"
    words = {Positive: "above zero", NonNegative: "zero or above", Negative: "below zero"}
    return words.get(type(support), "a finite number")


def paths(tree: PyTree) -> list[str]:
    """The paths of all inexact arrays in `tree`, as a fit, a sweep or `replace` names them."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(tree, eqx.is_inexact_array))
    return [_join(path) for path, _ in leaves]


def get(tree: PyTree, path: str) -> Float[Array, "..."]:
    """The array at `path`. Raises `KeyError`, listing the right paths, where there is none."""
    _require_path(tree, path)
    for name in path.split("."):
        tree = getattr(tree, name)
    return tree


def mask(tree: PyTree, names: Container[str]) -> PyTree:
    """The tree with True at the paths of `names` and False elsewhere."""
    return jax.tree_util.tree_map_with_path(lambda path, _: _join(path) in names, tree)


def replace(tree: PyTree, values: Mapping[str, Any]) -> PyTree:
    """`tree` with the arrays at the given paths replaced; every module on the way is checked again.

    A declared parameter may change between `()` and `(nodes,)`; any other array keeps its shape.
    Raises `KeyError` for a path that does not exist and `ValueError` for a value that does not fit.
    """
    for path in values:
        _require_path(tree, path)
    return _replace(tree, dict(values))


def _replace(module: Any, values: dict[str, Any]) -> Any:
    deeper: dict[str, dict[str, Any]] = {}
    changes: dict[str, Any] = {}
    for path, value in values.items():
        head, _, rest = path.partition(".")
        if rest:
            deeper.setdefault(head, {})[rest] = value
        else:
            changes[head] = _fitting(module, head, value)
    for head, inner in deeper.items():
        changes[head] = _replace(getattr(module, head), inner)
    return dataclasses.replace(module, **changes)


def _fitting(module: Any, name: str, value: Any) -> Array:
    value = _checks.as_float_array(value, name)
    old = getattr(module, name)
    if info(module, name) is None:
        _checks.shape(name, value, old.shape)
    elif value.ndim == 1 and old.ndim == 1:
        _checks.shape(name, value, old.shape, "one value a node")
    return value.astype(old.dtype)


def info(tree: PyTree, path: str) -> ParameterInfo | None:
    """The metadata of the parameter at `path`, or None where the field declares none."""
    *parents, name = path.split(".")
    for parent in parents:
        tree = getattr(tree, parent)
    for field in dataclasses.fields(tree):
        if field.name == name:
            return field.metadata.get("parameter")
    return None


def _require_path(tree: PyTree, path: str) -> None:
    known = paths(tree)
    if path not in known:
        raise KeyError(f"no parameter at {path!r}. {_checks.suggestion(path, known)}")


def _join(path: tuple[Any, ...]) -> str:
    return ".".join(str(getattr(key, "name", getattr(key, "idx", key))) for key in path)


class FreeParameters(eqx.Module):
    """Which parameters of a tree are free, as one vector of plain coordinates and back.

    `free` maps a path to a support (`Real`, `Positive`, `Interval`...) or a prior (`Normal`,
    `LogNormal`, `Uniform`). The vector joins the coordinates of all paths in the order given;
    a regional parameter takes as many entries as it has nodes.
    """

    tree: PyTree
    # Not a dictionary, whose order is lost where it is handed to a compiled function.
    names: tuple[str, ...] = eqx.field(static=True)
    kinds: tuple[FreeParameter, ...]

    def __init__(self, tree: PyTree, free: Mapping[str, FreeParameter]):
        _checks.instance("free", free, Mapping, 'a mapping such as {"gain": rj.Positive()}')
        if not free:
            raise ValueError("`free` names no parameter: give at least one path and its prior.")
        for path, kind in free.items():
            _require_path(tree, path)
            if not isinstance(kind, FreeParameter):
                raise TypeError(
                    f"`free[{path!r}]` must be a support or a prior such as rj.LogNormal(1.0, "
                    "0.5), "
                    f"got {kind!r}."
                )
        self.tree = tree
        self.names, self.kinds = tuple(free), tuple(free.values())

    @property
    def free(self) -> dict[str, FreeParameter]:
        """What is free and how, by path, in the order of the vector."""
        return dict(zip(self.names, self.kinds, strict=True))

    @property
    def coordinate_names(self) -> tuple[str, ...]:
        """The path of each entry of the vector."""
        counted = zip(self.names, self.counts, strict=True)
        return tuple(path for path, count in counted for _ in range(count))

    @property
    def size(self) -> int:
        """How many numbers are free."""
        return sum(self.counts)

    @property
    def _nodes(self) -> int | None:
        return getattr(self.tree, "nodes", None)

    @property
    def counts(self) -> list[int]:
        """How many plain coordinates each path has."""
        return [
            kind.count(get(self.tree, path), self._nodes)
            for path, kind in zip(self.names, self.kinds, strict=True)
        ]

    def parts(self, vector: Float[Array, " size"]) -> dict[str, Float[Array, " count"]]:
        """The plain coordinates of each path."""
        ends = np.cumsum(self.counts)[:-1].tolist()
        return dict(zip(self.names, jnp.split(vector, ends), strict=True))

    def values(self, vector: Float[Array, " size"], tree: PyTree | None = None) -> dict[str, Array]:
        """The parameters of a tree (by default the one given at the start) at plain coordinates, by path."""
        return self.values_of(self.parts(vector), tree)

    def values_of(
        self, parts: Mapping[str, Float[Array, " count"]], tree: PyTree | None = None
    ) -> dict[str, Array]:
        """The same of coordinates that are given path by path."""
        tree = self.tree if tree is None else tree
        values = {}
        for path, kind in zip(self.names, self.kinds, strict=True):
            old = get(tree, path)
            values[path] = kind.expand(parts[path], old).astype(old.dtype)
        return values

    def apply(self, vector: Float[Array, " size"], tree: PyTree | None = None) -> PyTree:
        """The tree (by default the one given at the start) with its free parameters set."""
        return replace(self.tree if tree is None else tree, self.values(vector, tree))

    def vector(self, tree: PyTree | None = None) -> Float[Array, " size"]:
        """The plain coordinates of a tree's present values. Raises where one cannot be reached."""
        tree = self.tree if tree is None else tree
        parts = []
        for path, kind in zip(self.names, self.kinds, strict=True):
            value = get(tree, path)
            part = kind.coordinates(value, self._nodes)
            if _checks.is_concrete(part) and not np.isfinite(part).all():
                raise ValueError(
                    f"the present value of {path!r}, {np.asarray(value)}, is outside {kind}: "
                    "start elsewhere or widen it."
                )
            parts.append(part)
        return jnp.concatenate(parts)

    def starts(self, key: PRNGKeyArray, number: int) -> Float[Array, "starts size"]:
        """Starting vectors: drawn from priors; for supports, the present value plus N(0, 1/4).

        What varies by region starts the same everywhere.
        """
        drawn = jax.random.normal(key, (number, self.size), dtype=jnp.result_type(float))
        kinds = list(zip(self.kinds, self.counts, strict=True))
        spread = jnp.asarray(np.concatenate([kind.spread(count) for kind, count in kinds]))
        if self.informative.all():
            return spread[None, :].astype(drawn.dtype) * drawn
        here = jnp.where(jnp.asarray(self.informative), 0.0, self.vector())
        return here[None, :] + spread[None, :].astype(drawn.dtype) * drawn

    @property
    def informative(self) -> np.ndarray:
        """One flag an entry of the vector: whether it has a prior."""
        kinds = zip(self.kinds, self.counts, strict=True)
        return np.concatenate([kind.penalised(count) for kind, count in kinds])

    def prior_residual(self, vector: Float[Array, " size"]) -> Float[Array, " size"]:
        """`u` where there is a prior, else 0: half its square is the prior's -log density."""
        return jnp.where(jnp.asarray(self.informative), vector, jnp.zeros_like(vector))
