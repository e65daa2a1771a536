"""Named arrays out of any file that holds several: `.npz`, `.mat` and `.h5`, and which of them is what.

Files name the same thing differently: weights are `sc`, `counts` or `Cmat`, lengths `tract_lengths` or `len`.
Common names are recognised, without case, separators and units (`lengths_mm`); any other is given as a mapping
from what is meant to the name in the file, `keys={"weights": "sc_individual"}`. Two names for one thing are an
error, never a guess.
"""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax import _checks
from rosetta_jax.data.matlab import read_hdf5, read_matlab
from rosetta_jax.results import read_arrays

ARCHIVES = {".npz": read_arrays, ".mat": read_matlab, ".h5": read_hdf5, ".hdf5": read_hdf5}
# Words of a name that say unit or kind, not what it is.
_ASIDE = {"mm", "mni", "hz", "s", "matrix", "region", "regions", "roi", "ch"}


def named_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a file by name. Raises `FileNotFoundError`, and `ValueError` for what cannot be read."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: give the path of an .npz or .mat file.")
    return ARCHIVES.get(path.suffix.lower(), read_arrays)(path)


def recognised(
    arrays: Mapping[str, np.ndarray],
    names: Mapping[str, Sequence[str]],
    keys: Mapping[str, str | None] | None,
) -> dict[str, str]:
    """Which key of a file holds what: from what is meant to the key.

    `names` are the common names of each thing, `keys` those the caller gives, None for what is not read. Raises
    `ValueError` for a given key that is not there, and where several keys could be the same thing.
    """
    given = dict(keys or {})
    for meaning, key in given.items():
        _checks.one_of("keys", meaning, names)
        if key is not None and key not in arrays:
            raise ValueError(
                f"`keys` says that `{meaning}` is {key!r}, which is not there. Found: {listing(arrays)}."
            )
    free = [key for key in arrays if key not in given.values()]
    found = {meaning: key for meaning, key in given.items() if key is not None}
    for meaning, others in names.items():
        fitting = [key for key in free if _bare(key) in {meaning, *others}]
        if meaning in given or not fitting:
            continue
        chosen = [meaning] if meaning in fitting else fitting
        if len(chosen) > 1:
            raise ValueError(
                f"{' and '.join(map(repr, chosen))} could both be `{meaning}`: say which, as "
                f"keys={{{meaning!r}: {chosen[0]!r}}}. Found: {listing(arrays)}."
            )
        found[meaning] = chosen[0]
    return found


def require(arrays: Mapping[str, np.ndarray], found: Mapping[str, str], *needed: str) -> None:
    """Raise where something needed was not found, with all that was."""
    missing = [meaning for meaning in needed if meaning not in found]
    if missing:
        raise ValueError(
            f"`{missing[0]}` is needed and no key has a name for it. Found: {listing(arrays)}. Say which it is, "
            f"as keys={{{missing[0]!r}: ...}}."
        )


def listing(arrays: Mapping[str, np.ndarray]) -> str:
    """The keys of a file with their shapes, as errors show them."""
    return ", ".join(f"{key} {np.shape(array)}" for key, array in arrays.items()) or "nothing"


def _bare(key: str) -> str:
    """A name without case, separators, struct and unit."""
    words = re.findall(r"[a-z0-9]+", key.rpartition(".")[2].lower())
    kept = [word for word in words if word not in _ASIDE]
    return "".join(kept or words)


@contextmanager
def in_file(path: Any) -> Iterator[None]:
    """Errors within name the file."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        raise ValueError(text if str(path) in text else f"{path}: {text}") from error


def numbers(name: str, array: np.ndarray) -> np.ndarray:
    """Real numbers as float64. Raises `ValueError` for text and complex numbers."""
    if array.dtype.kind not in "buif":
        raise ValueError(f"`{name}` must hold real numbers, got an array of {array.dtype}.")
    return array.astype(float)


def vector(name: str, array: np.ndarray) -> np.ndarray:
    """Numbers, in a row where a file keeps them as a matrix of one row or column."""
    return _row(numbers(name, array))


def scalar(name: str, array: np.ndarray) -> float:
    """The one number of an array, whatever its axes."""
    if np.size(array) != 1:
        raise ValueError(f"`{name}` must be one number, got shape {np.shape(array)}.")
    return float(numbers(name, np.asarray(array)).reshape(()))


def texts(name: str, array: np.ndarray) -> list[str]:
    """A list of names, one a region, without the blanks that pad them."""
    row = _row(array)
    if row.ndim != 1:
        raise ValueError(
            f"`{name}` must be a list of names, one a region, got shape {array.shape}."
        )
    return [str(entry).strip() for entry in row]


def _row(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1) if array.ndim == 2 and 1 in array.shape else array


def optional_package(name: str, why: str, instead: str) -> Any:
    """A package of the extra `data`. Raises `ImportError` with the remedy where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{why} needs {name.replace('_', '-')}: `pip install 'rosetta-jax[data]'`, or {instead}."
        ) from error
