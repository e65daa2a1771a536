"""Losses of correlations at lags: by theory and simulation, at sensors, of BOLD, with their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import AtSensors, LaggedCovarianceLoss, PowerLaw
from rosetta_jax.inference.route import CurvePrediction
from rosetta_jax.inference.theory import predict
from rosetta_jax.observe import LeadField, lagged_correlations
from rosetta_jax.parameters import FreeParameters

WEIGHTS = np.array([[0.0, 1.0, 0.2], [0.1, 0.0, 0.9], [0.7, 0.0, 0.0]])
LAGS = (0.0, 0.02, -0.02, 0.06)
BAND = (6.0, 14.0)
LEADS = LeadField(np.array([[1.0, 0.3, 0.0], [0.0, -0.5, 1.0]]))


def brain(gain=3.0, **parts):
    lengths = 150 * np.array([[0.0, 1.0, 0.6], [0.8, 0.0, 1.0], [0.7, 0.0, 0.0]])
    given = {"noise": rj.WhiteNoise(0.5), "speed": 8.0} | parts
    rung = rj.HarmonicOscillator([-9.0, -7.0, -8.0], [50.0, 62.0, 70.0])
    return rj.Network(rung, rj.Connectome(WEIGHTS, lengths), gain=gain, **given)


# --- the estimate -------------------------------------------------------------------------------

SERIES = np.cumsum(np.random.default_rng(3).normal(size=(400, 3)), axis=0)


def test_the_estimate_is_the_sum_over_pairs_of_samples():
    found = lagged_correlations(SERIES, 0.01, (0.0, 0.02, -0.02))
    centred = SERIES - SERIES.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    later = centred[2:].T @ centred[:-2] / np.outer(scale, scale)
    np.testing.assert_allclose(found, [np.corrcoef(SERIES.T), later, later.T], rtol=1e-9)


def test_in_a_band_the_estimate_at_lag_zero_is_connectivity_and_backwards_its_transpose():
    settings = {"band": (5.0, 20.0), "segment": 1.0}
    zero, late, early = lagged_correlations(SERIES, 0.01, (0.0, 0.013, -0.013), **settings)
    whole = rj.observe.functional_connectivity(SERIES, dt=0.01, **settings)
    np.testing.assert_allclose(zero, whole, rtol=1e-9)
    np.testing.assert_allclose(late, early.T, rtol=1e-9)
    # A wave of 10 Hz a quarter of a period later.
    wave = np.sin(2 * np.pi * 10 * (0.01 * np.arange(400)[:, None] - [0.0, 0.025]))
    turned = lagged_correlations(wave, 0.01, 0.025, **settings)[0]
    np.testing.assert_allclose(turned, [[0.0, -1.0], [1.0, 0.0]], atol=0.02)


@pytest.mark.parametrize(
    ("lags", "band", "words"),
    [(0.015, None, "take 0.02 s"), (9.0, None, "shorter lags"), (-2.0, BAND, "a segment has")],
)
def test_lags_that_do_not_fit_a_series_are_refused(lags, band, words):
    with pytest.raises(ValueError, match=words):
        lagged_correlations(SERIES, 0.01, lags, band=band, segment=1.0)


# --- the loss -----------------------------------------------------------------------------------


class Given(CurvePrediction):
    """Correlations at lags that are known."""

    def __init__(self, matrices):
        self._matrices = jnp.asarray(matrices)

    def lagged(self, lags, band):
        return self._matrices


@pytest.fixture(scope="module")
def exact():
    """By theory: at all frequencies, in a band, and at sensors."""

    @jax.jit
    def found(network):
        prediction = predict(network)
        bands = [prediction.lagged(LAGS, band) for band in (None, BAND)]
        return *bands, prediction.sensors(LEADS).lagged(LAGS, None)

    return tuple(np.asarray(each) for each in found(brain()))


def test_what_was_measured_costs_nothing_and_the_rest_its_mean_square(exact):
    whole = exact[0]
    prediction = Given(whole)
    assert np.sum(LaggedCovarianceLoss(LAGS, whole).residual(prediction) ** 2) < 1e-20
    off = np.random.default_rng(0).uniform(-0.1, 0.1, whole.shape)
    loss = LaggedCovarianceLoss(LAGS, 0.9 * whole + off, weight=3.0)
    expected = 3 * np.mean((0.1 * whole - off) ** 2)
    np.testing.assert_allclose(np.sum(loss.residual(prediction) ** 2), expected, rtol=1e-9)


def test_a_simulation_tends_to_theory(exact):
    route = rj.Simulated(200.0, 2e-3, seeds=2, transient=1.0, save_every=0.01, segment=1.0)
    [network] = route.prepared([brain()], BAND[1])
    found = jax.jit(
        lambda key: [route.predict(network, key).lagged(LAGS, band) for band in (None, BAND)]
    )(jax.random.key(4))
    # Some 2000 independent samples, and fewer in a band, which windows of segments widen.
    np.testing.assert_allclose(found[0], exact[0], atol=0.06)
    np.testing.assert_allclose(found[1], exact[1], atol=0.12)
    assert np.abs(exact[0][1] - exact[0][2]).max() > 0.15


def test_gradients_agree_with_central_differences(exact):
    free = {"gain": rj.Positive(), "speed": rj.Positive(), "rung.omega": rj.Positive()}
    free = FreeParameters(brain(), free)
    losses = [
        LaggedCovarianceLoss(LAGS, 0.8 * exact[0]),
        LaggedCovarianceLoss(LAGS, 0.8 * exact[1], band=BAND),
    ]

    @jax.jit
    def total(vector):
        prediction = predict(free.apply(vector))
        return jnp.stack([jnp.sum(loss.residual(prediction) ** 2) for loss in losses])

    vector, h = free.vector(), 1e-4
    slopes = jax.jit(jax.jacfwd(total))(vector)
    steps = h * jnp.eye(free.size)
    expected = jnp.stack(
        [(total(vector + step) - total(vector - step)) / (2 * h) for step in steps]
    )
    assert np.abs(expected).max(axis=0).min() > 1e-3
    # Over all frequencies the grid follows the parameters.
    np.testing.assert_allclose(slopes[0], expected[:, 0], atol=3e-5)
    np.testing.assert_allclose(slopes[1], expected[:, 1], rtol=1e-5, atol=1e-7)


def test_sensors_record_a_mixture(exact):
    found = rj.linear.lagged_covariance(brain(), LAGS, check=False).matrix
    mixed = np.einsum("si,lij,rj->lsr", LEADS.matrix, found, LEADS.matrix)
    scale = np.sqrt(np.diag(mixed[0]))
    np.testing.assert_allclose(exact[2], mixed / np.outer(scale, scale), atol=1e-10)


def test_losses_of_bold_and_at_sensors_ask_for_those():
    class Asked(CurvePrediction):
        def __init__(self, of=""):
            self._of = of

        def bold(self):
            return Asked("bold")

        def sensors(self, lead_field):
            return Asked("sensors")

        def lagged(self, lags, band):
            assert lags == (0.5,) and band == BAND
            return jnp.full((1, 2, 2), {"bold": 0.1, "sensors": 0.2}[self._of])

    loss = LaggedCovarianceLoss(0.5, np.zeros((2, 2)), BAND, of="bold")
    np.testing.assert_allclose(loss.residual(Asked()), 0.1 / 2)
    loss = AtSensors(LEADS, LaggedCovarianceLoss(0.5, np.zeros((2, 2)), BAND))
    np.testing.assert_allclose(loss.residual(Asked()), 0.2 / 2)


def test_which_of_two_regions_drives_the_other_is_found():
    """From links of both directions alike; correlations without lag are the same either way round."""

    def pair(weights):
        rung = rj.HarmonicOscillator(-5.0, 2.0)
        return rj.Network(rung, rj.Connectome(weights), "additive", noise=rj.WhiteNoise(1.0))

    truth = [[0.0, 0.5], [3.0, 0.0]]
    seen = rj.linear.lagged_correlations(pair(truth), (0.0, 0.1)).matrix
    found = rj.fit(
        pair([[0.0, 1.0], [1.0, 0.0]]),
        {"connectome.weights": rj.PerLink(symmetric=False)},
        LaggedCovarianceLoss((0.0, 0.1), seen),
        starts=1,
        prior_weight=0.0,
        show_progress=False,
    )
    np.testing.assert_allclose(found.values["connectome.weights"][0], truth, atol=0.01)


def test_what_has_no_lags_says_so():
    with pytest.raises(ValueError, match="without a brain"):
        LaggedCovarianceLoss(0.1, np.eye(2)).residual(predict(PowerLaw()))
    for measured, words in (
        (np.ones((2, 3, 3)), r"must be \(1, nodes, nodes\)"),
        (3 * np.eye(3), "between -1 and 1, got 3"),
    ):
        with pytest.raises(ValueError, match=words):
            LaggedCovarianceLoss(0.1, measured)
    with pytest.raises(ValueError, match="`measured` has 2 regions"):
        LaggedCovarianceLoss(0.1, np.eye(2)).residual(Given(np.eye(3)[None]))
    assert LaggedCovarianceLoss(0.1, np.eye(3), band=BAND).highest == 14.0
