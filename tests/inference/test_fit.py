"""Fits recover what made a spectrum, one person or many at once, and never return an unstable point."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import (
    ConnectivityLoss,
    FitResult,
    PowerLaw,
    PowerLawAndGaussian,
    SpectrumLoss,
    fit,
)
from rosetta_jax.inference.problem import problem
from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt
from rosetta_jax.results import Status

RNG = np.random.default_rng(2)
F = np.linspace(3.0, 40.0, 12)
NODES = 3
DECAYING = GradientDescent(
    steps=30, patience=200, optimiser=optax.adam(optax.cosine_decay_schedule(0.1, 300))
)
OFF = 1 - np.eye(NODES)


def connectome(lengths=True):
    weights = RNG.uniform(0.2, 1, (NODES, NODES)) * OFF
    return rj.Connectome(
        weights, RNG.uniform(20, 80, (NODES, NODES)) * OFF if lengths else None
    ).normalised()


def brain(rung, gain, **more):
    return rj.Network(
        rung,
        connectome(**more),
        gain=gain,
        speed=8.0,
        noise=rj.PowerLawNoise(sigma=1.0, exponent=0.5),
        sensor=rj.WhiteNoise(2e-3),
    )


def spectrum(network):
    found = rj.linear.power_spectrum(network, F)
    assert int(found.status) == Status.ok
    return np.asarray(found.density)


# --- Stuart-Landau: two people, one parameter regional, another brain each

PLANAR_TRUE = (
    {"rung.alpha": -16.0, "rung.omega": np.array([60.0, 66.0, 72.0]), "gain": 6.0},
    {"rung.alpha": -24.0, "rung.omega": np.array([70.0, 58.0, 62.0]), "gain": 4.0},
)
PLANAR_FREE = {
    "rung.alpha": rj.Normal(-20.0, 60.0),
    "rung.omega": rj.LogNormal(62.8, 0.1),
    "gain": rj.LogNormal(5.0, 0.5),
}


@pytest.fixture(scope="module")
def planar():
    """Templates, their true selves, and a fit some of whose starts are unstable."""
    templates = [
        brain(rj.StuartLandau(alpha=-20.0, omega=np.full(NODES, 62.8)), gain=5.0) for _ in range(2)
    ]
    truths = [rj.replace(t, v) for t, v in zip(templates, PLANAR_TRUE, strict=True)]
    losses = [SpectrumLoss(F, spectrum(truth)) for truth in truths]
    found = fit(
        templates,
        PLANAR_FREE,
        losses,
        starts=4,
        key=jax.random.key(1),
        prior_weight=0.0,
        show_progress=False,
    )
    return templates, truths, found


@pytest.mark.parametrize("person", [0, 1])
@pytest.mark.parametrize("path", PLANAR_FREE)
def test_levenberg_marquardt_recovers_what_made_the_spectrum(planar, person, path):
    found = planar[2].values[path][person]
    np.testing.assert_allclose(found, PLANAR_TRUE[person][path], rtol=1e-6)


def test_a_regional_parameter_has_one_value_a_node(planar):
    values = planar[2].values
    assert values["rung.omega"].shape == (2, NODES) and values["gain"].shape == (2,)


def test_the_model_of_a_person_predicts_that_spectrum(planar):
    templates, truths, found = planar
    for person in (0, 1):
        np.testing.assert_allclose(
            spectrum(found.model(templates[person], person)), spectrum(truths[person]), rtol=1e-6
        )


def test_unstable_starts_keep_that_status_and_cost_nobody_else(planar):
    status, losses = planar[2].all_status, planar[2].all_losses
    assert (status == Status.unstable).any() and (status[:, 0] == Status.ok).all()
    np.testing.assert_array_equal(np.isinf(losses), status != Status.ok)


def test_every_start_that_succeeded_is_stable(planar):
    templates, _, found = planar
    free = rj.parameters.FreeParameters(templates[0], PLANAR_FREE)
    for person, lane in np.argwhere(np.isfinite(found.all_losses)):
        fitted = free.apply(jnp.asarray(found.all_vectors[person, lane]), templates[person])
        assert int(rj.linear.stability(fitted).status) == Status.ok


def test_history_ends_at_the_losses_and_never_rises(planar):
    found = planar[2]
    np.testing.assert_array_equal(found.history[-1], found.all_losses)
    before, after = found.history[:-1], found.history[1:]
    assert (after <= before).all()


def test_the_best_start_counts(planar):
    found = planar[2]
    np.testing.assert_array_equal(found.losses, found.all_losses.min(axis=1))


def test_units_and_symbols_come_with_a_result(planar):
    found = planar[2]
    assert found.units == {"rung.alpha": "1/s", "rung.omega": "rad/s", "gain": "1"}
    assert found.symbols["gain"] == "G" and found.message == "2 of 2 succeeded."


def test_a_result_survives_a_file(planar, tmp_path):
    found = planar[2]
    loaded = FitResult.load(found.save(tmp_path / "fit.npz"))
    assert loaded.metadata == found.metadata and list(loaded.values) == list(found.values)
    for name in ("losses", "status", "all_losses", "all_status", "all_vectors", "history"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(found, name))
    for path, value in found.values.items():
        np.testing.assert_array_equal(loaded.values[path], value)


# --- the other method, another rung


@pytest.fixture(scope="module")
def gradient():
    template = brain(rj.StuartLandau(alpha=-20.0, omega=62.8), gain=5.0, lengths=False)
    truth = rj.replace(template, {"rung.alpha": -16.0, "rung.omega": 66.0})
    loss = SpectrumLoss(F, spectrum(truth), "level")
    free = {"rung.alpha": rj.Negative(), "rung.omega": rj.Positive()}
    return fit(template, free, loss, starts=1, method=DECAYING, show_progress=False)


def test_gradient_descent_recovers_what_made_the_spectrum(gradient):
    np.testing.assert_allclose(gradient.values["rung.alpha"], -16.0, rtol=0.01)
    np.testing.assert_allclose(gradient.values["rung.omega"], 66.0, rtol=0.01)


def test_a_jansen_rit_network_is_recovered():
    template = brain(rj.JansenRit(bias=350.0), gain=1.0, lengths=False)
    true = {"rung.excitatory_rate": 108.0, "rung.connectivity": 130.0, "gain": 1.5}
    free = {
        "rung.excitatory_rate": rj.LogNormal(100.0, 0.2),
        "rung.connectivity": rj.LogNormal(135.0, 0.2),
        "gain": rj.LogNormal(1.0, 0.5),
    }
    loss = SpectrumLoss(F, spectrum(rj.replace(template, true)))
    found = fit(template, free, loss, starts=1, prior_weight=0.0, show_progress=False)
    for path, value in true.items():
        np.testing.assert_allclose(found.values[path], [value], rtol=1e-5)


# --- the mechanics, on curves, which compile at once

CURVES = [PowerLawAndGaussian(1.2, 8.0, 9.0, 1.5), PowerLawAndGaussian(0.7, 12.0, 11.0, 3.0)]
CURVE_LOSSES = [
    SpectrumLoss(F, np.asarray(c.density(jnp.asarray(F)))[:, None] * np.ones(2)) for c in CURVES
]
START = PowerLawAndGaussian()


def curve_fit(models=START, losses=CURVE_LOSSES[0], free=None, **more):
    more = {"starts": 2, "show_progress": False} | more
    return fit(models, PowerLawAndGaussian.free() if free is None else free, losses, **more)


def test_many_people_at_once_equal_one_by_one():
    both = curve_fit([START, START], CURVE_LOSSES, starts=1)
    for person, loss in enumerate(CURVE_LOSSES):
        one = curve_fit(START, loss, starts=1)
        np.testing.assert_allclose(both.all_vectors[person], one.all_vectors[0], rtol=1e-9)
        assert both.losses[person] == pytest.approx(one.losses[0], rel=1e-12)


@pytest.mark.parametrize("method", [LevenbergMarquardt(tolerance=1e-9), DECAYING])
def test_both_methods_recover_a_curve(method):
    found = curve_fit(method=method, prior_weight=0.0)
    for path in ("exponent", "peak"):
        expected = getattr(CURVES[0], path)
        np.testing.assert_allclose(found.values[path], [expected], rtol=0.02)


def test_the_first_start_is_the_model_as_given():
    found = curve_fit(CURVES[0], free={"exponent": rj.Normal(1.0, 1.0)}, starts=1, prior_weight=0.0)
    np.testing.assert_allclose(found.values["exponent"], [1.2], rtol=1e-12)
    assert found.history[0, 0, 0] < 1e-20


def test_the_same_key_gives_the_same_fit_and_another_key_other_starts():
    limit = LevenbergMarquardt(steps=0)
    first, again, other = (
        curve_fit(
            PowerLaw(), free=PowerLaw.free(), starts=3, key=jax.random.key(seed), method=limit
        ).all_vectors
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[:, 0], other[:, 0])
    assert not np.isclose(first[:, 1:], other[:, 1:]).any()


def test_a_prior_draws_the_fit_towards_its_middle():
    free = {"exponent": rj.Normal(3.0, 0.5)}
    loss = SpectrumLoss(F, F[:, None] ** -1.0, "level")
    loose, tight = (
        fit(PowerLaw(1.0), free, loss, starts=1, prior_weight=w, show_progress=False)
        for w in (0.0, 5.0)
    )
    # Both are quadratic in the exponent k: level error c (k - 1)^2, prior 5 ((k - 3) / 0.5)^2.
    c = np.mean((10 * np.log10(F)) ** 2)
    assert loose.values["exponent"][0] == pytest.approx(1.0, abs=1e-6)
    assert tight.values["exponent"][0] == pytest.approx((c + 60) / (c + 20), rel=1e-4)


def test_a_limit_of_iterations_is_said():
    found = curve_fit(method=LevenbergMarquardt(steps=1))
    assert found.status[0] == Status.not_converged and "before it converged" in found.message


class Broken(PowerLaw):
    """A curve that is no number anywhere."""

    def density(self, frequencies):
        return jnp.nan * super().density(frequencies)


def test_a_person_none_of_whose_starts_succeeds_says_why():
    free = {"exponent": rj.Normal(1.0, 1.0)}
    found = curve_fit(Broken(1.5), free=free)
    assert found.status[0] == Status.non_finite and np.isinf(found.losses[0])
    np.testing.assert_allclose(found.values["exponent"], [1.5], rtol=1e-12)


def test_times_and_settings_are_recorded():
    found = curve_fit(starts=2, prior_weight=0.01)
    metadata = found.metadata
    assert metadata["starts"] == 2 and metadata["prior_weight"] == 0.01
    assert metadata["method"] == "LevenbergMarquardt" and not metadata["interrupted"]
    assert metadata["seconds_compile"] > 0 and metadata["evaluations"] >= 2


# --- what is refused


def test_an_empty_list_of_free_parameters_is_refused():
    with pytest.raises(ValueError, match="names no parameter"):
        curve_fit(free={})


def test_a_wrong_path_lists_the_right_ones():
    with pytest.raises(KeyError, match=r"'exponent'.*exponent, height, peak, width"):
        curve_fit(free={"exponents": rj.Normal(1.0, 1.0)})


def test_a_start_outside_its_prior_is_refused():
    with pytest.raises(ValueError, match="present value of 'peak'"):
        curve_fit(free={"peak": rj.Uniform(20.0, 30.0)})


def test_people_and_losses_must_be_as_many():
    with pytest.raises(ValueError, match="`model` has 2 people and `loss` 1"):
        curve_fit([START, START], CURVE_LOSSES[0])


def test_nobody_is_refused():
    with pytest.raises(ValueError, match="`model` is empty"):
        curve_fit([], [])


def test_no_start_is_refused():
    with pytest.raises(ValueError, match="`starts` must be a whole number from 1, got 0"):
        curve_fit(starts=0)


def test_people_must_have_the_same_regions():
    other = SpectrumLoss(F, np.exp(RNG.normal(size=(12, 3))))
    with pytest.raises(ValueError, match=r"person 1 has shape \(12, 3\).*person 0 \(12, 2\)"):
        curve_fit([START, START], [CURVE_LOSSES[0], other])


def test_people_must_be_of_the_same_kind():
    with pytest.raises(ValueError, match="person 1 differs from person 0"):
        curve_fit([START, PowerLaw()], CURVE_LOSSES, free={"exponent": rj.Normal(1.0, 1.0)})


def test_a_model_and_a_loss_of_other_regions_do_not_fit():
    network = brain(rj.StuartLandau(alpha=-20.0), gain=1.0)
    with pytest.raises(ValueError, match="`measured` has 2 regions and the model 3"):
        fit(network, {"gain": rj.Positive()}, CURVE_LOSSES[0], starts=1, show_progress=False)


def test_a_connectivity_of_other_regions_does_not_fit():
    network = brain(rj.StuartLandau(alpha=-20.0), gain=1.0)
    with pytest.raises(ValueError, match="`measured` has 2 regions and the model 3"):
        fit(
            network,
            {"gain": rj.Positive()},
            ConnectivityLoss(np.eye(2)),
            starts=1,
            show_progress=False,
        )


def test_a_fit_goes_on_from_another(planar):
    templates, truths, found = planar
    losses = [SpectrumLoss(F, spectrum(truth)) for truth in truths]
    still = {"starts": 1, "method": LevenbergMarquardt(steps=0), "prior_weight": 0.0}
    again = fit(templates, PLANAR_FREE, losses, begin=found, show_progress=False, **still)
    np.testing.assert_allclose(again.losses, found.losses, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(again.values["gain"], found.values["gain"])
    with pytest.raises(ValueError, match="same people and free"):
        fit(templates[:1], PLANAR_FREE, losses[:1], begin=found, **still)


# --- slopes of many regional numbers, taken apart from those of links


@pytest.mark.parametrize("pooled", [False, True])
def test_slopes_by_region_are_the_derivative_of_the_residuals(pooled):
    nodes = 8
    weights = np.random.default_rng(4).uniform(0.2, 1, (2, nodes, nodes)) * (1 - np.eye(nodes))
    brains = [
        rj.Network(
            rj.HarmonicOscillator(alpha=-30.0, omega=60.0),
            rj.Connectome(each, 40 * each).normalised(),
            gain=5.0,
            speed=8.0,
            self_gain=5.0,
            self_delay=0.09,
            noise=rj.PowerLawNoise(sigma=1.0, exponent=0.5),
        )
        for each in weights
    ]
    free = {
        "self_delay": rj.PerRegion(rj.LogNormal(0.09, 0.1)),
        "gain": rj.LogNormal(5.0, 1.0),
        "self_gain": rj.PerRegion(rj.Normal(5.0, 2.0)),
        "noise.exponent": rj.Normal(0.5, 0.5),
    }
    losses = [
        SpectrumLoss(F, np.asarray(rj.linear.power_spectrum(each, F).density)) for each in brains
    ]
    asked = problem(brains, free, losses, jax.random.key(0), None, 1e-3, pooled)
    data = jax.tree.map(lambda leaf: leaf[0], asked.data)
    vector = 0.2 * jax.random.normal(jax.random.key(1), (asked.parameters.size,))
    assert asked.objective.slopes is not None
    found, residual = jax.jit(asked.objective.jacobian)(vector, data)
    expected = jax.jit(jax.jacfwd(asked.objective.residuals))(vector, data)
    np.testing.assert_allclose(residual, asked.objective.residuals(vector, data), rtol=1e-9)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12)
