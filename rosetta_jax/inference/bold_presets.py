r"""Where a fit of slow BOLD connectivity starts: a network and its free numbers, pooled over people.

Weights of connectomes span decades and connectivity does not, so that in all of them the weights have a free power
p, $w_{ij} = C_{ij}^p$; the gain starts at a share of what would make a network of leaky nodes unstable,
$g\,\rho(C^p)$ with the spectral radius $\rho$, so that it suits connectomes of any size. What is compared is the
signal itself within the slow band: haemodynamics that are the same in all regions hardly change its correlations.
"""

from collections.abc import Callable, Sequence

import numpy as np

from rosetta_jax import _checks
from rosetta_jax.edges import ShapedLinks
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.inference.presets import Preset
from rosetta_jax.network import Connectome, Network
from rosetta_jax.priors import FreeParameter, LogNormal, Normal
from rosetta_jax.rungs import HarmonicOscillator, StuartLandau, WilsonCowan
from rosetta_jax.system import Rung

# The power at which weights start, and its spread.
POWER, SPREAD = 0.8, 0.3


def _leaky() -> Rung:
    return HarmonicOscillator(alpha=-10.0, omega=1e-6)


def _slow_rhythm() -> Rung:
    # 0.05 Hz, damped, within the slow band itself.
    return StuartLandau(alpha=-0.2, omega=0.314)


def _excitatory() -> Rung:
    return WilsonCowan(w_xx=2.0, w_xy=0.0, w_yx=0.0, w_yy=0.0, bias_x=-1.5, bias_y=-5.0)


# The rung, its gain as a share, the strength of its noise, and what else is free.
_MADE: dict[str, tuple[Callable[[], Rung], float, float, dict[str, FreeParameter]]] = {
    "harmonic": (_leaky, 2.5, 1.0, {}),
    "stuart-landau": (_slow_rhythm, 0.05, 1.0, {"rung.omega": LogNormal(0.314, 0.3)}),
    "wilson-cowan": (_excitatory, 1.3, 1e-3, {"rung.bias_x": Normal(-1.5, 0.5)}),
}
BOLD_PRESETS = tuple(_MADE)


def bold_preset(name: str, connectomes: Sequence[Connectome]) -> Preset:
    """The preset of a rung for connectivity: "harmonic", "stuart-landau" or "wilson-cowan".

    `connectomes` of the people tell the scale of the gain. Raises `ValueError` for another rung, and where there
    is no link.
    """
    rung, share, sigma, more = _MADE[_checks.one_of("rung", name, BOLD_PRESETS)]
    gain = share / float(np.mean([_radius(connectome) for connectome in connectomes]))

    def network(connectome: Connectome) -> Network:
        return Network(rung(), connectome, "additive", gain=gain, noise=WhiteNoise(sigma))

    links: dict[str, FreeParameter] = {"connectome.weights": ShapedLinks(LogNormal(POWER, SPREAD))}
    return Preset(network, {"gain": LogNormal(gain, 1.0)} | links | more)


def _radius(connectome: Connectome) -> float:
    """The spectral radius of the weights at their starting power."""
    weights = np.asarray(connectome.weights)
    linked = weights > 0
    if not linked.any():
        raise ValueError("`weights` has no link: connectivity cannot be fitted without one.")
    raised = np.where(linked, np.where(linked, weights, 1.0) ** POWER, 0.0)
    return float(np.abs(np.linalg.eigvals(raised)).max())
