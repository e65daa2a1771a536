"""Losses in units of noise: over many recordings of a known truth a true model costs 1 in each term."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import (
    AtSensors,
    DynamicsLoss,
    EvokedLoss,
    LaggedCovarianceLoss,
    Measured,
    WhittleLoss,
    calibrated,
    split_half,
)
from rosetta_jax.observe import LeadField

BINS, NODES, DEGREES, SAMPLES = np.arange(3.0, 43.0), 6, 80.0, 1000
SPECTRUM = (BINS[:, None] ** -1.0) * np.linspace(1, 3, NODES) * (1 + 0.3 * np.sin(BINS))[:, None]
MIXING = np.eye(NODES) + 0.2 * np.arange(NODES)[:, None] / NODES
MATRIX = MIXING @ MIXING.T / np.sqrt(np.outer(*[np.diag(MIXING @ MIXING.T)] * 2))
BANDS = ((8.0, 13.0),)


def terms(spectrum, matrix):
    return (
        rj.SpectrumLoss(BINS, spectrum, "level", weight=7.0),
        rj.SpectrumLoss(BINS, spectrum, bands=BANDS),
        rj.ConnectivityLoss(matrix),
        rj.ConnectivityLoss(matrix, compare="shape"),
        LaggedCovarianceLoss(0.1, matrix),
    )


def recordings(rng):
    """The terms of the whole, and of its two halves."""
    power = SPECTRUM * rng.chisquare(DEGREES, (2, *SPECTRUM.shape)) / DEGREES
    series = rng.normal(size=(2, SAMPLES, NODES)) @ MIXING.T
    halves = [terms(p, np.corrcoef(x.T)) for p, x in zip(power, series, strict=True)]
    return terms(power.mean(axis=0), np.corrcoef(series.reshape(-1, NODES).T)), *halves


@pytest.fixture(scope="module")
def costs():
    """Of each term in many recordings its price, and costs: at the truth, and at another recording as long."""
    rng, truth = np.random.default_rng(2), terms(SPECTRUM, MATRIX)

    @jax.jit
    def cost(losses, others):
        pairs = zip(losses, others, strict=True)
        return jnp.stack([jnp.sum(loss.residual(Measured(other)) ** 2) for loss, other in pairs])

    def one():
        whole, first, second = recordings(rng)
        total = calibrated(whole, first, second)
        alone = calibrated(first, first, second, halves=1.0)
        another, _, _ = recordings(rng)
        pairs = ((total.parts, truth), (total.parts, another), (alone.parts, truth))
        return [
            (np.asarray(cost(parts, others)), np.array([float(part.weight) for part in parts]))
            for parts, others in pairs
        ]

    return np.array([one() for _ in range(24)])


def test_a_true_model_costs_one_in_each_term(costs):
    # A weight is one over a noisy number: means are taken before they are divided.
    noise = 1 / costs[:, :, 1]
    loss = costs[:, :, 0] * noise
    found = loss.mean(axis=0) / noise.mean(axis=0)
    error = (
        np.hypot(loss.std(axis=0) / loss.mean(axis=0), noise.std(axis=0) / noise.mean(axis=0))
        * found
        / np.sqrt(len(costs))
    )
    expected = np.array([1.0, 2.0, 1.0])[:, None]
    assert (error < 0.2 * expected).all() and error[0, 0] < 0.03
    np.testing.assert_array_less(np.abs(found - expected), 3 * error)


def test_all_terms_count_alike_whatever_their_own_weight():
    whole, first, second = recordings(np.random.default_rng(0))
    weights = [float(part.weight) for part in calibrated(whole, first, second).parts]
    for loss, one, other, weight in zip(whole, first, second, weights, strict=True):
        assert weight == pytest.approx(float(loss.weight) * 2 / split_half(one, other))


def test_the_noise_of_a_half_is_half_of_what_two_differ_by():
    one, other = (
        rj.ConnectivityLoss([[1, 0.5], [0.5, 1]]),
        rj.ConnectivityLoss([[1, 0.1], [0.1, 1]]),
    )
    assert split_half(one, other) == pytest.approx(0.4**2 / 2)
    # What was measured has the gain curve that a loss adds to what is predicted.
    curve = np.linspace(-3, 3, BINS.size)
    same = rj.SpectrumLoss(BINS, SPECTRUM, "level", curve=curve)
    assert split_half(same, same) == pytest.approx(0, abs=1e-20)


def test_all_kinds_of_data_are_known():
    leads = LeadField(np.array([[1.0, 0.3], [0.0, -0.5], [0.2, 0.2]]))
    times, share = [0.01, 0.02], np.linspace(0, 1, 50)
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 2, 3))
    first, second = (AtSensors(leads, EvokedLoss(times, y, "level", sd=2.0)) for y in (one, other))
    assert split_half(first, second) == pytest.approx(np.sum((one - other) ** 2) / 8)
    assert float(calibrated([first], [first], [second]).parts[0].loss.weight) > 0
    first, second = DynamicsLoss(share), DynamicsLoss(share**2)
    assert split_half(first, second) == pytest.approx(np.mean((share - share**2) ** 2) / 2)
    bold = rj.ConnectivityLoss(MATRIX, of="bold")
    assert split_half(bold, rj.ConnectivityLoss(0.9 * MATRIX, of="bold")) > 0


SAME = rj.SpectrumLoss(BINS, SPECTRUM)
TOLD = WhittleLoss(BINS, SPECTRUM, 8.0)


@pytest.mark.parametrize(
    ("losses", "words"),
    [
        (([SAME], [SAME], [SAME]), "differ by 0 in term 0"),
        (([SAME], [SAME], []), "1, 1 and 0 terms"),
        (([SAME], [SAME], [TOLD]), "differ in more than data"),
        (([SAME], [SAME], [rj.SpectrumLoss(BINS + 1, SPECTRUM)]), "differ in more than data"),
        (([SAME], [SAME], [rj.SpectrumLoss(BINS, SPECTRUM, weight=2.0)]), "more than data"),
        (([SAME], [SAME], [rj.SpectrumLoss(BINS, SPECTRUM, "level")]), "more than data"),
        (([TOLD], [TOLD], [WhittleLoss(BINS, 1 + SPECTRUM, 8.0)]), "WhittleLoss has no weight"),
        (([rj.SumOfLosses((SAME,))], [SAME], [SAME]), "give its parts"),
    ],
)
def test_what_cannot_be_calibrated_is_named(losses, words):
    with pytest.raises(ValueError, match=words):
        calibrated(*losses)
