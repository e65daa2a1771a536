r"""Frequency, amplitudes and phases of a simulated rhythm that its nodes have in common.

The largest value of a padded spectrum says about where the frequency lies. Turned back by it, what is left turns
slowly: by $\Delta\varphi$ from the first half of the series to the second, $T/2$ later, so that the frequency is
$\Delta\varphi/\pi T$ higher. Windows of Hann's shape squared keep the mean and the other harmonics out.
"""

from typing import NamedTuple

import numpy as np

# How far the spectrum is padded, and how often the frequency is refined.
_PADDED, _ROUNDS = 8, 3


class Rhythm(NamedTuple):
    """`frequency` (Hz), `amplitudes` (half the range) and `phases` (rad, of the first harmonic), (nodes,) each."""

    frequency: float
    amplitudes: np.ndarray
    phases: np.ndarray


def rhythm_of(series: np.ndarray, dt: float) -> Rhythm:
    """The rhythm of series (time, nodes) in steps of `dt` (s), its phases against that of the first node."""
    high, low = _highest(series), -_highest(-series)
    hertz = _refined(series, dt, _coarse(series, dt))
    first = _turned_back(series, dt, hertz).sum(axis=0)
    return Rhythm(hertz, (high - low) / 2, np.angle(first * first[0].conj()))


def _coarse(series: np.ndarray, dt: float) -> float:
    """The frequency (Hz) at which the padded spectrum of all nodes is largest."""
    length = _PADDED * len(series)
    window = np.hanning(len(series))[:, None]
    swing = series - series.mean(axis=0)
    spectrum = np.abs(np.fft.rfft(swing * window, length, axis=0)).sum(axis=1)
    return float(np.argmax(spectrum[1:]) + 1) / (length * dt)


def _refined(series: np.ndarray, dt: float, hertz: float) -> float:
    """The frequency by how far the phase of what is turned back by it moves between the two halves."""
    half = len(series) // 2
    halves = series[:half], series[-half:]
    for _ in range(_ROUNDS):
        begin, end = (_turned_back(each, dt, hertz).sum(axis=0) for each in halves)
        apart = np.exp(-2j * np.pi * hertz * dt * (len(series) - half))
        turned = np.angle(np.sum(begin.conj() * end * apart))
        hertz += float(turned) / (2 * np.pi * dt * (len(series) - half))
    return hertz


def _turned_back(series: np.ndarray, dt: float, hertz: float) -> np.ndarray:
    """A windowed series, turned back by a frequency (Hz) from its beginning on."""
    turning = np.exp(-2j * np.pi * hertz * dt * np.arange(len(series)))
    return (series - series.mean(axis=0)) * (np.hanning(len(series)) ** 2 * turning)[:, None]


def _highest(series: np.ndarray) -> np.ndarray:
    """The highest value of each column, by the parabola through its three highest neighbours."""
    columns = np.arange(series.shape[1])
    top = np.clip(np.argmax(series, axis=0), 1, len(series) - 2)
    before, here, after = (series[top + step, columns] for step in (-1, 0, 1))
    bend, slope = before - 2 * here + after, (after - before) / 2
    peaked = bend < -np.abs(slope)
    above = -(slope**2) / (2 * np.where(peaked, bend, 1.0))
    return np.where(peaked, here + above, series.max(axis=0))
