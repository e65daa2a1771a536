"""Series against NumPy and SciPy, and from files as analysis programs leave them."""

import json

import numpy as np
import pytest
from scipy.io import savemat
from scipy.signal import csd, welch

from rosetta_jax.data import Series, load_series, load_spectra
from rosetta_jax.inference import ConnectivityLoss, SpectrumLoss

RNG = np.random.default_rng(5)
SIGNAL = RNG.standard_normal((3, 400, 3)) @ np.array([[1, 0.6, 0], [0, 1, 0.3], [0, 0, 1]]) + 7.0
STEP = 0.01
LABELS = ("a", "b", "c")


def estimate(signal):
    return welch(signal, 1 / STEP, nperseg=100, noverlap=50, axis=0)[1][1:]


def within(signal):
    """The cross spectrum of a band, summed over its bins."""
    pairs = [
        [csd(y, x, 1 / STEP, nperseg=100, noverlap=50)[1].real for y in signal.T] for x in signal.T
    ]
    bins = np.fft.rfftfreq(100, STEP)
    return np.array(pairs)[:, :, (bins >= 8) & (bins <= 12)].sum(axis=2)


def correlated(matrix):
    scale = np.sqrt(np.diagonal(matrix))
    return matrix / np.outer(scale, scale)


def test_spectra_are_welchs_without_zero_and_feed_a_loss():
    one = Series(SIGNAL[0], STEP, LABELS)
    frequencies, psd = one.spectra(1.0)
    np.testing.assert_allclose(frequencies, np.arange(1.0, 51.0), rtol=1e-12)
    np.testing.assert_allclose(psd, estimate(SIGNAL[0]), rtol=1e-9)
    assert SpectrumLoss(frequencies, psd).measured.shape == (50, 3)


def test_people_stay_apart_and_epochs_are_averaged():
    each = np.stack([estimate(signal) for signal in SIGNAL])
    np.testing.assert_allclose(Series(SIGNAL, STEP).spectra(1.0)[1], each, rtol=1e-9)
    epochs = Series(SIGNAL, STEP, over="epochs")
    np.testing.assert_allclose(epochs.spectra(1.0)[1], each.mean(axis=0), rtol=1e-9)
    each = np.stack([np.corrcoef(signal.T) for signal in SIGNAL])
    np.testing.assert_allclose(Series(SIGNAL, STEP).functional_connectivity(), each, atol=1e-12)
    mean = np.mean([np.cov(signal.T) for signal in SIGNAL], axis=0)
    np.testing.assert_allclose(epochs.functional_connectivity(), correlated(mean), atol=1e-12)


def test_epochs_with_offsets_are_not_joined():
    shifted = SIGNAL + np.array([0.0, 100.0, -50.0])[:, None, None]
    epochs, wanted = (Series(each, STEP, over="epochs") for each in (shifted, SIGNAL))
    np.testing.assert_allclose(epochs.spectra()[1], wanted.spectra()[1], rtol=1e-9)
    np.testing.assert_allclose(
        epochs.functional_connectivity(), wanted.functional_connectivity(), atol=1e-12
    )


def test_the_connectivity_of_a_band_is_that_of_its_bins_and_feeds_a_loss():
    each = np.stack([within(signal) for signal in SIGNAL])
    people = Series(SIGNAL, STEP).functional_connectivity((8.0, 12.0), 1.0)
    np.testing.assert_allclose(people[1], correlated(each[1]), atol=1e-12)
    found = Series(SIGNAL, STEP, over="epochs").functional_connectivity((8.0, 12.0), 1.0)
    np.testing.assert_allclose(found, correlated(each.mean(axis=0)), atol=1e-12)
    assert ConnectivityLoss(found, (8.0, 12.0)).measured.shape == (3, 3)


@pytest.mark.parametrize("unit", [1e-15, 1e9])
def test_units_do_not_matter_to_connectivity(unit):
    found = Series(unit * SIGNAL[0], STEP).functional_connectivity()
    np.testing.assert_allclose(found, np.corrcoef(SIGNAL[0].T), atol=1e-12)


def test_a_span_and_nodes_are_cut_out():
    one = Series(SIGNAL[0], STEP, LABELS, "µV", "eeg", start=-0.5)
    part = one.within(0.0, 0.99)
    np.testing.assert_array_equal(part.signal, SIGNAL[0, 50:150])
    np.testing.assert_allclose(part.times, np.arange(100) * STEP, atol=1e-12)
    assert one.duration == pytest.approx(4.0)
    turned = one.choose(["c", "a"])
    np.testing.assert_array_equal(turned.signal, SIGNAL[0][:, [2, 0]])
    assert (turned.labels, turned.unit, turned.kind, turned.start) == (
        ("c", "a"),
        "µV",
        "eeg",
        -0.5,
    )
    np.testing.assert_array_equal(Series(SIGNAL, STEP).within(1.0, 1.5).signal, SIGNAL[:, 100:151])


def altered(index, value):
    signal = SIGNAL[0].copy()
    signal[index] = value
    return signal


