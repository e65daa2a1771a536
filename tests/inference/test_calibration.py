"""Calibration: ranks of the truth, the scatter of drawn data, and a posterior that is found to be wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import chisquare

import rosetta_jax as rj
from rosetta_jax.inference import (
    Calibration,
    FisherLoss,
    PowerLaw,
    PowerLawAndGaussian,
    WhittleLoss,
    simulation_based_calibration,
)
from rosetta_jax.inference.likelihoods import WishartLoss
from rosetta_jax.inference.replication import expected, replicated
from rosetta_jax.inference.route import CurvePrediction
from rosetta_jax.inference.theory import Theory
from rosetta_jax.results import Status

BINS = np.arange(2.0, 42.0)
EXPONENT = {"exponent": rj.Normal(1.0, 1.0)}
QUIET = {"show_progress": False}


def whittle(curve, degrees, level="each"):
    return WhittleLoss(BINS, curve.spectrum(jnp.asarray(BINS)), degrees, level)


class Correlated(CurvePrediction):
    """Known correlations."""

    def __init__(self, matrix):
        self._matrix = matrix

    def connectivity(self, band):
        return self._matrix


def drawn(loss, prediction, number=2000):
    keys = jax.random.split(jax.random.key(5), number)
    return np.asarray(
        jax.jit(jax.vmap(lambda key: replicated(loss, prediction, key).measured))(keys)
    )


def test_spectra_scatter_as_an_average_of_periodograms_about_the_fitted_level():
    curve = PowerLaw(exponent=1.5)
    loss = WhittleLoss(BINS, 7 * curve.spectrum(jnp.asarray(BINS)), 24.0)
    centre = np.asarray(expected(loss, CurvePrediction(curve)))
    np.testing.assert_allclose(centre[:, 0], 7 * BINS**-1.5)
    ratio = drawn(loss, CurvePrediction(curve)) / centre
    np.testing.assert_allclose(ratio.mean(), 1.0, atol=0.005)
    np.testing.assert_allclose(ratio.var(), 2 / 24, rtol=0.03)
    given = whittle(curve, 24.0, "given")
    np.testing.assert_allclose(expected(given, CurvePrediction(curve))[:, 0], BINS**-1.5)


MATRIX = jnp.array([[1.0, 0.6, 0.1], [0.6, 1.0, 0.3], [0.1, 0.3, 1.0]])


def test_correlations_scatter_by_fishers_z_pair_by_pair():
    found = drawn(FisherLoss(MATRIX, 28), Correlated(MATRIX))
    z = np.arctanh(found[:, [0, 0, 1], [1, 2, 2]])
    np.testing.assert_allclose(z.mean(axis=0), np.arctanh([0.6, 0.1, 0.3]), atol=0.02)
    np.testing.assert_allclose(z.var(axis=0), 1 / 25, rtol=0.12)
    np.testing.assert_array_equal(found, np.swapaxes(found, 1, 2))


def test_a_whole_matrix_scatters_as_correlations_of_samples():
    loss = WishartLoss(MATRIX, 5)
    found = drawn(loss, Correlated(MATRIX), 8000)
    rng = np.random.default_rng(0)
    # Their mean takes one.
    samples = rng.multivariate_normal(np.zeros(3), MATRIX, size=(8000, 6))
    wanted = np.stack([np.corrcoef(each, rowvar=False) for each in samples])
    np.testing.assert_allclose(found.mean(axis=0), wanted.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(found.std(axis=0), wanted.std(axis=0), atol=0.02)
    again = replicated(loss, Correlated(MATRIX), jax.random.key(0))
    np.testing.assert_allclose(again.log_determinant, np.linalg.slogdet(again.measured)[1])


def test_a_sum_of_losses_draws_each_part():
    curve = PowerLaw()
    both = rj.SumOfLosses((whittle(curve, 24.0), whittle(curve, 2400.0)))
    first, second = replicated(both, CurvePrediction(curve), jax.random.key(0)).parts
    centre = np.asarray(curve.spectrum(jnp.asarray(BINS)))
    assert np.std(first.measured / centre) > 5 * np.std(second.measured / centre)


def test_ranks_say_how_often_intervals_cover():
    ranks = np.array([[0, 49], [99, 50], [5, 45], [94, 54], [4, 95], [-1, -1]])
    zeros = np.zeros(ranks.shape)
    width = np.where(ranks < 0, np.nan, 0.5)
    status = np.array([0, 0, 0, 0, 0, 4], np.int32)
    found = Calibration(zeros, zeros, width, ranks, status, ("a", "b"), 99, 1.0)
    assert found.ranked.tolist() == [True] * 5 + [False]
    np.testing.assert_allclose(found.coverage(0.9), [2 / 5, 4 / 5])
    np.testing.assert_allclose(found.contraction, 0.75)
    assert found.counts(10)[:, 0].tolist() == [3, 0, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.counts(10)[:, 1].tolist() == [0, 0, 0, 0, 2, 2, 0, 0, 0, 1]
    np.testing.assert_allclose(found.p_values(10), chisquare(found.counts(10)).pvalue)
    assert "1 of 6 the fixed point is unstable" in found.message
    with pytest.raises(ValueError, match=r"`bins` of 7 do not divide the 100 ranks"):
        found.counts(7)
    with pytest.raises(ValueError, match="`level`"):
        found.coverage(90.0)


class Wall(Theory):
    """Nothing is predicted of steep curves."""

    def predict(self, model, key):
        return Walled(model)


class Walled(CurvePrediction):
    @property
    def status(self):
        beyond = self._curve.exponent > 1.0
        return jnp.where(beyond, jnp.int32(Status.unstable), jnp.int32(Status.ok))


def test_truths_come_from_the_stable_part_of_the_prior():
    settings = {"sets": 40, "draws": 19, "starts": 1, "route": Wall(), **QUIET}
    found = simulation_based_calibration(
        PowerLaw(exponent=0.5), EXPONENT, whittle(PowerLaw(), 24.0), **settings
    )
    assert found.truth.shape == (40, 1) and found.truth.max() < 0
    assert found.stable == pytest.approx(0.5, abs=0.2)
    assert found.truth.min() < -1


SMALL = PowerLawAndGaussian(height=1.0)
HEIGHT = {"height": rj.LogNormal(1.0, 1.5)}


@pytest.mark.parametrize("sampler, good", [("laplace", False), ("nuts", True)])
def test_a_skewed_posterior_is_calibrated_by_draws_and_not_by_a_normal(sampler, good):
    if sampler == "nuts":
        pytest.importorskip("numpyro")
    found = simulation_based_calibration(
        SMALL,
        HEIGHT,
        whittle(SMALL, 40.0),
        sets=100,
        sampler=sampler,
        draws=99,
        starts=1,
        sampling={"draws": 200, "warmup": 60, "chains": 1} if sampler == "nuts" else None,
        **QUIET,
    )
    assert found.ranked.all() and found.names == ("height",)
    # The higher the posterior, the fewer draws lie below the truth.
    assert np.corrcoef(found.scores[:, 0], found.ranks[:, 0])[0, 1] < -0.5
    assert (found.p_values(5)[0] > 0.01) == good
    if good:
        assert abs(found.coverage(0.8)[0] - 0.8) < 0.12


@pytest.mark.parametrize(
    "change, words",
    [
        ({"loss": rj.SpectrumLoss(BINS, BINS[:, None])}, "SpectrumLoss, which says how far"),
        ({"free": {"exponent": rj.Real()}}, r"leaves \['exponent'\] without a prior"),
        ({"sampler": "gibbs"}, "`sampler`"),
        ({"sampler": "nuts", "draws": 999}, r"`draws` of 999 are more than the 400"),
        ({"free": {"exponent": rj.Normal(9.0, 0.5)}, "route": Wall()}, r"0.0% is stable"),
    ],
)
def test_what_cannot_be_calibrated_is_named(change, words):
    asked = {"model": PowerLaw(), "free": EXPONENT, "loss": whittle(PowerLaw(), 24.0), "sets": 10}
    with pytest.raises(ValueError, match=words):
        simulation_based_calibration(**asked | change, **QUIET)
