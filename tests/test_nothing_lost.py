"""Whatever goes wrong, what was there stays: files of earlier runs, and what a fit found before Ctrl-C."""

import dataclasses
import json
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import typer.testing

import rosetta_jax as rj
from rosetta_jax import results
from rosetta_jax.cli.app import app
from rosetta_jax.data import Recordings
from rosetta_jax.inference import Preset, StudySettings
from rosetta_jax.inference.study import study
from rosetta_jax.optimise import lanes

fitting_module = sys.modules["rosetta_jax.inference.fitting"]

WEIGHTS = np.ones((3, 3)) - np.eye(3)
BINS = np.arange(2.0, 22.0)
POWER = 1 / BINS[:, None] * np.ones((1, 3)) + 1 / (1 + (BINS[:, None] - 10) ** 2)
CEILING = "own mean spectrum (ceiling)"


def network(connectome):
    return rj.Network(rj.StuartLandau(alpha=-20.0), connectome, gain=1.0, noise=rj.WhiteNoise(0.1))


PRESET = Preset(network, {"rung.omega": rj.LogNormal(62.8, 0.2), "gain": rj.LogNormal(1.0, 1.0)})


def press_control_c(monkeypatch, before):
    """A true SIGINT before iteration number `before` of all descents, and at none after it."""
    advance, made = lanes.Program.advance, []

    def advanced(self, chunk):
        made.append(1)
        if len(made) == before:
            signal.raise_signal(signal.SIGINT)
        return advance(self, chunk)

    monkeypatch.setattr(lanes.Program, "advance", advanced)
    monkeypatch.setattr(lanes, "_cores", lambda: 1)
    return made


def fitted(**given):
    loss = rj.SpectrumLoss(BINS, POWER)
    return rj.fit(
        network(rj.Connectome(WEIGHTS)), PRESET.free, loss, starts=2, show_progress=False, **given
    )


def studied():
    recordings = Recordings(BINS, POWER[None], (rj.Connectome(WEIGHTS),))
    return study(recordings, PRESET, StudySettings(starts=1), show_progress=False)


def rosetta(*words):
    return typer.testing.CliRunner().invoke(app, [str(word) for word in words])


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


# --- files


@pytest.mark.parametrize("write", ["arrays", "json"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, write):
    path = tmp_path / "kept"
    path.write_bytes(b"old")

    def full(self, *_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match=r"kept` cannot be written .No space left.*: choose another"):
        if write == "arrays":
            results.save_arrays(path, {"a": np.ones(3)}, {})
        else:
            results.write_json(path, {"a": 1})
    assert contents(tmp_path) == {"kept": b"old"}


def test_what_is_no_error_of_files_leaves_the_old_file_too(tmp_path):
    path = tmp_path / "kept.npz"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), results.whole_file(path) as partial:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt
    assert contents(tmp_path) == {"kept.npz": b"old"}


@pytest.mark.parametrize(
    "words",
    [
        ("spectrum", "--set", "rung.alpha=5", "--gain", 0),
        ("spectrum", "--set", "rung.alfa=5"),
        ("simulate", "--dt", 0.5, "--sampling", 2),
        ("fit", "--band", 45, 2),
    ],
    ids=["unstable", "path", "step", "band"],
)
def test_a_command_that_fails_leaves_earlier_results(tmp_path, words):
    for name in ("summary.json", "report.html", "config.toml", "fit.npz"):
        (tmp_path / name).write_text("earlier")
    before = contents(tmp_path)
    assert rosetta(*words, "--out", tmp_path).exit_code == 1
    assert contents(tmp_path) == before


# --- Ctrl-C


def test_ctrl_c_in_a_fit_keeps_what_was_found(monkeypatch, tmp_path):
    press_control_c(monkeypatch, before=7)  # two starts a time
    found = fitted()
    assert found.metadata["interrupted"] is True
    assert np.isfinite(found.losses).all() and len(found.history) == 3
    assert found.losses[0] < found.history[0].min()
    again = rj.FitResult.load(found.save(tmp_path / "fit.npz"))
    assert again.metadata["interrupted"] is True


