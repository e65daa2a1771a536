"""What files of people's recordings have in common: keys, one array a person, and their connectomes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rosetta_jax.data.arrays import numbers, texts
from rosetta_jax.data.cortical_maps import maps_of_file
from rosetta_jax.data.measured import assembled
from rosetta_jax.network import Connectome

# What every such file may hold beside the measurement and its `weights`.
OPTIONAL = ("lengths", "labels", "centres", "maps")


def require_keys(
    path: Any, arrays: Mapping[str, np.ndarray], needed: Sequence[str], optional: Sequence[str]
) -> None:
    """Raise where a key is missing, or unknown, listing what was found and what is needed."""
    missing = [key for key in needed if key not in arrays]
    unknown = [key for key in arrays if key not in (*needed, *optional)]
    if missing or unknown:
        raise ValueError(
            f"{path} has the keys {sorted(arrays)}; needed are {list(needed)}, optional "
            f"{list(optional)}. Missing: {missing or 'none'}; unknown: {unknown or 'none'}. Say what is called "
            "otherwise, as keys={'weights': 'sc_individual'}; what is not named is left out then."
        )


def stack(name: str, array: np.ndarray) -> np.ndarray:
    """One person's array with a leading axis of one; many people's as it is."""
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(f"`{name}` must have 2 or 3 axes and be filled, got shape {array.shape}.")
    array = numbers(name, array)
    return array if array.ndim == 3 else array[None]


def connectomes_of(
    arrays: Mapping[str, np.ndarray], people: int, nodes: int, normalisation: str, of: str
) -> tuple[Connectome, ...]:
    """The connectome of each person, from a file's `weights`, `lengths`, `labels` and `centres`.

    There are as many people and nodes as the measurement, called `of` in the file, has.
    """
    weights = stack("weights", arrays["weights"])
    lengths = stack("lengths", arrays["lengths"]) if "lengths" in arrays else None
    centres = numbers("centres", arrays["centres"]) if "centres" in arrays else None
    labels = texts("labels", arrays["labels"]) if "labels" in arrays else None
    sizes = people, nodes, of
    return tuple(
        _connectome(
            person,
            _of_person("weights", weights, person, *sizes),
            None if lengths is None else _of_person("lengths", lengths, person, *sizes),
            labels,
            centres,
            normalisation,
        )
        for person in range(people)
    )


def maps_in(arrays: Mapping[str, np.ndarray], nodes: int) -> np.ndarray | None:
    """The cortical maps of a file, where it has some."""
    return maps_of_file(arrays["maps"], nodes) if "maps" in arrays else None


def _of_person(
    name: str, array: np.ndarray, person: int, people: int, nodes: int, of: str
) -> np.ndarray:
    if array.shape[0] not in (1, people) or array.shape[1:] != (nodes, nodes):
        raise ValueError(
            f"`{name}` must be ({nodes}, {nodes}) or ({people}, {nodes}, {nodes}) as `{of}` has {people} "
            f"people and {nodes} regions, got {array.shape}."
        )
    return array[person if array.shape[0] > 1 else 0]


def _connectome(person: int, *parts: Any) -> Connectome:
    try:
        return assembled(*parts, whose=f" of person {person}")
    except ValueError as error:
        if f"of person {person}" in str(error):
            raise
        raise ValueError(f"person {person}: {error}") from error
