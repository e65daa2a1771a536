"""Fits by region begin with what regions share; people are seen through the curve of others, or by sensors."""

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.data import Recordings
from rosetta_jax.inference import Preset, StudySettings, study
from rosetta_jax.inference.fitting import Fitting
from rosetta_jax.inference.judgement import judgement
from rosetta_jax.inference.measures import curves_of_others

RNG = np.random.default_rng(4)
F = np.linspace(4.0, 30.0, 14)
NODES, PEOPLE = 3, 4
OFF = 1 - np.eye(NODES)
WIRES = tuple(
    rj.Connectome(RNG.uniform(0.2, 1, OFF.shape) * OFF).normalised() for _ in range(PEOPLE)
)
RIPPLE = 1.5 * np.sin(F) - np.mean(1.5 * np.sin(F))


def network(connectome):
    return rj.Network(
        rj.HarmonicOscillator(alpha=-20.0),
        connectome,
        gain=4.0,
        noise=rj.WhiteNoise(1.0),
        sensor=rj.WhiteNoise(1e-3),
    )


FREE = {"rung.omega": rj.LogNormal(62.8, 0.3), "gain": rj.LogNormal(4.0, 1.0)}
# The growth rate varies by region, and is fixed where nothing does.
PRESET = Preset(network, FREE, {"rung.alpha": rj.Normal(-25.0, 10.0)})
ALPHA = RNG.uniform(-35, -15, (PEOPLE, NODES))
OMEGA = RNG.uniform(50, 70, PEOPLE)


def brains():
    known = zip(WIRES, ALPHA, OMEGA, strict=True)
    return [
        rj.replace(network(wires), {"rung.alpha": alpha, "rung.omega": omega})
        for wires, alpha, omega in known
    ]


@pytest.fixture(scope="module")
def recordings():
    """What four brains of known growth rates show through a ripple that they have in common."""
    spectra = [np.asarray(rj.linear.power_spectrum(brain, F).density) for brain in brains()]
    return Recordings(F, np.stack(spectra) * 10 ** (RIPPLE[None, :, None] / 10), WIRES)


def fitting(recordings, **settings):
    settings = StudySettings(starts=1, prior_weight=1e-7, **settings)
    judged = judgement("nothing", *recordings.spectra.shape[1:])
    return Fitting(recordings, judged, settings, None, None, False)


@pytest.fixture(scope="module")
def networks():
    return [network(wires) for wires in WIRES]


def test_growth_rates_by_region_are_found_through_the_curve_of_the_others(recordings, networks):
    of = fitting(recordings, width=1.0, curve_rounds=3)
    begun = of.begun(networks, FREE, PRESET.regional, "x")
    assert set(begun.result.values) == set(FREE)
    found = of.finished(begun, PRESET.regional)
    # A curve can be wider than it is in all regions of everybody, but not in one.
    for alpha, expected in zip(found.result.values["rung.alpha"], ALPHA, strict=True):
        assert np.corrcoef(alpha, expected)[0, 1] > 0.99
    for curve in found.curve:
        assert np.corrcoef(curve, RIPPLE)[0, 1] > 0.8
    assert found.numbers == 2 + 1 + NODES and found.mean_score > 0.999
    # What it predicts is what was recorded, ripple included.
    plain = found.spectra * 10 ** (-found.curve[:, :, None] / 10)
    exact = [rj.linear.power_spectrum(found.result.model(networks[0]), F).density]
    np.testing.assert_allclose(plain[0], exact[0], rtol=1e-9)


def test_without_the_curve_the_ripple_is_missed(recordings, networks):
    found = fitting(recordings, width=1.0).fitted(networks, FREE, PRESET.regional, "x")
    assert found.curve is None and found.numbers == 2 + 1 + NODES
    assert 0.9 < found.mean_score < 0.99


def test_shared_numbers_go_on_through_the_curve_too(recordings, networks):
    of = fitting(recordings, curve_rounds=1)
    begun = of.begun(networks, FREE, {}, "x")
    plain, through = fitting(recordings).finished(begun, {}), of.finished(begun, {})
    assert plain.curve is None and plain.result is begun.result
    expected = curves_of_others(recordings.spectra, plain.spectra)
    np.testing.assert_allclose(through.curve, expected, rtol=1e-12)
    assert through.mean_score > plain.mean_score + 0.01 and through.numbers == 2


def test_the_curve_of_a_person_is_learned_on_the_other_half():
    measured = RNG.uniform(1, 2, (PEOPLE, F.size, NODES))
    missed = np.zeros((PEOPLE, F.size, 1))
    missed[1::2] = RIPPLE[None, :, None]
    found = curves_of_others(measured, measured * 10 ** (-missed / 10))
    np.testing.assert_allclose(found[::2], np.broadcast_to(RIPPLE, (2, F.size)), atol=1e-12)
    np.testing.assert_allclose(found[1::2], 0.0, atol=1e-12)


def test_one_person_has_no_others(recordings):
    one = Recordings(F, recordings.spectra[:1], WIRES[:1])
    with pytest.raises(ValueError, match=r"`curve_rounds` learns .* there is 1 person"):
        study(one, PRESET, StudySettings(curve_rounds=1), show_progress=False)


# --- sensors


LEADS = RNG.normal(size=(5, NODES))


def test_a_study_of_sensors_finds_the_brain_behind_them():
    seen = rj.observe.LeadField(LEADS)
    spectra = [
        np.asarray(seen.power(rj.linear.cross_spectrum(brain, F).density)) for brain in brains()
    ]
    measured = Recordings(F, np.stack(spectra[:1]), WIRES[:1], lead_field=LEADS)
    settings = StudySettings(starts=1, width=1.0, prior_weight=1e-7)
    found = study(measured, PRESET, settings, show_progress=False)
    np.testing.assert_allclose(found.result.values["rung.alpha"], ALPHA[:1], rtol=0.05)
    assert found.model.spectra.shape == (1, F.size, 5) and found.model.mean_score > 0.9999
    # A curve of sensors has no need of a lead field.
    assert found.baselines["two Lorentzians and 1/f by sensor"].numbers == 7 + 5
    assert np.isfinite([each.mean_score for each in found.baselines.values()]).all()


@pytest.mark.parametrize("leads", [LEADS.T, LEADS[:, :2], LEADS[:4]])
def test_a_lead_field_of_another_shape_is_refused(leads):
    with pytest.raises(ValueError, match=r"`lead_field` must be \(sensors, nodes\).*5 sensors"):
        Recordings(F, RNG.uniform(1, 2, (1, F.size, 5)), WIRES[:1], lead_field=leads)


def test_spectra_of_sensors_without_a_lead_field_are_refused():
    with pytest.raises(ValueError, match=r"`psd` has 5 regions .*need a `lead_field`"):
        Recordings(F, RNG.uniform(1, 2, (1, F.size, 5)), WIRES[:1])
