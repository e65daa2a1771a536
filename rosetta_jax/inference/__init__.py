"""Fitting models to measured spectra and connectivity by descent, and judging the fits."""

from rosetta_jax.inference.curves import Curve as Curve
from rosetta_jax.inference.curves import PowerLaw as PowerLaw
from rosetta_jax.inference.curves import PowerLawAndGaussian as PowerLawAndGaussian
from rosetta_jax.inference.curves import TwoLorentzians as TwoLorentzians
from rosetta_jax.inference.fit import FitResult as FitResult
from rosetta_jax.inference.fit import fit as fit
from rosetta_jax.inference.losses import ConnectivityLoss as ConnectivityLoss
from rosetta_jax.inference.losses import Loss as Loss
from rosetta_jax.inference.losses import SpectrumLoss as SpectrumLoss
from rosetta_jax.inference.losses import SumOfLosses as SumOfLosses
from rosetta_jax.inference.measures import correlation_db as correlation_db
from rosetta_jax.inference.measures import map_correlation as map_correlation
from rosetta_jax.inference.measures import paired_difference as paired_difference
from rosetta_jax.inference.measures import relative_power as relative_power
from rosetta_jax.inference.presets import PRESETS as PRESETS
from rosetta_jax.inference.presets import Preset as Preset
from rosetta_jax.inference.presets import preset as preset
from rosetta_jax.inference.study import Scored as Scored
from rosetta_jax.inference.study import Study as Study
from rosetta_jax.inference.study import study as study
