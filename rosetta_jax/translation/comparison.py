r"""The error of a translation to a planar rung, measured: source and target side by side.

Where the source is at rest both have exact spectra, compared about the peak. Where a lone node oscillates its
cycle is known to rounding by collocation, and with it its frequency, its amplitude, and by its phase response $Z$
the width of the 1:1 tongue that a weak input $\varepsilon\cos\Omega t$ opens, $\varepsilon|Z_1|$ to either side.
Oscillating networks are simulated.
"""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Spectrum
from rosetta_jax.bifurcation.family import Family
from rosetta_jax.bifurcation.limit_cycle import Cycle, cycle_near, settled
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear import FixedPoint, fixed_point, stability
from rosetta_jax.linear.fixed_point import linearised
from rosetta_jax.linear.spectrum import Linearisation, power_density
from rosetta_jax.network import Network
from rosetta_jax.results import Status
from rosetta_jax.system import Rung, unstack_state
from rosetta_jax.translation.modes import Modes, lone
from rosetta_jax.translation.responses import harmonics
from rosetta_jax.translation.runs import Circle, Turning, circle_state, runs, with_noise
from rosetta_jax.translation.translated import SEEN, Compared

# Spectra are compared at so many frequencies, up to so many widths of the peak beside it.
_FREQUENCIES, _WIDTHS = 81, 3.0
# Intervals of a cycle, samples of its phase response, and steps a turn of one that settles.
_INTERVALS, _SAMPLES, _FINE = 60, 512, 500
# Growth times that a simulated network is given, and its longest run (s).
_GROWTHS, _LONGEST = 20.0, 60.0


def compared(source: Network, target: Network, signal: Any, found: Modes) -> Mapping[str, Compared]:
    """What the source does and the target predicts: spectra at rest, cycles beyond onset."""
    at_rest = stability(source, found.point)
    if int(at_rest.status) == Status.ok and int(at_rest.unstable_modes) == 0:
        return _spectra(source, target, found)
    if source.nodes == 1:
        return _cycles(source, target, signal, found)
    return _runs(source, target, signal, found)


def _spectra(source: Network, target: Network, found: Modes) -> Mapping[str, Compared]:
    """The peak of the exact spectra, averaged over nodes, and how far apart they lie about it."""
    if source.noise is None:
        pushed = sum(np.abs(found.inputs[name]) ** 2 for name in source.rung.noise_ports)
        source = with_noise(source, WhiteNoise(1.0))
        target = with_noise(target, WhiteNoise(jnp.asarray(np.sqrt(pushed / 2))))
    leading = found.root[np.argmax(found.growth)]
    half = _WIDTHS * max(abs(leading.real), 0.01 * leading.imag, np.ptp(found.omega))
    low = max(leading.imag - half, 0.05 * leading.imag)
    hertz = jnp.linspace(low, leading.imag + half, _FREQUENCIES) / (2 * math.pi)
    points = found.point, fixed_point(target)
    densities = [
        np.asarray(density_of(network, point, hertz)).mean(axis=1)
        for network, point in zip((source, target), points, strict=True)
    ]
    return spectra_apart(np.asarray(hertz), *densities)


def spectra_apart(
    hertz: np.ndarray, source: np.ndarray, target: np.ndarray
) -> Mapping[str, Compared]:
    """Where two power densities have their peaks, how high they are, and how far apart they lie."""
    peaks = [float(hertz[np.argmax(each)]) for each in (source, target)]
    power = [float(np.trapezoid(each, hertz)) for each in (source, target)]
    apart = float(np.abs(10 * np.log10(target / source)).mean())
    return {
        "peak frequency": Compared(peaks[0], peaks[1], "Hz"),
        "peak density": Compared(float(source.max()), float(target.max()), "signal²/Hz"),
        "power about the peak": Compared(power[0], power[1], "signal²"),
        "spectra apart, mean": Compared(0.0, apart, "dB"),
    }


@eqx.filter_jit
@full_precision
def density_of(network: Network, point: FixedPoint, hertz: Array) -> Spectrum:
    """The one-sided power density about a fixed point."""
    about = Linearisation(network, point, linearised(network, point, network.noise_ports))
    return 2 * power_density(about, 2 * jnp.pi * hertz)


