"""`rosetta translate`: what it says, writes and draws, why it refuses, and wrong input in plain words."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from rosetta_jax.cli.app import app
from rosetta_jax.results import load_arrays


def rosetta(*words):
    words = [str(word) for word in ("translate", *words)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "220"})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A Stuart-Landau oscillator with a rhythm, to all that it reaches."""
    out = tmp_path_factory.mktemp("translate")
    done = rosetta("--rung", "stuart-landau", "--out", out, "--quiet")
    assert done.exit_code == 0, done.output
    return out, done


def test_what_holds_is_told_with_its_errors_and_what_does_not_with_the_reason(found):
    out, done = found
    assert "StuartLandau → PhaseOscillator by the isochrons of its cycle" in done.output
    assert "nothing damps its phase" in done.output
    summary = json.loads((out / "summary.json").read_text())
    assert list(summary["translations"]) == ["phase"] and list(summary["refused"]) == ["harmonic"]
    error = summary["translations"]["phase"]["errors"]["frequency"]
    np.testing.assert_allclose(error["source"], (62.831853 - 2.0 * 1.0) / (2 * np.pi), rtol=1e-2)
    assert abs(error["error"]) < 1e-4


def test_the_parameters_of_the_target_are_written(found):
    arrays, _ = load_arrays(found[0] / "targets.npz")
    np.testing.assert_allclose(arrays["phase/radius"], np.sqrt(2.0))
    np.testing.assert_allclose(arrays["phase/omega"], 62.831853 - 2.0, rtol=1e-6)


def test_the_rhythm_is_drawn(found):
    names = {path.name for path in found[0].iterdir()}
    assert names >= {"turn.png", "tongue.png", "report.html", "config.toml"}


def test_a_brain_is_translated_with_its_spectra(tmp_path):
    done = rosetta(
        "--rung", "stuart-landau", "--brain", "--to", "harmonic", "--out", tmp_path, "--quiet"
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "spectra.png").exists()
    errors = json.loads((tmp_path / "summary.json").read_text())["translations"]["harmonic"][
        "errors"
    ]
    assert errors["spectra apart, mean"]["target"] < 1e-3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--rung", "phase"), "reaches no other rung"),
        (("--gain", "1.0"), "give `--brain` with it"),
        (("--named", "PING"), "jansen-rit has no named sets"),
        (("--set", "biass=3"), "Did you mean 'bias'"),
        (("--port", "fields"), "`port` is 'fields'"),
        (
            ("--rung", "stuart-landau", "--to", "jansen-rit"),
            "no translation leads from StuartLandau",
        ),
    ],
)
def test_wrong_input_is_said_in_plain_words(words, message, tmp_path):
    done = rosetta(*words, "--out", tmp_path, "--quiet")
    assert done.exit_code == 1 and message in done.output, done.output
