"""Where branches of cycles end: on a saddle, at a fold of equilibria, and not at rounding."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import continuation, cycles
from rosetta_jax.bifurcation.collocation import Orbit
from rosetta_jax.bifurcation.cycles import _at_half_the_period
from rosetta_jax.bifurcation.equilibria import equilibrium_near
from rosetta_jax.bifurcation.family import family
from rosetta_jax.bifurcation.pseudo_arclength import ENDED, Curve
from rosetta_jax.bifurcation.roots import characteristic_roots


def test_a_cycle_that_meets_a_saddle_beside_a_fold_is_homoclinic():
    """The limit cycle of Wilson and Cowan 1972 ends at 1.068, within two hundredths of a fold of equilibria."""
    branch = continuation(rj.WilsonCowan.named("WC72"), "bias_x", (-0.5, 4.0))
    found = cycles(branch)
    assert (found.kind, found.folds) == ("homoclinic", ())
    assert found.end == pytest.approx(1.0681896, abs=1e-6)
    assert min(abs(fold.value - found.end) for fold in branch.folds) < 0.02
    # By the logarithm of the distance, at the rate of the saddle's root nearest to the axis.
    late = (found.periods > 0.25) & (found.periods < 0.6)
    distance, periods = found.values[late] - found.end, found.periods[late]
    rate = -np.polyfit(periods, np.log(distance), 1)[0]
    saddles = [roots_at(branch, state, found.end) for state in branch.at(found.end)]
    (slowest,) = [np.abs(each.real).min() for each in saddles if each.real[0] * each.real[1] < 0]
    assert rate == pytest.approx(slowest, rel=0.01)


def roots_at(branch, state, value):
    x, _ = equilibrium_near(branch.family, jnp.asarray(state), jnp.asarray([value]))
    return characteristic_roots(branch.family, x, jnp.asarray([value]))


def test_an_unstable_cycle_is_followed_to_the_saddle_on_which_it_ends():
    """That of the original Wendling column: near the saddle a perturbation grows by 48.9 a second."""
    branch = continuation(rj.Wendling(), "bias", (-80.0, 220.0))
    found = cycles(branch, longest_period=3.0)
    assert (found.kind, found.folds) == ("homoclinic", ())
    assert found.end == pytest.approx(26.69307, abs=5e-5)
    assert found.periods[-1] > 3.0


def test_the_square_root_of_a_snic_is_told_from_the_logarithm_of_a_saddle():
    periods = np.geomspace(0.1, 10.0, 40)
    room = np.zeros((40, 3))

    def halfway(values):
        points = np.column_stack([room, periods, values])
        return _at_half_the_period(Curve(points, points, points, ENDED))

    # (C / T)^2 from the fold: at half the period four times as far.
    assert halfway(2 + periods**-2.0) == pytest.approx(2 + 4 * periods[-1] ** -2, rel=1e-9)
    assert halfway(2 + np.exp(-3 * periods)) == pytest.approx(2 + np.exp(-15), abs=1e-6)
    assert halfway(np.full(40, 2.0)) == 2.0


def test_a_component_of_rounding_alone_reverses_no_cycle():
    of = family(rj.StuartLandau(), ("alpha",))
    mesh, angles = jnp.full(10, 0.1), 2 * np.pi * np.arange(40).reshape(10, 4) / 40
    noise = np.random.default_rng(0).normal(size=(2, 10, 4))

    def orbit(sign):
        places = np.stack([sign * 1e-3 * np.cos(angles), 1e-12 * noise[0]], axis=2)
        return jnp.asarray(np.append(places, [1.0, 0.0]))

    before = np.stack([-np.sin(angles + np.pi / 40), 1e-20 * noise[1]], axis=2)
    problem = Orbit(of, mesh, jnp.asarray(before), jnp.asarray(5.0))
    assert not problem.ended(orbit(1)) and problem.ended(orbit(-1))
