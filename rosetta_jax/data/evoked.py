r"""An evoked response with the lead field and the connectome that a fit of it needs.

The file is an `.npz` or `.mat` with `weights` and the optional keys of `rosetta_jax.data.recordings`, and

============ ============================= ====================================================================
`times`      (T,)                          s, zero at the stimulus
`evoked`     (sensors, T)                  mean over trials, or of regions where there is no lead field
`lead_field` (sensors, nodes), optional    what each sensor sees of one unit of each region
============ ============================= ====================================================================

The baseline is what lies more than 10 ms before the stimulus, whose artefact a filter smears over what is nearer;
where nothing does, all that lies before it. Potentials are taken to the average of all sensors, and so is the lead
field.
"""

from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import numpy as np

from rosetta_jax._types import Float
from rosetta_jax.data.arrays import in_file, named_arrays, numbers, vector
from rosetta_jax.data.cortical_maps import CorticalMaps, maps_or_told
from rosetta_jax.data.people import OPTIONAL, connectomes_of, maps_in, require_keys
from rosetta_jax.data.responses import Response
from rosetta_jax.network import Connectome

# So near to a stimulus its artefact is (s).
_ARTEFACT = 0.01
# A baseline with less than this share of the response was made by a computer.
_ROUNDING = 1e-9


class EvokedRecording(eqx.Module):
    """`times` (T,) s from the stimulus, `potential` (T, sensors), `lead_field` (sensors, nodes) or None.

    `maps` (maps, nodes), or None; `noise`, the root mean square of the baseline, or None where none is known.
    Raises `ValueError` for shapes that do not agree.
    """

    times: Float[np.ndarray, " time"]
    potential: Float[np.ndarray, "time sensors"]
    connectome: Connectome
    lead_field: Float[np.ndarray, "rows columns"] | None = None
    maps: Float[np.ndarray, "maps nodes"] | None = None
    noise: float | None = None

    def __check_init__(self):
        sensors, nodes = np.shape(self.potential)[1], self.connectome.nodes
        if self.lead_field is None and sensors != nodes:
            raise ValueError(
                f"`evoked` has {sensors} courses and the connectome {nodes} regions: give the `lead_field` "
                "(sensors, nodes), or the courses of the regions."
            )
        if self.lead_field is not None and np.shape(self.lead_field) != (sensors, nodes):
            raise ValueError(
                f"`lead_field` must be ({sensors}, {nodes}), a row a sensor of `evoked` and a column a region, "
                f"got {np.shape(self.lead_field)}."
            )

    def cortical_maps(self) -> CorticalMaps:
        """The maps of the file, or those that its connectome tells (`rosetta_jax.data.cortical_maps`)."""
        return maps_or_told(self.maps, [self.connectome])


def load_evoked(path: str | Path, normalisation: str = "eigenvalue") -> EvokedRecording:
    """Read an evoked response (see the module's top), less its baseline, after the stimulus alone.

    Raises `FileNotFoundError` where there is no file and `ValueError` where a key is missing or unknown, or a
    value does not fit.
    """
    arrays = named_arrays(path)
    require_keys(path, arrays, ("times", "evoked", "weights"), (*OPTIONAL, "lead_field"))
    with in_file(path):
        return _recording(arrays, normalisation)


def _recording(arrays: Mapping[str, np.ndarray], normalisation: str) -> EvokedRecording:
    weights = numbers("weights", arrays["weights"])
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"`weights` must be (nodes, nodes), got {weights.shape}.")
    nodes = len(weights)
    (connectome,) = connectomes_of(arrays, 1, nodes, normalisation, "weights")
    response = Response(vector("times", arrays["times"]), numbers("evoked", arrays["evoked"]).T)
    if response.times[0] < 0:
        before = response.times[response.times < 0]
        far = before[before <= -_ARTEFACT]
        before = far if far.size else before
        response = response.less_baseline(float(before[0]), float(before[-1]))
    after = response.times > 0
    if after.sum() < 2:
        raise ValueError(
            "`times` has fewer than two after the stimulus at 0 s: give seconds, zero at the stimulus."
        )
    potential, leads = response.potential, None
    if "lead_field" in arrays:
        leads = numbers("lead_field", arrays["lead_field"])
        potential = potential - potential.mean(axis=1, keepdims=True)
        leads = leads - leads.mean(axis=0)
    return EvokedRecording(
        np.round(response.times[after], 9),
        potential[after],
        connectome,
        leads,
        maps_in(arrays, nodes),
        _noise(response, potential),
    )


def _noise(response: Response, potential: np.ndarray) -> float | None:
    """The root mean square of the baseline; None where there is none, or nothing but rounding in it."""
    if response.baseline is None:
        return None
    first, last = response.baseline
    within = (response.times >= first) & (response.times <= last)
    noise, whole = (float(np.sqrt(np.mean(of**2))) for of in (potential[within], potential))
    return noise if noise > _ROUNDING * whole else None
