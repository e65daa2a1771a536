"""Connectomes come back from every kind of file as they went in, and what no network can use is named."""

import importlib
import re

import numpy as np
import pytest
from scipy.io import savemat
from scipy.io.matlab import MatlabOpaque
from scipy.sparse import csr_matrix

from rosetta_jax.data import load_connectome, matlab
from rosetta_jax.network import Connectome


def parts(nodes, seed=0):
    """A directed connectome of any size."""
    rng = np.random.default_rng(seed)
    off = (rng.random((nodes, nodes)) < 0.7) * (1 - np.eye(nodes))
    centres = rng.normal(size=(nodes, 3)) * 40
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return {
        "weights": rng.uniform(0.5, 9.0, (nodes, nodes)) * off,
        "lengths": (1.2 * apart + rng.random((nodes, nodes))) * off,
        "labels": np.array([f"region {n}" for n in range(nodes)]),
        "centres": centres,
    }


PARTS = parts(3)


def same(found, wanted, exact=True):
    for name in ("weights", "lengths", "centres"):
        expected, got = wanted.get(name), getattr(found, name)
        assert (got is None) == (expected is None), name
        if expected is not None:
            np.testing.assert_allclose(got, expected, rtol=0 if exact else 1e-12)
    labels = wanted.get("labels")
    assert found.labels == (None if labels is None else tuple(labels))


def as_npz(path, held):
    np.savez(path.with_suffix(".npz"), **held)
    return path.with_suffix(".npz")


def as_mat(path, held):
    cells = {"labels": held["labels"].astype(object)[:, None]} if "labels" in held else {}
    savemat(path.with_suffix(".mat"), held | cells)
    return path.with_suffix(".mat")


def as_mat73(path, held):
    """As MATLAB writes: every matrix transposed, text as codes, cells as references."""
    h5py = pytest.importorskip("h5py")
    path = path.with_suffix(".mat")
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in held.items():
            if array.dtype.kind != "U":
                file[name] = array.T
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
                continue
            references = []
            for number, text in enumerate(array):
                each = file.create_dataset(
                    f"#refs#/{number}", data=np.array([[ord(c)] for c in text], "u2")
                )
                each.attrs["MATLAB_class"] = np.bytes_("char")
                references.append(each.ref)
            file.create_dataset(name, data=np.array([references], h5py.ref_dtype))
            file[name].attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(128))
    return path


def as_hdf5(path, held):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for name, array in held.items():
            file[name] = array.astype(h5py.string_dtype()) if array.dtype.kind == "U" else array
    return path.with_suffix(".h5")


@pytest.mark.parametrize("write", [as_npz, as_mat, as_mat73, as_hdf5])
@pytest.mark.parametrize("nodes", [2, 3, 7])
@pytest.mark.parametrize("left_out", [(), ("labels",), ("labels", "centres", "lengths")])
def test_what_is_written_is_read(tmp_path, write, nodes, left_out):
    held = {name: array for name, array in parts(nodes).items() if name not in left_out}
    same(load_connectome(write(tmp_path / "brain", held)), held)


def test_asymmetry_is_kept_and_the_other_order_is_said(tmp_path):
    path = as_npz(tmp_path / "brain", PARTS)
    assert (PARTS["weights"] != PARTS["weights"].T).any()
    turned = load_connectome(path, rows="source")
    np.testing.assert_array_equal(turned.weights, PARTS["weights"].T)
    np.testing.assert_array_equal(turned.lengths, PARTS["lengths"].T)


@pytest.mark.parametrize(
    "names",
    [
        ("sc", "len", "Names", "coords"),
        ("sc_counts", "lengths_mm", "region_labels", "centres_mni_mm"),
        ("Cmat", "Dmat", "labels", "xyz"),
        ("connectivity", "tract_lengths", "ROI_names", "centroids"),
    ],
)
def test_common_names_are_recognised(tmp_path, names):
    held = dict(zip(names, PARTS.values(), strict=True))
    same(load_connectome(as_npz(tmp_path / "brain", held)), PARTS)


