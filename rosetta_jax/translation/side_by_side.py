r"""The error of a translation between rungs of populations, measured: source and target side by side.

Both stand at the same fixed point. About it their leading roots are compared, and where both are stable their
exact spectra and how strongly they answer to a weak sinusoid at each port, at the resonance of the source. Where
a lone node oscillates, the cycles of both are known to rounding, and how wide a 1:1 tongue a weak input opens
($\varepsilon|Z_1|$ to either side). Oscillating networks are simulated.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._types import Array
from rosetta_jax.bifurcation.family import family
from rosetta_jax.bifurcation.limit_cycle import Cycle, limit_cycle
from rosetta_jax.bifurcation.roots import characteristic_roots
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear import FixedPoint, stability
from rosetta_jax.linear.fixed_point import linearised
from rosetta_jax.network import Network
from rosetta_jax.simulation import Held
from rosetta_jax.translation.comparison import density_of, spectra_apart
from rosetta_jax.translation.responses import harmonics
from rosetta_jax.translation.rewired import standing
from rosetta_jax.translation.runs import quiet, runs, with_noise
from rosetta_jax.translation.translated import SEEN, Compared, Inputs

# Frequencies at which responses are compared, up to so many widths of the peak beside it.
_FREQUENCIES, _WIDTHS = 81, 3.0
# Steps that a lone node may take to settle, at most so long against its period and its fastest rate.
_STEPS, _A_TURN, _OF_FASTEST, _FINER = 100_000, 300, 0.3, (1, 4, 16)
# Of a simulated network: steps that are many in a period are some in a time constant of the fastest rate.
_HERTZ_OF_FASTEST = 0.1
# A root of so small an imaginary part, of its size, does not turn: double ones come apart by rounding.
_STRAIGHT = 1e-6
# Phases at which a cycle is read.
_PHASES = 1024
# Growth times that a simulated network is given, its longest run (s), and how far it begins from rest.
_GROWTHS, _LONGEST, _KICK, _GOLDEN = 20.0, 30.0, 0.1, 0.6180339887498949
# What is said of a network whose counterpart rests.
_OF_ONE = ("frequency", "amplitude, mean")
# The largest matrix of a delayed network whose roots are asked for, twenty points a node.
_DELAYED_NODES = 20


class Crossing(NamedTuple):
    """Where both models meet: the source's signal and state in terms of the target's, and the other way.

    `signal` reads it off the target's state, `reading` says how much that is of the target's own signal,
    (frequencies, nodes), at angular frequencies; `image` takes a state of the source to the target.
    """

    signal: Any
    reading: Callable[[np.ndarray], np.ndarray]
    image: Callable[[Any], Any]


class Component(eqx.Module):
    """One component of the target's state times a factor, () or (nodes,)."""

    factor: Any
    name: str = eqx.field(static=True)

    def __call__(self, state: Any) -> Any:
        """The signal of the source, of states (nodes,) or (time, nodes)."""
        value = getattr(state, self.name)
        return jnp.broadcast_to(self.factor, value.shape) * value


class _Seen(NamedTuple):
    """A network at its fixed point, with its leading root (1/s) and whether it stays there."""

    network: Network
    point: FixedPoint
    root: complex | None
    stable: bool


def side_by_side(
    source: Network,
    target: Network,
    crossing: Crossing,
    inputs: Inputs,
    point: FixedPoint,
    start: Any = None,
) -> dict[str, Compared]:
    """What both do, about a fixed point of the source, or where they go to from `start`, a state of it."""
    seen = _seen(source, point)
    both = seen, _seen(target, standing(target, crossing.image(point.state)), like=seen)
    errors = {"fixed point": _levels(both, crossing), **_roots(both)}
    if all(each.stable for each in both):
        return errors | _at_rest(both, crossing, inputs)
    if source.nodes == 1:
        return errors | _cycles(both, crossing, inputs, start)
    return errors | _simulated(both, crossing)


def roots_in_words(errors: Mapping[str, Compared]) -> str:
    """The leading roots of both as the end of a sentence, nothing where they were not measured."""
    if "frequency of the root" not in errors:
        return ""
    root, growth = errors["frequency of the root"], errors["growth"]
    return (
        f"; the leading root turns at {root.source:.4g} Hz and grows by {growth.source:.4g} 1/s in the source, "
        f"at {root.target:.4g} Hz and by {growth.target:.4g} 1/s in the target"
    )


