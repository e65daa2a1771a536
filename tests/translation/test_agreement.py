"""Spiking networks beside their mean field, and how the difference falls (equations.md 6.3)."""

import dataclasses

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.forcing import Step
from rosetta_jax.linear import fixed_point
from rosetta_jax.results import Status
from rosetta_jax.rungs import NMM2, QIFPopulation
from rosetta_jax.simulation import simulate
from rosetta_jax.translation import against_mean_field, simulate_spiking, spiking

TAU = 0.01
# Membrane times of E and I.
TIMES = 0.015, 0.0075
KEY = jax.random.key(3)


def test_a_current_step_moves_the_bistable_population_to_its_upper_state():
    network = spiking(QIFPopulation.named("MPR"), 2000, drive=Step(3.0, onset=0.05, duration=0.15))
    both = against_mean_field(network, 0.4, 1e-4, raster=0)
    means = []
    for run in (both.spiking, both.mean_field):
        rate, times = np.asarray(run.rate[:, 0]) * TAU, np.asarray(run.times)
        spans = (0.03, 0.05), (0.17, 0.20), (0.35, 0.4)
        means.append([rate[(times >= begin) & (times < end)].mean() for begin, end in spans])
    # equations.md 6.3, before and after; while it lasts it still rings.
    np.testing.assert_allclose(means[1], [0.08113, means[1][1], 1.03062], rtol=3e-4)
    np.testing.assert_allclose(means[0], means[1], rtol=1e-2)
    assert means[1][1] == pytest.approx(1.37, rel=0.03)
    assert both.order_error[0] < 0.02 and both.voltage_error[0] < 0.06
    assert both.rate_error[0] < 0.15 and int(both.status) == Status.ok


def test_inhibition_alone_makes_the_known_gamma():
    network = spiking(QIFPopulation.named("ING", bias=20.0), 1000)
    run = simulate_spiking(network, 0.12, 5e-5, transient=0.1, raster=0)
    times, s = np.asarray(run.times), np.asarray(run.synapse[:, 0])
    middle = (s.max() + s.min()) / 2
    up = np.flatnonzero((s[:-1] < middle) & (s[1:] >= middle))
    crossed = times[up] + (middle - s[up]) / (s[up + 1] - s[up]) * 5e-5
    assert 1 / np.diff(crossed).mean() == pytest.approx(100.685, rel=2e-3)
    assert s.min() == pytest.approx(41.852, abs=1.0) and s.max() == pytest.approx(172.793, abs=1.0)


def test_below_the_onset_of_gamma_only_few_neurons_fluctuate():
    rung = QIFPopulation.named("ING", bias=4.0)
    spread = []
    for neurons in (500, 4000):
        run = simulate_spiking(
            spiking(rung, neurons), 0.2, 1e-4, raster=0, state=fixed_point(rung).state
        )
        assert run.synapse.mean() == pytest.approx(27.73, rel=5e-3)
        spread.append(float(run.synapse.std()))
    assert spread[0] < 1.4 and spread[1] < spread[0] / 2


@pytest.mark.parametrize("order", [0, 1, 2])
def test_excitation_and_inhibition_move_as_their_mean_field_from_the_first_step(order):
    rung = dataclasses.replace(NMM2.named("PING"), order=order)
    both = against_mean_field(spiking(rung, 3000), 0.04, 1e-4, save_every=5e-4, raster=0)
    assert both.order_error.max() < 0.05
    apart = np.abs(both.spiking.order_parameter - both.mean_field.order_parameter)
    assert apart[0].max() < 1e-3
    swing = np.ptp(np.asarray(both.mean_field.rate), axis=0)
    assert (swing > 15).all()
    assert both.rate_error.max() < 0.2


def test_the_mean_field_beside_is_that_of_a_simulation():
    network = spiking(NMM2.named("PING"), 20)
    state = fixed_point(NMM2()).state
    both = against_mean_field(
        network, 0.03, 1e-4, transient=0.01, save_every=1e-3, state=state, raster=0
    )
    run = simulate(
        network.rung, 0.041, 1e-5, save=("states",), past=lambda t: state, solver=diffrax.Dopri5()
    )
    np.testing.assert_allclose(both.mean_field.times, 0.01 + 1e-3 * np.arange(30), rtol=1e-12)
    for column, end in enumerate("ei"):
        r, v, s = (np.asarray(getattr(run.states, f"{name}_{end}"))[:, 0] for name in "rvs")
        at = slice(1000, 4000, 100)
        np.testing.assert_allclose(both.mean_field.voltage[:, column], v[at], rtol=1e-5)
        np.testing.assert_allclose(both.mean_field.synapse[:, column], s[at], rtol=1e-6)
        turned = (1 - np.pi * TIMES[column] * r + 1j * v) / (1 + np.pi * TIMES[column] * r - 1j * v)
        np.testing.assert_allclose(
            both.mean_field.order_parameter[:, column], turned[at], rtol=1e-5
        )
        counted = np.diff(np.cumsum(r)[999:4001:100]) / 100
        np.testing.assert_allclose(both.mean_field.rate[:, column], counted, rtol=0.02)


def slope(neurons, errors):
    return np.polyfit(np.log(neurons), np.log(errors), 1)[0]


def test_the_error_falls_with_the_number_of_neurons():
    rung, counts = QIFPopulation.named("ING", bias=20.0), (250, 1000, 4000)
    keys = jax.random.split(KEY, 6)

    def error(neurons, sampling, key):
        network = spiking(rung, neurons, sampling=sampling)
        found = against_mean_field(network, 0.03, 1e-4, key=key, raster=0)
        return found.order_error[0]

    even = [float(error(neurons, "quantiles", None)) for neurons in counts]
    assert slope(counts, even) < -0.6 and even[-1] < 4e-3
    drawn = [
        float(
            jnp.sqrt(
                jnp.mean(jax.lax.map(lambda key, n=neurons: error(n, "random", key), keys) ** 2)
            )
        )
        for neurons in counts
    ]
    assert slope(counts, drawn) == pytest.approx(-0.5, abs=0.2)
    assert all(a > 3 * b for a, b in zip(drawn, even, strict=True))


def test_the_error_of_the_step_is_of_second_order_where_synapses_act_at_once():
    rung = QIFPopulation.named("ING", bias=20.0, order=0)
    network = spiking(rung, 20_000)
    errors = [
        float(against_mean_field(network, 0.03, dt, raster=0, save_every=2e-4).order_error[0])
        for dt in (2e-4, 1e-4)
    ]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.35)


@pytest.mark.parametrize("order, most", [(1, 3e-3), (2, 3e-3)])
def test_long_steps_do_little_harm_where_synapses_are_smooth(order, most):
    rung = QIFPopulation.named("ING", bias=20.0, order=order)
    found = against_mean_field(spiking(rung, 20_000), 0.03, 1e-4, raster=0)
    assert found.order_error[0] < most


def test_an_agreement_reports_its_errors_as_plain_data():
    found = against_mean_field(spiking(NMM2(), 100), 0.01, 1e-4)
    report = found.report()
    assert report["neurons"] == 100 and report["status"] == "1 of 1 succeeded."
    assert list(report["relative_error"]) == ["E", "I"]
    errors = report["relative_error"]["I"]
    assert list(errors) == ["rate", "voltage", "order_parameter"]
    assert errors["voltage"] == float(found.voltage_error[1])
    apart = found.spiking.voltage - found.mean_field.voltage
    expected = np.sqrt((apart**2).mean(axis=0) / (found.mean_field.voltage**2).mean(axis=0))
    np.testing.assert_allclose(found.voltage_error, expected)
