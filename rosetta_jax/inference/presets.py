"""Where a fit of resting spectra starts when nothing else is said: a network and its free numbers.

Constants of the cohort (gains, sigmoid, speed, strength of the innovations, the priors themselves) are
fixed here once and are the same for every person; the free numbers are shared by all regions.
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax.forcing import PowerLawNoise, PowerLawProcess, WhiteNoise
from rosetta_jax.network import Connectome, Network
from rosetta_jax.priors import FreeParameter, LogNormal, Normal, Uniform
from rosetta_jax.regional import PerRegion
from rosetta_jax.rungs import NMM1, HarmonicOscillator, JansenRit, StuartLandau


class Preset(NamedTuple):
    """A network for a connectome, which of its parameters are free, and which may vary by region.

    A `regional` parameter that is not `free` stays as it is where nothing varies by region, and else begins at the
    middle of its prior.
    """

    network: Callable[[Connectome], Network]
    free: dict[str, FreeParameter]
    regional: Mapping[str, FreeParameter] = MappingProxyType({})


def by_region(
    free: Mapping[str, FreeParameter], regional: Mapping[str, FreeParameter], width: float
) -> dict[str, FreeParameter]:
    """`free` with the `regional` ones deviating in each region, by `width` of their prior's own width."""
    return dict(free) | {path: PerRegion(kind, width) for path, kind in regional.items()}


def _those(free: Mapping[str, FreeParameter], *names: str) -> dict[str, FreeParameter]:
    return {name: free[name] for name in names}


def _jansen_rit(connectome: Connectome) -> Network:
    # A stable focus beyond the second Hopf point, whose response peaks near 11 Hz.
    return Network(
        JansenRit(bias=350.0),
        connectome,
        gain=10.0,
        speed=8.0,
        noise=PowerLawNoise(sigma=1.0, exponent=0.0),
        sensor=WhiteNoise(2e-3),
    )


def _planar(
    kind: type[HarmonicOscillator] | type[StuartLandau],
) -> Callable[[Connectome], Network]:
    def network(connectome: Connectome) -> Network:
        return Network(
            kind(alpha=-25.0),
            connectome,
            gain=5.0,
            speed=8.0,
            noise=PowerLawNoise(sigma=1.0, exponent=1.0),
            sensor=WhiteNoise(2e-3),
        )

    return network


def _thalamic_loop(connectome: Connectome) -> Network:
    # A pair of populations at rest whose own return, after the way through the thalamus, makes its alpha peak.
    return Network(
        NMM1(bias_x=10.0, rise_x=0.004, decay_x=0.004),
        connectome,
        gain=1.0,
        speed=8.0,
        self_gain=5.0,
        self_delay=0.097,
        noise=PowerLawNoise(sigma=1.0, exponent=0.2),
        sensor=WhiteNoise(1e-6),
    )


_PLANAR_FREE: dict[str, FreeParameter] = {
    "rung.alpha": Normal(-25.0, 8.0),
    "rung.omega": LogNormal(62.8, 0.15),
    "gain": LogNormal(5.0, 1.0),
    "noise.exponent": Normal(1.0, 0.7),
    "sensor.sigma": LogNormal(2e-3, 1.5),
}

_PLANAR_REGIONAL = _those(_PLANAR_FREE, "rung.alpha", "rung.omega", "noise.exponent")

_JANSEN_RIT_FREE: dict[str, FreeParameter] = {
    "rung.excitatory_rate": LogNormal(120.0, 0.4),
    "rung.inhibitory_rate": LogNormal(60.0, 0.4),
    "rung.connectivity": LogNormal(120.0, 0.3),
    "rung.bias": Normal(250.0, 150.0),
    "gain": LogNormal(10.0, 1.0),
    "noise.exponent": Normal(0.0, 0.7),
    "sensor.sigma": LogNormal(2e-3, 1.5),
}

_LOOP_FREE: dict[str, FreeParameter] = {
    "rung.decay_x": LogNormal(0.004, 0.6),
    "rung.decay_y": LogNormal(0.02, 0.6),
    "rung.w_xy": LogNormal(20.0, 0.7),
    "gain": LogNormal(1.0, 1.0),
    "self_gain": Normal(0.0, 10.0),
    "self_delay": LogNormal(0.097, 0.1),
    "noise.exponent": Normal(0.2, 0.7),
}

# Of each region also the floor of the sensors, which high frequencies end in.
_LOOP_REGIONAL = {path: kind for path, kind in _LOOP_FREE.items() if path != "gain"} | {
    "sensor.sigma": LogNormal(5e-3, 1.5)
}

PRESETS: dict[str, Preset] = {
    "jansen-rit": Preset(
        _jansen_rit,
        _JANSEN_RIT_FREE,
        _those(_JANSEN_RIT_FREE, "rung.excitatory_rate", "rung.inhibitory_rate", "noise.exponent"),
    ),
    "thalamic-loop": Preset(_thalamic_loop, _LOOP_FREE, _LOOP_REGIONAL),
    "stuart-landau": Preset(_planar(StuartLandau), _PLANAR_FREE, _PLANAR_REGIONAL),
    "harmonic": Preset(_planar(HarmonicOscillator), _PLANAR_FREE, _PLANAR_REGIONAL),
}


def preset(name: str) -> Preset:
    """The preset of a rung, "jansen-rit", "stuart-landau" or "harmonic", or of NMM1 with a "thalamic-loop"."""
    return PRESETS[_checks.one_of("rung", name, PRESETS)]


def drawable(chosen: Preset) -> Preset:
    """The preset with noise that a march can draw: the same colour over 0.5-100 Hz, its exponent within (0, 2)."""

    def network(connectome: Connectome) -> Network:
        brain = chosen.network(connectome)
        assert isinstance(brain.noise, PowerLawNoise)
        exponent = jnp.clip(brain.noise.exponent, 0.2, 1.8)
        return dataclasses.replace(brain, noise=PowerLawProcess(brain.noise.sigma, exponent))

    exponent: dict[str, FreeParameter] = {"noise.exponent": Uniform(0.0, 2.0)}
    regional = dict(chosen.regional) | (exponent if "noise.exponent" in chosen.regional else {})
    return Preset(network, chosen.free | exponent, regional)
