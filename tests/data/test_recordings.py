"""Recordings: what a file may hold, and the error for everything else."""

import numpy as np
import pytest
from scipy.io import savemat

from rosetta_jax.data import Recordings, load_recordings
from rosetta_jax.network import Connectome

RNG = np.random.default_rng(7)
PEOPLE, NODES, BINS = 2, 3, 5
OFF = 1 - np.eye(NODES)
WEIGHTS = RNG.uniform(0.2, 1.0, (PEOPLE, NODES, NODES)) * OFF
LENGTHS = RNG.uniform(20, 90, (PEOPLE, NODES, NODES)) * OFF
PSD = RNG.uniform(1, 2, (PEOPLE, NODES, BINS))
MANY = {"frequencies": np.arange(1.0, 6.0), "psd": PSD, "weights": WEIGHTS}
FULL = MANY | {
    "lengths": LENGTHS,
    "labels": np.array(["a", "b", "c"]),
    "centres": RNG.normal(size=(NODES, 3)),
}
ONE = MANY | {"psd": PSD[0], "weights": WEIGHTS[0]}


@pytest.fixture
def load(tmp_path):
    def written(arrays, normalisation="none"):
        np.savez(tmp_path / "data.npz", **arrays)
        return load_recordings(tmp_path / "data.npz", normalisation)

    return written


def test_many_people_come_back(load):
    found = load(FULL)
    assert found.people == PEOPLE
    np.testing.assert_array_equal(found.frequencies, MANY["frequencies"])
    for person, connectome in enumerate(found.connectomes):
        np.testing.assert_array_equal(connectome.weights, WEIGHTS[person])
        np.testing.assert_array_equal(connectome.lengths, LENGTHS[person])
        np.testing.assert_array_equal(connectome.centres, FULL["centres"])
        assert connectome.labels == ("a", "b", "c")


def test_regions_lead_in_the_file_and_frequencies_in_memory(load):
    np.testing.assert_array_equal(load(MANY).spectra, np.swapaxes(PSD, 1, 2))


def test_one_person_needs_no_axis_of_people(load):
    found = load(ONE)
    assert found.people == 1
    np.testing.assert_array_equal(found.spectra[0], PSD[0].T)
    np.testing.assert_array_equal(found.connectomes[0].weights, WEIGHTS[0])


def test_weights_and_lengths_may_be_shared(load):
    found = load(FULL | {"weights": WEIGHTS[1], "lengths": LENGTHS[1]})
    for connectome in found.connectomes:
        np.testing.assert_array_equal(connectome.weights, WEIGHTS[1])
        np.testing.assert_array_equal(connectome.lengths, LENGTHS[1])


def test_optional_keys_may_be_left_out(load):
    connectome = load(MANY).connectomes[0]
    assert (connectome.lengths, connectome.labels, connectome.centres) == (None, None, None)


@pytest.mark.parametrize("kind", ["eigenvalue", "rows", "mean", "maximum"])
def test_weights_of_each_person_are_normalised(load, kind):
    found = load(MANY, kind)
    for person, connectome in enumerate(found.connectomes):
        expected = Connectome(WEIGHTS[person]).normalised(kind)
        np.testing.assert_array_equal(connectome.weights, expected.weights)
        assert connectome.normalisation == kind


def test_a_band_keeps_its_ends(load):
    found = load(MANY).within(2.0, 4.0)
    np.testing.assert_array_equal(found.frequencies, [2, 3, 4])
    np.testing.assert_array_equal(found.spectra, np.swapaxes(PSD, 1, 2)[:, 1:4])


def test_a_band_with_less_than_two_bins_is_refused(load):
    with pytest.raises(ValueError, match=r"7-9 Hz holds 0 bins of 1-5 Hz: at least 2"):
        load(MANY).within(7.0, 9.0)


def changed(key, index, value, base=FULL):
    array = np.array(base[key], dtype=float)
    array[index] = value
    return base | {key: array}


