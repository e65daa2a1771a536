"""Dispersion: what deviances are in expectation, widths of a model that is wrong, and coverage."""

import dataclasses

import jax
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import (
    AtSensors,
    FisherLoss,
    Measured,
    PowerLaw,
    WhittleLoss,
    WishartLoss,
    laplace,
    nuts,
)
from rosetta_jax.inference.dispersion import data_count, data_counts
from rosetta_jax.inference.problem import problem
from rosetta_jax.inference.sampling import _dispersions
from rosetta_jax.observe import LeadField

BINS = np.arange(2.0, 42.0)
EXPONENT = {"exponent": rj.Normal(1.0, 1.0)}
QUIET = {"show_progress": False}
SD = 2.0
RNG = np.random.default_rng(7)
TRUE = BINS[:, None] ** -1.0 * np.ones(3)
MATRIX = np.array([[1.0, 0.6, 0.1], [0.6, 1.0, 0.3], [0.1, 0.3, 1.0]])


def level_loss(seen):
    """The squares in units of SD, summed: a deviance that is quadratic in the exponent."""
    return rj.SpectrumLoss(BINS, 10 ** (seen / 10)[:, None], "level", weight=len(BINS), sd=SD)


def correlations(samples):
    return np.corrcoef(RNG.multivariate_normal(np.zeros(3), MATRIX, size=samples).T)


def spectrum(degrees):
    return TRUE * RNG.chisquare(degrees, TRUE.shape) / degrees


