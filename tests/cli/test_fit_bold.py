"""`rosetta fit --modality bold`: files, numbers and errors in plain words."""

import json
import signal
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli.app import app
from rosetta_jax.inference import FitResult, bold_preset
from rosetta_jax.optimise import lanes
from rosetta_jax.results import load_arrays

PEOPLE, NODES, GAIN = 2, 4, 3.0
RNG = np.random.default_rng(8)
WEIGHTS = RNG.uniform(0.1, 1, (PEOPLE, NODES, NODES)) * (1 - np.eye(NODES))
WEIGHTS = (WEIGHTS + WEIGHTS.swapaxes(1, 2)) / 2


def rosetta(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def connectivity():
    """What the model itself makes at another gain, with the weights as they are."""
    connectomes = [rj.Connectome(each).normalised() for each in WEIGHTS]
    brains = [bold_preset("harmonic", connectomes).network(each) for each in connectomes]
    brains = [rj.replace(brain, {"gain": GAIN}) for brain in brains]
    return np.stack(
        [rj.linear.functional_connectivity(brain, band=(0.01, 0.1)).matrix for brain in brains]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("bold")
    centres = RNG.uniform(-50, 50, (NODES, 3))
    np.savez(root / "data.npz", fc=connectivity(), weights=WEIGHTS, centres=centres)
    (root / "settings.toml").write_text(
        'modality = "bold"\nstarts = 1\nhold = ["connectome.weights"]\n'
    )
    words = ("--data", root / "data.npz", "--out", root / "out", "--quiet")
    done = rosetta("fit", "--config", root / "settings.toml", *words)
    assert done.exit_code == 0, done.output
    return root / "out", done


def test_it_writes_a_page_pictures_and_arrays(folder):
    assert {each.name for each in folder[0].iterdir()} == {
        *("config.toml", "summary.json", "fit.npz", "connectivity.npz", "report.html"),
        *("connectivity.png", "scores.png", "convergence.png"),
    }


def test_the_gain_comes_back_and_is_the_same_for_all(folder):
    summary = json.loads((folder[0] / "summary.json").read_text())
    assert summary["parameters"]["gain"]["value"] == pytest.approx(GAIN, rel=0.01)
    assert summary["score"] > 0.9999 and summary["numbers"] == 1
    assert [person["stable"] for person in summary["people"]] == [True] * PEOPLE
    assert f"{summary['score']:.4f} over 2 people" in folder[1].output.replace("\n", " ")
    values = FitResult.load(folder[0] / "fit.npz").values["gain"]
    assert values[0] == values[1]


def test_the_summary_has_what_the_score_is_read_against(folder):
    summary = json.loads((folder[0] / "summary.json").read_text())
    assert set(summary["baselines"]) == {"connectome, logarithm", "mean of the others (ceiling)"}
    for baseline in summary["baselines"].values():
        gap = summary["score"] - baseline["score"]
        assert baseline["difference"] == pytest.approx(gap, abs=1e-12)
    assert summary["settings"]["rung"] == "harmonic" and summary["band_hz"] == [0.01, 0.1]


def test_arrays_and_settings_tell_what_was_done(folder):
    arrays, _ = load_arrays(folder[0] / "connectivity.npz")
    np.testing.assert_allclose(arrays["measured"], connectivity(), atol=1e-12)
    np.testing.assert_allclose(arrays["fitted"], arrays["measured"], atol=0.02)
    settings = tomllib.loads((folder[0] / "config.toml").read_text())
    assert settings["band"] == [0.01, 0.1] and settings["rung"] == "harmonic"
    page = (folder[0] / "report.html").read_text()
    assert "all of whom were fitted" in page and "mean of the others (ceiling)" in page


def test_series_tell_how_sure_one_vector_is(folder, tmp_path):
    series = RNG.normal(size=(PEOPLE, NODES, 300)) + RNG.normal(size=(PEOPLE, 1, 300))
    np.savez(tmp_path / "data.npz", bold=series, repetition_time=1.0, weights=WEIGHTS)
    held = ("--starts", 1, "--hold", "connectome.weights", "--quiet")
    words = ("--modality", "bold", "--data", tmp_path / "data.npz", "--out", tmp_path / "out")
    done = rosetta("fit", *words, *held)
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "out" / "summary.json").read_text())["posterior"]
    (gain,) = [person["gain"] for person in told["people"]]  # of all people together
    assert gain["low"] < gain["high"] and 0 < gain["share_of_prior_left"] < 1
    assert (tmp_path / "out" / "posterior.png").is_file()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Fisher" in page and "Of all people" in page
    # Matrices alone do not tell how many samples they are made of.
    assert json.loads((folder[0] / "summary.json").read_text())["posterior"] is None
    assert "How sure" not in (folder[0] / "report.html").read_text()


