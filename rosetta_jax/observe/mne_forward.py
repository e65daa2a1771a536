"""The gains of parcels from a forward solution of MNE-Python, which is needed for this alone.

Of an `mne.Forward` in fixed orientation: `["sol"]["data"]` (sensors, sources) in V (EEG), T or T/m (MEG) per A
m, `["sol"]["row_names"]`, and `["src"]`, two hemispheres, each with the used vertices `vertno` and the normals
`nn` of all. An `mne.Label` has `name`, `hemi` ("lh" or "rh") and `vertices`.
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


def parcel_gains(
    forward: Any, labels: Sequence[Any], sign_flip: bool
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """The mean gain of each parcel (sensors, parcels), the names of the sensors, and the unit."""
    mne = _library()
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


def _shares(source_spaces: Any, label: Any, sign_flip: bool) -> np.ndarray:
    """What each source counts in the mean over a parcel: (sources,)."""
    one = {"lh": 0, "rh": 1}[label.hemi]
    within = [np.isin(space["vertno"], label.vertices) for space in source_spaces]
    shares = [inside * (index == one) * 1.0 for index, inside in enumerate(within)]
    if not shares[one].any():
        raise ValueError(
            f"`labels` has {label.name!r}, in which lies no source of `forward`: take a denser source space, or "
            "leave the region out."
        )
    if sign_flip:
        space = source_spaces[one]
        normals = np.asarray(space["nn"])[space["vertno"]][within[one]]
        shares[one][within[one]] *= _signs(normals)
    return np.concatenate(shares) / within[one].sum()


def _signs(normals: np.ndarray) -> np.ndarray:
    """On which side of their main direction normals lie."""
    main = np.linalg.svd(normals, full_matrices=False)[2][0]
    signs = np.sign(normals @ main)
    # A normal at right angles to it lies on neither side.
    return np.where(signs == 0, 1.0, signs)
