"""Exact linear-response theory of delayed networks: fixed point, stability, spectra, covariance."""

from rosetta_jax.linear.bold import bold_covariance as bold_covariance
from rosetta_jax.linear.bold import bold_cross_spectrum as bold_cross_spectrum
from rosetta_jax.linear.bold import bold_functional_connectivity as bold_functional_connectivity
from rosetta_jax.linear.bold import bold_spectrum as bold_spectrum
from rosetta_jax.linear.covariance import LinearConnectivity as LinearConnectivity
from rosetta_jax.linear.covariance import covariance as covariance
from rosetta_jax.linear.covariance import covariance_of as covariance_of
from rosetta_jax.linear.covariance import functional_connectivity as functional_connectivity
from rosetta_jax.linear.covariance import lyapunov as lyapunov
from rosetta_jax.linear.fixed_point import FixedPoint as FixedPoint
from rosetta_jax.linear.fixed_point import fixed_point as fixed_point
from rosetta_jax.linear.locked import LockedState as LockedState
from rosetta_jax.linear.locked import locked_stability as locked_stability
from rosetta_jax.linear.locked import locked_state as locked_state
from rosetta_jax.linear.locked import phase_spectrum as phase_spectrum
from rosetta_jax.linear.motif import Motif as Motif
from rosetta_jax.linear.motif import motif as motif
from rosetta_jax.linear.spectrum import LinearSpectrum as LinearSpectrum
from rosetta_jax.linear.spectrum import coherence as coherence
from rosetta_jax.linear.spectrum import cross_spectrum as cross_spectrum
from rosetta_jax.linear.spectrum import power_spectrum as power_spectrum
from rosetta_jax.linear.spectrum import response as response
from rosetta_jax.linear.stability import Stability as Stability
from rosetta_jax.linear.stability import stability as stability
