"""Simulation: the march with delays and noise, and the adaptive path without."""

from rosetta_jax.simulation.simulate import simulate as simulate
from rosetta_jax.simulation.solution import Solution as Solution
