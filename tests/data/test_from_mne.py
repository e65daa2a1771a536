"""Recordings of MNE-Python against its own spectra and averages, and against the arrays they were made of."""

import numpy as np
import pytest

from rosetta_jax.data import Response, from_mne
from rosetta_jax.inference import SpectrumLoss

mne = pytest.importorskip("mne")

RATE = 100.0
NAMES = ["Fz", "Cz", "Pz", "EOG 1", "STI 014"]
TYPES = ["eeg", "eeg", "eeg", "eog", "stim"]
DATA = np.random.default_rng(7).standard_normal((5, 1000)) * 1e-5
LABEL_NAMES = ("left", "right")


@pytest.fixture(autouse=True)
def quiet():
    with mne.use_log_level("ERROR"):
        yield


def raw(bads=(), types=TYPES):
    info = mne.create_info(NAMES, RATE, types)
    made = mne.io.RawArray(DATA.copy(), info)
    made.info["bads"] = list(bads)
    return made


def epochs(bads=()):
    return mne.make_fixed_length_epochs(raw(bads), duration=2.0, preload=True).shift_time(
        -0.5, relative=False
    )


def test_a_continuous_recording_is_a_series_in_microvolts():
    found = from_mne(raw())
    np.testing.assert_allclose(found.signal, 1e6 * DATA[:3].T, rtol=1e-12)
    assert (found.labels, found.unit, found.kind) == (("Fz", "Cz", "Pz"), "µV", "eeg")
    assert found.interval == pytest.approx(0.01)


@pytest.mark.parametrize(
    "kind, factor, unit, of",
    [("mag", 1e15, "fT", "meg"), ("grad", 1e13, "fT/cm", "meg"), ("seeg", 1e6, "µV", "eeg")],
)
def test_other_channels_have_the_units_of_lead_fields(kind, factor, unit, of):
    types = [kind, kind, "eeg", "eog", "stim"]
    found = from_mne(raw(types=types), channels=kind)
    np.testing.assert_allclose(found.signal, factor * DATA[:2].T, rtol=1e-12)
    assert (found.labels, found.unit, found.kind) == (("Fz", "Cz"), unit, of)
    with pytest.raises(ValueError, match=rf"of the types eeg, {kind} .*say `channels`"):
        from_mne(raw(types=types))


def test_spectra_of_epochs_are_the_mean_of_those_of_mne():
    found = from_mne(epochs())
    assert found.signal.shape == (5, 200, 3) and found.over == "epochs"
    assert found.times[0] == pytest.approx(-0.5)
    theirs = epochs().compute_psd(
        "welch", n_fft=200, n_per_seg=200, n_overlap=0, window="hann", fmax=50, picks="eeg"
    )
    frequencies, psd = found.spectra()
    bins, power = from_mne(theirs)
    np.testing.assert_allclose(frequencies, bins, rtol=1e-12)
    np.testing.assert_allclose(psd, power, rtol=1e-9)
    np.testing.assert_allclose(power, 1e12 * theirs.get_data().mean(axis=0).T[1:], rtol=1e-12)
    assert SpectrumLoss(*from_mne(theirs)).measured.shape == (100, 3)


def test_a_spectrum_of_a_continuous_recording():
    options = {"n_fft": 200, "n_per_seg": 200, "n_overlap": 100, "window": "hann"}
    bins, power = from_mne(raw().compute_psd("welch", **options))
    frequencies, psd = from_mne(raw()).spectra()
    np.testing.assert_allclose(bins, frequencies, rtol=1e-12)
    np.testing.assert_allclose(power, psd, rtol=1e-9)
    whole = raw().compute_psd("welch", average=None, **options)
    with pytest.raises(ValueError, match=r"holds an array \(3, 101, 9\).*average='mean'"):
        from_mne(whole)