WRONG = {
    "axes": (lambda: Series(SIGNAL[0, 0], STEP), r"`signal` must be \(time, nodes\).*got \(3,\)"),
    "labels": (
        lambda: Series(SIGNAL, STEP, ("a",)),
        r"1 names for 3 nodes of `signal` \(3, 400, 3\)",
    ),
    "twice": (lambda: Series(SIGNAL, STEP, "aba"), "`labels` has 'a' twice"),
    "NaN": (
        lambda: Series(altered((5, 1), np.nan), STEP, LABELS),
        "not finite in 1 of 3 nodes, 'b': leave",
    ),
    "ms": (lambda: Series(SIGNAL, 10.0), "`interval` of 10 s is none of meg.*milliseconds"),
    "bold ms": (lambda: Series(SIGNAL, 720.0, kind="bold"), "`interval` of 720 s is none of bold"),
    "kind": (lambda: Series(SIGNAL, STEP, kind="megg"), "Did you mean 'meg'"),
    "over": (lambda: Series(SIGNAL, STEP, over="trials"), "`over` is 'trials'"),
    "span": (lambda: Series(SIGNAL, STEP).within(5.0, 6.0), "holds 0 samples of 0 to 3.99 s"),
    "unknown": (lambda: Series(SIGNAL, STEP, LABELS).choose(["d"]), "`labels` is 'd'"),
    "nameless": (lambda: Series(SIGNAL, STEP).choose(["a"]), "`labels` are missing"),
    "flat": (
        lambda: Series(altered((slice(None), 2), 1.0), STEP, LABELS).functional_connectivity(),
        "never changes in 1 nodes, 'c'",
    ),
    "silent": (
        lambda: Series(altered((slice(None), 2), 0.0), STEP, LABELS).spectra(),
        "no power in some bins of 1 nodes, 'c'",
    ),
    "segment": (lambda: Series(SIGNAL, STEP).spectra(9.0), "`segment` of 9 s is 900 samples"),
}


@pytest.mark.parametrize("call, message", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(9, 2), (9, 4), (2, 9, 4)])
@pytest.mark.parametrize("suffix", ["npz", "mat"])
@pytest.mark.parametrize("sampling", [{"TR": 0.72}, {"sampling_frequency": 1 / 0.72}])
@pytest.mark.parametrize("lead", [False, True])
def test_what_is_written_is_read(tmp_path, shape, suffix, sampling, lead):
    signal = RNG.standard_normal(shape)
    names = [f"region {n}" for n in range(shape[-1])]
    held = {"bold": np.swapaxes(signal, -1, -2) if lead else signal, "labels": names} | sampling
    path = tmp_path / f"bold.{suffix}"
    if suffix == "npz":
        np.savez(path, **held)
    else:
        savemat(path, held | {"labels": np.array(names, object)})
    found = load_series(path, kind="bold")
    np.testing.assert_array_equal(found.signal, signal)
    assert found.interval == pytest.approx(0.72, rel=1e-12)
    assert (found.labels, found.kind) == (tuple(names), "bold")


def bold_table(folder, name, columns=LABELS, gap=False):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[f"{x:.17g}" for x in row] for row in SIGNAL[0]]
    if gap:
        rows = [[*row[:1], "n/a", *row[2:]] for row in rows]
    lines = (["\t".join(columns)] if columns else []) + ["\t".join(row) for row in rows]
    path = folder / f"{name}_timeseries.tsv"
    path.write_text("\n".join(lines))
    return path


NAME = "sub-01_task-rest_space-MNI_seg-DK_stat-mean"
SIDECARS = {
    "beside": ("top/sub-01/func", f"{NAME}_timeseries.json", {"RepetitionTime": 0.8}, "bold"),
    "frequency": ("top/sub-01/func", f"{NAME}_timeseries.json", {"SamplingFrequency": 1.25}, None),
    "above": ("top", "task-rest_timeseries.json", {"RepetitionTime": 0.8}, "bold"),
    "of its bold": ("top", "task-rest_bold.json", {"RepetitionTime": 0.8}, "bold"),
}


@pytest.mark.parametrize("folder, name, facts, kind", SIDECARS.values(), ids=SIDECARS)
def test_the_interval_of_a_table_stands_beside_it(tmp_path, folder, name, facts, kind):
    path = bold_table(tmp_path / "top/sub-01/func", NAME)
    (tmp_path / "top/dataset_description.json").write_text("{}")
    (tmp_path / folder / name).write_text(json.dumps(facts))
    # Of another task, or beyond the top: neither holds.
    (tmp_path / "top/task-movie_timeseries.json").write_text('{"RepetitionTime": 3.0}')
    (tmp_path / "timeseries.json").write_text('{"RepetitionTime": 3.0}')
    found = load_series(path, kind=None if kind else "bold")
    np.testing.assert_array_equal(found.signal, SIGNAL[0])
    assert (found.interval, found.labels, found.kind) == (0.8, LABELS, "bold")


