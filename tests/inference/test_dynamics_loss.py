"""Losses of connectivity dynamics and of the shape of connectivity; the study of both."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax import observe
from rosetta_jax.inference import DynamicsLoss, Simulated

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import connectivity_dynamics as study

WEIGHTS = np.array(
    [[0.0, 0.6, 0.1, 0.3], [0.5, 0.0, 0.9, 0.1], [0.2, 0.8, 0.0, 0.4], [0.3, 0.1, 0.4, 0.0]]
)
ROUTE = Simulated(duration=40.0, dt=0.05, seeds=2, transient=5.0, segment=10.0)
WINDOW = 8.0


def brain(gain):
    return rj.Network(
        rj.HarmonicOscillator(alpha=-3.0, omega=1.0),
        rj.Connectome(WEIGHTS),
        "additive",
        gain=gain,
        noise=rj.WhiteNoise(1.0),
    )


@pytest.fixture(scope="module")
def predicted():
    return ROUTE.predict(brain(1.5), jax.random.key(0))


@pytest.fixture(scope="module")
def share(predicted):
    return np.asarray(predicted.dynamics(WINDOW, None, 200))


def test_the_share_is_the_mean_over_runs(predicted, share):
    each = [
        observe.cumulative_share(
            observe.upper_triangle(
                observe.functional_connectivity_dynamics(series, 0.05, window=WINDOW)
            ),
            bins=200,
        )
        for series in predicted.series
    ]
    np.testing.assert_allclose(share, np.mean(each, axis=0), atol=0.01)


def test_the_loss_is_half_the_squared_distance(predicted, share):
    fine = np.interp(np.linspace(-1, 1, 1001)[1:], np.linspace(-1, 1, 201), np.r_[0, share])
    same = DynamicsLoss(fine, WINDOW, of="signal").residual(predicted)
    assert float(same @ same) < 1e-12
    flat = (np.arange(200) + 1) / 200
    found = DynamicsLoss(flat, WINDOW, of="signal", weight=3.0).residual(predicted)
    half = 0.5 * np.sum((share - flat) ** 2) * (2 / 200)
    np.testing.assert_allclose(found @ found, 3 * half, rtol=1e-9)


def test_a_gain_is_found_from_dynamics():
    # By the same noise: what is measured is what the route itself makes at a gain of 1.5.
    free = {"gain": rj.LogNormal(1.0, 0.5)}
    key = jax.random.key(4)
    made = ROUTE.predict(brain(1.5), jax.random.fold_in(jax.random.fold_in(key, 2**31), 0))
    loss = DynamicsLoss(np.asarray(made.dynamics(WINDOW, None, 200)), WINDOW, of="signal")
    found = rj.fit(
        brain(1.2),
        free,
        loss,
        starts=1,
        key=key,
        route=ROUTE,
        prior_weight=0.0,
        method=rj.LevenbergMarquardt(steps=12),
        show_progress=False,
    )
    np.testing.assert_allclose(found.values["gain"], 1.5, rtol=5e-3)


def test_the_shape_of_connectivity_knows_no_scale(predicted):
    matrix = np.asarray(predicted.connectivity(None))
    flatter = 0.3 * matrix + 0.7 * np.eye(4) + 0.1 * (1 - np.eye(4))
    residual = rj.ConnectivityLoss(flatter, compare="shape").residual(predicted)
    assert float(residual @ residual) < 1e-12
    other = np.abs(matrix[::-1, ::-1])
    residual = rj.ConnectivityLoss(other, compare="shape", weight=2.0).residual(predicted)
    pairs = np.triu_indices(4, 1)
    r = np.corrcoef(matrix[pairs], other[pairs])[0, 1]
    np.testing.assert_allclose(residual @ residual, 2 * (1 - r), rtol=1e-9)


def test_theory_and_wrong_shares_say_what_to_do(share):
    loss = DynamicsLoss(share, WINDOW, of="signal")
    with pytest.raises(ValueError, match=r"rj\.Simulated"):
        loss.residual(rj.Theory().predict(brain(1.0), jax.random.key(0)))
    for wrong in (100 * share, share[::-1], share[:, None]):
        with pytest.raises(ValueError, match="rise from 0"):
            DynamicsLoss(wrong, WINDOW)


def test_the_study_finds_its_own_model():
    """Connectivity and FCD made by the study's own network of six regions, and its table."""
    rng = np.random.default_rng(0)
    weights = rng.random((6, 6)) * (1 - np.eye(6))
    weights = (weights + weights.T) / (weights + weights.T).max()
    maps = rng.normal(size=(2, 6))
    blank = study.Group(weights, np.eye(6), np.eye(6), np.linspace(0, 1, 201)[1:], maps)
    network, free = study.model(blank)
    assert rj.parameters.FreeParameters(network, free).size == 9
    made = rj.replace(network, {"gain": 1.5})
    seen = np.asarray(rj.linear.bold_functional_connectivity(made).matrix)
    people = blank._replace(fitted=seen, judged=seen)
    scores = study.judged(made, people, 2, 150)
    assert scores["stable"] and scores["connectivity, exact"] > 0.999
    assert scores["connectivity"] > 0.4 and 0 < scores["FCD distance"] < 1
    shown = study.table(
        {
            "fits": {"known": scores | {"CPU seconds": 1.0, "numbers": 9}},
            "connectome, logarithm": 0.4,
            "other half (ceiling)": 0.9,
        }
    )
    assert shown.row_count == 3
    assert jnp.isfinite(study.simulated(150, 1).duration)
