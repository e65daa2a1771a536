"""Recordings: power spectra of regions or sensors of one person or many, each with a connectome.

The file is a NumPy `.npz` or a MATLAB `.mat` with the keys

============= ================================== ==============================================================
`frequencies` (F,)                               Hz, above zero, increasing
`psd`         (nodes, F) or (people, nodes, F)   power per hertz, above zero; of sensors with a `lead_field`
`weights`     (nodes, nodes) or (people, ...)    [target, source], not negative
`lengths`     the same, optional                 tract lengths, mm
`labels`      (nodes,), optional                 names of regions
`centres`     (nodes, 3), optional               centres of regions, mm
`maps`        (maps, nodes), optional            cortical maps for parameters that are linear in them, any unit
`lead_field`  (sensors, nodes), optional         what each sensor of `psd` sees of each region, as it is referenced
============= ================================== ==============================================================
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import numpy as np

from rosetta_jax._types import Float
from rosetta_jax.data.arrays import in_file, named_arrays, numbers, recognised, vector
from rosetta_jax.data.cortical_maps import CorticalMaps, maps_or_told
from rosetta_jax.data.people import OPTIONAL, connectomes_of, maps_in, require_keys, stack
from rosetta_jax.network import Connectome

NEEDED = ("frequencies", "psd", "weights")
_OPTIONAL = (*OPTIONAL, "lead_field")


class Recordings(eqx.Module):
    """Spectra of people: `frequencies` (F,) Hz, `spectra` (people, F, nodes), one connectome a person.

    `maps` (maps, nodes), or None: what regional parameters may be linear in. With a `lead_field` (sensors, nodes)
    the spectra are those of sensors, (people, F, sensors).
    """

    frequencies: Float[np.ndarray, " frequencies"]
    spectra: Float[np.ndarray, "people frequencies nodes"]
    connectomes: tuple[Connectome, ...]
    maps: Float[np.ndarray, "maps regions"] | None = None
    lead_field: Float[np.ndarray, "rows columns"] | None = None

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
        found = sorted({connectome.nodes for connectome in self.connectomes})
        if self.lead_field is not None:
            if found != [self.lead_field.shape[1]] or self.lead_field.shape[0] != nodes:
                raise ValueError(
                    f"`lead_field` must be (sensors, nodes), a row each of the {nodes} sensors of `psd` and a "
                    f"column each of the {found} regions of `weights`, got {self.lead_field.shape}."
                )
        elif found != [nodes]:
            raise ValueError(
                f"`psd` has {nodes} regions and `weights` {found}: they must list the same regions; spectra of "
                "sensors need a `lead_field` (sensors, nodes)."
            )

    @property
    def people(self) -> int:
        """How many people there are."""
        return self.spectra.shape[0]

    def cortical_maps(self) -> CorticalMaps:
        """The maps of the file, or those that its connectomes tell (`rosetta_jax.data.cortical_maps`)."""
        return maps_or_told(self.maps, self.connectomes)

    def within(self, low: float, high: float) -> "Recordings":
        """Only the bins from `low` to `high` (Hz, ends included). Raises where none is left."""
        inside = (self.frequencies >= low) & (self.frequencies <= high)
        if inside.sum() < 2:
            raise ValueError(
                f"`band` {low:g}-{high:g} Hz holds {inside.sum()} bins of "
                f"{self.frequencies[0]:g}-{self.frequencies[-1]:g} Hz: at least 2 are needed; widen it, or check "
                "that `frequencies` are in Hz."
            )
        spectra = self.spectra[:, inside]
        return dataclasses.replace(self, frequencies=self.frequencies[inside], spectra=spectra)


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
    require_keys(path, arrays, NEEDED, _OPTIONAL)
    with in_file(path):
        return _recordings(arrays, normalisation)


def _chosen(arrays: dict[str, np.ndarray], keys: Mapping[str, str | None]) -> dict[str, np.ndarray]:
    """The arrays by the names of this module."""
    own = {name: (name,) for name in NEEDED + _OPTIONAL}
    return {name: arrays[key] for name, key in recognised(arrays, own, keys).items()}


def _recordings(arrays: dict[str, np.ndarray], normalisation: str) -> Recordings:
    frequencies = _increasing(vector("frequencies", arrays["frequencies"]))
    psd = stack("psd", arrays["psd"])
    people, nodes, of, leads = psd.shape[0], psd.shape[1], "psd", None
    _require_psd(psd, len(frequencies))
    if "lead_field" in arrays:
        leads, of = numbers("lead_field", arrays["lead_field"]), "lead_field"
        if leads.ndim != 2 or len(leads) != nodes:
            raise ValueError(
                f"`lead_field` must be (sensors, nodes) with the {nodes} sensors of `psd`, got {leads.shape}."
            )
        nodes = leads.shape[1]
    connectomes = connectomes_of(arrays, people, nodes, normalisation, of)
    spectra, maps = np.swapaxes(psd, 1, 2), maps_in(arrays, nodes)
    return Recordings(frequencies, spectra, connectomes, maps, leads)


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
