"""What a posterior predicts: bands against the law of scatter, unstable draws left out, a misfit seen."""

import jax
import numpy as np
import pytest
from scipy.stats import chi2

import rosetta_jax as rj
from rosetta_jax.inference import (
    Draws,
    FisherLoss,
    Posterior,
    PowerLaw,
    WhittleLoss,
    posterior_predictive,
)
from rosetta_jax.inference.problem import problem
from rosetta_jax.results import Status

BINS, DEGREES = np.arange(2.0, 22.0), 24.0
FREE = {"exponent": rj.Normal(1.0, 1.0)}
KEY = jax.random.key(2)


def posterior_of(model, free, loss, mean, covariance, route=None):
    """A normal posterior as given, of as many people as `mean` has rows."""
    asked = problem(model, free, loss, jax.random.key(0), route, 1.0, False)
    status, names = np.zeros(len(mean), np.int32), tuple(asked.parameters.names)
    prior, dispersion = np.ones(len(names), bool), np.ones(len(mean))
    return Posterior(np.array(mean), np.array(covariance), status, names, prior, asked, dispersion)


def whittle(exponent, factor=1.0, seed=0, degrees=DEGREES):
    rng = np.random.default_rng(seed)
    scatter = rng.chisquare(DEGREES, size=(len(BINS), 1)) / DEGREES
    return WhittleLoss(BINS, factor * BINS[:, None] ** -exponent * scatter, degrees)


@pytest.fixture(scope="module")
def two():
    """Two people whose exponents, 1 and 1.5, are known to a hundredth; the second recorded at another gain."""
    losses = [whittle(1.0), whittle(1.5, 50.0, 1)]
    posterior = posterior_of([PowerLaw()] * 2, FREE, losses, [[0.0], [0.5]], [[[1e-4]]] * 2)
    return posterior, losses, posterior_predictive(posterior, KEY, 2000)


def test_replicated_data_scatter_as_the_estimator_does(two):
    _, losses, found = two
    assert found.predicted.shape == found.replicated.shape == (2, 2000, len(BINS), 1)
    np.testing.assert_array_equal(found.measured, [each.measured for each in losses])
    np.testing.assert_array_equal(found.frequencies, BINS)
    for person, exponent in enumerate((1.0, 1.5)):
        centre = np.median(found.predicted[person], axis=0)
        np.testing.assert_allclose(
            centre / centre[0], (BINS / BINS[0])[:, None] ** -exponent, rtol=0.01
        )
        band = found.band(0.9)[person]
        wanted = chi2.ppf([0.05, 0.95], DEGREES) / DEGREES
        np.testing.assert_allclose((band / centre).mean(axis=(1, 2)), wanted, rtol=0.02)
        narrow = found.band(0.9, of="predicted")[person]
        assert (band[0] < narrow[0]).all() and (narrow[1] < band[1]).all()


def test_predictions_have_the_level_of_what_was_measured(two):
    _, _, found = two
    ratio = found.measured[:, None] / found.predicted
    np.testing.assert_allclose(ratio.mean(axis=2), 1.0, rtol=1e-10)


def test_a_good_model_is_not_rejected_and_wrong_degrees_are(two):
    posterior, _, found = two
    assert ((found.p_value > 0.02) & (found.p_value < 0.98)).all()
    np.testing.assert_allclose(found.replicated_deviance.mean(), len(BINS) - 1, rtol=0.05)
    boast = [whittle(1.0, degrees=240.0), whittle(1.5, 50.0, 1, degrees=240.0)]
    assert posterior_predictive(posterior, KEY, 2000, loss=boast).p_value.max() < 0.01


