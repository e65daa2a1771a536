"""QIF populations against closed forms, published onsets and spiking neurons (equations.md 6).

Numbers there are in ms and kHz: a time constant or a rate is multiplied by what makes it s or 1/s.
"""

import dataclasses

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bifurcations import drift, fixed_point, fold, hopf, modes
from scipy.optimize import brentq

from rosetta_jax.linear import motif, response, stability
from rosetta_jax.network import Connectome, Network
from rosetta_jax.results import Status
from rosetta_jax.rungs.nmm2 import NMM2, QIFPopulation
from rosetta_jax.rungs.qif import mean_field, order_parameter, rate_and_voltage
from rosetta_jax.rungs.transfer import QIFCauchy
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung, stack_state, unstack_state

TAU = 0.01
every_order = pytest.mark.parametrize("order", [0, 1, 2])


def population(bias: float, coupling: float, order: int = 0, width: float = 1.0) -> QIFPopulation:
    """A population of membrane time 10 ms."""
    return QIFPopulation(
        bias=bias, coupling_strength=coupling, membrane_time=TAU, width=width, order=order
    )


def components(rung: Rung) -> list[str]:
    return [field.name for field in dataclasses.fields(rung.State)]


def poised(rung: QIFPopulation, R: jax.Array) -> jax.Array:
    """The flat state of R = pi tau r where all but the voltage rests."""
    r = R / (np.pi * rung.membrane_time)
    values = {"r": r, "v": -rung.width / (2 * R), "s": r, "z": jnp.zeros(())}
    return jnp.stack([values[name] for name in components(rung)])


def bias_at(rung: QIFPopulation, R: jax.Array) -> jax.Array:
    """The bias at which the voltage rests too."""
    return rung.bias - rung.membrane_time * drift(rung, poised(rung, R))[1]


def resting(rung: QIFPopulation) -> list[jax.Array]:
    """Every fixed point, lowest rate first, by R^4 - (J/pi) R^3 - bias R^2 - width^2/4 = 0."""
    polynomial = [1.0, -rung.coupling_strength / np.pi, -rung.bias, 0.0, -(rung.width**2) / 4]
    roots = np.roots(np.array(polynomial, float))
    real = np.sort(roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 0)])
    return [poised(rung, jnp.asarray(R)) for R in real]


# --- one population alone


def test_the_set_of_montbrio_pazo_and_roxin_has_no_synapse():
    assert components(QIFPopulation.named("MPR")) == ["r", "v"]


@every_order
def test_the_fixed_points_are_the_roots_of_the_quartic(order):
    rung = QIFPopulation.named("MPR", order=order)
    points = resting(rung)
    known = np.array([0.0811344, 0.4729803, 1.0305968]) / TAU
    np.testing.assert_allclose([point[0] for point in points], known, atol=6e-6)
    for point in points:
        # Rates of change stand against rates over time constants.
        np.testing.assert_allclose(drift(rung, point), 0.0, atol=1e-7)


@pytest.mark.parametrize(
    ("bias", "coupling", "known"),
    [
        (-5.0, 15.0, [[-2.44874, -5.39774], [1.64168, -2.98765], [-0.308860 + 3.318629j] * 2]),
        (5.0, 0.0, [[-0.445016 + 4.494223j] * 2]),
    ],
)
def test_the_eigenvalues_are_the_known_ones(bias, coupling, known):
    rung = population(bias, coupling)
    for point, pair in zip(resting(rung), known, strict=True):
        found = modes(rung, np.asarray(point)) * TAU
        expected = np.array(pair) if np.isreal(pair).all() else [pair[0], np.conj(pair[0])]
        np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(expected), atol=6e-6)


