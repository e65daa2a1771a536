"""BOLD recordings: series or connectivity of people, and the error for everything else."""

import numpy as np
import pytest

from rosetta_jax.data import BoldRecordings, Series, load_bold
from rosetta_jax.network import Connectome

PEOPLE, NODES, VOLUMES = 2, 4, 400
RNG = np.random.default_rng(5)
WEIGHTS = RNG.uniform(0.2, 1.0, (PEOPLE, NODES, NODES)) * (1 - np.eye(NODES))
SERIES = RNG.normal(size=(PEOPLE, NODES, VOLUMES)) + RNG.normal(size=(PEOPLE, 1, VOLUMES))
FC = np.stack([np.corrcoef(each) for each in SERIES])


@pytest.fixture
def load(tmp_path):
    def written(**arrays):
        arrays = {name: array for name, array in arrays.items() if array is not None}
        np.savez(tmp_path / "data.npz", **({"weights": WEIGHTS} | arrays))
        return load_bold(tmp_path / "data.npz", "none")

    return written


def test_matrices_come_back_with_their_connectomes(load):
    found = load(fc=FC, labels=np.array(["a", "b", "c", "d"]), maps=np.arange(4.0))
    np.testing.assert_array_equal(found.connectivity, FC)
    assert found.people == PEOPLE and found.halves is None and found.band == (0.01, 0.1)
    np.testing.assert_array_equal(found.connectomes[1].weights, WEIGHTS[1])
    assert found.connectomes[0].labels == ("a", "b", "c", "d")
    np.testing.assert_array_equal(found.cortical_maps().values, [np.arange(4.0)])


def test_one_person_needs_no_axis_of_people(load):
    found = load(fc=FC[0], weights=WEIGHTS[0])
    assert found.people == 1
    np.testing.assert_array_equal(found.connectivity[0], FC[0])


def test_series_are_correlated_within_the_band_whole_and_by_halves(load):
    found = load(bold=SERIES, repetition_time=np.array(2.0))
    middle = VOLUMES // 2
    for person in range(PEOPLE):
        series = Series(SERIES[person].T, 2.0, kind="bold")
        whole = series.functional_connectivity((0.01, 0.1))
        np.testing.assert_allclose(found.connectivity[person], whole, atol=1e-12)
        second = Series(SERIES[person].T[middle:], 2.0, kind="bold")
        np.testing.assert_allclose(
            found.halves[person, 1], second.functional_connectivity((0.01, 0.1)), atol=1e-12
        )
    assert found.halves.shape == (PEOPLE, 2, NODES, NODES)


def test_series_tell_how_many_samples_correlations_are_made_of(load):
    """White noise has as many as bins of the band hold real numbers; a rhythm within it fewer."""
    white = load(bold=SERIES, repetition_time=np.array(2.0)).samples
    np.testing.assert_allclose(white, 2 * 0.09 * 2.0 * VOLUMES, rtol=0.15)
    times = 2.0 * np.arange(VOLUMES)
    slow = SERIES + 5 * np.sin(2 * np.pi * 0.05 * times + RNG.uniform(0, 6, (PEOPLE, NODES, 1)))
    narrow = load(bold=slow, repetition_time=np.array(2.0)).samples
    assert (narrow < 0.5 * white).all()
    assert load(fc=FC).samples is None


@pytest.mark.parametrize(
    "arrays, message",
    [
        ({"fc": FC, "bold": SERIES}, "has both `bold` and `fc`"),
        ({"psd": FC}, r"needed are \['fc', 'weights'\].*unknown: \['psd'\]"),
        ({"bold": SERIES}, r"Missing: \['repetition_time'\]"),
        ({"bold": SERIES, "repetition_time": np.array(2000.0)}, "`interval` of 2000 s is none of"),
        ({"fc": 2 * FC}, "`fc` of person 0 must hold correlations between -1 and 1, found 2 at"),
        ({"fc": FC + np.triu(np.full((4, 4), -0.1), 1)}, "`fc` of person 0 is not symmetric"),
        ({"fc": FC[:, :, :3]}, "`fc` must be"),
        ({"fc": FC[:, :3, :3]}, r"`weights` must be \(3, 3\).*as `fc` has 2 people and 3"),
        ({"fc": FC, "maps": np.ones((2, 5))}, r"`maps` must be \(maps, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(arrays, message, load):
    with pytest.raises(ValueError, match=message):
        load(**arrays)


def test_there_must_be_a_connectome_a_person():
    with pytest.raises(ValueError, match="`connectomes` must be 2 of 4 regions"):
        BoldRecordings(FC, (Connectome(WEIGHTS[0]),))
