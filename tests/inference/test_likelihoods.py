"""Losses that are likelihoods: against SciPy's densities, sampled variances, and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import rosetta_jax as rj
from rosetta_jax.inference import FisherLoss, WhittleLoss, WishartLoss
from rosetta_jax.inference.likelihoods import degrees_of_freedom, effective_samples, root_deviance
from rosetta_jax.inference.route import Prediction

BINS = np.arange(2.0, 12.0)


class Given(Prediction):
    """A prediction that is known."""

    def __init__(self, density=None, correlations=None):
        self._density, self._correlations = density, correlations

    @property
    def status(self):
        return jnp.int32(0)

    def spectrum(self, frequencies):
        return jnp.asarray(self._density)

    def connectivity(self, band):
        return jnp.asarray(self._correlations)

    def lagged(self, lags, band):
        raise NotImplementedError

    def bold(self):
        return self

    def evoked(self, times, low_pass):
        raise NotImplementedError

    def evoked_by_site(self, times, low_pass):
        raise NotImplementedError

    def dynamics(self, window, step, bins):
        raise NotImplementedError

    def sensors(self, lead_field):
        raise NotImplementedError


def deviance(loss, prediction):
    return float(jnp.sum(loss.residual(prediction) ** 2))


def spectra(seed, nodes=3):
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(size=(BINS.size, nodes)))


def gamma_log_likelihood(measured, fitted, degrees):
    return stats.gamma.logpdf(measured, degrees / 2, scale=2 * fitted / degrees).sum()


def test_whittle_is_the_likelihood_of_averaged_periodograms():
    measured, first, second = spectra(0), spectra(1), spectra(2)
    degrees = 12.0
    loss = WhittleLoss(BINS, measured, degrees, level="given")
    found = deviance(loss, Given(first)) - deviance(loss, Given(second))
    expected = -2 * (
        gamma_log_likelihood(measured, first, degrees)
        - gamma_log_likelihood(measured, second, degrees)
    )
    assert found == pytest.approx(expected, rel=1e-10)
    assert deviance(loss, Given(measured)) == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("level", ["each", "shared"])
def test_a_level_that_is_not_known_is_the_best_one(level):
    measured, fitted = spectra(0), spectra(1)
    degrees = np.linspace(6, 20, BINS.size)
    loss = WhittleLoss(BINS, measured, degrees, level=level)
    scaled = WhittleLoss(BINS, measured, degrees, level="given")
    best = deviance(loss, Given(fitted))
    assert deviance(loss, Given(7.0 * fitted)) == pytest.approx(best, rel=1e-10)
    weights = np.broadcast_to(degrees[:, None], measured.shape)
    axis = 0 if level == "each" else None
    factor = (weights * measured / fitted).sum(axis, keepdims=True) / weights.sum(
        axis, keepdims=True
    )
    assert deviance(scaled, Given(fitted * factor)) == pytest.approx(best, rel=1e-10)
    for other in (0.97, 1.03):
        assert deviance(scaled, Given(fitted * factor * other)) > best


def test_curves_and_regions_count_where_they_should():
    measured, curve = spectra(0), np.linspace(-3, 3, BINS.size)
    fitted = measured / 10 ** (curve / 10)[:, None]
    assert deviance(WhittleLoss(BINS, measured, 8.0, curve=curve), Given(fitted)) < 1e-18
    assert deviance(rj.SpectrumLoss(BINS, measured, curve=curve), Given(fitted)) < 1e-18
    fitted = fitted.copy()
    fitted[:, 1] = 1.0
    some = WhittleLoss(BINS, measured, 8.0, curve=curve, regions=[0, 2])
    assert deviance(some, Given(fitted)) < 1e-18
    assert deviance(WhittleLoss(BINS, measured, 8.0, curve=curve), Given(fitted)) > 1.0


def test_the_root_of_the_deviance_is_smooth_at_one():
    at = jnp.array([0.3, 1 - 2e-4, 1 - 5e-5, 1.0, 1 + 5e-5, 1 + 2e-4, 4.0])
    np.testing.assert_allclose(root_deviance(at) ** 2, at - 1 - jnp.log(at), rtol=1e-6, atol=1e-18)
    slopes = jax.vmap(jax.grad(root_deviance))(at)
    np.testing.assert_allclose(slopes[1:6], 1 / np.sqrt(2), rtol=3e-4)


@pytest.mark.parametrize("degrees", [4.0, 30.0])
def test_degrees_of_freedom_are_found_from_scatter(degrees):
    rng = np.random.default_rng(3)
    smooth = np.exp(-np.linspace(0, 3, 60))[:, None]
    measured = smooth * rng.chisquare(degrees, size=(60, 200)) / degrees
    assert degrees_of_freedom(measured) == pytest.approx(degrees, rel=0.08)


def test_fisher_z_of_samples_has_unit_variance():
    """Correlations of n samples: the residual against the true ones is standard normal."""
    rng = np.random.default_rng(4)
    true = np.array([[1.0, 0.6, 0.2], [0.6, 1.0, -0.3], [0.2, -0.3, 1.0]])
    residuals = []
    for _ in range(600):
        seen = np.corrcoef(rng.multivariate_normal(np.zeros(3), true, size=40).T)
        residuals.append(np.asarray(FisherLoss(seen, 40).residual(Given(correlations=true))))
    assert np.std(residuals) == pytest.approx(1.0, abs=0.05)


def test_wishart_is_its_likelihood():
    rng = np.random.default_rng(5)
    samples, n = rng.normal(size=(30, 4)) @ rng.normal(size=(4, 4)), 30
    measured = np.corrcoef(samples.T)
    first, second = np.corrcoef(rng.normal(size=(4, 50))), np.eye(4)
    loss = WishartLoss(measured, n)
    found = deviance(loss, Given(correlations=first)) - deviance(loss, Given(correlations=second))
    expected = -2 * (
        stats.wishart.logpdf(measured * n, n, first) - stats.wishart.logpdf(measured * n, n, second)
    )
    assert found == pytest.approx(expected, rel=1e-9)


def test_effective_samples_of_an_autoregression():
    """Bartlett: n (1 - a^2) / (1 + a^2)."""
    rng, a, length = np.random.default_rng(6), 0.8, 20000
    series = np.zeros((length, 6))
    for t in range(1, length):
        series[t] = a * series[t - 1] + rng.normal(size=6)
    assert effective_samples(series) == pytest.approx(length * (1 - a**2) / (1 + a**2), rel=0.1)


def test_parameters_come_back_with_their_stated_error():
    """A frequency fitted to chi-squared spectra: estimates scatter as the curvature of the deviance says."""
    rung = rj.HarmonicOscillator(alpha=-8.0, omega=60.0)
    brain = rj.alone(rung, noise=rj.WhiteNoise(1.0))
    bins = np.arange(3.0, 25.0, 0.5)
    exact = np.asarray(rj.linear.power_spectrum(brain, bins).density)
    rng, degrees, people = np.random.default_rng(7), 20.0, 60
    seen = exact * rng.chisquare(degrees, size=(people, *exact.shape)) / degrees
    found = rj.fit(
        [brain] * people,
        {"rung.omega": rj.LogNormal(60.0, 0.3)},
        [WhittleLoss(bins, each, degrees) for each in seen],
        starts=1,
        prior_weight=0.0,
        show_progress=False,
    )

    def log_density(omega):
        at = rj.replace(brain, {"rung.omega": omega})
        return jnp.log(rj.linear.power_spectrum(at, bins).density[:, 0])

    slope = np.asarray(jax.jacfwd(log_density)(jnp.asarray(60.0)))
    slope = slope - slope.mean()  # the level is free
    error = np.sqrt(2 / (degrees * (slope**2).sum()))
    assert found.values["rung.omega"].std() == pytest.approx(error, rel=0.25)
    assert abs(found.values["rung.omega"].mean() - 60.0) < 4 * error / np.sqrt(people)


def test_a_curve_of_a_cohort_is_what_fits_miss():
    fitted = np.exp(np.random.default_rng(8).normal(size=(4, BINS.size, 3)))
    curve = np.sin(BINS) - np.sin(BINS).mean()
    measured = 5.0 * fitted * 10 ** (curve / 10)[None, :, None]
    np.testing.assert_allclose(rj.inference.cohort_curve(measured, fitted), curve, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WhittleLoss(BINS, spectra(0), -1.0), "`degrees`"),
        (lambda: WhittleLoss(BINS, spectra(0), np.ones(4)), r"`degrees`.*\(4,\)"),
        (lambda: WhittleLoss(BINS, spectra(0), 4.0, level="none"), "`level`"),
        (lambda: WhittleLoss(BINS, spectra(0), 4.0, curve=np.ones(3)), r"`curve`.*\(3,\)"),
        (lambda: FisherLoss(np.eye(3), 2), "`samples` must be above 3"),
        (lambda: WishartLoss(np.eye(3), 3), "above the 3 regions"),
        (lambda: WishartLoss(np.ones((3, 3)), 30), "eigenvalue"),
        (lambda: effective_samples(np.ones((4, 2))), "`series`"),
        (lambda: degrees_of_freedom(np.ones((4, 2))), "`measured`"),
    ],
)
def test_wrong_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
