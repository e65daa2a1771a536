"""What acts on nodes from outside the network: `F(t) = f(t) + lambda . E(t) + eta(t)`."""

from rosetta_jax.forcing.drive import Constant as Constant
from rosetta_jax.forcing.drive import Drive as Drive
from rosetta_jax.forcing.drive import FunctionDrive as FunctionDrive
from rosetta_jax.forcing.drive import SampledDrive as SampledDrive
from rosetta_jax.forcing.drive import Sinusoid as Sinusoid
from rosetta_jax.forcing.drive import Step as Step
from rosetta_jax.forcing.field import Field as Field
from rosetta_jax.forcing.forcing import Forcing as Forcing
from rosetta_jax.forcing.forcing import Sum as Sum
from rosetta_jax.forcing.forcing import inputs_of as inputs_of
from rosetta_jax.forcing.noise import Noise as Noise
from rosetta_jax.forcing.noise import NoiseProcess as NoiseProcess
from rosetta_jax.forcing.noise import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from rosetta_jax.forcing.noise import WhiteNoise as WhiteNoise
from rosetta_jax.forcing.power_law import PowerLawNoise as PowerLawNoise
from rosetta_jax.forcing.power_law import PowerLawProcess as PowerLawProcess
