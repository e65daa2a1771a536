"""The master mass in its limits: closed forms, orders of the error, what travels, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.translation.master_limits import equivalent_membrane_time
from rosetta_jax.translation.side_by_side import leading_root


def slope(rung: rj.MasterMass, s: float) -> float:
    return float(rung.transfer.slope(rung.kappa * s + rung.bias))


# --- a fast membrane: NMM1


@pytest.fixture(scope="module")
def fast_membrane():
    """A membrane of a hundredth of the synapse's mean delay, one that inhibits itself."""
    return rj.translate(rj.MasterMass(kappa=-0.36, membrane_time=1e-4), rj.NMM1)


def test_a_fast_membrane_leaves_nmm1_to_first_order(fast_membrane):
    approach, errors = fast_membrane.details, fast_membrane.errors
    np.testing.assert_allclose(approach.ratio, [0.01, 0.005, 0.0025], rtol=1e-12)
    assert approach.order == pytest.approx(1.0, abs=0.01)
    assert approach.errors[0] == pytest.approx(0.0285, abs=5e-5)
    assert errors["fixed point"].error == pytest.approx(0.0, abs=1e-12)
    for name in ("response to field", "response to rate"):
        assert errors[name].error == pytest.approx(-0.07, abs=0.005)
    assert "order 1" in fast_membrane.valid and "here it is 0.01" in fast_membrane.valid


def test_both_roots_are_those_of_the_closed_form(fast_membrane):
    """(1 + λτ_m)(1 + λτ_s)² + K = 0, and the same without membrane."""
    rung = fast_membrane.source
    s = float(rj.linear.fixed_point(rung).state.s[0])
    loop = -float(rung.kappa) * slope(rung, s)
    synapse, membrane = np.array([0.005, 1.0]), np.array([1e-4, 1.0])
    second = np.polymul(synapse, synapse)
    growth, frequency = (
        fast_membrane.errors["growth"],
        fast_membrane.errors["frequency of the root"],
    )
    for polynomial, found in (
        (np.polymul(membrane, second), (growth.source, frequency.source)),
        (second, (growth.target, frequency.target)),
    ):
        characteristic = polynomial.copy()
        characteristic[-1] += loop
        roots = np.roots(characteristic)
        turning = roots[roots.imag > 0]
        leading = turning[np.argmax(turning.real)]
        np.testing.assert_allclose(found, [leading.real, leading.imag / (2 * np.pi)], rtol=1e-8)


def test_only_the_whole_oscillates():
    """The default does, at 45 Hz; with a static transfer function it decays with the synapse."""
    found = rj.translate(rj.MasterMass(), rj.NMM1)
    assert found.errors["frequency"].source == pytest.approx(44.96, abs=0.01)
    assert found.errors["frequency"].target == found.errors["amplitude"].target == 0.0
    assert found.errors["growth"].target == pytest.approx(-200.0, rel=1e-9)
    # y, which is idle, decays as fast and does not turn: the root that turns is the one to compare.
    network, point = rj.alone(found.target), rj.linear.fixed_point(found.target)
    turning, straight = (leading_root(network, point, turning=each) for each in (True, False))
    assert turning is not None and straight is not None
    assert turning.imag / (2 * np.pi) == pytest.approx(112.54, abs=5e-3) and straight.imag == 0.0
    assert found.errors["frequency of the root"].target == turning.imag / (2 * np.pi)


def test_a_delayed_network_keeps_its_spectra_in_the_limit():
    rng = np.random.default_rng(5)
    links = rng.uniform(0, 1, (3, 3)) * (1 - np.eye(3))
    source = rj.Network(
        rj.MasterMass(kappa=-0.3 - 0.02 * np.arange(3), membrane_time=2e-5),
        rj.Connectome(links, 100 * links),
        gain=0.02,
        noise=rj.WhiteNoise(0.005),
        drive=rj.Sinusoid(0.1, 5.0),
    )
    found = rj.translate(source, rj.NMM1)
    assert found.errors["spectra apart, mean"].target < 0.3
    for name in ("power about the peak", "response to field", "frequency of the root"):
        assert abs(found.errors[name].error) < 0.03, name
    target = found.target
    np.testing.assert_array_equal(target.connectome.lengths, source.connectome.lengths)
    assert target.noise.ports == ("rate_x",) and float(target.noise.sigma) == 0.005
    at = jnp.asarray(0.03)
    np.testing.assert_allclose(target.outside(at).field_x, source.outside(at).field * np.ones(3))
    # What the electrode sees is κ s, what is sent is s.
    state = rj.linear.fixed_point(source).state
    image = rj.linear.fixed_point(target).state
    np.testing.assert_allclose(found.signal(image), source.rung.kappa * state.s, rtol=1e-8)
    np.testing.assert_allclose(image.x, state.s, rtol=1e-8)


# --- a fast synapse: Wilson-Cowan


