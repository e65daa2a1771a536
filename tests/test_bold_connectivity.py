"""The study of BOLD connectivity: what it judges was not fitted, and known answers come back."""

import sys
from pathlib import Path

import numpy as np
import pytest

import rosetta_jax as rj

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bold_connectivity as study

NODES = 6


@pytest.fixture(scope="module")
def people():
    """Three people whose connectivity is made by the study's own linear model."""
    rng = np.random.default_rng(0)
    weights = rng.random((3, NODES, NODES))
    weights = (weights + weights.swapaxes(1, 2)) * (1 - np.eye(NODES))
    weights = weights / weights.max(axis=(1, 2), keepdims=True)
    pairs = np.arange(NODES).reshape(-1, 2)
    cohort = study.Cohort(
        np.zeros_like(weights),
        weights,
        rng.normal(size=(4, NODES)),
        rj.homotopic(pairs, NODES),
        rj.local_links(rng.normal(0.0, 10.0, (NODES, 3)), 15.0),
    )
    asked = study.models(cohort)["linear, gain and power"]
    made = [
        rj.linear.functional_connectivity(
            rj.replace(each, {"gain": 1.5, "connectome.weights": each.connectome.weights**0.5}),
            band=study.BAND,
        ).matrix
        for each in asked.networks
    ]
    return cohort._replace(connectivity=np.stack(made))


def test_whoever_is_left_out_is_predicted(people):
    asked = study.models(people)["linear, gain and power"]._replace(starts=1)
    found, brains, _ = study.judged(
        people, asked, 1, "known", 1e-4, rj.LevenbergMarquardt(steps=60)
    )
    assert found["stable"] and found["numbers"] == 2
    assert found["left out"] > 0.995 and found["fitted"] > 0.995
    links = study.effective(people, brains, 1, 1)
    assert links["stable"] and links["numbers"] == NODES * (NODES - 1) // 2
    assert links["fitted"] > 0.995


def test_models_have_the_numbers_that_are_said(people):
    from rosetta_jax.parameters import FreeParameters

    sizes = [
        FreeParameters(each.networks[0], each.free).size for each in study.models(people).values()
    ]
    assert sizes == [2, 3, 14, 14, 14]
    for each in study.models(people).values():
        start = rj.linear.stability(each.networks[0])
        assert int(start.status) == rj.Status.ok


def test_baselines_and_the_table(people):
    found = study.baselines(people, 0)
    assert set(found) == {"connectome, logarithm", "mean of the others (ceiling)"}
    assert all(-1 <= value <= 1 for value in found.values())
    fold = {"left out": 0.5, "fitted": 0.6, "stable": True, "numbers": 2, "cpu seconds": 1.0}
    assert study.table({"a model": [fold]}, [found]).row_count == 3


@pytest.mark.skipif(not study.BOLD.is_file(), reason=f"there is no file {study.BOLD}")
def test_the_file_is_read_as_its_traps_ask():
    cohort = study.cohort(study.BOLD)
    assert cohort.connectivity.shape == cohort.weights.shape == (5, 80, 80)
    np.testing.assert_array_equal(np.sum(cohort.mirrored, axis=1), 1)
    assert np.diagonal(cohort.mirrored).max() == np.diagonal(cohort.local).max() == 0
    np.testing.assert_allclose(cohort.weights, cohort.weights.swapaxes(1, 2))
