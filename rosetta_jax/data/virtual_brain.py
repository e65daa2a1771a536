"""A connectivity of The Virtual Brain: a zip or folder of tables of weights, tract lengths and centres.

Its weights are as ours: row `k` and column `j` hold the connection from `j` to `k` (the manual calls it the
inverse of the Brain Connectivity Toolbox). Lengths and centres are in mm. `centres.txt` (or `centers.txt`) begins
each row with the region's name. Files may be compressed by themselves, and lie in a folder within the zip. Where
lengths are missing, that program takes the distances of the centres, and so does this reader, with a warning.

Source: Sanz Leon et al. 2013, Front. Neuroinform. 7:10; the manual's pages on coupling and connectivity.
"""

import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Bool, Float
from rosetta_jax.data.arrays import in_file
from rosetta_jax.data.measured import assembled, square, without_loops
from rosetta_jax.data.tables import Table, decoded, parsed
from rosetta_jax.network import Connectome

_FILES: dict[str, tuple[str, ...]] = {
    "weights": ("weights",),
    "lengths": ("tract_lengths",),
    "centres": ("centres", "centers"),
    "orientations": ("average_orientations", "orientations"),
    "areas": ("areas", "area"),
    "cortical": ("cortical",),
    "hemispheres": ("hemispheres", "hemisphere"),
}


class VirtualBrain(eqx.Module):
    """A connectivity: `connectome`, and of each region, or None where the file is missing, its mean normal
    `orientations` (nodes, 3), `areas` (nodes,) mm², whether it is `cortical` (nodes,) and, in `hemispheres`
    (nodes,), on the right.
    """

    connectome: Connectome
    orientations: Float[np.ndarray, "nodes 3"] | None
    areas: Float[np.ndarray, " nodes"] | None
    cortical: Bool[np.ndarray, " nodes"] | None
    hemispheres: Bool[np.ndarray, " nodes"] | None


def load_virtual_brain(
    path: str | Path, *, keys: Mapping[str, str | None] | None = None, loops: str = "refuse"
) -> VirtualBrain:
    """The connectivity of a zip or a folder, with all that the program keeps of regions.

    `keys` says which file is what where names are others, such as `{"centres": "centers.txt"}`: `weights`,
    `lengths`, `centres`, `orientations`, `areas`, `cortical`, `hemispheres`; None leaves one out. `loops` as
    `load_connectome`. Raises `FileNotFoundError`, and `ValueError` naming the zip, its files and what is needed,
    for a file that is missing, two that could be the same and numbers that do not fit.
    """
    path = Path(path)
    _checks.one_of("loops", loops, ("refuse", "drop"))
    with in_file(path):
        parts = read_parts(path, keys)
        weights, lengths = square("weights", parts["weights"]), parts["lengths"]
        if loops == "drop":
            weights = without_loops(weights)
        connectome = assembled(
            weights,
            None if lengths is None else square("lengths", lengths),
            parts["labels"],
            parts["centres"],
            "none",
        )
        nodes = connectome.nodes
        orientations = parts["orientations"]
        if orientations is not None and orientations.shape != (nodes, 3):
            raise ValueError(f"`orientations` must be ({nodes}, 3), got {orientations.shape}.")
        areas, cortical, hemispheres = (
            _one_a_region(name, parts[name], nodes) for name in ("areas", "cortical", "hemispheres")
        )
    return VirtualBrain(
        connectome,
        orientations,
        areas,
        None if cortical is None else cortical != 0,
        None if hemispheres is None else hemispheres != 0,
    )


def read_parts(path: Path, keys: Mapping[str, str | None] | None) -> dict[str, Any]:
    """What the files hold, by name; None where there is none."""
    held = _contents(path)
    chosen = {name: _chosen(name, held, keys or {}) for name in _FILES}
    tables = {
        name: parsed(decoded(held[file], file), f"{path}, {file}", blanks=True)
        for name, file in chosen.items()
        if file is not None and held[file].strip()
    }
    if "weights" not in tables:
        raise ValueError(
            f"`weights.txt` is missing. Found: {', '.join(sorted(held)) or 'nothing'}; say which it is, as "
            "keys={'weights': ...}."
        )
    parts: dict[str, Any] = dict.fromkeys(_FILES)
    parts |= {name: table.numbers for name, table in tables.items()}
    parts["centres"], parts["labels"] = _centres(tables.get("centres"))
    if parts["lengths"] is None and parts["centres"] is not None:
        apart = parts["centres"][:, None] - parts["centres"][None]
        parts["lengths"] = np.linalg.norm(apart, axis=2)
        warnings.warn(
            f"{path} has no tract lengths: the distances between the centres are taken, as its program does.",
            stacklevel=3,
        )
    return parts


def _contents(path: Path) -> dict[str, bytes]:
    """The files of a zip or a folder by name, but not those that systems put beside them."""
    if path.is_dir():
        return {each.name: each.read_bytes() for each in sorted(path.iterdir()) if each.is_file()}
    if not path.is_file():
        raise FileNotFoundError(f"there is no file or folder {path}: give a zip or a folder.")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            return {
                name: archive.read(name)
                for name in names
                if not name.startswith("__MACOSX") and not Path(name).name.startswith(".")
            }
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as a zip: it may be damaged or cut off."
        ) from error


def _chosen(name: str, held: Mapping[str, bytes], keys: Mapping[str, str | None]) -> str | None:
    """Which file is what."""
    unknown = [key for key in keys if key not in _FILES]
    if unknown:
        raise ValueError(f"`keys` has {unknown[0]!r}: choose from {', '.join(_FILES)}.")
    if name in keys:
        if keys[name] is None:
            return None
        fitting = [file for file in held if keys[name] in (file, Path(file).name)]
        wanted = repr(keys[name])
    else:
        fitting = [file for file in held if Path(file).name.split(".")[0].lower() in _FILES[name]]
        wanted = " or ".join(_FILES[name])
    if len(fitting) > 1 or (name in keys and not fitting):
        raise ValueError(
            f"`{name}` is {wanted}, of which there are {len(fitting)}: {', '.join(sorted(fitting or held))}. Say "
            f"which, as keys={{{name!r}: ...}}."
        )
    return fitting[0] if fitting else None


def _centres(table: Table | None) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """Centres and labels. Regions may be called by numbers, which make a first column of four."""
    if table is None:
        return None, None
    if table.rows is None and table.numbers.shape[1] == 4:
        return table.numbers[:, 1:], tuple(f"{number:g}" for number in table.numbers[:, 0])
    return table.numbers, table.rows


def _one_a_region(name: str, numbers: np.ndarray | None, nodes: int) -> np.ndarray | None:
    """One number a region, in a row or a column."""
    if numbers is not None and numbers.size != nodes:
        raise ValueError(f"`{name}` must be one number a region ({nodes},), got {numbers.shape}.")
    return None if numbers is None else numbers.reshape(-1)
