"""Recordings: power spectra of regions of one person or many, each with a connectome.

The file is a NumPy `.npz` or a MATLAB `.mat` with the keys

============= ================================== ======================================================
`frequencies` (F,)                               Hz, above zero, increasing
`psd`         (nodes, F) or (people, nodes, F)   power per hertz, above zero
`weights`     (nodes, nodes) or (people, ...)    [target, source], not negative
`lengths`     the same, optional                 tract lengths, mm
`labels`      (nodes,), optional                 names of regions
`centres`     (nodes, 3), optional               centres of regions, mm
============= ================================== ======================================================
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from rosetta_jax._types import Float
from rosetta_jax.data.arrays import in_file, named_arrays, numbers, recognised, texts, vector
from rosetta_jax.data.measured import assembled
from rosetta_jax.network import Connectome

NEEDED = ("frequencies", "psd", "weights")
OPTIONAL = ("lengths", "labels", "centres")


class Recordings(eqx.Module):
    """Spectra of people: `frequencies` (F,) Hz, `spectra` (people, F, nodes), one connectome a person."""

    frequencies: Float[np.ndarray, " frequencies"]
    spectra: Float[np.ndarray, "people frequencies nodes"]
    connectomes: tuple[Connectome, ...]

    def __check_init__(self):
        if np.ndim(self.spectra) != 3:
            raise ValueError(
                f"`spectra` must be (people, frequencies, nodes), got {np.shape(self.spectra)}: one person is "
                "`spectra[None]`."
            )
        people, bins, nodes = self.spectra.shape
        if bins != len(self.frequencies):
            raise ValueError(
                f"`frequencies` has {len(self.frequencies)} bins and `psd` {bins}: they must agree."
            )
        if len(self.connectomes) != people:
            raise ValueError(
                f"`connectomes` has {len(self.connectomes)} for spectra of {people} people: give one a person."
            )
        if any(connectome.nodes != nodes for connectome in self.connectomes):
            found = sorted({connectome.nodes for connectome in self.connectomes})
            raise ValueError(
                f"`psd` has {nodes} regions and `weights` {found}: they must list the same regions."
            )

    @property
    def people(self) -> int:
        """How many people there are."""
        return self.spectra.shape[0]

    def within(self, low: float, high: float) -> "Recordings":
        """Only the bins from `low` to `high` (Hz, ends included). Raises where none is left."""
        inside = (self.frequencies >= low) & (self.frequencies <= high)
        if inside.sum() < 2:
            raise ValueError(
                f"`band` {low:g}-{high:g} Hz holds {inside.sum()} bins of "
                f"{self.frequencies[0]:g}-{self.frequencies[-1]:g} Hz: at least 2 are needed; widen it, or check "
                "that `frequencies` are in Hz."
            )
        return Recordings(self.frequencies[inside], self.spectra[:, inside], self.connectomes)


def load_recordings(
    path: str | Path,
    normalisation: str = "eigenvalue",
    *,
    keys: Mapping[str, str | None] | None = None,
) -> Recordings:
    """Read recordings from an `.npz` or `.mat` file (see the module's top), and normalise each person's weights.

    `keys` says what is called otherwise, from the name above to the key in the file: `{"frequencies": "freqs_hz",
    "weights": "sc_individual"}`. Keys that are neither are left out then; without `keys` they are an error.

    One loss a person, for `rj.fit`: `[rj.SpectrumLoss(found.frequencies, psd) for psd in found.spectra]`.

    Raises `FileNotFoundError` where there is no file and `ValueError` where it cannot be read, a key is
    missing or unknown, or a value does not fit, naming what was found and what is needed.
    """
    arrays = named_arrays(path)
    if keys is not None:
        with in_file(path):
            arrays = _chosen(arrays, keys)
    _require_keys(path, arrays)
    with in_file(path):
        return _recordings(arrays, normalisation)


def _chosen(arrays: dict[str, np.ndarray], keys: Mapping[str, str | None]) -> dict[str, np.ndarray]:
    """The arrays by the names of this module."""
    own = {name: (name,) for name in NEEDED + OPTIONAL}
    return {name: arrays[key] for name, key in recognised(arrays, own, keys).items()}


def _recordings(arrays: dict[str, np.ndarray], normalisation: str) -> Recordings:
    frequencies = _increasing(vector("frequencies", arrays["frequencies"]))
    psd = _stack("psd", arrays["psd"])
    weights = _stack("weights", arrays["weights"])
    people, nodes = psd.shape[0], psd.shape[1]
    _require_psd(psd, len(frequencies))
    lengths = _stack("lengths", arrays["lengths"]) if "lengths" in arrays else None
    centres = numbers("centres", arrays["centres"]) if "centres" in arrays else None
    labels = texts("labels", arrays["labels"]) if "labels" in arrays else None
    connectomes = tuple(
        _connectome(
            person,
            _of_person("weights", weights, person, people, nodes),
            None if lengths is None else _of_person("lengths", lengths, person, people, nodes),
            labels,
            centres,
            normalisation,
        )
        for person in range(people)
    )
    return Recordings(frequencies, np.swapaxes(psd, 1, 2), connectomes)


def _require_keys(path: Any, arrays: dict[str, np.ndarray]) -> None:
    missing = [key for key in NEEDED if key not in arrays]
    unknown = [key for key in arrays if key not in NEEDED + OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"{path} has the keys {sorted(arrays)}; needed are {list(NEEDED)}, optional "
            f"{list(OPTIONAL)}. Missing: {missing or 'none'}; unknown: {unknown or 'none'}. Say what is called "
            "otherwise, as keys={'weights': 'sc_individual'}; what is not named is left out then."
        )


def _increasing(frequencies: np.ndarray) -> np.ndarray:
    if frequencies.ndim != 1 or len(frequencies) < 2:
        raise ValueError(f"`frequencies` must be a list of bins (F,), got {frequencies.shape}.")
    if (
        not np.isfinite(frequencies).all()
        or frequencies[0] <= 0
        or (np.diff(frequencies) <= 0).any()
    ):
        raise ValueError("`frequencies` must be finite, above zero and increasing, in Hz.")
    return frequencies


def _stack(name: str, array: np.ndarray) -> np.ndarray:
    """One person's array with a leading axis of one; many people's as it is."""
    if array.ndim not in (2, 3) or not array.size:
        raise ValueError(f"`{name}` must have 2 or 3 axes and be filled, got shape {array.shape}.")
    array = numbers(name, array)
    return array if array.ndim == 3 else array[None]


def _require_psd(psd: np.ndarray, bins: int) -> None:
    if psd.shape[2] != bins:
        raise ValueError(
            f"`psd` must end in the {bins} bins of `frequencies`, (nodes, F) or (people, nodes, F), got "
            f"{psd.shape}."
        )
    bad = ~(np.isfinite(psd) & (psd > 0))
    if bad.any():
        first = tuple(int(index) for index in np.argwhere(bad)[0])
        raise ValueError(
            f"`psd` must be finite and above zero (power per hertz, not decibel): {int(bad.sum())} entries "
            f"are not, the first at (person, node, bin) {first}."
        )


def _of_person(name: str, array: np.ndarray, person: int, people: int, nodes: int) -> np.ndarray:
    if array.shape[0] not in (1, people) or array.shape[1:] != (nodes, nodes):
        raise ValueError(
            f"`{name}` must be ({nodes}, {nodes}) or ({people}, {nodes}, {nodes}) as `psd` has {people} "
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
