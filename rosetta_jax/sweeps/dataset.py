"""The result of a sweep as an `xarray.Dataset`: parameters as coordinates, with units, and arrays as variables."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from rosetta_jax import parameters
from rosetta_jax._types import PyTree
from rosetta_jax.results import Status
from rosetta_jax.sweeps.measure import STATUS, Measure, layout
from rosetta_jax.sweeps.members import Members

NOT_RUN = int(Status.not_run)
EXTRA = 'pip install "rosetta-jax[sweeps]"'
# What tells the axis of seeds from others.
SEEDS = "seed of the noise"


@dataclasses.dataclass(frozen=True)
class Variable:
    """One array of the dataset: its axes, type, attributes, and what it is filled with until computed."""

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    fill: Any
    attributes: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Layout:
    """All that a dataset has but for the numbers of its variables."""

    variables: dict[str, Variable]
    coordinates: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]]
    attributes: dict[str, Any]

    def blank(self) -> dict[str, np.ndarray]:
        """Arrays for all members, nothing of them computed."""
        return {
            name: np.full(variable.shape, variable.fill, variable.dtype)
            for name, variable in self.variables.items()
        }

    def dataset(self, arrays: Mapping[str, Any]) -> Any:
        """The `xarray.Dataset` of these arrays."""
        variables = {
            name: (variable.dims, arrays[name], variable.attributes)
            for name, variable in self.variables.items()
        }
        return xarray().Dataset(variables, self.coordinates, self.attributes)


def xarray() -> Any:
    """The package xarray, which the extra `sweeps` brings. Raises `ImportError` that says so."""
    try:
        import xarray
    except ImportError as error:
        raise ImportError(f"sweeps need the package xarray: {EXTRA}.") from error
    return xarray


def laid_out(
    measure: Measure,
    system: PyTree,
    members: Members,
    shapes: Mapping[str, jax.ShapeDtypeStruct],
    attributes: Mapping[str, Any],
) -> Layout:
    """The layout of a sweep's result, from what a single member gives."""
    axes, shape = tuple(members.axes), members.shape
    taken = {*axes, *members.paths}
    own = layout(measure, system, shapes, taken)
    said = measure.attributes(system)
    variables = {
        name: Variable(
            dims=(*axes, *own[name]),
            shape=(*shape, *array.shape),
            dtype=np.dtype(array.dtype),
            fill=_fill(name, array.dtype),
            attributes=_of_status() if name == STATUS else dict(said.get(name, {})),
        )
        for name, array in shapes.items()
    }
    found = _of_axes(system, members)
    lengths = {
        dim: length
        for variable in variables.values()
        for dim, length in zip(variable.dims, variable.shape, strict=True)
    }
    for name, along in measure.coordinates(system).items():
        values = np.asarray(along)
        if name in taken or values.shape != (lengths.get(name),):
            raise ValueError(
                f"`coordinates[{name!r}]` have shape {values.shape}, and the axes of what the measure gives are "
                f"{ {dim: n for dim, n in lengths.items() if dim not in axes} }: give one value a place."
            )
        found[name] = ((name,), values, dict(said.get(name, {})))
    return Layout(variables, found, dict(attributes))


def _of_axes(
    system: PyTree, members: Members
) -> dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]]:
    """The coordinates that the axes have: values of parameters and seeds."""
    found: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]] = {}
    for name, axis in members.axes.items():
        if axis.seeds is not None:
            found[name] = ((name,), axis.seeds, {"long_name": SEEDS})
        for path, values in axis.values.items():
            dims = (name, *(f"{path}_{place}" for place in range(1, values.ndim)))
            # An axis cannot be labelled by maps: they lie beside it under a name of their own.
            label = f"{path}_values" if path == name and values.ndim > 1 else path
            found[label] = (dims, values, told_of(system, path))
    return found


def told_of(system: PyTree, path: str) -> dict[str, Any]:
    """Unit, symbol and description of a parameter."""
    known = parameters.info(system, path)
    if known is None:
        return {}
    return {"units": known.unit, "symbol": known.symbol, "long_name": known.description}


def _fill(name: str, dtype: Any) -> Any:
    if name == STATUS:
        return NOT_RUN
    return np.nan if np.issubdtype(dtype, np.inexact) else np.zeros((), dtype)[()]


def _of_status() -> dict[str, Any]:
    return {
        "long_name": "how the member ended",
        "flag_values": [int(status) for status in Status],
        "flag_meanings": " ".join(status.name for status in Status),
    }