def test_other_names_are_given_and_what_is_none_is_left_out(tmp_path):
    held = {"W": PARTS["weights"], "D": PARTS["lengths"], "centres": np.full((3, 3), np.nan)}
    path = as_npz(tmp_path / "brain", held)
    found = load_connectome(path, keys={"weights": "W", "lengths": "D", "centres": None})
    same(found, {"weights": PARTS["weights"], "lengths": PARTS["lengths"]})


def test_a_key_that_is_given_is_nothing_else(tmp_path):
    held = {"sc": PARTS["weights"], "connectome": PARTS["lengths"]}
    found = load_connectome(as_npz(tmp_path / "brain", held), keys={"lengths": "connectome"})
    same(found, {"weights": PARTS["weights"], "lengths": PARTS["lengths"]})


def test_objects_that_only_matlab_reads_are_named(tmp_path, monkeypatch):
    path = as_mat(tmp_path / "brain", PARTS)
    held = PARTS | {"labels": MatlabOpaque(np.zeros(1, "O"))}
    monkeypatch.setattr(matlab, "loadmat", lambda path: held)
    with pytest.warns(UserWarning, match=r"'labels' is an object of MATLAB .*cellstr"):
        found = load_connectome(path)
    assert found.labels is None


def test_hdf5_that_matlab_did_not_write_is_as_it_stands(tmp_path):
    path = as_hdf5(tmp_path / "brain", PARTS)
    same(load_connectome(path.rename(tmp_path / "brain.mat")), PARTS)


def test_what_cells_refer_to_is_no_array_of_the_file(tmp_path):
    path = as_mat73(tmp_path / "brain", {"abc": PARTS["weights"], "labels": PARTS["labels"]})
    with pytest.raises(ValueError, match=r"Found: abc \(3, 3\), labels \(3,\)\. Say"):
        load_connectome(path)


def test_structs_and_sparse_matrices_of_matlab_are_taken_apart(tmp_path):
    held = {"data": {"SC": csr_matrix(PARTS["weights"]), "len": PARTS["lengths"]}}
    savemat(tmp_path / "brain.mat", held)
    found = load_connectome(tmp_path / "brain.mat")
    same(found, {"weights": PARTS["weights"], "lengths": PARTS["lengths"]})


def test_one_person_of_many_is_chosen(tmp_path):
    held = {"sc": np.stack([PARTS["weights"], 2 * PARTS["weights"]]), "lengths": PARTS["lengths"]}
    path = as_npz(tmp_path / "brain", held)
    found = load_connectome(path, person=1)
    same(found, {"weights": 2 * PARTS["weights"], "lengths": PARTS["lengths"]})
    with pytest.raises(ValueError, match=r"brain.npz: 'sc' \(2, 3, 3\) has 2 people: choose one"):
        load_connectome(path)
    with pytest.raises(ValueError, match=r"`person` is 2, but 'sc' \(2, 3, 3\) has 2 people"):
        load_connectome(path, person=2)


# --- tables -------------------------------------------------------------------------------------------


def table(path, matrix, separator, columns=None, rows=None, corner=""):
    lines = [separator.join(repr(float(x)) for x in row) for row in matrix]
    if rows is not None:
        lines = [f"{name}{separator}{line}" for name, line in zip(rows, lines, strict=True)]
    if columns is not None:
        first = [corner, *columns] if rows is not None else columns
        lines.insert(0, separator.join(first))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "suffix, separator", [("csv", ","), ("csv", ";"), ("tsv", "\t"), ("txt", " ")]
)
@pytest.mark.parametrize("named", ["", "columns", "rows", "columns rows"])
def test_tables_come_back_with_their_names(tmp_path, suffix, separator, named):
    names = ["left", "right", "middle"]
    given = {key: names for key in named.split()}
    if separator == " " and len(given) == 2:
        given["corner"] = "name"
    path = table(tmp_path / f"weights.{suffix}", PARTS["weights"], separator, **given)
    table(tmp_path / "lengths.txt", PARTS["lengths"], " ")
    found = load_connectome(path, lengths=tmp_path / "lengths.txt", centres=PARTS["centres"])
    same(found, PARTS | {"labels": names if named else None})


