"""Where a fit of an evoked response starts: a network at rest, and what of it is free.

The stimulus is a pulse of 10 ms, as strong in every region: `rosetta_jax.inference.SitesLoss` solves for how
strong it is in each. What is compared is the response to first order, so that noise plays no part.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax.forcing import Step
from rosetta_jax.inference.presets import Preset
from rosetta_jax.network import Connectome, Network
from rosetta_jax.priors import FreeParameter, LogNormal, Negative, Normal
from rosetta_jax.rungs import HarmonicOscillator, JansenRit
from rosetta_jax.system import Rung

PULSE = 0.01  # s
_TRACT_SPEED = 6.0  # m/s


class _Made(NamedTuple):
    rung: Callable[[], Rung]
    gain: float
    free: dict[str, FreeParameter]


_MADE = {
    # Above its upper Hopf point, where alpha is damped.
    "jansen-rit": _Made(
        lambda: JansenRit(bias=450.0),
        8.0,
        {
            "rung.excitatory_rate": LogNormal(100.0, 0.4),
            "rung.inhibitory_rate": LogNormal(50.0, 0.4),
            "rung.connectivity": LogNormal(135.0, 0.3),
            "rung.bias": Normal(450.0, 80.0),
            "gain": LogNormal(8.0, 0.7),
        },
    ),
    "harmonic": _Made(
        lambda: HarmonicOscillator(alpha=-20.0, omega=62.8),
        5.0,
        {
            "rung.alpha": Negative(),
            "rung.omega": LogNormal(62.8, 0.5),
            "gain": LogNormal(5.0, 0.7),
        },
    ),
}
EVOKED_PRESETS = tuple(_MADE)


def evoked_preset(name: str) -> Preset:
    """The preset of a rung for evoked responses: "jansen-rit" or "harmonic". Raises `ValueError` for another."""
    made = _MADE[_checks.one_of("rung", name, EVOKED_PRESETS)]

    def network(connectome: Connectome) -> Network:
        return Network(
            made.rung(),
            connectome,
            gain=made.gain,
            speed=_TRACT_SPEED,
            drive=Step(jnp.ones(connectome.nodes), 0.0, PULSE),
        )

    return Preset(network, made.free | {"speed": LogNormal(_TRACT_SPEED, 0.5)})