def test_a_fast_synapse_leaves_wilson_cowan_to_first_order():
    source = rj.MasterMass(
        kappa=0.02,
        bias=0.5,
        rise=1e-4,
        decay=2e-4,
        refractory_time=0.002,
        transfer=rj.Logistic(50.0, subtracted=0.3),
    )
    found = rj.translate(source, rj.WilsonCowan)
    approach = found.details
    np.testing.assert_allclose(approach.ratio, [0.03, 0.015, 0.0075], rtol=1e-12)
    assert approach.order == pytest.approx(1.0, abs=0.02) and approach.errors[0] < 0.02
    assert abs(found.errors["response to field"].error) < 1e-3
    # The refractory factor and the share that is not subtracted: the same fixed point.
    level = found.errors["fixed point"]
    assert level.error == pytest.approx(0.0, abs=1e-10) and level.source > 0.1


# --- rate and voltage: rung 6


def qif(fast: float, membrane: float = 1.0) -> rj.MasterMass:
    """A mass with the curve of QIF neurons of `fast` times 10 ms, J = -5, and a synapse of 10 ms."""
    return rj.MasterMass(
        kappa=-5.0 * fast * 0.01,
        bias=2.0,
        membrane_time=0.01 * fast * membrane,
        rise=0.01,
        decay=0.01,
        transfer=rj.QIFCauchy(membrane_time=0.01 * fast),
    )


def test_rate_and_voltage_take_the_membranes_place_to_first_order():
    noise = rj.OrnsteinUhlenbeck(0.1, 0.005, ports=("field",))
    found = rj.translate(rj.alone(qif(0.1), noise=noise), rj.QIFPopulation)
    assert float(found.target.rung.coupling_strength) == pytest.approx(-5.0, rel=1e-12)
    assert found.target.noise.ports == ("current",)
    assert found.details.order == pytest.approx(1.0, abs=0.06)
    np.testing.assert_allclose(found.details.errors, [0.02414, 0.01123, 0.00541], atol=5e-6)
    assert found.errors["fixed point"].error == pytest.approx(0.0, abs=1e-10)
    assert abs(found.errors["frequency of the root"].error) < 0.03
    # The rate of the target, read through its synapse.
    assert found.errors["spectra apart, mean"].target < 0.3


def test_with_the_equivalent_membrane_time_the_error_is_of_second_order():
    """Rate and voltage lag as a membrane of time τ|v|/(v² + (πτr)²)."""
    r = rj.linear.fixed_point(qif(0.1)).state.r
    time = float(equivalent_membrane_time(qif(0.1), r)[0])
    assert time == pytest.approx(4.798e-4, abs=5e-8)
    found = rj.translate(qif(0.1, time / 0.001), rj.QIFPopulation)
    assert found.details.order == pytest.approx(2.0, abs=0.05)
    assert found.details.errors[0] < 2e-3


def test_a_network_of_masses_inhibits_as_one_of_rung_6():
    """What a self-inhibiting QIF population sends is negative; that of a master mass is not."""
    links = np.array([[0.0, 0.4], [0.9, 0.0]])
    source = rj.Network(qif(0.1), rj.Connectome(links), gain=2e-3)
    found = rj.translate(source, rj.QIFPopulation, measured=False)
    state = rj.linear.fixed_point(source).state
    image = rj.linear.fixed_point(found.target).state
    np.testing.assert_allclose(image.r, state.r, rtol=1e-9)
    np.testing.assert_allclose(found.signal(image), source.rung.kappa * state.s, rtol=1e-9)
    alone = rj.linear.fixed_point(source.rung).state.r
    assert (np.asarray(state.r) > float(alone[0]) + 1.0).all()


# --- refusals

CURVE = rj.QIFCauchy(membrane_time=0.001)
PAIR = rj.Connectome([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            rj.MasterMass(),
            rj.WilsonCowan,
            r"kappa = -0\.5 inhibits.*rj\.translate\(source, rj\.NMM1",
        ),
        (
            rj.MasterMass(refractory_time=0.002),
            rj.NMM1,
            r"refractory time of 0\.002 s, which rj\.NMM1",
        ),
        (rj.MasterMass(), rj.QIFPopulation, r"transfer function Sigmoid.*rj\.QIFCauchy"),
        (rj.MasterMass(transfer=CURVE, rise=0.002), rj.QIFPopulation, r"rise and decay differ"),
        (
            rj.MasterMass(transfer=CURVE, refractory_time=0.001),
            rj.QIFPopulation,
            r"refractory time of 0\.001 s, which rj\.QIFPopulation",
        ),
        (
            rj.Network(rj.MasterMass(transfer=CURVE), PAIR, noise=rj.WhiteNoise(0.1)),
            rj.QIFPopulation,
            r"noise at its port 'rate', which QIFPopulation cannot take: it has nothing that enters",
        ),
        (
            rj.Network(rj.MasterMass(kappa=0.1), PAIR, drive=rj.Constant(1.0, port="rate")),
            rj.WilsonCowan,
            r"a drive at its port 'rate', which WilsonCowan cannot take",
        ),
        (rj.MasterMass(), rj.NMM2, r"one population and rj\.NMM2 a pair.*rj\.QIFPopulation"),
    ],
)
def test_what_the_target_cannot_hold_is_refused_by_name(source, target, message):
    with pytest.raises(ValueError, match=message):
        rj.translate(source, target)
