"""Free parameters that vary by region: round trips, what they reach, and what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.parameters import FreeParameters
from rosetta_jax.regional import PerRegion

NODES = 5
RNG = np.random.default_rng(3)
MAPS = RNG.normal(3.0, 2.0, (2, NODES))
WEIGHTS = RNG.uniform(0.1, 1, (NODES, NODES)) * (1 - np.eye(NODES))


def network(alpha=-12.0):
    return rj.Network(
        rj.StuartLandau(alpha=alpha),
        rj.Connectome(WEIGHTS).normalised(),
        gain=2.0,
        noise=rj.WhiteNoise(0.02),
    )


KINDS = {
    "per region": PerRegion(rj.Negative(), 0.3),
    "maps": rj.linear_in(MAPS, rj.Normal(-12.0, 3.0), 0.4),
}


@pytest.mark.parametrize("name, size", [("per region", 1 + NODES), ("maps", 3)])
def test_vectors_and_values_are_inverse(name, size):
    free = FreeParameters(network(), {"rung.alpha": KINDS[name], "gain": rj.Positive()})
    vector = jnp.asarray(RNG.normal(size=size + 1))
    if name == "per region":
        # Shared and deviations are one too many numbers: the deviations of a value have mean zero.
        vector = vector.at[1:-1].add(-jnp.mean(vector[1:-1]))
    there = free.apply(vector)
    assert free.size == size + 1 and there.rung.alpha.shape == (NODES,)
    np.testing.assert_allclose(free.vector(there), vector, rtol=1e-12, atol=1e-13)


def test_a_shared_value_begins_without_deviations():
    for kind in KINDS.values():
        vector = FreeParameters(network(), {"rung.alpha": kind}).vector()
        np.testing.assert_array_equal(vector[1:], 0.0)


def test_deviations_scale_with_the_width_in_the_plain_coordinate():
    free = FreeParameters(network(), {"rung.alpha": PerRegion(rj.Negative(), 0.3)})
    alpha = free.apply(jnp.asarray([0.5, 1.0, 0.0, -2.0, 0.0, 0.0])).rung.alpha
    np.testing.assert_allclose(alpha, -np.exp(0.5 + 0.3 * np.array([1, 0, -2, 0, 0])), rtol=1e-13)


def test_maps_are_standardised_and_added():
    kind = rj.linear_in(MAPS, rj.Real(), 0.4)
    np.testing.assert_allclose(kind.maps.mean(axis=1), 0.0, atol=1e-14)
    np.testing.assert_allclose(kind.maps.std(axis=1), 1.0, rtol=1e-14)
    z = (MAPS - MAPS.mean(axis=1, keepdims=True)) / MAPS.std(axis=1, keepdims=True)
    value = kind.expand(jnp.asarray([1.0, 2.0, -1.0]), jnp.asarray(0.0))
    np.testing.assert_allclose(value, 1.0 + 0.4 * (2 * z[0] - z[1]), rtol=1e-12)


def test_one_map_may_come_without_its_axis():
    assert rj.linear_in(MAPS[0], rj.Real()).maps.shape == (1, NODES)


def test_starts_differ_in_what_is_shared_alone():
    free = FreeParameters(network(), {"rung.alpha": KINDS["per region"], "gain": rj.Positive()})
    starts = free.starts(jax.random.key(0), 4)
    assert np.unique(starts[:, 0]).size == 4 and (starts[:, 1 : 1 + NODES] == 0).all()


def test_the_prior_weighs_on_deviations_and_not_on_a_support():
    free = FreeParameters(network(), {"rung.alpha": KINDS["per region"]})
    residual = free.prior_residual(jnp.arange(1.0, 7.0))
    np.testing.assert_array_equal(residual, [0.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    free = FreeParameters(network(), {"rung.alpha": KINDS["maps"]})
    np.testing.assert_array_equal(free.prior_residual(jnp.ones(3)), [1.0, 1.0, 1.0])


def test_a_regional_value_outside_the_maps_is_refused():
    kind = rj.linear_in(MAPS, rj.Normal(-12.0, 3.0))
    with pytest.raises(ValueError, match=r"present value of 'rung\.alpha'"):
        FreeParameters(network(RNG.normal(-12, 1, NODES)), {"rung.alpha": kind}).vector()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: PerRegion(rj.Real(), 0.0), "`width` must be a finite number above zero"),
        (lambda: PerRegion(PerRegion(rj.Real())), "`shared` must be a support or a prior"),
        (lambda: rj.linear_in(np.ones((2, 2, 2)), rj.Real()), r"`maps` must be \(maps, nodes\)"),
        (lambda: rj.linear_in(np.ones(5), rj.Real()), "`maps` number 0 is flat"),
        (lambda: rj.linear_in([[1, 2, 3.0], [2, 4, 6]], rj.Real()), "linearly dependent"),
        (lambda: rj.linear_in([1.0, np.nan], rj.Real()), "`maps` has 1 non-finite"),
        (
            lambda: FreeParameters(network(), {"gain": rj.linear_in([1.0, 2, 4], rj.Real())}).size,
            "`maps` have 3 regions and the model 5",
        ),
        (
            lambda: FreeParameters(rj.StuartLandau(), {"alpha": PerRegion(rj.Real())}).size,
            "needs regions",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


F = np.linspace(4.0, 30.0, 12)


@pytest.mark.parametrize("kind", ["per region", "maps"])
def test_a_fit_finds_what_varies_by_region(kind):
    deviation = np.array([0.4, -0.2, 0.1, -0.5, 0.2])
    if kind == "maps":
        deviation = KINDS["maps"].maps.T @ np.array([0.3, -0.2])
    truth = network(-12.0 * np.exp(deviation))
    measured = rj.linear.power_spectrum(truth, F).density
    free = {
        "rung.alpha": PerRegion(rj.Negative(), 0.5)
        if kind == "per region"
        else rj.linear_in(MAPS, rj.Negative(), 0.5)
    }
    loss = rj.SpectrumLoss(F, measured)
    found = rj.fit(network(), free, loss, starts=1, prior_weight=1e-12, show_progress=False)
    np.testing.assert_allclose(found.values["rung.alpha"][0], truth.rung.alpha, rtol=1e-4)


def test_regions_left_out_are_predicted_from_maps():
    """What maps explain is learnt from some regions and holds in the others."""
    kind = rj.linear_in(MAPS[0], rj.Negative(), 0.5)
    truth = network(kind.expand(jnp.asarray([np.log(12.0), 0.8]), jnp.asarray(0.0)))
    measured = rj.linear.power_spectrum(truth, F).density
    loss = rj.SpectrumLoss(F, measured, regions=[0, 1, 2])
    found = rj.fit(
        network(), {"rung.alpha": kind}, loss, starts=1, prior_weight=1e-12, show_progress=False
    )
    predicted = rj.linear.power_spectrum(found.model(network()), F).density
    np.testing.assert_allclose(predicted[:, 3:], measured[:, 3:], rtol=1e-4)
