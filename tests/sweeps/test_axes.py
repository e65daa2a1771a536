"""Axes of sweeps: grids, tables, random and Sobol points, seeds, and what is wrong with others."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.sweeps.axes import checked
from rosetta_jax.sweeps.members import Members

BRAIN = rj.Network(
    rj.StuartLandau(alpha=-5.0),
    rj.Connectome([[0.0, 1.0], [1.0, 0.0]]),
    gain=0.5,
    noise=rj.WhiteNoise(0.1),
)


def members(axes, same_noise=False):
    return Members(checked(BRAIN, axes), same_noise)


def test_members_are_the_product_of_the_axes_and_the_last_runs_fastest():
    found = members({"gain": [1.0, 2.0], "rung.alpha": [-1.0, -2.0, -3.0]})
    assert found.shape == (2, 3) and found.number == 6
    batch = found.at(np.arange(6))
    assert batch.values["gain"].tolist() == [1, 1, 1, 2, 2, 2]
    assert batch.values["rung.alpha"].tolist() == [-1, -2, -3, -1, -2, -3]
    assert batch.points.tolist() == list(range(6))


def test_a_table_varies_together():
    found = members({"row": rj.sweeps.table({"gain": [1.0, 2.0], "rung.alpha": [-1.0, -2.0]})})
    batch = found.at(np.arange(2))
    assert found.number == 2
    assert batch.values["gain"].tolist() == [1, 2] and batch.values["rung.alpha"].tolist() == [
        -1,
        -2,
    ]


@pytest.mark.parametrize("draw", [rj.sweeps.random, rj.sweeps.sobol])
def test_drawn_points_lie_within_bounds_and_more_of_them_leave_the_first_alone(draw):
    bounds = {"gain": (0.5, 2.0), "rung.alpha": (-9.0, -1.0)}
    few, many = draw(bounds, 8, seed=3), draw(bounds, 64, seed=3)
    for path, (low, high) in bounds.items():
        assert ((many.values[path] > low) & (many.values[path] < high)).all()
        np.testing.assert_array_equal(few.values[path], many.values[path][:8])
    other = draw(bounds, 8, seed=4)
    assert not np.array_equal(few.values["gain"], other.values["gain"])


def test_sobol_points_fill_every_eighth_once():
    found = rj.sweeps.sobol({"gain": (0.0, 1.0), "speed": (0.0, 1.0)}, 8)
    for values in found.values.values():
        assert sorted(np.floor(values * 8).astype(int)) == list(range(8))


def test_points_drawn_from_a_prior_have_its_quantiles():
    found = rj.sweeps.sobol({"gain": rj.LogNormal(2.0, 0.5)}, 4096).values["gain"]
    assert np.median(found) == pytest.approx(2.0, rel=2e-3)
    assert np.log(found).std() == pytest.approx(0.5, rel=1e-2)


def test_a_member_s_noise_depends_on_its_point_and_seed_alone():
    few = members({"gain": [1.0, 2.0], "seed": rj.sweeps.seeds(2)}).at(np.arange(4))
    many = members({"seed": rj.sweeps.seeds(5), "gain": [1.0, 2.0]}).at(np.arange(10))
    noise = {(p, s) for p, s in zip(few.points, few.seeds, strict=True)}
    assert noise == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert noise < {(p, s) for p, s in zip(many.points, many.seeds, strict=True)}
    same = members({"gain": [1.0, 2.0], "seed": rj.sweeps.seeds(2)}, same_noise=True).at(
        np.arange(4)
    )
    assert same.points.tolist() == [0, 0, 0, 0] and same.seeds.tolist() == [0, 1, 0, 1]


def test_maps_over_regions_can_be_an_axis():
    maps = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    found = rj.sweep(
        lambda brain, key: brain.gain.sum(), BRAIN, {"gain": maps}, show_progress=False
    )
    assert found["value"].values.tolist() == [3, 7, 11]
    np.testing.assert_array_equal(found["gain_values"].values, maps)


@pytest.mark.parametrize(
    "axes, error, words",
    [
        ({}, ValueError, "`axes` is empty"),
        ({"gian": [1.0]}, KeyError, r"Did you mean 'gain'"),
        ({"a point": rj.sweeps.seeds(2)}, ValueError, "give letters, digits and _"),
        ({"gain": 1.0}, ValueError, "must be a list of values, got 1.0"),
        ({"gain": []}, ValueError, "must be a list of values"),
        ({"gain": [1.0, np.nan]}, ValueError, "non-finite"),
        ({"speed": [1.0, -1.0]}, ValueError, "`speed` must be above zero"),
        ({"rung.omega": [[1.0, 2.0, 3.0]]}, ValueError, "one a node"),
        ({"gain": [1.0], "p": rj.sweeps.table({"gain": [1.0]})}, ValueError, "vary gain twice"),
        (
            {"gain": rj.sweeps.table({"gain": [1.0], "speed": [2.0]})},
            ValueError,
            "call a joint axis 'gain'",
        ),
        ({"a": rj.sweeps.seeds(2), "b": rj.sweeps.seeds(2)}, ValueError, "two axes of seeds"),
        ({"a": rj.sweeps.seeds(2, first=2**32)}, ValueError, "seeds above"),
    ],
)
def test_axes_that_cannot_be_are_refused_with_the_remedy(axes, error, words):
    with pytest.raises(error, match=words):
        rj.sweep(lambda brain, key: brain.gain, BRAIN, axes)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: rj.sweeps.table({}), ValueError, "as many values each"),
        (lambda: rj.sweeps.table({"gain": [1.0], "speed": [1.0, 2.0]}), ValueError, "'speed': 2"),
        (lambda: rj.sweeps.random({}, 3), ValueError, "names no parameter"),
        (lambda: rj.sweeps.random({"gain": rj.Positive()}, 3), TypeError, "must be bounds such as"),
        (lambda: rj.sweeps.random({"gain": (2.0, 1.0)}, 3), ValueError, "below `upper`"),
        (lambda: rj.sweeps.sobol({"gain": (0.0, 1.0)}, 0), ValueError, "whole number from 1"),
        (
            lambda: rj.sweeps.random({"gain": (0.0, 1.0)}, 3, seed=-1),
            ValueError,
            "whole number from 0",
        ),
        (lambda: rj.sweeps.seeds(0), ValueError, "whole number from 1"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_single_member_is_what_the_sweep_has_there():
    axes = {"gain": [0.5, 1.0, 1.5], "seed": rj.sweeps.seeds(2, first=7)}

    def measure(brain, key):
        return rj.simulate(brain, 0.5, 1e-3, key=key).signal.mean()

    found = rj.sweep(measure, BRAIN, axes, show_progress=False)
    system, key = rj.sweeps.member(BRAIN, axes, {"gain": 2, "seed": 1})
    assert float(system.gain) == 1.5
    assert float(measure(system, key)) == pytest.approx(float(found["measure"][2, 1]), rel=1e-12)
    assert len(np.unique(found["measure"])) == 6
    for place, words in (
        ({"gain": 2}, "must name the axes"),
        ({"gain": 3, "seed": 0}, "places 0 to 2"),
    ):
        with pytest.raises(ValueError, match=words):
            rj.sweeps.member(BRAIN, axes, place)


def test_noise_can_be_the_same_at_all_points():
    def measure(brain, key):
        return jnp.ravel(rj.simulate(brain, 0.1, 1e-3, key=key).signal)[-1]

    axes = {"gain": [0.5, 0.5], "seed": rj.sweeps.seeds(2)}
    own = rj.sweep(measure, BRAIN, axes, show_progress=False)["measure"].values
    same = rj.sweep(measure, BRAIN, axes, same_noise=True, show_progress=False)["measure"].values
    assert len(np.unique(own)) == 4
    assert same[0].tolist() == same[1].tolist() and same[0, 0] != same[0, 1]
