"""`rosetta sweep`: what it writes, how it goes on, what it estimates, and errors in plain words."""

import json
import tomllib

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli.app import app
from rosetta_jax.results import Status

F = np.linspace(4.0, 24.0, 11)
OFF = 1 - np.eye(3)
GRID = ("--axis", "gain=0:4:3", "--axis", "rung.alpha=-9,-5,4")


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    """Programs that run once: compiling costs more than running."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def rosetta(*words):
    return CliRunner().invoke(app, ["sweep", *[str(word) for word in words]])


def said(done):
    return " ".join(done.output.split())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    psd = 1 / F + np.array([[0.5], [1.0], [0.2]]) / (1 + (F - 10) ** 2)
    np.savez(root / "psd.npz", frequencies=F, psd=psd, weights=OFF, lengths=40 * OFF)
    fc = np.array([[1.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, 1.0]])
    np.savez(root / "fc.npz", fc=fc, weights=OFF)
    (root / "rows.csv").write_text("gain, speed\n1.0,5.0\n2.0,6.0\n")
    return root


def of(data, out, *more, rung="stuart-landau"):
    words = ("--data", data / "psd.npz", "--rung", rung, "--band", 4, 24, "--out", out, "--quiet")
    return rosetta(*words, *more)


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "sweep"
    done = of(data, out, *GRID)
    assert done.exit_code == 0, done.output
    return out, done


def test_it_writes_store_summary_pictures_and_page(folder):
    out, done = folder
    names = {path.name for path in out.iterdir()}
    assert {
        "sweep.zarr",
        "summary.json",
        "config.toml",
        "report.html",
        "peak_frequency.png",
    } <= names
    # Of what is the same wherever members succeed there is no picture.
    assert "unstable_modes.png" not in names
    found = rj.sweeps.load(out / "sweep.zarr")
    assert dict(found["status"].sizes) == {"gain": 3, "rung.alpha": 3}
    assert (found["status"][:, 2] != Status.ok).all()
    summary = json.loads((out / "summary.json").read_text())
    assert summary["members"] == 9 and summary["statuses"]["ok"] == 6
    assert summary["best_by"] == "spectrum_correlation"
    assert summary["best"][0]["spectrum_correlation"] == pytest.approx(
        float(found["spectrum_correlation"].max())
    )
    assert "best spectrum_correlation" in said(done) and "6 of 9 succeeded" in said(done)
    page = (out / "report.html").read_text()
    assert "Best members" in page and "How members ended" in page


def test_the_same_again_computes_nothing_and_another_is_refused(folder, data):
    out, _ = folder
    before = (out / "sweep.zarr" / "zarr.json").read_bytes()
    again = of(data, out, *GRID)
    assert again.exit_code == 0 and (out / "sweep.zarr" / "zarr.json").read_bytes() == before
    other = of(data, out, "--axis", "gain=0:5:3", "--axis", "rung.alpha=-9,-5,4")
    assert other.exit_code == 1 and "belongs to another sweep. What differs: axes" in said(other)


def test_a_sweep_that_was_cut_short_goes_on_with_the_settings_of_its_folder(folder, tmp_path):
    out, _ = folder
    before = np.asarray(rj.sweeps.load(out / "sweep.zarr")["peak_power"])
    missing = next((out / "sweep.zarr" / "status" / "c").glob("*/*"))
    missing.unlink()
    done = rosetta("--resume", out / "sweep.zarr", "--quiet")
    assert done.exit_code == 0, done.output
    assert missing.exists()
    np.testing.assert_array_equal(rj.sweeps.load(out / "sweep.zarr")["peak_power"], before)
    given = rosetta("--resume", out, "--rung", "nmm1")
    assert given.exit_code == 1 and "leave out all others but `--quiet`" in said(given)
    none = rosetta("--resume", tmp_path)
    assert none.exit_code == 1 and "holds no sweep" in said(none)


def test_ctrl_c_leaves_what_is_done_and_says_how_to_go_on(data, tmp_path, monkeypatch):
    from rosetta_jax.sweeps.program import Program

    monkeypatch.setattr("rosetta_jax.sweeps.program.cores", lambda: 1)
    compute, calls = Program.compute, []

    def stopped(self, numbers):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return compute(self, numbers)

    monkeypatch.setattr(Program, "compute", stopped)
    done = of(data, tmp_path, *GRID, "--chunk", 3)
    assert done.exit_code == 130 and f"rosetta sweep --resume {tmp_path}" in said(done)
    assert json.loads((tmp_path / "summary.json").read_text())["statuses"]["not_run"] == 6


def test_an_estimate_writes_nothing(data, tmp_path):
    done = of(data, tmp_path / "none", *GRID, "--estimate")
    assert done.exit_code == 0 and "9 members in chunks of" in said(done)
    assert not (tmp_path / "none").exists()


def test_seeds_of_marches_of_drawn_points(data, tmp_path):
    words = ("--axis", "gain=0:2", "--points", 2, "--draw", "random", "--seeds", 2, "--duration", 3)
    words += ("--measure", "synchrony", "--transient", 0.5, "--best", "synchrony", "--same-noise")
    done = of(data, tmp_path, *words)
    assert done.exit_code == 0, done.output
    found = rj.sweeps.load(tmp_path / "sweep.zarr")
    assert dict(found["status"].sizes) == {"point": 2, "seed": 2} and "gain" in found.coords
    assert tomllib.loads((tmp_path / "config.toml").read_text())["dt"] == 5e-4


def test_rows_of_a_table_and_connectivity(data, tmp_path):
    words = (
        "--data",
        data / "fc.npz",
        "--rung",
        "harmonic",
        "--table",
        data / "rows.csv",
        "--quiet",
    )
    done = rosetta(
        *words, "--measure", "stability", "--out", tmp_path, "--of", "bold", "--workers", 0
    )
    assert done.exit_code == 0, done.output
    found = rj.sweeps.load(tmp_path / "sweep.zarr")
    assert found["speed"].values.tolist() == [5.0, 6.0]
    assert np.isfinite(found["connectivity_correlation"]).all()


def test_without_axes_it_sweeps_the_gain_and_the_way_through_the_onset():
    from rosetta_jax.cli.shared import RungName
    from rosetta_jax.cli.sweep import _usual_axes
    from rosetta_jax.rungs import ladder

    connectome = rj.Connectome(OFF, 40 * OFF)
    for step in ladder():
        brain = rj.working_brain(step.kind, connectome)
        axes = _usual_axes(RungName(step.name), brain)
        assert "gain" in axes and len(axes) == 2
        for path in axes:
            rj.get(brain, path)


@pytest.mark.parametrize(
    "words, message",
    [
        (("--axis", "gain"), "must be a path and values"),
        (("--axis", "gain=a:b:c"), "must be a path and values"),
        (("--axis", "gain=3:1:4"), "must run from low to high"),
        (("--axis", "gain=0:1:4:log"), "above zero where it is log"),
        (("--axis", "gain=0:1"), "bounds alone need `--points`"),
        (("--axis", "gain=0,1", "--axis", "gain=2,3"), "names gain twice"),
        (("--axis", "gian=0,1"), "Did you mean 'gain'"),
        (("--points", "4"), "needs bounds"),
        (("--table", "none.csv"), "cannot be read"),
        (("--measure", "synchrony", *GRID), "give `--duration` seconds"),
        (("--measure", "margin", "--duration", "2", *GRID), "leave `--duration` out"),
        (("--best", "speed", *GRID), "choose from peak_frequency"),
        (("--person", "3", *GRID), "`--person` must lie between 0 and 0"),
        (("--of", "eeg", *GRID), "`of` is 'eeg'"),
        (("--scheduler", "tcp://a:1", "--workers", "2", *GRID), "exclude each other"),
    ],
)
def test_what_cannot_be_swept_is_said_in_plain_words(words, message, data, tmp_path):
    done = of(data, tmp_path / "out", *words)
    assert done.exit_code == 1, done.output
    assert message in said(done)


def test_a_table_of_words_is_said(data, tmp_path):
    for text, message in (
        ("gain\n", "rows of as many numbers"),
        ("gain\nmuch\n", "must hold numbers"),
    ):
        (tmp_path / "t.csv").write_text(text)
        done = of(data, tmp_path / "out", "--table", tmp_path / "t.csv")
        assert done.exit_code == 1 and message in said(done)
