"""The embedded brain that commands run on when no file is given."""

from typing import Annotated

import typer

from rosetta_jax import synthetic
from rosetta_jax.cli.shared import RungName
from rosetta_jax.network import Network
from rosetta_jax.rungs import (
    NMM1,
    NMM2,
    HarmonicOscillator,
    JansenRit,
    Laminar,
    MasterMass,
    PhaseOscillator,
    QIFPopulation,
    StuartLandau,
    SubcriticalStuartLandau,
    Wendling,
    WilsonCowan,
)
from rosetta_jax.system import Rung
from rosetta_jax.working_points import working_brain

GainOption = Annotated[
    float | None, typer.Option(help="Gain of the coupling; by default one that suits the rung.")
]
SpeedOption = Annotated[float, typer.Option(help="Conduction speed, m/s.")]

KINDS: dict[RungName, type[Rung]] = {
    RungName.phase: PhaseOscillator,
    RungName.harmonic: HarmonicOscillator,
    RungName.stuart_landau: StuartLandau,
    RungName.subcritical: SubcriticalStuartLandau,
    RungName.wilson_cowan: WilsonCowan,
    RungName.master_mass: MasterMass,
    RungName.nmm1: NMM1,
    RungName.jansen_rit: JansenRit,
    RungName.wendling: Wendling,
    RungName.laminar: Laminar,
    RungName.qif: QIFPopulation,
    RungName.nmm2: NMM2,
}


def embedded_brain(rung: RungName, gain: float | None, speed: float, seed: int) -> Network:
    """A rung at its working point on the embedded connectome, with delays and white noise."""
    return working_brain(KINDS[rung], synthetic.connectome(seed), gain=gain, speed=speed)
