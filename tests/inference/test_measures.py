"""The numbers that reports quote, against NumPy."""

import numpy as np
import pytest

from rosetta_jax.inference import (
    correlation_db,
    map_correlation,
    paired_difference,
    relative_power,
)

RNG = np.random.default_rng(5)
MEASURED, FITTED = np.exp(RNG.normal(size=(2, 15, 4)))


def test_the_correlation_is_that_of_decibels():
    expected = [
        np.corrcoef(np.log10(MEASURED[:, node]), np.log10(FITTED[:, node]))[0, 1]
        for node in range(4)
    ]
    np.testing.assert_allclose(correlation_db(MEASURED, FITTED), expected, rtol=1e-12)


def test_level_and_gain_in_decibel_do_not_count():
    np.testing.assert_allclose(
        correlation_db(MEASURED, 7 * FITTED**2), correlation_db(MEASURED, FITTED), rtol=1e-12
    )


def test_one_curve_is_compared_with_every_region():
    np.testing.assert_allclose(
        correlation_db(MEASURED, FITTED[:, :1]),
        correlation_db(MEASURED, np.repeat(FITTED[:, :1], 4, axis=1)),
    )


def test_relative_power_counts_the_ends_of_the_band():
    frequencies = np.array([7.0, 8.0, 10.0, 13.0, 14.0])
    density = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]])
    np.testing.assert_allclose(relative_power(frequencies, density), [14 / 31])
    np.testing.assert_allclose(relative_power(frequencies, density, (14.0, 20.0)), [16 / 31])


def test_a_band_without_bins_is_refused():
    with pytest.raises(ValueError, match=r"holds no bin of 1-3 Hz"):
        relative_power(np.array([1.0, 3.0]), np.ones((2, 1)))


def test_maps_are_correlated_over_regions():
    first, second = RNG.normal(size=(2, 9))
    assert map_correlation(first, second) == pytest.approx(np.corrcoef(first, second)[0, 1])


def test_a_flat_map_correlates_with_nothing():
    assert np.isnan(map_correlation(np.full(5, 0.3), RNG.normal(size=5)))


def test_a_paired_difference_has_the_standard_error_of_its_mean():
    mean, error = paired_difference(np.array([0.9, 0.7, 0.8]), np.array([0.8, 0.7, 0.5]))
    assert mean == pytest.approx(0.4 / 3)
    assert error == pytest.approx(np.std([0.1, 0.0, 0.3], ddof=1) / np.sqrt(3))


def test_one_person_has_no_standard_error():
    mean, error = paired_difference(np.array([0.9]), np.array([0.8]))
    assert mean == pytest.approx(0.1) and np.isnan(error)
