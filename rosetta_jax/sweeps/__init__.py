"""Sweeps: any measure of any system over a product of axes, in chunks that survive whatever ends the sweep.

Knows nothing of neuroscience: the measures are in `rosetta_jax.measures`.
"""

from rosetta_jax.sweeps.axes import Axis as Axis
from rosetta_jax.sweeps.axes import random as random
from rosetta_jax.sweeps.axes import seeds as seeds
from rosetta_jax.sweeps.axes import sobol as sobol
from rosetta_jax.sweeps.axes import table as table
from rosetta_jax.sweeps.best import at_edges as at_edges
from rosetta_jax.sweeps.best import best as best
from rosetta_jax.sweeps.best import over_seeds as over_seeds
from rosetta_jax.sweeps.best import swept_parameters as swept_parameters
from rosetta_jax.sweeps.estimate import Estimate as Estimate
from rosetta_jax.sweeps.measure import Measure as Measure
from rosetta_jax.sweeps.members import member as member
from rosetta_jax.sweeps.store import load as load
from rosetta_jax.sweeps.sweep import estimate as estimate
from rosetta_jax.sweeps.sweep import summary as summary
from rosetta_jax.sweeps.sweep import sweep as sweep
