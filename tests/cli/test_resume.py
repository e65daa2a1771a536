"""A fit from the command line that was cut short goes on in its folder, with the folder's own settings."""

import signal
import sys
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

from rosetta_jax.cli.app import app
from rosetta_jax.inference import FitResult, PowerLaw
from rosetta_jax.optimise import lanes

module = sys.modules["rosetta_jax.cli.fit"]
study_module = sys.modules["rosetta_jax.inference.study"]
BINS = np.arange(2.0, 22.0, 2.0)
POWER = 1 / BINS + np.array([[0.5], [1.0]]) / (1 + (BINS - 10) ** 2)


def rosetta(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def said(done):
    return " ".join(done.output.split())


def saved(out, found, chosen):
    """A stand-in for the report: what the model's fit found, and what its first baseline did."""
    found.result.save(out / "fit.npz")
    for name, baseline in found.baselines.items():
        if baseline.result is not None:
            baseline.result.save(out / f"{name.replace('/', '-')}.npz")
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fit that was never cut short, in `whole`; and one in `cut` with what the file held then."""
    root, advance, made = tmp_path_factory.mktemp("resume"), lanes.Program.advance, []
    np.savez(root / "data.npz", frequencies=BINS, psd=POWER, weights=1 - np.eye(2))
    words = ("fit", "--data", root / "data.npz", "--rung", "harmonic", "--starts", 2, "--quiet")
    words += ("--no-posterior",)

    def advanced(self, chunk):
        made.append(1)
        if len(made) == cut_before:
            signal.raise_signal(signal.SIGINT)
        return advance(self, chunk)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write_results", saved)
        patch.setattr(study_module, "BASELINES", {"1/f": PowerLaw})
        patch.setattr(lanes.Program, "advance", advanced)
        patch.setattr(lanes, "_cores", lambda: 1)
        cut_before = -1
        done = rosetta(*words, "--out", root / "whole")
        assert done.exit_code == 0, done.output
        # Within the fit of 1/f, the first of the baselines, each of whose iterations moves two starts in turn.
        cut_before = 2 * len(FitResult.load(root / "whole" / "fit.npz").history) + 5
        made.clear()
        done = rosetta(*words, "--out", root / "cut")
        assert done.exit_code == 130, done.output
        assert f"Go on by: rosetta fit --resume {root / 'cut'}" in said(done)
        yield root, words


def names(path):
    return {each.name for each in path.iterdir()}


def test_a_fit_that_ended_leaves_no_checkpoints(folder):
    assert names(folder[0] / "whole") == {
        *("fit.npz", "1-f.npz", "same model at gain 0.npz", "config.toml")
    }


def test_a_fit_that_was_cut_short_leaves_a_file_of_each_fit_and_its_settings(folder):
    checkpoints = folder[0] / "cut" / "checkpoints"
    assert names(checkpoints) == {"config.toml", "network.npz", "1-f.npz"}
    settings = tomllib.loads((checkpoints / "config.toml").read_text())
    assert settings["starts"] == 2 and settings["rung"] == "harmonic" and "resume" not in settings


def test_other_settings_do_not_take_its_place(folder):
    root, words = folder
    done = rosetta(*words, "--seed", 3, "--out", root / "cut")
    assert done.exit_code == 1 and "holds a fit that was cut short, of another --seed:" in said(
        done
    )
    assert f"go on with it by `--resume {root / 'cut'}`" in said(done)


def test_resuming_takes_no_other_settings(folder):
    done = rosetta("fit", "--resume", folder[0] / "cut", "--seed", 3)
    assert done.exit_code == 1 and "leave out all others but `--quiet`" in said(done)


@pytest.mark.parametrize("name", ["whole", "none", "data.npz"])
def test_where_nothing_was_cut_short_there_is_nothing_to_resume(name, folder):
    done = rosetta("fit", "--resume", folder[0] / name)
    assert done.exit_code == 1 and "holds no fit that was cut short" in said(done)


# Last, since afterwards nothing is left to go on with.
def test_a_fit_goes_on_to_what_it_would_have_found(folder):
    root, _ = folder
    checkpoint = root / "cut" / "checkpoints" / "1-f.npz"
    done = rosetta("fit", "--resume", checkpoint, "--quiet")
    assert done.exit_code == 0, done.output
    assert names(root / "cut") == names(root / "whole")
    for name in ("config.toml",):
        assert (root / "cut" / name).read_text() == (root / "whole" / name).read_text()
    for name in ("fit.npz", "1-f.npz", "same model at gain 0.npz"):
        one, other = (FitResult.load(root / which / name) for which in ("cut", "whole"))
        for array in ("losses", "all_vectors", "history", "slopes"):
            np.testing.assert_array_equal(getattr(one, array), getattr(other, array))
        assert not one.metadata["interrupted"]
    assert f"report: {root / 'cut'}" in said(done)


def test_a_command_that_cannot_begin_leaves_nothing(folder, tmp_path):
    done = rosetta(*folder[1], "--set", "rung.alhpa=1", "--out", tmp_path / "out")
    assert done.exit_code == 1 and names(tmp_path / "out") == set()
