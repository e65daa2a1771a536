"""The gains of parcels from a forward solution of MNE-Python, which is needed for this alone.

Of an `mne.Forward` in fixed orientation: `["sol"]["data"]` (sensors, sources) in V (EEG), T or T/m (MEG) per A
m, `["sol"]["row_names"]`, and `["src"]`, the hemispheres, each with its `type` and `id`, the used vertices
`vertno` and the normals `nn` of all. An `mne.Label` has `name`, `hemi` ("lh" or "rh") and `vertices`.
"""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

# From volts or tesla per ampere metre: factor and unit of each kind of sensor.
_KINDS = {
    "eeg": (1e-3, "µV per nA m"),
    "mag": (1e6, "fT per nA m"),
    "grad": (1e4, "fT/cm per nA m"),
}


# How a source space says which hemisphere it is.
_HEMISPHERES = {"lh": 101, "rh": 102}


def parcel_gains(
    forward: Any, labels: Sequence[Any], sign_flip: bool
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """The mean gain of each parcel (sensors, parcels), the names of the sensors, and the unit."""
    mne = _library()
    _require_cortex(forward["src"])
    factor, unit = _KINDS[_kind(mne, forward)]
    fixed = mne.convert_forward_solution(
        forward, surf_ori=True, force_fixed=True, use_cps=True, verbose=False
    )
    gains = factor * np.asarray(fixed["sol"]["data"], dtype=float)
    shares = [_shares(fixed["src"], label, sign_flip) for label in labels]
    return gains @ np.stack(shares, axis=1), tuple(fixed["sol"]["row_names"]), unit


def _library() -> Any:
    try:
        return importlib.import_module("mne")
    except ImportError as error:
        raise ImportError(
            "Reading a forward solution needs MNE-Python: `pip install mne`, or give the matrix itself, "
            "`LeadField(matrix, names, unit)`."
        ) from error


def _kind(mne: Any, forward: Any) -> str:
    """The one kind that all sensors are of."""
    count = len(forward["sol"]["row_names"])
    kinds = {mne.channel_type(forward["info"], index) for index in range(count)}
    if len(kinds) != 1 or not kinds <= set(_KINDS):
        raise ValueError(
            f"`forward` has sensors of the kinds {', '.join(sorted(kinds))}, but a lead field has one unit: "
            "choose one of EEG, magnetometers and gradiometers by `mne.pick_types_forward`."
        )
    return kinds.pop()


def _require_cortex(source_spaces: Any) -> None:
    """Only a surface has normals, and vertices that labels know."""
    kinds = [space["type"] for space in source_spaces]
    if set(kinds) != {"surf"}:
        raise ValueError(
            f"`forward` has source spaces of the types {', '.join(sorted(set(kinds)))}, but parcels lie on a "
            "cortical surface: set it up by `mne.setup_source_space`, or give the matrix itself."
        )


def _shares(source_spaces: Any, label: Any, sign_flip: bool) -> np.ndarray:
    """What each source counts in the mean over a parcel: (sources,)."""
    shares = [
        1.0 * np.isin(space["vertno"], label.vertices) * (space["id"] == _HEMISPHERES[label.hemi])
        for space in source_spaces
    ]
    if not np.any(np.concatenate(shares)):
        raise ValueError(
            f"`labels` has {label.name!r}, in which lies no source of `forward`: take a denser source space, or "
            "leave the region out."
        )
    share = np.concatenate(shares)
    within = share != 0
    if sign_flip:
        normals = np.concatenate(
            [np.asarray(space["nn"])[space["vertno"]] for space in source_spaces]
        )
        share[within] = _signs(normals[within])
    return share / within.sum()


def _signs(normals: np.ndarray) -> np.ndarray:
    """On which side of their main direction normals lie."""
    main = np.linalg.svd(normals, full_matrices=False)[2][0]
    signs = np.sign(normals @ main)
    # A normal at right angles to it lies on neither side.
    return np.where(signs == 0, 1.0, signs)
