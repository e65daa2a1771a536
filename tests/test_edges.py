"""Free links: powers, added links, deviations of each, and one vector for a cohort."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.parameters import FreeParameters

WEIGHTS = np.array([[0.0, 0.5, 0.0], [0.2, 0.0, 1.0], [0.0, 0.8, 0.0]])


def brain(weights=WEIGHTS):
    return rj.Network(
        rj.HarmonicOscillator(alpha=-20.0, omega=50.0),
        rj.Connectome(weights),
        gain=4.0,
        noise=rj.WhiteNoise(1.0),
    )


def test_links_are_raised_and_added_to():
    pairs = rj.homotopic([[0, 2]], 3)
    kind = rj.ShapedLinks(rj.LogNormal(0.5, 0.3), pairs, rj.Normal(0.0, 0.1))
    free = FreeParameters(brain(), {"connectome.weights": kind})
    assert free.size == 2
    moved = free.apply(jnp.array([1.0, -2.0])).connectome.weights
    power = 0.5 * np.exp(0.3)
    expected = np.where(WEIGHTS > 0, WEIGHTS**power, 0.0)
    expected[0, 2] = expected[2, 0] = -0.2
    np.testing.assert_allclose(moved, expected, rtol=1e-12)


def test_local_links_fall_with_distance():
    found = rj.local_links([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 20.0]], 10.0)
    apart = np.array([[0.0, 5.0, 20.0], [5.0, 0.0, np.sqrt(425)], [20.0, np.sqrt(425), 0.0]])
    expected = np.where(apart > 0, np.exp(-apart / 10), 0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("symmetric", [True, False])
def test_each_link_deviates_and_none_is_made(symmetric):
    kind = rj.PerLink(0.3, symmetric=symmetric)
    free = FreeParameters(brain(), {"connectome.weights": kind})
    vector = jnp.arange(1.0, free.size + 1)
    found = np.asarray(free.apply(vector).connectome.weights)
    deviations = np.zeros((3, 3))
    if symmetric:
        deviations[np.triu_indices(3, 1)] = [1, 2, 3]
        deviations = deviations + deviations.T
    else:
        deviations[~np.eye(3, dtype=bool)] = np.arange(1, 7)
    np.testing.assert_allclose(found, WEIGHTS * np.exp(0.3 * deviations), rtol=1e-12)


def test_only_chosen_links_move():
    chosen = np.zeros((3, 3), bool)
    chosen[1, 2] = True
    kind = rj.PerLink(0.5, chosen)
    free = FreeParameters(brain(), {"connectome.weights": kind})
    found = np.asarray(free.apply(jnp.array([1.0])).connectome.weights)
    expected = WEIGHTS.copy()
    expected[1, 2] *= np.exp(0.5)
    expected[2, 1] *= np.exp(0.5)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_each_person_keeps_their_own_links():
    """Apply to another network moves its links, not those of the first."""
    free = FreeParameters(brain(), {"connectome.weights": rj.PerLink(1.0)})
    other = brain(2 * WEIGHTS)
    np.testing.assert_allclose(
        free.apply(jnp.zeros(3), other).connectome.weights, 2 * WEIGHTS, rtol=1e-12
    )


def test_links_are_found_again_from_connectivity():
    true = WEIGHTS.copy()
    true[0, 1] *= 1.6
    true[1, 0] *= 1.6
    measured = rj.linear.functional_connectivity(brain(true)).matrix
    found = rj.fit(
        brain(),
        {"connectome.weights": rj.PerLink(1.0)},
        rj.ConnectivityLoss(measured),
        starts=1,
        prior_weight=1e-9,
        show_progress=False,
    )
    np.testing.assert_allclose(found.values["connectome.weights"][0], true, rtol=2e-2)


def test_a_pooled_fit_finds_what_all_people_share():
    """Two people of own connectomes, made by one gain: pooled, one vector; its loss is the mean of theirs."""
    people = [brain(), brain(WEIGHTS.T + 0.1 * (1 - np.eye(3)))]
    measured = [
        rj.linear.functional_connectivity(rj.replace(each, {"gain": 7.0})).matrix for each in people
    ]
    losses = [rj.ConnectivityLoss(each) for each in measured]
    free = {"gain": rj.LogNormal(4.0, 0.5)}
    found = rj.fit(
        people, free, losses, pooled=True, starts=2, prior_weight=1e-12, show_progress=False
    )
    assert found.losses.shape == (1,) and found.values["gain"].shape == (2,)
    np.testing.assert_allclose(found.values["gain"], 7.0, rtol=1e-3)
    assert float(found.model(people[1], 1).gain) == pytest.approx(7.0, rel=1e-3)
    apart = rj.fit(people, free, losses, starts=2, prior_weight=0.0, show_progress=False)
    start = rj.fit(
        people, free, losses, pooled=True, starts=1, prior_weight=0.0, show_progress=False,
        method=rj.LevenbergMarquardt(steps=0),
    )  # fmt: skip
    singly = [
        float(
            jnp.sum(
                (rj.linear.functional_connectivity(each).matrix - target)[np.triu_indices(3, 1)]
                ** 2
            )
            / 3
        )
        for each, target in zip(people, measured, strict=True)
    ]
    assert float(start.losses[0]) == pytest.approx(np.mean(singly), rel=1e-9)
    assert apart.losses.shape == (2,)


def test_gradients_of_links_are_exact():
    free = FreeParameters(
        brain(), {"connectome.weights": rj.ShapedLinks(rj.LogNormal(1.0, 0.5), WEIGHTS.T, rj.Normal(0.0, 1.0))}
    )  # fmt: skip

    def correlation(vector):
        return rj.linear.functional_connectivity(free.apply(vector)).matrix[0, 1]

    at = jnp.array([0.2, 0.3])
    found = jax.grad(correlation)(at)
    for number in range(2):
        step = jnp.zeros(2).at[number].set(1e-5)
        expected = (correlation(at + step) - correlation(at - step)) / 2e-5
        assert float(found[number]) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rj.ShapedLinks(), "nothing is free"),
        (lambda: rj.ShapedLinks(added=WEIGHTS), "`strength`"),
        (lambda: rj.ShapedLinks(added=np.eye(3), strength=rj.Real()), "to itself"),
        (lambda: rj.ShapedLinks(exponent=0.5), "exponent"),
        (lambda: rj.PerLink(links=np.zeros((3, 3), bool)), "no link"),
        (lambda: rj.PerLink(width=-1.0), "width"),
        (lambda: rj.homotopic([[0, 3]], 3), "0 to 2"),
        (lambda: rj.local_links(np.zeros((3, 2)), 10.0), "`centres`"),
        (lambda: rj.local_links(np.zeros((3, 3)), 0.0), "`reach`"),
        (
            lambda: FreeParameters(
                brain(),
                {"connectome.weights": rj.ShapedLinks(added=np.zeros((4, 4)), strength=rj.Real())},
            ).size,
            "4 nodes and the network 3",
        ),
    ],
)  # fmt: skip
def test_wrong_links_are_named(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
