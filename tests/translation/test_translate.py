"""From rung to rung: published tables, closed forms, orders in the distance to onset, forcing, wrong ways."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.translation.comparison import harmonics
from rosetta_jax.translation.phase_reduction import to_phase

PAIR = np.array([[0.0, 1.0], [1.0, 0.0]])
# What a second is in units of the time constant of Wilson-Cowan's sets.
TAU = 0.01


def wilson_cowan(distance: float) -> rj.WilsonCowan:
    """Set WC-b beyond its first Hopf point, P_y = -6.70682382."""
    return rj.WilsonCowan.named("WC-b", bias_y=-6.70682382 + distance)


@pytest.fixture(scope="module")
def near_onset():
    return {
        d: rj.translate(wilson_cowan(d), rj.StuartLandau, parameter="bias_y") for d in (0.02, 0.08)
    }


def test_the_normal_form_has_the_coefficients_of_the_table(near_onset):
    """Equations.md 7, WC-b, gamma and beta in 1/tau: those of the Hopf point, wherever the node stands."""
    for found in near_onset.values():
        rung = found.target
        assert isinstance(rung, rj.StuartLandau)
        gamma, beta = float(rung.gamma) * TAU, float(rung.beta) * TAU
        shear = beta / gamma
        assert shear == pytest.approx(2.3359, abs=5e-5)
        assert gamma == pytest.approx(7.197, abs=0.02)
        hopf = found.details[0]
        assert hopf.value == pytest.approx(-6.70682382, abs=1e-8)
    rung = near_onset[0.02].target
    assert float(rung.alpha) * TAU == pytest.approx(0.2882758 * 0.02, rel=0.02)
    push = near_onset[0.02].inputs["current_y"]
    np.testing.assert_allclose([push["x"], push["y"]], [[0.0], [26.29]], atol=0.3)


def test_errors_fall_with_the_distance_to_onset(near_onset):
    """Amplitude and frequency of the true cycle: their errors are of first order in the distance."""
    for name in ("amplitude", "frequency"):
        near, far = (abs(near_onset[d].errors[name].error) for d in (0.02, 0.08))
        assert far < 0.01 and near < 0.45 * far, (name, near, far)
    tongues = [name for name in near_onset[0.02].errors if name.startswith("tongue")]
    assert len(tongues) == 4
    for name in tongues:
        near, far = (abs(near_onset[d].errors[name].error) for d in (0.02, 0.08))
        assert near < 0.02 and near < 0.45 * far, (name, near, far)


def test_signals_come_back_from_the_plane(near_onset):
    """The circle of the target, read back, is the cycle of the source: mean and second harmonic, too."""
    found = near_onset[0.02]
    cycle = rj.bifurcation.limit_cycle(wilson_cowan(0.02), settle=5.0)
    rung = found.target
    radius = np.sqrt(float(rung.alpha) / float(rung.gamma))
    angles = np.linspace(0, 2 * np.pi, 400)[:, None]
    x, y = (jnp.asarray(radius * wave(angles)) for wave in (np.cos, np.sin))
    plane = jax.vmap(lambda x, y: rung.State(x=x, y=y))(x, y)
    seen = np.asarray(found.signal(plane))
    # Of an amplitude of 0.028; without shift and second harmonic both ends would be 4e-4 off.
    np.testing.assert_allclose([seen.min(), seen.max()], [cycle.low[0], cycle.high[0]], atol=6e-5)


def test_a_pair_in_antiphase_is_translated_to_one():
    """Equations.md T5: kappa = .001040 - .000705 i (1/tau), so that in phase is unstable and antiphase stable."""
    network = rj.Network(rj.WilsonCowan.named("WC-b", bias_y=-6.65), rj.Connectome(PAIR), gain=0.01)
    found = rj.translate(network, rj.StuartLandau, parameter="bias_y")
    wires, rung = found.target.connectome, found.target.rung
    links = np.asarray(wires.weights) * np.exp(1j * np.asarray(wires.phase))
    np.testing.assert_allclose(links[0, 1] * TAU, 0.001040 - 0.000705j, atol=2e-6)
    np.testing.assert_allclose(np.asarray(rung.alpha) * TAU, 0.01525, atol=5e-5)
    np.testing.assert_allclose(np.asarray(rung.omega) * TAU, 2.18294, atol=5e-5)
    assert found.errors["order parameter"].source < 0.15
    assert found.errors["order parameter"].target < 0.15
    assert abs(found.errors["amplitude, mean"].error) < 0.01
    phases = rj.translate(found.target, rj.PhaseOscillator, measured=False)
    # Adler's coupling of the pair: with this lag the sum of both pulls drives them apart.
    lag = float(phases.target.coupling.lags[0])
    assert np.cos(lag) < 0


def test_a_delayed_network_at_rest_is_translated_with_its_spectra():
    rng = np.random.default_rng(1)
    links = rng.uniform(0, 1, (4, 4)) * (1 - np.eye(4))
    lengths = rng.uniform(20, 200, (4, 4)) * (1 - np.eye(4))
    network = rj.Network(
        rj.JansenRit(bias=330.0 + 20 * rng.uniform(size=4)),
        rj.Connectome(links / links.sum(axis=1, keepdims=True), lengths),
        gain=5.0,
        noise=rj.WhiteNoise(1.0),
    )
    damped = rj.translate(network, rj.HarmonicOscillator)
    oscillators = rj.translate(network, rj.StuartLandau)
    for found in (damped, oscillators):
        assert found.errors["peak frequency"].error == pytest.approx(0.0, abs=0.005)
        assert abs(found.errors["power about the peak"].error) < 0.1
        assert found.errors["spectra apart, mean"].target < 0.6
        np.testing.assert_array_equal(found.target.connectome.lengths, lengths)
    np.testing.assert_allclose(damped.target.rung.alpha, oscillators.target.rung.alpha)
    assert (np.asarray(oscillators.target.rung.gamma) > 0).all()


def test_a_stable_focus_has_its_known_root():
    """Jansen-Rit at p = 350 and Wilson-Cowan at P_y = -7.2: equations.md 5.3 and 4.3."""
    column = rj.translate(rj.JansenRit(bias=350.0), rj.HarmonicOscillator, measured=False).target
    np.testing.assert_allclose([column.alpha, column.omega], [-0.593245, 69.654896], rtol=1e-6)
    pair = rj.translate(
        rj.WilsonCowan.named("WC-b", bias_y=-7.2), rj.HarmonicOscillator, measured=False
    ).target
    np.testing.assert_allclose(
        np.array([pair.alpha, pair.omega]) * TAU, [-0.160049, 1.997624], rtol=1e-5
    )


def test_noise_that_damps_is_linearised_statistically():
    """alpha = -2, gamma = 0.5, sigma = 1: <|z|^2> = 0.41421 (exact 0.41816, linear 0.5), equations.md 3f."""
    noisy = rj.alone(rj.StuartLandau(alpha=-2.0, gamma=0.5), noise=rj.WhiteNoise(1.0))
    damped = rj.translate(noisy, rj.HarmonicOscillator, measured=False).target
    sigma = np.asarray(damped.noise.sigma)
    np.testing.assert_allclose(sigma**2 / -np.asarray(damped.rung.alpha), 0.41421, atol=1e-5)


@pytest.fixture(scope="module")
def column_as_phase():
    return rj.translate(rj.JansenRit(bias=220.0), rj.PhaseOscillator)


def test_the_phase_response_of_jansen_rit_is_the_published_one(column_as_phase):
    """Equations.md T4: harmonics of the response to a field (rad/s per mV) and to a rate (rad/s per 1/s)."""
    (turn,) = column_as_phase.details
    field, rate = (np.abs(turn.ports[name]) for name in ("field", "rate"))
    np.testing.assert_allclose(field[:3], [0.671418, 37.10683, 4.8182], rtol=1e-4)
    np.testing.assert_allclose(rate[:2], [0.0218211, 0.819096], rtol=1e-4)
    np.testing.assert_allclose(
        harmonics(turn.cycle, "field")[:3], turn.ports["field"][:3], rtol=1e-5
    )
    assert turn.cycle.attraction == pytest.approx(1.62, abs=0.005)
    assert turn.cycle.period == pytest.approx(0.0914241519, rel=1e-8)
    for compared in column_as_phase.errors.values():
        assert abs(compared.error) < 1e-4


def stuart_landau_network(lengths=None) -> rj.Network:
    rng = np.random.default_rng(2)
    links = rng.uniform(0, 1, (3, 3)) * (1 - np.eye(3))
    return rj.Network(
        rj.StuartLandau(alpha=4.0, gamma=1.0, beta=0.7, omega=20.0 + 0.1 * np.arange(3)),
        rj.Connectome(links, lengths),
        gain=0.05,
    )


def test_both_ways_from_stuart_landau_to_phases_agree():
    """Isochrons in closed form, and the numerical response: G s_i beta/gamma, K and lag, equations.md T3."""
    network = stuart_landau_network()
    closed = rj.translate(network, rj.PhaseOscillator, measured=False).target
    found = to_phase(network, settle=5.0, measured=False).target
    shear, strengths = 0.7, np.asarray(network.connectome.strengths())
    expected = 20.0 + 0.1 * np.arange(3) - 4.0 * shear + 0.05 * strengths * shear
    np.testing.assert_allclose(closed.rung.omega, expected, rtol=1e-12)
    np.testing.assert_allclose(found.rung.omega, expected, rtol=1e-6)
    pull = np.hypot(1, shear) * 0.05 * np.asarray(network.connectome.weights)
    np.testing.assert_allclose(closed.connectome.weights, pull, rtol=1e-12)
    np.testing.assert_allclose(
        found.gain * found.coupling.amplitudes[0] * found.connectome.weights, pull, rtol=1e-6
    )
    for target in (closed, found):
        np.testing.assert_allclose(target.coupling.lags[0], np.arctan(shear), rtol=1e-6)


def test_phases_of_a_delayed_network_lock_as_it_does():
    lengths = 100.0 * (1 - np.eye(3))
    found = rj.translate(stuart_landau_network(lengths), rj.PhaseOscillator)
    assert abs(found.errors["frequency"].error) < 1e-4
    assert found.errors["largest error of a phase"].target < 0.01


def test_a_linear_network_keeps_its_collective_mode():
    rng = np.random.default_rng(3)
    links = rng.uniform(0, 1, (4, 4)) * (1 - np.eye(4))
    network = rj.Network(
        rj.HarmonicOscillator(alpha=0.0, omega=20.0 + 0.1 * np.arange(4)),
        rj.Connectome(links),
        "additive",
        gain=0.3,
    )
    found = rj.translate(network, rj.PhaseOscillator)
    for compared in found.errors.values():
        assert abs(compared.error) < 1e-12


def test_forcing_travels_to_the_target():
    """A field of 2 µV at 10.9 Hz moves the translated oscillator by the factors that `inputs` states."""
    waveform = rj.Sinusoid(1.0, 10.9)
    network = rj.alone(rj.JansenRit(bias=350.0), field=rj.Field(0.01, waveform))
    found = rj.translate(network, rj.HarmonicOscillator, measured=False)
    at = jnp.asarray(0.013)
    inputs = found.target.outside(at)
    expected = 0.002 * float(waveform.value(at))
    np.testing.assert_allclose(inputs.x, expected * found.inputs["field"]["x"])
    np.testing.assert_allclose(inputs.y, expected * found.inputs["field"]["y"])
    # Simulated side by side: the amplitude of the response differs by what faster roots add.
    swings = []
    for brain, read in ((network, None), (found.target, found.signal)):
        run = rj.simulate(brain, 12.0, 5e-4, save=("signal", "states"))
        seen = run.signal if read is None else read(run.states)
        swings.append(np.ptp(np.asarray(seen)[-4000:]))
    assert swings[1] == pytest.approx(swings[0], rel=0.08)


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        (rj.PhaseOscillator(), rj.StuartLandau, {}, "an amplitude that was left out"),
        (rj.JansenRit(), "stuart-landau", {}, r"must be the class of a rung.*'stuart-landau'"),
        (rj.JansenRit(), rj.NMM2, {}, r"from JansenRit to NMM2.*rj\.StuartLandau"),
        (rj.StuartLandau(alpha=-1.0), rj.PhaseOscillator, {}, r"below onset \(alpha = -1\)"),
        (rj.JansenRit(bias=220.0), rj.HarmonicOscillator, {}, r"2 modes grow.*rj\.StuartLandau"),
        (rj.JansenRit(bias=-50.0), rj.StuartLandau, {}, r"no Hopf point was found along 'bias'"),
        (rj.JansenRit(bias=350.0), rj.PhaseOscillator, {"settle": 10.0}, "settles at rest"),
        (rj.JansenRit(bias=350.0), rj.StuartLandau, {"parameter": "biass"}, "Did you mean 'bias'"),
    ],
)
def test_ways_that_do_not_lead_there_say_which_do(source, target, options, message):
    with pytest.raises(ValueError, match=message):
        rj.translate(source, target, **options)


def test_a_subcritical_onset_is_named():
    """Jansen-Rit at p = -12.147: the cycle that is born there is unstable."""
    branch = rj.bifurcation.continuation(rj.JansenRit(), "bias", (-80.0, 350.0))
    state = max(branch.at(-12.0), key=lambda x: x[1] - x[2])
    start = branch.family.state(jnp.asarray(state))
    with pytest.raises(ValueError, match=r"-12\.1475 is.*subcritical.*rj\.PhaseOscillator"):
        rj.translate(rj.JansenRit(bias=-12.0), rj.StuartLandau, start=start)


def test_a_hopf_point_far_away_is_found_by_following_the_equilibrium():
    """Jansen-Rit at p = 201, where Newton's method from afar finds none: 89.829 is the nearer one."""
    found = rj.translate(rj.JansenRit(bias=201.0), rj.StuartLandau, measured=False)
    assert found.details[0].value == pytest.approx(89.829108, abs=1e-5)


