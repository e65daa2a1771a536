"""A connectome out of whatever holds one: `.npz`, `.mat`, tables of numbers, a connectivity of The Virtual Brain.

What tractography leaves in a matrix and a network cannot use is an error with its remedy: links without a length,
negative or missing weights, self-connections, a matrix that is not square. Direction and asymmetry stay as they
are in the file.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax import _checks
from rosetta_jax.data.arrays import (
    ARCHIVES,
    in_file,
    listing,
    named_arrays,
    numbers,
    recognised,
    require,
    texts,
)
from rosetta_jax.data.measured import assembled, square, warn_of_lengths, without_loops
from rosetta_jax.data.tables import TABLES, cells, kind_of, read_matrix, read_table, read_text
from rosetta_jax.data.virtual_brain import read_parts
from rosetta_jax.network import Connectome

# Common names of each part, as they read without case, separators and unit.
NAMES: dict[str, tuple[str, ...]] = {
    "weights": (
        *("weight", "sc", "counts", "sccounts", "scweights", "streamlinecounts", "cmat", "conn"),
        *("connectivity", "structuralconnectivity", "connectome"),
    ),
    "lengths": (
        *("length", "tractlengths", "tractlength", "fibrelengths", "fiberlengths", "fibrelength"),
        *("fiberlength", "meanlengths", "meanlength", "lengthmat", "dmat", "len"),
    ),
    "labels": ("label", "names", "name", "regionlabels", "regionnames", "roilabels", "roinames"),
    "centres": (
        *("centers", "centre", "center", "centroids", "coordinates", "coords", "positions", "xyz"),
        *("regioncentres", "regioncenters"),
    ),
}


def load_connectome(
    path: str | Path,
    *,
    lengths: Any = None,
    labels: str | Path | Sequence[str] | None = None,
    centres: Any = None,
    keys: Mapping[str, str | None] | None = None,
    person: int | None = None,
    rows: str = "target",
    loops: str = "refuse",
    normalisation: str = "none",
) -> Connectome:
    """The connectome of a file: `rj.Network(rj.StuartLandau(), rj.data.load_connectome("connectivity_76.zip"))`.

    What a `path` may be:

    - `.npz`, `.mat` or `.h5` with `weights`, and if there are `lengths`, `labels`, `centres`, by these or common
      other names (`sc`, `counts`, `tract_lengths`, `Dmat`, ...); what else they are called goes into `keys`, from
      what is meant to the key, or None to leave it out: `{"weights": "sc_individual", "centres": None}`;
    - a table of weights, `.csv`, `.tsv`, `.txt` (with names of regions or without, compressed or not) or `.npy`;
    - a connectivity of The Virtual Brain, `.zip` or folder (`rj.data.load_virtual_brain`).

    `lengths` (nodes, nodes) mm and `centres` (nodes, 3) mm, arrays or paths of tables, and `labels`, names or the
    path of a list of names, go before what the file holds. Lengths that are missing (not-a-number) where there is
    no link are read as 0. Weights are `[target, source]`; for a file of the other order, as of the Brain
    Connectivity Toolbox, say `rows="source"`. `person` chooses one of a file of many, `(people, nodes, nodes)`.
    `loops="drop"` leaves out self-connections, which are refused otherwise. `normalisation` is "none" or one of
    `Connectome.normalised`.

    **Warns** where lengths disagree with the distances of the centres, and where a file has another square matrix
    that could be lengths. **Raises:** `FileNotFoundError`; `ValueError` naming the file, what was found with its
    shape and what to do.
    """
    _checks.one_of("rows", rows, ("target", "source"))
    _checks.one_of("loops", loops, ("refuse", "drop"))
    path = Path(path)
    given = {
        "lengths": None if lengths is None else _matrix(lengths),
        "labels": None if labels is None else _labels(labels),
        "centres": None if centres is None else _matrix(centres),
    }
    with in_file(path):
        parts = _parts(path, keys, person, given)
        parts |= {name: value for name, value in given.items() if value is not None}
        weights = square("weights", parts["weights"])
        length = None if parts.get("lengths") is None else square("lengths", parts["lengths"])
        if rows == "source":
            weights, length = weights.T, None if length is None else length.T
        if loops == "drop":
            weights = without_loops(weights)
        found = assembled(weights, length, parts.get("labels"), parts.get("centres"), normalisation)
    warn_of_lengths(path, found)
    return found


def _parts(
    path: Path, keys: Mapping[str, str | None] | None, person: int | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What a file holds of a connectome, by name."""
    kind = kind_of(path)
    if path.is_dir() or kind == ".zip":
        if person is not None:
            raise ValueError("`person` is of files of many: a connectivity is of one.")
        return read_parts(path, keys)
    if path.suffix.lower() in ARCHIVES:
        return _of_archive(path, keys, person, given)
    if keys is not None or person is not None:
        raise ValueError("`keys` and `person` are of files with names: a table has neither.")
    if kind == ".npy":
        return {"weights": read_matrix(path)}
    if kind not in TABLES:
        raise ValueError(
            f"its kind {kind or 'without a suffix'!r} is not known: give one of "
            f"{', '.join([*ARCHIVES, *TABLES, '.npy', '.zip'])} or a folder."
        )
    table = read_table(path)
    if table.columns and table.rows and len(table.columns) == len(table.rows):
        _require_order("the names of rows", table.rows, "those of columns", table.columns)
    named = table.columns or table.rows
    if named and given["labels"] is not None:
        _require_order("`labels`", given["labels"], "the names in the file", named)
    return {"weights": table.numbers, "labels": named}


