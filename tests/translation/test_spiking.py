"""Spiking networks: down from a rung and back, their march, what a run gives, and wrong input (equations.md 6)."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from rosetta_jax.forcing import Constant, FunctionDrive, SampledDrive, Step
from rosetta_jax.linear import fixed_point
from rosetta_jax.results import Status
from rosetta_jax.rungs import NMM2, QIFPopulation, StuartLandau
from rosetta_jax.translation import (
    SpikingNetwork,
    against_mean_field,
    mean_field,
    simulate_spiking,
    spiking,
)
from rosetta_jax.translation.moebius import quantile_deviates

TAU = 0.01
KEY = jax.random.key(3)
every_order = pytest.mark.parametrize("order", [0, 1, 2])


def population(bias, coupling=0.0, order=0, width=1.0):
    """A population of membrane time 10 ms."""
    return QIFPopulation(
        bias=bias, coupling_strength=coupling, membrane_time=TAU, width=width, order=order
    )


# --- down and back


@every_order
@pytest.mark.parametrize("kind", [QIFPopulation, NMM2])
def test_a_rung_comes_back_as_it_went(kind, order):
    rung = kind(order=order)
    network = spiking(rung, 100)
    assert network.neurons == 100 and float(network.noise_width.max()) == 0.0
    back = mean_field(network)
    assert jax.tree.structure(back) == jax.tree.structure(rung)
    assert jax.tree.all(jax.tree.map(lambda one, other: one == other, back, rung))


def test_noise_is_a_share_of_the_width_and_adds_to_it_again():
    rung = NMM2(width_e=2.0, width_i=0.5)
    network = spiking(rung, 100, noise_share=0.25)
    np.testing.assert_allclose(network.noise_width, [0.5, 0.125], rtol=1e-15)
    np.testing.assert_allclose(network.populations.width, [1.5, 0.375], rtol=1e-15)
    back = mean_field(network)
    np.testing.assert_allclose([back.width_e, back.width_i], [2.0, 0.5], rtol=1e-15)
    made = SpikingNetwork(QIFPopulation(width=0.5), 100, noise_width=0.3)
    assert float(mean_field(made).width) == pytest.approx(0.8)


def test_weights_stand_by_target_and_source_with_their_signs():
    pair = spiking(NMM2(w_ee=1.0, w_ei=2.0, w_ie=3.0, w_ii=4.0), 10)
    np.testing.assert_array_equal(pair.populations.weights, [[1.0, -2.0], [3.0, -4.0]])
    assert pair.names == ("E", "I") and spiking(QIFPopulation(), 10).names == ("population",)
    np.testing.assert_array_equal(spiking(QIFPopulation(), 10).populations.weights, [[-20.0]])


# --- rates, currents and noise


def test_neurons_without_coupling_fire_as_their_transfer_function_says():
    inputs = jnp.array([-5.0, 0.0, 1.0, 5.0, 10.0])
    known = [0.0708265, 0.2250791, 0.3497220, 0.7152778, 1.0078386]

    @jax.vmap
    def rate(bias):
        network = spiking(population(bias), 1000)
        return jnp.mean(simulate_spiking(network, 0.3, 2e-4, transient=0.1, raster=0).rate)

    np.testing.assert_allclose(rate(inputs) * TAU, known, rtol=2e-3, atol=2e-4)


CASES = [(1.0, 1e-9, 1.0), (1.0, 0.5, 0.5), (3.0, 1e-9, 0.5), (-2.0, 1e-9, 1.0)]
RATES = [0.34972, 0.34972, 0.55323, 0.10936]


@pytest.mark.parametrize("case, known", list(zip(CASES, RATES, strict=True)))
def test_cauchy_noise_acts_as_heterogeneity_whatever_the_step(case, known):
    bias, width, noise = case
    network = SpikingNetwork(population(bias, width=width), 1000, noise_width=noise)
    run = simulate_spiking(
        network, 1.0, 1e-3, key=KEY, raster=0, state=fixed_point(mean_field(network)).state
    )
    assert run.rate.mean() * TAU == pytest.approx(known, rel=0.015)
    assert run.succeeded


def test_noise_is_drawn_anew_for_each_step_and_neuron():
    network = SpikingNetwork(population(-20.0, width=1e-9), 50, noise_width=1.0)
    run = simulate_spiking(network, 0.02, 1e-3, key=KEY, raster=50)
    steps = np.diff(np.asarray(run.voltages[10:, 0]), axis=0)
    assert len(np.unique(steps)) == steps.size
    assert abs(np.corrcoef(np.sign(steps))[np.triu_indices(len(steps), 1)]).mean() < 0.3


def test_a_current_of_the_drive_is_a_bias():
    biased = simulate_spiking(spiking(population(4.0, -20.0, 2), 200), 0.05, 1e-4)
    driven = simulate_spiking(
        spiking(population(1.0, -20.0, 2), 200, drive=Constant(1.0) + Constant(2.0)), 0.05, 1e-4
    )
    np.testing.assert_allclose(driven.voltages, biased.voltages, rtol=1e-6)


def test_a_drive_enters_its_port():
    def rates(**given):
        return simulate_spiking(spiking(NMM2(**given.pop("rung", {})), 200, **given), 0.03, 1e-4)

    for port, name in ((None, "bias_e"), ("current_e", "bias_e"), ("current_i", "bias_i")):
        driven = rates(drive=Constant(2.0, port=port))
        np.testing.assert_allclose(driven.rate, rates(rung={name: 2.5}).rate, rtol=1e-9)


def test_a_drive_is_held_from_its_middle():
    # A current that jumps with a step acts from there on; one that grows, with its mean over the step.
    network = spiking(population(-20.0), 50, drive=Step(8.0, onset=0.01))
    run = simulate_spiking(network, 0.02, 1e-3, raster=50)
    still = simulate_spiking(spiking(population(-20.0), 50), 0.02, 1e-3, raster=50)
    apart = np.abs(run.voltages - still.voltages).max(axis=(1, 2))
    assert apart[:11].max() == 0.0 and apart[11] > 1e-3
    ramp = spiking(population(-20.0), 50, drive=FunctionDrive(lambda t: 1e3 * t))
    once = simulate_spiking(ramp, 1e-3, 5e-4, raster=50).voltages[1]
    held = simulate_spiking(spiking(population(-19.75), 50), 1e-3, 5e-4, raster=50).voltages[1]
    np.testing.assert_allclose(once, held, rtol=1e-12)


# --- the march


def oracle(rung, neurons, dt, steps):
    """Voltages, synapses and spikes of the pair, neuron by neuron, with sines and cosines."""

    def both(name, of=rung):
        return np.array([np.ravel(getattr(of, f"{name}_{end}"))[0] for end in "ei"])

    tau, decay, begin = both("membrane_time"), both("synaptic_time"), rung.start(1)
    weights = np.array([[rung.w_ee, -rung.w_ei], [rung.w_ie, -rung.w_ii]], float)
    by_current, by_voltage = (np.asarray(each) for each in quantile_deviates(2, neurons))
    r, s, z = both("r", begin), both("s" if rung.order else "r", begin), np.zeros(2)
    V = both("v", begin)[:, None] + (np.pi * tau * r)[:, None] * by_voltage
    eta = both("bias")[:, None] + both("width")[:, None] * by_current
    found = []
    for _ in range(steps):
        found.append((V.copy(), s.copy()))
        middle = [synapse(rung.order, s[m], z[m], r[m], dt / 2 / decay[m])[0] for m in range(2)]
        fired = np.zeros(2)
        for m, j in np.ndindex(V.shape):
            current, h = eta[m, j] + tau[m] * weights[m] @ middle, dt / tau[m]
            root = np.sqrt(complex(current))
            cosine, sine = np.cos(root * h).real, (np.sin(root * h) / root).real
            below = cosine - V[m, j] * sine
            fired[m] += (below <= 0) / neurons
            V[m, j] = (V[m, j] * cosine + current * sine) / below
        if rung.order == 0:
            V += (weights @ (fired - r * dt))[:, None]
        r = fired / dt
        for m in range(2):
            s[m], z[m] = synapse(rung.order, s[m], z[m], r[m], dt / decay[m])
    return found


def synapse(order, s, z, rate, time):
    """A synapse after a time in units of its own, under a rate, by the exponential of a matrix."""
    if order == 0:
        return rate, z
    if order == 1:
        matrix = np.array([[-1.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    else:
        matrix = np.array([[0.0, 1.0, 0.0], [-1.0, -2.0, 1.0], [0.0, 0.0, 0.0]])
    return (expm(time * matrix) @ [s, z, rate])[:2]


@every_order
def test_a_march_is_that_of_neurons_one_by_one(order):
    strong = {"bias_e": 200.0, "bias_i": 100.0, "width_e": 20.0, "width_i": 10.0}
    rung = NMM2.named("PING", order=order, **strong)
    run = simulate_spiking(spiking(rung, 30), 0.01, 1e-4, raster=30)
    for number, (voltages, s) in enumerate(oracle(rung, 30, 1e-4, 100)):
        np.testing.assert_allclose(run.voltages[number], voltages, rtol=1e-6, atol=1e-6)
        if order:
            np.testing.assert_allclose(run.synapse[number], s, rtol=1e-9)
    assert (run.spikes.sum(axis=(0, 2)) > 50).all()


# --- what a run gives


def test_a_transient_is_dropped_and_longer_intervals_count_the_same_spikes():
    network = spiking(QIFPopulation(), 200)
    whole = simulate_spiking(network, 0.04, 1e-4, raster=200)
    late = simulate_spiking(network, 0.02, 1e-4, transient=0.02, raster=200)
    for one, other in zip(jax.tree.leaves(late), jax.tree.leaves(whole), strict=True):
        np.testing.assert_allclose(one, other[200:] if other.ndim else other)
    thin = simulate_spiking(network, 0.04, 1e-4, save_every=1e-3, raster=200)
    assert thin.times.shape == (40,) and float(thin.times[1]) == pytest.approx(1e-3)
    for name in ("order_parameter", "voltage", "synapse", "voltages"):
        np.testing.assert_allclose(getattr(thin, name), getattr(whole, name)[::10], rtol=1e-9)
    np.testing.assert_allclose(thin.rate, whole.rate.reshape(40, 10, 1).mean(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(thin.spikes, whole.spikes.reshape(40, 10, 1, 200).sum(axis=1))
    # All neurons are shown, so that their spikes make the rate.
    np.testing.assert_allclose(whole.spikes.mean(axis=2) / 1e-4, whole.rate, rtol=1e-9)


def test_some_neurons_are_shown_evenly_over_the_currents():
    run = simulate_spiking(spiking(NMM2(), 500), 0.01, 1e-4)
    assert run.spikes.shape == run.voltages.shape == (100, 2, 100)
    few = simulate_spiking(spiking(NMM2(), 500), 0.01, 1e-4, raster=3)
    np.testing.assert_array_equal(few.spikes[:, :, 0], run.spikes[:, :, 0])
    np.testing.assert_array_equal(few.spikes[:, :, 2], run.spikes[:, :, -1])
    assert simulate_spiking(spiking(NMM2(), 20), 0.01, 1e-4).spikes.shape == (100, 2, 20)
    assert simulate_spiking(spiking(NMM2(), 20), 0.01, 1e-4, raster=0).spikes.shape[-1] == 0


def test_a_rate_stands_for_a_synapse_that_acts_at_once():
    run = simulate_spiking(spiking(population(4.0, -2.0, 0), 100), 0.01, 1e-4)
    np.testing.assert_array_equal(run.synapse, run.rate)


def test_drawn_networks_follow_their_key():
    network = spiking(QIFPopulation(), 100, sampling="random")
    one, same, other = (
        simulate_spiking(network, 0.01, 1e-4, key=jax.random.key(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one.voltages, same.voltages)
    assert not np.any(one.voltages[0] == other.voltages[0])


def test_a_run_that_is_not_finite_says_so():
    drive = FunctionDrive(lambda t: jnp.where(t > 0.005, jnp.nan, 0.0))
    run = simulate_spiking(spiking(QIFPopulation(), 50, drive=drive), 0.01, 1e-4)
    assert int(run.status) == Status.non_finite and not run.succeeded
    assert "not a number" in run.message
    both = against_mean_field(spiking(QIFPopulation(), 50, drive=drive), 0.01, 1e-4)
    assert int(both.status) == Status.non_finite


# --- wrong input


WRONG = {
    "another rung": (lambda: spiking(StuartLandau(), 100), "QIFPopulation"),
    "a regional rung": (
        lambda: spiking(QIFPopulation(bias=jnp.ones(3)), 100),
        r"`rung.bias` must have shape \(\) \(a single node\)",
    ),
    "no network": (lambda: spiking(NMM2(), 1), "`neurons` must be a whole number from 2"),
    "a sampling": (lambda: spiking(NMM2(), 9, sampling="quantile"), "Did you mean 'quantiles'"),
    "a share": (lambda: spiking(NMM2(), 9, noise_share=1.0), "`noise_share` must be below one"),
    "a negative share": (lambda: spiking(NMM2(), 9, noise_share=-0.1), "zero or positive"),
    "a negative noise": (
        lambda: SpikingNetwork(NMM2(), 9, noise_width=-1.0),
        "noise_width` must be zero or above",
    ),
    "noise by neuron": (
        lambda: SpikingNetwork(NMM2(), 9, noise_width=jnp.ones(9)),
        r"`noise_width` must be one number \(\) or one a population \(2,\)",
    ),
    "a port": (
        lambda: spiking(NMM2(), 9, drive=Constant(1.0, port="current")),
        "Choose from: current_e, current_i",
    ),
    "a drive by neuron": (
        lambda: spiking(NMM2(), 9, drive=SampledDrive([0.0, 1.0], jnp.ones((2, 9)))),
        r"`drive` must be one number at each time.*\(9,\)",
    ),
    "milliseconds": (
        lambda: simulate_spiking(spiking(NMM2(), 9), 100.0, 0.1),
        "`dt` of 0.1 s is longer than a tenth.*0.0025 s: give seconds",
    ),
    "no whole steps": (
        lambda: simulate_spiking(spiking(NMM2(), 9), 1.00003e-2, 1e-4),
        "`duration` must be a whole number of samples",
    ),
    "more neurons than there are": (
        lambda: simulate_spiking(spiking(NMM2(), 9), 0.01, 1e-4, raster=10),
        "`raster` asks for 10 of 9 neurons",
    ),
    "no key for noise": (
        lambda: simulate_spiking(spiking(NMM2(), 9, noise_share=0.5), 0.01, 1e-4),
        "`key` is needed where there is noise",
    ),
    "no key for random sampling": (
        lambda: simulate_spiking(spiking(NMM2(), 9, sampling="random"), 0.01, 1e-4),
        "`key` is needed where there is random sampling",
    ),
    "the state of another order": (
        lambda: simulate_spiking(spiking(NMM2(order=1), 9), 0.01, 1e-4, state=NMM2().start(1)),
        "`state` must be a PairFirstOrderState of one node",
    ),
    "a state of two nodes": (
        lambda: simulate_spiking(spiking(NMM2(), 9), 0.01, 1e-4, state=NMM2().start(2)),
        "of one node",
    ),
    "a negative rate": (
        lambda: simulate_spiking(
            spiking(population(1.0), 9),
            0.01,
            1e-4,
            state=dataclasses.replace(population(1.0).start(1), r=jnp.array([-1.0])),
        ),
        "`state.r` must be zero or positive",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_named(name):
    call, message = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
