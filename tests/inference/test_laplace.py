"""Posteriors from curvature: coverage over many data sets, and what data do not tell."""

import jax
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import (
    FisherLoss,
    WhittleLoss,
    laplace,
    simulation_based_calibration,
)

BINS = np.arange(3.0, 30.0, 0.5)
DEGREES, SETS = 24.0, 150
FREE = {"rung.alpha": rj.Normal(-8.0, 3.0), "rung.omega": rj.LogNormal(60.0, 0.2)}


def alone():
    return rj.alone(rj.HarmonicOscillator(alpha=-8.0, omega=60.0), noise=rj.WhiteNoise(1.0))


@pytest.fixture(scope="module")
def calibrated():
    """Parameters drawn from the prior, a spectrum of each, and the posteriors of their fits."""
    loss = WhittleLoss(BINS, rj.linear.power_spectrum(alone(), BINS).density, DEGREES)
    return simulation_based_calibration(alone(), FREE, loss, sets=SETS, show_progress=False)


def test_intervals_cover_at_their_rate(calibrated):
    # Three standard errors of a share of 0.9 in so many sets.
    np.testing.assert_allclose(calibrated.coverage(0.9), 0.9, atol=3 * np.sqrt(0.09 / SETS))
    assert (calibrated.p_values() > 0.01).all()
    assert calibrated.ranked.all()


def test_widths_are_those_of_the_scatter(calibrated):
    np.testing.assert_allclose(calibrated.scores.std(axis=0), 1.0, atol=0.2)


def test_a_spectrum_tells_damping_and_frequency(calibrated):
    assert (calibrated.contraction > 0.9).all()


def test_what_the_data_do_not_tell_is_named():
    """Two links of 30 and 40 mm: the speed moves no bin by more than its scatter, and is as wide as its prior."""
    wires = rj.Connectome([[0.0, 0.3], [0.2, 0.0]], [[0.0, 30.0], [40.0, 0.0]])
    rung = rj.HarmonicOscillator(alpha=-8.0, omega=60.0)
    brain = rj.Network(rung, wires, gain=1.0, speed=8.0, noise=rj.WhiteNoise(1.0))
    seen = rj.linear.power_spectrum(brain, BINS).density
    free = FREE | {"speed": rj.LogNormal(8.0, 0.3)}
    loss = WhittleLoss(BINS, seen, DEGREES)
    fitted = rj.fit(brain, free, loss, starts=1, prior_weight=1.0, show_progress=False)
    posterior = laplace(brain, free, loss, fitted)
    assert posterior.untold == [("speed",)]
    width, shares = posterior.sloppiest(count=1)[0]
    assert width == pytest.approx(posterior.widths[0, 2], rel=0.02)
    assert shares["speed[2]"] > 0.95


def test_one_vector_of_two_people_is_told_by_both():
    brain = rj.Network(
        rj.HarmonicOscillator(alpha=-20.0, omega=50.0),
        rj.Connectome([[0.0, 0.5, 0.1], [0.2, 0.0, 1.0], [0.3, 0.8, 0.0]]),
        gain=4.0,
        noise=rj.WhiteNoise(1.0),
    )
    loss = FisherLoss(rj.linear.functional_connectivity(brain).matrix, 100)
    free = {"gain": rj.LogNormal(4.0, 0.5)}
    settings = {"starts": 1, "show_progress": False}
    one = rj.fit(brain, free, loss, prior_weight=1.0, **settings)
    two = rj.fit([brain] * 2, free, [loss] * 2, pooled=True, prior_weight=0.5, **settings)
    alone = 1 / laplace(brain, free, loss, one).covariance[0, 0, 0] - 1
    both = 1 / laplace([brain] * 2, free, [loss] * 2, two, pooled=True).covariance[0, 0, 0] - 1
    assert both == pytest.approx(2 * alone, rel=1e-3)


def test_draws_have_the_shape_of_their_parameter():
    brain = rj.alone(
        rj.HarmonicOscillator(alpha=-8.0, omega=60.0), nodes=2, noise=rj.WhiteNoise(1.0)
    )
    loss = WhittleLoss(BINS, rj.linear.power_spectrum(brain, BINS).density, DEGREES)
    free = {"rung.omega": rj.PerRegion(rj.LogNormal(60.0, 0.2), 0.5)}
    fitted = rj.fit(brain, free, loss, starts=1, prior_weight=1.0, show_progress=False)
    drawn = laplace(brain, free, loss, fitted).draws(jax.random.key(0), 50)
    assert drawn["rung.omega"].shape == (1, 50, 2)
    assert 0 < drawn["rung.omega"].std() < 12.0


def test_another_fit_is_named():
    brain, free = alone(), {"rung.omega": rj.LogNormal(60.0, 0.2)}
    loss = WhittleLoss(BINS, rj.linear.power_spectrum(brain, BINS).density, DEGREES)
    fitted = rj.fit(brain, free, loss, starts=1, show_progress=False)
    with pytest.raises(ValueError, match=r"`result` holds 1 vectors of 1 numbers.*1 of 2"):
        laplace(brain, FREE, loss, fitted)


def test_draws_lie_about_what_was_found_whatever_the_order_of_what_is_free():
    """Paths that are not in the order of the alphabet, in which compiled functions hold a dictionary."""
    brain = alone()
    free = {"rung.omega": rj.LogNormal(60.0, 0.2), "noise.sigma": rj.LogNormal(1.0, 0.2)}
    other = rj.replace(brain, {"rung.omega": 80.0})
    loss = WhittleLoss(BINS, rj.linear.power_spectrum(other, BINS).density, DEGREES, level="given")
    fitted = rj.fit(brain, free, loss, starts=1, prior_weight=1.0, show_progress=False)
    posterior = laplace(brain, free, loss, fitted)
    drawn = posterior.draws(jax.random.key(0), 400)
    for path, values in fitted.values.items():
        assert np.median(drawn[path]) == pytest.approx(float(values[0]), rel=0.02)
    before = posterior.prior_draws(jax.random.key(1), 4000)
    for path, kind in free.items():
        assert np.median(before[path]) == pytest.approx(kind.median, rel=0.02)
        assert np.log(before[path]).std() == pytest.approx(0.2, rel=0.05)


def test_dear_derivatives_are_those_of_the_fit():
    """Numbers by region are taken apart in descents, and in the information alike."""
    nodes = 9
    rung = rj.HarmonicOscillator(alpha=np.full(nodes, -8.0), omega=60.0)
    brain = rj.Network(rung, rj.Connectome(1 - np.eye(nodes)), gain=0.2, noise=rj.WhiteNoise(1.0))
    loss = WhittleLoss(BINS, rj.linear.power_spectrum(brain, BINS).density, DEGREES)
    free = {"rung.alpha": rj.PerRegion(rj.Normal(-8.0, 3.0), 0.5), "gain": rj.LogNormal(0.2, 0.3)}
    fitted = rj.fit(brain, free, loss, starts=1, prior_weight=1.0, show_progress=False)
    posterior = laplace(brain, free, loss, fitted)
    assert posterior.asked.objective.slopes is not None
    at = posterior.mean[0]
    residuals = jax.jit(lambda vector: posterior.asked.objective.residuals(vector, data))
    data = jax.tree.map(lambda leaf: leaf[0], posterior.asked.data)
    slopes = np.asarray(jax.jacfwd(residuals)(at))
    np.testing.assert_allclose(np.linalg.inv(slopes.T @ slopes), posterior.covariance[0], rtol=1e-6)
