"""Branches of cycles: closed forms, published numbers, measured order, folds and endings, wrong input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import continuation, cycles
from rosetta_jax.bifurcation.collocation import Orbit, between, slopes_of, whole
from rosetta_jax.bifurcation.cycles import _problem, others
from rosetta_jax.bifurcation.family import family
from rosetta_jax.bifurcation.portions import in_portions
from rosetta_jax.bifurcation.pseudo_arclength import _newton


@pytest.fixture(scope="module")
def planar():
    rung = rj.StuartLandau(omega=6.0, gamma=2.0, beta=1.0)
    return cycles(continuation(rung, "alpha", (-1.0, 3.0)), intervals=20)


def test_cycles_of_stuart_landau_are_those_of_the_closed_form(planar):
    """r = sqrt(alpha/gamma), Omega = omega - beta alpha/gamma, multiplier exp(-2 alpha T): equations.md 3a."""
    alpha = planar.values
    np.testing.assert_allclose(planar.high[:, 0], np.sqrt(np.abs(alpha) / 2), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(planar.low, -planar.high, atol=1e-8)
    np.testing.assert_allclose(planar.periods, 2 * np.pi / (6.0 - alpha / 2), rtol=1e-9)
    decay = np.exp(-2 * alpha * planar.periods)
    np.testing.assert_allclose(others(planar.multipliers)[1:, 0], decay[1:], atol=1e-8)
    np.testing.assert_allclose(np.abs(planar.multipliers - 1).min(axis=1), 0.0, atol=1e-8)
    assert planar.kind == "limit" and planar.stable[1:].all()
    assert planar.values[-1] == 3.0


def test_an_orbit_is_a_circle(planar):
    times, states = planar.orbit(-1)
    np.testing.assert_allclose(times[-1], planar.periods[-1])
    np.testing.assert_allclose(np.hypot(*states.T), np.sqrt(1.5), rtol=1e-6)


def test_cycles_converge_no_slower_than_the_eighth_power():
    """The period of Wilson-Cowan at P_x = 0, set WC-a, by intervals of equal length."""
    branch = continuation(rj.WilsonCowan.named("WC-a"), "bias_x", (-5.0, 3.0))
    found = cycles(branch, limits=(0.0, 3.0), intervals=60)
    assert found.values[-1] == 0.0
    np.testing.assert_allclose(found.periods[-1] / 0.01, 3.144088, atol=5e-7)

    @eqx.filter_jit
    def period(problem: Orbit, z):
        last = jnp.zeros_like(z).at[-1].set(1.0)
        start = jnp.zeros((), z.dtype)
        return _newton(problem, z, last, start, z, problem.sizes(z))[0][-2]

    fine = _problem(found.family, found.curve.notes[-1], np.inf)
    z = jnp.asarray(found.curve.points[-1])
    errors, numbers = [], (8, 12, 18, 27)
    for number in numbers:
        mesh = jnp.full(number, 1.0 / number)
        at = jnp.arange(4 * number) / (4 * number)
        places = between(fine.mesh, whole(fine.places(z)), at).reshape(number, 4, -1)
        problem = Orbit(found.family, mesh, slopes_of(mesh, whole(places)), fine.longest)
        start = jnp.concatenate([places.reshape(-1), z[-2:]])
        errors.append(abs(float(period(problem, start)) / found.periods[-1] - 1))
    slope = np.polyfit(np.log(numbers), np.log(errors), 1)[0]
    assert slope < -7.5, errors


@pytest.fixture(scope="module")
def column():
    return continuation(rj.JansenRit(), "bias", (-80.0, 350.0))


def test_spikes_of_jansen_rit_go_from_hopf_through_a_fold_to_the_snic(column):
    spikes = cycles(column, 0)
    assert (spikes.kind, spikes.end) == ("SNIC", column.folds[0].value)
    (fold,) = spikes.folds
    # Extrapolated from multipliers in equations.md 5.3 (137.376 within 0.003), 137.38 by Grimbert and Faugeras.
    assert fold.value == pytest.approx(137.379267, abs=2e-6)
    # Between the spike at 137, 2.959 and 11.615 mV, and the unstable cycle there.
    assert fold.low[0] == pytest.approx(3.205, abs=1e-3)
    assert fold.high[0] == pytest.approx(11.58, abs=1e-2)
    turned = np.argmax(spikes.values)
    assert not spikes.stable[1:turned].any() and spikes.stable[turned + 2 :].all()
    # By the square root of the distance: T sqrt(p - p_c) settles.
    distance = spikes.values[-4:] - spikes.end
    law = spikes.periods[-4:] * np.sqrt(distance)
    assert np.ptp(law) < 0.02 * law.mean() and (np.diff(spikes.periods[-4:]) > 0).all()


def test_alpha_of_jansen_rit_lives_between_two_hopf_points(column):
    alpha = cycles(column, 1)
    assert (alpha.kind, alpha.folds) == ("Hopf", ()) and alpha.stable[1:].all()
    assert alpha.end == pytest.approx(315.696428, abs=1e-6)
    hertz = {120.0: 10.4683, 220.0: 10.9380, 270.0: 11.0782}
    for value, expected in hertz.items():
        near = cycles(column, 1, limits=(-80.0, value))
        assert near.values[-1] == value
        assert near.frequencies[-1] == pytest.approx(expected, abs=6e-5)
        if value == 220.0:
            np.testing.assert_allclose(near.low[-1], 6.0883, atol=1e-4)
            np.testing.assert_allclose(near.high[-1], 9.0344, atol=1e-4)
            multipliers = np.sort(np.abs(near.multipliers[-1]))[::-1]
            np.testing.assert_allclose(multipliers[:3], [1, 0.862412, 4.6e-4], atol=5e-6)


def test_a_subcritical_oscillator_has_its_fold_of_cycles():
    """At alpha = -gamma_3^2 / 4 gamma_5, of the radius sqrt(gamma_3 / 2 gamma_5)."""
    rung = rj.SubcriticalStuartLandau()
    branch = continuation(rung, "alpha", (-6.0, 2.0))
    assert branch.hopfs[0].label == "HB−"
    found = cycles(branch)
    cubic, quintic = (float(getattr(rung, name)) for name in ("gamma3", "gamma5"))
    (fold,) = found.folds
    assert fold.value == pytest.approx(-(cubic**2) / (4 * quintic), rel=1e-9)
    np.testing.assert_allclose(fold.high, np.sqrt(cubic / (2 * quintic)), rtol=1e-5)
    assert found.kind == "limit" and not found.stable[1] and found.stable[-1]


def test_multipliers_are_those_of_the_variational_equation(column):
    """Against Runge-Kutta steps of the flow and its derivative."""
    near = cycles(column, 1, limits=(-80.0, 220.0))
    _, states = near.orbit(-1, samples=2)
    period, of, steps = near.periods[-1], near.family, 4000
    value = jnp.asarray([220.0])

    @jax.jit
    def flow(x):
        h = period / steps

        def step(x, _):
            a = of.drift(x, value)
            b = of.drift(x + h / 2 * a, value)
            c = of.drift(x + h / 2 * b, value)
            d = of.drift(x + h * c, value)
            return x + h / 6 * (a + 2 * b + 2 * c + d), None

        return jax.lax.scan(step, x, None, length=steps)[0]

    x = jnp.asarray(states[0])
    np.testing.assert_allclose(flow(x), x, rtol=1e-7, atol=1e-6)
    expected = np.sort(np.abs(np.linalg.eigvals(np.asarray(jax.jacfwd(flow)(x)))))[::-1]
    np.testing.assert_allclose(np.sort(np.abs(near.multipliers[-1]))[::-1], expected, atol=1e-8)


def test_wrong_input_is_named(column):
    with pytest.raises(ValueError, match=r"`hopf` must be one of the 3 Hopf points.* got 3"):
        cycles(column, 3)
    network = rj.Network(
        rj.WilsonCowan.named("WC-b"),
        rj.Connectome(np.ones((2, 2)) - np.eye(2), 50.0 * (np.ones((2, 2)) - np.eye(2))),
        gain=0.1,
    )
    delayed = continuation(network, "rung.bias_y", (-7.0, -6.5), longest=0.3)
    with pytest.raises(ValueError, match="`branch` is of a network with delays"):
        cycles(delayed)


def test_the_highest_signal_is_that_of_the_polynomial_however_uneven_its_intervals(column):
    spikes = cycles(column, 0, longest=0.05)
    for point in range(1, len(spikes.values), 9):
        _, states = spikes.orbit(point, samples=100_001)
        signal = states[:, 1] - states[:, 2]
        assert spikes.high[point, 0] == pytest.approx(signal.max(), abs=2e-5)
        assert spikes.low[point, 0] == pytest.approx(signal.min(), abs=2e-5)


def test_newtons_step_of_a_cycle_is_that_of_its_whole_matrix():
    of, draw = family(rj.JansenRit(), ("bias",)), np.random.default_rng(0)
    mesh = draw.uniform(0.5, 1.5, 5)
    places, before = draw.normal(size=(2, 5, 4, 6))
    problem = Orbit(of, jnp.asarray(mesh / mesh.sum()), jnp.asarray(before), jnp.asarray(1.0))
    z = jnp.asarray(np.append(places, [0.1, 100.0]))
    row, short = jnp.asarray(draw.normal(size=z.size)), jnp.asarray(0.3)
    change, direction = eqx.filter_jit(problem.step)(z, row, short)
    matrix = np.append(jax.jit(jax.jacfwd(problem.residual))(z), row[None], axis=0)
    residual = np.append(-problem.residual(z), short)
    np.testing.assert_allclose(change, np.linalg.solve(matrix, residual), rtol=1e-8)
    last = np.zeros(z.size)
    last[-1] = 1.0
    np.testing.assert_allclose(direction, np.linalg.solve(matrix, last), rtol=1e-8)


def test_a_degenerate_hopf_point_is_named_and_has_no_branch_of_cycles():
    (hopf,) = (branch := continuation(rj.HarmonicOscillator(), "alpha", (-1.0, 1.0))).hopfs
    assert hopf.label == "HB" and hopf.degenerate
    with pytest.raises(ValueError, match=r"`hopf` at alpha = .* is degenerate: its first Lyapunov"):
        cycles(branch)


def test_points_are_looked_at_in_portions_of_one_size():
    sizes = []

    def doubled(one, other):
        sizes.append(len(one))
        return 2 * one, one + other

    one, other = np.arange(10.0), np.arange(10.0)[:, None] * np.ones(2)
    twice, both = in_portions(doubled, 4, one[:, None], other)
    assert sizes == [4, 4, 4]
    np.testing.assert_array_equal(twice, 2 * one[:, None])
    np.testing.assert_array_equal(both, 2 * other)
