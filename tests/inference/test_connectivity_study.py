"""A study of connectivity: who is fitted, who is judged, and what the score is read against."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.data import BoldRecordings
from rosetta_jax.inference import (
    BOLD_PRESETS,
    ConnectivitySettings,
    FitResult,
    bold_preset,
    link_exponent,
    pair_correlation,
)
from rosetta_jax.parameters import FreeParameters

module = sys.modules["rosetta_jax.inference.connectivity_study"]
PEOPLE, NODES = 3, 5
RNG = np.random.default_rng(4)
WEIGHTS = RNG.uniform(0.01, 1, (PEOPLE, NODES, NODES)) * (1 - np.eye(NODES))
WEIGHTS = (WEIGHTS + WEIGHTS.swapaxes(1, 2)) / 2
CONNECTOMES = tuple(rj.Connectome(each).normalised() for each in WEIGHTS)
PRESET = bold_preset("harmonic", CONNECTOMES)
TRUTH = np.array([0.7, -0.4])


def made(vector, person):
    network = PRESET.network(CONNECTOMES[person])
    brain = FreeParameters(network, PRESET.free).apply(jnp.asarray(vector))
    return np.asarray(rj.linear.functional_connectivity(brain, band=(0.01, 0.1)).matrix)


@pytest.fixture(scope="module")
def recordings():
    matrices = np.stack([made(TRUTH, person) for person in range(PEOPLE)])
    halves = np.stack([matrices, matrices[:, ::-1, ::-1]], axis=1)
    return BoldRecordings(matrices, CONNECTOMES, halves=halves)


def found_at(vector, interrupted=False, failed=False):
    loss = np.inf if failed else 0.0
    return FitResult(
        values={"gain": np.ones(PEOPLE)},
        losses=np.array([loss]),
        status=np.zeros(1, np.int32),
        all_losses=np.array([[np.inf if failed else 1.0, loss]]),
        all_status=np.zeros((1, 2), np.int32),
        all_vectors=np.stack([np.zeros_like(vector), vector])[None],
        history=np.zeros((1, 1, 2)),
        slopes=np.zeros((1, 1, 2)),
        metadata={"interrupted": interrupted},
    )


def studied(recordings, answer, **settings):
    """A study whose fits are answered by `answer(name, free)`, and how each of them was asked for."""
    calls = {}

    def fit(networks, free, losses, *, name, **more):
        calls[name.strip()] = {"networks": networks, "free": free, "losses": losses} | more
        return answer(name.strip(), free)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit", fit)
        chosen = ConnectivitySettings(**settings)
        return module.connectivity_study(recordings, PRESET, chosen, show_progress=False), calls


def known(name, free):
    return found_at(TRUTH[: len(free)])


@pytest.fixture(scope="module")
def left_out(recordings):
    return studied(recordings, known, left_out="person")


def test_of_whom_is_left_out_nothing_is_fitted(left_out, recordings):
    _, calls = left_out
    assert list(calls) == [
        *("network", *(f"network, without person {k}" for k in range(PEOPLE))),
        *(module.GAIN_ALONE, *(f"{module.GAIN_ALONE}, without person {k}" for k in range(PEOPLE))),
    ]
    assert len(calls["network"]["losses"]) == PEOPLE
    for person in range(PEOPLE):
        call = calls[f"network, without person {person}"]
        assert call["pooled"] and call["checkpoint"] is None
        others = [other for other in range(PEOPLE) if other != person]
        for loss, network, other in zip(call["losses"], call["networks"], others, strict=True):
            np.testing.assert_array_equal(loss.measured, recordings.connectivity[other])
            assert loss.band == (0.01, 0.1) and loss.of == "signal"
            expected = CONNECTOMES[other].weights
            np.testing.assert_array_equal(network.connectome.weights, expected)


def test_the_truth_scores_one_with_each_persons_own_connectome(left_out, recordings):
    model = left_out[0].model
    np.testing.assert_allclose(model.scores, np.ones(PEOPLE), rtol=1e-10)
    np.testing.assert_allclose(model.predicted, recordings.connectivity, rtol=1e-10)
    assert model.stable == (True,) * PEOPLE and model.numbers == 2


def test_what_the_score_is_read_against(left_out, recordings):
    study, calls = left_out
    assert list(study.baselines) == [
        module.GAIN_ALONE,
        "connectome, logarithm",
        "mean of the others (ceiling)",
        "own other half (ceiling)",
    ]
    alone = study.baselines[module.GAIN_ALONE]
    assert set(calls[module.GAIN_ALONE]["free"]) == {"gain"} and alone.numbers == 1
    assert (alone.scores < 1 - 1e-4).all()
    logarithm = np.log1p(WEIGHTS[1] / WEIGHTS[1][WEIGHTS[1] > 0].min())
    expected = pair_correlation(logarithm, recordings.connectivity[1])
    assert study.baselines["connectome, logarithm"].scores[1] == pytest.approx(expected, abs=1e-9)
    others = recordings.connectivity[[0, 2]].mean(axis=0)
    expected = pair_correlation(others, recordings.connectivity[1])
    assert study.baselines[module.OTHERS].scores[1] == pytest.approx(expected, abs=1e-12)
    halves = study.baselines[module.HALVES].scores
    assert halves[2] == pytest.approx(pair_correlation(*recordings.halves[2]), abs=1e-12)
    assert study.differences()[module.GAIN_ALONE][0] == pytest.approx(1 - alone.mean_score)


def test_the_power_of_the_links_is_read_back(left_out):
    study = left_out[0]
    found = link_exponent(study.result, study.networks[0], study.free)
    assert found == pytest.approx(0.8 * np.exp(0.3 * TRUTH[1]), rel=1e-10)
    assert link_exponent(study.result, study.networks[0], {"gain": PRESET.free["gain"]}) is None


def test_without_anybody_left_out_one_fit_serves_all(recordings):
    study, calls = studied(recordings, known)
    assert list(calls) == ["network", module.GAIN_ALONE]
    np.testing.assert_allclose(study.model.scores, np.ones(PEOPLE), rtol=1e-10)


def test_what_could_not_be_fitted_has_no_score(recordings):
    study, _ = studied(recordings, lambda name, free: found_at(TRUTH[: len(free)], failed=True))
    assert np.isnan(study.model.scores).all() and np.isnan(study.model.mean_score)
    assert study.model.stable == (False,) * PEOPLE


def test_an_interrupted_fold_ends_the_study_and_says_what_is_missing(recordings):
    def answer(name, free):
        return found_at(TRUTH[: len(free)], interrupted=name == "network, without person 1")

    study, calls = studied(recordings, answer, left_out="person")
    assert list(calls)[-1] == "network, without person 1"
    assert study.interrupted and study.not_fitted == (module.GAIN_ALONE,)
    assert np.isfinite(study.model.scores).tolist() == [True, False, False]


def test_one_person_cannot_be_left_out(recordings):
    alone = BoldRecordings(recordings.connectivity[:1], CONNECTOMES[:1])
    with pytest.raises(ValueError, match="`left_out` 'person' needs two people"):
        studied(alone, known, left_out="person")


def test_flat_matrices_have_no_correlation():
    assert np.isnan(pair_correlation(np.ones((3, 3)), WEIGHTS[0][:3, :3]))


@pytest.mark.parametrize("name", BOLD_PRESETS)
def test_presets_start_stable_whatever_the_size_of_the_connectome(name):
    connectome = rj.Connectome(1e3 * WEIGHTS[0])
    chosen = bold_preset(name, [connectome])
    parameters = FreeParameters(chosen.network(connectome), chosen.free)
    start = parameters.apply(parameters.vector())
    assert int(rj.linear.stability(start).status) == rj.Status.ok


def test_a_preset_needs_links_and_a_known_rung():
    with pytest.raises(ValueError, match="`weights` has no link"):
        bold_preset("harmonic", [rj.Connectome(np.zeros((3, 3)))])
    with pytest.raises(ValueError, match="`rung` is 'kuramoto'"):
        bold_preset("kuramoto", CONNECTOMES)