def test_uncoupled_neurons_turn_at_their_firing_rate_which_is_the_static_one():
    rung = population(5.0, 0.0)
    (point,) = resting(rung)
    assert float(point[0]) == pytest.approx(float(QIFCauchy(membrane_time=TAU)(5.0)), rel=1e-12)
    frequency = abs(modes(rung, np.asarray(point)).imag) / (2 * np.pi)
    np.testing.assert_allclose(frequency, float(point[0]), rtol=1e-12)


@pytest.mark.parametrize("width", [1.0, 3.0])
def test_the_folds_are_where_the_bias_turns_along_the_branch(width):
    # In units of the width, the coupling goes as its root.
    rung = population(0.0, 15.0 * np.sqrt(width), width=width)
    slope = jax.jit(jax.grad(lambda R: bias_at(rung, R)))
    edges = [(0.3, 1.0), (1.0, 4.0)]
    turns = [brentq(slope, *(np.sqrt(width) * np.array(edge)), xtol=1e-13) for edge in edges]
    found = [float(bias_at(rung, jnp.asarray(R))) / width for R in turns]
    np.testing.assert_allclose(found, [-3.1361341, -5.7435272], atol=6e-8)


@every_order
def test_a_mode_stands_still_at_the_folds(order):
    for bias in (-3.1361341, -5.7435272):
        rung = population(bias, 15.0, order)
        R = brentq(
            jax.grad(lambda R, rung=rung: bias_at(rung, R)),
            *((0.3, 1.0) if bias > -4 else (1.0, 4.0)),
        )
        found = modes(rung, np.asarray(poised(rung, jnp.asarray(R))))
        assert abs(found).min() * TAU < 1e-6 < 1e-2 * abs(found).max() * TAU


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_the_folds_meet_in_the_known_cusp(width):
    coupling, bias = 7.796217 * np.sqrt(width), -np.sqrt(3) * width
    rung = population(0.0, 8 * np.pi / 3 * 0.75**0.25 * np.sqrt(width), width=width)
    assert float(rung.coupling_strength) == pytest.approx(coupling, rel=1e-7)
    R = jnp.asarray(0.75**0.25 * np.sqrt(width))
    first = jax.grad(lambda R: bias_at(rung, R))
    assert float(bias_at(rung, R)) == pytest.approx(bias, rel=1e-12)
    assert float(first(R)) == pytest.approx(0.0, abs=1e-12)
    assert float(jax.grad(first)(R)) == pytest.approx(0.0, abs=1e-11)


