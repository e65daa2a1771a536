"""Combinations that data do not tell: a product of two parameters, mixtures made readable, closed forms."""

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import FitResult, WhittleLoss, laplace
from rosetta_jax.inference.sloppy import _apart, sloppy_directions

BINS = np.arange(3.0, 30.0, 0.5)
LIMIT = np.full(4, 0.8)


def at_the_truth(size):
    """What a fit finds of data that are exact, without the descent."""
    none = np.zeros((1, 1))
    return FitResult(
        {},
        none[0],
        none[0].astype(int),
        none,
        none.astype(int),
        np.zeros((1, 1, size)),
        none[None],
        none[None],
        {},
    )


@pytest.fixture(scope="module")
def posterior():
    """Noise with a memory of a tenth of a millisecond is white, and a spectrum tells its density 2 sd^2 tau."""
    alpha, omega, sd, tau = -8.0, 60.0, 50.0, 1e-4
    brain = rj.alone(rj.HarmonicOscillator(alpha, omega), noise=rj.OrnsteinUhlenbeck(sd, tau))
    turning = 2j * np.pi * BINS - alpha
    passed = (np.abs(turning) ** 2 + omega**2) / np.abs(turning**2 + omega**2) ** 2
    loss = WhittleLoss(BINS, (4 * sd**2 * tau * passed)[:, None], 400.0, "given")
    free = {
        "noise.sd": rj.LogNormal(50.0, 0.3),
        "noise.tau": rj.LogNormal(1e-4, 0.6),
        "rung.omega": rj.LogNormal(60.0, 0.2),
    }
    return laplace(brain, free, loss, at_the_truth(len(free)))


def test_a_product_is_told_and_the_ratio_is_not(posterior):
    [[(width, weights)]] = posterior.sloppy
    assert width == pytest.approx(1.0, abs=1e-3)
    # sd^2 tau is told: 2 * 0.3 and 0.6 in units of the priors.
    assert set(weights) == {"noise.sd", "noise.tau"}
    assert weights["noise.sd"] * weights["noise.tau"] == pytest.approx(-0.5, abs=1e-3)
    # Each by itself is told a little.
    assert posterior.untold == [()]
    np.testing.assert_allclose(posterior.widths[0, :2], np.sqrt(0.5), rtol=0.02)


def information(*directions):
    """The covariance of four parameters of which these directions are told."""
    told = np.array(directions, float)
    return np.linalg.inv(np.eye(4) + 1e4 * told.T @ told)


NAMES = ("a", "b", "c", "d")


def test_open_directions_are_not_mixed():
    # The sum of a and b is told, and c; d is as open as the difference.
    (one, first), (other, second) = sloppy_directions(
        information([1, 1, 0, 0], [0, 0, 1, 0]), NAMES, LIMIT
    )
    assert one == pytest.approx(1) and other == pytest.approx(1)
    found = sorted((first, second), key=len)
    assert found[0] == {"d": pytest.approx(1)}
    assert set(found[1]) == {"a", "b"}
    assert found[1]["a"] == pytest.approx(-found[1]["b"]) and max(found[1].values()) > 0.7
    # A mixture of d and a - b is taken apart.
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    found = _apart(turn @ [[0.0, 0.0, 0.0, 1.0], [0.5**0.5, -(0.5**0.5), 0.0, 0.0]])
    assert sorted((np.abs(found) > 1e-9).sum(axis=1)) == [1, 2]
    everything = sloppy_directions(np.eye(4), NAMES, LIMIT)
    assert [each for _, each in everything] == [{name: pytest.approx(1)} for name in NAMES]


def test_the_widest_comes_first_and_what_is_told_is_not_listed():
    covariance = np.diag([0.9**2, 0.1, 1.0, 0.79**2])
    assert sloppy_directions(covariance, NAMES, LIMIT) == [
        (pytest.approx(1.0), {"c": pytest.approx(1)}),
        (pytest.approx(0.9), {"a": pytest.approx(1)}),
    ]
    assert sloppy_directions(0.01 * np.eye(4), NAMES, LIMIT) == []


def test_what_varies_by_region_is_averaged_over():
    # Alone a would be told; it is not where what varies by region may make up for it.
    covariance = information([1, 0, 1, 0], [0, 1, 0, 0])
    [(width, weights)] = sloppy_directions(covariance, ("a", "b", "map", "map"), 0.7 * np.ones(4))
    assert weights == {"a": pytest.approx(1)} and width == pytest.approx(np.sqrt(0.5), rel=1e-3)
    assert sloppy_directions(np.eye(4), ("map",) * 4, LIMIT) == []


def test_without_a_prior_a_wide_direction_is_one_beyond_its_limit():
    covariance = np.diag([4.0, 16.0, 0.1, 0.1])
    limit = np.array([3.0, 3.0, 0.8, 0.8])
    assert sloppy_directions(covariance, NAMES, limit) == [
        (pytest.approx(4.0), {"b": pytest.approx(1)})
    ]
    assert sloppy_directions(np.full((4, 4), np.nan), NAMES, limit) == []
