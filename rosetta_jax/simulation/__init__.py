"""Simulation: the march with delays and noise, and the adaptive path without."""

from rosetta_jax.simulation.ensemble import ensemble as ensemble
from rosetta_jax.simulation.explain import explain as explain
from rosetta_jax.simulation.halved_step import StepCheck as StepCheck
from rosetta_jax.simulation.halved_step import halved_step as halved_step
from rosetta_jax.simulation.held import Held as Held
from rosetta_jax.simulation.lyapunov import lyapunov_exponent as lyapunov_exponent
from rosetta_jax.simulation.simulate import simulate as simulate
from rosetta_jax.simulation.solution import Settings as Settings
from rosetta_jax.simulation.solution import Solution as Solution
