r"""Inputs that a translated rhythm cannot hear: carriers far above it, whose envelope only a curve shows.

Two fields of 2000 and 2010 Hz that interfere have an envelope of 10 Hz and no power there. A population whose
input passes a curved function demodulates it, $\langle S(v + a(t)\cos\Omega t)\rangle \approx S(v) +
S''(v)\,a(t)^2/4$; an oscillator in the plane and a phase take inputs in proportion to their size and average the
carrier away. Translated, such a field would seem to do nothing: it is flagged.
"""

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax.network import Network
from rosetta_jax.rungs import HarmonicOscillator, PhaseOscillator, StuartLandau
from rosetta_jax.system import Rung

# Rungs that take inputs in proportion.
_PROPORTIONAL = (HarmonicOscillator, StuartLandau, PhaseOscillator)
# Turns of the rhythm that are looked at, and samples a second that carriers of 10 kHz need.
_TURNS, _RATE = 24.0, 50_000.0
# A carrier is faster than so many rhythms, and holds at least this share of the power.
_FASTER, _MOST = 8.0, 0.5
# An envelope that varies by less than this share of its mean is none, and one up to so many rhythms is heard.
_DEPTH, _HEARD = 0.1, 3.0


def unheard(source: Rung | Network, target: Rung | Network, hertz: float) -> tuple[str, ...]:
    """What is to be said of each port whose input the target cannot demodulate; `hertz` is its rhythm."""
    if not isinstance(source, Network) or (source.drive is None and source.field is None):
        return ()
    rung = target.rung if isinstance(target, Network) else target
    if not isinstance(rung, _PROPORTIONAL) or isinstance(source.rung, _PROPORTIONAL):
        return ()
    times = jnp.asarray(np.arange(round(_TURNS / hertz * _RATE)) / _RATE)
    inputs = jax.vmap(source.outside)(times)
    found = []
    for name, series in vars(inputs).items():
        values = np.asarray(series).reshape(len(times), -1)
        said = _said(values[:, np.argmax(np.ptp(values, axis=0))], name, hertz)
        found += [said] if said else []
    return tuple(found)


def _said(series: np.ndarray, port: str, hertz: float) -> str:
    spectrum = np.fft.rfft((series - series.mean()) * np.hanning(len(series)))
    frequencies, power = np.fft.rfftfreq(len(series), 1 / _RATE), np.abs(spectrum) ** 2
    fast = frequencies > _FASTER * hertz
    if not power.sum() or power[fast].sum() < _MOST * power.sum():
        return ""
    carrier = frequencies[np.argmax(power)]
    middle = len(series) // 4
    envelope = np.abs(_analytic(series - series.mean()))[middle:-middle]
    slow = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope))))
    rates = np.fft.rfftfreq(len(envelope), 1 / _RATE)
    slow[rates > _HEARD * hertz] = 0.0
    depth = 4 * slow.max() / len(envelope) / envelope.mean()
    heard = (
        f"its envelope, which varies at {rates[np.argmax(slow)]:.3g} Hz, acts on the source"
        if depth > _DEPTH
        else "it shifts where the source works"
    )
    return (
        f"the input at {port!r} is a carrier of {carrier:.4g} Hz: the target takes inputs in proportion, does not "
        f"demodulate it, and shows nothing of it; {heard} through the curvature of its transfer function. "
        "Simulate the source for it."
    )


def _analytic(series: np.ndarray) -> np.ndarray:
    """The series with its Hilbert transform as the imaginary part."""
    spectrum = np.fft.fft(series)
    spectrum[len(series) // 2 :] = 0
    return 2 * np.fft.ifft(spectrum)
