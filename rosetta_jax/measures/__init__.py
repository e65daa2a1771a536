"""Measures ready for `rj.sweep`: readings of spectra, connectivity, synchrony and stability, exact or simulated.

measure = rj.measures.exact(rj.measures.Peak(), rj.measures.Stability())
dataset = rj.sweep(measure, brain, {"gain": jnp.linspace(0, 8, 41), "speed": jnp.linspace(2, 20, 37)})
"""

from rosetta_jax.measures.connectivity import Connectivity as Connectivity
from rosetta_jax.measures.connectivity import ConnectivityFit as ConnectivityFit
from rosetta_jax.measures.connectivity import Dynamics as Dynamics
from rosetta_jax.measures.connectivity import DynamicsFit as DynamicsFit
from rosetta_jax.measures.read import exact as exact
from rosetta_jax.measures.read import simulated as simulated
from rosetta_jax.measures.reading import Reading as Reading
from rosetta_jax.measures.spectra import BandPower as BandPower
from rosetta_jax.measures.spectra import Peak as Peak
from rosetta_jax.measures.spectra import Spectrum as Spectrum
from rosetta_jax.measures.spectra import SpectrumFit as SpectrumFit
from rosetta_jax.measures.stability import Margin as Margin
from rosetta_jax.measures.stability import Stability as Stability
from rosetta_jax.measures.synchrony import Synchrony as Synchrony
