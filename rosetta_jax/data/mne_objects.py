"""Recordings that MNE-Python holds, as series, spectra and evoked responses.

MNE-Python keeps volts and tesla; here they are µV, fT and fT/cm, in which `LeadField.from_mne` is too. Channels
that are marked bad are left out with a warning that names them, and stretches that are marked bad are refused,
since leaving them out would join what is apart.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from rosetta_jax import _checks
from rosetta_jax.data.arrays import optional_package
from rosetta_jax.data.responses import Response
from rosetta_jax.data.series import Series, positions

# From volts or tesla: factor, unit and kind of each type of channel.
_TYPES = {
    "eeg": (1e6, "µV", "eeg"),
    "seeg": (1e6, "µV", "eeg"),
    "ecog": (1e6, "µV", "eeg"),
    "dbs": (1e6, "µV", "eeg"),
    "mag": (1e15, "fT", "meg"),
    "grad": (1e13, "fT/cm", "meg"),
}
_BAD = ("drop", "raise", "keep")


def from_mne(
    recording: Any,
    *,
    labels: Sequence[Any] | None = None,
    channels: str | None = None,
    bad: str = "drop",
    interval: float | None = None,
    kind: str = "meg",
    unit: str = "1",
) -> Any:
    """What a recording of MNE-Python is here.

    - `Raw`: a `Series` (time, channels). `Epochs`: a `Series` (epochs, time, channels), whose spectra are means
      over epochs.
    - `Evoked`: a `Response`, with its baseline.
    - `Spectrum`, `EpochsSpectrum`: frequencies (F,) Hz above 0 and power (F, channels), epochs averaged, ready for
      `rj.SpectrumLoss(*rj.data.from_mne(raw.compute_psd()))`.
    - what `mne.extract_label_time_course` gives, (labels, time) or a list of it, one an epoch: a `Series` (time,
      regions) or (epochs, time, regions), with `labels` the `mne.Label`s, `interval` (s), `kind` and `unit`.

    Otherwise `labels` chooses and orders channels by name, such as `lead_field.names`; `channels` is their type,
    "eeg", "mag", "grad", "seeg", "ecog" or "dbs", needed where there are several; other channels (stimuli, eyes)
    are not read. Units become µV, fT and fT/cm, squared and per Hz in spectra. `bad` channels are left out with a
    warning ("drop"), an error ("raise"), or read as they are ("keep").

    **Raises:** `ImportError` without MNE-Python, `TypeError` for other objects, `ValueError` for channels of
    several types, none, missing names and a `Raw` with stretches marked bad.
    """
    _checks.one_of("bad", bad, _BAD)
    if _is_courses(recording):
        return _of_labels(recording, labels, interval, kind, unit)
    mne = optional_package("mne", "Reading recordings", "give the arrays, rj.data.Series(...)")
    spectra = (mne.time_frequency.Spectrum, mne.time_frequency.EpochsSpectrum)
    known = (mne.io.BaseRaw, mne.BaseEpochs, mne.Evoked, *spectra)
    wanted = "a Raw, Epochs, Evoked, Spectrum or EpochsSpectrum, or time courses of labels (labels, time)"
    _checks.instance("recording", recording, known, wanted)
    names, (factor, measured, of) = _chosen(mne, recording, labels, channels, bad)
    if isinstance(recording, spectra):
        return _of_spectrum(recording, names, factor)
    if isinstance(recording, mne.Evoked):
        data = factor * recording.get_data(picks=names)
        return Response(recording.times, data.T, names, measured, _baseline(recording))
    step = 1 / recording.info["sfreq"]
    if isinstance(recording, mne.BaseEpochs):
        data = factor * recording.get_data(picks=names, verbose=False)
        start = float(recording.times[0])
        return Series(np.swapaxes(data, 1, 2), step, names, measured, of, "epochs", start)
    _require_whole(recording)
    return Series(factor * recording.get_data(picks=names).T, step, names, measured, of)


def _chosen(
    mne: Any, recording: Any, labels: Sequence[Any] | None, channels: str | None, bad: str
) -> tuple[list[str], tuple[float, str, str]]:
    """The names of the channels to read, of one type, and its units."""
    types = dict(zip(recording.ch_names, recording.get_channel_types(), strict=True))
    names = [name for name in types if types[name] in _TYPES]
    if channels is not None:
        _checks.one_of("channels", channels, _TYPES)
        names = [name for name in names if types[name] == channels]
    if labels is not None:
        labels = [str(label) for label in labels]
        names = [names[at] for at in positions(labels, names)]
    found = sorted({types[name] for name in names})
    if len(found) != 1:
        raise ValueError(
            f"`recording` has channels of the types {', '.join(found) or 'none that is read'} (in all "
            f"{', '.join(sorted(set(types.values())))}), but a series has one unit: say `channels`, one of "
            f"{', '.join(_TYPES)}."
        )
    marked = [name for name in names if name in recording.info["bads"]]
    if marked and bad != "keep":
        said = f"{len(marked)} channels are marked bad: {', '.join(marked)}"
        if bad == "raise" or len(marked) == len(names):
            raise ValueError(f"{said}. Leave them out of `recording`, or say bad='drop' or 'keep'.")
        warnings.warn(f"{said}. They are left out; bad='keep' reads them.", stacklevel=3)
        names = [name for name in names if name not in marked]
    return names, _TYPES[found[0]]


def _require_whole(raw: Any) -> None:
    """No stretch of a continuous recording may be marked bad."""
    marked = [each for each in raw.annotations if each["description"].lower().startswith("bad")]
    if marked:
        length = sum(each["duration"] for each in marked)
        raise ValueError(
            f"`recording` has {len(marked)} stretches marked bad, {length:g} s in all: cut it into epochs without "
            "them, mne.make_fixed_length_epochs(raw, duration=4.0, reject_by_annotation=True)."
        )


def _of_spectrum(spectrum: Any, names: list[str], factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies above zero and power, the mean over epochs."""
    data = spectrum.get_data(picks=names, exclude=())
    if np.iscomplexobj(data) or data.ndim not in (2, 3) or data.shape[-2] != len(names):
        raise ValueError(
            f"`recording` holds an array {data.shape} of {data.dtype}, not power: compute_psd with "
            "output='power' and average='mean'."
        )
    density = factor**2 * (data if data.ndim == 2 else data.mean(axis=0))
    above = spectrum.freqs > 0
    return np.asarray(spectrum.freqs)[above], density.T[above]


