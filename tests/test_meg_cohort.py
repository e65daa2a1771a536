"""The cohort of MEG: nobody's own bins are in the curve they are seen through, and baselines are what they say."""

import sys
from pathlib import Path

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.data import Recordings
from rosetta_jax.inference.judgement import judgement, scores

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import meg_cohort as study

F = np.linspace(2.0, 45.0, 12)
NODES = 4


@pytest.fixture(scope="module")
def people():
    """Four people of smooth spectra, and a wire between regions."""
    rng = np.random.default_rng(0)
    peaks = rng.uniform(8, 12, (4, 1, NODES))
    spectra = 1 / F[None, :, None] + 1 / (1 + (F[None, :, None] - peaks) ** 2)
    wires = rj.Connectome(1 - np.eye(NODES), 50 * (1 - np.eye(NODES)))
    return Recordings(F, spectra, (wires,) * 4)


def test_the_curve_of_a_person_is_that_of_the_others(people):
    ripple = np.zeros((4, F.size, 1))
    ripple[1::2] = 3 * np.sin(F)[None, :, None]
    missed = people.spectra * 10 ** (-ripple / 10)
    gains = study.gains_of_others(people, missed)
    expected = 3 * np.sin(F) - np.mean(3 * np.sin(F))
    np.testing.assert_allclose(gains[0], expected, atol=1e-12)
    np.testing.assert_allclose(gains[1], 0.0, atol=1e-12)
    np.testing.assert_allclose(study.seen(missed, gains)[1], missed[1])


def test_mirrored_coordinates_keep_what_is_shared():
    mirror = np.array([2, 3, 0, 1])
    found = study._mirrored(np.array([7.0, 5.0, 1.0, 2.0, 3.0, 6.0]), [1, 5], mirror)
    np.testing.assert_allclose(found, [7.0, 5.0, 2.0, 4.0, 2.0, 4.0])


def test_interpolation_passes_through_what_was_fitted(people):
    judged = judgement("bins", F.size, NODES)
    found = study.interpolated(people, judged)
    bins = judged.fitted_bins
    np.testing.assert_allclose(found[:, bins], people.spectra[:, bins], rtol=1e-9)
    kept = study.told(scores(people, found, judged), [True] * 4)
    assert kept["stable"] == 4 and 0.5 < kept["r"] < 1


@pytest.mark.skipif(not study.SOURCE.is_file(), reason=f"there is no file {study.SOURCE}")
def test_the_file_is_read():
    found = study.recordings(study.SOURCE, 2)
    assert found.spectra.shape == (2, 40, 68) and len(found.connectomes) == 2
