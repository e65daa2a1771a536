"""The command line: files, numbers and errors in plain words."""

import dataclasses
import json
import os
import re
import subprocess
import sys
import tomllib

import jax
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from rosetta_jax import cli
from rosetta_jax.cli.app import app
from rosetta_jax.cli.certainty_report import certainty_pictures, certainty_summary, in_words
from rosetta_jax.data import Recordings
from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.inference import FitResult, Scored
from rosetta_jax.network import Connectome, Network, unconnected
from rosetta_jax.results import load_arrays
from rosetta_jax.rungs import StuartLandau

COMMANDS = ("simulate", "spectrum", "fit")
BASELINES = {
    "1/f",
    "slope and one Gaussian",
    "two Lorentzians and 1/f",
    "same model at gain 0",
    "own mean spectrum (ceiling)",
}
PEOPLE, NODES = 2, 6
F = np.linspace(3.0, 40.0, 12)


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    """Programs that run once: compiling costs more than running."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def arrays():
    """Two people with an alpha peak that differs by region."""
    rng = np.random.default_rng(1)
    off = 1 - np.eye(NODES)
    centres = rng.uniform(-60, 60, (NODES, 3))
    distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    weights = rng.uniform(0.2, 1.0, (NODES, NODES)) * off
    height = rng.uniform(0.1, 0.6, (PEOPLE, NODES, 1))
    psd = 1 / F + height / (1 + ((F - 10) / 1.5) ** 2)
    return {
        "frequencies": F,
        "psd": psd * rng.gamma(50, 1 / 50, psd.shape),
        "weights": (weights + weights.T) / 2,
        "lengths": 1.2 * distance,
        "labels": np.array([f"region {i}" for i in range(NODES)]),
        "centres": centres,
    }


def rosetta(*arguments):
    """Run a command in this process; what it wrote to either stream is in `output`."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def strict(path):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def written(folder):
    return {path.name for path in folder.iterdir()}


# --- help


def parameters(command):
    return typer.main.get_command(app).commands[command].params


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_the_command_and_every_option(command):
    found = rosetta(command, "--help")
    assert (found.exit_code == 0 and "Writes" in found.output) or command == "spectrum"
    for option in parameters(command):
        assert option.help, f"{option.name} is not described"
        assert max(option.opts, key=len)[:12] in found.output


def test_the_commands_are_listed():
    found = rosetta("--help")
    assert found.exit_code == 0 and all(command in found.output for command in COMMANDS)


# --- simulate, spectrum


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulate")
    times = ("--duration", 1, "--transient", 0.1, "--dt", 1e-3)
    found = rosetta("simulate", "--out", out, "--quiet", *times)
    assert found.exit_code == 0, found.output
    return out, found


def test_simulate_writes_a_page_pictures_and_arrays(simulated):
    assert written(simulated[0]) == {
        "config.toml",
        "summary.json",
        "simulation.npz",
        "report.html",
        "signals.png",
        "spectrum.png",
        "connectivity.png",
        "push_and_pull.png",
        "synchrony.png",
        "envelope_connectivity.png",
    }


def test_simulate_says_in_words_what_theory_finds(simulated):
    summary = strict(simulated[0] / "summary.json")
    assert summary["theory"] == "succeeded" and summary["status"] == "1 of 1 succeeded."
    assert summary["regions"] == 68 and summary["samples"] == 201 - 1


def test_simulated_arrays_agree_in_shape(simulated):
    found, metadata = load_arrays(simulated[0] / "simulation.npz")
    assert found["signal"].shape == (len(found["times"]), 68)
    assert found["spectrum"].shape == found["exact_spectrum"].shape
    assert metadata["rung"] == "stuart-landau" and metadata["seed"] == 0


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    out = tmp_path_factory.mktemp("spectrum")
    found = rosetta("spectrum", "--out", out, "--bins", 30)
    assert found.exit_code == 0, found.output
    return out


def test_spectrum_writes_a_page_pictures_and_arrays(exact):
    assert written(exact) == {
        "config.toml",
        "summary.json",
        "spectrum.npz",
        "report.html",
        "spectra.png",
        "connectivity.png",
    }