WRONG = {
    "missing key": ({"psd": PSD, "weights": WEIGHTS}, r"has the keys .*Missing: \['frequencies'\]"),
    "unknown key": (MANY | {"power": PSD}, r"needed are .*unknown: \['power'\]"),
    "two axes of frequencies": (MANY | {"frequencies": np.ones((2, 5))}, r"\(F,\), got \(2, 5\)"),
    "falling frequencies": (MANY | {"frequencies": np.arange(5.0, 0, -1)}, "increasing, in Hz"),
    "frequency zero": (MANY | {"frequencies": np.arange(5.0)}, "above zero"),
    "frequency NaN": (changed("frequencies", 2, np.nan), "finite"),
    "psd of one axis": (
        MANY | {"psd": PSD[0, 0]},
        r"`psd` must have 2 or 3 axes .*got shape \(5,\)",
    ),
    "psd transposed": (
        MANY | {"psd": np.swapaxes(PSD, 1, 2)},
        r"end in the 5 bins of `frequencies`.*got \(2, 5, 3\)",
    ),
    "psd negative": (changed("psd", (1, 2, 3), -1), r"1 entries are not, .*\(1, 2, 3\)"),
    "psd zero": (changed("psd", (0, 0, 0), 0), r"not decibel.*\(0, 0, 0\)"),
    "psd NaN": (changed("psd", (1, 0, 0), np.nan), r"finite.*\(1, 0, 0\)"),
    "weights of other regions": (
        MANY | {"weights": np.zeros((2, 4, 4))},
        r"`weights` must be \(3, 3\) or \(2, 3, 3\).*got \(2, 4, 4\)",
    ),
    "weights of other people": (
        MANY | {"weights": np.repeat(WEIGHTS[:1], 3, axis=0)},
        r"`weights` must be .*2 people and 3 regions, got \(3, 3, 3\)",
    ),
    "weights negative": (changed("weights", (1, 0, 1), -1), "`weights` of person 1 .*negative"),
    "weights NaN": (changed("weights", (1, 0, 1), np.nan), "person 1: `weights` has 1 non-finite"),
    "weights with loops": (
        changed("weights", (0, 1, 1), 1, MANY),
        "`weights` of person 0 .*zero diagonal",
    ),
    "lengths of other regions": (
        FULL | {"lengths": np.ones((2, 2))},
        r"`lengths` must be \(3, 3\)",
    ),
    "lengths negative": (changed("lengths", (0, 0, 1), -1), "`lengths` of person 0 is zero for 1"),
    "lengths zero on a link": (
        changed("lengths", (1, 0, 1), 0),
        "`lengths` of person 1 is zero for 1",
    ),
    "lengths NaN": (changed("lengths", (1, 2, 1), np.nan), "person 1: `lengths` has 1 non-finite"),
    "too few labels": (FULL | {"labels": np.array(["a", "b"])}, "2 names for 3 regions"),
    "labels twice": (FULL | {"labels": np.array(["a", "b", "a"])}, "'a' stands more than once"),
    "one label": (FULL | {"labels": np.array("a")}, r"`labels` must be .*got shape \(\)"),
    "centres of two axes": (
        FULL | {"centres": np.ones((3, 2))},
        r"`centres` must have shape \(3, 3\)",
    ),
    "centres NaN": (changed("centres", (0, 0), np.nan), "`centres` has 1 non-finite"),
    "psd of text": (
        MANY | {"psd": np.array([["a"] * 5] * 3)},
        "must hold real numbers, .* array of <U1",
    ),
    "psd complex": (
        MANY | {"psd": PSD + 1j},
        "`psd` must hold real numbers, got an array of complex128",
    ),
    "psd of nobody": (MANY | {"psd": np.ones((0, 3, 5))}, r"be filled, got shape \(0, 3, 5\)"),
    "weights of one axis": (MANY | {"weights": np.ones(3)}, "`weights` must have 2 or 3 axes"),
}


