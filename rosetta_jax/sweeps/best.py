"""The best members of a sweep: where a measure is largest, or smallest, with everything that is known of them."""

from typing import Any

import numpy as np

from rosetta_jax import _checks
from rosetta_jax.results import Status
from rosetta_jax.sweeps.dataset import SEEDS, xarray
from rosetta_jax.sweeps.measure import STATUS


def best(dataset: Any, variable: str, number: int = 10, *, largest: bool = True) -> Any:
    """The `number` best members of a sweep by one of its variables, best first: an `xarray.Dataset` along "rank".

    Members that failed, or have no such number, are left out; over seeds of the noise the mean of those that
    succeeded is taken. `largest=False` is for distances. `.to_dataframe()` makes a table of it. Raises
    `ValueError` for a variable that is not one number a member, or where no member has any.
    """
    number = _checks.whole("number", number)
    averaged = over_seeds(dataset, variable)
    values = np.asarray(averaged[variable])
    usable = np.flatnonzero(np.isfinite(values).ravel())
    if not usable.size:
        raise ValueError(f"no member of the sweep has a {variable!r}: look at rj.sweeps.summary.")
    sign = -1 if largest else 1
    ranked = usable[np.argsort(sign * values.ravel()[usable], kind="stable")][:number]
    places = np.unravel_index(ranked, values.shape)
    along = {
        axis: xarray().DataArray(place, dims="rank")
        for axis, place in zip(averaged[variable].dims, places, strict=True)
    }
    return averaged.isel(along)


def over_seeds(dataset: Any, variable: str) -> Any:
    """The variables of one number a member, the mean over seeds of members that succeeded; NaN where none did.

    Their `status` is that of the first seed, or of the first that succeeded. Raises `ValueError` for a `variable`
    that is not among them.
    """
    status = dataset[STATUS].load()
    names = [
        name
        for name, array in dataset.data_vars.items()
        if array.dims == status.dims and name != STATUS
    ]
    _checks.one_of("variable", variable, names)
    good = status == int(Status.ok)
    kept = dataset[names].where(good)
    seeds = seed_axes(dataset)
    if not seeds:
        return kept.assign({STATUS: status})
    any_good = good.any(seeds)
    first = status.isel({seed: 0 for seed in seeds}, drop=True)
    return kept.mean(seeds, skipna=True, keep_attrs=True).assign(
        {STATUS: first.where(~any_good, int(Status.ok))}
    )


def seed_axes(dataset: Any) -> list[str]:
    """The axes of a sweep that are seeds of the noise."""
    return [
        str(axis)
        for axis in dataset[STATUS].dims
        if axis in dataset.coords and dataset[axis].attrs.get("long_name") == SEEDS
    ]


def swept_parameters(dataset: Any) -> dict[str, str]:
    """The parameters that a sweep has moved, one number a place, and the axis along which each of them lies."""
    axes = [axis for axis in dataset[STATUS].dims if axis not in seed_axes(dataset)]
    return {
        str(name): str(axis)
        for axis in axes
        for name, coordinate in dataset.coords.items()
        if coordinate.dims == (axis,) and coordinate.dtype.kind == "f"
    }


def at_edges(dataset: Any, variable: str, *, largest: bool = True) -> list[str]:
    """The parameters at whose lowest or highest value the best member lies: beyond it may be better ones.

    Of grids alone; points that were drawn have no edge.
    """
    first = best(dataset, variable, 1, largest=largest).isel(rank=0)
    return [
        path
        for path, axis in swept_parameters(dataset).items()
        if path == axis
        and dataset.sizes[axis] > 2
        and float(first[path]) in (float(dataset[path].min()), float(dataset[path].max()))
    ]
