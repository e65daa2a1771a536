"""`rosetta fit --modality evoked`: files, numbers and errors in plain words."""

import json
import signal
import sys
import tomllib

import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli.app import app
from rosetta_jax.data import EvokedRecording, load_evoked
from rosetta_jax.inference import FitResult, evoked_preset, without_brain
from rosetta_jax.optimise import lanes
from rosetta_jax.results import load_arrays

NODES, SENSORS, GAIN = 4, 5, 3.0
RNG = np.random.default_rng(8)
WEIGHTS = RNG.uniform(0.1, 1, (NODES, NODES)) * (1 - np.eye(NODES))
CENTRES = RNG.uniform(-50, 50, (NODES, 3))
LEADS = RNG.normal(size=(SENSORS, NODES))
SITES = np.array([1.0, 0.3, 0.0, -0.5])
TIMES = np.round(np.arange(-0.1, 0.4, 0.004), 6)
HELD = ("--hold", "rung.alpha", "--hold", "rung.omega", "--hold", "speed")
WORDS = ("--modality", "evoked", "--rung", "harmonic", "--starts", 1, *HELD, "--quiet")


def rosetta(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def evoked():
    """What the model itself makes at another gain, of a stimulus at `SITES`, and an offset of the amplifier."""
    network = evoked_preset("harmonic").network(rj.Connectome(WEIGHTS).normalised())
    network = rj.replace(network, {"gain": GAIN, "drive.amplitude": jnp.asarray(SITES)})
    after = rj.linear.evoked_response(network, TIMES[TIMES > 0], low_pass=50.0).signal
    signal = np.concatenate([np.zeros((np.sum(TIMES <= 0), NODES)), after])
    return LEADS @ signal.T + 0.02


def data(**more):
    return {
        "times": TIMES,
        "evoked": evoked(),
        "weights": WEIGHTS,
        "centres": CENTRES,
        "lead_field": LEADS,
    } | more


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("evoked")
    np.savez(root / "data.npz", **data())
    done = rosetta("fit", *WORDS, "--data", root / "data.npz", "--out", root / "out")
    assert done.exit_code == 0, done.output
    return root / "out", done


def test_it_writes_a_page_pictures_and_arrays(folder):
    assert {each.name for each in folder[0].iterdir()} == {
        *("config.toml", "summary.json", "fit.npz", "evoked.npz", "report.html"),
        *("responses.png", "scores.png", "convergence.png", "sites.png", "posterior.png"),
    }


def test_the_gain_and_the_sites_come_back(folder):
    summary = json.loads((folder[0] / "summary.json").read_text())
    # Strengths have a price, which draws them together and the gain up.
    assert summary["parameters"]["gain"]["value"] == pytest.approx(GAIN, rel=0.15)
    np.testing.assert_allclose(summary["sites"], SITES, atol=0.15)
    assert np.corrcoef(summary["sites"], SITES)[0, 1] > 0.99
    assert summary["stable"] and summary["numbers"] == 1 + NODES
    assert summary["score"] > 0.999
    assert f"{summary['score']:.4f} over 5 courses" in folder[1].output.replace("\n", " ")
    (baseline,) = summary["baselines"].values()
    assert baseline["numbers"] <= 1 + NODES and baseline["score"] < summary["score"]
    assert baseline["difference"] == pytest.approx(summary["score"] - baseline["score"], abs=1e-12)


def test_it_says_how_sure_it_is(folder):
    summary = json.loads((folder[0] / "summary.json").read_text())
    told = summary["posterior"]
    (gain,) = (each["gain"] for each in told["people"])
    assert gain["low"] < summary["parameters"]["gain"]["value"] < gain["high"]
    assert gain["share_of_prior_left"] < 0.8 and told["not_told"] == [[]]
    page = (folder[0] / "report.html").read_text()
    assert "How sure" in page and "strengths of the stimulus solved for anew" in page


def in_the_descent(patch):
    """Ctrl-C at the second iteration."""
    advance, made = lanes.Program.advance, []

    def advanced(self, chunk):
        made.append(1)
        if len(made) == 2:
            signal.raise_signal(signal.SIGINT)
        return advance(self, chunk)

    patch.setattr(lanes.Program, "advance", advanced)
    patch.setattr(lanes, "_cores", lambda: 1)


def in_the_posterior(patch):
    """Ctrl-C after the descent."""

    def cut(*_, **__):
        raise KeyboardInterrupt

    patch.setattr(sys.modules["rosetta_jax.inference.certainty"], "fit", cut)


@pytest.mark.parametrize("ctrl_c", [in_the_descent, in_the_posterior])
def test_what_ctrl_c_cut_short_goes_on_to_the_same_numbers(ctrl_c, folder, tmp_path):
    whole, out = folder[0], tmp_path / "cut"
    with pytest.MonkeyPatch.context() as patch:
        ctrl_c(patch)
        done = rosetta("fit", *WORDS, "--data", whole.parent / "data.npz", "--out", out)
    assert done.exit_code == 130 and "--resume" in done.output
    part = json.loads((out / "summary.json").read_text())
    assert part["interrupted"] is True and part["posterior"] is None
    done = rosetta("fit", "--resume", out, "--quiet")
    assert done.exit_code == 0, done.output
    assert not (out / "checkpoints").exists()
    ended, wanted = (FitResult.load(each / "fit.npz") for each in (out, whole))
    np.testing.assert_array_equal(ended.history, wanted.history)
    np.testing.assert_array_equal(ended.all_vectors, wanted.all_vectors)
    ended, wanted = (json.loads((each / "summary.json").read_text()) for each in (out, whole))
    assert ended["posterior"] == wanted["posterior"] is not None


def test_arrays_and_settings_tell_what_was_done(folder):
    arrays, _ = load_arrays(folder[0] / "evoked.npz")
    wanted = (evoked() - 0.02)[:, TIMES > 0].T
    np.testing.assert_allclose(
        arrays["measured"], wanted - wanted.mean(axis=1, keepdims=True), atol=1e-12
    )
    np.testing.assert_allclose(
        arrays["fitted"], arrays["measured"], atol=0.05 * np.abs(wanted).max()
    )
    settings = tomllib.loads((folder[0] / "config.toml").read_text())
    assert settings["modality"] == "evoked" and settings["band"] == [0.0, 50.0]
    page = (folder[0] / "report.html").read_text()
    assert "4 of them the strengths" in page and "no brain" in page


@pytest.mark.parametrize(
    "words, message",
    [
        (("--rung", "wilson-cowan"), "`--rung` wilson-cowan has no preset for evoked. Choose from"),
        (("--left-out", "bins"), "`--left-out bins` has no meaning with `--modality` evoked"),
        (("--by-region", 1), "`--by-region` has no meaning"),
        (("--cohort-curve",), "`--cohort-curve` has no meaning"),
        (("--route", "simulated"), "`--route simulated` has no meaning"),
    ],
)
def test_what_means_nothing_here_is_said(words, message, folder, tmp_path):
    file = folder[0].parent / "data.npz"
    done = rosetta("fit", "--modality", "evoked", "--data", file, "--out", tmp_path, *words)
    assert done.exit_code == 1 and message in " ".join(done.output.split())


@pytest.mark.parametrize(
    "more, message",
    [
        ({"lead_field": LEADS[:3]}, r"`lead_field` must be \(5, 4\)"),
        ({"weights": WEIGHTS[0]}, r"`weights` must be \(nodes, nodes\)"),
        ({"times": TIMES - 5.0}, "fewer than two after the stimulus"),
        ({"evoked": evoked()[:, :7]}, "time first"),
        ({"leads": LEADS}, "unknown"),
    ],
)
def test_wrong_files_say_what_to_do(more, message, tmp_path):
    np.savez(tmp_path / "wrong.npz", **data(**more))
    with pytest.raises(ValueError, match=message):
        load_evoked(tmp_path / "wrong.npz")


def test_the_baseline_leaves_out_what_the_artefact_reaches(tmp_path):
    clean, smeared = evoked(), evoked()
    near = (TIMES > -0.009) & (TIMES <= 0)
    smeared[0, near] += 50.0
    found = []
    for name, course in (("clean", clean), ("smeared", smeared)):
        np.savez(tmp_path / f"{name}.npz", **data(evoked=course))
        found.append(load_evoked(tmp_path / f"{name}.npz").potential)
    np.testing.assert_array_equal(*found)
    # Where nothing lies farther away, the baseline is what there is.
    short = TIMES > -0.009
    np.savez(tmp_path / "short.npz", **data(times=TIMES[short], evoked=clean[:, short]))
    np.testing.assert_allclose(load_evoked(tmp_path / "short.npz").potential, found[0], atol=1e-12)


def test_the_noise_is_that_of_the_baseline(tmp_path):
    noisy = evoked() + 0.3 * RNG.normal(size=(SENSORS, TIMES.size))
    np.savez(tmp_path / "noisy.npz", **data(evoked=noisy))
    # Of five sensors less their mean.
    wanted = 0.3 * np.sqrt(4 / 5)
    assert load_evoked(tmp_path / "noisy.npz").noise == pytest.approx(wanted, rel=0.15)
    late = TIMES > 0
    np.savez(tmp_path / "late.npz", **data(times=TIMES[late], evoked=noisy[:, late]))
    assert load_evoked(tmp_path / "late.npz").noise is None


def test_courses_of_regions_need_no_lead_field():
    connectome = rj.Connectome(WEIGHTS)
    times = TIMES[TIMES > 0]
    assert EvokedRecording(times, np.ones((times.size, NODES)), connectome).lead_field is None
    with pytest.raises(ValueError, match="5 courses and the connectome 4 regions"):
        EvokedRecording(times, np.ones((times.size, SENSORS)), connectome)


def test_without_a_brain_more_numbers_explain_more():
    times = np.arange(64)
    slow = np.outer(np.cos(np.pi * (times + 0.5) * 2 / 64), LEADS[:, 0])
    one = without_brain(slow, LEADS[:, :1], 3)
    assert one.score == pytest.approx(1.0) and one.numbers == 3
    # The term of order two is the third.
    assert without_brain(slow, LEADS[:, :1], 2).score < 1e-6