def test_an_evoked_response_keeps_its_baseline():
    evoked = epochs().average().apply_baseline((None, 0.0))
    found = from_mne(evoked)
    assert isinstance(found, Response)
    wanted = 1e6 * evoked.get_data(picks="eeg").T
    np.testing.assert_allclose(found.potential, wanted, rtol=1e-12)
    np.testing.assert_array_equal(found.times, evoked.times)
    assert found.baseline == (-0.5, 0.0) and found.labels == ("Fz", "Cz", "Pz")
    assert from_mne(epochs().average()).baseline is None


@pytest.mark.parametrize(
    "make",
    [raw, epochs, lambda bads: epochs(bads).compute_psd(), lambda bads: epochs(bads).average()],
)
def test_bad_channels_are_never_left_out_in_silence(make):
    marked = make(["Cz", "EOG 1"])
    with pytest.warns(UserWarning, match=r"1 channels are marked bad: Cz. They are left out"):
        found = from_mne(marked)
    kept = found[1].shape[1] if isinstance(found, tuple) else len(found.labels)
    assert kept == (2 if "Cz" in marked.ch_names else 3)
    with pytest.raises(ValueError, match="1 channels are marked bad: Cz"):
        from_mne(marked, bad="raise")
    found = from_mne(marked, bad="keep")
    assert (found[1].shape[1] if isinstance(found, tuple) else len(found.labels)) == 3


def test_channels_come_in_the_order_of_a_lead_field():
    found = from_mne(raw(), labels=("Pz", "Fz"))
    np.testing.assert_allclose(found.signal, 1e6 * DATA[[2, 0]].T, rtol=1e-12)
    np.testing.assert_array_equal(from_mne(raw(["Cz"]), labels=("Pz", "Fz")).signal, found.signal)
    power = from_mne(raw().compute_psd(), labels=("Pz", "Fz"))[1]
    np.testing.assert_array_equal(power, from_mne(raw().compute_psd())[1][:, [2, 0]])
    with pytest.raises(ValueError, match="`labels` is 'Oz'"):
        from_mne(raw(), labels=("Oz",))


def test_stretches_marked_bad_are_refused():
    marked = raw()
    marked.set_annotations(mne.Annotations([1.0, 4.0], [0.5, 1.0], ["BAD_blink", "tone"]))
    with pytest.raises(ValueError, match=r"1 stretches marked bad, 0.5 s in all: .*fixed_length"):
        from_mne(marked)


def test_time_courses_of_labels_are_series():
    labels = [
        mne.Label([0, 1], hemi=h, name=n) for n, h in zip(LABEL_NAMES, ("lh", "rh"), strict=True)
    ]
    found = from_mne([DATA[:2], DATA[2:4]], labels=labels, interval=0.01, unit="nA m")
    np.testing.assert_array_equal(found.signal, np.stack([DATA[:2].T, DATA[2:4].T]))
    assert found.over == "epochs" and found.unit == "nA m"
    assert found.labels == tuple(label.name for label in labels)
    single = from_mne(DATA[:2], labels=LABEL_NAMES, interval=0.01)
    np.testing.assert_array_equal(single.signal, DATA[:2].T)
    for wrong, message in (
        ({"labels": LABEL_NAMES}, "carry neither names nor sampling"),
        (
            {"labels": ("a",), "interval": 0.01},
            r"must be \(1 labels, time\).*got shape \(2, 1000\)",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            from_mne(DATA[:2], **wrong)
    with pytest.raises(ValueError, match=r"epochs of \[900, 1000\] samples"):
        from_mne([DATA[:2], DATA[:2, :900]], labels=LABEL_NAMES, interval=0.01)


def test_other_objects_and_channels_are_named():
    with pytest.raises(TypeError, match="`recording` must be a Raw, Epochs, Evoked"):
        from_mne({"data": 1})
    with pytest.raises(ValueError, match=r"of the types none that is read \(in all misc\)"):
        from_mne(raw(types=["misc"] * 5))
    with pytest.raises(ValueError, match="`bad` is 'ignore'"):
        from_mne(raw(), bad="ignore")
