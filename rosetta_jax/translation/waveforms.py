"""One turn of a rhythm, and what a translation of it shows of it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax.bifurcation.limit_cycle import Cycle, limit_cycle
from rosetta_jax.rungs import HarmonicOscillator, PhaseOscillator, StuartLandau
from rosetta_jax.system import Rung
from rosetta_jax.translation.runs import circle_state, phase_state
from rosetta_jax.translation.translated import Translation


def waveform(
    system: Rung | Translation, samples: int = 256, **options: Any
) -> tuple[float, np.ndarray]:
    """Frequency (Hz) and one turn of the signal (samples,), from the top of its first harmonic.

    Of a translation it is the turn of the target, as the source's signal. `options` go to
    `rj.bifurcation.limit_cycle`. Raises `ValueError` where there is no cycle.
    """
    angles = 2 * np.pi * np.arange(samples) / samples
    if isinstance(system, Translation):
        hertz, series = _of_target(system, angles, options)
    else:
        cycle = limit_cycle(system, **options)
        hertz, series = cycle.frequency, _signal(cycle, angles)
    first = np.angle(np.fft.fft(series)[1])
    return hertz, np.roll(series, round(first / (2 * np.pi) * samples))


def _of_target(
    system: Translation, angles: np.ndarray, options: dict[str, Any]
) -> tuple[float, np.ndarray]:
    rung: Any = system.target
    if isinstance(rung, HarmonicOscillator):
        raise ValueError(
            "`system` is translated to a damped oscillator, which has no cycle: its spectrum is what it shows "
            "(rj.linear.spectrum)."
        )
    phases = jnp.asarray(angles)[:, None]
    if isinstance(rung, PhaseOscillator):
        states: Any = jax.vmap(phase_state)(phases)
        return float(rung.omega) / (2 * np.pi), np.asarray(system.signal(states))[:, 0]
    if isinstance(rung, StuartLandau):
        radius = jnp.sqrt(rung.alpha / rung.gamma)
        turning = rung.omega - rung.alpha * rung.beta / rung.gamma
        states = jax.vmap(partial(circle_state, radius))(phases)
        return float(turning) / (2 * np.pi), np.asarray(system.signal(states))[:, 0]
    cycle = limit_cycle(rung, **options)
    found = jax.vmap(cycle.family.state)(jnp.asarray(cycle.states(angles)))
    return cycle.frequency, np.asarray(system.signal(found))[:, 0]


def _signal(cycle: Cycle, angles: np.ndarray) -> np.ndarray:
    states = jnp.asarray(cycle.states(angles))
    blank = jnp.zeros(1, states.dtype)
    return np.asarray(jax.vmap(lambda x: cycle.family.signal(x, blank))(states))[:, 0]
