"""Whole-brain networks of neural masses in JAX.

The ladder of Castaldo et al., "Rosetta Stone of Neural Mass Models" (arXiv 2512.10982), made to run:
rungs wired into delayed, noisy networks; exact spectra without simulating; fits by gradient.
"""

from rosetta_jax import bifurcation as bifurcation
from rosetta_jax import data as data
from rosetta_jax import inference as inference
from rosetta_jax import linear as linear
from rosetta_jax import measures as measures
from rosetta_jax import observe as observe
from rosetta_jax import sweeps as sweeps
from rosetta_jax import synthetic as synthetic
from rosetta_jax import translation as translation
from rosetta_jax.edges import PerLink as PerLink
from rosetta_jax.edges import ShapedLinks as ShapedLinks
from rosetta_jax.edges import homotopic as homotopic
from rosetta_jax.edges import local_links as local_links
from rosetta_jax.evoked import Evoked as Evoked
from rosetta_jax.evoked import evoked as evoked
from rosetta_jax.forcing import Constant as Constant
from rosetta_jax.forcing import Field as Field
from rosetta_jax.forcing import FunctionDrive as FunctionDrive
from rosetta_jax.forcing import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from rosetta_jax.forcing import PowerLawNoise as PowerLawNoise
from rosetta_jax.forcing import PowerLawProcess as PowerLawProcess
from rosetta_jax.forcing import SampledDrive as SampledDrive
from rosetta_jax.forcing import Sinusoid as Sinusoid
from rosetta_jax.forcing import Step as Step
from rosetta_jax.forcing import WhiteNoise as WhiteNoise
from rosetta_jax.inference import ConnectivityLoss as ConnectivityLoss
from rosetta_jax.inference import FitResult as FitResult
from rosetta_jax.inference import Simulated as Simulated
from rosetta_jax.inference import SpectrumLoss as SpectrumLoss
from rosetta_jax.inference import SumOfLosses as SumOfLosses
from rosetta_jax.inference import Theory as Theory
from rosetta_jax.inference import fit as fit
from rosetta_jax.network import Connectome as Connectome
from rosetta_jax.network import Network as Network
from rosetta_jax.network import PhaseCoupling as PhaseCoupling
from rosetta_jax.network import alone as alone
from rosetta_jax.observe import BalloonWindkessel as BalloonWindkessel
from rosetta_jax.optimise import GradientDescent as GradientDescent
from rosetta_jax.optimise import LevenbergMarquardt as LevenbergMarquardt
from rosetta_jax.parameters import get as get
from rosetta_jax.parameters import parameter as parameter
from rosetta_jax.parameters import paths as paths
from rosetta_jax.parameters import replace as replace
from rosetta_jax.priors import Interval as Interval
from rosetta_jax.priors import LogNormal as LogNormal
from rosetta_jax.priors import Negative as Negative
from rosetta_jax.priors import NonNegative as NonNegative
from rosetta_jax.priors import Normal as Normal
from rosetta_jax.priors import Positive as Positive
from rosetta_jax.priors import Real as Real
from rosetta_jax.priors import Uniform as Uniform
from rosetta_jax.regional import PerRegion as PerRegion
from rosetta_jax.regional import linear_in as linear_in
from rosetta_jax.results import Status as Status
from rosetta_jax.results import load_arrays as load_arrays
from rosetta_jax.rungs import EIF as EIF
from rosetta_jax.rungs import LIF as LIF
from rosetta_jax.rungs import NMM1 as NMM1
from rosetta_jax.rungs import NMM2 as NMM2
from rosetta_jax.rungs import HarmonicOscillator as HarmonicOscillator
from rosetta_jax.rungs import JansenRit as JansenRit
from rosetta_jax.rungs import Laminar as Laminar
from rosetta_jax.rungs import Logistic as Logistic
from rosetta_jax.rungs import MasterMass as MasterMass
from rosetta_jax.rungs import PhaseOscillator as PhaseOscillator
from rosetta_jax.rungs import QIFCauchy as QIFCauchy
from rosetta_jax.rungs import QIFGauss as QIFGauss
from rosetta_jax.rungs import QIFPopulation as QIFPopulation
from rosetta_jax.rungs import Sigmoid as Sigmoid
from rosetta_jax.rungs import StuartLandau as StuartLandau
from rosetta_jax.rungs import SubcriticalStuartLandau as SubcriticalStuartLandau
from rosetta_jax.rungs import TransferFunction as TransferFunction
from rosetta_jax.rungs import Wendling as Wendling
from rosetta_jax.rungs import WilsonCowan as WilsonCowan
from rosetta_jax.rungs import ladder as ladder
from rosetta_jax.rungs import recommend as recommend
from rosetta_jax.simulation import Solution as Solution
from rosetta_jax.simulation import ensemble as ensemble
from rosetta_jax.simulation import explain as explain
from rosetta_jax.simulation import halved_step as halved_step
from rosetta_jax.simulation import lyapunov_exponent as lyapunov_exponent
from rosetta_jax.simulation import simulate as simulate
from rosetta_jax.sweeps import sweep as sweep
from rosetta_jax.system import Rung as Rung
from rosetta_jax.system import component as component
from rosetta_jax.system import describe as describe
from rosetta_jax.system import port as port
from rosetta_jax.translation import translate as translate
from rosetta_jax.working_points import working_brain as working_brain


def __getattr__(name: str):
    """`rosetta_jax.plot` and `rosetta_jax.report`, which need the extra `cli`, when first asked for."""
    if name in ("plot", "report", "gallery"):
        import importlib

        return importlib.import_module(f"rosetta_jax.{name}")
    raise AttributeError(f"module 'rosetta_jax' has no attribute {name!r}")
