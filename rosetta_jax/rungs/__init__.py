"""The rungs of the ladder, one file each, and their list in ladder order."""

from rosetta_jax.rungs.harmonic import HarmonicOscillator as HarmonicOscillator
from rosetta_jax.rungs.jansen_rit import JansenRit as JansenRit
from rosetta_jax.rungs.nmm1 import NMM1 as NMM1
from rosetta_jax.rungs.phase import PhaseOscillator as PhaseOscillator
from rosetta_jax.rungs.stuart_landau import StuartLandau as StuartLandau
from rosetta_jax.rungs.subcritical import SubcriticalStuartLandau as SubcriticalStuartLandau
from rosetta_jax.rungs.wilson_cowan import WilsonCowan as WilsonCowan
from rosetta_jax.system import Rung


def ladder() -> list[type[Rung]]:
    """The rungs in ladder order, from the barest oscillator to the richest column."""
    return [
        PhaseOscillator,
        HarmonicOscillator,
        StuartLandau,
        SubcriticalStuartLandau,
        WilsonCowan,
        NMM1,
        JansenRit,
    ]
