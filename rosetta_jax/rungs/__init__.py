"""The rungs of the ladder, one file each, and their list in ladder order."""

from rosetta_jax.rungs.harmonic import HarmonicOscillator as HarmonicOscillator
from rosetta_jax.rungs.jansen_rit import JansenRit as JansenRit
from rosetta_jax.rungs.ladder import Recommendation as Recommendation
from rosetta_jax.rungs.ladder import Step as Step
from rosetta_jax.rungs.ladder import ladder as ladder
from rosetta_jax.rungs.ladder import recommend as recommend
from rosetta_jax.rungs.laminar import Laminar as Laminar
from rosetta_jax.rungs.master_mass import MasterMass as MasterMass
from rosetta_jax.rungs.nmm1 import NMM1 as NMM1
from rosetta_jax.rungs.nmm2 import NMM2 as NMM2
from rosetta_jax.rungs.nmm2 import QIFPopulation as QIFPopulation
from rosetta_jax.rungs.phase import PhaseOscillator as PhaseOscillator
from rosetta_jax.rungs.stuart_landau import StuartLandau as StuartLandau
from rosetta_jax.rungs.subcritical import SubcriticalStuartLandau as SubcriticalStuartLandau
from rosetta_jax.rungs.transfer import EIF as EIF
from rosetta_jax.rungs.transfer import LIF as LIF
from rosetta_jax.rungs.transfer import Logistic as Logistic
from rosetta_jax.rungs.transfer import QIFCauchy as QIFCauchy
from rosetta_jax.rungs.transfer import QIFGauss as QIFGauss
from rosetta_jax.rungs.transfer import Sigmoid as Sigmoid
from rosetta_jax.rungs.transfer import TransferFunction as TransferFunction
from rosetta_jax.rungs.wendling import Wendling as Wendling
from rosetta_jax.rungs.wilson_cowan import WilsonCowan as WilsonCowan
