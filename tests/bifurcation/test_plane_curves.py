"""Curves of folds and Hopf points in the plane of inputs of Wilson-Cowan, against closed forms."""

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import continuation, curve_of


@pytest.fixture(scope="module")
def branch():
    return continuation(rj.WilsonCowan.named("WC-a"), "bias_x", (-12.0, 12.0))


def slopes(curve):
    """x (1 - x) and y (1 - y) along a curve: the slopes of the unit logistic."""
    return (curve.states * (1 - curve.states)).T


def test_folds_of_wilson_cowan_lie_where_the_determinant_vanishes(branch):
    """With their cusp and both Bogdanov-Takens points, figures.md 5.1."""
    found = curve_of(branch, branch.folds[0], "bias_y", (-14.0, 4.0))
    assert found.kind == "fold" and found.parameters == ("bias_x", "bias_y")
    x, y = slopes(found)
    determinant = (12 * x - 1) * (-1 - 2 * y) + 144 * x * y
    np.testing.assert_allclose(determinant, 0.0, atol=1e-9)
    np.testing.assert_allclose(found.second[[0, -1]], -14.0, rtol=1e-12)
    values = {point.kind: point.values for point in found.special}
    np.testing.assert_allclose(values["cusp"], [-3.1548269413902, -5.1576323075636], rtol=1e-10)
    (first, second) = (point for point in found.special if point.kind == "BT")
    np.testing.assert_allclose(first.values, [-3.3365942, -5.5441081], atol=6e-8)
    np.testing.assert_allclose(first.x, [0.2254466, 0.0502474], atol=6e-8)
    # The mirror image of the upper one, (7.4574693, 2.1333899), about (0, -5).
    np.testing.assert_allclose(second.values, [-7.4574693, -12.1333899], atol=6e-8)


def test_hopf_points_lie_where_the_trace_vanishes_and_end_at_bogdanov_takens_points(branch):
    found = curve_of(branch, branch.hopfs[0], "bias_y", (-14.0, 4.0))
    assert found.kind == "Hopf" and found.special == ()
    x, y = slopes(found)
    np.testing.assert_allclose(12 * x - 2 * y, 2.0, atol=1e-8)
    squared = (12 * x - 1) * (-1 - 2 * y) + 144 * x * y
    np.testing.assert_allclose(2 * np.pi * found.frequencies * 0.01, np.sqrt(squared), atol=1e-7)
    assert found.frequencies[[0, -1]].max() < 0.1 * found.frequencies.max()
    np.testing.assert_allclose([found.first[0], found.second[0]], [-7.45747, -12.13339], atol=2e-2)


def test_wrong_input_is_named(branch):
    fold = branch.folds[0]
    with pytest.raises(KeyError, match=r"no parameter at 'bias_z'.*Choose from"):
        curve_of(branch, fold, "bias_z", (-14.0, 4.0))
    with pytest.raises(ValueError, match=r"`limits` must hold the present value of bias_y, -6"):
        curve_of(branch, fold, "bias_y", (0.0, 4.0))
