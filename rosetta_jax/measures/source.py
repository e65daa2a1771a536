"""What a reading is read from: spectra, connectivity, series and stability, by theory or of a march."""

import abc
from functools import cached_property

import jax.numpy as jnp

from rosetta_jax import linear, observe
from rosetta_jax._types import Array, Complex, Float, Int, Pairwise, Series, Spectrum
from rosetta_jax.linear import Stability, covariance_of
from rosetta_jax.linear.covariance import correlations
from rosetta_jax.linear.spectrum import about_fixed_point, power_density
from rosetta_jax.network import Network

Band = tuple[float, float] | None


class Source(abc.ABC):
    """One member, as readings see it."""

    @abc.abstractmethod
    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        """One-sided power density per hertz, (frequencies, nodes)."""

    @abc.abstractmethod
    def connectivity(self, band: Band) -> Pairwise:
        """Correlations of the signals, of all frequencies or a band (Hz): (nodes, nodes)."""

    @abc.abstractmethod
    def series(self) -> tuple[Series, float]:
        """The signals (time, nodes) and their sampling interval (s). Raises `ValueError` where there is none."""

    @abc.abstractmethod
    def stability(self) -> Stability:
        """The stability of the fixed point."""

    @abc.abstractmethod
    def rightmost(self) -> Complex[Array, ""]:
        """The rightmost characteristic root of the fixed point, 1/s."""


class ByTheory(Source):
    """A network by exact linear theory about its fixed point; its BOLD signal where that is asked for."""

    def __init__(self, network: Network, bold: bool):
        self._linearisation = about_fixed_point(network)
        self._network, self._bold = self._linearisation.network, bold

    @property
    def status(self) -> Int[Array, ""]:
        """Whether theory means anything here."""
        return self.stability().status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        if self._bold:
            return linear.bold_spectrum(self._network, frequencies, check=False).density
        return 2 * power_density(self._linearisation, 2 * jnp.pi * frequencies)

    def connectivity(self, band: Band) -> Pairwise:
        if self._bold:
            return linear.bold_functional_connectivity(self._network, band=band, check=False).matrix
        return correlations(covariance_of(self._linearisation, band))

    def series(self) -> tuple[Series, float]:
        raise ValueError(
            "theory has no series to take synchrony or dynamics from: give rj.measures.simulated(..., "
            "duration=seconds) that reading."
        )

    def stability(self) -> Stability:
        return self._stability

    @cached_property
    def _stability(self) -> Stability:
        return linear.stability(self._network, self._linearisation.point)

    def rightmost(self) -> Complex[Array, ""]:
        return linear.rightmost(self._network, self._linearisation.point)


class FromSeries(Source):
    """Signals (time, nodes), one sample each `interval` seconds; Welch's segments are of `segment` seconds."""

    def __init__(self, series: Series, interval: float, segment: float):
        self._series, self._interval, self._segment = series, interval, segment

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        return observe.power_spectrum(
            self._series, self._interval, segment=self._segment, frequencies=frequencies
        ).density

    def connectivity(self, band: Band) -> Pairwise:
        return observe.functional_connectivity(
            self._series, band=band, dt=self._interval, segment=self._segment
        )

    def series(self) -> tuple[Series, float]:
        return self._series, self._interval

    def stability(self) -> Stability:
        raise ValueError(
            "a march has no fixed point to judge: give rj.measures.exact that reading."
        )

    def rightmost(self) -> Complex[Array, ""]:
        raise ValueError(
            "a march has no characteristic roots: give rj.measures.exact that reading."
        )
