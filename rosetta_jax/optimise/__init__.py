"""Descent of any loss from many starts at once: lanes that cannot hurt each other.

Two methods: `LevenbergMarquardt` where the loss is a sum of squares, with the exact Jacobian by forward
differentiation, and `GradientDescent` with any optax optimiser, forward or reverse.
"""

from rosetta_jax.optimise.checkpoint import Checkpoint as Checkpoint
from rosetta_jax.optimise.kept import kept_program as kept_program
from rosetta_jax.optimise.lanes import Descent as Descent
from rosetta_jax.optimise.lanes import Program as Program
from rosetta_jax.optimise.lanes import descend as descend
from rosetta_jax.optimise.methods import GradientDescent as GradientDescent
from rosetta_jax.optimise.methods import Lane as Lane
from rosetta_jax.optimise.methods import LevenbergMarquardt as LevenbergMarquardt
from rosetta_jax.optimise.methods import Method as Method
from rosetta_jax.optimise.methods import Objective as Objective
from rosetta_jax.optimise.methods import with_value as with_value