def test_ctrl_c_while_compiling_ends_the_fit(monkeypatch):
    monkeypatch.setattr(lanes.Program, "compile", lambda *_: signal.raise_signal(signal.SIGINT))
    found = fitted()
    assert found.metadata["interrupted"] is True and np.isinf(found.losses).all()
    assert np.isnan(found.metadata["memory_mb"])


def test_ctrl_c_in_the_fit_of_the_model_ends_the_study_with_what_is_there(monkeypatch):
    made = press_control_c(monkeypatch, before=4)
    found = studied()
    assert len(made) == 4  # no baseline was begun
    assert found.interrupted and np.isfinite(found.model.mean_score)
    assert set(found.baselines) == {CEILING}
    assert "same model at gain 0" in found.not_fitted and "1/f" in found.not_fitted


def test_ctrl_c_in_a_baseline_keeps_the_model_and_leaves_that_baseline_out(monkeypatch):
    whole = studied()
    made = press_control_c(monkeypatch, before=len(whole.result.history) + 2)
    found = studied()
    assert found.interrupted and not found.model.interrupted
    np.testing.assert_array_equal(found.result.losses, whole.result.losses)
    assert set(found.baselines) == {CEILING} and found.not_fitted == tuple(
        name for name in whole.baselines if name != CEILING
    )
    assert len(made) == len(whole.result.history) + 2
    assert not whole.interrupted and whole.not_fitted == ()


def test_ctrl_c_between_fits_still_judges_what_was_found(monkeypatch):
    predicted, made = fitting_module.predicted, []

    def interrupted(*arguments):
        made.append(1)
        if len(made) == 1:
            signal.raise_signal(signal.SIGINT)
        return predicted(*arguments)

    monkeypatch.setattr(fitting_module, "predicted", interrupted)
    found = studied()
    assert found.model.interrupted and np.isfinite(found.model.mean_score)
    assert set(found.baselines) == {CEILING}


def test_a_start_that_was_not_evaluated_has_no_score(monkeypatch):
    press_control_c(monkeypatch, before=1)
    found = studied()
    assert found.interrupted and np.isnan(found.model.mean_score) and found.model.stable == (False,)


@pytest.fixture
def recording(tmp_path):
    np.savez(tmp_path / "data.npz", frequencies=BINS, psd=POWER.T, weights=WEIGHTS)
    words = ("fit", "--data", tmp_path / "data.npz", "--rung", "stuart-landau", "--starts", 1)
    return *words, "--band", 2, 21, "--quiet", "--out", tmp_path / "out"


def test_the_command_reports_what_was_found_before_ctrl_c(monkeypatch, recording):
    made = press_control_c(monkeypatch, before=4)
    done = rosetta(*recording)
    assert done.exit_code == 130 and len(made) == 4
    told = " ".join(done.stderr.split())
    assert "interrupted: this is what was found; not fitted: 1/f, " in told
    out = recording[-1]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["interrupted"] is True and "same model at gain 0" in summary["not_fitted"]
    assert np.isfinite(summary["mean_correlation_db"])
    page = (out / "report.html").read_text()
    assert "INTERRUPTED" in page and "not fitted: 1/f" in page
    assert rj.FitResult.load(out / "fit.npz").metadata["interrupted"] is True
    assert (out / "config.toml").is_file()


def test_the_command_writes_nothing_where_nothing_was_found(monkeypatch, recording):
    press_control_c(monkeypatch, before=1)
    done = rosetta(*recording)
    assert done.exit_code == 1 and "interrupted before anything was found" in done.stderr
    assert contents(recording[-1]) == {}


def test_a_value_that_no_user_would_give_is_kept_as_a_fit_found_it():
    brain = rj.Network(
        rj.StuartLandau(), rj.Connectome(WEIGHTS, 80 * WEIGHTS), noise=rj.WhiteNoise(0.1)
    )
    found = rj.fit(
        brain, {"speed": rj.Positive()}, rj.SpectrumLoss(BINS, POWER), starts=1, show_progress=False
    )
    far = dataclasses.replace(found, values={"speed": np.array([2e3])})
    assert float(far.model(brain).speed) == 2e3