def leading_root(
    network: Network, point: FixedPoint, turning: bool | None = None
) -> complex | None:
    """The rightmost root (1/s), its frequency not negative; None for a delayed network of too many nodes.

    With `turning` known, the rightmost of those that turn, or do not, if there is one.
    """
    return None if _too_large(network) else _leading(_all_roots(network, point), turning)


def _too_large(network: Network) -> bool:
    return network.connectome.lengths is not None and network.nodes > _DELAYED_NODES


def _seen(network: Network, point: FixedPoint, like: _Seen | None = None) -> _Seen:
    if _too_large(network):
        return _Seen(network, point, None, int(stability(network, point).unstable_modes) == 0)
    found = _all_roots(network, point)
    turning = None if like is None or like.root is None else like.root.imag > 0
    return _Seen(network, point, _leading(found, turning), bool(np.real(found).max() < 0))


def _all_roots(network: Network, point: FixedPoint) -> np.ndarray:
    of = family(network, ((),))
    x = of.flat(point.state)
    return characteristic_roots(of, x, jnp.zeros(1, x.dtype))


def _leading(found: np.ndarray, turning: bool | None) -> complex:
    turns = np.abs(np.imag(found)) > _STRAIGHT * np.abs(found)
    among = found[turns == turning] if turning is not None and (turns == turning).any() else found
    root = complex(among[np.argmax(np.real(among))])
    return complex(root.real, abs(root.imag) if abs(root.imag) > _STRAIGHT * abs(root) else 0.0)


def _levels(both: tuple[_Seen, _Seen], crossing: Crossing) -> Compared:
    source, target = both
    level = source.network.signal(source.point.state, source.network.rung.Inputs())
    read = crossing.signal(target.point.state)
    return Compared(float(jnp.mean(level)), float(jnp.mean(read)), "signal")


def _roots(both: tuple[_Seen, _Seen]) -> dict[str, Compared]:
    first, second = (each.root for each in both)
    if first is None or second is None:
        return {}
    turn, size = 2 * math.pi, _STRAIGHT * abs(first)
    return {
        "growth": Compared(first.real, second.real, "1/s", size),
        "frequency of the root": Compared(first.imag / turn, second.imag / turn, "Hz", size / turn),
    }


def _compared_ports(network: Network, inputs: Inputs) -> list[str]:
    """The ports that something enters by default and that the target has, too."""
    rung = network.rung
    names = dict.fromkeys((rung.drive_port, rung.field_port, *rung.noise_ports))
    return [name for name in names if inputs.get(name)]


def _at_rest(both: tuple[_Seen, _Seen], crossing: Crossing, inputs: Inputs) -> dict[str, Compared]:
    hertz = _about_the_peak(both[0].root or _without_delays(both[0]))
    reading = np.abs(crossing.reading(2 * np.pi * hertz)) ** 2
    errors: dict[str, Compared] = {}
    if both[0].network.noise is not None:
        densities = [np.asarray(density_of(*each[:2], jnp.asarray(hertz))) for each in both]
        means = densities[0].mean(axis=1), (densities[1] * reading).mean(axis=1)
        errors |= spectra_apart(hertz, *means)
    for name in _compared_ports(both[0].network, inputs):
        ((port, factor),) = inputs[name].items()
        pushed = (WhiteNoise(1.0, ports=(name,)), WhiteNoise(np.abs(factor), ports=(port,)))
        squared = [
            np.asarray(
                density_of(with_noise(quiet(each.network), noise), each.point, jnp.asarray(hertz))
            )
            for each, noise in zip(both, pushed, strict=True)
        ]
        means = squared[0].mean(axis=1), (squared[1] * reading).mean(axis=1)
        place = int(np.argmax(means[0]))
        sizes = [math.sqrt(each[place] / 2) for each in means]
        errors[f"response to {name}"] = Compared(sizes[0], sizes[1], "signal a unit")
    return errors


def _without_delays(seen: _Seen) -> complex:
    """About the leading root of a delayed network: that of the network without its delays."""
    at_once = eqx.tree_at(lambda each: each.connectome.lengths, seen.network, None)
    return _leading(_all_roots(at_once, seen.point), None)


def _about_the_peak(root: complex) -> np.ndarray:
    """Frequencies (Hz) about the resonance, or up to where a mode that does not turn is gone."""
    if root.imag == 0:
        return np.linspace(0.05, 3.0, _FREQUENCIES) * abs(root) / (2 * math.pi)
    half = _WIDTHS * max(abs(root.real), 0.01 * root.imag)
    low = max(root.imag - half, 0.05 * root.imag)
    return np.linspace(low, root.imag + half, _FREQUENCIES) / (2 * math.pi)


