"""From rung to rung and back."""

from rosetta_jax.translation.agreement import Agreement as Agreement
from rosetta_jax.translation.agreement import against_mean_field as against_mean_field
from rosetta_jax.translation.moebius import lorentzian as lorentzian
from rosetta_jax.translation.moebius import moebius as moebius
from rosetta_jax.translation.spiking import SpikingNetwork as SpikingNetwork
from rosetta_jax.translation.spiking import mean_field as mean_field
from rosetta_jax.translation.spiking import spiking as spiking
from rosetta_jax.translation.spiking_march import Activity as Activity
from rosetta_jax.translation.spiking_march import simulate_spiking as simulate_spiking
from rosetta_jax.translation.translate import translate as translate
from rosetta_jax.translation.translated import Compared as Compared
from rosetta_jax.translation.translated import Translation as Translation
