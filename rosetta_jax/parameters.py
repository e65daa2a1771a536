"""Parameters named by their path, with their metadata, supports and priors.

A parameter is an inexact array somewhere in a tree of modules, and its name is the path to it:
`"gain"`, `"rung.alpha"`, `"noise.sigma"`, `"connectome.weights"`. The same names serve a sweep's
axes, a fit's free parameters, a saved result and a plot's label. Metadata (symbol, unit, support,
source) sits on the field that declares the parameter, so tables and labels read it from there.

A *free* parameter is a path and either a support or a prior. Each is a monotone map from a plain
coordinate `u` on the real line to the parameter, written so that a prior is the image of a standard
normal `u`: descent runs in `u`, the prior adds `u**2 / 2`, and starts are drawn as `u ~ N(0, 1)`.
"""

import abc
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from equinox import AbstractClassVar
from jax.scipy.special import ndtr, ndtri

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, PRNGKeyArray, PyTree


class FreeParameter(eqx.Module):
    """A map from a plain coordinate `u` on the real line to a parameter's value.

    `constrain(u)` gives the value and `unconstrain(value)` its inverse; `contains(value)` says
    which values are reached. Where `informative`, the value is distributed as `constrain(N(0, 1))`.
    """

    informative: AbstractClassVar[bool]

    @abc.abstractmethod
    def constrain(self, u: Array) -> Array:
        """The parameter at the plain coordinate `u`, of the same shape."""

    @abc.abstractmethod
    def unconstrain(self, value: Array) -> Array:
        """The plain coordinate of `value`: the inverse of `constrain`."""

    @abc.abstractmethod
    def contains(self, value: Array) -> Array:
        """Whether each entry of `value` can be reached."""


class Real(FreeParameter):
    """Any real number: `value = scale * u`. No prior."""

    scale: float = eqx.field(default=1.0, static=True)
    informative: ClassVar[bool] = False

    def constrain(self, u: Array) -> Array:
        return self.scale * u

    def unconstrain(self, value: Array) -> Array:
        return value / self.scale

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value)


class Positive(FreeParameter):
    """A number above zero: `value = exp(u)`. No prior."""

    informative: ClassVar[bool] = False

    def constrain(self, u: Array) -> Array:
        return jnp.exp(u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(value)

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value > 0)


class NonNegative(FreeParameter):
    """A number of at least zero. Free, it moves as `Positive` does, so it must start above zero."""

    informative: ClassVar[bool] = False

    def constrain(self, u: Array) -> Array:
        return jnp.exp(u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(value)

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value >= 0)


class Negative(FreeParameter):
    """A number below zero: `value = -exp(u)`. No prior."""

    informative: ClassVar[bool] = False

    def constrain(self, u: Array) -> Array:
        return -jnp.exp(u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(-value)

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value < 0)