def test_labels_are_a_list_a_file_of_lines_or_a_column(tmp_path):
    path = tmp_path / "weights.npy"
    np.save(path, PARTS["weights"])
    (tmp_path / "lines.txt").write_text("a\nb\nc\n")
    (tmp_path / "atlas.tsv").write_text("index\tname\n1\ta\n2\tb\n3\tc\n")
    for labels in (["a", "b", "c"], tmp_path / "lines.txt", str(tmp_path / "atlas.tsv")):
        assert load_connectome(path, labels=labels).labels == ("a", "b", "c")
    (tmp_path / "two.txt").write_text("1 a\n2 b\n3 c\n")
    with pytest.raises(ValueError, match=r"two.txt must hold one name a line.*found \['1', 'a'\]"):
        load_connectome(path, labels=tmp_path / "two.txt")


def test_names_in_another_order_are_seen(tmp_path):
    path = table(tmp_path / "w.csv", PARTS["weights"], ",", columns=["a", "b", "c"])
    with pytest.raises(
        ValueError, match=r"`labels` and the names in the file are in another order: at 1"
    ):
        load_connectome(path, labels=["a", "c", "b"])
    path = table(tmp_path / "v.csv", PARTS["weights"], ",", ["a", "b", "c"], ["b", "a", "c"])
    with pytest.raises(ValueError, match="the names of rows and those of columns are in another"):
        load_connectome(path)


@pytest.mark.parametrize(
    "matrix, message",
    [
        (
            np.vstack([[1001, 1002, 1003], PARTS["weights"]]),
            r"\(4, 3\): its first row may be numbers",
        ),
        (np.c_[[1.0, 2, 3], PARTS["weights"]], r"\(3, 4\): its first column may be numbers"),
        (PARTS["weights"][:1], r"square \(nodes, nodes\), got \(1, 3\): give one row"),
    ],
)
def test_a_table_that_is_not_square_says_why(tmp_path, matrix, message):
    with pytest.raises(ValueError, match=r"w.csv: `weights` must be .*" + message):
        load_connectome(table(tmp_path / "w.csv", matrix, ","))


# --- what is refused ----------------------------------------------------------------------------------


def changed(name, index, value):
    array = PARTS[name].copy()
    array[index] = value
    return PARTS | {name: array}


LINK = tuple(np.argwhere(PARTS["weights"])[0])
WRONG = {
    "nothing known": (
        {"abc": np.ones((2, 2))},
        r"`weights` is needed.*Found: abc \(2, 2\)\. Say which",
    ),
    "two at once": (
        PARTS
        | {"centers": PARTS["centres"], "coords": PARTS["centres"]}
        | {"centres2": np.ones(1)},
        None,
    ),
    "two other names": (
        {"sc": PARTS["weights"], "counts": PARTS["weights"]},
        r"'sc' and 'counts' could both be `weights`: .*keys=\{'weights': 'sc'\}. Found: sc \(3, 3\)",
    ),
    "negative": (changed("weights", LINK, -2.0), "`weights` must not be negative, got -2"),
    "weight NaN": (changed("weights", LINK, np.nan), "`weights` has 1 non-finite"),
    "loop": (changed("weights", (1, 1), 3.0), r"found 3 at \[1, 1\]: set it to zero.*loops='drop'"),
    "no length": (changed("lengths", LINK, 0.0), "`lengths` is zero for 1 links .*1.2 times"),
    "length NaN": (changed("lengths", LINK, np.nan), "`lengths` has 1 non-finite"),
    "lengths of others": (
        PARTS | {"lengths": np.ones((2, 2))},
        r"`lengths` must have shape \(3, 3\)",
    ),
    "metres": (
        PARTS | {"lengths": PARTS["lengths"] / 1000},
        r"`lengths` are in mm, .*metres: multiply by 1000",
    ),
    "centres NaN": (
        changed("centres", (1, 0), np.nan),
        r"'centres' \(3, 3\) .*region 1: .*'centres': None",
    ),
    "complex": (PARTS | {"weights": PARTS["weights"] + 0j}, "'?weights`? must hold real numbers"),
    "few labels": (PARTS | {"labels": np.array(["a"])}, "1 names for 3 regions"),
}


