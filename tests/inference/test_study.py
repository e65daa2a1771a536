"""A study reads a model against its baselines, all of them fitted in the same way."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax import synthetic
from rosetta_jax.data import Recordings
from rosetta_jax.inference import (
    PRESETS,
    FitResult,
    Preset,
    StudySettings,
    by_region,
    correlation_db,
    drawable,
    paired_difference,
    preset,
    relative_power,
)
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.judgement import judgement, scores
from rosetta_jax.optimise import LevenbergMarquardt
from rosetta_jax.parameters import FreeParameters

# The module, whose name its function hides in the package.
study_module = sys.modules["rosetta_jax.inference.study"]
fitting_module = sys.modules["rosetta_jax.inference.fitting"]

RNG = np.random.default_rng(9)
F = np.linspace(4.0, 40.0, 10)
OFF = 1 - np.eye(3)
CONNECTOMES = tuple(rj.Connectome(RNG.uniform(0.1, 1, (3, 3)) * OFF).normalised() for _ in range(2))
CEILING = "own mean spectrum (ceiling)"


def network(connectome):
    return rj.Network(
        rj.HarmonicOscillator(alpha=np.array([-15.0, -20.0, -40.0])),
        connectome,
        gain=4.0,
        noise=rj.WhiteNoise(0.1),
        sensor=rj.WhiteNoise(2e-3),
    )


FREE = {"rung.omega": rj.LogNormal(62.8, 0.2), "gain": rj.LogNormal(4.0, 1.0)}


def unmoved(calls):
    """A stand-in for `fit` that leaves everybody at the template and notes how it was called."""

    def fit(models, free, losses, *, name, **settings):
        calls[name.strip()] = {"free": set(free), "losses": losses} | settings
        values = [FreeParameters(m, free).values(FreeParameters(m, free).vector()) for m in models]
        people = len(models)
        return FitResult(
            values={path: np.stack([np.asarray(v[path]) for v in values]) for path in free},
            losses=np.zeros(people),
            status=np.zeros(people, np.int32),
            all_losses=np.zeros((people, 1)),
            all_status=np.zeros((people, 1), np.int32),
            all_vectors=np.zeros((people, 1, len(free))),
            history=np.zeros((1, people, 1)),
            slopes=np.zeros((1, people, 1)),
            metadata={},
        )

    return fit


@pytest.fixture(scope="module")
def exact():
    """A study of recordings that the networks themselves made."""
    spectra = [np.asarray(rj.linear.power_spectrum(network(c), F).density) for c in CONNECTOMES]
    recordings = Recordings(F, np.stack(spectra), CONNECTOMES)
    calls = {}
    settings = {"starts": 3, "method": LevenbergMarquardt(steps=7), "prior_weight": 0.02}
    key = jax.random.key(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting_module, "fit", unmoved(calls))
        found = study_module.study(
            recordings,
            Preset(network, FREE),
            StudySettings(**settings),
            key=key,
            show_progress=False,
        )
    return found, calls, settings | {"key": key}


def test_a_network_scores_one_on_its_own_spectra(exact):
    model = exact[0].model
    np.testing.assert_allclose(model.judged.correlations, np.ones((2, 3)), rtol=1e-10)
    np.testing.assert_allclose(model.judged.depths, [1.0, 1.0], rtol=1e-10)
    assert model.stable == (True, True) and model.numbers == 2


def test_maps_of_relative_alpha_are_compared(exact):
    found = exact[0]
    for person in (0, 1):
        expected = relative_power(F, found.recordings.spectra[person])
        np.testing.assert_array_equal(found.measured_alpha[person], expected)
    assert found.model.alpha_map_correlation == pytest.approx(1.0, abs=1e-10)


def test_every_baseline_is_there(exact):
    assert list(exact[0].baselines) == [
        "1/f",
        "slope and one Gaussian",
        "two Lorentzians and 1/f",
        "same model at gain 0",
        CEILING,
    ]


def test_all_are_fitted_with_the_same_starts_key_method_and_losses(exact):
    _, calls, settings = exact
    assert len(calls) == 5
    losses = calls["network"]["losses"]
    for call in calls.values():
        assert {name: call[name] for name in settings} == settings
        assert eqx.tree_equal(call["losses"], losses)


def test_at_gain_zero_neither_gain_nor_speed_is_free(exact):
    assert exact[1]["gain 0"]["free"] == {"rung.omega"}
    assert exact[0].baselines["same model at gain 0"].numbers == 1


def test_at_gain_zero_nothing_is_coupled(exact):
    spectra = exact[0].baselines["same model at gain 0"].spectra
    np.testing.assert_allclose(spectra[0], spectra[1], rtol=1e-12)
    alone = rj.replace(network(CONNECTOMES[0]), {"gain": 0.0})
    expected = np.asarray(rj.linear.power_spectrum(alone, F).density)
    np.testing.assert_allclose(spectra[0], expected, rtol=1e-10)


def test_the_ceiling_is_the_own_mean_in_decibel(exact):
    found = exact[0]
    measured = found.recordings.spectra[1]
    mean = np.exp(np.log(measured).mean(axis=1, keepdims=True))
    np.testing.assert_allclose(
        found.baselines[CEILING].judged.correlations[1], correlation_db(measured, mean), rtol=1e-10
    )


def test_no_curve_scores_above_the_ceiling_on_average(exact):
    # Of all curves shared by the regions; the ones here were not even fitted.
    baselines = exact[0].baselines
    for name in ("1/f", "slope and one Gaussian", "two Lorentzians and 1/f"):
        assert (baselines[name].scores <= baselines[CEILING].scores).all()


def test_differences_are_paired_by_person(exact):
    found = exact[0]
    for name, baseline in found.baselines.items():
        expected = paired_difference(found.model.scores, baseline.scores)
        assert found.differences()[name] == pytest.approx(expected)


def test_a_fit_that_ends_unstable_predicts_nothing():
    growing = rj.replace(network(CONNECTOMES[0]), {"rung.alpha": np.full(3, 5.0)})
    status, spectrum = fitting_module.predicted(
        growing, jnp.asarray(F), rj.Theory(), jax.random.key(0)
    )
    assert int(status) == rj.Status.unstable and np.isnan(spectrum).all()


# --- by region, and what is left out


NODES_WIDE = 6
WIDE = rj.Connectome(
    RNG.uniform(0.1, 1, (NODES_WIDE, NODES_WIDE)) * (1 - np.eye(NODES_WIDE))
).normalised()
REGIONAL = Preset(
    lambda connectome: rj.Network(
        rj.HarmonicOscillator(alpha=-20.0),
        connectome,
        gain=4.0,
        noise=rj.PowerLawNoise(1.0, 1.0),
        sensor=rj.WhiteNoise(2e-3),
    ),
    {"rung.alpha": rj.Normal(-20.0, 8.0), "noise.exponent": rj.Normal(1.0, 0.5)},
    {"rung.alpha": rj.Normal(-20.0, 8.0)},
)
FINE = np.linspace(4.0, 40.0, 19)


@pytest.fixture(scope="module")
def regional():
    """A study by region, bins left out, of what such a network made."""
    alpha = np.array([-14.0, -18.0, -22.0, -26.0, -30.0, -16.0])
    truth = rj.replace(REGIONAL.network(WIDE), {"rung.alpha": alpha})
    spectrum = np.asarray(rj.linear.power_spectrum(truth, FINE).density)
    recordings = Recordings(FINE, spectrum[None], (WIDE,))
    settings = StudySettings(starts=1, width=1.0, left_out="bins", method=LevenbergMarquardt())
    found = study_module.study(recordings, REGIONAL, settings, show_progress=False)
    return found, alpha


def test_what_varies_by_region_is_found_from_half_of_the_bins(regional):
    found, alpha = regional
    assert found.result.values["rung.alpha"].shape == (1, NODES_WIDE)
    np.testing.assert_allclose(found.result.values["rung.alpha"][0], alpha, rtol=0.02)
    assert found.model.numbers == NODES_WIDE + 2
    assert found.model.alpha_map_correlation > 0.999 and found.model.mean_score > 0.9999


def test_only_bins_that_were_not_fitted_are_judged(regional):
    judged = regional[0].judgement
    assert set(judged.fitted_bins) | set(judged.judged_bins) == set(range(len(FINE)))
    assert not set(judged.fitted_bins) & set(judged.judged_bins)
    expected = relative_power(
        FINE[judged.judged_bins], regional[0].recordings.spectra[0][judged.judged_bins]
    )
    np.testing.assert_array_equal(regional[0].measured_alpha[0], expected)


def test_a_regional_study_is_read_against_more(regional):
    baselines = regional[0].baselines
    assert {
        "two Lorentzians and 1/f by region",
        "same model, all regions alike",
        "interpolation of the fitted bins",
    } <= set(baselines)
    assert baselines["two Lorentzians and 1/f by region"].numbers == 7 + NODES_WIDE
    assert baselines["interpolation of the fitted bins"].alpha_map_correlation > 0.99
    # What is alike everywhere but for the connectome explains less of the map.
    shared = baselines["same model, all regions alike"]
    assert shared.alpha_map_correlation < regional[0].model.alpha_map_correlation


def test_curves_alike_everywhere_have_no_map(regional):
    assert np.isnan(regional[0].baselines["1/f"].alpha_map_correlation)


def test_regions_left_out_are_judged_and_not_fitted():
    judged = judgement("regions", 5, 6)
    np.testing.assert_array_equal(judged.fitted_regions, [0, 2, 4])
    np.testing.assert_array_equal(judged.judged_regions, [1, 3, 5])
    recordings = Recordings(F, RNG.uniform(1, 2, (1, 10, 3)), CONNECTOMES[:1])
    one = judgement("regions", 10, 3)
    spectra = recordings.spectra * np.array([3.0, 1.0, 5.0]) ** F[:, None]
    # Off where it was fitted, right where it is judged.
    assert scores(recordings, spectra, one).correlations == pytest.approx(1.0)


@pytest.mark.parametrize("left_out, bins, nodes", [("bins", 3, 5), ("regions", 9, 1)])
def test_too_little_to_judge_is_refused(left_out, bins, nodes):
    with pytest.raises(ValueError, match="`left_out`"):
        judgement(left_out, bins, nodes)


# --- presets


@pytest.mark.parametrize("name", PRESETS)
def test_a_drawable_preset_starts_inside_its_priors_and_marches(name):
    chosen = drawable(preset(name))
    brain = chosen.network(CONNECTOMES[0])
    assert np.isfinite(FreeParameters(brain, chosen.free).vector()).all()
    assert rj.simulate(brain, 0.05, 1e-3, key=jax.random.key(0)).succeeded


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_by_region_frees_its_regional_numbers_in_each(name):
    chosen = preset(name)
    free = by_region(chosen.free, chosen.regional, 1.0)
    size = FreeParameters(chosen.network(CONNECTOMES[0]), free).size
    assert len(chosen.regional) == (7 if name == "thalamic-loop" else 3)
    assert size == len(set(chosen.free) | set(chosen.regional)) + 3 * len(chosen.regional)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_starts_inside_its_priors(name):
    chosen = preset(name)
    brain = chosen.network(CONNECTOMES[0])
    assert np.isfinite(FreeParameters(brain, chosen.free).vector()).all()


def test_a_jansen_rit_preset_starts_stable():
    brain = preset("jansen-rit").network(synthetic.connectome())
    assert int(rj.linear.stability(brain).status) == rj.Status.ok


def test_a_wrong_preset_lists_the_right_ones():
    with pytest.raises(ValueError, match="jansen-rit, thalamic-loop, stuart-landau, harmonic"):
        preset("kuramoto")


def test_every_baseline_curve_is_a_curve():
    assert all(issubclass(curve, Curve) for curve in study_module.BASELINES.values())