class Interval(FreeParameter):
    """A number strictly between two bounds: `value = lower + (upper - lower) / (1 + exp(-u))`."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    informative: ClassVar[bool] = False

    def __check_init__(self):
        _require_order("Interval", self.lower, self.upper)

    def constrain(self, u: Array) -> Array:
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(u)

    def unconstrain(self, value: Array) -> Array:
        share = (value - self.lower) / (self.upper - self.lower)
        return jnp.log(share) - jnp.log1p(-share)

    def contains(self, value: Array) -> Array:
        return (value > self.lower) & (value < self.upper)


class Normal(FreeParameter):
    """A normal prior: `value = mean + sd * u` with `u ~ N(0, 1)`."""

    mean: float = eqx.field(static=True)
    sd: float = eqx.field(static=True)
    informative: ClassVar[bool] = True

    def __check_init__(self):
        _require_positive("Normal", "sd", self.sd)

    def constrain(self, u: Array) -> Array:
        return self.mean + self.sd * u

    def unconstrain(self, value: Array) -> Array:
        return (value - self.mean) / self.sd

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value)


class LogNormal(FreeParameter):
    """A log-normal prior: `value = median * exp(sigma * u)` with `u ~ N(0, 1)`."""

    median: float = eqx.field(static=True)
    sigma: float = eqx.field(static=True)
    informative: ClassVar[bool] = True

    def __check_init__(self):
        _require_positive("LogNormal", "median", self.median)
        _require_positive("LogNormal", "sigma", self.sigma)

    def constrain(self, u: Array) -> Array:
        return self.median * jnp.exp(self.sigma * u)

    def unconstrain(self, value: Array) -> Array:
        return jnp.log(value / self.median) / self.sigma

    def contains(self, value: Array) -> Array:
        return jnp.isfinite(value) & (value > 0)


class Uniform(FreeParameter):
    """A flat prior between bounds: `value = lower + (upper - lower) * Phi(u)`, `u ~ N(0, 1)`."""

    lower: float = eqx.field(static=True)
    upper: float = eqx.field(static=True)
    informative: ClassVar[bool] = True

    def __check_init__(self):
        _require_order("Uniform", self.lower, self.upper)

    def constrain(self, u: Array) -> Array:
        return self.lower + (self.upper - self.lower) * ndtr(u)

    def unconstrain(self, value: Array) -> Array:
        return ndtri((value - self.lower) / (self.upper - self.lower))

    def contains(self, value: Array) -> Array:
        return (value > self.lower) & (value < self.upper)


def _require_order(kind: str, lower: float, upper: float) -> None:
    if not lower < upper:
        raise ValueError(f"{kind}: `lower` must be below `upper`, got {lower} and {upper}.")


def _require_positive(kind: str, name: str, value: float) -> None:
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{kind}: `{name}` must be a finite number above zero, got {value}.")


@dataclasses.dataclass(frozen=True)
class ParameterInfo:
    """What a field says of the parameter it declares."""

    unit: str
    symbol: str
    description: str
    source: str
    support: FreeParameter


def parameter(
    default: Any = dataclasses.MISSING,
    *,
    unit: str,
    symbol: str,
    description: str,
    source: str = "",
    support: FreeParameter | None = None,
) -> Any:
    """Declare a parameter field of a module, with the metadata that tables and labels read.

    The value becomes a strong inexact array, `()` shared or `(nodes,)` regional.
    """
    info = ParameterInfo(unit, symbol, description, source, Real() if support is None else support)
    keywords = {} if default is dataclasses.MISSING else {"default": default}
    return eqx.field(converter=_checks.as_float_array, metadata={"parameter": info}, **keywords)


def check_parameters(module: eqx.Module) -> None:
    """Raise where a parameter of `module` is no number, not finite or outside its support."""
    for field in dataclasses.fields(module):
        info = field.metadata.get("parameter")
        value = getattr(module, field.name, None)
        if info is None or value is None:
            continue
        name = f"{type(module).__name__}.{field.name}"
        if value.ndim > 1:
            raise ValueError(
                f"`{name}` must be one number () or one a node (nodes,), got shape {value.shape}."
            )
        _checks.finite(name, value)
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
    free: dict[str, FreeParameter]

    def __init__(self, tree: PyTree, free: Mapping[str, FreeParameter]):
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
        self.free = dict(free)

    @property
    def names(self) -> list[str]:
        """The free paths, in the order of the vector."""
        return list(self.free)

    @property
    def size(self) -> int:
        """How many numbers are free."""
        return sum(get(self.tree, path).size for path in self.free)

    def values(self, vector: Float[Array, " size"]) -> dict[str, Array]:
        """The parameters at a vector of plain coordinates, by path."""
        values, at = {}, 0
        for path, kind in self.free.items():
            old = get(self.tree, path)
            u = vector[at : at + old.size].reshape(old.shape)
            values[path] = kind.constrain(u).astype(old.dtype)
            at += old.size
        return values

    def apply(self, vector: Float[Array, " size"], tree: PyTree | None = None) -> PyTree:
        """The tree (by default the one given at the start) with its free parameters set."""
        return replace(self.tree if tree is None else tree, self.values(vector))

    def vector(self, tree: PyTree | None = None) -> Float[Array, " size"]:
        """The plain coordinates of a tree's present values. Raises where one cannot be reached."""
        tree = self.tree if tree is None else tree
        parts = []
        for path, kind in self.free.items():
            value = get(tree, path)
            if _checks.is_concrete(value) and not _holds(
                lambda v, kind=kind: jnp.isfinite(kind.unconstrain(v)), value
            ):
                raise ValueError(
                    f"the present value of {path!r}, {np.asarray(value)}, is outside {kind}: "
                    "start elsewhere or widen it."
                )
            parts.append(jnp.ravel(kind.unconstrain(value)))
        return jnp.concatenate(parts)

    def starts(self, key: PRNGKeyArray, number: int) -> Float[Array, "starts size"]:
        """Starting vectors: drawn from priors; for supports, the present value plus N(0, 1/4)."""
        drawn = jax.random.normal(key, (number, self.size), dtype=jnp.result_type(float))
        if all(kind.informative for kind in self.free.values()):
            return drawn
        present = []
        for path, kind in self.free.items():
            size = get(self.tree, path).size
            here = (
                jnp.zeros(size)
                if kind.informative
                else jnp.ravel(kind.unconstrain(get(self.tree, path)))
            )
            present.append(here)
        spread = jnp.where(self.informative, 1.0, 0.5)
        return jnp.concatenate(present)[None, :] + spread[None, :] * drawn

    @property
    def informative(self) -> Array:
        """One flag an entry of the vector: whether it has a prior."""
        flags = [
            np.full(get(self.tree, path).size, kind.informative) for path, kind in self.free.items()
        ]
        return jnp.asarray(np.concatenate(flags))

    def prior_residual(self, vector: Float[Array, " size"]) -> Float[Array, " size"]:
        """`u` where there is a prior, else 0: half its square is the prior's -log density."""
        return jnp.where(self.informative, vector, jnp.zeros_like(vector))