def _of_archive(
    path: Path, keys: Mapping[str, str | None] | None, person: int | None, given: Mapping[str, Any]
) -> dict[str, Any]:
    arrays = named_arrays(path)
    found = recognised(arrays, NAMES, keys)
    require(arrays, found, "weights")
    parts: dict[str, Any] = {}
    for name, key in found.items():
        if name == "labels":
            parts[name] = texts(key, arrays[key])
        else:
            array = numbers(key, arrays[key])
            parts[name] = (
                _finite(key, array) if name == "centres" else _of_person(key, array, person)
            )
    if "lengths" not in found and given["lengths"] is None:
        _warn_of_squares(path, arrays, found)
    return parts


def _finite(key: str, centres: np.ndarray) -> np.ndarray:
    bad = ~np.isfinite(centres)
    if bad.any():
        raise ValueError(
            f"{key!r} {centres.shape} is not finite in {bad.sum()} entries, the first in region "
            f"{np.argwhere(bad)[0][0]}: give `centres`, or read none, keys={{'centres': None}}."
        )
    return centres


def _of_person(key: str, array: np.ndarray, person: int | None) -> np.ndarray:
    """One person's matrix of a file of many; matrices of one as they are."""
    if array.ndim != 3:
        return array
    if person is None:
        raise ValueError(
            f"{key!r} {array.shape} has {len(array)} people: choose one, `person=0`, or read all with spectra by "
            "`rj.data.load_recordings`."
        )
    if not 0 <= person < len(array):
        raise ValueError(
            f"`person` is {person}, but {key!r} {array.shape} has {len(array)} people."
        )
    return array[person]


def _matrix(value: Any) -> np.ndarray:
    """An array given, or read from a table."""
    if isinstance(value, (str, Path)):
        return read_matrix(value)
    return np.asarray(value, dtype=float)


def _labels(value: str | Path | Sequence[str]) -> list[str]:
    """Names given, or read from a file: one a line, or the column `name` or `label` of a table."""
    if not isinstance(value, (str, Path)):
        return [str(label) for label in value]
    rows = cells(read_text(value))
    heads = [cell.lower() for cell in rows[0]] if rows else []
    column = next(
        (heads.index(head) for head in ("name", "label", "labels") if head in heads), None
    )
    if column is not None:
        return [row[column] for row in rows[1:]]
    if any(len(row) != 1 for row in rows):
        raise ValueError(
            f"{value} must hold one name a line, or a table with a column `name`: found {rows[0]!r}."
        )
    return [row[0] for row in rows]


def _require_order(one: str, first: Sequence[str], other: str, second: Sequence[str]) -> None:
    """Names of the same regions must stand in the same order."""
    if list(first) != list(second) and sorted(first) == sorted(second):
        at = next(i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
        raise ValueError(
            f"{one} and {other} are in another order: at {at} stand {first[at]!r} and {second[at]!r}. Sort one."
        )


def _warn_of_squares(
    path: Path, arrays: Mapping[str, np.ndarray], found: Mapping[str, str]
) -> None:
    """A file without lengths that has another matrix of their shape."""
    shape = arrays[found["weights"]].shape[-2:]
    others = {
        key: array
        for key, array in arrays.items()
        if key not in found.values() and array.ndim >= 2 and array.shape[-2:] == shape
    }
    if others:
        key = next((key for key in others if "len" in key.lower()), "...")
        warnings.warn(
            f"{path} has no tract lengths by a known name, so nothing is delayed; not read: {listing(others)}. If "
            f"one of them is lengths in mm, say keys={{'lengths': {key!r}}}.",
            stacklevel=5,
        )
