"""Pictures of sweeps: what is drawn over one, two and more parameters, and failures by reason."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax import plot
from rosetta_jax.results import Status
from rosetta_jax.sweeps import at_edges, best

BRAIN = rj.Network(
    rj.StuartLandau(alpha=-5.0),
    rj.Connectome([[0.0, 1.0], [1.0, 0.0]]),
    gain=0.5,
    noise=rj.WhiteNoise(0.1),
)


def bump(brain, key):
    """Highest at gain 2 and speed 5; fails where the gain is above 3.5, and has no value at gain 0."""
    value = -((brain.gain - 2) ** 2) - (brain.speed - 5) ** 2 - brain.rung.alpha**2
    fails = brain.gain > 3.5
    return {
        "value": jnp.where(fails, jnp.nan, value),
        "map": jnp.zeros(3),
        "status": jnp.where(fails, jnp.int32(Status.unstable), jnp.int32(Status.ok)),
    }


def swept(axes):
    return rj.sweep(bump, BRAIN, axes, show_progress=False)


GAINS, SPEEDS = np.linspace(0.0, 4.0, 9), np.array([1.25, 2.5, 5.0, 10.0, 20.0])


def names(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def stars(axes):
    lines = [line for line in axes.get_lines() if line.get_marker() == "*"]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def test_of_one_parameter_a_curve_with_failures_at_its_foot():
    figure = plot.sweep(swept({"gain": GAINS}), "value")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "gain (1)" and names(figure) == ["largest", "unstable"]
    assert stars(axes)[0][0] == 2.0
    crosses = next(line for line in axes.get_lines() if line.get_marker() == "x")
    assert list(crosses.get_xdata()) == [4.0]


def test_of_two_a_map_with_a_cross_in_each_cell_that_failed():
    figure = plot.sweep(swept({"gain": GAINS, "speed": SPEEDS}), "value")
    axes = figure.axes[0]
    assert axes.get_xlabel() == "gain (1)" and axes.get_ylabel() == "speed (m/s)"
    assert (
        stars(axes) == [(2.0, 5.0)] and axes.get_yscale() == "log" and axes.get_xscale() == "linear"
    )
    crosses = next(line for line in axes.get_lines() if line.get_marker() == "x")
    assert set(crosses.get_xdata()) == {4.0} and len(crosses.get_xdata()) == 5
    mesh = axes.collections[0].get_array()
    assert mesh.shape == (5, 9) and np.ma.count_masked(np.ma.masked_invalid(mesh)) == 5


def test_of_three_a_panel_for_each_pair_with_the_best_along_the_rest():
    alphas = [-3.0, -2.0, -1.0]
    found = swept({"gain": GAINS, "speed": SPEEDS, "rung.alpha": alphas})
    figure = plot.sweep(found, "value")
    panels = [axes for axes in figure.axes if axes.collections and axes.get_xaxis().get_visible()]
    mesh = np.asarray(panels[0].collections[0].get_array())
    wanted = -((GAINS[None] - 2) ** 2) - (SPEEDS[:, None] - 5) ** 2 - 1.0
    np.testing.assert_allclose(mesh[:, :8], wanted[:, :8])
    assert [stars(axes)[0] for axes in panels[:3]] == [(2.0, 5.0), (2.0, -1.0), (5.0, -1.0)]


def test_points_that_were_drawn_are_shown_as_points():
    found = swept({"point": rj.sweeps.sobol({"gain": (0.0, 4.0), "speed": (2.0, 20.0)}, 64)})
    axes = plot.sweep(found, "value").axes[0]
    assert axes.collections[0].get_offsets().shape == (64, 2)


def test_seeds_are_averaged_over_those_that_succeeded():
    def noisy(brain, key):
        late = brain.gain > 1
        value = jnp.where(late, jnp.nan, brain.gain) + 0.0 * key_sum(key)
        return value

    def key_sum(key):
        import jax

        return jax.random.normal(key)

    found = rj.sweep(
        noisy, BRAIN, {"gain": [0.5, 1.0, 2.0], "seed": rj.sweeps.seeds(3)}, show_progress=False
    )
    axes = plot.sweep(found, "noisy").axes[0]
    assert axes.get_lines()[0].get_ydata()[:2].tolist() == [0.5, 1.0]


def test_the_best_members_are_ranked_and_failures_left_out():
    found = swept({"gain": GAINS, "speed": SPEEDS})
    first = best(found, "value", 3)
    assert first["gain"].values[0] == 2.0 and first["speed"].values[0] == 5.0
    assert (np.diff(first["value"]) <= 0).all()
    worst = best(found, "value", 2, largest=False)
    assert worst["value"][0] == found["value"].min()
    assert best(found, "value", 10**6).sizes["rank"] == 40


def test_a_best_at_the_end_of_an_axis_is_told():
    found = swept({"gain": [2.0, 2.5, 3.0], "speed": [4.0, 5.0, 6.0]})
    assert at_edges(found, "value") == ["gain"]


@pytest.mark.parametrize(
    "axes, variable, words",
    [
        ({"gain": GAINS}, "map", "`variable` is 'map'"),
        ({"seed": rj.sweeps.seeds(2)}, "value", "moves no parameter"),
        ({"gain": [3.6, 3.8]}, "value", "no member of the sweep has a 'value'"),
    ],
)
def test_what_cannot_be_drawn_is_said(axes, variable, words):
    with pytest.raises(ValueError, match=words):
        plot.sweep(swept(axes), variable)