def _cycles(source: Network, target: Network, signal: Any, found: Modes) -> Mapping[str, Compared]:
    """Frequency, amplitude and tongue of the cycle itself beside those of the target's circle."""
    rung: Any = target.rung
    alpha, omega, gamma, beta = (
        float(np.asarray(getattr(rung, name)).reshape(-1)[0])
        for name in ("alpha", "omega", "gamma", "beta")
    )
    radius, shear = math.sqrt(alpha / gamma), beta / gamma
    predicted = omega - alpha * shear
    cycle = _true_cycle(lone(source, found).at(0), found, radius, predicted)
    angles = jnp.asarray(2 * np.pi * np.arange(_SAMPLES) / _SAMPLES)[:, None]
    plane = jax.vmap(partial(circle_state, radius))(angles)
    swing = float(np.ptp(np.asarray(signal(plane))) / 2)
    found_errors = {
        "frequency": Compared(cycle.frequency, predicted / (2 * math.pi), "Hz"),
        "amplitude": Compared(float(cycle.high[0] - cycle.low[0]) / 2, swing, "signal"),
    }
    for port, pushed in found.inputs.items():
        wide = abs(pushed[0]) / (2 * radius) * math.hypot(1.0, shear)
        whole = np.abs(harmonics(cycle, port))
        if whole[1] > 0:
            found_errors[f"tongue, half-width by {port}"] = Compared(
                float(whole[1]), wide, "rad/s a unit", SEEN * float(whole.max())
            )
    return found_errors


def _true_cycle(of: Family, found: Modes, radius: float, omega: float) -> Cycle:
    """The cycle that collocation finds from the circle, or where that is too far, from where a run settles."""
    angles = 2 * np.pi * np.arange(4 * _INTERVALS) / (4 * _INTERVALS)
    swing = np.real(np.exp(1j * angles)[:, None] * found.right[0] / found.observed[0]) * radius
    middle = np.concatenate([np.asarray(each) for each in jax.tree.leaves(found.point.state)])
    places, period = middle + swing, 2 * math.pi / omega
    try:
        return cycle_near(of, places.reshape(_INTERVALS, 4, -1), period)
    except ValueError:
        lasting = min(_GROWTHS / float(found.growth[0]), _LONGEST)
        start = of.state(jnp.asarray(places[0]))
        return cycle_near(of, *settled(of, start, lasting, period / _FINE, _INTERVALS))


def _runs(source: Network, target: Network, signal: Any, found: Modes) -> Mapping[str, Compared]:
    """Both simulated until they have grown."""
    growth = float(np.max(found.growth))
    hertz = float(np.mean(found.omega)) / (2 * math.pi)
    lasting = min(_GROWTHS / max(growth, _GROWTHS / _LONGEST), _LONGEST)
    return runs(source, target, signal, _circles(source, target, found), hertz, lasting)


class _Circles(eqx.Module):
    """States of a network whose nodes stand at angles of ellipses about a `middle`, (components, nodes)."""

    rung: Rung
    middle: Array
    cosines: Array
    sines: Array

    def __call__(self, angles: Array) -> Any:
        swing = self.cosines * jnp.cos(angles)[None] + self.sines * jnp.sin(angles)[None]
        return unstack_state(self.rung, self.middle + swing)


def _circles(source: Network, target: Network, found: Modes) -> Turning:
    """Half of the circle on which nodes will be, for both."""
    rung: Any = target.rung
    growth = np.maximum(found.growth, 0.0)
    radius = 0.5 * np.sqrt(growth.max() / np.asarray(rung.gamma)) * np.ones(source.nodes)
    middle = np.stack([np.asarray(each) for each in jax.tree.leaves(found.point.state)])
    shape = (found.right / found.observed[:, None] * radius[:, None]).T
    parts = (jnp.asarray(each) for each in (middle, np.real(shape), -np.imag(shape)))
    return _Circles(source.rung, *parts), Circle(jnp.asarray(radius))