def test_spectrum_finds_the_peak_of_its_arrays(exact):
    summary = strict(exact / "summary.json")
    found, _ = load_arrays(exact / "spectrum.npz")
    peak = found["frequencies"][found["spectrum"].mean(axis=1).argmax()]
    assert summary["peak_hz"] == peak and summary["status"] == "succeeded"
    assert summary["unstable_modes"] == 0 and found["frequencies"][-1] == 60


# --- fit


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """The folder of a fit, the study behind it and the recordings it read."""
    out = tmp_path_factory.mktemp("fit")
    np.savez(out / "data.npz", **arrays())
    module, studies = sys.modules["rosetta_jax.cli.fit"], []
    with pytest.MonkeyPatch.context() as patch:
        study = module.study
        patch.setattr(
            module, "study", lambda *a, **k: studies.append(study(*a, **k)) or studies[-1]
        )
        found = rosetta(
            *("fit", "--data", out / "data.npz", "--out", out / "results", "--quiet"),
            *("--rung", "harmonic", "--starts", 2, "--method", "levenberg-marquardt"),
        )
    assert found.exit_code == 0, found.output
    return out / "results", studies[0]


@pytest.fixture(scope="module")
def summary(fitted):
    return strict(fitted[0] / "summary.json")


def test_fit_writes_a_page_pictures_and_arrays(fitted):
    assert written(fitted[0]) == {
        "config.toml",
        "summary.json",
        "fit.npz",
        "spectra.npz",
        "report.html",
        *(f"{name}.png" for name in ("alpha_map", "convergence", "mean_spectrum", "scores")),
        *(f"{name}.png" for name in ("spectra", "posterior", "predictive")),
    }


def test_the_summary_and_the_page_tell_how_sure_the_numbers_are(summary, fitted):
    posterior, study = summary["posterior"], fitted[1]
    assert len(posterior["people"]) == len(posterior["dispersion"]) == PEOPLE
    assert posterior["level"] == 0.95 and min(posterior["dispersion"]) >= 1
    ends = study.posterior.interval(jax.random.key(0), 0.95)
    for person, told in enumerate(posterior["people"]):
        assert set(told) == set(study.free)
        for path, each in told.items():
            assert [each["low"], each["high"]] == ends[path][person].tolist()
            assert 0 < each["share_of_prior_left"] <= 1
            widest = each["share_of_prior_left"] >= 0.8
            assert (path in posterior["not_told"][person]) == widest
    page = (fitted[0] / "report.html").read_text()
    assert "By Whittle" in page and "share of the prior" in page


def test_a_person_without_a_posterior_counts_for_nothing(fitted):
    study = fitted[1]
    known = study.posterior.untold[1:]
    lost = np.array(study.posterior.covariance)
    lost[0] = np.nan
    posterior = dataclasses.replace(study.posterior, covariance=lost)
    told = certainty_summary(posterior)
    assert np.isnan(told["people"][0]["gain"]["low"]) and told["people"][1]["gain"]["low"] > 0
    assert certainty_pictures(posterior, 0, study.result, "") == {}
    words = in_words(posterior)
    for path in study.free:
        count = sum(path in each for each in known)
        assert (f"{path} ({count} of" in words) == (count > 0)


def test_scores_are_means_over_people(summary, fitted):
    scores = [person["correlation_db"] for person in summary["people"]]
    assert len(scores) == PEOPLE and summary["mean_correlation_db"] == np.mean(scores)
    arrays, _ = load_arrays(fitted[0] / "spectra.npz")
    np.testing.assert_allclose(arrays["correlations"].mean(axis=1), scores, rtol=1e-12)


def test_every_person_is_stable_and_has_parameters_with_units(summary):
    for person in summary["people"]:
        assert person["stable"] is True
        assert person["parameters"]["rung.omega"]["unit"] == "rad/s"
        assert 30 < person["parameters"]["rung.omega"]["value"] < 130


def test_every_baseline_has_a_difference_and_its_error(summary):
    assert set(summary["baselines"]) == BASELINES
    for baseline in summary["baselines"].values():
        gap = summary["mean_correlation_db"] - baseline["mean_correlation_db"]
        assert baseline["difference"] == pytest.approx(gap, abs=1e-12)
        assert baseline["standard_error"] >= 0


