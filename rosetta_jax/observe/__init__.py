"""What a measurement makes of series of numbers: spectra, connectivity, synchrony, features, what sensors see.

Knows arrays only, `(time, nodes)`, so it serves simulations and recordings alike: whole series by functions, and
series that come in blocks and are never whole by reductions (`rosetta_jax.observe.streaming`).
"""

from rosetta_jax.observe.aperiodic import Aperiodic as Aperiodic
from rosetta_jax.observe.aperiodic import aperiodic_fit as aperiodic_fit
from rosetta_jax.observe.bold import BalloonState as BalloonState
from rosetta_jax.observe.bold import BalloonWindkessel as BalloonWindkessel
from rosetta_jax.observe.connectivity import covariance as covariance
from rosetta_jax.observe.connectivity import envelope_connectivity as envelope_connectivity
from rosetta_jax.observe.connectivity import functional_connectivity as functional_connectivity
from rosetta_jax.observe.connectivity import upper_triangle as upper_triangle
from rosetta_jax.observe.dynamic_connectivity import cumulative_share as cumulative_share
from rosetta_jax.observe.dynamic_connectivity import (
    functional_connectivity_dynamics as functional_connectivity_dynamics,
)
from rosetta_jax.observe.dynamic_connectivity import kolmogorov_smirnov as kolmogorov_smirnov
from rosetta_jax.observe.dynamic_connectivity import wasserstein as wasserstein
from rosetta_jax.observe.dynamic_connectivity import windowed_connectivity as windowed_connectivity
from rosetta_jax.observe.features import Peak as Peak
from rosetta_jax.observe.features import band_power as band_power
from rosetta_jax.observe.features import centre_of_gravity as centre_of_gravity
from rosetta_jax.observe.features import relative_band_power as relative_band_power
from rosetta_jax.observe.features import spectral_edge as spectral_edge
from rosetta_jax.observe.features import spectral_peak as spectral_peak
from rosetta_jax.observe.lagged import lagged_correlations as lagged_correlations
from rosetta_jax.observe.layered_sphere import layered_lead_field as layered_lead_field
from rosetta_jax.observe.lead_field import LeadField as LeadField
from rosetta_jax.observe.lead_field import whitener as whitener
from rosetta_jax.observe.leakage import orthogonalised as orthogonalised
from rosetta_jax.observe.local_order import distance_between as distance_between
from rosetta_jax.observe.local_order import local_order_parameter as local_order_parameter
from rosetta_jax.observe.local_order import turbulence as turbulence
from rosetta_jax.observe.multitaper import multitaper_cross_spectrum as multitaper_cross_spectrum
from rosetta_jax.observe.multitaper import (
    multitaper_degrees_of_freedom as multitaper_degrees_of_freedom,
)
from rosetta_jax.observe.multitaper import multitaper_spectrum as multitaper_spectrum
from rosetta_jax.observe.phase_lag import Coherency as Coherency
from rosetta_jax.observe.phase_lag import PhaseLag as PhaseLag
from rosetta_jax.observe.phase_lag import coherency as coherency
from rosetta_jax.observe.phase_lag import coherency_of as coherency_of
from rosetta_jax.observe.phase_lag import phase_lag_index as phase_lag_index
from rosetta_jax.observe.phase_lag import weighted_phase_lag_index as weighted_phase_lag_index
from rosetta_jax.observe.reduce import decimate as decimate
from rosetta_jax.observe.reduce import low_pass as low_pass
from rosetta_jax.observe.reduce import low_pass_taps as low_pass_taps
from rosetta_jax.observe.response_function import GammaHRF as GammaHRF
from rosetta_jax.observe.spectrum import Coherence as Coherence
from rosetta_jax.observe.spectrum import CrossPowerSpectrum as CrossPowerSpectrum
from rosetta_jax.observe.spectrum import PowerSpectrum as PowerSpectrum
from rosetta_jax.observe.spectrum import coherence as coherence
from rosetta_jax.observe.spectrum import cross_spectrum as cross_spectrum
from rosetta_jax.observe.spectrum import power_spectrum as power_spectrum
from rosetta_jax.observe.spectrum import through_window as through_window
from rosetta_jax.observe.spectrum import welch_averages as welch_averages
from rosetta_jax.observe.spectrum import welch_standard_error as welch_standard_error
from rosetta_jax.observe.sphere import sphere_potential as sphere_potential
from rosetta_jax.observe.sphere import spherical_lead_field as spherical_lead_field
from rosetta_jax.observe.streaming import BandCorrelation as BandCorrelation
from rosetta_jax.observe.streaming import Correlation as Correlation
from rosetta_jax.observe.streaming import MeanCovariance as MeanCovariance
from rosetta_jax.observe.streaming import Moments as Moments
from rosetta_jax.observe.streaming import OfBold as OfBold
from rosetta_jax.observe.streaming import Reduction as Reduction
from rosetta_jax.observe.streaming import WelchCoherence as WelchCoherence
from rosetta_jax.observe.streaming import WelchCrossSpectrum as WelchCrossSpectrum
from rosetta_jax.observe.streaming import WelchSpectrum as WelchSpectrum
from rosetta_jax.observe.synchrony import analytic_signal as analytic_signal
from rosetta_jax.observe.synchrony import envelope as envelope
from rosetta_jax.observe.synchrony import metastability as metastability
from rosetta_jax.observe.synchrony import order_parameter as order_parameter
from rosetta_jax.observe.synchrony import pairwise_phase_consistency as pairwise_phase_consistency
from rosetta_jax.observe.synchrony import phase as phase
from rosetta_jax.observe.synchrony import phase_locking as phase_locking
