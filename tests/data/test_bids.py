"""Series of a data set are found by the entities of their names, or what there is is listed."""

import importlib
import types

import numpy as np
import pytest

from rosetta_jax.data import from_bids

SIGNAL = np.random.default_rng(8).standard_normal((30, 2))


@pytest.fixture
def root(tmp_path):
    names = [
        "sub-01/func/sub-01_task-rest_run-1_seg-DK_stat-mean",
        "sub-01/func/sub-01_task-rest_run-2_seg-DK_stat-mean",
        "sub-01/func/sub-01_task-movie_seg-DK_stat-mean",
        "sub-02/ses-a/func/sub-02_ses-a_task-rest_seg-DK_stat-mean",
    ]
    (tmp_path / "dataset_description.json").write_text("{}")
    (tmp_path / "task-rest_bold.json").write_text('{"RepetitionTime": 0.8}')
    for number, name in enumerate(names):
        path = tmp_path / f"{name}_timeseries.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savetxt(path, SIGNAL + number, delimiter="\t", header="a\tb", comments="", fmt="%.17g")
    (tmp_path / "sub-01/func/sub-01_task-rest_run-1_motion.tsv").write_text("x\n1\n")
    return tmp_path


def test_a_table_is_found_by_its_entities(root):
    found = from_bids(root, subject="01", task="rest", run=2)
    np.testing.assert_array_equal(found.signal, SIGNAL + 1)
    assert (found.interval, found.labels, found.kind) == (0.8, ("a", "b"), "bold")
    found = from_bids(root, subject="sub-02", session="a", segmentation="DK", labels=["b"])
    np.testing.assert_array_equal(found.signal, SIGNAL[:, 1:] + 3)
    found = from_bids(root, subject="01", task="movie", interval=2.0, kind="bold", unit="%")
    assert (found.interval, found.unit) == (2.0, "%")


def test_several_are_told_apart_by_what_differs(root):
    with pytest.raises(
        ValueError, match=r"2 tables of sub-01_task-rest: say which by run \(1, 2\): sub-01"
    ):
        from_bids(root, subject="01", task="rest")
    with pytest.raises(
        ValueError, match=r"3 tables .* by task \(movie, rest\), run \(1, 2, none\): "
    ):
        from_bids(root, subject="01")


def test_where_none_fits_what_there_is_is_listed(root):
    with pytest.raises(
        FileNotFoundError, match=r"no sub-03_timeseries.tsv. Of 4 .*sub-01/func/sub-01_task-movie"
    ):
        from_bids(root, subject="03")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        from_bids(root / "none", subject="01")


def test_raw_recordings_need_mne_bids(root, monkeypatch):
    found = importlib.import_module

    def missing(name):
        if name == "mne_bids":
            raise ModuleNotFoundError(name)
        return found(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(
        ImportError, match=r"needs mne-bids: `pip install 'rosetta-jax\[data\]'`, or read"
    ):
        from_bids(root, subject="01", suffix="eeg")


@pytest.fixture
def recorded(tmp_path):
    """A data set as MNE-BIDS writes it."""
    library, mne = pytest.importorskip("mne_bids"), pytest.importorskip("mne")
    info = mne.create_info(["Fz", "Cz"], 100.0, "eeg")
    raw = mne.io.RawArray(1e-5 * SIGNAL.repeat(10, axis=0).T, info, verbose=False)
    raw.info["line_freq"] = 50.0
    for run in ("1", "2"):
        place = library.BIDSPath(root=tmp_path, subject="01", task="rest", run=run, datatype="eeg")
        library.write_raw_bids(
            raw, place, format="BrainVision", allow_preload=True, verbose=False, overwrite=True
        )
    return tmp_path


def test_raw_recordings_are_read_by_mne_bids(recorded):
    found = from_bids(recorded, subject="01", task="rest", run="1", suffix="eeg", labels=["Cz"])
    np.testing.assert_allclose(found.signal[:, 0], 10 * SIGNAL.repeat(10, axis=0)[:, 1], rtol=1e-4)
    assert (found.unit, found.kind, found.labels) == ("µV", "eeg", ("Cz",))
    with pytest.raises(ValueError, match=r"has 2 of sub-01_task-rest_eeg, say which"):
        from_bids(recorded, subject="01", task="rest", suffix="eeg")
    with pytest.raises(FileNotFoundError, match="no raw recording sub-09_eeg"):
        from_bids(recorded, subject="09", suffix="eeg")


def test_what_mne_bids_is_asked_for(root, monkeypatch):
    """By a library that stands in, where it is not installed."""
    mne = pytest.importorskip("mne")
    asked = {}

    class BIDSPath:
        def __init__(self, **options):
            asked.update(options)
            self.basename = "sub-01_ses-a_eeg"

        def match(self):
            self.fpath = "one_eeg.vhdr"
            return [self]

        def copy(self):
            return self

        def update(self, extension):
            assert extension is None
            return self

    info = mne.create_info(["Fz", "Cz"], 100.0, "eeg")
    raw = mne.io.RawArray(1e-6 * SIGNAL.T, info, verbose=False)
    library = types.SimpleNamespace(
        BIDSPath=BIDSPath,
        read_raw_bids=lambda path, verbose: raw,
    )
    found = importlib.import_module
    monkeypatch.setattr(
        importlib, "import_module", lambda name: library if name == "mne_bids" else found(name)
    )
    series = from_bids(root, subject="01", session="a", suffix="eeg")
    np.testing.assert_allclose(series.signal, SIGNAL, rtol=1e-12)
    assert asked == {
        "root": root,
        "datatype": "eeg",
        "suffix": "eeg",
        "subject": "01",
        "session": "a",
    }
