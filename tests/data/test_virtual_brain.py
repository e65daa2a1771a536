"""Connectivities of The Virtual Brain: zips and folders of tables, in its order and with its gaps."""

import bz2
import zipfile

import numpy as np
import pytest

from rosetta_jax.data import load_connectome, load_virtual_brain

RNG = np.random.default_rng(3)
OFF = 1 - np.eye(3)
CENTRES = RNG.normal(size=(3, 3)) * 40
APART = np.linalg.norm(CENTRES[:, None] - CENTRES[None], axis=2)
WEIGHTS = RNG.uniform(1, 3, (3, 3)) * OFF
LENGTHS = 1.3 * APART
NAMES = ("rA1", "lA1", "lPFC")


def text(array):
    return "\n".join("   ".join(repr(float(x)) for x in row) for row in np.atleast_2d(array)) + "\n"


FULL = {
    "weights.txt": text(WEIGHTS),
    "tract_lengths.txt": text(LENGTHS),
    "centres.txt": "\n".join(
        f"{n}\t{text(c)}".strip() for n, c in zip(NAMES, CENTRES, strict=True)
    ),
    "average_orientations.txt": text(np.eye(3)),
    "areas.txt": text(np.array([[5.0], [6.0], [7.0]])),
    "cortical.txt": "1\n1\n0\n",
    "hemispheres.txt": "1\n0\n0\n",
}


def zipped(path, files, folder=""):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return path


def compressed(path):
    return zipped(path, {f"{n}.bz2": bz2.compress(c.encode()) for n, c in FULL.items()})


def in_folder(path):
    extra = {"__MACOSX/weights.txt": "x", ".weights.txt": "x", "info.txt": "made by hand"}
    return zipped(path, {f"brain/{n}": c for n, c in FULL.items()} | extra)


def folder(path):
    path.mkdir()
    for name, content in FULL.items():
        (path / name).write_text(content)
    return path


WAYS = [lambda path: zipped(path, FULL), compressed, in_folder, folder]


@pytest.mark.parametrize("write", WAYS, ids=["zip", "bz2", "folder in zip", "folder"])
def test_all_that_was_written_is_read(tmp_path, write):
    path = write(tmp_path / "connectivity_3.zip")
    found = load_virtual_brain(path)
    for connectome in (found.connectome, load_connectome(path)):
        np.testing.assert_array_equal(connectome.weights, WEIGHTS)
        np.testing.assert_array_equal(connectome.lengths, LENGTHS)
        np.testing.assert_array_equal(connectome.centres, CENTRES)
        assert connectome.labels == NAMES
    np.testing.assert_array_equal(found.orientations, np.eye(3))
    np.testing.assert_array_equal(found.areas, [5, 6, 7])
    np.testing.assert_array_equal(found.cortical, [True, True, False])
    np.testing.assert_array_equal(found.hemispheres, [True, False, False])


def only(*names):
    return {name: FULL[name] for name in names}


def test_files_but_weights_may_be_missing(tmp_path):
    path = zipped(tmp_path / "a.zip", only("weights.txt"))
    found = load_virtual_brain(path)
    assert (found.connectome.lengths, found.connectome.labels, found.areas) == (None, None, None)


@pytest.mark.parametrize("lengths", [{}, {"tract_lengths.txt": "\n"}], ids=["missing", "empty"])
def test_without_lengths_the_distances_are_taken_and_said(tmp_path, lengths):
    path = zipped(tmp_path / "a.zip", only("weights.txt", "centres.txt") | lengths)
    with pytest.warns(UserWarning, match=r"a.zip has no tract lengths: the distances"):
        found = load_connectome(path)
    np.testing.assert_allclose(found.lengths, APART, rtol=1e-12)


def test_centres_of_two_spellings_are_told_apart(tmp_path):
    other = FULL["centres.txt"].replace("rA1", "other")
    path = zipped(tmp_path / "a.zip", FULL | {"centers.txt": other})
    with pytest.raises(
        ValueError, match=r"a.zip: `centres` is .*there are 2: centers.txt, centres.txt"
    ):
        load_connectome(path)
    assert load_connectome(path, keys={"centres": "centers.txt"}).labels[0] == "other"
    found = load_connectome(path, keys={"centres": None})
    assert found.labels is None and found.centres is None


def test_regions_may_be_called_by_numbers(tmp_path):
    numbered = "\n".join(f"{n} {text(c)}".strip() for n, c in zip((7, 8, 9), CENTRES, strict=True))
    found = load_connectome(zipped(tmp_path / "a.zip", FULL | {"centres.txt": numbered}))
    assert found.labels == ("7", "8", "9")
    np.testing.assert_array_equal(found.centres, CENTRES)


def test_loops_can_be_dropped(tmp_path):
    path = zipped(tmp_path / "a.zip", FULL | {"weights.txt": text(WEIGHTS + np.eye(3))})
    with pytest.raises(ValueError, match=r"a.zip: `weights` must have a zero diagonal"):
        load_virtual_brain(path)
    for found in (
        load_connectome(path, loops="drop"),
        load_virtual_brain(path, loops="drop").connectome,
    ):
        np.testing.assert_array_equal(found.weights, WEIGHTS)


@pytest.mark.parametrize(
    "files, message",
    [
        (only("centres.txt"), r"`weights.txt` is missing. Found: centres.txt"),
        (FULL | {"weights.txt": text(WEIGHTS[:2])}, r"`weights` must be square .*got \(2, 3\)"),
        (FULL | {"weights.txt": "1 2\n3\n"}, "a.zip, weights.txt has 1 entries in row 2"),
        (FULL | {"tract_lengths.txt": text(0 * WEIGHTS)}, "`lengths` is zero for 6 links"),
        (
            FULL | {"areas.txt": "1\n2\n"},
            r"`areas` must be one number a region \(3,\), got \(2, 1\)",
        ),
        (FULL | {"average_orientations.txt": "1 2\n3 4\n"}, r"`orientations` must be \(3, 3\)"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path, files, message):
    with pytest.raises(ValueError, match=r"a.zip.*" + message.removeprefix("a.zip")):
        load_virtual_brain(zipped(tmp_path / "a.zip", files))


def test_what_is_no_zip_is_said(tmp_path):
    (tmp_path / "a.zip").write_text("nothing")
    with pytest.raises(ValueError, match=r"a.zip cannot be read as a zip"):
        load_connectome(tmp_path / "a.zip")
    with pytest.raises(FileNotFoundError, match=r"no file or folder .*b.zip"):
        load_connectome(tmp_path / "b.zip")
    path = zipped(tmp_path / "c.zip", FULL)
    with pytest.raises(ValueError, match="`keys` has 'weight': choose from weights, lengths"):
        load_virtual_brain(path, keys={"weight": "weights.txt"})
    with pytest.raises(ValueError, match=r"`areas` is 'area', of which there are 0: areas.txt, "):
        load_virtual_brain(path, keys={"areas": "area"})
