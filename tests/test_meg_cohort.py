"""The cohort of MEG: what is kept of a study, maps of people left out, and what connectomes add to them."""

import sys
from pathlib import Path

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.data import Recordings

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import meg_cohort as study

F = np.linspace(2.0, 45.0, 12)
NODES, PEOPLE = 4, 4
RNG = np.random.default_rng(0)
OFF = 1 - np.eye(NODES)


@pytest.fixture(scope="module")
def people():
    """Four people of smooth spectra, each with an own connectome."""
    peaks = RNG.uniform(8, 12, (PEOPLE, 1, NODES))
    spectra = 1 / F[None, :, None] + 1 / (1 + (F[None, :, None] - peaks) ** 2)
    wires = [RNG.uniform(0.2, 1, OFF.shape) * OFF for _ in range(PEOPLE)]
    return Recordings(F, spectra, tuple(rj.Connectome(w + w.T, 50 * OFF) for w in wires))


def test_mirrored_regions_are_alike():
    np.testing.assert_allclose(study.mirrored(np.array([5.0, 1.0, 2.0, 3.0])), [3.5, 2, 3.5, 2])


def test_a_connectome_that_tells_nothing_adds_nothing(people):
    alike = Recordings(F, people.spectra, (people.connectomes[0],) * PEOPLE)
    maps = RNG.uniform(0.1, 0.3, (PEOPLE, NODES))
    group = np.array([1, 3])
    found = study.of_connectomes(alike, group, maps)
    mean = study.mirrored(maps[group].mean(axis=0))
    np.testing.assert_allclose(found, np.broadcast_to(mean, found.shape), atol=1e-12)


def test_what_a_connectome_tells_is_learned_within_the_group(people):
    weights = np.stack([np.asarray(each.weights) for each in people.connectomes])
    strength = weights.sum(axis=2) / weights.sum(axis=(1, 2))[:, None]
    # Maps that are the strength of the own connectome.
    found = study.of_connectomes(people, np.array([0, 1, 2]), strength)
    mean = study.mirrored(strength[:3].mean(axis=0))
    expected = mean + strength - strength[:3].mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-8)


@pytest.mark.skipif(not study.SOURCE.is_file(), reason=f"there is no file {study.SOURCE}")
def test_the_file_is_read():
    found = study.recordings(study.SOURCE, 2)
    assert found.spectra.shape == (2, 40, 68) and len(found.connectomes) == 2
