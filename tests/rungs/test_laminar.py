"""The laminar column against known bifurcations, cycles and rhythms (equations.md 9.1, figures.md 6.4)."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bifurcations import fixed_point, fold, hopf, mode_near, modes
from scipy.integrate import quad

from rosetta_jax.forcing.drive import Step
from rosetta_jax.network import alone
from rosetta_jax.observe.spectrum import power_spectrum
from rosetta_jax.rungs.laminar import Laminar
from rosetta_jax.rungs.laminar_sources import LAYERS, field_potential, source_density
from rosetta_jax.simulation import simulate
from rosetta_jax.system import stack_state, unstack_state

NODES = 3
DEPTH = list(LAYERS)


def rate(v, threshold=6.0):
    """The sigmoid in plain NumPy."""
    return 5.0 / (1 + np.exp(0.56 * (threshold - v)))


def near(v1: float, rate_2: float = 0.6) -> np.ndarray:
    """A flat state near the fixed point whose signal is v1, P2 firing at about `rate_2`."""
    y1, y4 = 0.0325 * rate(v1), 0.0325 * rate_2
    y2, y3 = 0.0325 * rate(135 * y1), 0.44 * rate(33.75 * y1)
    y5 = (70 * y4 + 200 * y1 + 3) / 550
    return np.array([y1, y2, y3, y4, y5, *[0.0] * 9])


def some_state(seed: int = 0, nodes: int = NODES):
    return unstack_state(Laminar(), 0.05 * jax.random.normal(jax.random.key(seed), (14, nodes)))


def drift(rung, state, **inputs) -> np.ndarray:
    field = rung.vector_field(jnp.zeros(()), state, rung.Inputs(**inputs))
    return np.asarray(stack_state(field))


def plain_drift(y, z, p1, p2, r1=0.0, r2=0.0, e1=0.0, e2=0.0):
    """Section 9.1 in plain NumPy, with its signed gains; y and z of seven."""
    v1 = 108 * y[1] + 33.7 * y[2] + 80 * y[3] + 0.0325 * p1 + y[5] + e1
    v2 = 70 * y[3] + 550 * y[4] + 200 * y[0] + 0.0325 * p2 + y[6] + e2
    rates = [
        rate(v1),
        rate(135 * y[0]),
        rate(33.75 * y[0]),
        rate(v2, 1.0),
        rate(200 * y[3] + 100 * y[4] + 30 * y[0]),
        r1,
        r2,
    ]
    gains, k = [3.25, 3.25, -22.0, 3.25, -30.0, 3.25, 3.25], [100, 100, 50, 100, 220, 100, 100]
    return [
        g * c * r - 2 * c * u - c * c * s
        for g, c, r, u, s in zip(gains, k, rates, z, y, strict=True)
    ]


# --- the equations


def test_the_vector_field_is_the_one_of_the_equations():
    state = some_state()
    forces = {"rate_1": 40.0, "rate_2": -30.0, "field_1": 0.3, "field_2": -0.2}
    found = drift(Laminar(bias_1=180.0, bias_2=70.0), state, **forces)
    flat = np.asarray(stack_state(state))
    sign = np.array([1, 1, -1, 1, -1, 1, 1.0])[:, None]
    known = plain_drift(sign * flat[:7], sign * flat[7:], 180.0, 70.0, *forces.values())
    np.testing.assert_array_equal(found[:7], flat[7:])
    np.testing.assert_allclose(found[7:], sign * np.stack(np.broadcast_arrays(*known)), rtol=1e-9)


# --- bifurcations


@pytest.mark.parametrize(
    "p2, p1, signals",
    [
        (0.0, -65.298657, (5.2, 5.5)),
        (0.0, 103.869666, (2.3, 2.7)),
        (90.0, -74.137885, (5.2, 5.5)),
        (90.0, 95.337428, (2.3, 2.7)),
        (150.0, -80.090575, (5.2, 5.5)),
        (150.0, 89.035013, (2.3, 2.7)),
    ],
)
def test_the_folds_have_the_known_input(p2, p1, signals):
    found, zero = fold(
        lambda bias: Laminar(bias_1=bias, bias_2=p2), signals, near(np.mean(signals)), p1 + 1
    )
    assert found == pytest.approx(p1, abs=1e-6)
    assert zero < 1e-5


@pytest.mark.parametrize(
    "p2, p1, hertz, v1",
    [
        (0.0, 363.312445, 10.8287, 8.6),
        (0.0, 454.644210, 40.3010, 9.3),
        (90.0, 97.796273, 38.9222, 7.0),
        (90.0, 352.766335, 10.8477, 8.6),
        (150.0, -49.391043, 37.8160, 6.0),
        (150.0, 345.688457, 10.8585, 8.6),
    ],
)
def test_the_hopf_points_have_the_known_input_and_frequency(p2, p1, hertz, v1):
    found, mode = hopf(
        lambda bias: Laminar(bias_1=bias, bias_2=p2), (p1 - 2, p1 + 3), near(v1), hertz
    )
    assert found == pytest.approx(p1, abs=1e-6)
    assert mode.real == pytest.approx(0.0, abs=1e-8)
    assert abs(mode.imag) / (2 * np.pi) == pytest.approx(hertz, abs=1e-4)


def test_gamma_begins_at_the_known_input_above():
    p2, mode = hopf(lambda bias: Laminar(bias_2=bias), (57.0, 62.0), near(7.7), 39.4)
    assert p2 == pytest.approx(59.908206, abs=1e-6)
    assert abs(mode.imag) / (2 * np.pi) == pytest.approx(39.4154, abs=1e-4)


@pytest.mark.parametrize(
    "p1, v1, omega, growth, detuning, population, synaptic",
    [
        (363.312445, 8.6, 68.03846, -0.0322581, -0.0255694, 1, -3.180780),
        (454.644210, 9.3, 253.2188, 0.0307961, 0.0606476, 2, -2.839505),
    ],
)
def test_modes_move_through_the_hopf_points_as_known(
    p1, v1, omega, growth, detuning, population, synaptic
):
    hertz = omega / (2 * np.pi)
    rungs = [Laminar(bias_1=p1 + step, bias_2=0.0) for step in (-0.01, 0.0, 0.01)]
    points = [fixed_point(rung, near(v1)) for rung in rungs]
    below, at, above = (
        mode_near(rung, point, hertz) for rung, point in zip(rungs, points, strict=True)
    )
    assert at.imag == pytest.approx(omega, rel=1e-6)
    assert (above.real - below.real) / 0.02 == pytest.approx(growth, rel=1e-5)
    assert (above.imag - below.imag) / 0.02 == pytest.approx(detuning, rel=1e-5)
    parts = Laminar(bias_1=p1, bias_2=0.0).synaptic_potentials(
        unstack_state(Laminar(), jnp.asarray(points[1])[:, None])
    )
    found = sum(
        float(v[0]) for k, v in parts.items() if k.startswith(f"p{population}") and "in" not in k
    )
    assert found == pytest.approx(synaptic, abs=2e-6)


def test_the_working_point_of_networks_damps_alpha_and_gamma():
    rung = Laminar(bias_1=400.0, bias_2=0.0)
    alpha, gamma = modes(rung, fixed_point(rung, near(8.9)))[[0, 2]]
    assert -2 < gamma.real < alpha.real < -1
    assert abs(alpha.imag) / (2 * np.pi) == pytest.approx(10.66, abs=0.01)
    assert abs(gamma.imag) / (2 * np.pi) == pytest.approx(39.75, abs=0.01)


# --- marches

DT = 1e-3
CYCLES = {
    105.62: (0.6006, -0.310, 11.926),
    149.87: (0.2192, 2.437, 13.144),
    169.50: (0.1062, 4.236, 11.045),
}
COLUMNS = [0.0, 90.0, 150.0]


@pytest.fixture(scope="module")
def runs() -> tuple[np.ndarray, np.ndarray]:
    """Potentials of P1 and P2 of settled runs without noise: the cycles, the columns, and one without ascent."""
    bias_1, bias_2 = [*CYCLES, 200.0, 200.0, 200.0, 200.0], [0.0] * 3 + COLUMNS + [400.0]
    ascending = jnp.array([1.0] * 6 + [0.0])
    rung = Laminar(
        bias_1=jnp.array(bias_1),
        bias_2=jnp.array(bias_2),
        w_p2_p1=200.0 * ascending,
        w_pv_p1=30.0 * ascending,
    )
    solution = simulate(
        rung,
        duration=16.0,
        dt=DT,
        transient=8.0,
        solver=diffrax.Tsit5(),
        save=("signal", "states"),
    )
    above = jax.vmap(lambda state: rung.potential_2(state, rung.Inputs()))(solution.states)
    return np.asarray(solution.signal), np.asarray(above)


def period(signal: np.ndarray) -> float:
    """From upward crossings of the middle, interpolated."""
    centred = signal - (signal.max() + signal.min()) / 2
    at = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    crossings = at + centred[at] / (centred[at] - centred[at + 1])
    return DT * (crossings[-1] - crossings[0]) / (len(crossings) - 1)


@pytest.mark.parametrize("lane", range(3))
def test_the_cycles_have_the_known_period_and_range(runs, lane):
    signal, (seconds, low, high) = runs[0][:, lane], list(CYCLES.values())[lane]
    # Near the SNIC the period moves by a thousandth over the digits of the input.
    assert period(signal) == pytest.approx(seconds, rel=1e-3)
    assert signal.min() == pytest.approx(low, abs=1e-3)
    assert signal.max() == pytest.approx(high, abs=1e-3)


def spectrum(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = power_spectrum(signal[:, None], DT, segment=8.0)
    return np.asarray(found.frequencies), np.asarray(found.density)[:, 0]


def peak(signal: np.ndarray, low: float, high: float) -> float:
    frequencies, density = spectrum(signal)
    inside = (frequencies >= low) & (frequencies <= high)
    return frequencies[inside][density[inside].argmax()]


@pytest.mark.parametrize("lane", [3, 4, 5])
def test_the_deep_pyramids_make_alpha(runs, lane):
    assert 10.0 <= peak(runs[0][:, lane], 2.0, 100.0) <= 10.25


@pytest.mark.parametrize("lane, hertz", [(4, 39.1), (5, 39.3)])
def test_the_superficial_pyramids_make_gamma(runs, lane, hertz):
    # The number was read at a resolution of 0.24 Hz.
    assert peak(runs[1][:, lane], 25.0, 100.0) == pytest.approx(hertz, abs=0.12)


def beside_harmonics(runs, lane: int) -> float:
    """The largest density of P2 beside the harmonics of alpha, as a share of the largest of all."""
    base = 1 / period(runs[0][:, lane])
    frequencies, density = spectrum(runs[1][:, lane])
    away = np.abs(frequencies / base - np.round(frequencies / base)) * base > 1.0
    return density[away & (frequencies > 2.0)].max() / density.max()


def test_gamma_is_no_harmonic_of_alpha_and_needs_input_above(runs):
    assert beside_harmonics(runs, 3) < 1e-6
    assert beside_harmonics(runs, 4) > 0.5
    assert beside_harmonics(runs, 5) > 0.5


def band(signal: np.ndarray, low: float, high: float) -> np.ndarray:
    """The analytic signal of a band."""
    transform = np.fft.fft(signal - signal.mean())
    frequencies = np.fft.fftfreq(len(signal), DT)
    return np.fft.ifft(np.where((frequencies > low) & (frequencies < high), 2 * transform, 0.0))


def coupling(below: np.ndarray, above: np.ndarray) -> float:
    """How much the gamma amplitude above follows the alpha phase below: mean vector over mean amplitude."""
    phase, amplitude = np.angle(band(below, 8, 12)), np.abs(band(above, 28, 52))
    inner = slice(1000, -1000)
    return float(
        np.abs(np.mean(amplitude[inner] * np.exp(1j * phase[inner]))) / amplitude[inner].mean()
    )


def test_the_phase_of_alpha_modulates_the_amplitude_of_gamma(runs):
    below, above = runs
    assert coupling(below[:, 4], above[:, 4]) == pytest.approx(0.194, abs=0.01)
    assert coupling(below[:, 5], above[:, 5]) == pytest.approx(0.185, abs=0.01)
    # Without the synapses of P1 on P2 and PV gamma goes on, unmodulated.
    assert np.ptp(above[:, 6]) > 3.0
    assert coupling(below[:, 6], above[:, 6]) < 0.01


# --- ports


@pytest.mark.parametrize("layer", ["1", "2"])
def test_a_step_of_the_rate_equals_a_step_of_the_bias_in_the_long_run(layer):
    biases = {"bias_1": 50.0, "bias_2": 20.0}
    stepped = alone(Laminar(**biases), drive=Step(30.0, port=f"rate_{layer}"))
    solution = simulate(stepped, duration=0.01, dt=1e-3, transient=1.0, save=("states",))
    raised = Laminar(**{**biases, f"bias_{layer}": biases[f"bias_{layer}"] + 30.0})
    known = fixed_point(raised, near(0.0))
    found = np.asarray(stack_state(solution.states))[:, -1, 0]
    np.testing.assert_allclose(found[:5], known[:5], rtol=1e-8)
    np.testing.assert_allclose(
        found[5:7], [0.975, 0.0] if layer == "1" else [0.0, 0.975], atol=1e-9
    )


def test_a_rate_reaches_nothing_but_its_synapse_at_once():
    state, rung = some_state(), Laminar()
    for name, row in (("rate_1", 12), ("rate_2", 13)):
        moved = drift(rung, state, **{name: 10.0}) - drift(rung, state)
        expected = np.zeros((14, NODES))
        expected[row] = 3.25 * 100 * 10
        np.testing.assert_allclose(moved, expected, atol=1e-9)
        np.testing.assert_array_equal(
            rung.send(state, rung.Inputs(**{name: 10.0})), rung.send(state, rung.Inputs())
        )


def test_fields_act_at_once_inside_the_sigmoid_of_their_population_only():
    state, rung = some_state(), Laminar()
    potentials = rung.potential_1(state, rung.Inputs()), rung.potential_2(state, rung.Inputs())
    for name, row, v, threshold in (
        ("field_1", 7, potentials[0], 6.0),
        ("field_2", 10, potentials[1], 1.0),
    ):
        moved = drift(rung, state, **{name: 0.7}) - drift(rung, state)
        expected = np.zeros((14, NODES))
        expected[row] = 325.0 * (
            rate(np.asarray(v) + 0.7, threshold) - rate(np.asarray(v), threshold)
        )
        np.testing.assert_allclose(moved, expected, atol=1e-9)


def test_a_node_sends_the_rate_of_its_deep_pyramids_and_a_field_acts_on_it_at_once():
    state, rung = some_state(), Laminar()
    v = np.asarray(rung.signal(state, rung.Inputs()))
    np.testing.assert_allclose(rung.send(state, rung.Inputs()), rate(v)[None], rtol=1e-12)
    moved = rung.send(state, rung.Inputs(field_1=0.7, field_2=5.0))
    np.testing.assert_allclose(moved, rate(v + 0.7)[None], rtol=1e-12)


def test_what_other_nodes_send_arrives_at_the_deep_synapse():
    received = Laminar().receive(jnp.array([[1.0, 2.0, 3.0]]))
    np.testing.assert_array_equal(received.rate_1, [1.0, 2.0, 3.0])
    assert float(received.rate_2) == float(received.field_1) == float(received.field_2) == 0.0


def test_the_signal_holds_everything_that_polarises_the_deep_soma():
    state, rung = some_state(), Laminar()
    y = np.asarray(stack_state(state))
    known = 108 * y[1] - 33.7 * y[2] + 80 * y[3] + 0.0325 * 200 + y[5] + 0.4
    np.testing.assert_allclose(rung.signal(state, rung.Inputs(field_1=0.4)), known, rtol=1e-12)


def test_push_and_pull_sum_to_the_potentials_of_both_pyramids():
    state, rung = some_state(), Laminar()
    push, pull = rung.push_pull(state, rung.Inputs())
    both = rung.potential_1(state, rung.Inputs()) + rung.potential_2(state, rung.Inputs())
    np.testing.assert_allclose(push + pull, both, rtol=1e-12)
    np.testing.assert_allclose(pull, -33.7 * state.y3 - 550 * state.y5, rtol=1e-12)


def test_the_psychedelic_set_scales_all_excitation_of_the_deep_pyramids():
    state = some_state()
    healthy, changed = (
        rung.synaptic_potentials(state)
        for rung in (Laminar(bias_1=270.0), Laminar.named("psychedelic"))
    )
    for name in healthy:
        factor = 1.3846154 if name in ("p1_ss", "p1_p2", "p1_in") else 1.0
        np.testing.assert_allclose(changed[name], factor * healthy[name], rtol=1e-12)


# --- sources


def only(**potentials: float):
    """A state in which nothing but these potentials is off zero."""
    zero = {name: jnp.zeros(1) for name in (f"{kind}{n}" for kind in "yz" for n in range(1, 8))}
    return Laminar.State(**{**zero, **{name: jnp.array([v]) for name, v in potentials.items()}})


SILENT = Laminar(bias_1=0.0, bias_2=0.0)


def test_sources_sum_to_zero_over_depth():
    found = Laminar().sources(some_state(), Laminar.Inputs())
    assert found.shape == (len(LAYERS), NODES)
    assert np.abs(found).max() > 1.0
    np.testing.assert_allclose(found.sum(0), 0.0, atol=1e-12)


@pytest.mark.parametrize(
    "potential, expected",
    [
        ({"y2": 0.1}, {"4": -10.8, "5": 10.8}),
        ({"y3": 0.1}, {"1": 3.37, "5": -3.37}),
        ({"y4": 0.1}, {"1": -3.5, "2/3": 3.5 - 4.0, "5": 4.0}),
        ({"y1": 0.1}, {"1": -10.0, "2/3": 10.0}),
        ({"y5": 0.1}, {}),
        ({"y6": 0.1}, {"1": -0.1, "5": 0.1}),
        ({"y7": 0.1}, {"4": -0.1, "2/3": 0.1}),
    ],
)
def test_each_synapse_sinks_at_its_layer_and_returns_at_the_soma(potential, expected):
    found = SILENT.sources(only(**potential), Laminar.Inputs())[:, 0]
    np.testing.assert_allclose(found, [expected.get(layer, 0.0) for layer in LAYERS], atol=1e-12)


def test_the_constant_rates_are_synaptic_currents_too_and_fields_are_none():
    rung = Laminar(bias_1=100.0, bias_2=0.0)
    found = rung.sources(only(), Laminar.Inputs(field_1=3.0))[:, 0]
    np.testing.assert_allclose(found, [-3.25, 0.0, 0.0, 3.25, 0.0], atol=1e-12)


def test_synapses_may_be_placed_elsewhere():
    found = source_density({"p1_sst": jnp.array([-2.0])}, {"p1_sst": {"2/3": 0.25, "1": 0.75}})
    np.testing.assert_allclose(found[:, 0], [1.5, 0.5, 0.0, -2.0, 0.0], atol=1e-12)


def test_places_that_do_not_fit_are_errors():
    with pytest.raises(ValueError, match=r"shares of synapse 'p1_ss'.*0\.9"):
        source_density({"p1_ss": jnp.ones(1)}, {"p1_ss": {"4": 0.9}})
    with pytest.raises(ValueError, match=r"layer.*'IV'"):
        source_density({"p1_ss": jnp.ones(1)}, {"p1_ss": {"IV": 1.0}})
    with pytest.raises(ValueError, match=r"synapse.*'p1_ss'"):
        source_density({"p1_ss": jnp.ones(1)}, {"p1_sst": {"1": 1.0}})
    with pytest.raises(ValueError, match="radius"):
        field_potential(jnp.zeros((5, 1)), [0.0], radius=0.0)


def test_sources_of_a_run_are_those_of_its_states():
    solution = simulate(Laminar(), duration=0.02, dt=1e-3, save=("states",))
    series = jax.vmap(Laminar().sources, in_axes=(0, None))(solution.states, Laminar.Inputs())
    last = jax.tree.map(lambda leaf: leaf[-1], solution.states)
    np.testing.assert_allclose(series[-1], Laminar().sources(last, Laminar.Inputs()), rtol=1e-12)


def test_the_field_potential_is_the_coulomb_potential_of_discs():
    sources = np.array([[2.0], [0.0], [-5.0], [3.0], [0.0]])
    at, radius, sigma, conductance = 0.4, 0.8, 0.25, 12.0

    def of_disc(distance):
        # In metres and A/m^2: rings of current over the tissue's conductivity.
        rings, _ = quad(lambda r: r / np.hypot(r, distance), 0.0, radius * 1e-3)
        return rings / (2 * sigma)

    known = sum(
        conductance * 1e-3 * source * of_disc(abs(at - depth) * 1e-3)
        for source, depth in zip(sources[:, 0], LAYERS.values(), strict=True)
    )
    found = field_potential(
        jnp.asarray(sources),
        [at],
        radius=radius,
        conductivity=sigma,
        conductance=conductance,
    )
    assert float(found[0, 0]) == pytest.approx(1e3 * known, rel=1e-9)


def test_sources_and_field_potentials_keep_single_precision():
    rung, state = jax.tree.map(lambda leaf: leaf.astype("float32"), (Laminar(), some_state()))
    sources = rung.sources(state, rung.Inputs())
    assert sources.dtype == field_potential(sources, [0.1, 0.2]).dtype == jnp.float32


def test_the_slope_of_the_field_potential_jumps_by_the_sources():
    sources = Laminar().sources(some_state(nodes=1), Laminar.Inputs())
    for row, depth in enumerate(LAYERS.values()):
        h = 1e-6
        below, at, above = field_potential(
            sources, [depth - h, depth, depth + h], conductance=1.0, conductivity=1.0
        )[:, 0]
        # -sigma phi'' is the density of the source; mV and mm against A/m^2.
        jump = float(above - 2 * at + below) / h
        assert -1e3 * jump == pytest.approx(float(sources[row, 0]), abs=1e-3)


def test_far_away_the_balanced_sources_vanish_as_a_dipole():
    sources = Laminar().sources(some_state(nodes=1), Laminar.Inputs())
    near_by, far = np.abs(field_potential(sources, [1e3, 2e3])[:, 0])
    assert far == pytest.approx(near_by / 4, rel=1e-2)
