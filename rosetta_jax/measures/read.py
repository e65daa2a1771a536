"""Readings as a measure of a sweep: what exact theory tells of each member, or what a march of it gives."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array
from rosetta_jax.measures.reading import Reading, Told
from rosetta_jax.measures.source import ByTheory, FromSeries
from rosetta_jax.network import Network, as_network, lifted
from rosetta_jax.results import Status
from rosetta_jax.simulation import ensemble
from rosetta_jax.sweeps import Measure
from rosetta_jax.system import Rung

# The links of members that march together must be the same.
_LANES = 16


class ReadingsMeasure(Measure):
    """What both kinds of measures share: the readings, and what is told of their arrays."""

    readings: tuple[Reading, ...]
    bold: bool = eqx.field(static=True)

    def dims(self, system: Any) -> dict[str, tuple[str, ...]]:
        return {name: told.dims for name, told in self._told(system).items()}

    def may_lack(self, system: Any) -> frozenset[str]:
        return frozenset(name for name, told in self._told(system).items() if told.may_lack)

    def attributes(self, system: Any) -> dict[str, dict[str, str]]:
        found = {
            name: {"units": told.unit, "long_name": told.words}
            for name, told in self._told(system).items()
        }
        for reading in self.readings:
            for name, (_, unit, words) in reading.coordinates().items():
                found[name] = {"units": unit, "long_name": words}
        return found

    def coordinates(self, system: Any) -> dict[str, Any]:
        used = {dim for told in self._told(system).values() for dim in told.dims}
        labels = lifted(system).connectome.labels
        found: dict[str, Any] = {}
        if "region" in used and labels:
            found["region"] = np.asarray(labels, dtype=str)
        for reading in self.readings:
            for name, (values, _, _) in reading.coordinates().items():
                found[name] = np.asarray(values)
        return found

    def prepared(self, system: Any, values: Mapping[str, np.ndarray]) -> Any:
        network = lifted(system)
        for reading in self.readings:
            reading.check(network.nodes)
        if self.bold:
            network.vessels()
        return system

    def _told(self, system: Any) -> dict[str, Told]:
        unit = "1" if self.bold else lifted(system).rung.signal_unit or "1"
        return {k: v for reading in self.readings for k, v in reading.told(unit).items()}


class Exact(ReadingsMeasure):
    """Readings by exact linear theory; NaN, with the status that says why, where that means nothing."""

    def __call__(self, system: Any, key: Any) -> dict[str, Array]:
        source = ByTheory(as_network(system), self.bold)
        always = [each for each in self.readings if each.always]
        others = [each for each in self.readings if not each.always]

        def read() -> dict[str, Array]:
            return _merged(others, source)

        status = source.status
        blank = jax.tree.map(_missing, jax.eval_shape(read))
        found = jax.lax.cond(status == Status.ok, read, lambda: blank)
        return {**found, **_merged(always, source), "status": status}

    @property
    def name(self) -> str:
        return "exact"


class Marched(ReadingsMeasure):
    """Readings of simulated series."""

    duration: float = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    transient: float = eqx.field(static=True)
    interval: float = eqx.field(static=True)
    segment: float = eqx.field(static=True)
    options: tuple[tuple[str, Any], ...] = eqx.field(static=True)

    @property
    def name(self) -> str:
        return "simulated"

    @property
    def seconds(self) -> float:
        return self.transient + self.duration

    def lanes(self, paths: Sequence[str]) -> int:
        apart = any(path == "speed" or path.startswith("connectome.") for path in paths)
        return 1 if apart else _LANES

    def __call__(self, system: Any, key: Any) -> dict[str, Array]:
        found = self.together(system, {}, key[None])
        return jax.tree.map(lambda each: each[0], found)

    def together(self, system: Any, values: Mapping[str, Array], keys: Any) -> dict[str, Array]:
        what = "bold" if self.bold else "signal"
        if isinstance(system, Rung):
            values = {f"rung.{path}": value for path, value in values.items()}
        run = ensemble(
            lifted(system),
            values,
            self.duration,
            self.dt,
            key=keys,
            transient=self.transient,
            save=(what,),
            save_every=self.interval,
            show_progress=False,
            **dict(self.options),
        )

        def read(series: Array) -> dict[str, Array]:
            return _merged(self.readings, FromSeries(series, self.interval, self.segment))

        # One after the other: what is made of a series may be larger than it.
        found = jax.lax.map(read, run.bold if self.bold else run.signal)
        return {**found, "status": run.status}

    def prepared(self, system: Any, values: Mapping[str, np.ndarray]) -> Any:
        system = super().prepared(system, values)
        return with_room(system, values) if isinstance(system, Network) else system


def exact(*readings: Any, of: str = "signal") -> Measure:
    """A measure for `rj.sweep` of what exact linear theory tells of each member: no noise, no simulated time.

    `readings` such as `Spectrum`, `Peak`, `SpectrumFit`, `Connectivity`, `Stability`; `of` the "signal" or the
    "bold" signal of a network that has `bold`. They share fixed point, linearisation and count of unstable modes.
    Where the fixed point is not there, unstable or undecided, all is NaN but what `Stability` reads, and the
    status says so. Raises `TypeError` for what is no reading, `ValueError` for a reading of series.
    """
    return Exact(_checked(readings), _seen(of))


def simulated(
    *readings: Any,
    duration: float,
    dt: float = 1e-3,
    transient: float = 2.0,
    save_every: float | None = None,
    segment: float = 2.0,
    of: str = "signal",
    **options: Any,
) -> Measure:
    """A measure for `rj.sweep` of what a simulation of each member gives.

    Marches for `transient + duration` seconds in steps of `dt` (s), keeps the "signal" or "bold" every
    `save_every` seconds (by default each step, BOLD each second), in memory only while it is read; spectra are
    Welch's, of segments of `segment` seconds. All other `options` are those of `rj.ensemble`. Members that share
    links march in groups. Delays that a swept speed, length or weight makes longer are given room.
    """
    interval = (1.0 if of == "bold" else dt) if save_every is None else save_every
    for name, value in {"duration": duration, "dt": dt, "segment": segment}.items():
        _checks.known(name, value, "s")
    return Marched(
        _checked(readings),
        _seen(of),
        float(duration),
        float(dt),
        _checks.known("transient", transient, "s", zero=True),
        _checks.known("save_every", interval, "s"),
        float(segment),
        tuple(sorted(options.items())),
    )


def with_room(network: Network, values: Mapping[str, np.ndarray]) -> Network:
    """The network with bounds of its delays that hold for all `values` (length, ...) of its links and speed."""
    if not set(values) & set(_DELAYING) or network.connectome.lengths is None:
        return network
    linked = np.zeros(network.connectome.weights.shape, bool)
    for weights in values.get("connectome.weights", np.asarray(network.connectome.weights)[None]):
        linked |= weights != 0
    lengths = values.get("connectome.lengths", np.asarray(network.connectome.lengths)[None])
    speeds = values.get("speed", np.asarray(network.speed)[None])
    if not linked.any():
        return network
    among = lengths[:, linked] / 1000
    own = values.get("self_delay", network.self_delay)
    bounds = [among.min() / speeds.max(), among.max() / speeds.min()]
    if own is not None:
        bounds = [min(bounds[0], float(np.min(own))), max(bounds[1], float(np.max(own)))]
    # A little more, for what rounding adds to a delay.
    longest = max(network.max_delay or 0.0, bounds[1] * (1 + 1e-6))
    shortest = bounds[0] * (1 - 1e-6)
    shortest = min(network.min_delay or shortest, shortest)
    return dataclasses.replace(network, max_delay=longest, min_delay=shortest or None)


_DELAYING = ("speed", "connectome.lengths", "connectome.weights", "self_delay")


def _merged(readings: Sequence[Reading], source: Any) -> dict[str, Array]:
    return {k: jnp.asarray(v) for reading in readings for k, v in reading.read(source).items()}


def _missing(shape: Any) -> Array:
    fill = jnp.nan if jnp.issubdtype(shape.dtype, jnp.inexact) else 0
    return jnp.full(shape.shape, fill, shape.dtype)


def _checked(readings: Sequence[Any]) -> tuple[Reading, ...]:
    if not readings:
        raise ValueError("`readings` is empty: give at least one, such as rj.measures.Peak().")
    for reading in readings:
        _checks.instance("readings", reading, Reading, "readings such as rj.measures.Peak()")
    names = [name for reading in readings for name in reading.told("1")]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"`readings` give {', '.join(twice)} twice: sweep them one after another.")
    return tuple(readings)


def _seen(of: str) -> bool:
    return _checks.one_of("of", of, ("signal", "bold")) == "bold"
