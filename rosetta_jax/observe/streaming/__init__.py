"""Measures of a series that is never whole: block by block, in memory that does not grow with time.

Each is an off-line measure of this package made from blocks of rows, equal to it to rounding: `Moments` and
`Correlation` merge sums, `WelchSpectrum` and its kin hold one segment and transform it when it is full.
"""

from rosetta_jax.observe.streaming.moments import Correlation as Correlation
from rosetta_jax.observe.streaming.moments import MeanCovariance as MeanCovariance
from rosetta_jax.observe.streaming.moments import Moments as Moments
from rosetta_jax.observe.streaming.reduction import OfBold as OfBold
from rosetta_jax.observe.streaming.reduction import Reduction as Reduction
from rosetta_jax.observe.streaming.welch import BandCorrelation as BandCorrelation
from rosetta_jax.observe.streaming.welch import WelchCoherence as WelchCoherence
from rosetta_jax.observe.streaming.welch import WelchCrossSpectrum as WelchCrossSpectrum
from rosetta_jax.observe.streaming.welch import WelchSpectrum as WelchSpectrum
