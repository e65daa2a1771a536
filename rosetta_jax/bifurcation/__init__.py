"""Equilibria and cycles of rungs and networks along their parameters, and where they change their fate."""

from rosetta_jax.bifurcation.attractors import Attractors as Attractors
from rosetta_jax.bifurcation.attractors import attractors as attractors
from rosetta_jax.bifurcation.curves import PlaneCurve as PlaneCurve
from rosetta_jax.bifurcation.curves import curve_of as curve_of
from rosetta_jax.bifurcation.cycles import CycleBranch as CycleBranch
from rosetta_jax.bifurcation.cycles import FoldOfCycles as FoldOfCycles
from rosetta_jax.bifurcation.cycles import cycles as cycles
from rosetta_jax.bifurcation.equilibria import Branch as Branch
from rosetta_jax.bifurcation.equilibria import Hopf as Hopf
from rosetta_jax.bifurcation.equilibria import continuation as continuation
from rosetta_jax.bifurcation.fixed_points import Equilibrium as Equilibrium
from rosetta_jax.bifurcation.fixed_points import fixed_points as fixed_points
from rosetta_jax.bifurcation.limit_cycle import Cycle as Cycle
from rosetta_jax.bifurcation.limit_cycle import limit_cycle as limit_cycle
from rosetta_jax.bifurcation.points import Fold as Fold
