"""Functional connectivity of people at rest, from BOLD series or as matrices, each with a connectome.

The file is an `.npz` or `.mat` with `weights` and the optional keys of `rosetta_jax.data.recordings`, and either

================= ============================================ ==============================================
`bold`            (nodes, T) or (people, nodes, T)             series of regions, any unit
`repetition_time` one number                                   s from volume to volume
================= ============================================ ==============================================

or `fc` (nodes, nodes) or (people, nodes, nodes), correlations. Series are correlated within a band, as the model's
are, and once more in each half, which tells how well any model could do.
"""

from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.data.arrays import in_file, named_arrays, scalar
from rosetta_jax.data.cortical_maps import CorticalMaps, maps_or_told
from rosetta_jax.data.people import OPTIONAL, connectomes_of, maps_in, require_keys, stack
from rosetta_jax.data.series import Series
from rosetta_jax.network import Connectome

# Of slow BOLD fluctuations (Hz).
BOLD_BAND = (0.01, 0.1)


class BoldRecordings(eqx.Module):
    """Connectivity of people: `connectivity` (people, nodes, nodes), correlations, and one connectome a person.

    `halves` (people, 2, nodes, nodes), the same of each half of the series, or None; `band` (Hz) they are of;
    `maps` (maps, nodes), or None; `samples` (people,), how many independent ones correlations are made of, or None
    where that is not known. Raises `ValueError` for shapes that do not agree and what are no correlations.
    """

    connectivity: Float[np.ndarray, "people nodes nodes"]
    connectomes: tuple[Connectome, ...]
    band: tuple[float, float] = eqx.field(default=BOLD_BAND, static=True)
    halves: Float[np.ndarray, "people halves nodes nodes"] | None = None
    maps: Float[np.ndarray, "maps nodes"] | None = None
    samples: Float[np.ndarray, " people"] | None = None

    def __check_init__(self):
        shape = np.shape(self.connectivity)
        if len(shape) != 3 or shape[1] != shape[2] or shape[1] < 3:
            raise ValueError(
                f"`fc` must be (people, nodes, nodes) of three regions or more, got {shape}."
            )
        _checks.band("band", self.band)
        if [each.nodes for each in self.connectomes] != [shape[1]] * shape[0]:
            raise ValueError(
                f"`connectomes` must be {shape[0]} of {shape[1]} regions, as `fc` {shape} has, got "
                f"{[each.nodes for each in self.connectomes]}."
            )
        for person, matrix in enumerate(self.connectivity):
            _require_correlations(person, matrix)

    @property
    def people(self) -> int:
        """How many people there are."""
        return self.connectivity.shape[0]

    def cortical_maps(self) -> CorticalMaps:
        """The maps of the file, or those that its connectomes tell (`rosetta_jax.data.cortical_maps`)."""
        return maps_or_told(self.maps, self.connectomes)


def load_bold(
    path: str | Path, normalisation: str = "eigenvalue", band: tuple[float, float] = BOLD_BAND
) -> BoldRecordings:
    """Read BOLD series or connectivity (see the module's top), series within a `band` (Hz), weights normalised.

    Raises `FileNotFoundError` where there is no file and `ValueError` where a key is missing or unknown, or a
    value does not fit.
    """
    arrays = named_arrays(path)
    if "bold" in arrays and "fc" in arrays:
        raise ValueError(
            f"{path} has both `bold` and `fc`, so that what is to be fitted is not clear: leave one of them out."
        )
    measured = ("bold", "repetition_time") if "bold" in arrays else ("fc",)
    require_keys(path, arrays, (*measured, "weights"), OPTIONAL)
    with in_file(path):
        of = stack(measured[0], arrays[measured[0]])
        people, nodes = of.shape[:2]
        if measured[0] == "fc" and of.shape[2] != nodes:
            raise ValueError(
                f"`fc` must be (nodes, nodes) or (people, nodes, nodes), got {np.shape(arrays['fc'])}."
            )
        connectomes = connectomes_of(arrays, people, nodes, normalisation, measured[0])
        known = (of, None, None) if measured[0] == "fc" else _of_series(of, arrays, band)
        matrices, halves, samples = known
        return BoldRecordings(matrices, connectomes, band, halves, maps_in(arrays, nodes), samples)


def _of_series(
    series: np.ndarray, arrays: Mapping[str, np.ndarray], band: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Connectivity of whole series and of their halves, and how many samples the whole is made of."""
    interval = scalar("repetition_time", arrays["repetition_time"])
    middle = series.shape[2] // 2
    parts = [
        Series(np.swapaxes(part, 1, 2), interval, kind="bold")
        for part in (series, series[:, :, :middle], series[:, :, middle:])
    ]
    whole, *halves = (np.asarray(part.functional_connectivity(band)) for part in parts)
    return whole, np.stack(halves, axis=1), _samples(parts[0], band)


def _samples(series: Series, band: tuple[float, float]) -> Float[np.ndarray, " people"]:
    r"""How many independent samples correlations within a band are made of: $2T(\int S\,df)^2 / \int S^2 df$.

    Source: Bartlett 1946, of two series with the mean spectrum S of regions.
    """
    frequencies, density = (np.asarray(each) for each in series.spectra())
    inside = (frequencies >= band[0]) & (frequencies <= band[1])
    power = density[:, inside]
    mean = (power / power.sum(axis=1, keepdims=True)).mean(axis=2)
    step = frequencies[1] - frequencies[0]
    return 2 * series.duration * step / np.sum(mean**2, axis=1)


def _require_correlations(person: int, matrix: np.ndarray) -> None:
    bad = ~np.isfinite(matrix) | (np.abs(matrix) > 1 + 1e-6)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"`fc` of person {person} must hold correlations between -1 and 1, found {matrix[at]:g} at {at}: give "
            "correlations, not Fisher's z or covariances."
        )
    if not np.allclose(matrix, matrix.T, atol=1e-6):
        raise ValueError(f"`fc` of person {person} is not symmetric, as correlations are.")
