r"""Whether a periodic input entrains a rhythm, by simulation: many frequencies and amplitudes side by side.

Each pair of a frequency and an amplitude is a node of its own, which begins on the cycle. In the second half of
the run the signal is turned back by $\frac nm$ of the input, window by window; how fast its phase still turns is
the drift, and what drifts by less than a tenth of a turn is locked. The edges of a tongue
(`rosetta_jax.translation.tongue`) are found by cutting the interval again and again, many frequencies at once.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Parameter, Scalar
from rosetta_jax.bifurcation.limit_cycle import Cycle, limit_cycle
from rosetta_jax.forcing.drive import Drive
from rosetta_jax.forcing.forcing import Sum
from rosetta_jax.network import alone
from rosetta_jax.parameters import parameter
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung, ports
from rosetta_jax.translation.tongue import Tongue, Waveform, whole_ratio
from rosetta_jax.translation.translated import Translation

# Samples a turn of the rhythm, steps a sample, and turns a window.
_SAMPLES, _STEPS, _WINDOW = 40, 12, 2
# A rhythm that drifts by less than this share of a turn, in all that is looked at, is locked.
_LOCKED = 0.1
# Frequencies at which each edge is sought at once, how often, and turns of the slowest drift that are waited for.
_AT_ONCE, _ROUNDS, _DRIFTS = 12, 3, 4.0


class Entrainment(NamedTuple):
    """How a rhythm answers to inputs of `amplitudes` (a,), the port's unit, and `frequencies` (f,), Hz.

    `drift` (a, f) is how much faster it turns than the input bids (Hz), known to `resolution`; `turning` how many
    turns of the input make one of the rhythm.
    """

    frequencies: np.ndarray
    amplitudes: np.ndarray
    drift: np.ndarray
    resolution: float
    turning: float

    @property
    def locked(self) -> np.ndarray:
        """Where the rhythm turns with the input (a, f)."""
        return np.abs(self.drift) < self.resolution

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        r"""The lowest and the highest frequency that locks (a,), NaN where none does.

        Between what is locked and what is not by Adler's law: the drift beside an edge is
        $\sqrt{\Delta^2 - h^2}$, with the distance $\Delta$ from the middle and $h$ half the width.
        """
        pairs = [self._edges(row) for row in range(len(self.amplitudes))]
        low, high = np.array(pairs).T
        return low, high

    def _edges(self, row: int) -> tuple[float, float]:
        inside = np.flatnonzero(self.locked[row])
        if not inside.size:
            return np.nan, np.nan
        hertz, middle = self.frequencies, self.frequencies[inside].mean()
        found = []
        for last, step in ((inside[0], -1), (inside[-1], 1)):
            beside = int(np.clip(last + step, 0, len(hertz) - 1))
            squared = (hertz[beside] - middle) ** 2 - (self.drift[row, beside] * self.turning) ** 2
            edge = middle + step * np.sqrt(max(squared, 0.0))
            found.append(float(np.clip(edge, *sorted((hertz[last], hertz[beside])))))
        return found[0], found[1]


class _Held(eqx.Module):
    """A state held for ever, by its value: runs that begin elsewhere share a program."""

    state: Any

    def __call__(self, t: Scalar) -> Any:
        return self.state


class _Periodic(Drive):
    """A waveform of some amplitude and frequency a node."""

    amplitude: Parameter = parameter(unit="", symbol="A", description="amplitude, unit of the port")
    frequency: Parameter = parameter(unit="Hz", symbol="f", description="frequency")
    waveform: Waveform = eqx.field(static=True, kw_only=True)

    def value(self, t: Scalar) -> Parameter:
        return self.amplitude * self.waveform(2 * jnp.pi * self.frequency * t)


def entrainment(
    system: Rung | Translation,
    frequencies: Any,
    amplitudes: Any,
    port: str | None = None,
    ratio: tuple[int, int] = (1, 1),
    waveform: Waveform = jnp.cos,
    *,
    turns: Any = 400.0,
    **options: Any,
) -> Entrainment:
    """A rhythm under periodic inputs, all pairs of an amplitude and a frequency side by side.

    Of a translation it is the target that is simulated, under what its source's port takes. `frequencies` (f,) are
    in Hz and `amplitudes` (a,) in the unit of `port`, by default the drive port; `ratio` and `waveform` as of
    `tongue`; `turns` of the rhythm are simulated, and the first half of them dropped. `options` go to
    `rj.bifurcation.limit_cycle`. Raises `ValueError` where there is no cycle or no such port.
    """
    source: Any = system.source if isinstance(system, Translation) else system
    _checks.instance("system", source, Rung, "a rung, or the translation of one")
    name = _checks.one_of("port", port or source.drive_port, ports(source))
    (n, m), turns = whole_ratio(ratio), _checks.known("turns", turns, "turns")
    rung: Any = system.target if isinstance(system, Translation) else system
    factors = system.inputs[name] if isinstance(system, Translation) else {name: 1.0}
    cycle = limit_cycle(rung, **options)
    f, a = (np.atleast_1d(np.asarray(each, float)) for each in (frequencies, amplitudes))
    hertz, sizes = np.broadcast_arrays(f[None, :], a[:, None])
    drive = _drive(factors, waveform, hertz, sizes)
    drift = _drift(rung, cycle, drive, n / m * hertz.ravel(), turns)
    lasting = turns / 2 * cycle.period
    return Entrainment(f, a, drift.reshape(len(a), len(f)), _LOCKED / lasting, m / n)


def tongue_edges(
    rung: Rung, predicted: Tongue, amplitude: float, waveform: Waveform = jnp.cos, **options: Any
) -> tuple[float, float]:
    """The lowest and the highest frequency of the input (Hz) at which it locks, by simulation.

    They are sought about those that a tongue `predicted`, which says port and ratio; `options` go to
    `rj.bifurcation.limit_cycle`. Raises `ValueError` where nothing is locked in the middle of the prediction, or
    all is to twice its width: take another amplitude.
    """
    cycle = limit_cycle(rung, **options)
    low, high = (float(each) for each in predicted.edges(amplitude))
    n, m = predicted.ratio
    middle, half = (low + high) / 2, (high - low) / 2
    brackets = np.array([[middle - 3 * half, middle], [middle, middle + 3 * half]])
    turns = 2 * _DRIFTS / (half * cycle.period * n / m)
    for _ in range(_ROUNDS):
        hertz = np.linspace(brackets[:, 0], brackets[:, 1], _AT_ONCE, axis=1)
        drive = _drive({predicted.port: 1.0}, waveform, hertz, np.full_like(hertz, amplitude))
        drift = _drift(rung, cycle, drive, n / m * hertz.ravel(), turns)
        locked = (np.abs(drift) < _LOCKED / (turns / 2 * cycle.period)).reshape(hertz.shape)
        brackets = np.stack([_narrowed(*each) for each in zip(hertz, locked, (1, -1), strict=True)])
    return float(brackets[0].mean()), float(brackets[1].mean())


def _narrowed(hertz: np.ndarray, locked: np.ndarray, towards: int) -> np.ndarray:
    """The two frequencies between which an edge lies, `towards` 1 where what is locked is above."""
    inward = locked[::towards]
    if not inward[-1] or inward[0]:
        found = "nothing is locked in the middle" if not inward[-1] else "all is locked far beyond"
        raise ValueError(
            f"`amplitude`: {found} of the predicted tongue, at {hertz[-1 if towards > 0 else 0]:g} Hz, so that "
            "its edge was not found: theory of weak inputs does not hold here; take a smaller one."
        )
    edge = int(np.flatnonzero(~inward)[-1])
    pair = hertz[::towards][edge : edge + 2]
    return np.sort(pair)


def _drive(
    factors: Mapping[str, Any], waveform: Waveform, hertz: np.ndarray, amplitude: np.ndarray
) -> Drive | Sum:
    """The input at the ports that take it, a factor each."""
    total: Any = None
    for port, factor in factors.items():
        size = float(np.asarray(factor).reshape(-1)[0]) * amplitude
        columns = (jnp.asarray(each.ravel()) for each in (size, hertz))
        part = _Periodic(*columns, waveform=waveform, port=port)
        total = part if total is None else total + part
    return total


def _drift(
    rung: Rung, cycle: Cycle, drive: Drive | Sum, bidden: np.ndarray, turns: float
) -> np.ndarray:
    """How much faster each node turns than it is bidden (Hz)."""
    nodes, every = len(bidden), cycle.period / _SAMPLES
    begun = cycle.family.state(jnp.asarray(cycle.states([0.0])[0]))
    spread = jax.tree.map(lambda each: jnp.broadcast_to(each, (nodes,)), begun)
    half = round(turns / 2) * _SAMPLES
    run = simulate(
        alone(rung, nodes, drive=drive),
        half * every,
        every / _STEPS,
        transient=half * every,
        save_every=every,
        past=_Held(spread),
    )
    length = _WINDOW * _SAMPLES
    windows = half // length
    times = np.asarray(run.times)[: windows * length]
    signal = np.asarray(run.signal)[: windows * length]
    turned = (signal - signal.mean(axis=0)) * np.exp(-2j * np.pi * np.outer(times, bidden))
    weights = np.hanning(length + 1)[:-1]
    phases = np.angle(np.einsum("wln,l->wn", turned.reshape(windows, length, -1), weights))
    through = np.unwrap(phases, axis=0)
    return (through[-1] - through[0]) / (2 * np.pi * (windows - 1) * length * every)
