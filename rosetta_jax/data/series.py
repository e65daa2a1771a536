r"""Series of regions or sensors in time, and what losses compare of them: spectra and functional connectivity.

Several people, or several epochs of one, stand in front. People stay apart. Epochs are never joined, which would
make a jump at each border: spectra are means over epochs, and the connectivity is that of the mean covariance
within epochs,

.. math::  r_{ij} = \Sigma_{ij} / \sqrt{\Sigma_{ii}\Sigma_{jj}}, \qquad \Sigma = \frac{1}{E}\sum_e \Sigma^{(e)}.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float
from rosetta_jax.observe import covariance, power_spectrum
from rosetta_jax.observe.connectivity import (
    WELCH,
    band_bins,
    band_covariance,
    normalised,
)
from rosetta_jax.observe.spectrum import cut_series

# Seconds between samples that each kind can have.
INTERVALS = {"meg": (1e-5, 0.1), "eeg": (1e-5, 0.1), "bold": (0.05, 30.0)}
# Seconds of a segment unless said otherwise, which resolve 0.5 Hz and 0.01 Hz.
_SEGMENTS = {"meg": 2.0, "eeg": 2.0, "bold": 100.0}
OVER = ("people", "epochs")


class Series(eqx.Module):
    """Series in time.

    `signal` (time, nodes), or (people, time, nodes) or (epochs, time, nodes), as `over` says; `interval` between
    samples, s; `labels`, one a node, or None; `unit` in words; `kind` "meg", "eeg" or "bold"; `start`, the time of
    the first sample, s. Raises `ValueError` for other shapes, entries that are not finite, naming the nodes, and
    an interval that can only be in another unit.
    """

    signal: Float[np.ndarray, "*lanes time nodes"]
    interval: float = eqx.field(static=True)
    labels: tuple[str, ...] | None = eqx.field(static=True)
    unit: str = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    over: str = eqx.field(static=True)
    start: float = eqx.field(static=True)

    def __init__(
        self,
        signal: Any,
        interval: float,
        labels: Sequence[str] | None = None,
        unit: str = "1",
        kind: str = "meg",
        over: str = "people",
        start: float = 0.0,
    ):
        self.signal = np.asarray(signal, dtype=float)
        self.kind = _checks.one_of("kind", kind, INTERVALS)
        self.interval = _interval(interval, kind)
        self.labels = None if labels is None else tuple(str(label) for label in labels)
        self.unit = unit
        self.over = _checks.one_of("over", over, OVER)
        self.start = float(start)

    def __check_init__(self):
        if self.signal.ndim not in (2, 3) or 0 in self.signal.shape or self.samples < 2:
            raise ValueError(
                "`signal` must be (time, nodes), or (people, time, nodes), of at least two samples, got "
                f"{self.signal.shape}."
            )
        if self.labels is not None and len(self.labels) != self.nodes:
            raise ValueError(
                f"`labels` has {len(self.labels)} names for {self.nodes} nodes of `signal` {self.signal.shape}: "
                "give one a node; nodes trail."
            )
        if self.labels is not None:
            _checks_distinct(self.labels)
        bad = _somewhere(~np.isfinite(self.signal))
        if bad.any():
            raise ValueError(
                f"`signal` is not finite in {bad.sum()} of {self.nodes} nodes, {self._named(bad)}: leave them out."
            )

    @property
    def nodes(self) -> int:
        """How many regions or sensors there are."""
        return self.signal.shape[-1]

    @property
    def samples(self) -> int:
        """How many samples each series has."""
        return self.signal.shape[-2]

    @property
    def duration(self) -> float:
        """Seconds of each series, samples times interval."""
        return self.samples * self.interval

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """The time of each sample, s."""
        return self.start + self.interval * np.arange(self.samples)

    def within(self, start: float, stop: float) -> "Series":
        """The samples from `start` to `stop` (s, ends included). Raises where fewer than two are left."""
        inside = _inside(self.times, start, stop, self.interval)
        if inside.sum() < 2:
            raise ValueError(
                f"`start` {start:g} to `stop` {stop:g} s holds {inside.sum()} samples of {self.times[0]:g} to "
                f"{self.times[-1]:g} s: at least 2 are needed."
            )
        return self._with(self.signal[..., inside, :], self.labels, float(self.times[inside][0]))

    def choose(self, labels: Sequence[str]) -> "Series":
        """The nodes of these names in this order, such as those of a connectome. Raises where one is missing."""
        if self.labels is None:
            raise ValueError(
                "`labels` are missing, by which nodes are found: give them to `Series`."
            )
        index = positions(labels, self.labels)
        return self._with(self.signal[..., index], tuple(labels), self.start)

    def spectra(
        self, segment: float | None = None, overlap: float = 0.5
    ) -> tuple[Float[Array, " frequencies"], Float[Array, "*people frequencies nodes"]]:
        """Welch's power spectra: frequencies (F,) Hz above 0, and the density (F, nodes) in squared units per Hz.

        `segment` (s), by default 2 s, for BOLD 100 s, or the whole series where it is shorter; `overlap`, the
        share of neighbours. Means over epochs; for people (people, F, nodes). Ready for a loss:

            frequencies, psd = series.spectra()
            rj.fit(brain, free, rj.SpectrumLoss(frequencies, psd), key=key)

        and for people `[rj.SpectrumLoss(frequencies, each) for each in psd]`. Raises `ValueError` as
        `rj.observe.power_spectrum`, and for a node whose power is zero somewhere, which has no decibels.
        """
        segment = min(_SEGMENTS[self.kind], self.duration) if segment is None else segment
        cut_series(self.samples, self.interval, segment, overlap, "hann", "constant")

        def estimate(signal: Float[Array, "time nodes"]) -> Float[Array, "frequencies nodes"]:
            found = power_spectrum(signal, self.interval, segment=segment, overlap=overlap)
            return found.density[1:]

        frequencies = np.fft.rfftfreq(round(segment / self.interval), self.interval)[1:]
        density = self._each(estimate)
        if density.ndim == 3 and self.over == "epochs":
            density = jnp.mean(density, axis=0)
        self._require_power(np.asarray(density))
        return jnp.asarray(frequencies, density.dtype), density

    def functional_connectivity(
        self, band: tuple[float, float] | None = None, segment: float | None = None
    ) -> Float[Array, "*people nodes nodes"]:
        """Pearson correlations of the nodes (nodes, nodes), of all frequencies or within a `band` (Hz).

        A band is taken from segments of `segment` (s), as `rj.observe.functional_connectivity`; default as
        `spectra`. Epochs are centred each and their covariances averaged; for people (people, nodes, nodes). Ready
        for a loss: `rj.ConnectivityLoss(series.functional_connectivity((8.0, 12.0)), (8.0, 12.0))`, or of BOLD
        `rj.ConnectivityLoss(series.functional_connectivity(), of="bold")`. Raises `ValueError` for a band without
        a bin, and for nodes that never change, by name.
        """
        flat = _somewhere(np.ptp(self.signal, axis=-2) == 0)
        if flat.any():
            raise ValueError(
                f"`signal` never changes in {flat.sum()} nodes, {self._named(flat)}, which have no correlation: "
                "leave them out."
            )
        segment = min(_SEGMENTS[self.kind], self.duration) if segment is None else segment
        size = float(np.abs(self.signal - self.signal.mean(axis=-2, keepdims=True)).max())
        if band is None:

            def estimate(signal: Array) -> Array:
                return covariance(signal / size)

        else:
            cut = cut_series(self.samples, self.interval, segment, *WELCH)
            inside = band_bins(band, cut)

            def estimate(signal: Array) -> Array:
                return band_covariance(signal / size, cut, inside)

        together = self._each(estimate)
        if together.ndim == 2 or self.over == "epochs":
            return normalised(together if together.ndim == 2 else jnp.mean(together, axis=0))
        return jax.vmap(normalised)(together)

    def _each(self, estimate: Any) -> Array:
        """An estimate of each series in turn."""
        signal = jnp.asarray(self.signal, dtype=jnp.result_type(float))
        if signal.ndim == 2:
            return jax.jit(estimate)(signal)
        return jax.jit(lambda signal: jax.lax.map(estimate, signal))(signal)

    def _require_power(self, density: np.ndarray) -> None:
        without = _somewhere(density <= 0)
        if without.any():
            raise ValueError(
                f"`signal` has no power in some bins of {without.sum()} nodes, {self._named(without)}: leave them "
                "out, or check that they are not flat."
            )

    def _named(self, flags: np.ndarray) -> str:
        """A few of the nodes that are meant."""
        at = np.flatnonzero(flags)
        names = [str(i) if self.labels is None else repr(self.labels[i]) for i in at[:5]]
        return ", ".join(names) + (", ..." if len(at) > 5 else "")

    def _with(self, signal: np.ndarray, labels: Sequence[str] | None, start: float) -> "Series":
        return Series(signal, self.interval, labels, self.unit, self.kind, self.over, start)


def positions(wanted: Sequence[str], labels: Sequence[str]) -> list[int]:
    """Where names stand in a list. Raises `ValueError` with the nearest for one that is not there."""
    for name in wanted:
        _checks.one_of("labels", str(name), labels)
    return [list(labels).index(str(name)) for name in wanted]


def _interval(interval: float, kind: str) -> float:
    value = _checks.known("interval", interval, "s")
    low, high = INTERVALS[kind]
    if not low <= value <= high:
        raise ValueError(
            f"`interval` of {value:g} s is none of {kind}, {low:g} to {high:g} s: it may be in milliseconds, or a "
            "sampling frequency; give seconds from sample to sample."
        )
    return value


def _inside(times: np.ndarray, start: float, stop: float, interval: float) -> np.ndarray:
    """Which samples lie between two times, with some room for rounding."""
    room = 1e-6 * interval
    return (times >= start - room) & (times <= stop + room)


def _somewhere(flags: np.ndarray) -> np.ndarray:
    """Which nodes are flagged in any sample or person."""
    return np.any(flags, axis=tuple(range(flags.ndim - 1)))


def _checks_distinct(labels: Sequence[str]) -> None:
    if len(set(labels)) < len(labels):
        twice = next(label for label in labels if list(labels).count(label) > 1)
        raise ValueError(f"`labels` has {twice!r} twice: nodes are found by their names.")
