r"""Whether a periodic input entrains a rhythm, by simulation: many frequencies and amplitudes side by side.

Each pair of a frequency and an amplitude is a node of its own, which begins on the cycle. In the second half of
the run the signal is turned back by $\frac nm$ of the input, window by window; how fast its phase still turns is
the drift, and what drifts by less than a tenth of a turn is locked.

That says on which side of an edge of a tongue (`rosetta_jax.translation.tongue`) a frequency lies, and little of
where the edge is, since beside it the rhythm turns ever more slowly. It is slowest where the input holds it back
most, $|\dot\chi| = |\omega - \frac nm\Omega + \varepsilon\Gamma(\chi)|$ least, and by as much as the input lies
beyond the edge: a straight line of the frequency, whose zero is the edge, whatever $\Gamma$.
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
from rosetta_jax.simulation import Held, simulate
from rosetta_jax.system import Rung, ports
from rosetta_jax.translation.runge_kutta import RungeKutta
from rosetta_jax.translation.tongue import Tongue, Waveform, whole_ratio
from rosetta_jax.translation.translated import Translation

# Samples a turn of the rhythm, steps a sample, and turns a window.
_SAMPLES, _STEPS, _WINDOW = 24, 4, 2
# A rhythm that drifts by less than this share of a turn, in all that is looked at, is locked.
_LOCKED = 0.1
# Frequencies at which each edge is sought at once, turns of a drift as fast as half the tongue is wide that are
# waited for, and the fewest turns of the rhythm.
_AT_ONCE, _DRIFTS, _FEWEST = 12, 4.0, 200.0
# Where an edge is sought about the middle, and then about where it seems to be, in half-widths.
_SOUGHT, _ABOUT = (0.0, 3.0), (-0.06, 0.24)
# Frequencies beyond an edge through which a line is drawn.
_DRAWN = 8


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
    drift, _ = _drift(rung, cycle, drive, n / m * hertz.ravel(), turns)
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
    turns = 2 * max(_DRIFTS / (half * cycle.period * n / m), _FEWEST)
    lasting = turns / 2 * cycle.period

    def beside(apart: np.ndarray) -> tuple[_Beside, _Beside, float]:
        """What is seen so far below and above the middle, (2, frequencies).

        And by how much the rhythm that is simulated is faster without input, in Hz of the input.
        """
        hertz = np.append((middle + np.array([[-1.0], [1.0]]) * apart).ravel(), middle)
        sizes = np.append(np.full(apart.size, amplitude), 0.0)
        drive = _drive({predicted.port: 1.0}, waveform, hertz, sizes)
        drift, slowest = _drift(rung, cycle, drive, n / m * hertz, turns)
        unlocked = (np.abs(drift[:-1]) > _LOCKED / lasting).reshape(apart.shape)
        below, above = map(_Beside, apart, m / n * slowest[:-1].reshape(apart.shape), unlocked)
        return below, above, middle + m / n * (drift[-1] - cycle.frequency)

    apart = half * np.broadcast_to(np.linspace(*_SOUGHT, _AT_ONCE), (2, _AT_ONCE))
    *coarse, _ = beside(apart)
    about = [each.about(middle) for each in coarse]
    apart = np.array(about)[:, None] + half * np.linspace(*_ABOUT, _AT_ONCE)
    *fine, own = beside(np.maximum(apart, 0.0))
    # What drifts so slowly that it takes all of the run for a turn lies so far beyond an edge by Adler's law.
    unseen = np.hypot(half, m / n / lasting) - half
    below, above = (one.joined(other).edge(unseen) for one, other in zip(coarse, fine, strict=True))
    return middle - below - own, middle + above - own


class _Beside(NamedTuple):
    """Frequencies on one side of a tongue, `apart` from its middle and growing (Hz of the input).

    `slowest` is how fast the rhythm turns against the input, where it is held back most (Hz of the input).
    """

    apart: np.ndarray
    slowest: np.ndarray
    unlocked: np.ndarray

    def about(self, middle: float) -> float:
        """About where the edge lies: as far within the first that is not locked as that is slow.

        Raises `ValueError` where the edge of what is locked about the middle (Hz) is not seen.
        """
        if self.unlocked[0] or not self.unlocked[-2:].all():
            found = "nothing is locked in" if self.unlocked[0] else "all is locked far beyond"
            raise ValueError(
                f"`amplitude`: {found} the middle of the predicted tongue, {middle:g} Hz, so that its edge was "
                "not found: theory of weak inputs does not hold here; take a smaller one."
            )
        first = int(np.argmax(self.unlocked))
        guess = self.apart[first] - self.slowest[first]
        return float(np.clip(guess, *self.apart[first - 1 : first + 1]))

    def joined(self, other: "_Beside") -> "_Beside":
        """Both in order."""
        both = [np.concatenate(pair) for pair in zip(self, other, strict=True)]
        order = np.argsort(both[0])
        return _Beside(*(each[order] for each in both))

    def edge(self, unseen: float) -> float:
        """Where the line of the slowest turning ends: between what is not locked and what is.

        What lies less than `unseen` (Hz) beyond the edge may seem locked.
        """
        first = int(np.argmax(self.unlocked))
        beyond = np.flatnonzero(self.unlocked)[:_DRAWN]
        slope, level = np.polyfit(self.apart[beyond], self.slowest[beyond], 1)
        low, high = self.apart[first - 1] - unseen, self.apart[first]
        return float(np.clip(-level / slope, low, high))


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
) -> tuple[np.ndarray, np.ndarray]:
    """How much faster each node turns than it is bidden, and the least that it drifts that way (Hz)."""
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
        solver=RungeKutta(),
        past=Held(spread),
    )
    length = _WINDOW * _SAMPLES
    windows = half // length
    times = np.asarray(run.times)[: windows * length]
    signal = np.asarray(run.signal)[: windows * length]
    turned = (signal - signal.mean(axis=0)) * np.exp(-2j * np.pi * np.outer(times, bidden))
    weights = np.hanning(length + 1)[:-1]
    phases = np.angle(np.einsum("wln,l->wn", turned.reshape(windows, length, -1), weights))
    onward = np.diff(np.unwrap(phases, axis=0), axis=0) / (2 * np.pi * length * every)
    drift = onward.mean(axis=0)
    return drift, (onward * np.sign(drift)).min(axis=0)