def test_parameters_that_differ_are_not_moved_together():
    with pytest.raises(ValueError, match=r"bias_x and bias_y differ"):
        rj.translate(
            wilson_cowan(0.02), rj.StuartLandau, parameter=("bias_x", "bias_y"), measured=False
        )


def test_a_phase_diffuses_as_its_source_does_in_coloured_noise():
    """Oscillators in slow noise: the scatter of their phases grows as the translated phase's does."""
    nodes, noise = 3000, rj.OrnsteinUhlenbeck(2.0, 0.02, ports=("x",))
    oscillator = rj.StuartLandau(alpha=20.0, omega=60.0, gamma=20.0, beta=10.0)
    (sigma,) = {
        round(float(np.asarray(found.target.noise.sigma).ravel()[0]), 3)
        for found in (
            rj.translate(rj.alone(oscillator, noise=noise), rj.PhaseOscillator, measured=False),
            rj.translation.phase_reduction.to_phase(
                rj.alone(oscillator, noise=noise), measured=False
            ),
        )
    }
    run = rj.simulate(
        rj.alone(oscillator, nodes=nodes, noise=noise),
        4.0,
        2e-3,
        key=jax.random.key(0),
        transient=0.4,
        save=("states",),
    )
    angles = np.unwrap(np.angle(np.asarray(run.states.x) + 1j * np.asarray(run.states.y)), axis=0)
    scatter = np.var(angles - angles[0], axis=1)
    grown = np.polyfit(np.asarray(run.times)[300:], scatter[300:], 1)[0]
    assert grown == pytest.approx(sigma**2, rel=0.08)


def test_noise_that_a_phase_cannot_take_is_refused():
    brain = rj.alone(rj.JansenRit(bias=220.0), noise=rj.PowerLawNoise(1.0, 1.0))
    with pytest.raises(ValueError, match=r"`source.noise`, PowerLawNoise, has no density at zero"):
        rj.translate(brain, rj.PhaseOscillator)


def test_a_target_with_values_is_named():
    with pytest.raises(ValueError, match=r"class of a rung, rj\.StuartLandau, not one with values"):
        rj.translate(rj.JansenRit(), rj.StuartLandau())