def test_the_summary_tells_how_it_was_made(summary):
    assert summary["normalisation"].startswith("eigenvalue: divided by the spectral radius")
    assert summary["seed"] == 0 and "jax" in summary["versions"]
    for name in ("seconds_compile", "seconds_fit", "cpu_seconds_fit"):
        assert summary[name] > 0
    assert summary["settings"]["starts"] == 2 and summary["interrupted"] is False


def test_a_network_without_regional_parameters_still_correlates_by_region(summary):
    # Null only where a map is flat.
    assert -1 <= summary["alpha_map_correlation"] <= 1


def test_the_fit_can_be_loaded_again(fitted, summary):
    found = FitResult.load(fitted[0] / "fit.npz")
    assert found.all_losses.shape == (PEOPLE, 2)
    for person in range(PEOPLE):
        expected = summary["people"][person]["parameters"]["gain"]["value"]
        assert found.values["gain"][person] == expected


@pytest.mark.parametrize("command", ["simulated", "exact", "fitted"])
def test_a_page_asks_the_network_for_nothing(command, request):
    folder = request.getfixturevalue(command)
    folder = folder if command == "exact" else folder[0]
    page = (folder / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=[\"'](?!data:|#)", page)


def bare(found, people=1):
    """A study as it would be of one person without centres, labels and lengths."""

    def cut(scored):
        result = scored.result
        if result is not None:
            names = ("losses", "status", "all_losses", "all_status", "all_vectors")
            result = dataclasses.replace(
                result,
                values={path: value[:people] for path, value in result.values.items()},
                history=result.history[:, :people],
                slopes=result.slopes[:, :people],
                **{name: getattr(result, name)[:people] for name in names},
            )
        return Scored(
            result,
            scored.spectra[:people],
            dataclasses.replace(
                scored.judged,
                correlations=scored.judged.correlations[:people],
                depths=scored.judged.depths[:people],
                alpha=np.full_like(scored.judged.alpha[:people], 0.2),
                alpha_correlations=np.full(people, np.nan),
            ),
            scored.stable[:people],
            scored.numbers,
        )

    recordings = found.recordings
    connectomes = tuple(Connectome(c.weights) for c in recordings.connectomes[:people])
    return dataclasses.replace(
        found,
        recordings=Recordings(recordings.frequencies, recordings.spectra[:people], connectomes),
        networks=found.networks[:people],
        model=cut(found.model),
        baselines={name: cut(baseline) for name, baseline in found.baselines.items()},
        measured_alpha=found.measured_alpha[:people],
    )


@pytest.fixture(scope="module")
def one_person(fitted, tmp_path_factory):
    """One person, no centres, labels or lengths in the file, and a fitted map that is flat."""
    out, read = tmp_path_factory.mktemp("one"), []
    whole = arrays()
    np.savez(
        out / "data.npz",
        **{"frequencies": F, "psd": whole["psd"][0], "weights": whole["weights"]},
    )
    module = sys.modules["rosetta_jax.cli.fit"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "study", lambda r, *a, **k: read.append(r) or bare(fitted[1]))
        found = rosetta("fit", "--data", out / "data.npz", "--out", out / "results", "--quiet")
    assert found.exit_code == 0, found.output
    return out / "results", read[0]


def test_recordings_need_no_centres_labels_or_lengths(one_person):
    folder, recordings = one_person
    assert recordings.connectomes[0].lengths is None
    assert "alpha_map.png" not in written(folder) and "spectra.png" in written(folder)


def test_what_one_person_cannot_tell_is_null(one_person):
    summary = strict(one_person[0] / "summary.json")
    assert summary["alpha_map_correlation"] is None
    for baseline in summary["baselines"].values():
        assert baseline["standard_error"] is None and np.isfinite(baseline["difference"])


def test_numbers_by_region_have_maps_and_are_judged_where_they_were_not_fitted(tmp_path):
    np.savez(tmp_path / "data.npz", **{k: v for k, v in arrays().items() if k != "lengths"})
    found = rosetta(
        *("fit", "--data", tmp_path / "data.npz", "--out", tmp_path / "out", "--quiet"),
        *("--rung", "harmonic", "--starts", 1, "--by-region", 1.0, "--left-out", "bins"),
        *("--method", "levenberg-marquardt", "--set", "rung.omega=60", "--no-posterior"),
    )
    assert found.exit_code == 0, found.output
    names = written(tmp_path / "out")
    assert {"map_rung_alpha.png", "map_rung_omega.png", "map_noise_exponent.png"} <= names
    summary = strict(tmp_path / "out" / "summary.json")
    assert set(summary["baselines"]) > BASELINES
    assert "interpolation of the fitted bins" in summary["baselines"]
    assert summary["numbers_per_person"] == 5 + 3 * NODES
    assert summary["posterior"] is None
    saved, _ = load_arrays(tmp_path / "out" / "spectra.npz")
    np.testing.assert_array_equal(saved["judged_bins"], np.arange(1, len(F), 2))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "on the bins left out" in page and "many of them by region" in page


def test_a_fit_by_simulation_runs_from_the_command_line(tmp_path):
    whole = arrays()
    np.savez(
        tmp_path / "data.npz",
        frequencies=F,
        psd=whole["psd"][0, :3],
        weights=whole["weights"][:3, :3],
    )
    found = rosetta(
        *("fit", "--data", tmp_path / "data.npz", "--out", tmp_path / "out", "--quiet"),
        *("--rung", "stuart-landau", "--route", "simulated", "--duration", 4, "--dt", 2e-3),
        *("--seeds", 1, "--starts", 1),
    )
    assert found.exit_code == 0, found.output
    summary = strict(tmp_path / "out" / "summary.json")
    assert summary["settings"]["route"] == "simulated" and summary["memory_mb"] > 0
    assert np.isfinite(summary["mean_correlation_db"])
    assert summary["posterior"] is None  # it is of theory
    assert "asks for no stability" in (tmp_path / "out" / "report.html").read_text()


# --- one file instead of flags


def test_the_written_settings_make_the_same_again(exact, tmp_path):
    again = rosetta("spectrum", "--config", exact / "config.toml", "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    first, _ = load_arrays(exact / "spectrum.npz")
    second, _ = load_arrays(tmp_path / "again" / "spectrum.npz")
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])
    assert (exact / "config.toml").read_text() == (tmp_path / "again" / "config.toml").read_text()


