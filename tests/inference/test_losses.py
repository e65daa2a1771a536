"""What residuals mean, and their gradients through exact theory against central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import ConnectivityLoss, PowerLaw, SpectrumLoss, SumOfLosses
from rosetta_jax.inference.theory import Prediction, predict
from rosetta_jax.parameters import FreeParameters

RNG = np.random.default_rng(11)
F = np.linspace(3.0, 40.0, 9)
MEASURED, FITTED = np.exp(RNG.normal(size=(2, 9, 3)))
A, B = 10 * np.log10(MEASURED), 10 * np.log10(FITTED)
MATRIX = np.array([[1.0, 0.4, 0.2], [0.4, 1.0, -0.1], [0.2, -0.1, 1.0]])
OTHER = np.array([[1.0, 0.1, 0.3], [0.1, 1.0, 0.5], [0.3, 0.5, 1.0]])
OFF = 1 - np.eye(3)


class Known(Prediction):
    """A prediction that is known."""

    def __init__(self, spectrum=FITTED, matrix=OTHER):
        self._spectrum, self._matrix = jnp.asarray(spectrum), jnp.asarray(matrix)

    @property
    def status(self):
        return jnp.int32(0)

    def spectrum(self, frequencies):
        return self._spectrum

    def connectivity(self, band):
        return self._matrix

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


def total(loss, prediction=None):
    return float((loss.residual(Known() if prediction is None else prediction) ** 2).sum())


def correlations(a, b):
    return np.array([np.corrcoef(a[:, i], b[:, i])[0, 1] for i in range(a.shape[1])])


def test_the_shape_loss_is_one_less_the_mean_correlation():
    expected = np.mean(1 - correlations(A, B))
    assert total(SpectrumLoss(F, MEASURED, depth=0.0)) == pytest.approx(expected, rel=1e-12)


def test_depth_adds_the_squared_logarithm_of_the_ratio_of_deviations():
    shape = total(SpectrumLoss(F, MEASURED, depth=0.0))
    ratio = B.std(axis=0) / A.std(axis=0)
    expected = shape + 0.3**2 * np.mean(np.log(ratio) ** 2)
    assert total(SpectrumLoss(F, MEASURED, depth=0.3)) == pytest.approx(expected, rel=1e-12)


def test_the_shape_loss_does_not_see_the_level():
    loss = SpectrumLoss(F, MEASURED)
    assert total(loss, Known(FITTED * [2.0, 0.1, 30.0])) == pytest.approx(total(loss), rel=1e-12)


def test_the_level_loss_is_the_mean_squared_difference_in_decibel():
    expected = np.mean((A - B) ** 2) / 1.7**2
    assert total(SpectrumLoss(F, MEASURED, "level", sd=1.7)) == pytest.approx(expected, rel=1e-12)


def test_the_connectivity_loss_is_the_mean_squared_difference_over_pairs():
    expected = np.mean([0.3**2, 0.1**2, 0.6**2])
    assert total(ConnectivityLoss(MATRIX)) == pytest.approx(expected, rel=1e-12)


def test_a_perfect_prediction_costs_nothing():
    loss = SumOfLosses(
        (SpectrumLoss(F, MEASURED), SpectrumLoss(F, MEASURED, "level"), ConnectivityLoss(OTHER))
    )
    assert total(loss, Known(MEASURED)) == pytest.approx(0.0, abs=1e-25)


def test_losses_add_by_their_weights():
    parts = SpectrumLoss(F, MEASURED), ConnectivityLoss(MATRIX)
    weighted = SpectrumLoss(F, MEASURED, weight=3.0), ConnectivityLoss(MATRIX, weight=0.5)
    expected = 3 * total(parts[0]) + 0.5 * total(parts[1])
    assert total(SumOfLosses(weighted)) == pytest.approx(expected, rel=1e-12)


def test_one_curve_is_compared_with_every_region():
    curve = F[:, None] ** -1.5
    assert total(SpectrumLoss(F, MEASURED), predict(PowerLaw(1.5))) == pytest.approx(
        total(SpectrumLoss(F, MEASURED), Known(np.repeat(curve, 3, axis=1)))
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((F, MEASURED.T), r"must have shape \(9, nodes\).*got \(3, 9\): transpose it"),
        ((F, MEASURED[:, 0]), r"got \(9,\)"),
        ((F - 3, MEASURED), "`frequencies` must be positive"),
        ((F, -MEASURED), "`measured` must be positive"),
        ((F, MEASURED, "shapes"), "Did you mean 'shape'"),
        ((F, MEASURED, "shape", -1.0), "`weight` must be zero or positive"),
        ((F, MEASURED, "level", 1.0, 0.0), "`sd` must be positive"),
        ((F, np.ones((9, 3))), "`measured` is flat in region 0"),
        ((F[:1], MEASURED[:1]), "at least 2"),
    ],
)
def test_a_wrong_spectrum_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        SpectrumLoss(*arguments)


def test_a_flat_region_may_be_compared_by_level():
    assert np.isfinite(total(SpectrumLoss(F, np.ones((9, 3)), "level")))


@pytest.mark.parametrize(
    "measured, message",
    [
        (np.ones((2, 3)), r"\(nodes, nodes\)"),
        (np.full((3, 3), np.nan), "non-finite"),
        (np.triu(np.ones((3, 3))), "symmetric"),
        (np.ones((1, 1)), "at least 2 regions"),
    ],
)
def test_a_wrong_connectivity_is_refused(measured, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ConnectivityLoss(measured)


def test_a_curve_predicts_no_connectivity():
    with pytest.raises(ValueError, match="a curve without a brain predicts no connectivity"):
        ConnectivityLoss(MATRIX).residual(predict(PowerLaw()))


# --- gradients through exact theory

BRAIN = rj.Network(
    rj.StuartLandau(alpha=-20.0, omega=62.0),
    rj.Connectome(RNG.uniform(0.2, 1, (3, 3)) * OFF, RNG.uniform(20, 80, (3, 3)) * OFF),
    gain=2.0,
    speed=8.0,
    noise=rj.WhiteNoise(0.1),
    sensor=rj.WhiteNoise(2e-3),
)
FREE = FreeParameters(
    BRAIN, {"gain": rj.Positive(), "rung.alpha": rj.Real(10.0), "rung.omega": rj.Positive()}
)
LOSSES = {
    "shape": SpectrumLoss(F, MEASURED),
    "level": SpectrumLoss(F, MEASURED, "level"),
    "connectivity": ConnectivityLoss(MATRIX),
    "connectivity of a band": ConnectivityLoss(MATRIX, band=(8.0, 13.0)),
}


@jax.jit
def all_losses(vector):
    prediction = predict(FREE.apply(vector))
    return jnp.stack([jnp.sum(loss.residual(prediction) ** 2) for loss in LOSSES.values()])


@pytest.fixture(scope="module")
def gradients():
    vector = FREE.vector()
    step = 1e-4 * jnp.eye(FREE.size)
    # Richardson: the error is of fourth order.
    near = jnp.stack([(all_losses(vector + h) - all_losses(vector - h)) / 2e-4 for h in step])
    far = jnp.stack(
        [(all_losses(vector + 2 * h) - all_losses(vector - 2 * h)) / 4e-4 for h in step]
    )
    return jax.jit(jax.jacfwd(all_losses))(vector), (4 * near - far).T / 3


@pytest.mark.parametrize("number", range(len(LOSSES)), ids=list(LOSSES))
def test_gradients_agree_with_central_differences(gradients, number):
    exact, measured = gradients[0][number], gradients[1][number]
    assert np.abs(measured).min() > 1e-5
    # Over all frequencies the integral runs on a grid that follows the parameters, to about 1e-6.
    atol = 5e-6 if list(LOSSES)[number] == "connectivity" else 1e-8
    np.testing.assert_allclose(exact, measured, rtol=1e-6, atol=atol)


# --- bands and regions


def test_a_band_adds_the_squared_difference_of_its_share():
    bands = ((8.0, 13.0), (13.5, 30.0))
    loss = SpectrumLoss(F, MEASURED, bands=bands, band_sd=0.2)
    plain = SpectrumLoss(F, MEASURED)
    inside = [(low <= F) & (high >= F) for low, high in bands]
    curve = np.broadcast_to((F**-1.5)[:, None], MEASURED.shape)
    shares = [[p[mask].sum(0) / p.sum(0) for mask in inside] for p in (curve, MEASURED)]
    expected = np.mean((np.array(shares[0]) - np.array(shares[1])) ** 2) / 0.2**2
    prediction = predict(PowerLaw(1.5))
    found = total(loss, prediction) - total(plain, prediction)
    assert found == pytest.approx(expected, rel=1e-10) and expected > 1e-4


def test_only_the_named_regions_count():
    prediction = predict(PowerLaw(1.5))
    nodes = MEASURED.shape[1]
    each = [
        total(SpectrumLoss(F, MEASURED, regions=[node], bands=((8.0, 13.0),)), prediction)
        for node in range(nodes)
    ]
    assert np.unique(each).size == nodes
    two = total(SpectrumLoss(F, MEASURED, regions=[0, 1], bands=((8.0, 13.0),)), prediction)
    assert two == pytest.approx((each[0] + each[1]) / 2, rel=1e-12)
    flags = np.arange(nodes) < 2
    assert total(SpectrumLoss(F, MEASURED, regions=flags, bands=((8.0, 13.0),)), prediction) == two
    level = SpectrumLoss(F, MEASURED, regions=[0], compare="level")
    difference = 10 * np.log10(F**-1.5 / MEASURED[:, 0])
    assert total(level, prediction) == pytest.approx(np.mean(difference**2), rel=1e-12)


@pytest.mark.parametrize(
    "more, message",
    [
        ({"bands": ((200.0, 210.0),)}, "`bands` has 200-210 Hz, which holds no bin"),
        ({"regions": []}, "`regions` names none"),
        ({"regions": [0, 99]}, "`regions` must lie between 0 and"),
        ({"regions": [0, 0]}, "`regions` must be different indices"),
        ({"regions": [True]}, "flags or indices"),
    ],
)
def test_bands_and_regions_that_are_not_there_are_refused(more, message):
    with pytest.raises(ValueError, match=message):
        SpectrumLoss(F, MEASURED, **more)
