r"""Cortical maps that regional parameters may be linear in: those of a file, or what a connectome tells.

Without any of their own, regions differ by where they lie and by how much they are linked: x, |x|, y, z of their
centres (mm, of MNI say) and $\ln \sum_j w_{ij}$, the logarithm of their strength, averaged over people.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rosetta_jax._types import Float
from rosetta_jax.data.arrays import numbers
from rosetta_jax.network import Connectome

STRENGTH = "ln strength"


class CorticalMaps(NamedTuple):
    """Maps (maps, nodes) and the name of each."""

    values: Float[np.ndarray, "maps nodes"]
    names: tuple[str, ...]


def cortical_maps(connectomes: Sequence[Connectome]) -> CorticalMaps:
    """The maps of people's connectomes: x, |x|, y, z where there are centres, and the logarithm of strength.

    Those that are flat, or a combination of the ones before (as |x| of one hemisphere), are left out. Raises
    `ValueError` where none is left.
    """
    maps: dict[str, np.ndarray] = {}
    if connectomes[0].centres is not None:
        x, y, z = np.asarray(connectomes[0].centres).T
        maps = {"x": x, "|x|": np.abs(x), "y": y, "z": z}
    maps[STRENGTH] = np.mean([_log_strength(each) for each in connectomes], axis=0)
    kept: dict[str, np.ndarray] = {}
    for name, values in maps.items():
        if _independent([*kept.values(), values]):
            kept[name] = values
    if not kept:
        raise ValueError(
            "`maps` are needed: the connectome has no centres and its regions are all as strong, so that nothing "
            "tells them apart."
        )
    return CorticalMaps(np.stack(list(kept.values())), tuple(kept))


def maps_or_told(maps: np.ndarray | None, connectomes: Sequence[Connectome]) -> CorticalMaps:
    """The maps of a file by number, or where it has none those that the connectomes tell."""
    if maps is None:
        return cortical_maps(connectomes)
    return CorticalMaps(maps, tuple(f"map {number}" for number in range(1, len(maps) + 1)))


def _log_strength(connectome: Connectome) -> np.ndarray:
    strength = np.asarray(connectome.weights).sum(axis=1)
    linked = strength > 0
    # A region without links counts as the weakest of those that have some.
    return np.log(np.where(linked, strength, strength[linked].min() if linked.any() else 1.0))


def _independent(maps: list[np.ndarray]) -> bool:
    """Whether each tells regions apart in a way that those before do not."""
    centred = np.array(maps) - np.mean(maps, axis=1, keepdims=True)
    size = centred.std(axis=1)
    if (size <= 1e-9 * np.abs(maps).max(axis=1)).any():
        return False
    return bool(np.linalg.matrix_rank(centred / size[:, None], tol=1e-6) == len(maps))


def maps_of_file(array: np.ndarray, nodes: int) -> Float[np.ndarray, "maps nodes"]:
    """The `maps` of a file, (maps, nodes) or (nodes,) for one. Raises `ValueError` for other shapes."""
    maps = numbers("maps", array)
    maps = maps[None] if maps.ndim == 1 else maps
    if maps.ndim != 2 or maps.shape[1] != nodes or not len(maps):
        raise ValueError(
            f"`maps` must be (maps, {nodes}), one row a map and one column a region, got {np.shape(array)}."
        )
    return maps