def test_what_ctrl_c_cut_short_goes_on_to_the_same_numbers(folder, tmp_path):
    whole, advance, made = folder[0], lanes.Program.advance, []

    def advanced(self, chunk):
        made.append(1)
        if len(made) == 3:
            signal.raise_signal(signal.SIGINT)
        return advance(self, chunk)

    config = whole.parent / "settings.toml"
    words = ("--data", whole.parent / "data.npz", "--out", tmp_path / "cut", "--quiet")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes.Program, "advance", advanced)
        patch.setattr(lanes, "_cores", lambda: 1)
        done = rosetta("fit", "--config", config, *words)
    assert done.exit_code == 130 and "--resume" in done.output
    assert json.loads((tmp_path / "cut" / "summary.json").read_text())["interrupted"] is True
    done = rosetta("fit", "--resume", tmp_path / "cut", "--quiet")
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "cut" / "checkpoints").exists()
    ended, wanted = (FitResult.load(out / "fit.npz") for out in (tmp_path / "cut", whole))
    np.testing.assert_array_equal(ended.history, wanted.history)
    np.testing.assert_array_equal(ended.all_vectors, wanted.all_vectors)


@pytest.mark.parametrize(
    "words, message",
    [
        (("--posterior",), "`posterior` needs to know how many samples correlations are made of"),
        (("--rung", "jansen-rit"), "`--rung` jansen-rit has no preset for bold. Choose from: harm"),
        (("--left-out", "bins"), "`--left-out` bins is for spectra: of bold, choose nothing or"),
        (("--by-region", 1), "`--by-region` is for spectra: leave it out with `--modality` bold"),
        (
            ("--cohort-curve",),
            "`--cohort-curve` is for spectra: leave it out with `--modality` bold",
        ),
        (("--depth", 0.3), "`--depth` is for spectra"),
        (("--route", "simulated"), "`--route simulated` is for spectra"),
        (("--normalisation", "sum"), "`--normalisation` is 'sum'"),
        (("--free", "speeed"), "`--free` is 'speeed'. Did you mean 'speed'?"),
    ],
)
def test_what_means_nothing_here_is_said(words, message, folder, tmp_path):
    data = folder[0].parent / "data.npz"
    done = rosetta("fit", "--modality", "bold", "--data", data, "--out", tmp_path, *words)
    assert done.exit_code == 1 and message in " ".join(done.output.split())


@pytest.mark.parametrize(
    "words, message",
    [
        (
            ("--modality", "bold"),
            "`--modality` bold has no embedded recording: give one by `--data`",
        ),
        (("--left-out", "person"), "`--left-out` person is for bold"),
        (("--rung", "wilson-cowan"), "`rung` is 'wilson-cowan'. Choose from: jansen-rit"),
    ],
)
def test_what_another_modality_has_is_said(words, message, tmp_path):
    done = rosetta("fit", *words, "--out", tmp_path)
    assert done.exit_code == 1 and message in " ".join(done.output.split())
