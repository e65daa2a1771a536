"""The embedded brain that commands run on when no file is given."""

from typing import Annotated

import typer

from rosetta_jax import synthetic
from rosetta_jax.cli.shared import RungName
from rosetta_jax.network import Network
from rosetta_jax.rungs import ladder
from rosetta_jax.working_points import working_brain

GainOption = Annotated[
    float | None, typer.Option(help="Gain of the coupling; by default one that suits the rung.")
]
SpeedOption = Annotated[float, typer.Option(help="Conduction speed, m/s.")]

KINDS = {RungName(step.name): step.kind for step in ladder()}


def embedded_brain(rung: RungName, gain: float | None, speed: float, seed: int) -> Network:
    """A rung at its working point on the embedded connectome, with delays and white noise."""
    return working_brain(KINDS[rung], synthetic.connectome(seed), gain=gain, speed=speed)
