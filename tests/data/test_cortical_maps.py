"""Cortical maps: of a file, or what a connectome tells of its regions."""

import numpy as np
import pytest

from rosetta_jax.data import Recordings, cortical_maps, load_recordings
from rosetta_jax.network import Connectome

NODES = 8
RNG = np.random.default_rng(3)
WEIGHTS = RNG.uniform(0.1, 1, (2, NODES, NODES)) * (1 - np.eye(NODES))
CENTRES = RNG.uniform(-60, 60, (NODES, 3))


def connectomes(centres=CENTRES, weights=WEIGHTS):
    return [Connectome(each, centres=centres) for each in weights]


def test_a_connectome_tells_where_regions_lie_and_how_strong_they_are():
    found = cortical_maps(connectomes())
    assert found.names == ("x", "|x|", "y", "z", "ln strength")
    np.testing.assert_allclose(found.values[:4:2], CENTRES[:, :2].T)
    np.testing.assert_allclose(found.values[1], np.abs(CENTRES[:, 0]))
    # The mean over people, of what arrives in a region.
    expected = np.log(WEIGHTS.sum(axis=2)).mean(axis=0)
    np.testing.assert_allclose(found.values[4], expected)


def test_without_centres_strength_is_left():
    assert cortical_maps(connectomes(None)).names == ("ln strength",)


def test_what_tells_nothing_new_is_left_out():
    one_side = np.column_stack([-np.abs(CENTRES[:, 0]), np.full(NODES, 5.0), CENTRES[:, 2]])
    # |x| is -x there, and y is the same everywhere.
    assert cortical_maps(connectomes(one_side)).names == ("x", "z", "ln strength")


def test_a_region_without_links_is_as_the_weakest():
    weights = WEIGHTS[:1].copy()
    weights[0, 2] = 0.0
    values = cortical_maps(connectomes(None, weights)).values[0]
    assert values[2] == np.delete(values, 2).min()


def test_where_nothing_tells_regions_apart_it_is_said():
    with pytest.raises(ValueError, match="nothing tells them apart"):
        cortical_maps([Connectome(np.ones((4, 4)) - np.eye(4))])


def saved(tmp_path, **more):
    file = {"frequencies": np.arange(1.0, 5.0), "psd": np.ones((NODES, 4)) * 2.0}
    np.savez(tmp_path / "data.npz", weights=WEIGHTS[0], **file, **more)
    return tmp_path / "data.npz"


def test_maps_of_a_file_come_first_and_survive_a_band(tmp_path):
    maps = RNG.normal(size=(2, NODES))
    found = load_recordings(saved(tmp_path, maps=maps, centres=CENTRES))
    assert isinstance(found, Recordings)
    for each in (found, found.within(2.0, 4.0)):
        np.testing.assert_array_equal(each.cortical_maps().values, maps)
        assert each.cortical_maps().names == ("map 1", "map 2")
    one = load_recordings(saved(tmp_path, maps=maps[0]))
    np.testing.assert_array_equal(one.maps, maps[:1])


def test_a_file_without_maps_tells_those_of_its_connectomes(tmp_path):
    found = load_recordings(saved(tmp_path, centres=CENTRES), "none")
    assert found.maps is None and len(found.cortical_maps().names) == 5


@pytest.mark.parametrize("shape", [(2, NODES + 1), (NODES, 2), (0, NODES), (1, 1, NODES)])
def test_maps_of_other_regions_are_refused(shape, tmp_path):
    with pytest.raises(ValueError, match=rf"`maps` must be \(maps, {NODES}\)"):
        load_recordings(saved(tmp_path, maps=np.ones(shape)))


def test_spectra_of_sensors_come_with_what_these_see(tmp_path):
    leads = np.arange(2.0 * NODES).reshape(NODES, 2)
    pair = np.ones((2, 2)) - np.eye(2)
    psd = np.ones((NODES, 4))
    np.savez(
        tmp_path / "eeg.npz",
        frequencies=np.arange(1.0, 5.0),
        psd=psd,
        weights=pair,
        lead_field=leads,
    )
    found = load_recordings(tmp_path / "eeg.npz", "none")
    np.testing.assert_array_equal(found.lead_field, leads)
    assert found.connectomes[0].nodes == 2 and found.within(2.0, 4.0).lead_field is not None


@pytest.mark.parametrize("shape", [(3, NODES), (NODES,)])
def test_a_lead_field_of_other_sensors_is_refused(shape, tmp_path):
    with pytest.raises(
        ValueError, match=rf"`lead_field` must be \(sensors, nodes\) with the {NODES}"
    ):
        load_recordings(saved(tmp_path, lead_field=np.ones(shape)))