def test_draws_of_chains_predict_what_their_values_say(two):
    _, losses, _ = two
    values = {"exponent": np.stack([np.full((2, 20), 1.0), np.full((2, 20), 1.5)])}
    shape = np.zeros((2, 2, 20))
    draws = Draws(
        vectors=values["exponent"][..., None] - 1,
        values=values,
        log_density=shape,
        diverging=shape > 0,
        acceptance=shape,
        steps=shape.astype(int),
        r_hat=np.ones((2, 1)),
        effective=np.ones((2, 1)),
        status=np.zeros(2, np.int32),
        names=("exponent",),
        metadata={},
    )
    with pytest.raises(ValueError, match="loaded without its `model`"):
        posterior_predictive(draws, KEY, 2000)
    found = posterior_predictive(draws, KEY, 2000, model=PowerLaw(), loss=losses)
    assert found.predicted.shape[1] == 40
    curve = found.predicted[1, 7, :, 0]
    np.testing.assert_allclose(curve / curve[0], (BINS / BINS[0]) ** -1.5)
    assert posterior_predictive(draws, KEY, 7, model=PowerLaw(), loss=losses).status.shape == (2, 7)


@pytest.fixture(scope="module")
def edge():
    """Correlations of two regions whose damping may be any of -8 +- 8 1/s: beyond 0 there is no prediction."""
    wires = rj.Connectome([[0.0, 0.5], [0.3, 0.0]])
    rung = rj.HarmonicOscillator(alpha=-8.0, omega=50.0)
    brain = rj.Network(rung, wires, gain=2.0, noise=rj.WhiteNoise(1.0))
    seen = rj.linear.functional_connectivity(brain).matrix
    free = {"rung.alpha": rj.Normal(-8.0, 8.0)}
    loss = FisherLoss(seen, 103)
    posterior = posterior_of(brain, free, loss, [[0.0]], [[[1.0]]])
    return posterior, posterior_predictive(posterior, KEY, 200), np.asarray(seen)


def test_unstable_draws_are_flagged_and_left_out_of_the_band(edge):
    posterior, found, _ = edge
    alpha = posterior.draws(jax.random.split(KEY)[0], 200)["rung.alpha"][0]
    unstable = found.status[0] == Status.unstable
    assert found.left_out[0] == pytest.approx((found.status[0] != 0).mean())
    assert 0.05 < found.left_out[0] < 0.4
    assert alpha[unstable].min() > alpha[found.status[0] == 0].max()
    assert np.isnan(found.predicted[0][unstable]).all()
    assert np.isfinite(found.band(0.5)).all()
    assert 0 <= found.p_value[0] <= 1


def test_connectivity_scatters_about_its_prediction(edge):
    _, found, seen = edge
    good = found.status[0] == 0
    z = [np.arctanh(each[0, good, 0, 1]) for each in (found.replicated, found.predicted)]
    assert (z[0] - z[1]).std() == pytest.approx(0.1, rel=0.2)
    np.testing.assert_allclose(found.measured[0], seen)
    assert found.frequencies is None


def test_a_person_without_a_fit_has_no_prediction(two):
    _, losses, _ = two
    nowhere = posterior_of(
        [PowerLaw()] * 2, FREE, losses, [[0.0], [np.nan]], [[[1e-4]], [[np.nan]]]
    )
    found = posterior_predictive(nowhere, KEY, 2000)
    assert found.status[1].tolist() == [Status.non_finite] * 2000
    assert np.isnan(found.band()[1]).all() and np.isfinite(found.band()[0]).all()
    assert np.isnan(found.p_value[1])


@pytest.mark.parametrize(
    "change, words",
    [
        ({"loss": rj.SumOfLosses((whittle(1.0), whittle(1.0)))}, "`loss` is a sum"),
        ({"loss": rj.SpectrumLoss(BINS, BINS[:, None])}, "says how far"),
        ({"model": [PowerLaw()] * 3}, "2 people, `model` 3"),
    ],
)
def test_what_cannot_be_predicted_is_named(two, change, words):
    with pytest.raises(ValueError, match=words):
        posterior_predictive(two[0], KEY, 10, **change)


def test_wrong_bands_are_named(two):
    with pytest.raises(ValueError, match="`level`"):
        two[2].band(90.0)
    with pytest.raises(ValueError, match="`of` is 'measured'"):
        two[2].band(of="measured")
