r"""Arnold tongues as the phase predicts them: where a weak periodic input locks a rhythm, n turns to m.

An input $\varepsilon s(\Omega t)$ at a port moves the phase by $Z(\varphi)\,\varepsilon s(\Omega t)$. Where $n$
turns of the rhythm last about as long as $m$ of the input, $\chi = \varphi - \frac nm\Omega t$ is slow, and
averaged over both it moves by

.. math::
    \dot\chi = \omega - \tfrac nm\Omega + \varepsilon\,\Gamma(\chi), \qquad
    \Gamma(\chi) = \sum_j Z_{mj}\,\bar s_{nj}\,e^{i m j\chi}

with Fourier coefficients $Z_k$, $s_l$ of response and input. It stands still, and the rhythm is locked, where
$\frac nm\Omega$ lies within $\omega + \varepsilon[\min\Gamma, \max\Gamma]$ (Pikovsky, Rosenblum and Kurths,
Synchronization, chapter 7). A sinusoid has $s_1$ only: to first order it locks $1:1$ to $\varepsilon|Z_1|$ on
either side, and $1:m$ by the m-th harmonic of the response; pulses lock at other ratios as well.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax.bifurcation.limit_cycle import limit_cycle
from rosetta_jax.rungs import PhaseOscillator, StuartLandau
from rosetta_jax.system import Rung, ports
from rosetta_jax.translation.planar import stuart_landau_to_phase
from rosetta_jax.translation.responses import harmonics
from rosetta_jax.translation.translated import Translation

# A waveform: the value of an input at a phase (rad), of period 2 pi.
Waveform = Callable[[Any], Any]
# Samples of a turn of the input, and of the slow phase.
_SAMPLES = 512


class Tongue(NamedTuple):
    """Where an input of small amplitude at a port locks a rhythm.

    `ratio` (n, m): n turns of the rhythm to m of the input; `frequency` (Hz) that of the rhythm; `low` and `high`
    (Hz a unit of the amplitude) how far it can be pulled down and up.
    """

    port: str
    ratio: tuple[int, int]
    frequency: float
    low: float
    high: float

    def edges(self, amplitude: Any) -> tuple[Any, Any]:
        """Lowest and highest frequency of the input (Hz) that locks, at some amplitudes."""
        size, (n, m) = np.asarray(amplitude), self.ratio
        return (self.frequency + size * self.low) * m / n, (
            self.frequency + size * self.high
        ) * m / n


def tongue(
    system: Rung | Translation,
    port: str | None = None,
    ratio: tuple[int, int] = (1, 1),
    waveform: Waveform = jnp.cos,
    **options: Any,
) -> Tongue:
    """The tongue of a rung, or the one that a translation predicts for its source.

    `port` is one of the rung's (of the source, where a translation is given), by default its drive port;
    `waveform` the input of unit amplitude at a phase (rad), of period 2 pi. `options` go to
    `rj.bifurcation.limit_cycle`. Raises `ValueError` where there is no such port or no cycle, for ratios that are
    not two whole numbers above zero in lowest terms, and where input and response have no harmonic in common, so
    that a weak input does not lock.
    """
    rung: Any = system.source if isinstance(system, Translation) else system
    _checks.instance("system", rung, Rung, "a rung, or the translation of one")
    name = _checks.one_of("port", port or rung.drive_port, ports(rung))
    n, m = whole_ratio(ratio)
    omega, response = _response(system, name, options)
    angles = 2 * np.pi * np.arange(_SAMPLES) / _SAMPLES
    given = np.fft.fft(np.asarray(waveform(jnp.asarray(angles)))) / _SAMPLES
    numbers = np.arange(1, (min(len(response), _SAMPLES // 2) - 1) // max(n, m) + 1)
    together = response[m * numbers] * given[n * numbers].conj()
    swing = 2 * np.real(np.exp(1j * np.outer(angles, numbers)) @ together)
    middle = np.real(response[0] * given[0])
    if np.ptp(swing) < 1e-9 * np.abs(response).max() * np.abs(given).max():
        raise ValueError(
            f"`ratio`: a weak input of this waveform does not lock {n}:{m}: of its harmonics only multiples of "
            f"{n} count, of those of the response only multiples of {m}, and no such pair is there; other ratios, "
            "or a waveform with more harmonics, do."
        )
    low, high = (middle + each(swing) for each in (np.min, np.max))
    hertz = 2 * np.pi
    return Tongue(name, (n, m), omega / hertz, float(low / hertz), float(high / hertz))


def whole_ratio(ratio: Any) -> tuple[int, int]:
    """A ratio in lowest terms, or `ValueError`."""
    numbers = tuple(ratio)
    whole = len(numbers) == 2 and all(isinstance(each, int) and each > 0 for each in numbers)
    if not whole or np.gcd(*numbers) != 1:
        raise ValueError(
            f"`ratio` must be two whole numbers above zero in lowest terms, turns of the rhythm and of the input "
            f"such as (2, 1), got {ratio!r}."
        )
    return numbers[0], numbers[1]


def _response(
    system: Rung | Translation, port: str, options: dict[str, Any]
) -> tuple[float, np.ndarray]:
    """Frequency (rad/s) and Fourier coefficients, from 0 up, of the phase response to a port (rad/s a unit)."""
    if isinstance(system, Translation):
        return _of_translation(system, port, options)
    if isinstance(system, StuartLandau):
        return _of_translation(stuart_landau_to_phase(system, measured=False), port, options)
    if isinstance(system, PhaseOscillator):
        return float(system.omega), _of_phase(system, port)
    cycle = limit_cycle(system, **options)
    whole = harmonics(cycle, port)
    return 2 * np.pi * cycle.frequency, whole[: len(whole) // 2]


def _of_translation(
    system: Translation, port: str, options: dict[str, Any]
) -> tuple[float, np.ndarray]:
    """A unit at the source's port is so much at each of the target's."""
    target: Any = system.target
    parts = [
        (float(np.asarray(factor).reshape(-1)[0]), _response(target, name, options))
        for name, factor in system.inputs[port].items()
    ]
    return parts[0][1][0], np.sum([factor * response for factor, (_, response) in parts], axis=0)


def _of_phase(rung: PhaseOscillator, port: str) -> np.ndarray:
    angles = jnp.asarray(2 * np.pi * np.arange(_SAMPLES) / _SAMPLES)

    def pushed(theta: Any) -> Any:
        def turned(unit: Any) -> Any:
            inputs = rung.Inputs(**{port: unit})
            return rung.vector_field(theta, rung.State(theta=theta[None]), inputs).theta[0]

        zero = jnp.zeros_like(theta)
        return jax.jvp(turned, (zero,), (zero + 1,))[1]

    return np.fft.fft(np.asarray(jax.vmap(pushed)(angles)))[: _SAMPLES // 2] / _SAMPLES
