"""The picture of an evoked response: what is drawn, on one scale."""

import numpy as np
import pytest

from rosetta_jax import plot

TIMES = np.linspace(0.004, 0.3, 40)
MEASURED = np.sin(20 * TIMES)[:, None] * [1.0, -2.0, 0.5]


def test_measured_and_fitted_share_a_scale():
    figure = plot.responses(TIMES, MEASURED, 0.5 * MEASURED, "µV")
    first, second, third = figure.axes
    assert first.get_ylim() == second.get_ylim()
    assert len(first.lines) == len(second.lines) == 3
    np.testing.assert_allclose(first.lines[1].get_xydata()[:, 0], 1000 * TIMES)
    np.testing.assert_allclose(second.lines[1].get_ydata(), 0.5 * MEASURED[:, 1])
    measured, fitted = third.lines
    np.testing.assert_allclose(measured.get_ydata(), np.sqrt((MEASURED**2).mean(axis=1)))
    np.testing.assert_allclose(fitted.get_ydata(), 0.5 * measured.get_ydata())
    assert first.get_ylabel() == "potential (µV)" and first.get_xlabel() == "time (ms)"


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="`fitted`"):
        plot.responses(TIMES, MEASURED, MEASURED[:, :2])
