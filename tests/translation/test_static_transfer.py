"""NMM2 as NMM1: where a static transfer function does, where it fails, what is said of both (equations.md T8)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj

# Membrane times (s), as the table has them.
TIMES = (0.01, 0.002, 0.0005, 0.0001)


def pair(time: float, bias: float = 10.0, **changes) -> rj.NMM2:
    """The working case: no self-coupling, 30 both ways, synapses of 10 ms."""
    whole = {
        "bias_e": bias,
        "bias_i": -8.0,
        "w_ee": 0.0,
        "w_ei": 30.0,
        "w_ie": 30.0,
        "w_ii": 0.0,
        "membrane_time_e": time,
        "membrane_time_i": time,
        "synaptic_time_e": 0.01,
        "synaptic_time_i": 0.01,
    }
    return rj.NMM2(**(whole | changes))


def hopfs(rung: rj.Network | rj.NMM1 | rj.NMM2 | rj.QIFPopulation, bias, low=-5.0, high=60.0):
    """Hopf points and folds along a bias: values and frequencies (Hz), and values."""
    branch = rj.bifurcation.continuation(rung, bias, (low, high))
    assert branch.complete
    found = np.array([(each.value, each.frequency) for each in branch.hopfs]).reshape(-1, 2)
    return found, np.array([fold.value for fold in branch.folds])


# --- where it holds


def test_hopf_points_of_the_working_case_tend_to_those_of_nmm1():
    table = {
        0.01: ((3.0057, 10.004), (35.4088, 15.304)),
        0.002: ((3.5613, 14.011), (32.8609, 15.765)),
        0.0005: ((3.8071, 15.368), (32.5356, 15.877)),
        0.0001: ((3.8913, 15.801), (32.4589, 15.908)),
    }
    static = rj.translate(pair(0.01), rj.NMM1, measured=False).target
    limit, folds = hopfs(static, "bias_x")
    assert folds.size == 0
    turning = 1 / (2 * np.pi * 0.01)
    np.testing.assert_allclose(limit, [(3.913993, turning), (32.440430, turning)], atol=1e-6)
    for time, expected in table.items():
        found, _ = hopfs(pair(time), "bias_e")
        np.testing.assert_allclose(found[:, 0], np.array(expected)[:, 0], atol=6e-5)
        np.testing.assert_allclose(found[:, 1], np.array(expected)[:, 1], atol=6e-4)


@pytest.fixture(scope="module")
def working():
    return {time: rj.translate(pair(time), rj.NMM1) for time in TIMES}


def test_cycles_of_the_working_case_have_the_frequencies_of_the_table(working):
    expected = {0.01: 12.2006, 0.002: 14.6876, 0.0005: 15.4507}
    for time, each in working.items():
        errors = each.errors
        assert errors["fixed point"].error == pytest.approx(0.0, abs=1e-10)
        assert errors["frequency"].target == pytest.approx(15.7404, abs=5e-5)
        if time in expected:
            assert errors["frequency"].source == pytest.approx(expected[time], abs=5e-5)


def test_errors_fall_with_the_membrane_time(working):
    """Of first order: a membrane that is five times faster has a fifth of the error."""
    names = ("frequency", "amplitude", "growth", "frequency of the root")
    for name in (*names, "tongue, half-width by current_e"):
        near, far = (abs(working[time].errors[name].error) for time in (0.0001, 0.0005))
        assert far < 0.15 and near == pytest.approx(far / 5, rel=0.1), name


def test_the_diagnostic_says_where_it_holds(working):
    """As the module states: ratios, departure and verdict at the frequency of the leading root."""
    stated = {
        0.01: (0.89, 0.50, 29.0, "fails"),
        0.002: (0.25, 0.12, 7.2, "is rough"),
        0.0005: (0.067, 0.033, 1.9, "holds"),
        0.0001: (0.014, 0.0067, 0.38, "holds"),
    }
    for time, (ratio, departure, error, verdict) in stated.items():
        membrane, each = working[time].details, working[time]
        larger = max(membrane.against_voltage.max(), membrane.against_rate.max())
        assert larger == pytest.approx(ratio, rel=0.04)
        assert membrane.departure == pytest.approx(departure, rel=0.05)
        assert 100 * each.errors["frequency"].error == pytest.approx(error, rel=0.02)
        assert membrane.verdict == verdict and f"so that it {verdict}" in each.valid
        assert membrane.omega == pytest.approx(
            2 * np.pi * each.errors["frequency of the root"].source, rel=1e-9
        )


def test_a_lone_membrane_resonates_at_its_rate():
    """Equations.md 6g: five times the static gain at f = r, 71.53 Hz, and at other frequencies (Hz)."""
    alone = rj.QIFPopulation(
        bias=5.0, coupling_strength=0.0, membrane_time=0.01, synaptic_time=0.0005
    )
    membrane = rj.translate(alone, rj.NMM1, measured=False).details
    assert membrane.omega == pytest.approx(2 * np.pi * 71.53, abs=0.03)
    r = float(rj.linear.fixed_point(alone).state.r[0])
    v, turning = 1 / (2 * np.pi * 0.01 * r), np.pi * 0.01 * r
    peak = np.hypot(5.0, 1.0) / (v * np.hypot(v, 2 * turning))
    np.testing.assert_allclose(membrane.gain, peak, rtol=1e-9)
    assert peak == pytest.approx(5.09, abs=5e-3)
    np.testing.assert_allclose(membrane.against_rate, 1.0, rtol=1e-9)
    hertz = [10.0, 50.0, 71.5, 100.0, 200.0]
    answer = np.abs(rj.linear.response(alone, hertz, "current").density[:, 0, 0])
    slope = float(rj.QIFCauchy(0.01).slope(5.0))
    printed = [1.0193, 1.8727, 5.0937, 1.0257, 0.1478]
    np.testing.assert_allclose(answer / slope, printed, atol=6e-5)


# --- where it fails


def test_gamma_of_an_inhibitory_population_is_lost():
    """ING: two Hopf points at membrane times of 7.5 and 3.75 ms, none from 2.25 ms on, none ever in NMM1."""
    for time, number in ((0.0075, 2), (0.00375, 2), (0.00225, 0), (0.001, 0)):
        source = rj.QIFPopulation(membrane_time=time)
        assert len(hopfs(source, "bias", 0.0, 150.0)[0]) == number, time
    found = rj.translate(rj.QIFPopulation.named("ING"), rj.NMM1)
    assert len(hopfs(found.target, "bias_x", 0.0, 150.0)[0]) == 0
    assert found.errors["frequency"].source == pytest.approx(71.405, abs=1e-3)
    assert found.errors["frequency"].target == found.errors["amplitude"].target == 0.0
    # (1 + s τ)² + K = 0 decays with the synapse's time whatever the gain.
    assert found.errors["growth"].target == pytest.approx(-1 / 0.002, rel=1e-9)
    assert found.details.verdict == "fails"
    assert found.details.departure == pytest.approx(2.0, abs=0.05)


def test_gamma_of_the_pair_is_lost_and_its_folds_stay():
    """PING: Hopf points at membranes of the set and of half, none at a fifth; NMM1 keeps the folds."""
    both = ("bias_e", "bias_i")
    for share, number in ((1.0, 2), (0.5, 2), (0.2, 0)):
        source = rj.NMM2(membrane_time_e=0.015 * share, membrane_time_i=0.0075 * share)
        found, folds = hopfs(source, both, -10.0, 120.0)
        assert len(found) == number, share
        np.testing.assert_allclose(sorted(folds), [-1.321603, 0.268508], atol=1e-6)
    static = rj.translate(rj.NMM2(), rj.NMM1, measured=False).target
    found, folds = hopfs(static, ("bias_x", "bias_y"), -10.0, 120.0)
    assert len(found) == 0
    np.testing.assert_allclose(sorted(folds), [-1.321603, 0.268508], atol=1e-6)


# --- what travels


def delayed(noise, **changes) -> rj.Network:
    """Three different fast pairs, wired with delays."""
    rng = np.random.default_rng(0)
    links = rng.uniform(0, 1, (3, 3)) * (1 - np.eye(3))
    rung = pair(
        0.0002,
        1.0 + 0.1 * np.arange(3),
        membrane_time_e=0.0002 * (1 + 0.1 * np.arange(3)),
        width_i=1.3,
        synaptic_time_i=0.008,
    )
    return rj.Network(rung, rj.Connectome(links, 150 * links), gain=0.5, noise=noise, **changes)


@pytest.fixture(scope="module")
def stirred():
    drive = rj.Constant(0.3, port="current_i") + rj.Sinusoid(0.1, 5.0)
    return rj.translate(delayed(rj.WhiteNoise(0.01), drive=drive), rj.NMM1)


def test_a_delayed_network_of_different_pairs_keeps_its_spectra(stirred):
    """Rates are read back through the synapse: noise, weights between times, both transfer functions."""
    for name in ("fixed point", "peak frequency", "power about the peak", "response to current_e"):
        assert abs(stirred.errors[name].error) < 2e-3, name
    assert stirred.errors["spectra apart, mean"].target < 0.01
    assert abs(stirred.errors["growth"].error) < 0.01
    network = stirred.source
    np.testing.assert_array_equal(stirred.target.connectome.lengths, network.connectome.lengths)
    inputs = stirred.target.outside(jnp.asarray(0.05))
    np.testing.assert_allclose(inputs.field_x, 0.1 * np.ones(3))
    np.testing.assert_allclose(inputs.field_y, 0.3 / 1.3 * np.ones(3))


def test_white_noise_goes_through_the_synapse_as_the_slope_says(stirred):
    point = rj.linear.fixed_point(stirred.source)
    rung, noise = stirred.source.rung, stirred.target.noise
    received = rung.membrane_time_e * 0.5 * point.arriving[0]
    current = rung.bias_e - rung.membrane_time_e * 30.0 * point.state.s_i + received
    slopes = rj.QIFCauchy(rung.membrane_time_e).slope(current)
    assert noise.ports == ("rate_x",)
    np.testing.assert_allclose(noise.sigma, 0.01 * slopes, rtol=1e-9)
    smooth = rj.translate(delayed(rj.OrnsteinUhlenbeck(0.01, 0.02)), rj.NMM1, measured=False)
    assert smooth.target.noise.ports == ("field_x",)
    np.testing.assert_allclose([smooth.target.noise.sd, smooth.target.noise.tau], [0.01, 0.02])


def test_rates_are_read_off_states(stirred):
    """At rest the rate of the source, of one state or of a series; inputs that are given count."""
    source, target = stirred.source, stirred.target
    r = rj.linear.fixed_point(source).state.r_e
    state = rj.linear.fixed_point(target).state
    np.testing.assert_allclose(stirred.signal(state), r, rtol=1e-8)
    series = jax.tree.map(lambda each: jnp.stack([each, each]), state)
    np.testing.assert_allclose(stirred.signal(series), jnp.stack([r, r]), rtol=1e-8)
    still = jax.tree.map(jnp.zeros_like, state)
    pushed = stirred.signal(still, target.rung.Inputs(field_x=jnp.full(3, 2.0)))
    expected = rj.QIFCauchy(source.rung.membrane_time_e)(source.rung.bias_e + 2.0)
    np.testing.assert_allclose(pushed, expected, rtol=1e-12)


def test_inhibitory_populations_inhibit_each_other_in_the_target_too():
    """By what others send, and diffusively with the sign of the own value, too."""
    links = np.array([[0.0, 0.4], [0.9, 0.0]])
    source = rj.Network(
        rj.QIFPopulation(membrane_time=np.array([0.002, 0.003])),
        rj.Connectome(links),
        "diffusive",
        gain=2.0,
    )
    found = rj.translate(source, rj.NMM1, measured=False)
    r = rj.linear.fixed_point(source).state.r
    state = rj.linear.fixed_point(found.target).state
    np.testing.assert_allclose(found.signal(state), r, rtol=1e-9)
    alone = rj.linear.fixed_point(source.rung).state.r
    assert np.abs(r - alone).max() > 1.0


# --- refusals

PAIR = rj.Connectome([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (rj.NMM2(order=1), r"order 1, a first-order synapse.*rj\.NMM2\(order=2\)"),
        (rj.QIFPopulation.named("MPR"), r"order 0, no synapse at all.*rj\.QIFPopulation"),
        (
            rj.Network(rj.QIFPopulation(coupling_strength=[-5.0, 5.0]), PAIR, "diffusive"),
            r"excitatory and inhibitory nodes diffusively",
        ),
        (
            rj.Network(rj.NMM2(), PAIR, sensor=rj.WhiteNoise(0.1)),
            r"`sensor`, whose noise is added to a signal that NMM1 does not show",
        ),
        (
            rj.Network(
                rj.NMM2(),
                PAIR,
                noise=rj.WhiteNoise(0.01, ports=("current_e", "current_i")),
            ),
            r"noise at the ports 'current_e', 'current_i', which act with different strengths",
        ),
    ],
)
def test_what_the_target_cannot_hold_is_refused_by_name(source, message):
    with pytest.raises(ValueError, match=message):
        rj.translate(source, rj.NMM1, measured=False)
