"""Refinement: a coarse sweep of a loss, then fits from its best points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import LossMeasure, refine
from rosetta_jax.results import Status

F = np.linspace(4.0, 24.0, 21)
TRUE = {"gain": 2.0, "rung.omega": 70.0}
FREE = {"gain": rj.LogNormal(1.0, 0.8), "rung.omega": rj.Uniform(30.0, 120.0)}


def network(**values):
    brain = rj.Network(
        rj.HarmonicOscillator(alpha=-8.0, omega=50.0),
        rj.Connectome([[0.0, 1.0], [0.6, 0.0]], [[0.0, 40.0], [40.0, 0.0]]),
        gain=0.5,
        noise=rj.WhiteNoise(0.1),
    )
    return rj.replace(brain, values)


LOSS = rj.SpectrumLoss(F, np.asarray(rj.linear.power_spectrum(network(**TRUE), F).density))


def test_the_loss_of_a_member_is_what_a_fit_has_there():
    axes = {"gain": [0.5, 2.0], "rung.omega": [50.0, 70.0]}
    found = rj.sweep(LossMeasure(LOSS), network(), axes, show_progress=False)
    assert float(found["loss"][1, 1]) == pytest.approx(0.0, abs=1e-12)
    fitted = rj.fit(
        network(), FREE, LOSS, starts=[{"gain": 0.5, "rung.omega": 50.0}], prior_weight=0.0,
        method=rj.LevenbergMarquardt(steps=1), show_progress=False,
    )  # fmt: skip
    assert float(found["loss"][0, 0]) >= fitted.history[0, 0, 0]
    held = rj.inference.problem.problem(network(), FREE, LOSS, jax.random.key(0), None, 0.0, False)
    vector = held.parameters.vector(network(gain=0.5))
    person = jax.tree.map(lambda leaf: leaf[0], held.data)
    value = jnp.sum(held.objective.residuals(vector, person) ** 2)
    assert float(found["loss"][0, 0]) == pytest.approx(float(value), rel=1e-10)


def test_of_marches_the_noise_is_that_of_the_fit():
    route = rj.Simulated(duration=2.0, seeds=1, transient=0.5, segment=1.0)
    key = jax.random.key(3)
    found = rj.sweep(LossMeasure(LOSS, route, key), network(), {"gain": [0.5]}, show_progress=False)
    held = rj.inference.problem.problem(network(), FREE, LOSS, key, route, 0.0, False)
    person = jax.tree.map(lambda leaf: leaf[0], held.data)
    value = jnp.sum(held.objective.residuals(held.parameters.vector(network()), person) ** 2)
    assert float(found["loss"][0]) == pytest.approx(float(value), rel=1e-8)


def test_it_finds_what_the_spectra_were_made_of(tmp_path):
    options = dict(points=32, starts=3, prior_weight=0.0, show_progress=False)
    options["store"] = tmp_path / "loss.zarr"
    found = refine(network(), FREE, LOSS, **options)
    assert found.sweep["loss"].shape == (32,) and len(found.starts) == 3
    for path, value in TRUE.items():
        assert float(found.fit.values[path][0]) == pytest.approx(value, rel=1e-2)
    best = float(rj.sweeps.best(found.sweep, "loss", 1, largest=False)["loss"][0])
    assert float(found.fit.losses[0]) < 0.1 * best
    again = refine(network(), FREE, LOSS, **options)
    assert again.starts == found.starts


def test_starts_are_the_best_points_apart_from_each_other():
    axes = {"gain": jnp.linspace(1.9, 2.1, 5), "rung.omega": jnp.linspace(40.0, 100.0, 7)}
    found = refine(network(), FREE, LOSS, axes, starts=3, show_progress=False)
    omegas = [start["rung.omega"] for start in found.starts]
    # Gains so near to each other count as one.
    assert len(set(omegas)) == 3 and omegas[0] == 70.0
    assert found.starts[0]["gain"] == 2.0


def test_members_that_the_route_refuses_are_no_starts():
    axes = {"rung.alpha": [-8.0, 3.0], "gain": [1.0, 2.0]}
    free = {"rung.alpha": rj.Normal(-8.0, 4.0), "gain": rj.LogNormal(1.0, 0.8)}
    found = refine(network(), free, LOSS, axes, starts=8, show_progress=False)
    assert (found.sweep["status"][1] == Status.unstable).all()
    assert [start["rung.alpha"] for start in found.starts] == [-8.0, -8.0]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"axes": {"speed": [2.0, 4.0]}}, "`axes` move speed, which is not free"),
        ({"free": {"gain": rj.Positive()}}, "no parameter with a prior"),
        (
            {"free": {"rung.alpha": rj.Normal(5.0, 1.0)}, "axes": {"rung.alpha": [5.0, 6.0]}},
            "no member of the sweep has a 'loss'",
        ),
    ],
)
def test_what_cannot_be_refined_is_refused(change, words):
    given = {"free": FREE, "axes": None} | change
    with pytest.raises(ValueError, match=words):
        refine(network(), given["free"], LOSS, given["axes"], points=4, show_progress=False)


@pytest.mark.parametrize(
    "starts, words",
    [
        ([], "must be a whole number from 1, or a list"),
        ([{"speed": 3.0}], "gives speed, which is not free"),
        ([{"rung.omega": 300.0}], "is outside"),
    ],
)
def test_starts_that_cannot_be_are_refused(starts, words):
    with pytest.raises(ValueError, match=words):
        rj.fit(network(), FREE, LOSS, starts=starts, show_progress=False)
