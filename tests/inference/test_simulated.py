"""The simulated route: what it estimates, its derivatives, what it refuses, and that it finds the truth."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import ConnectivityLoss, PowerLaw, SpectrumLoss, SumOfLosses
from rosetta_jax.parameters import FreeParameters
from rosetta_jax.results import Status

NODES = 4
RNG = np.random.default_rng(8)
OFF = 1 - np.eye(NODES)
F = np.linspace(4.0, 30.0, 14)
KEY = jax.random.key(2)
FREE = {"rung.alpha": rj.Negative(), "gain": rj.Positive(), "speed": rj.Positive()}
CONNECTOME = rj.Connectome(
    RNG.uniform(0.2, 1, (NODES, NODES)) * OFF, RNG.uniform(40, 160, (NODES, NODES)) * OFF
).normalised()


def network(**more):
    settings = {"gain": 8.0, "speed": 6.0, "noise": rj.WhiteNoise(0.02)} | more
    rung = settings.pop("rung", rj.StuartLandau(alpha=-14.0))
    return rj.Network(rung, CONNECTOME, **settings)


ROUTE = rj.Simulated(40.0, 2e-3, seeds=2, save_every=0.008, segment=2.0)


def predicted(model, route=ROUTE):
    [model] = route.prepared([model], None)
    return route.predict(model, KEY)


def test_spectra_agree_with_theory_to_sampling_error():
    found = predicted(network()).spectrum(jnp.asarray(F))
    exact = rj.linear.power_spectrum(network(), F).density
    # 80 s in segments of 2 s: about 76 averages.
    scatter = 10 * np.log10(np.asarray(found) / np.asarray(exact))
    assert scatter.std() < 4.34 / np.sqrt(76) * 1.3 and abs(scatter.mean()) < 0.2


def test_connectivity_agrees_with_theory_to_sampling_error():
    found = predicted(network()).connectivity(None)
    exact = rj.linear.functional_connectivity(network()).matrix
    np.testing.assert_allclose(found, exact, atol=0.1)
    banded = predicted(network()).connectivity((8.0, 12.0))
    exact = rj.linear.functional_connectivity(network(), band=(8.0, 12.0)).matrix
    np.testing.assert_allclose(banded, exact, atol=0.25)


def test_all_seeds_are_averaged():
    prediction = predicted(network())
    each = [
        rj.observe.power_spectrum(signal, 0.008, segment=2.0, frequencies=F).density
        for signal in prediction.series
    ]
    assert not np.allclose(each[0], each[1])
    np.testing.assert_allclose(prediction.spectrum(jnp.asarray(F)), (each[0] + each[1]) / 2)


def test_a_longer_delay_than_there_is_room_for_is_a_status():
    [model] = ROUTE.prepared([network()], None)
    assert int(ROUTE.predict(model, KEY).status) == Status.ok
    slow = rj.replace(model, {"speed": 1.0})
    assert int(ROUTE.predict(slow, KEY).status) == Status.delay_too_long


def test_short_steps_read_in_chunks_and_refuse_a_delay_too_short_for_them():
    route = rj.Simulated(1.0, 2e-4, seeds=1, segment=0.5)
    [model] = route.prepared([network()], None)
    # Nine steps are 1.8 ms; for steps of 2 ms half of the shortest delay is too short.
    assert model.min_delay == pytest.approx(rj.network.delay_bounds(network())[0] / 2)
    assert ROUTE.prepared([network()], None)[0].min_delay is None
    for speed, status in ((12.5, Status.ok), (26.0, Status.delay_too_short)):
        found = jax.jit(
            lambda speed: route.predict(rj.replace(model, {"speed": speed}), KEY).status
        )(jnp.asarray(speed))
        assert int(found) == status
    [known] = route.prepared([network(min_delay=5e-3)], None)
    assert known.min_delay == 5e-3


SHORT = rj.Simulated(4.0, 2e-3, seeds=2, transient=0.8, save_every=0.008, segment=1.0)
LOSS = SumOfLosses(
    (
        SpectrumLoss(F, rj.linear.power_spectrum(network(), F).density, compare="level"),
        ConnectivityLoss(rj.linear.functional_connectivity(network()).matrix, weight=10.0),
    )
)
RUNGS = {
    "stuart-landau": (network(), FREE),
    "jansen-rit": (
        network(rung=rj.JansenRit(bias=350.0), noise=rj.WhiteNoise(0.1)),
        {"rung.connectivity": rj.Positive(), "gain": rj.Positive(), "speed": rj.Positive()},
    ),
}


@pytest.mark.parametrize("rung", RUNGS)
def test_derivatives_agree_with_differences_forward_and_reverse(rung):
    model, free = RUNGS[rung]
    [model] = SHORT.prepared([model], None)
    free = FreeParameters(model, free)

    @jax.jit
    def loss(vector):
        residual = LOSS.residual(SHORT.predict(free.apply(vector), KEY))
        return residual @ residual

    vector = free.vector() + jnp.asarray([0.013, -0.021, 0.017])  # off whole steps of delay
    reverse, forward = jax.grad(loss)(vector), jax.jacfwd(loss)(vector)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9)
    for k, h in enumerate((1e-5, 1e-5, 1e-6)):
        step = h * jnp.eye(3)[k]
        difference = (loss(vector + step) - loss(vector - step)) / (2 * h)
        np.testing.assert_allclose(reverse[k], difference, rtol=2e-5)


@pytest.mark.parametrize(
    "method",
    [
        rj.LevenbergMarquardt(),
        rj.GradientDescent(steps=6),
        rj.GradientDescent(steps=6, derivative="forward"),
    ],
    ids=["levenberg-marquardt", "reverse", "forward"],
)
def test_descent_finds_what_made_the_same_paths(method):
    """On the paths that made the data the loss has its minimum, zero, at the truth."""
    route = rj.Simulated(6.0, 2e-3, seeds=1, transient=0.8, save_every=0.008, segment=1.0)
    [truth] = route.prepared([network()], None)
    # The seed that the fit uses for its first person.
    paths = jax.random.fold_in(jax.random.fold_in(KEY, 2**31), 0)
    made = route.predict(truth, paths)
    loss = SumOfLosses(
        (
            SpectrumLoss(F, made.spectrum(jnp.asarray(F)), compare="level"),
            ConnectivityLoss(made.connectivity(None), weight=10.0),
        )
    )
    start = rj.replace(network(), {"rung.alpha": -16.0, "gain": 7.0})
    free = {name: FREE[name] for name in ("rung.alpha", "gain")}
    found = rj.fit(
        start,
        free,
        loss,
        starts=1,
        key=KEY,
        route=route,
        method=method,
        prior_weight=0.0,
        show_progress=False,
    )
    exact = isinstance(method, rj.LevenbergMarquardt)
    tolerance = 1e-4 if exact else 0.03
    np.testing.assert_allclose(found.values["rung.alpha"], -14.0, rtol=tolerance)
    np.testing.assert_allclose(found.values["gain"], 8.0, rtol=tolerance)
    assert found.slopes.shape == found.history.shape and (found.slopes[0] > 0).all()
    assert found.slopes[-1].item() < 0.2 * found.slopes[0].item()
    assert found.metadata["memory_mb"] > 0 and "Simulated" in found.metadata["route"]


def test_people_are_lanes_with_paths_of_their_own():
    models = [network(), network(gain=6.0)]
    losses = [SpectrumLoss(F, rj.linear.power_spectrum(m, F).density) for m in models]
    free = {"rung.alpha": rj.Normal(-14.0, 3.0)}
    settings = {"starts": 1, "key": KEY, "route": SHORT, "show_progress": False}
    both = rj.fit(models, free, losses, **settings)
    alone = rj.fit(models[0], free, losses[0], **settings)
    np.testing.assert_allclose(both.values["rung.alpha"][0], alone.values["rung.alpha"][0])
    twice = rj.fit([models[0]] * 2, free, [losses[0]] * 2, **settings)
    assert twice.values["rung.alpha"][0] != twice.values["rung.alpha"][1]


def fitted(model, **route):
    settings = {"seeds": 1, "transient": 0.8, "save_every": 0.008, "segment": 1.0} | route
    loss = SpectrumLoss(F, rj.linear.power_spectrum(network(), F).density)
    return rj.fit(
        model,
        {"gain": rj.Positive()},
        loss,
        starts=1,
        key=KEY,
        method=rj.LevenbergMarquardt(steps=1),
        route=rj.Simulated(4.0, 2e-3, **settings),
        show_progress=False,
    )


def test_a_fit_says_how_its_gradient_grows():
    # Of a focus the exponent is the distance to the onset, and a run of 4.8 s forgets.
    [growth] = fitted(network(gain=1e-6)).metadata["gradient_growth"]
    assert growth == pytest.approx(-14.0 * 4.8, rel=0.05)
    theory = rj.fit(
        network(),
        {"gain": rj.Positive()},
        SpectrumLoss(F, rj.linear.power_spectrum(network(), F).density),
        starts=1,
        method=rj.LevenbergMarquardt(steps=0),
        show_progress=False,
    )
    assert theory.metadata["gradient_growth"] is None


def test_a_fit_warns_where_its_gradient_says_nothing_and_a_window_bounds_it():
    unstable = network(rung=rj.HarmonicOscillator(alpha=3.0), gain=0.1)
    with pytest.warns(UserWarning, match=r"grows by a factor of e\^1[34]"):
        found = fitted(unstable)
    assert found.metadata["gradient_growth"][0] == pytest.approx(3.0 * 4.8, rel=0.1)
    [growth] = fitted(unstable, window=0.4).metadata["gradient_growth"]
    assert growth == pytest.approx(3.0 * 0.4, rel=0.1)


def test_a_curve_needs_no_march():
    assert predicted(PowerLaw(1.0)).spectrum(jnp.asarray(F)).shape == (len(F), 1)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: rj.Simulated(1.0, segment=2.0), "`segment` of 2 s is longer than `duration` 1 s"),
        (lambda: rj.Simulated(10.0, seeds=0), "`seeds` must be a whole number from 1"),
        (lambda: rj.Simulated(-1.0), "`duration` must be one positive number"),
        (lambda: ROUTE.prepared([network()], 55.0), "the loss asks for 55 Hz"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
