"""How sure studies are: posteriors by likelihood about what they found, and when there is none."""

import sys

import jax
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.data import BoldRecordings, Recordings
from rosetta_jax.inference import (
    AtSensors,
    ConnectivitySettings,
    Preset,
    StudySettings,
    bold_preset,
    connectivity_study,
    study,
)

module = sys.modules["rosetta_jax.inference.certainty"]

RNG = np.random.default_rng(11)
F = np.arange(2.0, 42.0)
PEOPLE, NODES, DEGREES = 3, 3, 40.0
WIRES = tuple(
    rj.Connectome(RNG.uniform(0.1, 1, (NODES, NODES)) * (1 - np.eye(NODES))).normalised()
    for _ in range(PEOPLE)
)
FREE = {"rung.omega": rj.LogNormal(60.0, 0.3), "gain": rj.LogNormal(4.0, 1.0)}
TRUTH = np.array([55.0, 63.0, 70.0])


def network(connectome):
    rung = rj.HarmonicOscillator(alpha=-12.0, omega=60.0)
    noise, sensor = rj.WhiteNoise(0.1), rj.WhiteNoise(2e-3)
    return rj.Network(rung, connectome, gain=4.0, noise=noise, sensor=sensor)


def spectra():
    """Spectra with the scatter of so many degrees of freedom."""
    found = []
    for wires, omega in zip(WIRES, TRUTH, strict=True):
        brain = rj.replace(network(wires), {"rung.omega": omega})
        exact = np.asarray(rj.linear.power_spectrum(brain, F).density)
        found.append(exact * RNG.chisquare(DEGREES, exact.shape) / DEGREES)
    return Recordings(F, np.stack(found), WIRES)


@pytest.fixture(scope="module")
def found():
    settings = StudySettings(starts=1, left_out="bins", posterior=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["rosetta_jax.inference.study"], "BASELINES", {})
        return study(spectra(), Preset(network, FREE), settings, show_progress=False)


def test_a_right_model_is_as_sure_as_its_likelihood(found):
    posterior = found.posterior
    # Degrees are told from scatter between bins, from below.
    assert (posterior.dispersion < 1.3).all()
    ends = posterior.interval(jax.random.key(0), 0.999)["rung.omega"]
    assert ((ends[:, 0] < TRUTH) & (ends[:, 1] > TRUTH)).all()
    # The posterior of a log frequency that is told to about a percent.
    assert (posterior.widths[:, 0] < 0.1).all()
    assert found.not_fitted == ()


def test_it_is_of_the_bins_that_were_fitted(found):
    (loss, *_) = found.posterior.asked.losses
    np.testing.assert_array_equal(loss.frequencies, F[::2])
    np.testing.assert_allclose(loss.measured, found.recordings.spectra[0][::2])


def test_what_is_seen_through_a_curve_is_judged_through_it():
    recordings = spectra()
    curve = np.stack([np.sin(F + person) for person in range(PEOPLE)])
    predicted = recordings.spectra * 10 ** (RNG.normal(size=(PEOPLE, F.size, 1)) / 100)
    judged = sys.modules["rosetta_jax.inference.judgement"].judgement("nothing", F.size, NODES)
    losses, spread = module.spectra_likelihoods(recordings, judged, predicted, curve)
    # A prediction that is seen through the curve already lies where the measurement does.
    np.testing.assert_allclose(spread, 1.0)
    for loss, each in zip(losses, curve, strict=True):
        np.testing.assert_allclose(loss.curve, each)


def test_misfit_widens_before_the_descent_and_after():
    recordings = spectra()
    judged = sys.modules["rosetta_jax.inference.judgement"].judgement("nothing", F.size, NODES)
    wrong = recordings.spectra * 10 ** (0.3 * np.sin(F))[None, :, None]
    _, spread = module.spectra_likelihoods(recordings, judged, wrong, None)
    assert (spread > 3).all()


def test_ctrl_c_leaves_the_study_without_it(monkeypatch):
    real = module.fit

    def cut(*asked, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "fit", cut)
    monkeypatch.setattr(sys.modules["rosetta_jax.inference.study"], "BASELINES", {})
    settings = StudySettings(starts=1, posterior=True)
    ended = study(spectra(), Preset(network, FREE), settings, show_progress=False)
    assert ended.posterior is None and ended.not_fitted == ("posterior",) and ended.interrupted

    def ended_early(*asked, **more):
        found = real(*asked, **more)
        found.metadata["interrupted"] = True
        return found

    monkeypatch.setattr(module, "fit", ended_early)
    again = study(spectra(), Preset(network, FREE), settings, show_progress=False)
    assert again.posterior is None and np.isfinite(again.model.mean_score)


def test_connectivity_of_all_people_tells_one_vector():
    weights = RNG.uniform(0.01, 1, (2, 5, 5)) * (1 - np.eye(5))
    wires = [rj.Connectome((each + each.T) / 2).normalised() for each in weights]
    preset = bold_preset("harmonic", wires)
    preset = Preset(preset.network, {"gain": preset.free["gain"]})
    gain = float(preset.network(wires[0]).gain) * 1.2
    matrices = np.stack(
        [
            rj.linear.functional_connectivity(
                rj.replace(preset.network(each), {"gain": gain}), band=(0.01, 0.1)
            ).matrix
            for each in wires
        ]
    )
    known = BoldRecordings(matrices, tuple(wires), samples=np.array([100.0, 200.0]))
    settings = ConnectivitySettings(starts=1, posterior=True)
    sure = connectivity_study(known, preset, settings, show_progress=False).posterior
    assert sure.mean.shape == (1, 1) and (sure.dispersion == 1).all()
    low, high = sure.interval(jax.random.key(0))["gain"][0]
    assert low < gain < high and np.log(high / low) < 1.0
    many = BoldRecordings(matrices, tuple(wires), samples=np.array([400.0, 800.0]))
    surer = connectivity_study(many, preset, settings, show_progress=False).posterior
    assert surer.widths[0, 0] == pytest.approx(sure.widths[0, 0] / 2, rel=0.05)
    untold = BoldRecordings(matrices, tuple(wires))
    with pytest.raises(ValueError, match="`posterior` needs to know how many samples"):
        connectivity_study(untold, preset, settings, show_progress=False)


def test_sensors_have_a_likelihood_through_their_lead_field():
    recordings = spectra()
    leads = RNG.normal(size=(4, NODES))
    seen = np.stack([each @ (leads**2).T for each in recordings.spectra])
    at_sensors = Recordings(F, seen, WIRES, lead_field=leads)
    judged = sys.modules["rosetta_jax.inference.judgement"].judgement("nothing", F.size, 4)
    losses, spread = module.spectra_likelihoods(at_sensors, judged, seen, None)
    assert all(isinstance(each, AtSensors) for each in losses)
    np.testing.assert_allclose(spread, 1.0)


def test_a_march_has_no_posterior():
    with pytest.raises(ValueError, match="`posterior` is of exact theory, and `route` simulates"):
        StudySettings(route=rj.Simulated(4.0), posterior=True)