@pytest.mark.parametrize("arrays, message", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused_in_words(load, arrays, message):
    with pytest.raises(ValueError, match=message):
        load(arrays)


def same(found, wanted):
    np.testing.assert_array_equal(found.frequencies, wanted.frequencies)
    np.testing.assert_array_equal(found.spectra, wanted.spectra)
    for one, other in zip(found.connectomes, wanted.connectomes, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.lengths, other.lengths)
        np.testing.assert_array_equal(one.centres, other.centres)
        assert one.labels == other.labels


def test_a_file_of_matlab_has_the_same_keys(load, tmp_path):
    savemat(tmp_path / "data.mat", FULL | {"labels": FULL["labels"].astype(object)})
    same(load_recordings(tmp_path / "data.mat", "none"), load(FULL))


def test_other_keys_are_given_and_what_is_not_named_is_left_out(load, tmp_path):
    held = {name: array for name, array in FULL.items() if name not in ("frequencies", "weights")}
    held |= {"freqs_hz": MANY["frequencies"], "sc": WEIGHTS, "age": np.ones(2)}
    np.savez(tmp_path / "other.npz", **held)
    keys = {"frequencies": "freqs_hz", "weights": "sc"}
    same(load_recordings(tmp_path / "other.npz", "none", keys=keys), load(FULL))
    with pytest.raises(ValueError, match=r"unknown: .*'age'.*keys=\{'weights'"):
        load_recordings(tmp_path / "other.npz")
    with pytest.raises(ValueError, match=r"other.npz: .*`weights` is 'SC', which is not there"):
        load_recordings(tmp_path / "other.npz", keys=keys | {"weights": "SC"})


def test_weights_that_are_all_zero_cannot_be_normalised(load):
    with pytest.raises(ValueError, match="person 0: `weights` are all zero"):
        load(MANY | {"weights": np.zeros((3, 3))}, "eigenvalue")


def test_an_unknown_normalisation_lists_the_known(load):
    with pytest.raises(ValueError, match="eigenvalue, rows, mean, maximum"):
        load(MANY, "sums")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*nothing.npz"):
        load_recordings(tmp_path / "nothing.npz")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"give the path of an .npz or .mat file"):
        load_recordings(tmp_path)


def whole(tmp_path):
    np.savez_compressed(tmp_path / "data.npz", **FULL)
    return (tmp_path / "data.npz").read_bytes()


UNREADABLE = {
    "text": lambda path: b"frequencies,psd\n",
    "empty": lambda path: b"",
    "truncated": lambda path: whole(path)[:-300],
    "damaged": lambda path: whole(path)[:150] + bytes(40) + whole(path)[190:],
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_cannot_be_read_says_how_to_write_one(tmp_path, content):
    (tmp_path / "bad.npz").write_bytes(content(tmp_path))
    with pytest.raises(ValueError, match=r"cannot be read as an .npz file .*numpy.savez"):
        load_recordings(tmp_path / "bad.npz")


def test_a_single_array_is_no_npz(tmp_path):
    np.save(tmp_path / "psd.npy", PSD)
    with pytest.raises(ValueError, match=r"cannot be read as an .npz file"):
        load_recordings(tmp_path / "psd.npy")


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "data.npz", **(MANY | {"psd": np.array([{}, None], dtype=object)}))
    with pytest.raises(ValueError, match="plain arrays"):
        load_recordings(tmp_path / "data.npz")


def test_recordings_made_by_hand_must_agree():
    connectome, spectra = Connectome(WEIGHTS[0]), np.swapaxes(PSD, 1, 2)
    with pytest.raises(ValueError, match="has 1 for spectra of 2 people"):
        Recordings(np.arange(1.0, 6.0), spectra, (connectome,))
    with pytest.raises(ValueError, match=r"3 regions and `weights` \[4\]"):
        Recordings(np.arange(1.0, 6.0), spectra, (Connectome(np.zeros((4, 4))),) * 2)
