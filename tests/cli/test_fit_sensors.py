"""`rosetta fit --modality eeg`: spectra of sensors through a lead field, and the gain curve of the others."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli.app import app
from rosetta_jax.inference import preset
from rosetta_jax.results import load_arrays

PEOPLE, NODES, SENSORS = 2, 3, 5
RNG = np.random.default_rng(3)
BINS = np.linspace(3.0, 30.0, 12)
OFF = 1 - np.eye(NODES)
WEIGHTS = RNG.uniform(0.2, 1, (PEOPLE, NODES, NODES)) * OFF
LEADS = RNG.normal(size=(SENSORS, NODES))
RIPPLE = np.sin(BINS)


def rosetta(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def spectra():
    """What sensors show of brains of another growth rate, through a ripple."""
    seen, found = rj.observe.LeadField(LEADS), []
    for weights, alpha in zip(WEIGHTS, (-15.0, -30.0), strict=True):
        network = preset("harmonic").network(rj.Connectome(weights).normalised())
        cross = rj.linear.cross_spectrum(rj.replace(network, {"rung.alpha": alpha}), BINS)
        found.append(np.asarray(seen.power(cross.density)).T * 10 ** (RIPPLE / 10))
    return np.stack(found)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    root = tmp_path_factory.mktemp("eeg")
    centres = RNG.uniform(-50, 50, (NODES, 3))
    arrays = {"frequencies": BINS, "psd": spectra(), "weights": WEIGHTS, "lead_field": LEADS}
    np.savez(root / "data.npz", centres=centres, **arrays)
    words = ("--data", root / "data.npz", "--out", root / "out", "--quiet", "--band", 2, 31)
    run = rosetta(
        *("fit", "--modality", "eeg", "--rung", "harmonic", "--starts", 1, "--cohort-curve"), *words
    )
    assert run.exit_code == 0, run.output
    return root / "out", json.loads((root / "out" / "summary.json").read_text())


def test_sensors_are_fitted_through_the_curve_of_the_others(done):
    _, summary = done
    curves = np.array(summary["cohort_curve_db"])
    assert curves.shape == (PEOPLE, BINS.size)
    assert all(np.corrcoef(curve, RIPPLE)[0, 1] > 0.5 for curve in curves)
    assert summary["mean_correlation_db"] > 0.98
    assert "own mean spectrum (ceiling)" in summary["baselines"]


def test_arrays_are_those_of_sensors_and_no_map_is_drawn_of_them(done):
    arrays, _ = load_arrays(done[0] / "spectra.npz")
    assert arrays["fitted"].shape == arrays["measured"].shape == (PEOPLE, BINS.size, SENSORS)
    names = {each.name for each in done[0].iterdir()}
    assert {"spectra.png", "mean_spectrum.png"} <= names and "alpha_map.png" not in names
    page = (done[0] / "report.html").read_text()
    assert {"posterior.png", "predictive.png"} <= names
    assert "averaged over sensors" in page and "seen through the gain curve of the others" in page
