"""What a measurement makes of series of numbers: spectra, connectivity, synchrony, fewer samples.

Knows arrays only, `(time, nodes)`, so it serves simulations and recordings alike: whole series by functions, and
series that come in blocks and are never whole by reductions (`rosetta_jax.observe.streaming`).
"""

from rosetta_jax.observe.connectivity import covariance as covariance
from rosetta_jax.observe.connectivity import envelope_connectivity as envelope_connectivity
from rosetta_jax.observe.connectivity import functional_connectivity as functional_connectivity
from rosetta_jax.observe.connectivity import upper_triangle as upper_triangle
from rosetta_jax.observe.reduce import decimate as decimate
from rosetta_jax.observe.reduce import low_pass as low_pass
from rosetta_jax.observe.reduce import low_pass_taps as low_pass_taps
from rosetta_jax.observe.spectrum import Coherence as Coherence
from rosetta_jax.observe.spectrum import CrossPowerSpectrum as CrossPowerSpectrum
from rosetta_jax.observe.spectrum import PowerSpectrum as PowerSpectrum
from rosetta_jax.observe.spectrum import coherence as coherence
from rosetta_jax.observe.spectrum import cross_spectrum as cross_spectrum
from rosetta_jax.observe.spectrum import power_spectrum as power_spectrum
from rosetta_jax.observe.spectrum import through_window as through_window
from rosetta_jax.observe.spectrum import welch_averages as welch_averages
from rosetta_jax.observe.spectrum import welch_standard_error as welch_standard_error
from rosetta_jax.observe.streaming import BandCorrelation as BandCorrelation
from rosetta_jax.observe.streaming import Correlation as Correlation
from rosetta_jax.observe.streaming import MeanCovariance as MeanCovariance
from rosetta_jax.observe.streaming import Moments as Moments
from rosetta_jax.observe.streaming import Reduction as Reduction
from rosetta_jax.observe.streaming import WelchCoherence as WelchCoherence
from rosetta_jax.observe.streaming import WelchCrossSpectrum as WelchCrossSpectrum
from rosetta_jax.observe.streaming import WelchSpectrum as WelchSpectrum
from rosetta_jax.observe.synchrony import analytic_signal as analytic_signal
from rosetta_jax.observe.synchrony import envelope as envelope
from rosetta_jax.observe.synchrony import metastability as metastability
from rosetta_jax.observe.synchrony import order_parameter as order_parameter
from rosetta_jax.observe.synchrony import phase as phase
from rosetta_jax.observe.synchrony import phase_locking as phase_locking
