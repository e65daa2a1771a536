"""Series and spectra out of files: `.npz`, `.mat`, and tables, as those of parcels that fMRIPrep and XCP-D leave.

A table has a row a sample and a column a region. What it does not say, the sampling, stands in a `.json` beside
it, by the rules of BIDS: the nearest file of the same name, or of less of it, up to the top of the data set.
"""

import json
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
    scalar,
    texts,
)
from rosetta_jax.data.entities import entities_of
from rosetta_jax.data.series import Series, positions
from rosetta_jax.data.tables import read_table

NAMES: dict[str, tuple[str, ...]] = {
    "signal": ("data", "timeseries", "ts", "series", "bold", "eeg", "meg"),
    "interval": ("dt", "tr", "repetitiontime", "samplinginterval"),
    "rate": ("fs", "sfreq", "srate", "samplingfrequency", "samplingrate"),
    "labels": ("names", "channels", "channelnames", "chnames", "regionlabels", "regionnames"),
}


def load_series(
    path: str | Path,
    *,
    kind: str | None = None,
    interval: float | None = None,
    labels: Sequence[str] | None = None,
    keys: Mapping[str, str | None] | None = None,
    unit: str = "1",
    over: str = "people",
    regions_lead: bool | None = None,
) -> Series:
    """The series of a file: `rj.ConnectivityLoss(rj.data.load_series(path).functional_connectivity(), of="bold")`.

    What a `path` may be:

    - `.npz`, `.mat` or `.h5` with `signal`, `interval` (s) or `rate` (Hz), and if there are `labels`, by these or
      common other names (`bold`, `data`, `tr`, `fs`, ...); `keys` says what else they are called;
    - a table `.csv`, `.tsv` or `.txt`, a row a sample, with names of regions in its first row or without. The
      interval stands in a `.json` beside it (`RepetitionTime` in s, or `SamplingFrequency` in Hz).

    `interval` (s) goes before the file's. `labels` chooses and orders regions by name, such as those of a
    connectome, so that none that the file has without numbers (n/a) need be read. `kind` "meg", "eeg" or "bold",
    which is assumed where the file has a repetition time. `over`, "people" or "epochs", says what the first of
    three axes is. Time comes before regions, or after where `regions_lead`; left out, the number of labels tells.

    **Raises:** `FileNotFoundError`; `ValueError` naming the file, its keys with shapes, and what is needed: also
    where there are more regions than samples and nothing tells which is which.
    """
    path = Path(path)
    with in_file(path):
        if path.suffix.lower() in ARCHIVES:
            signal, names, facts = _of_archive(path, keys)
        else:
            table = read_table(path)
            signal, names, facts = table.numbers, table.columns, _sidecar(path)
        signal = _time_first(signal, names, regions_lead)
        if labels is not None and names is not None:
            signal = signal[..., positions(labels, names)]
        step, measured = _sampling(facts, interval)
        kind = measured if kind is None else kind
        if kind is None:
            raise ValueError("`kind` is needed: say 'meg', 'eeg' or 'bold'.")
        return Series(signal, step, names if labels is None else labels, unit, kind, over)