def _baseline(evoked: Any) -> tuple[float, float] | None:
    """The span whose mean was taken off; ends that are left open are those of the response."""
    if evoked.baseline is None:
        return None
    start, stop = evoked.baseline
    first, last = float(evoked.times[0]), float(evoked.times[-1])
    return first if start is None else float(start), last if stop is None else float(stop)


def _is_courses(recording: Any) -> bool:
    return isinstance(recording, np.ndarray) or (
        isinstance(recording, (list, tuple))
        and all(isinstance(each, np.ndarray) for each in recording)
    )


def _of_labels(
    courses: Any, labels: Sequence[Any] | None, interval: float | None, kind: str, unit: str
) -> Series:
    """Time courses of labels, (labels, time) or one an epoch."""
    if labels is None or interval is None:
        raise ValueError(
            "time courses of labels carry neither names nor sampling: give `labels`, those they were extracted "
            "by, and `interval`, 1 / sfreq in seconds."
        )
    lengths = sorted({np.shape(each)[-1] for each in courses if np.ndim(each)})
    if isinstance(courses, (list, tuple)) and len(lengths) > 1:
        raise ValueError(
            f"`recording` has epochs of {lengths} samples: they must be of one length."
        )
    data = np.asarray(courses)
    names = [str(getattr(label, "name", label)) for label in labels]
    if data.ndim not in (2, 3) or data.shape[-2] != len(names):
        raise ValueError(
            f"`recording` must be ({len(names)} labels, time), or a list of it, got shape {data.shape}: give the "
            "labels it was extracted by."
        )
    single = data[0] if data.ndim == 3 and len(data) == 1 else data
    return Series(np.swapaxes(single, -1, -2), interval, names, unit, kind, "epochs")
