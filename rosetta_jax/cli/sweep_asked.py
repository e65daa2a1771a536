"""What `rosetta sweep` is asked for: axes and measures, read from words."""

import csv
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rosetta_jax import _checks, measures, sweeps
from rosetta_jax.cli.recordings import recordings
from rosetta_jax.data import load_bold
from rosetta_jax.data.arrays import named_arrays
from rosetta_jax.network import Connectome
from rosetta_jax.sweeps import Axis, Measure

EXAMPLE = "gain=0:8:21, gain=0.1:10:21:log or gain=0.5,1,2"


class Draw(StrEnum):
    """How points are drawn between bounds."""

    sobol = "sobol"
    random = "random"


class ReadingName(StrEnum):
    """What can be measured of each member without data."""

    peak = "peak"
    spectrum = "spectrum"
    band_power = "band-power"
    stability = "stability"
    margin = "margin"
    connectivity = "connectivity"
    synchrony = "synchrony"
    dynamics = "dynamics"


class Reads(NamedTuple):
    """What is measured, in which band (Hz), of which signal, and of marches of how many seconds (0: by theory)."""

    names: Sequence[ReadingName]
    band: tuple[float, float]
    of: str
    duration: float
    transient: float
    dt: float


def axes_of(
    words: Sequence[str],
    points: int | None,
    draw: Draw,
    table: Path | None,
    seeds: int,
    seed: int,
) -> dict[str, Any]:
    """The axes that `--axis`, `--points`, `--table` and `--seeds` name. Raises `ValueError`, with the remedy."""
    grids: dict[str, np.ndarray] = {}
    bounds: dict[str, tuple[float, float]] = {}
    for word in words:
        path, values = _axis(word)
        if path in grids or path in bounds:
            raise ValueError(f"`--axis` names {path} twice: leave one of them out.")
        if isinstance(values, tuple):
            bounds[path] = values
        else:
            grids[path] = values
    axes: dict[str, Any] = dict(grids)
    if bounds and points is None:
        raise ValueError(
            f"`--axis` {', '.join(bounds)}: bounds alone need `--points`, how many are drawn between them; for a "
            f"grid write {EXAMPLE}."
        )
    if points is not None:
        if not bounds:
            raise ValueError(
                "`--points` needs bounds, such as `--axis gain=0:8`: give at least one."
            )
        drawn = sweeps.sobol if draw is Draw.sobol else sweeps.random
        axes["point"] = drawn(bounds, points, seed=seed)
    if table is not None:
        axes["row"] = _table(table)
    if seeds > 1:
        axes["seed"] = sweeps.seeds(seeds)
    return axes


def _axis(word: str) -> tuple[str, np.ndarray | tuple[float, float]]:
    """A path with its values, or its bounds."""
    path, equals, text = word.partition("=")
    wrong = ValueError(f"`--axis` {word!r} must be a path and values: {EXAMPLE}.")
    if not equals or not path.strip():
        raise wrong
    parts = [part.strip() for part in text.split(":")]
    scale = parts.pop() if parts[-1] in ("log", "linear") else "linear"
    try:
        if len(parts) == 1:
            return path.strip(), np.array([float(each) for each in parts[0].split(",")])
        low, high = float(parts[0]), float(parts[1])
        if len(parts) == 2 and scale == "linear":
            return path.strip(), (low, high)
        (number,) = parts[2:]
        count = int(number)
    except ValueError:
        raise wrong from None
    if count < 2 or not low < high or (scale == "log" and low <= 0):
        raise ValueError(
            f"`--axis` {word!r} must run from low to high in two places or more, above zero where it is log."
        )
    spaced = np.geomspace if scale == "log" else np.linspace
    return path.strip(), spaced(low, high, count)


def _table(path: Path) -> Axis:
    """The rows of a CSV file whose first row holds paths of parameters."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"`--table` {path} cannot be read ({error}): check the path.") from error
    if len(rows) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(
            f"`--table` {path} must hold a row of paths and rows of as many numbers: {len(rows)} rows found."
        )
    try:
        values = np.array([[float(cell) for cell in row] for row in rows[1:]])
    except ValueError as error:
        raise ValueError(
            f"`--table` {path}: {error}; below the first row it must hold numbers."
        ) from error
    return sweeps.table({name.strip(): values[:, k] for k, name in enumerate(rows[0])})


def measure_of(reads: Reads, fits: Sequence[Any]) -> Measure:
    """The measure that is asked for. Raises `ValueError` for a reading that theory or a march does not have."""
    made = {
        ReadingName.peak: lambda: measures.Peak(reads.band),
        ReadingName.spectrum: lambda: measures.Spectrum(_bins(reads.band), mean=True),
        ReadingName.band_power: lambda: measures.BandPower(reads.band),
        ReadingName.stability: measures.Stability,
        ReadingName.margin: measures.Margin,
        ReadingName.connectivity: measures.Connectivity,
        ReadingName.synchrony: lambda: measures.Synchrony(reads.band),
        ReadingName.dynamics: lambda: measures.Dynamics(window=min(60.0, reads.duration / 4)),
    }
    of_series = {ReadingName.synchrony, ReadingName.dynamics}
    of_points = {ReadingName.stability, ReadingName.margin}
    wrong = sorted(set(reads.names) & (of_points if reads.duration else of_series))
    if wrong:
        by_theory = "leave `--duration` out, theory tells it"
        by_march = "give `--duration` seconds, it is read of a march"
        remedy = by_theory if reads.duration else by_march
        raise ValueError(f"`--measure` {', '.join(wrong)}: {remedy}.")
    readings = [made[name]() for name in dict.fromkeys(reads.names)] + list(fits)
    if not reads.duration:
        return measures.exact(*readings, of=reads.of)
    return measures.simulated(
        *readings, duration=reads.duration, dt=reads.dt, transient=reads.transient, of=reads.of
    )


def _bins(band: tuple[float, float]) -> np.ndarray:
    low, high = _checks.band("--band", band)
    return np.linspace(max(low, 1e-3), high, 89)


def measured_in(
    path: Path | None, seed: int, person: int, reads: Reads
) -> tuple[Connectome, list[Any], str | None]:
    """The connectome of a person, how well members fit what was measured of them, and what that is called.

    Without a file that is the embedded recording, of the signal alone.
    """
    if path is not None and {"fc", "bold"} & set(named_arrays(path)):
        bold = load_bold(path)
        _require_person(person, bold.people)
        fit: Any = measures.ConnectivityFit(bold.connectivity[person])
        return bold.connectomes[person], [fit], "connectivity_correlation"
    recorded = recordings(path, seed, "eigenvalue")
    _require_person(person, recorded.people)
    if path is None and reads.of != "signal":
        return recorded.connectomes[person], [], None
    recorded = recorded.within(*reads.band)
    if recorded.lead_field is not None:
        raise ValueError(
            f"`--data` {path} holds spectra of sensors: sweep spectra of regions, or fit it by `rosetta fit`."
        )
    fit = measures.SpectrumFit(recorded.frequencies, recorded.spectra[person])
    return recorded.connectomes[person], [fit], "spectrum_correlation"


def _require_person(person: int, people: int) -> None:
    if not 0 <= person < people:
        raise ValueError(f"`--person` must lie between 0 and {people - 1}, got {person}.")