def _cycles(
    both: tuple[_Seen, _Seen], crossing: Crossing, inputs: Inputs, start: Any
) -> dict[str, Compared]:
    """Frequency, amplitude and tongues of both cycles; at rest both are zero."""
    source, target = both
    begun = source.network.start() if start is None else start
    cycles = _cycle(source, begun), _cycle(target, crossing.image(begun))
    if any(cycle is None and not each.stable for cycle, each in zip(cycles, both, strict=True)):
        return {}
    first, second = cycles
    swings = (
        0.0 if first is None else float(first.high[0] - first.low[0]) / 2,
        0.0 if second is None else _swing(second, crossing),
    )
    turns = [0.0 if cycle is None else cycle.frequency for cycle in cycles]
    errors = {
        "frequency": Compared(turns[0], turns[1], "Hz"),
        "amplitude": Compared(swings[0], swings[1], "signal"),
    }
    if first is None or second is None:
        return errors
    for name in _compared_ports(source.network, inputs):
        ((port, factor),) = inputs[name].items()
        whole = np.abs(harmonics(first, name))
        wide = float(abs(harmonics(second, port)[1] * np.asarray(factor)[0]))
        errors[f"tongue, half-width by {name}"] = Compared(
            float(whole[1]), wide, "rad/s a unit", SEEN * float(whole.max())
        )
    return errors


def _cycle(seen: _Seen, start: Any) -> Cycle | None:
    """The cycle of a lone node, None where it rests or is not found."""
    if seen.stable or seen.root is None:
        return None
    dt = _OF_FASTEST / _fastest(seen)
    if seen.root.imag > 0:
        dt = min(dt, 2 * math.pi / seen.root.imag / _A_TURN)
    # Away from the fixed point rates may be many times faster.
    for finer in _FINER:
        try:
            return limit_cycle(seen.network, start=start, settle=_STEPS * dt / finer, dt=dt / finer)
        except ValueError:
            continue
    return None


def _fastest(seen: _Seen) -> float:
    """The size of the largest root of a node alone (1/s)."""
    own = linearised(seen.network, seen.point, ()).A
    return float(np.abs(np.linalg.eigvals(np.asarray(own))).max())


def _swing(cycle: Cycle, crossing: Crossing) -> float:
    states = cycle.states(2 * np.pi * np.arange(_PHASES) / _PHASES)
    read = crossing.signal(jax.vmap(cycle.family.state)(jnp.asarray(states)))
    return float(np.ptp(np.asarray(read))) / 2


def _simulated(both: tuple[_Seen, _Seen], crossing: Crossing) -> dict[str, Compared]:
    """Both networks run from the same place until they have grown; one that is stable rests."""
    source, target = both
    kicks = 1 + _KICK * (np.mod(_GOLDEN * np.arange(1, source.network.nodes + 1), 1.0) - 0.5)
    begun = jax.tree.map(lambda each: each * jnp.asarray(kicks), source.point.state)
    image = crossing.image(begun)
    if not (source.stable or target.stable):
        return _run(source, target, crossing.signal, (begun, image))
    if target.stable:
        found = _run(source, source, _own_signal(source.network), (begun, begun))
        turning = [(each.target, 0.0, each.unit) for each in found.values()]
    else:
        found = _run(target, target, crossing.signal, (image, image))
        turning = [(0.0, each.target, each.unit) for each in found.values()]
    named = zip(found, turning, strict=True)
    return {name: Compared(*each) for name, each in named if name in _OF_ONE}


def _run(source: _Seen, target: _Seen, signal: Any, begun: tuple[Any, Any]) -> dict[str, Compared]:
    both = source, target
    roots = [each.root or _without_delays(each) for each in both]
    fastest = max(_fastest(each) for each in both)
    hertz = max(roots[0].imag / (2 * math.pi), _HERTZ_OF_FASTEST * fastest)
    growth = max(root.real for root in roots)
    lasting = min(_GROWTHS / max(growth, _GROWTHS / _LONGEST), _LONGEST)
    # Both have rested where they begin since ever.
    resting = Held(begun[0]), Held(begun[1])
    return dict(runs(source.network, target.network, signal, resting, hertz, lasting))


def _own_signal(network: Network) -> Callable[[Any], Array]:
    still = network.rung.Inputs()
    return lambda states: jax.vmap(lambda state: network.signal(state, still))(states)