def test_the_nearest_sidecar_holds(tmp_path):
    path = bold_table(tmp_path / "sub-01", NAME)
    (tmp_path / "dataset_description.json").write_text("{}")
    (tmp_path / "task-rest_timeseries.json").write_text('{"RepetitionTime": 3.0}')
    # What is more like the table goes before what is less, and what is of tables before what is of images.
    (path.parent / "sub-01_task-rest_timeseries.json").write_text('{"RepetitionTime": 2.0}')
    (path.parent / "task-rest_timeseries.json").write_text('{"RepetitionTime": 3.0}')
    (path.parent / f"{NAME}_bold.json").write_text('{"RepetitionTime": 3.0}')
    assert load_series(path).interval == 2.0
    for name in ("sub-01_task-rest", "task-rest"):
        (path.parent / f"{name}_timeseries.json").unlink()
    (tmp_path / "task-rest_timeseries.json").write_text('{"RepetitionTime": 2.0}')
    assert load_series(path).interval == 2.0
    assert load_series(path, interval=1.0).interval == 1.0


def test_regions_without_numbers_are_named_and_need_not_be_read(tmp_path):
    path = bold_table(tmp_path, NAME, gap=True)
    with pytest.raises(
        ValueError, match=rf"{NAME}_timeseries.tsv: .*not finite in 1 of 3 nodes, 'b'"
    ):
        load_series(path, interval=0.8, kind="bold")
    found = load_series(path, interval=0.8, kind="bold", labels=["c", "a"])
    np.testing.assert_array_equal(found.signal, SIGNAL[0][:, [2, 0]])
    assert found.labels == ("c", "a")


def test_what_files_do_not_say_is_asked_for(tmp_path):
    path = bold_table(tmp_path, NAME, columns=None)
    with pytest.raises(ValueError, match=r"`interval` is needed.*`RepetitionTime` \(s\)"):
        load_series(path, kind="bold")
    with pytest.raises(ValueError, match="`kind` is needed"):
        load_series(path, interval=0.8)
    (tmp_path / f"{NAME}_timeseries.json").write_text(
        '{"RepetitionTime": 0.8, "SamplingFrequency": 2}'
    )
    with pytest.raises(ValueError, match=r"told twice, and differently: 0.8 s, 0.5 s"):
        load_series(path)
    (tmp_path / f"{NAME}_timeseries.json").write_text("{")
    with pytest.raises(ValueError, match=r"_timeseries.json cannot be read as JSON"):
        load_series(path)
    np.savez(tmp_path / "a.npz", x=SIGNAL)
    with pytest.raises(ValueError, match=r"a.npz: `signal` is needed .*Found: x \(3, 400, 3\)"):
        load_series(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", x=SIGNAL[0, 0])
    with pytest.raises(ValueError, match=r"'x' \(3,\) must be \(time, nodes\)"):
        load_series(tmp_path / "a.npz", keys={"signal": "x"})


def test_time_and_regions_are_never_guessed(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, data=SIGNAL[0].T, dt=STEP)
    with pytest.raises(
        ValueError, match=r"a.npz: the signal \(3, 400\) has more columns than rows"
    ):
        load_series(path, kind="meg")
    found = load_series(path, kind="meg", regions_lead=True)
    np.testing.assert_array_equal(found.signal, SIGNAL[0])
    assert load_series(path, kind="meg", regions_lead=False).nodes == 400
    np.savez(path, data=SIGNAL[0], dt=STEP, labels=["a", "b"])
    with pytest.raises(ValueError, match=r"2 names, but the signal is \(400, 3\)"):
        load_series(path, kind="meg")


# --- spectra of tables --------------------------------------------------------------------------------

BINS = np.array([0.0, 1.0, 2.5])
POWER = RNG.uniform(1, 2, (3, 2))


def spectra_table(path, bins=BINS, power=POWER, header="Hz,left,right"):
    np.savetxt(path, np.c_[bins, power], delimiter=",", header=header, comments="", fmt="%.17g")
    return path


def test_spectra_of_a_table_feed_a_loss(tmp_path):
    path = spectra_table(tmp_path / "psd.csv")
    frequencies, psd = load_spectra(path)
    np.testing.assert_array_equal(frequencies, BINS[1:])
    np.testing.assert_array_equal(psd, POWER[1:])
    SpectrumLoss(*load_spectra(path))
    turned = load_spectra(path, labels=["right", "left"])[1]
    np.testing.assert_array_equal(turned, POWER[1:, ::-1])


@pytest.mark.parametrize(
    "given, labels, message",
    [
        (
            {"power": -POWER},
            None,
            r"psd.csv: power must be .*not decibel\): 4 .*at 1 Hz in region 0",
        ),
        ({"bins": BINS[::-1]}, None, "first column must be frequencies in Hz that increase"),
        ({}, ["middle"], "`labels` is 'middle'"),
        ({"header": ""}, ["left"], "its first row names no regions"),
        ({"power": POWER[:, :0], "header": "Hz"}, None, r"it has shape \(3, 1\)"),
    ],
)
def test_tables_that_are_no_spectra_are_refused(tmp_path, given, labels, message):
    with pytest.raises(ValueError, match=message):
        load_spectra(spectra_table(tmp_path / "psd.csv", **given), labels=labels)
