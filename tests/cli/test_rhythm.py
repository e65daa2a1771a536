"""What `rosetta simulate` reads from a rhythm: the numbers of the readouts, and the picture of the run."""

import json

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli import rhythm
from rosetta_jax.cli.app import app
from rosetta_jax.cli.rhythm import push_and_pull, rhythm_of
from rosetta_jax.results import load_arrays

KEY = jax.random.key(3)
FEW = rj.Connectome(
    0.3 * (np.ones((3, 3)) - np.eye(3)), 80.0 * (np.ones((3, 3)) - np.eye(3)), "abc"
)
SETTINGS = {"duration": 4.0, "dt": 1e-3, "transient": 0.5, "key": KEY}


@pytest.fixture(scope="module", autouse=True)
def quick_compilation():
    """Programs that run once: compiling costs more than running."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


def brain(kind):
    return rj.working_brain(kind, FEW)


@pytest.mark.parametrize("kind", [rj.StuartLandau, rj.PhaseOscillator])
def test_the_numbers_are_those_of_the_readouts(kind):
    run = rj.simulate(brain(kind), **SETTINGS, save=("signal", "states"), save_every=5e-3)
    found = rhythm_of(brain(kind), run, 10.0)
    assert found.band == pytest.approx((8.0, 12.0))
    band = (8.0, 12.0)
    phases = (
        run.states.theta
        if kind is rj.PhaseOscillator
        else rj.observe.phase(run.signal, run.dt, band)
    )
    order = np.abs(np.exp(1j * np.asarray(phases)).mean(axis=1))
    np.testing.assert_allclose(found.order, order, rtol=1e-12)
    envelopes = rj.observe.envelope(run.signal, run.dt, band)
    np.testing.assert_allclose(found.envelopes, envelopes, rtol=1e-12)
    np.testing.assert_allclose(found.connectivity, np.corrcoef(envelopes.T), atol=1e-12)
    assert found.numbers == {
        "band_hz": pytest.approx([8.0, 12.0]),
        "order_parameter": pytest.approx(order.mean()),
        "metastability": pytest.approx(order.std()),
        "mean_envelope": pytest.approx(float(envelopes.mean())),
    }


@pytest.mark.parametrize("kind, unit", [(rj.StuartLandau, "1/s"), (rj.JansenRit, "mV")])
def test_push_and_pull_are_those_of_the_run(kind, unit):
    network = brain(kind)
    picture = push_and_pull(network, 1e-3, 0.5, KEY, 10.0, node=1)
    run = rj.simulate(network, **SETTINGS, save=("states",))
    push, pull = jax.vmap(lambda state: network.rung.push_pull(state, network.rung.Inputs()))(
        run.states
    )
    axes = picture.figure.axes[0]
    for line, term in zip(axes.get_lines(), (push, pull), strict=False):
        at = np.round((line.get_xdata() - 0.5) / 1e-3).astype(int)
        # Ten turns of 10 Hz, in steps of two milliseconds.
        assert len(at) == 500 and at[-1] == 998
        np.testing.assert_allclose(line.get_ydata(), term[at, 1], rtol=1e-9, atol=1e-12)
    assert unit in axes.get_ylabel() and axes.get_title(loc="left") == f"{kind.__name__}, b"
    assert "in b" in picture.caption


def test_a_population_of_rates_has_terms_without_a_unit():
    picture = push_and_pull(brain(rj.QIFPopulation), 1e-4, 0.0, KEY, 50.0, node=0)
    assert "(1)" in picture.figure.axes[0].get_ylabel()


@pytest.mark.parametrize(
    "peak, duration, nyquist, band",
    [
        (10.0, 20.0, 100.0, (8.0, 12.0)),
        (50.0, 20.0, 100.0, (40.0, 60.0)),
        # Wider where the run is short, so that half of the filter is half of the run.
        (10.0, 1.0, 100.0, (5.8, 14.2)),
        (1.0, 4.0, 100.0, (0.525, 2.05)),
        (60.0, 20.0, 70.0, None),
        (10.0, 0.05, 100.0, None),
    ],
)
def test_the_band_suits_the_peak_and_the_length_of_the_run(peak, duration, nyquist, band):
    found = rhythm._band(peak, duration, nyquist)
    assert found == (None if band is None else pytest.approx(band))
    if found is not None:
        signal = np.random.default_rng(0).standard_normal((round(duration * 2 * nyquist), 1))
        assert np.isfinite(rj.observe.phase(signal, 0.5 / nyquist, found)).all()


def test_the_command_writes_what_it_reads(tmp_path):
    times = ("--duration", 1, "--transient", 0.1, "--dt", 1e-3)
    words = ("simulate", "--rung", "phase", "--out", tmp_path, "--quiet", *times)
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "summary.json").read_text())
    found, _ = load_arrays(tmp_path / "simulation.npz")
    network = rj.working_brain(rj.PhaseOscillator, rj.synthetic.connectome(0))
    run = rj.simulate(
        network, 1.0, 1e-3, key=jax.random.key(0), transient=0.1, save=("states",), save_every=5e-3
    )
    order = np.abs(np.exp(1j * np.asarray(run.states.theta)).mean(axis=1))
    np.testing.assert_allclose(found["order_parameter"], order, rtol=1e-9)
    assert summary["order_parameter"] == pytest.approx(order.mean())
    assert summary["metastability"] == pytest.approx(order.std())
    low, high = summary["band_hz"]
    assert low < 10 < high and found["envelope_connectivity"].shape == (68, 68)
    page = (tmp_path / "report.html").read_text()
    for heading in ("Push and pull", "Synchrony", "Envelope connectivity"):
        assert heading in page


@pytest.mark.parametrize(
    "dropped, wanted, steps", [(500, 2.0, 2), (503, 4.0, 1), (0, 5.9, 5), (9, 0.3, 1)]
)
def test_what_is_dropped_is_a_whole_number_of_samples(dropped, wanted, steps):
    assert rhythm._thinned(dropped, wanted) == steps
