"""Presets with other free numbers: what is freed, held, under which prior, and linear in which maps."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.data import Recordings
from rosetta_jax.inference import (
    FitResult,
    Preset,
    alike,
    coefficients,
    declared,
    default_prior,
    freed,
    in_maps,
    preset,
)
from rosetta_jax.parameters import FreeParameters
from rosetta_jax.regional import LinearIn

study_module = sys.modules["rosetta_jax.inference.study"]
fitting_module = sys.modules["rosetta_jax.inference.fitting"]
NODES = 6
RNG = np.random.default_rng(2)
CONNECTOME = rj.Connectome(RNG.uniform(0.1, 1, (NODES, NODES)) * (1 - np.eye(NODES))).normalised()
MAPS = RNG.normal(size=(2, NODES))


def network(connectome):
    return rj.Network(
        rj.HarmonicOscillator(alpha=-20.0, omega=60.0),
        connectome,
        gain=4.0,
        noise=rj.PowerLawNoise(1.0, 0.0),
        sensor=rj.WhiteNoise(2e-3),
    )


OWN = Preset(
    network,
    {"rung.alpha": rj.Normal(-20.0, 8.0), "gain": rj.LogNormal(4.0, 1.0)},
    {"rung.alpha": rj.Normal(-20.0, 8.0)},
)
BRAIN = network(CONNECTOME)


def test_all_that_has_a_meaning_can_be_free_and_weights_cannot():
    known = declared(BRAIN)
    assert {"rung.alpha", "rung.omega", "gain", "speed", "noise.exponent"} <= set(known)
    assert "connectome.weights" not in known


@pytest.mark.parametrize(
    "path, prior",
    [
        ("speed", rj.LogNormal(10.0, 0.5)),
        ("sensor.sigma", rj.LogNormal(2e-3, 0.5)),
        ("rung.alpha", rj.Normal(-20.0, 10.0)),
        ("noise.exponent", rj.Normal(0.0, 1.0)),
    ],
)
def test_a_prior_about_the_present_value(path, prior):
    assert default_prior(rj.replace(BRAIN, {"speed": 10.0}), path) == prior


def test_between_bounds_the_prior_is_flat():
    brain = rj.Network(rj.HarmonicOscillator(), CONNECTOME, noise=rj.PowerLawProcess(1.0, 0.7))
    assert default_prior(brain, "noise.exponent") == rj.Uniform(0.0, 2.0)


def test_zero_tells_no_scale():
    with pytest.raises(ValueError, match=r"`free` 'gain' is 0.*gain=LogNormal\(1.0, 0.5\)"):
        default_prior(rj.replace(BRAIN, {"gain": 0.0}), "gain")


def test_more_fewer_and_other_priors():
    found = freed(OWN, BRAIN, ["rung.omega"], {"gain": rj.LogNormal(2.0, 0.1)}, ["rung.alpha"])
    assert found.free == {
        "gain": rj.LogNormal(2.0, 0.1),
        "rung.omega": rj.LogNormal(60.0, 0.5),
    }
    # What is held does not vary by region either; OWN itself is as it was.
    assert found.regional == {} and set(OWN.regional) == {"rung.alpha"}
    assert set(OWN.free) == {"rung.alpha", "gain"}


def test_freeing_what_is_free_keeps_its_prior():
    assert freed(OWN, BRAIN, ["gain"]).free == OWN.free


def test_a_start_outside_its_prior_moves_to_the_middle():
    found = freed(OWN, BRAIN, priors={"noise.exponent": rj.Uniform(0.0, 3.0)})
    brain = found.network(CONNECTOME)
    assert float(brain.noise.exponent) == pytest.approx(1.5)
    assert np.isfinite(FreeParameters(brain, found.free).vector()).all()
    inside = freed(OWN, BRAIN, priors={"gain": rj.LogNormal(40.0, 0.1)})
    assert float(inside.network(CONNECTOME).gain) == 4.0


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"free": ["rung.alhpa"]}, "`free` is 'rung.alhpa'. Did you mean 'rung.alpha'"),
        ({"priors": {"noise.tau": rj.Normal(0.0, 1.0)}}, "`free` is 'noise.tau'"),
        ({"hold": ["speed"]}, "`hold` is 'speed'. Choose from: rung.alpha, gain"),
        ({"free": ["gain"], "hold": ["gain"]}, "`hold` 'gain' is freed as well"),
        ({"hold": ["rung.alpha", "gain"]}, "`hold` rung.alpha, gain leaves nothing free"),
        (
            {"priors": {"gain": rj.Normal(1.0, 1.0)}},
            "`prior` of gain reaches from -2 to 4 .* must be zero or above",
        ),
    ],
)
def test_what_cannot_be_is_answered_with_what_can(settings, message):
    with pytest.raises(ValueError, match=message):
        freed(OWN, BRAIN, **settings)


def test_a_prior_may_touch_what_its_parameter_may_not_be_beyond_three_deviations():
    assert freed(OWN, BRAIN, priors={"gain": rj.Normal(4.0, 1.3)}).free["gain"].sd == 1.3


def test_linear_in_maps_keeps_the_prior_and_frees_what_was_not():
    found = in_maps(OWN, BRAIN, ["rung.alpha", "rung.omega"], MAPS)
    alpha, omega = found.free["rung.alpha"], found.free["rung.omega"]
    assert isinstance(alpha, LinearIn) and isinstance(omega, LinearIn)
    assert alpha.shared == OWN.free["rung.alpha"] and alpha.width == 0.5
    assert omega.shared == rj.LogNormal(60.0, 0.5)
    assert found.regional == {}
    assert FreeParameters(BRAIN, found.free).size == 3 + 1 + 3
    assert alike(found.free) == OWN.free | {"rung.omega": rj.LogNormal(60.0, 0.5)}
    with pytest.raises(ValueError, match=r"`maps` is 'rung\.alhpa'"):
        in_maps(OWN, BRAIN, ["rung.alhpa"], MAPS)


TRUTH = np.array([0.2, 0.9, -0.6, 0.1])


def left_at(vector, models, free):
    """A fit that found these plain coordinates for everybody, and in another start worse ones."""
    values = [FreeParameters(m, free).values(jnp.asarray(vector)) for m in models]
    people = len(models)
    return FitResult(
        values={path: np.stack([np.asarray(v[path]) for v in values]) for path in free},
        losses=np.zeros(people),
        status=np.zeros(people, np.int32),
        all_losses=np.tile([1.0, 0.0], (people, 1)),
        all_status=np.zeros((people, 2), np.int32),
        all_vectors=np.tile(np.stack([np.zeros_like(vector), vector]), (people, 1, 1)),
        history=np.zeros((1, people, 2)),
        slopes=np.zeros((1, people, 2)),
        metadata={},
    )


def test_coefficients_of_maps_are_those_of_the_best_start():
    free = in_maps(OWN, BRAIN, ["rung.alpha"], MAPS).free
    found = coefficients(left_at(TRUTH, [BRAIN] * 2, free), BRAIN, free)
    assert set(found) == {"rung.alpha"}
    np.testing.assert_array_equal(found["rung.alpha"], [[0.9, -0.6]] * 2)
    # Among others, and of the last of the parameters.
    free = in_maps(OWN, BRAIN, ["gain"], MAPS[:1]).free
    found = coefficients(left_at(TRUTH[:3], [BRAIN], free), BRAIN, free)
    np.testing.assert_array_equal(found["gain"], [[-0.6]])


@pytest.fixture(scope="module")
def mapped():
    """A study of a growth rate that is linear in two maps, in which nothing is computed but who is fitted."""
    spectra = RNG.uniform(1, 2, (1, 15, NODES))
    recordings = Recordings(np.linspace(4.0, 40.0, 15), spectra, (CONNECTOME,), MAPS)

    def fit(models, free, losses, **settings):
        return left_at(np.asarray(FreeParameters(models[0], free).vector()), models, free)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_module, "BASELINES", {})
        patch.setattr(fitting_module, "fit", fit)
        patch.setattr(fitting_module, "predicted", lambda *rest: (rj.Status.ok, spectra[0]))
        chosen = in_maps(OWN, BRAIN, ["rung.alpha"], MAPS)
        return study_module.study(recordings, chosen, show_progress=False)


def test_a_study_in_maps_is_read_against_regions_alike_and_curves_in_the_same_maps(mapped):
    baselines = mapped.baselines
    assert list(baselines) == [
        "two Lorentzians and 1/f in the same maps",
        "same model at gain 0",
        "same model, all regions alike",
        "own mean spectrum (ceiling)",
    ]
    assert mapped.model.numbers == 4
    # One number of each is in the two maps.
    assert baselines["two Lorentzians and 1/f in the same maps"].numbers == 7 + 2
    assert baselines["same model at gain 0"].numbers == 3
    assert baselines["same model, all regions alike"].numbers == 2
    assert set(mapped.free) == {"rung.alpha", "gain"}


def test_at_gain_zero_with_nothing_else_free_the_model_is_judged_as_it_is():
    bins = np.linspace(4.0, 40.0, 15)
    spectrum = np.asarray(rj.linear.power_spectrum(BRAIN, bins).density)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_module, "BASELINES", {})
        # What is fitted stays where it is.
        patch.setattr(
            fitting_module.Fitting,
            "finished",
            lambda self, begun, *rest: self.as_they_are(begun.models),
        )
        found = study_module.study(
            Recordings(bins, spectrum[None], (CONNECTOME,)),
            freed(OWN, BRAIN, hold=["rung.alpha"]),
            show_progress=False,
        )
    lone = found.baselines["same model at gain 0"]
    assert lone.result is None and lone.numbers == 0 and found.model.mean_score > 1 - 1e-10
    assert lone.stable == (True,) and lone.mean_score < 0.9999


def test_presets_can_be_told_otherwise():
    chosen = preset("jansen-rit")
    brain = chosen.network(CONNECTOME)
    found = freed(chosen, brain, ["speed"], {"noise.exponent": rj.Uniform(0.0, 2.0)}, ["gain"])
    start = FreeParameters(found.network(CONNECTOME), found.free).vector()
    assert start.size == len(chosen.free) and np.isfinite(start).all()
