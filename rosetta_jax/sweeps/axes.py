"""What a sweep varies: axes over named parameters, whose product are its members.

The axes of a sweep are a mapping. Under the path of a parameter lies an array of its values (`jnp.linspace`,
`jnp.geomspace`, any list); under any other name an `Axis` along which several parameters vary together (`table`,
`random`, `sobol`) or the noise alone (`seeds`):

    {"gain": jnp.linspace(0, 2, 101), "point": rj.sweeps.sobol({"speed": (2, 20)}, 64), "seed": rj.sweeps.seeds(8)}
"""

import dataclasses
import math
import string
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from rosetta_jax import _checks, parameters
from rosetta_jax._types import PyTree
from rosetta_jax.priors import FreeParameter, Uniform

# What `jax.random.fold_in` takes.
_MOST_SEED = 2**32 - 1
_LETTERS = set(string.ascii_letters + string.digits + "_.")


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis: the `values` of each path along it, each (length, ...), or the `seeds` of the noise."""

    values: dict[str, np.ndarray]
    seeds: np.ndarray | None = None

    @property
    def length(self) -> int:
        """How many places it has."""
        return len(next(iter(self.values.values())) if self.seeds is None else self.seeds)


def table(columns: Mapping[str, Any]) -> Axis:
    """An axis along which parameters vary together: `columns` holds one value a row for each path.

    `rj.sweeps.table({"gain": [0.5, 1.0], "speed": [4.0, 8.0]})` has two places, not four.
    Raises `ValueError` where columns are empty or of different lengths.
    """
    _checks.instance("columns", columns, Mapping, 'a mapping such as {"gain": [0.5, 1.0]}')
    values = {path: _column(path, value) for path, value in columns.items()}
    lengths = {path: len(value) for path, value in values.items()}
    if not values or len(set(lengths.values())) != 1:
        raise ValueError(
            f"`columns` must name parameters with as many values each, got lengths {lengths}."
        )
    return Axis(values)


def random(priors: Mapping[str, Any], number: int, *, seed: int = 0) -> Axis:
    """An axis of `number` points drawn at random, each path from its prior, or evenly between (low, high).

    The first points stay the same where more are asked for. Raises `TypeError` for what is neither a prior such as
    `rj.LogNormal(1.0, 0.5)` nor a pair of bounds.
    """
    kinds, number = _kinds(priors), _checks.whole("number", number)
    drawn = np.random.default_rng(_seed(seed)).random((number, len(kinds)))
    return _drawn(kinds, drawn)


def sobol(priors: Mapping[str, Any], number: int, *, seed: int = 0) -> Axis:
    """An axis of `number` points of a scrambled Sobol sequence, spread evenly under the priors or bounds.

    As `random`, but fills the space evenly: best in powers of two. Source: Owen 1998 (scrambling), by SciPy.
    """
    kinds, number = _kinds(priors), _checks.whole("number", number)
    sequence = qmc.Sobol(len(kinds), scramble=True, rng=np.random.default_rng(_seed(seed)))
    return _drawn(kinds, sequence.random_base2(math.ceil(math.log2(number)))[:number])


def seeds(number: int, *, first: int = 0) -> Axis:
    """An axis of `number` seeds of the noise, from `first`: the same place again, and again, of other noise."""
    number, first = _checks.whole("number", number), _checks.whole("first", first, least=0)
    return Axis({}, np.arange(first, first + number))


def checked(system: PyTree, axes: Mapping[str, Any]) -> dict[str, Axis]:
    """The axes as they were given, each an `Axis` whose values fit the parameters of `system`.

    Raises `KeyError` for a path that is not there, and `ValueError` for a parameter on two axes, values outside
    its support, or of a shape that it cannot have.
    """
    _checks.instance("axes", axes, Mapping, 'a mapping such as {"gain": jnp.linspace(0, 2, 101)}')
    if not axes:
        raise ValueError("`axes` is empty: name at least one parameter, or give rj.sweeps.seeds.")
    found = {name: _axis(system, name, value) for name, value in axes.items()}
    used: list[str] = []
    for axis in found.values():
        used += axis.values
    twice = sorted({path for path in used if used.count(path) > 1})
    if twice:
        raise ValueError(f"`axes` vary {', '.join(twice)} twice: leave one of the axes out.")
    if sum(axis.seeds is not None for axis in found.values()) > 1:
        raise ValueError("`axes` hold two axes of seeds: leave one out.")
    for axis in found.values():
        for path, values in axis.values.items():
            _require_fitting(system, path, values)
    return found


def _axis(system: PyTree, name: str, value: Any) -> Axis:
    if not name or not set(name) <= _LETTERS:
        raise ValueError(
            f"`axes` call one {name!r}: its name is that of a folder and of a column, give letters, digits and _."
        )
    if not isinstance(value, Axis):
        parameters.get(system, name)  # a name that is no path is told with the right ones
        return Axis({name: _column(name, value)})
    if value.seeds is not None:
        if value.seeds.max(initial=0) > _MOST_SEED:
            raise ValueError(f"`axes[{name!r}]` holds seeds above {_MOST_SEED}: take smaller ones.")
        return value
    if name in value.values and len(value.values) > 1:
        raise ValueError(
            f'`axes` call a joint axis {name!r} after one of its parameters: name it "point", say.'
        )
    return value


def _require_fitting(system: PyTree, path: str, values: np.ndarray) -> None:
    old = parameters.get(system, path)
    given = _checks.as_float_array(values, path).astype(old.dtype)
    _checks.finite(f"axes[{path!r}]", given)
    parameters.check_support(system, path, given)
    # Each end is tried in place: shapes and units are checked where the parameter is declared.
    for place in (0, -1):
        parameters.replace(system, {path: given[place]})


def _column(path: str, value: Any) -> np.ndarray:
    found = np.asarray(_checks.as_float_array(value, f"axes[{path!r}]"))
    if found.ndim == 0 or not found.size:
        raise ValueError(
            f"`axes[{path!r}]` must be a list of values, got {_checks.shown(value)}: give "
            "jnp.linspace(low, high, number), or leave it out and set the parameter."
        )
    return found


def _kinds(priors: Mapping[str, Any]) -> dict[str, FreeParameter]:
    _checks.instance("priors", priors, Mapping, 'a mapping such as {"gain": (0.0, 2.0)}')
    if not priors:
        raise ValueError("`priors` names no parameter: give at least one path and its bounds.")
    return {path: _kind(path, prior) for path, prior in priors.items()}


def _kind(path: str, prior: Any) -> FreeParameter:
    if isinstance(prior, Sequence) and len(prior) == 2:
        return Uniform(float(prior[0]), float(prior[1]))
    if isinstance(prior, FreeParameter) and prior.informative:
        return prior
    raise TypeError(
        f"`priors[{path!r}]` must be bounds such as (0.0, 2.0) or a prior such as rj.LogNormal(1.0, 0.5), got "
        f"{_checks.shown(prior)}."
    )


def _drawn(kinds: Mapping[str, FreeParameter], shares: np.ndarray) -> Axis:
    """Points at shares (number, paths) of the distributions."""
    # The quantile of a prior is its map of that of the normal; the ends, which have none, are kept out.
    tiny = 2.0**-54
    plain = ndtri(np.clip(shares, tiny, 1 - tiny))
    with jax.ensure_compile_time_eval():
        return Axis(
            {
                path: np.asarray(kind.constrain(jnp.asarray(plain[:, place])))
                for place, (path, kind) in enumerate(kinds.items())
            }
        )


def _seed(seed: int) -> int:
    return _checks.whole("seed", seed, least=0)
