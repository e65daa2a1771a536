"""Readings of power spectra: all of it, its peak, the power of a band, and how it fits a measured one."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, observe
from rosetta_jax._types import Array, Float
from rosetta_jax.measures.reading import Reading, Told, as_frequencies, correlation, squared
from rosetta_jax.measures.source import Source

# Bins per hertz of readings that are told a band alone.
_FINE = 2


def _grid(band: tuple[float, float]) -> np.ndarray:
    low, high = band
    return np.linspace(low, high, max(5, int(np.ceil((high - low) * _FINE)) + 1))


class Spectrum(Reading):
    """The power spectrum of every region, one-sided per hertz, or their mean.

    Gives `density` (frequency, region), or with `mean` (frequency,), at `frequencies` in Hz.
    """

    frequencies: Float[Array, " frequencies"]
    mean: bool = eqx.field(static=True)

    def __init__(self, frequencies: Any, mean: bool = False):
        self.frequencies, self.mean = as_frequencies(frequencies), mean

    def read(self, source: Source) -> dict[str, Array]:
        density = source.spectrum(self.frequencies)
        return {"density": jnp.mean(density, axis=1) if self.mean else density}

    def told(self, unit: str) -> dict[str, Told]:
        dims = ("frequency",) if self.mean else ("frequency", "region")
        return {"density": Told(dims, squared(unit), "power spectrum")}

    def coordinates(self) -> dict[str, tuple[Any, str, str]]:
        return {"frequency": (self.frequencies, "Hz", "frequency")}


class Peak(Reading):
    """The highest peak of the regions' mean spectrum within a `band` (Hz), between bins.

    Gives `peak_frequency` (Hz) and `peak_power`, the density there; both NaN where the spectrum has no peak
    within the band. Heights are those of the logarithm of the density, without taking a background out.
    """

    band: tuple[float, float] = eqx.field(static=True)

    def __init__(self, band: Any = (2.0, 45.0)):
        self.band = _checks.band("band", band)
        as_frequencies(_grid(self.band))

    def read(self, source: Source) -> dict[str, Array]:
        grid = _grid(self.band)
        mean = jnp.mean(source.spectrum(as_frequencies(grid)), axis=1)
        found = observe.spectral_peak(grid, mean[:, None], self.band)
        return {"peak_frequency": found.frequency[0], "peak_power": 10 ** found.height[0]}

    def told(self, unit: str) -> dict[str, Told]:
        return {
            "peak_frequency": Told((), "Hz", "frequency of the peak", may_lack=True),
            "peak_power": Told((), squared(unit), "density at the peak", may_lack=True),
        }


class BandPower(Reading):
    """The power in a `band` (Hz) of every region, the integral of its spectrum: `band_power` (region,)."""

    band: tuple[float, float] = eqx.field(static=True)

    def __init__(self, band: Any = (8.0, 13.0)):
        self.band = _checks.band("band", band)
        as_frequencies(_grid(self.band))

    def read(self, source: Source) -> dict[str, Array]:
        grid = _grid(self.band)
        density = source.spectrum(as_frequencies(grid))
        return {"band_power": observe.band_power(grid, density, self.band)}

    def told(self, unit: str) -> dict[str, Told]:
        power = squared(unit).removesuffix("/Hz")
        words = f"power from {self.band[0]:g} to {self.band[1]:g} Hz"
        return {"band_power": Told(("region",), power, words)}


class SpectrumFit(Reading):
    """How well spectra agree with `measured` ones (frequencies, nodes) at `frequencies` (Hz).

    Gives `spectrum_correlation`, the mean over regions of Pearson's r across bins of the spectra in decibel, and
    `spectrum_distance` (dB), the root mean square of their difference once its mean over bins and regions, a gain
    of the instrument, is taken out. (A correlation alone proves little: a curve without a brain reaches .9 on
    MEG.) Raises `ValueError` for spectra that are not positive, or of other regions than the network's.
    """

    frequencies: Float[Array, " frequencies"]
    measured: Float[Array, "frequencies nodes"]

    def __init__(self, frequencies: Any, measured: Any):
        self.frequencies = as_frequencies(frequencies)
        found = _checks.positive("measured", _checks.as_float_array(measured, "measured"))
        if found.ndim != 2 or found.shape[0] != self.frequencies.shape[0]:
            raise ValueError(
                f"`measured` must be ({self.frequencies.shape[0]}, nodes), frequencies first, got "
                f"{found.shape}."
            )
        self.measured = 10 * jnp.log10(found)

    def read(self, source: Source) -> dict[str, Array]:
        found = 10 * jnp.log10(source.spectrum(self.frequencies))
        apart = found - self.measured
        apart = apart - jnp.mean(apart)
        return {
            "spectrum_correlation": jnp.mean(correlation(found, self.measured)),
            "spectrum_distance": jnp.sqrt(jnp.mean(apart**2)),
        }

    def told(self, unit: str) -> dict[str, Told]:
        return {
            "spectrum_correlation": Told((), "1", "correlation with the measured spectra, in dB"),
            "spectrum_distance": Told((), "dB", "distance from the measured spectra"),
        }

    def check(self, nodes: int) -> None:
        require_nodes("measured", self.measured.shape[1], nodes)


def require_nodes(name: str, found: int, nodes: int) -> None:
    """Raise where measured data are of other regions than the network."""
    if found != nodes:
        raise ValueError(
            f"`{name}` is of {found} regions and the network has {nodes}: take the same parcellation."
        )
