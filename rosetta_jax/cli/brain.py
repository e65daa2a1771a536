"""The embedded brain that commands run on when no file is given."""

from typing import Annotated

import typer

from rosetta_jax import synthetic
from rosetta_jax.cli.shared import RungName
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.network import Network
from rosetta_jax.rungs import HarmonicOscillator, JansenRit, StuartLandau
from rosetta_jax.system import Rung

GainOption = Annotated[
    float | None, typer.Option(help="Gain of the coupling; by default one that suits the rung.")
]
SpeedOption = Annotated[float, typer.Option(help="Conduction speed, m/s.")]

# A stable, noisy working point of each rung on weights of spectral radius 1.
_RUNGS: dict[RungName, tuple[Rung, float, float]] = {
    RungName.harmonic: (HarmonicOscillator(alpha=-5.0), 3.0, 0.02),
    RungName.stuart_landau: (StuartLandau(alpha=-5.0), 3.0, 0.02),
    RungName.jansen_rit: (JansenRit(bias=350.0), 2.0, 0.1),
}


def embedded_brain(rung: RungName, gain: float | None, speed: float, seed: int) -> Network:
    """A rung on the embedded connectome, with delays and white noise."""
    mass, usual_gain, sigma = _RUNGS[rung]
    return Network(
        mass,
        synthetic.connectome(seed),
        gain=usual_gain if gain is None else gain,
        speed=speed,
        noise=WhiteNoise(sigma),
    )