def test_a_file_sets_options_and_parameters_and_flags_win(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(
        'rung = "harmonic"\nbins = 20\nhighest = 30.0\n[set.rung]\nalpha = -11.0\nomega = 50\n'
    )
    out = tmp_path / "out"
    found = rosetta("spectrum", "--config", config, "--highest", 24, "--out", out)
    assert found.exit_code == 0, found.output
    used = tomllib.loads((out / "config.toml").read_text())
    assert used["rung"] == "harmonic" and used["bins"] == 20 and used["highest"] == 24.0
    assert used["set"] == ["rung.alpha=-11.0", "rung.omega=50"]
    saved, _ = load_arrays(out / "spectrum.npz")
    assert saved["frequencies"][-1] == 24.0
    # A damped oscillator of 50 rad/s.
    assert saved["frequencies"][saved["spectrum"].mean(axis=1).argmax()] == pytest.approx(8, abs=2)


@pytest.mark.parametrize(
    "text, message",
    [
        ("duratoin = 3", "'duratoin'. Did you mean 'duration'?"),
        ("duration = ", "is no TOML file"),
        ('duration = "long"', "duration"),
        ('set = ["rung.alpha"]', "`--set` 'rung.alpha' must be a path and a number"),
        ('set = ["rung.alhpa=3"]', "Did you mean 'rung.alpha'?"),
        ("[set.rung]\ntau = 1.0", "no parameter at 'rung.tau'"),
    ],
)
def test_a_wrong_file_is_answered_with_what_is_right(text, message, tmp_path):
    (tmp_path / "config.toml").write_text(text)
    said = refused("simulate", "--config", tmp_path / "config.toml", "--out", tmp_path / "out")
    assert message in said


def test_a_file_that_is_not_there_is_named(tmp_path):
    said = refused("simulate", "--config", tmp_path / "none.toml", "--out", tmp_path / "out")
    assert "none.toml cannot be read" in said


# --- errors in plain words


def refused(*arguments):
    found = rosetta(*arguments)
    assert found.exit_code in (1, 2) and isinstance(found.exception, SystemExit)
    assert "Traceback" not in found.output
    return " ".join(found.output.split())


@pytest.fixture
def data(tmp_path):
    def write(**changes):
        np.savez(tmp_path / "data.npz", **(arrays() | changes))
        return tmp_path / "data.npz"

    return write


def test_a_missing_file_is_named(tmp_path):
    text = refused("fit", "--data", tmp_path / "none.npz", "--out", tmp_path / "out")
    assert "Error: there is no file" in text and "none.npz" in text
    assert not (tmp_path / "out").exists()


def test_wrong_keys_are_listed(data, tmp_path):
    text = refused("fit", "--data", data(power=F), "--out", tmp_path / "out")
    assert "unknown: ['power']" in text and "needed are ['frequencies', 'psd', 'weights']" in text


def test_brackets_in_an_error_are_text(tmp_path):
    assert "[draft].npz" in refused("fit", "--data", "[draft].npz", "--out", tmp_path / "out")


def test_one_person_has_no_curve_of_others(data, tmp_path):
    path = data(psd=arrays()["psd"][0], weights=arrays()["weights"])
    text = refused("fit", "--data", path, "--cohort-curve", "--out", tmp_path / "out")
    assert "`--cohort-curve` learns the gain curve of a person on others, and there is 1" in text


def test_an_empty_band_says_what_there_is(data, tmp_path):
    text = refused("fit", "--data", data(), "--band", 50, 60, "--out", tmp_path / "out")
    assert "50-60 Hz holds 0 bins of 3-40 Hz" in text


@pytest.mark.parametrize(
    "command, more", [("fit", ["--starts", 1]), ("spectrum", []), ("simulate", ["--quiet"])]
)
def test_a_folder_that_cannot_be_written_is_said_before_any_work(command, more, tmp_path):
    (tmp_path / "file").write_text("")
    text = refused(command, "--out", tmp_path / "file" / "out", *more)
    assert "`--out`" in text and "choose another folder" in text


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("fit", "--method", "newton"), "'levenberg-marquardt', 'adam'"),
        (("fit", "--normalisation", "sum"), "choose from eigenvalue, rows, mean, maximum, none"),
        (("fit", "--starts", "0"), "--starts"),
        (("fit", "--rung", "kuramoto"), "'harmonic', 'stuart-landau', 'jansen-rit'"),
        (("simulate", "--sampling", "0"), "`--sampling` must be above zero"),
        (("simulate", "--dt", "-1"), "`dt`"),
        (("simulate", "--duration", "0"), "`duration`"),
        (("simulate", "--seed", "-1"), "`seed` must be a whole number from 0"),
        (("spectrum", "--highest", "0"), "`--highest` must be a number of hertz above zero"),
        (("spectrum", "--speed", "0"), "speed"),
        (("spectrum", "--gain", "-1"), "gain"),
    ],
)
def test_a_wrong_value_is_answered_with_what_is_right(arguments, message, tmp_path):
    assert message in refused(*arguments, "--out", tmp_path / "out")


def test_an_unstable_brain_has_no_spectrum(tmp_path, monkeypatch):
    growing = Network(StuartLandau(alpha=3.0), unconnected(2), noise=WhiteNoise(0.1))
    module = sys.modules["rosetta_jax.cli.spectrum"]
    monkeypatch.setattr(module, "embedded_brain", lambda *chosen: growing)
    text = refused("spectrum", "--bins", 12, "--out", tmp_path)
    assert "the fixed point is unstable" in text and "Lower `--gain`" in text
    assert written(tmp_path) == set()


def test_without_its_extra_the_command_line_names_it(tmp_path):
    (tmp_path / "typer.py").write_text("raise ImportError('no typer')")
    run = subprocess.run(
        [sys.executable, "-c", "from rosetta_jax.cli import main; main()"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1 and 'pip install "rosetta-jax[cli]"' in run.stderr
    assert "Traceback" not in run.stderr


def test_the_console_script_is_this_command_line():
    assert callable(cli.main)