KINDS = {
    "given": (lambda: WhittleLoss(BINS, spectrum(4.0), 4.0, "given"), 200),
    "each": (lambda: WhittleLoss(BINS, spectrum(2.0), 2.0), 200),
    "shared": (lambda: WhittleLoss(BINS, spectrum(2.0), 2.0, "shared", regions=[0, 2]), 200),
    "fisher": (lambda: FisherLoss(correlations(60), 60), 400),
    "wishart": (lambda: WishartLoss(correlations(200), 199), 400),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_count_of_data_is_the_deviance_of_a_true_model_in_expectation(kind):
    make, number = KINDS[kind]
    first = make()
    truth = (
        WhittleLoss(BINS, TRUE, 2.0) if isinstance(first, WhittleLoss) else FisherLoss(MATRIX, 9)
    )
    cost = jax.jit(lambda loss: loss.residual(Measured(truth)))
    found = [np.sum(cost(make()) ** 2) for _ in range(number)]
    residuals = cost(first).size
    error = np.std(found) / np.sqrt(number)
    assert data_count([first], residuals) == pytest.approx(np.mean(found), abs=3.5 * error)
    assert error < 0.05 * np.mean(found)


def test_counts_add_over_parts_people_and_sensors():
    one, other = WhittleLoss(BINS, TRUE, 8.0), WishartLoss(MATRIX, 30)
    alone = data_count([one], 120), data_count([other], 1)
    assert alone[1] == 3
    both = rj.SumOfLosses((AtSensors(LeadField(np.eye(3)), one), other))
    assert data_count([both, both], 242) == pytest.approx(2 * sum(alone))


@pytest.mark.parametrize("degrees", [(2.0, 40.0), (40.0, 2.0)])
def test_one_vector_counts_the_data_of_all_people(degrees):
    losses = [WhittleLoss(BINS, TRUE, each) for each in degrees]
    asked = [PowerLaw()] * 2, EXPONENT, losses, jax.random.key(0), None, 1.0
    own, (together,) = (data_counts(problem(*asked, pooled)) for pooled in (False, True))
    assert own[0] != own[1] and together == pytest.approx(own.sum())
    for loss, count in zip(losses, own, strict=True):
        assert count == pytest.approx(data_count([loss], TRUE.size))


SLOPE = -10 * np.log10(BINS) / SD
WAVE = 5 * np.sin(BINS)


def fitted(losses, **more):
    asked = ([PowerLaw()] * len(losses), EXPONENT, losses)
    found = rj.fit(*asked, starts=1, prior_weight=1.0, **QUIET)
    return laplace(*asked, found, **more), (asked, found)


@pytest.fixture(scope="module")
def wrong():
    """Two people of a curve with a wave on it that the model does not know, and of one without."""
    return fitted([level_loss(WAVE - 12 * np.log10(BINS)), level_loss(-12 * np.log10(BINS))])


def test_a_wave_that_the_model_does_not_know_widens_the_posterior(wrong):
    posterior, (asked, found) = wrong
    residual = (WAVE - 12 * np.log10(BINS)) / SD - SLOPE * (1 + posterior.mean[0, 0])
    told = SLOPE @ SLOPE / (1 + SLOPE @ SLOPE)
    expected = residual @ residual / (len(BINS) - told)
    assert expected > 3
    np.testing.assert_allclose(posterior.dispersion, [expected, 1.0], rtol=1e-9)
    precision = SLOPE @ SLOPE / posterior.dispersion + 1
    np.testing.assert_allclose(posterior.widths[:, 0], precision**-0.5, rtol=1e-9)
    assert f"dispersion of up to {expected:.3g}" in posterior.message
    plain = laplace(*asked, found, dispersion=1)
    np.testing.assert_allclose(plain.widths[:, 0], (SLOPE @ SLOPE + 1) ** -0.5, rtol=1e-9)
    assert "dispersion 1)" in plain.message


def test_people_who_share_a_vector_share_a_dispersion(wrong):
    _, ((models, free, losses), _) = wrong
    found = rj.fit(models, free, losses, pooled=True, starts=1, prior_weight=0.5, **QUIET)
    pooled = laplace(models, free, losses, found, pooled=True)
    residual = np.stack([WAVE, 0 * WAVE]) / SD - SLOPE * (pooled.mean[0, 0] - 0.2)
    assert pooled.dispersion == pytest.approx(np.sum(residual**2) / (2 * len(BINS) - 1), rel=1e-3)


@pytest.fixture(scope="module")
def scattered():
    """Sixty people each of whom the errors are as stated, and twice as large."""
    sets, rng = 60, np.random.default_rng(3)
    truth = 1 + rng.normal(size=2 * sets)
    noise = np.repeat([1.0, 2.0], sets)[:, None] * rng.normal(size=(2 * sets, len(BINS)))
    posterior, (asked, found) = fitted(
        [level_loss(SD * (SLOPE * k + each)) for k, each in zip(truth, noise, strict=True)]
    )
    plain = laplace(*asked, found, dispersion=1)
    scores = [(each.mean - truth[:, None] + 1) / each.widths for each in (posterior, plain)]
    return posterior, [np.split(np.abs(each[:, 0]), 2) for each in scores]


def test_intervals_cover_what_scatters_more_than_stated(scattered):
    posterior, (auto, plain) = scattered
    three_errors = 3 * np.sqrt(0.09 / 60)
    for scores in auto:
        assert abs((scores < 1.645).mean() - 0.9) < three_errors
    # With twice the errors 1.645 widths are 0.82 of what scatters: 59 %.
    assert (plain[0] < 1.645).mean() > 0.9 - three_errors
    assert abs((plain[1] < 1.645).mean() - 0.59) < 0.2
    right, twice = np.split(posterior.dispersion, 2)
    assert right.mean() == pytest.approx(1.1, abs=0.08) and right.min() == 1
    assert twice.mean() == pytest.approx(4.0, abs=3 * 4 * np.sqrt(2 / 39 / 60))


def test_draws_are_as_wide(wrong):
    pytest.importorskip("numpyro")
    posterior, (asked, found) = wrong
    draws = nuts(*asked, start=found, draws=400, warmup=100, chains=2, **QUIET)
    np.testing.assert_allclose(draws.dispersion, posterior.dispersion, rtol=1e-9)
    widths = (SLOPE @ SLOPE / draws.dispersion + 1) ** -0.5
    for person in range(2):
        count = draws.effective[person, 0]
        assert draws.widths[person, 0] == pytest.approx(widths[person], rel=4 / np.sqrt(2 * count))
    assert f"dispersion of up to {draws.dispersion.max():.3g}" in draws.message


def test_draws_take_the_dispersion_that_is_given_or_that_of_their_start_or_none(wrong):
    posterior, _ = wrong
    asked = posterior.asked
    assert _dispersions(asked, posterior, 9.0).tolist() == [9.0, 9.0]
    assert _dispersions(asked, None, None).tolist() == [1.0, 1.0]
    lost = dataclasses.replace(posterior, dispersion=np.array([np.nan, 2.0]))
    assert _dispersions(asked, lost, None).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("given", ["automatic", 0.0, -1.0, np.nan])
def test_a_wrong_dispersion_is_named(wrong, given):
    _, (asked, found) = wrong
    with pytest.raises(ValueError, match="`dispersion`"):
        laplace(*asked, found, dispersion=given)