def test_the_gain_is_the_closed_form_and_resonates_at_the_firing_rate():
    rung = population(5.0, 0.0)
    (point,) = resting(rung)
    r, v = float(point[0]), float(point[1])
    assert r == pytest.approx(71.53, abs=0.005)
    # The damping takes off a little: the peak is where (2 pi f tau)^2 = (2 pi r tau)^2 - 4 v^2.
    peak = np.sqrt(r**2 - (v / (np.pi * TAU)) ** 2)
    assert peak == pytest.approx(r, rel=0.01)
    frequencies = np.concatenate([[10.0, 50.0, 71.5, 100.0, 200.0], peak + np.linspace(-1, 1, 21)])
    found = np.asarray(response(rung, frequencies, "current").density[:, 0, 0])
    turning = 2j * np.pi * frequencies * TAU - 2 * v
    expected = 2 * r / (turning**2 + (2 * np.pi * TAU * r) ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    static = float(QIFCauchy(membrane_time=TAU).slope(5.0))
    known = [1.0193, 1.8727, 5.0937, 1.0257, 0.1478]
    np.testing.assert_allclose(abs(found[:5]) / static, known, atol=6e-5)
    assert np.argmax(abs(found[5:])) == 10


@every_order
def test_rates_stay_positive(order):
    rung = population(-400.0, -20.0, order)
    empty = stack_state(rung.start(1))[:, 0].at[0].set(0.0)
    assert float(drift(rung, empty)[0]) == pytest.approx(1 / (np.pi * TAU**2), rel=1e-12)
    # Nothing that enters changes that.
    state = unstack_state(rung, empty[:, None])
    field = rung.vector_field(jnp.zeros(()), state, rung.Inputs(current=-1e6))
    assert float(field.r[0]) == pytest.approx(1 / (np.pi * TAU**2), rel=1e-12)


# --- the conformal map


def test_the_order_parameter_of_a_known_state():
    z = order_parameter(jnp.asarray(50.0), jnp.asarray(-0.4), jnp.asarray(TAU))
    assert complex(z) == pytest.approx(-0.2404199 - 0.1181860j, abs=1e-7)


def test_the_order_parameter_is_the_mean_over_lorentzian_voltages():
    r, v = 50.0, -0.4
    quantiles = (np.arange(2000) + 0.5) / 2000 - 0.5
    voltages = v + np.pi * TAU * r * np.tan(np.pi * quantiles)
    mean = np.mean((1 + 1j * voltages) / (1 - 1j * voltages))
    found = complex(order_parameter(jnp.asarray(r), jnp.asarray(v), jnp.asarray(TAU)))
    assert found == pytest.approx(mean, abs=1e-13)


def test_the_map_is_undone_by_its_inverse():
    r, v = jnp.array([1.0, 50.0, 400.0]), jnp.array([-3.0, -0.4, 2.0])
    back = rate_and_voltage(order_parameter(r, v, jnp.asarray(TAU)), jnp.asarray(TAU))
    np.testing.assert_allclose(back, [r, v], rtol=1e-12)


def test_the_mean_field_is_that_of_the_phases():
    current, width = 1.3, 0.7
    state = jnp.array([50.0]), jnp.array([-0.4])
    time = jnp.asarray(TAU)
    change = mean_field(*state, jnp.asarray(current), jnp.asarray(width), time)
    z, found = jax.jvp(lambda r, v: order_parameter(r, v, time), state, change)
    z = complex(z[0])
    expected = -0.5j * (1 - z) ** 2 + 0.5 * (1 + z) ** 2 * (1j * current - width)
    assert complex(found[0]) * TAU == pytest.approx(expected, abs=1e-12)
    w = np.pi * TAU * 50.0 - 0.4j
    w_change = np.pi * TAU * complex(change[0][0]) + 1j * complex(change[1][0])
    assert w_change * TAU == pytest.approx(width + 1j * current - 1j * w**2, abs=1e-12)


# --- gamma: onsets and cycles


def ing(bias: float) -> QIFPopulation:
    return QIFPopulation.named("ING", bias=bias)


def ping(bias: float) -> NMM2:
    return NMM2.named("PING", bias_e=bias, bias_i=bias)


def ping_of_e(bias: float) -> NMM2:
    return NMM2.named("PING", bias_e=bias, bias_i=0.0)


def balanced(r_e: float, r_i: float) -> np.ndarray:
    """The flat state of the pair at two rates where all but the voltages rests."""
    v_e, v_i = -1 / (2 * np.pi * 0.015 * r_e), -1 / (2 * np.pi * 0.0075 * r_i)
    return np.array([r_e, v_e, r_i, v_i, r_e, r_i, 0.0, 0.0])


@pytest.mark.parametrize(
    ("bracket", "known", "frequency", "r", "v"),
    [
        ((5.0, 5.6), 5.322121, 54.5523, 33.8571, -0.626770),
        ((70.0, 85.0), 76.701125, 255.4653, 260.4069, -0.08149),
    ],
)
def test_ing_begins_and_ends_at_the_known_hopf_points(bracket, known, frequency, r, v):
    start = np.array([r, v, r, 0.0])
    value, mode = hopf(ing, bracket, start, frequency)
    assert value == pytest.approx(known, abs=6e-7)
    assert mode.real == pytest.approx(0.0, abs=1e-6)
    assert mode.imag / (2 * np.pi) == pytest.approx(frequency, abs=6e-5)
    point = fixed_point(ing(value), start)
    assert point[0] == pytest.approx(r, abs=6e-5)
    assert point[1] == pytest.approx(v, abs=6e-6)


@pytest.mark.parametrize(
    ("build", "bracket", "rates", "known", "frequency"),
    [
        (ping, (0.8, 1.4), (52.0, 31.0), 1.110447, 53.9702),
        (ping, (60.0, 75.0), (146.0, 236.0), 67.665305, 229.9425),
        (ping_of_e, (0.6, 1.1), (52.0, 27.0), 0.870803, 50.1145),
    ],
)
def test_ping_begins_and_ends_at_the_known_hopf_points(build, bracket, rates, known, frequency):
    value, mode = hopf(build, bracket, balanced(*rates), frequency)
    assert value == pytest.approx(known, abs=6e-7)
    assert mode.real == pytest.approx(0.0, abs=1e-6)
    assert mode.imag / (2 * np.pi) == pytest.approx(frequency, abs=6e-5)


@pytest.mark.parametrize(
    ("build", "rates", "r_i", "known"),
    [
        (ping, (11.5, 14.0), 15.3, 0.268508),
        (ping, (33.0, 38.0), 17.5, -1.321603),
        (ping_of_e, (11.0, 14.0), 14.8, 0.149159),
        (ping_of_e, (31.0, 36.0), 20.3, -0.536957),
    ],
)
def test_ping_has_the_known_folds(build, rates, r_i, known):
    value, nearest = fold(build, rates, balanced(np.mean(rates), r_i), known)
    assert value == pytest.approx(known, abs=6e-7)
    assert nearest < 1e-3


def test_without_dividing_the_width_no_bias_makes_gamma():
    # As printed for ING: tau r' = Delta + 2 r v, times in ms.
    def growth(rung: QIFPopulation) -> float:
        (point,) = resting(rung)
        return modes(rung, np.asarray(point))[0].real

    biases = np.concatenate([np.linspace(-200.0, 200.0, 41), np.logspace(2.5, 4, 10)])
    printed = np.pi * 7.5
    assert max(growth(QIFPopulation.named("ING", bias=b, width=printed)) for b in biases) < 0
    assert growth(ing(20.0)) > 0


def frequency(signal: np.ndarray, dt: float) -> float:
    """From upward crossings of the middle, interpolated."""
    centred = signal - (signal.max() + signal.min()) / 2
    at = np.flatnonzero((centred[:-1] < 0) & (centred[1:] >= 0))
    crossings = at + centred[at] / (centred[at] - centred[at + 1])
    return (len(crossings) - 1) / (dt * (crossings[-1] - crossings[0]))


def cycles(rung: Rung) -> np.ndarray:
    """Settled rates (time, nodes) in steps of 0.05 ms."""
    solution = simulate(rung, duration=0.5, dt=5e-5, transient=1.5, solver=diffrax.Tsit5())
    assert solution.succeeded
    return np.asarray(solution.signal)


def test_ing_has_the_known_cycles():
    known = {6.0: 57.109, 10.0: 71.405, 20.0: 100.685, 30.0: 129.050, 40.0: 158.234}
    rates = cycles(ing(jnp.array(list(known))))
    found = [frequency(rate, 5e-5) for rate in rates.T]
    np.testing.assert_allclose(found, list(known.values()), rtol=1e-4)
    assert rates[:, 2].min() == pytest.approx(11.0, abs=0.06)
    assert rates[:, 2].max() == pytest.approx(915.0, rel=2e-3)


def test_ping_has_the_known_cycles():
    known = {2.0: 55.625, 5.0: 65.130, 10.0: 80.033, 20.0: 104.747, 40.0: 158.054}
    rates = cycles(ping(jnp.array(list(known))))
    found = [frequency(rate, 5e-5) for rate in rates.T]
    np.testing.assert_allclose(found, list(known.values()), rtol=1e-4)
    assert rates[:, 2].max() == pytest.approx(520.7, rel=2e-3)


# --- spiking neurons


def spiking_rates(cases: list[tuple[float, float, float]], neurons: int = 10_000) -> np.ndarray:
    """Rates per membrane time of QIF neurons with bias, width and Cauchy noise, by exact steps between kicks."""
    random = np.random.default_rng(0)
    step, dropped, steps = 0.01, 1000, 4000
    bias, width, noise = (np.array(each)[:, None] for each in zip(*cases, strict=True))
    quantiles = (np.arange(1, neurons + 1) - 0.5) / neurons - 0.5
    current = bias + width * np.tan(np.pi * quantiles)
    root = np.sqrt(abs(current) + 1e-300)
    above = current > 0
    # Each voltage moves by a Moebius map; where it passes infinity, its neuron has spiked.
    cosine = np.where(above, np.cos(root * step), np.cosh(np.where(above, 0.0, root) * step))
    sine = np.where(above, np.sin(root * step), np.sinh(np.where(above, 0.0, root) * step)) / root
    voltage, spikes = np.zeros_like(current), np.zeros(len(cases))
    for number in range(dropped + steps):
        below = cosine - voltage * sine
        voltage = (voltage * cosine + current * sine) / below
        voltage += step * noise * np.tan(np.pi * (random.random(current.shape) - 0.5))
        if number >= dropped:
            spikes += np.count_nonzero(below <= 0, axis=1)
    return spikes / (neurons * steps * step)


def test_cauchy_noise_acts_as_heterogeneity():
    cases = [(1.0, 0.0, 1.0), (1.0, 0.5, 0.5), (3.0, 0.0, 0.5), (-2.0, 0.0, 1.0), (1.0, 1.0, 0.0)]
    together = [population(bias, 0.0, width=width + noise) for bias, width, noise in cases]
    expected = [float(resting(rung)[0][0]) * TAU for rung in together]
    np.testing.assert_allclose(expected, [0.34972, 0.34972, 0.55323, 0.10936, 0.34972], atol=6e-6)
    np.testing.assert_allclose(spiking_rates(cases), expected, rtol=0.01)


# --- ports, networks, orders


def test_a_current_acts_as_the_bias_does():
    for rung, ports in (
        (QIFPopulation(), {"bias": "current"}),
        (NMM2(), {"bias_e": "current_e", "bias_i": "current_i"}),
    ):
        state = rung.start(2)
        for bias, port in ports.items():
            more = type(rung)(**{bias: getattr(rung, bias) + 3.0})
            biased = more.vector_field(jnp.zeros(()), state, rung.Inputs())
            driven = rung.vector_field(jnp.zeros(()), state, rung.Inputs(**{port: 3.0}))
            np.testing.assert_allclose(stack_state(driven), stack_state(biased), rtol=1e-13)


def test_what_arrives_is_the_current_that_own_synapses_make():
    # One unit of own coupling more, or as much of the own activation from outside.
    rung, state = population(1.0, 15.0, 2), population(1.0, 15.0, 2).start(1)
    stronger = population(1.0, 16.0, 2).vector_field(jnp.zeros(()), state, rung.Inputs())
    arriving = rung.receive(rung.send(state, rung.Inputs()))
    wired = rung.vector_field(jnp.zeros(()), state, arriving)
    np.testing.assert_allclose(stack_state(wired), stack_state(stronger), rtol=1e-13)
    pair = NMM2()
    arriving = pair.receive(pair.send(pair.start(1), pair.Inputs()))
    stronger = NMM2(w_ee=16.0).vector_field(jnp.zeros(()), pair.start(1), pair.Inputs())
    wired = pair.vector_field(jnp.zeros(()), pair.start(1), arriving)
    np.testing.assert_allclose(stack_state(wired), stack_state(stronger), rtol=1e-13)


@every_order
def test_a_node_sends_its_activation_and_inhibits_where_it_is_inhibitory(order):
    name = "s" if order else "r"
    for coupling, sign in ((15.0, 1), (-15.0, -1), (0.0, 1)):
        rung = population(1.0, coupling, order)
        state = dataclasses.replace(rung.start(1), **{name: jnp.array([37.0])})
        np.testing.assert_array_equal(rung.send(state, rung.Inputs()), [[sign * 37.0]])
    pair = NMM2(order=order)
    state = dataclasses.replace(pair.start(1), **{f"{name}_e": jnp.array([37.0])})
    np.testing.assert_array_equal(pair.send(state, pair.Inputs()), [[37.0]])


@pytest.mark.parametrize("kind", [QIFPopulation, NMM2])
@every_order
def test_the_state_is_what_the_order_needs_and_marches_in_networks(kind, order):
    rung = kind(order=order)
    names = [name.removesuffix("_e") for name in components(rung) if not name.endswith("_i")]
    assert names == ["r", "v", "s", "z"][: 2 + order]
    connectome = Connectome([[0.0, 0.5], [0.3, 0.0]], [[0.0, 22.0], [35.0, 0.0]])
    network = Network(rung, connectome, gain=0.1)
    solution = simulate(network, duration=0.02, dt=1e-4, save=("signal", "states"))
    assert solution.succeeded and isinstance(solution.states, rung.State)


def test_the_class_has_the_state_of_its_default_order():
    assert QIFPopulation.State is QIFPopulation().State
    assert NMM2.State is NMM2().State


@pytest.mark.parametrize("kind", [QIFPopulation, NMM2])
def test_an_order_that_is_none_is_an_error(kind):
    with pytest.raises(ValueError, match=r"order.*0, 1, 2"):
        kind(order=3)


@every_order
def test_synapses_have_the_known_response(order):
    rung = population(5.0, 0.0, order)
    (point,) = resting(rung)
    off = np.asarray(point) + np.eye(len(point))[0]
    A = jax.jacfwd(lambda x: drift(rung, x))(jnp.asarray(off))
    omega = 2 * np.pi * 40.0
    # From the rate to what the synapse makes of it.
    synapse = np.asarray(A)[2:, 2:]
    driven = np.asarray(A)[2:, 0]
    if order:
        found = np.linalg.solve(1j * omega * np.eye(order) - synapse, driven)[0]
        assert found == pytest.approx((1 + 1j * omega * 0.002) ** -order, rel=1e-12)


def test_the_defaults_are_stable_foci_and_push_pull_is_the_motif():
    for rung, hertz in ((QIFPopulation(), 50.7), (NMM2(), 53.9)):
        assert int(stability(rung).status) == Status.ok
        found = motif(rung)
        assert found.holds.all() and found.growth[0] < 0
        assert found.rotation[0] / (2 * np.pi) == pytest.approx(hertz, abs=0.05)
    for rung in (ing(10.0), ing(60.0), ping(10.0), ping(40.0)):
        assert motif(rung).holds.all()


def test_push_and_pull_are_the_terms_of_the_equations():
    rung, state = population(1.0, -20.0, 2), population(1.0, -20.0, 2).start(1)
    push, pull = rung.push_pull(state, rung.Inputs())
    r, v = (float(each[0]) for each in (state.r, state.v))
    assert float(push[0]) == pytest.approx(2 * np.pi * TAU * r * v, rel=1e-12)
    assert float(pull[0]) == pytest.approx(-((np.pi * TAU * r) ** 2), rel=1e-12)
    pair = NMM2(w_ie=12.0, w_ei=9.0)
    values = 10.0 + jnp.arange(8.0)[:, None]
    state = unstack_state(pair, values)
    push, pull = pair.push_pull(state, pair.Inputs())
    expected = [0.0075 * 12 * state.r_e[0], -0.015 * 9 * state.s_i[0]]
    np.testing.assert_allclose([push[0], pull[0]], expected, rtol=1e-12)