@pytest.mark.parametrize("held, message", WRONG.values(), ids=WRONG)
def test_what_does_not_fit_names_file_and_remedy(tmp_path, held, message):
    path = as_npz(tmp_path / "brain", held)
    if message is None:
        same(load_connectome(path), PARTS)  # a name that is exact goes before others
        return
    with pytest.raises(ValueError, match=re.escape(str(path)) + ".*" + message):
        load_connectome(path)


def test_loops_can_be_dropped_and_missing_lengths_of_missing_links_are_zero(tmp_path):
    held = changed("weights", (1, 1), np.nan)
    none = PARTS["weights"] == 0
    held["lengths"] = np.where(none, np.nan, PARTS["lengths"])
    same(load_connectome(as_npz(tmp_path / "brain", held), loops="drop"), PARTS)


def test_weights_are_normalised_where_asked(tmp_path):
    path = as_npz(tmp_path / "brain", PARTS)
    assert load_connectome(path).normalisation == "none"
    found = load_connectome(path, normalisation="maximum")
    expected = Connectome(PARTS["weights"]).normalised("maximum")
    np.testing.assert_array_equal(found.weights, expected.weights)


@pytest.mark.parametrize(
    "factor, message", [(0.1, "100% of the links are shorter"), (10, "times as long")]
)
def test_lengths_in_another_unit_than_centres_are_seen(tmp_path, factor, message):
    path = as_npz(tmp_path / "brain", PARTS | {"lengths": factor * PARTS["lengths"]})
    with pytest.warns(UserWarning, match=rf"brain.npz: .*{message}"):
        load_connectome(path)


def test_a_matrix_that_may_be_lengths_is_not_passed_over(tmp_path):
    path = as_npz(tmp_path / "brain", {"sc": PARTS["weights"], "fibre_len_mean": PARTS["lengths"]})
    with pytest.warns(
        UserWarning, match=r"no tract lengths .*\(3, 3\).*'lengths': 'fibre_len_mean'"
    ):
        load_connectome(path)


def test_wrong_keys_files_and_choices_are_named(tmp_path):
    path = as_npz(tmp_path / "brain", PARTS)
    with pytest.raises(
        ValueError, match=r"`weights` is 'sc', which is not there. Found: weights \(3, 3\)"
    ):
        load_connectome(path, keys={"weights": "sc"})
    with pytest.raises(ValueError, match=r"`keys` is 'weight'. Did you mean 'weights'"):
        load_connectome(path, keys={"weight": "weights"})
    with pytest.raises(ValueError, match=r"`rows` is 'from'"):
        load_connectome(path, rows="from")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*no.mat"):
        load_connectome(tmp_path / "no.mat")
    with pytest.raises(FileNotFoundError, match=r"there is no file .*no.csv"):
        load_connectome(tmp_path / "no.csv")
    (tmp_path / "brain.xlsx").write_text("a")
    with pytest.raises(ValueError, match=r"brain.xlsx: its kind '.xlsx' is not known: .*\.mat"):
        load_connectome(tmp_path / "brain.xlsx")
    with pytest.raises(ValueError, match="`keys` and `person` are of files with names"):
        load_connectome(table(tmp_path / "w.csv", PARTS["weights"], ","), person=0)


def test_damaged_matlab_files_and_missing_h5py_have_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "bad.mat").write_bytes(b"no such file" * 30)
    with pytest.raises(ValueError, match=r"bad.mat cannot be read as a .mat file: .*-v7"):
        load_connectome(tmp_path / "bad.mat")
    (tmp_path / "new.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(600))
    found = importlib.import_module

    def missing(name):
        if name == "h5py":
            raise ModuleNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ImportError, match=r"new.mat is HDF5 \(MATLAB 7.3\).*rosetta-jax\[data\].*-v7"
    ):
        load_connectome(tmp_path / "new.mat")
