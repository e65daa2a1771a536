"""Second-order synapses as first-order ones and back: equations.md T6, what travels, and what is refused."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.rungs.synapse import transfer
from rosetta_jax.translation.rescaled import scale

# What a second is in units of the time constant of Wilson-Cowan's sets.
TAU = 0.01


# --- the table of T6


def test_hopf_points_of_a_rise_time_are_those_of_the_table_and_folds_stay():
    """Of set WC-a, in units of the decay time: for each rise time the Hopf point and its angular frequency."""
    table = {
        0.3: (2.31476, 0.835),
        0.1: (2.12414, 1.169),
        0.03: (1.86309, 1.472),
        0.01: (1.68142, 1.636),
        0.003: (1.58317, 1.714),
    }
    for rise, (value, omega) in table.items():
        source = rj.WilsonCowan.named("WC-a")
        share = rise / (1 + rise)
        found = rj.translate(source, rj.NMM1, rise=share, measured=False)
        np.testing.assert_allclose(found.target.rise_x / found.target.decay_x, rise)
        np.testing.assert_allclose(found.target.rise_y + found.target.decay_y, TAU)
        branch = rj.bifurcation.continuation(found.target, "bias_x", (-5.0, 3.0))
        folds = sorted(fold.value for fold in branch.folds)
        np.testing.assert_allclose(folds, [-3.590051, -3.3004770], atol=1e-6)
        (hopf,) = branch.hopfs
        decay = TAU / (1 + rise)
        assert hopf.value == pytest.approx(value, abs=6e-6)
        assert 2 * np.pi * hopf.frequency * decay == pytest.approx(omega, abs=6e-4)


class FirstOrderState(eqx.Module):
    """Three potentials."""

    y0: Any
    y1: Any
    y2: Any


class FirstOrderColumn(rj.JansenRit):
    """Jansen-Rit with synapses of first order, of times 2/a and 2/b."""

    State: ClassVar[type] = FirstOrderState

    def start(self, nodes: int) -> Any:
        rest = jnp.zeros(nodes)
        return FirstOrderState(y0=rest, y1=rest, y2=rest)

    def vector_field(self, t: Any, state: Any, inputs: Any) -> Any:
        count, gains = self.connectivity, (self.excitatory_gain, self.inhibitory_gain)
        excitation = self.bias + inputs.rate + 0.8 * count * self._rate(count * state.y0)
        inhibition = 0.25 * count * self._rate(0.25 * count * state.y0)
        e, i = self.excitatory_rate, self.inhibitory_rate
        return FirstOrderState(
            y0=(gains[0] / e * self.firing_rate(state, inputs) - state.y0) * e / 2,
            y1=(gains[0] / e * excitation - state.y1) * e / 2,
            y2=(gains[1] / i * inhibition - state.y2) * i / 2,
        )

    def signal(self, state: Any, inputs: Any) -> Any:
        return state.y1 - state.y2


def test_jansen_rit_of_first_order_loses_its_alpha_rhythm():
    """What the refusal says: folds stay, of the Hopf points one, at -39.806 and 3.01 Hz."""
    branch = rj.bifurcation.continuation(FirstOrderColumn(), "bias", (-80.0, 400.0))
    folds = sorted(fold.value for fold in branch.folds)
    np.testing.assert_allclose(folds, [-41.301410, 113.586273], atol=1e-6)
    (hopf,) = branch.hopfs
    assert hopf.value == pytest.approx(-39.806, abs=5e-4)
    assert hopf.frequency == pytest.approx(3.01, abs=5e-3)
    with pytest.raises(ValueError, match=r"three populations.*-39\.8 pulses/s and 3\.01 Hz.*rj\.S"):
        rj.translate(rj.JansenRit(), rj.WilsonCowan)


@pytest.fixture(scope="module")
def motif():
    """The pair without self-excitation, beyond its onset."""
    return rj.translate(rj.NMM1(), rj.WilsonCowan)


def test_the_motif_oscillates_with_second_order_synapses_only(motif):
    assert motif.errors["growth"].source > 0 > motif.errors["growth"].target
    frequency, amplitude = motif.errors["frequency"], motif.errors["amplitude"]
    assert frequency.source == pytest.approx(11.312, abs=1e-3)
    assert amplitude.source == pytest.approx(0.05907, abs=1e-5)
    assert frequency.target == amplitude.target == 0.0
    assert motif.errors["fixed point"].error == pytest.approx(0.0, abs=1e-12)
    branch = rj.bifurcation.continuation(motif.target, "bias_x", (-20.0, 80.0))
    assert branch.complete and branch.hopfs == () and branch.stable.all()
    # The trace, whatever the loop: -1/τ_x - 1/τ_y.
    root = motif.errors["growth"].target
    assert root == pytest.approx(-(1 / 0.02 + 1 / 0.04) / 2, rel=1e-9)
    assert "the rise time was 0.5 and 0.5" in motif.valid and "11.31" not in motif.valid


def test_there_and_back_is_the_same(motif):
    """Alpha synapses: half of the time is rise time. Weights and gains stay as they are on the way."""
    np.testing.assert_allclose(motif.target.gain_x, 0.0325)
    np.testing.assert_allclose([motif.target.w_xy, motif.target.w_yx], [20.0, 75.0])
    back = rj.translate(motif.target, rj.NMM1, rise=0.5, measured=False).target
    for name in rj.paths(rj.NMM1()):
        expected, found = rj.parameters.get(rj.NMM1(), name), rj.parameters.get(back, name)
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)


# --- at rest


def test_a_weak_sinusoid_is_answered_as_the_closed_form_says():
    """x = g H_x (u - w S_x' g H_y w S_y' x): for both orders, at the resonance of the source."""
    rung = rj.NMM1(bias_x=10.0)
    found = rj.translate(rung, rj.WilsonCowan)
    state = rj.linear.fixed_point(rung).state
    slopes = [
        float(rung.transfer.slope(v)[0])
        for v in (rung.bias_x - rung.w_xy * state.y, rung.bias_y + rung.w_yx * state.x)
    ]
    loop = float(rung.w_xy * rung.w_yx) * slopes[0] * slopes[1]
    omega = 2 * np.pi * np.linspace(5.0, 15.0, 20001)

    def answer(times: tuple[tuple[float, float], ...]) -> np.ndarray:
        (rise_x, decay_x), (rise_y, decay_y) = times
        x = np.asarray(transfer(omega, rise_x, decay_x, rung.gain_x))
        y = np.asarray(transfer(omega, rise_y, decay_y, rung.gain_y))
        return np.abs(x / (1 + loop * x * y))

    second = answer(((0.01, 0.01), (0.02, 0.02)))
    first = answer(((0.0, 0.02), (0.0, 0.04)))
    place = int(np.argmax(second))
    rate, field = found.errors["response to rate_x"], found.errors["response to field_x"]
    # The grid of frequencies may miss the resonance by a little.
    assert rate.source == pytest.approx(second[place], rel=1e-3)
    assert rate.target == pytest.approx(first[place], rel=1e-3)
    assert field.source / rate.source == pytest.approx(slopes[0], rel=1e-9)
    assert field.target / rate.target == pytest.approx(slopes[0], rel=1e-9)


@pytest.fixture(scope="module")
def brain():
    """A delayed network of Wilson-Cowan pairs at rest, with all that may travel."""
    rng = np.random.default_rng(4)
    links = rng.uniform(0, 1, (3, 3)) * (1 - np.eye(3))
    return rj.Network(
        rj.WilsonCowan(bias_y=-7.2 + 0.05 * np.arange(3), time_x=0.01 + 0.001 * np.arange(3)),
        rj.Connectome(links, 100.0 * links),
        gain=0.5,
        noise=rj.WhiteNoise(0.02),
        drive=rj.Constant(0.3, port="y"),
        field=rj.Field(0.2, rj.Sinusoid(1.0, 10.0), port="current_y"),
        sensor=rj.WhiteNoise(1e-6),
    )


def test_a_delayed_network_keeps_its_spectra_in_the_limit(brain):
    found = rj.translate(brain, rj.NMM1, rise=1e-3)
    for name in ("peak frequency", "power about the peak", "growth", "response to x"):
        assert abs(found.errors[name].error) < 0.02, name
    assert found.errors["spectra apart, mean"].target < 0.1
    target = found.target
    np.testing.assert_array_equal(target.connectome.lengths, brain.connectome.lengths)
    assert float(target.gain) == 0.5 and target.sensor is brain.sensor
    # A force on the rate of change acts through the synapse, τ/g times as strongly.
    np.testing.assert_allclose(target.noise.sigma, 0.02 * brain.rung.time_x, rtol=1e-12)
    assert target.noise.ports == ("rate_x",)
    at = jnp.asarray(0.013)
    outside, before = target.outside(at), brain.outside(at)
    np.testing.assert_allclose(outside.rate_y, before.y * brain.rung.time_y * np.ones(3))
    np.testing.assert_allclose(outside.field_y, before.current_y * np.ones(3))


def test_constant_inputs_move_both_alike():
    """To rest area and gain are all that counts, at each port."""
    source = rj.WilsonCowan(
        transfer_x=rj.Sigmoid(0.5, 0.2, 1.3), transfer_y=rj.Logistic(0.8, -0.4, 0.7), time_y=0.02
    )
    found = rj.translate(source, rj.NMM1, rise=0.3, measured=False)
    plain = rj.linear.fixed_point(source).state.x
    for port, factors in found.inputs.items():
        push = 0.3 if port.startswith("current") else 5.0
        moved = rj.linear.fixed_point(source, inputs=source.Inputs(**{port: push})).state
        given = {name: push * each[0] for name, each in factors.items()}
        target = found.target
        at = rj.linear.fixed_point(target, inputs=target.Inputs(**given)).state
        np.testing.assert_allclose(found.signal(at), moved.x, rtol=1e-9, err_msg=port)
        assert abs(moved.x - plain)[0] > 1e-3, port


@pytest.mark.parametrize(
    ("of", "by"),
    [
        (rj.Sigmoid(2.0, 3.0, 0.4), rj.Logistic(0.5, -1.0, 1.5)),
        (rj.QIFCauchy(0.02, 1.4), rj.QIFCauchy(0.005, 0.6)),
        (rj.LIF(0.01, 0.7), rj.LIF(0.01, 0.7)),
    ],
)
def test_one_transfer_function_is_another_to_scale(of, by):
    found, input = scale(of, by), jnp.linspace(-3.0, 5.0, 9)
    again = found.rate * by(found.input * input + found.shift)
    np.testing.assert_allclose(again, of(input), rtol=1e-12)


# --- refusals

PAIR = rj.Connectome([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        (
            rj.WilsonCowan.named("WC72"),
            rj.NMM1,
            {},
            r"refractory factor of 1, which rj\.NMM1 has no place",
        ),
        (
            rj.WilsonCowan(transfer_x=rj.LIF()),
            rj.NMM1,
            {},
            r"two transfer functions, LIF for x and Logistic for y",
        ),
        (
            rj.WilsonCowan(transfer_y=rj.Logistic(subtracted=1.0)),
            rj.NMM1,
            {},
            r"two transfer functions, Logistic for x and Logistic",
        ),
        (rj.WilsonCowan(), rj.NMM1, {"rise": 1.0}, r"`rise` must be the share.*got 1\."),
        (rj.WilsonCowan(), rj.NMM1, {"rise": 1e-4}, r"of 0\.0001 makes a rise time of 1e-06 s"),
        (rj.WilsonCowan(), rj.NMM1, {"rise": 0.0}, r"`rise` must be one positive number"),
        (rj.NMM1(w_xx=-2.0), rj.WilsonCowan, {}, r"w_xx = -2 inhibits x by itself"),
        (
            rj.Network(
                rj.WilsonCowan(gain_y=2.0), PAIR, noise=rj.WhiteNoise(0.1, ports=("x", "y"))
            ),
            rj.NMM1,
            {},
            r"noise at the ports 'x', 'y', which act with different strengths",
        ),
    ],
)
def test_what_the_target_cannot_hold_is_refused_by_name(source, target, options, message):
    with pytest.raises(ValueError, match=message):
        rj.translate(source, target, measured=False, **options)
