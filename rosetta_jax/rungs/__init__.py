"""The rungs of the ladder, one file each, and their list in ladder order."""

from rosetta_jax.rungs.harmonic import HarmonicOscillator as HarmonicOscillator
from rosetta_jax.rungs.jansen_rit import JansenRit as JansenRit
from rosetta_jax.rungs.stuart_landau import StuartLandau as StuartLandau
from rosetta_jax.rungs.wilson_cowan import WilsonCowan as WilsonCowan
from rosetta_jax.system import Rung


def ladder() -> list[type[Rung]]:
    """The rungs in ladder order, from the barest oscillator to the richest column."""
    return [HarmonicOscillator, StuartLandau, WilsonCowan, JansenRit]
