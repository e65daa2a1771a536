"""What `rosetta simulate` reads from the strongest rhythm of a run: synchrony, envelopes, push and pull."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import observe, plot
from rosetta_jax._types import PRNGKeyArray
from rosetta_jax.network import Network
from rosetta_jax.report import Picture
from rosetta_jax.rungs import PhaseOscillator
from rosetta_jax.rungs.plane import PlanarRung
from rosetta_jax.simulation import Solution
from rosetta_jax.simulation import simulate as march

# The band reaches so far from the peak on either side, as a share of it.
REACH = 0.2
# Turns of the rhythm that push and pull are drawn for, and samples a turn.
TURNS, SAMPLES = 10, 50
LONGEST = 2.0  # seconds


class Rhythm(NamedTuple):
    """The band of a rhythm (Hz), R(t), the envelopes (time, nodes) and their correlations (nodes, nodes)."""

    band: tuple[float, float]
    order: np.ndarray
    envelopes: np.ndarray
    connectivity: np.ndarray

    @property
    def numbers(self) -> dict[str, Any]:
        """What a summary tells of it."""
        return {
            "band_hz": list(self.band),
            "order_parameter": float(self.order.mean()),
            "metastability": float(self.order.std()),
            "mean_envelope": float(self.envelopes.mean()),
        }


def peak_of(frequencies: np.ndarray, density: np.ndarray) -> float:
    """Where the spectrum, averaged over regions in decibels, is highest (Hz)."""
    return float(frequencies[np.log(density).mean(axis=1).argmax()])


def rhythm_of(brain: Network, solution: Solution, peak: float) -> Rhythm | None:
    """The rhythm about a peak (Hz); None where the run is too short, or sampled too seldom, to filter it."""
    band = _band(peak, len(solution.times) * solution.dt, 0.5 / solution.dt)
    if band is None:
        return None
    # Of a phase oscillator the phase itself is known; of others it is that of the signal.
    own = isinstance(brain.rung, PhaseOscillator)
    phases = solution.states.theta if own else observe.phase(solution.signal, solution.dt, band)
    envelopes = observe.envelope(solution.signal, solution.dt, band)
    return Rhythm(
        band,
        np.asarray(observe.order_parameter(phases)),
        np.asarray(envelopes),
        np.asarray(observe.functional_connectivity(envelopes)),
    )


def _band(peak: float, duration: float, nyquist: float) -> tuple[float, float] | None:
    """A fifth of the peak on either side, but so wide that half of the filter fits half of the run."""
    transition = 4.2 / duration
    reach = max(REACH * peak, transition)
    low, high = max(peak - reach, transition / 2), peak + reach
    return None if high + transition / 2 >= nyquist else (low, high)


def pictures_of(rhythm: Rhythm, times: np.ndarray, labels: Any, unit: str) -> dict[str, Picture]:
    """Synchrony in time, and which regions are loud at the same time."""
    low, high = rhythm.band
    return {
        "synchrony": Picture(
            plot.synchrony(times, rhythm.order, rhythm.envelopes, unit),
            f"How far the regions turn together, and how loud they are, from {low:.1f} to {high:.1f} Hz.",
        ),
        "envelope_connectivity": Picture(
            plot.connectivity(
                rhythm.connectivity, labels, "correlation r (1)", sides=("region", "region")
            ),
            f"Correlation of the envelopes from {low:.1f} to {high:.1f} Hz.",
        ),
    }


def push_and_pull(
    brain: Network, dt: float, transient: float, key: PRNGKeyArray, peak: float, node: int
) -> Picture:
    """The two opposing terms of a region, from a second march of the same noise: a few turns keep memory small."""
    every = _thinned(round(transient / dt), 1 / (SAMPLES * peak * dt)) * dt
    samples = max(round(min(TURNS / peak, LONGEST) / every), 2)
    run = march(
        brain,
        samples * every,
        dt,
        key=key,
        transient=transient,
        save=("states",),
        save_every=every,
    )
    inputs = brain.rung.Inputs()
    push, pull = jax.vmap(lambda state: jnp.stack(brain.rung.push_pull(state, inputs)), out_axes=1)(
        run.states
    )
    labels = brain.connectome.labels
    name = f"region {node + 1}" if labels is None else labels[node]
    figure = plot.push_pull(
        run.times,
        push[:, node],
        pull[:, node],
        _unit(brain),
        title=f"{type(brain.rung).__name__}, {name}",
    )
    return Picture(figure, f"The two opposing terms of the motif in {name}, the liveliest region.")


def _thinned(dropped: int, wanted: float) -> int:
    """Steps a sample: at most what is wanted, and a divisor of the steps that are dropped first."""
    return max(n for n in range(1, max(int(wanted), 1) + 1) if dropped % n == 0)


def _unit(brain: Network) -> str:
    """The unit of push and pull: a rate of change of oscillators, a potential of columns, else none."""
    if isinstance(brain.rung, PhaseOscillator | PlanarRung):
        return "1/s"
    return "mV" if brain.rung.signal_unit == "mV" else "1"