def load_spectra(
    path: str | Path, *, labels: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The spectra of a table: `rj.SpectrumLoss(*rj.data.load_spectra("spectra.csv", labels=connectome.labels))`.

    Its first column are the frequencies, Hz, its others regions, power per hertz; the first row may name them.
    `labels` chooses and orders regions by name. Bins at 0 Hz are left out. **Returns:** frequencies (F,) and
    density (F, nodes). **Raises:** `FileNotFoundError`; `ValueError` naming the file for frequencies that do not
    increase, and power that is not above zero (such as decibels).
    """
    path = Path(path)
    with in_file(path):
        table = read_table(path)
        if table.numbers.shape[1] < 2:
            raise ValueError(
                f"it has shape {table.numbers.shape}: give frequencies first and one column a region."
            )
        frequencies, density = table.numbers[:, 0], table.numbers[:, 1:]
        if (
            not np.isfinite(frequencies).all()
            or frequencies[0] < 0
            or (np.diff(frequencies) <= 0).any()
        ):
            raise ValueError("its first column must be frequencies in Hz that increase.")
        if labels is not None:
            if table.columns is None:
                raise ValueError("`labels` are given, but its first row names no regions.")
            density = density[:, positions(labels, table.columns[1:])]
        frequencies, density = frequencies[frequencies > 0], density[frequencies > 0]
        bad = ~(np.isfinite(density) & (density > 0))
        if bad.any():
            row, column = (int(i) for i in np.argwhere(bad)[0])
            raise ValueError(
                f"power must be finite and above zero (per hertz, not decibel): {bad.sum()} entries are not, the "
                f"first at {frequencies[row]:g} Hz in region {column}."
            )
    return frequencies, density


def _of_archive(
    path: Path, keys: Mapping[str, str | None] | None
) -> tuple[np.ndarray, list[str] | None, dict[str, float]]:
    """Signal, names and what is known of the sampling."""
    arrays = named_arrays(path)
    found = recognised(arrays, NAMES, keys)
    require(arrays, found, "signal")
    signal = numbers(found["signal"], arrays[found["signal"]])
    if signal.ndim not in (2, 3):
        raise ValueError(
            f"{found['signal']!r} {signal.shape} must be (time, nodes), or (people, time, nodes). Found: "
            f"{listing(arrays)}."
        )
    names = texts(found["labels"], arrays[found["labels"]]) if "labels" in found else None
    facts = {}
    if "interval" in found:
        key = found["interval"]
        repetition = key.lower().startswith(("tr", "repetition"))
        facts["RepetitionTime" if repetition else "interval"] = scalar(key, arrays[key])
    if "rate" in found:
        facts["SamplingFrequency"] = scalar(found["rate"], arrays[found["rate"]])
    return signal, names, facts


def _time_first(
    signal: np.ndarray, names: Sequence[str] | None, regions_lead: bool | None
) -> np.ndarray:
    """The signal with time before nodes."""
    before, after = signal.shape[-2:]
    if regions_lead is None and names is not None and before != after:
        if len(names) not in (before, after):
            raise ValueError(
                f"`labels` has {len(names)} names, but the signal is {signal.shape}: give one a region."
            )
        regions_lead = len(names) == before
    if regions_lead is None and before < after:
        raise ValueError(
            f"the signal {signal.shape} has more columns than rows, as if regions came first: say "
            "`regions_lead=True` (or False), or give labels in the file."
        )
    return np.swapaxes(signal, -1, -2) if regions_lead else signal


def _sampling(facts: Mapping[str, float], interval: float | None) -> tuple[float, str | None]:
    """Seconds between samples, and the kind of recording that a repetition time tells."""
    kind = "bold" if "RepetitionTime" in facts else None
    if interval is not None:
        return interval, kind
    known = [facts[name] for name in ("interval", "RepetitionTime") if name in facts]
    if facts.get("SamplingFrequency"):
        known.append(1 / facts["SamplingFrequency"])
    if not known:
        raise ValueError(
            "`interval` is needed, seconds from sample to sample: neither the file nor a .json beside it has "
            "`RepetitionTime` (s) or `SamplingFrequency` (Hz)."
        )
    if max(known) > 1.001 * min(known):
        raise ValueError(
            f"the sampling is told twice, and differently: {', '.join(f'{each:g} s' for each in known)}; "
            "give `interval`."
        )
    return known[0], kind


def _sidecar(path: Path) -> dict[str, float]:
    """What the `.json` files of a table say of its sampling, the nearest first."""
    facts: dict[str, float] = {}
    for each in _sidecars(path):
        try:
            held = json.loads(each.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(
                f"{each} cannot be read as JSON: mend it, or give `interval`."
            ) from error
        for name in ("RepetitionTime", "SamplingFrequency"):
            if isinstance(held, dict) and isinstance(held.get(name), (int, float)):
                facts.setdefault(name, _checks.known(name, held[name]))
    return facts


def _sidecars(path: Path) -> list[Path]:
    """The `.json` files that hold for a table, the nearest and most like it first; those of its BOLD last."""
    own, suffix = entities_of(path)
    top = next(
        (each for each in path.parents if (each / "dataset_description.json").is_file()), None
    )
    folders = [path.parent]
    while top is not None and folders[-1] != top:
        folders.append(folders[-1].parent)
    same: list[Any] = []
    for distance, folder in enumerate(folders):
        for each in folder.glob("*.json"):
            entities, kind = entities_of(each)
            if kind in (suffix, "bold") and entities.items() <= own.items():
                same.append((kind != suffix, distance, -len(entities), each.name, each))
    return [each for *_, each in sorted(same)]
