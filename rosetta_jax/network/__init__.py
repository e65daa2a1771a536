"""Rungs wired into brains: connectome, coupling, delays, and the transport that marches them."""

from rosetta_jax.network.connectome import NORMALISATIONS as NORMALISATIONS
from rosetta_jax.network.connectome import Connectome as Connectome
from rosetta_jax.network.connectome import spectral_radius as spectral_radius
from rosetta_jax.network.connectome import unconnected as unconnected
from rosetta_jax.network.coupling import Additive as Additive
from rosetta_jax.network.coupling import Coupling as Coupling
from rosetta_jax.network.coupling import Diffusive as Diffusive
from rosetta_jax.network.coupling import PhaseCoupling as PhaseCoupling
from rosetta_jax.network.harmonics import HARMONICS as HARMONICS
from rosetta_jax.network.harmonics import Harmonics as Harmonics
from rosetta_jax.network.harmonics import harmonics as harmonics
from rosetta_jax.network.network import Network as Network
from rosetta_jax.network.network import alone as alone
from rosetta_jax.network.network import delay_bounds as delay_bounds
from rosetta_jax.network.network import delays_known as delays_known
from rosetta_jax.network.network import lifted as lifted
from rosetta_jax.network.self_loop import as_network as as_network
from rosetta_jax.network.self_loop import looped as looped
from rosetta_jax.network.self_loop import looped_members as looped_members
