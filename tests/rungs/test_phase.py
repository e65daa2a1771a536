"""The phase oscillator alone, driven and wired, against closed forms (equations.md 1.4)."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import iv

import rosetta_jax as rj
from rosetta_jax.forcing import FunctionDrive, WhiteNoise
from rosetta_jax.network import Connectome, Network, PhaseCoupling, alone
from rosetta_jax.rungs import HarmonicOscillator, PhaseOscillator
from rosetta_jax.simulation import simulate


def everybody(nodes: int) -> Connectome:
    """All-to-all coupling of 1/N, itself included in the mean as in the theory (its own sine is zero)."""
    return Connectome((np.ones((nodes, nodes)) - np.eye(nodes)) / nodes)


def phases(system, duration: float, dt: float, transient: float = 0.0, **how) -> np.ndarray:
    solution = simulate(system, duration, dt, transient=transient, save=("states",), **how)
    assert solution.succeeded
    return np.asarray(solution.states.theta)


def order(theta: np.ndarray) -> float:
    """The Kuramoto order parameter, mean over time."""
    return float(np.abs(np.exp(1j * theta).mean(axis=1)).mean())


def rate(theta: np.ndarray, dt: float) -> np.ndarray:
    """The mean angular frequency of each node (rad/s)."""
    free = np.unwrap(theta, axis=0)
    return (free[-1] - free[0]) / (dt * (len(free) - 1))


def lorentzian(nodes: int, width: float) -> np.ndarray:
    """Frequencies at the quantiles of a Lorentzian of half width at half maximum `width`."""
    return width * np.tan(np.pi * ((np.arange(nodes) + 0.5) / nodes - 0.5))


def gaussian(nodes: int) -> np.ndarray:
    return np.asarray(jax.scipy.stats.norm.ppf((jnp.arange(nodes, dtype=float) + 0.5) / nodes))


def onset(omega: np.ndarray, coupling: float, dt: float = 0.02, duration: float = 40.0) -> float:
    """The order parameter of a mean-field population, far from the start."""
    network = Network(PhaseOscillator(omega=omega), everybody(len(omega)), gain=coupling)
    together = lambda t: PhaseOscillator.State(theta=jnp.zeros(len(omega)))  # noqa: E731
    return order(phases(network, duration, dt, transient=40.0, save_every=0.2, past=together))


@pytest.mark.parametrize(("coupling", "expected"), [(1.5, 0.57735), (2.0, 0.70711), (3.0, 0.81650)])
def test_order_of_a_lorentzian_population(coupling, expected):
    # R = sqrt(1 - K_c / K), K_c = 1 for a half width of 0.5.
    assert onset(lorentzian(1000, 0.5), coupling) == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize(("coupling", "expected"), [(1.8, 0.56287), (2.0, 0.71517), (3.0, 0.92518)])
def test_order_of_a_gaussian_population(coupling, expected):
    assert onset(gaussian(1000), coupling) == pytest.approx(expected, abs=8e-3)


def test_no_order_below_onset():
    omega, nodes = lorentzian(1000, 0.5), 1000
    network = Network(PhaseOscillator(omega=omega), everybody(nodes), gain=0.6)
    assert order(phases(network, 40.0, 0.02, transient=40.0, save_every=0.2)) < 0.1


def test_noise_and_heterogeneity_add_at_onset():
    # K_c = 2 (gamma + D): at K = 1.3 order 0.48 without noise, none with D = 0.25.
    omega, nodes = lorentzian(1000, 0.5), 1000
    together = lambda t: PhaseOscillator.State(theta=jnp.zeros(nodes))  # noqa: E731
    noisy = Network(
        PhaseOscillator(omega=omega), everybody(nodes), gain=1.3, noise=WhiteNoise(0.5**0.5)
    )
    how = {"save_every": 0.2, "past": together, "key": jax.random.key(0)}
    assert order(phases(noisy, 40.0, 0.02, transient=40.0, **how)) < 0.15
    assert onset(omega, 1.3) == pytest.approx(np.sqrt(1 - 1 / 1.3), abs=0.01)


def test_a_lorentzian_population_follows_ott_and_antonsen():
    # R' = -gamma R + (K/2) R (1 - R^2), from phases that know nothing of the frequencies.
    nodes, width, coupling, begun = 2000, 0.5, 2.0, 0.4
    even = np.pi * (2 * (np.arange(nodes) + 0.5) / nodes - 1)
    # Quantiles of the Poisson kernel, whose every harmonic is a power of R.
    theta = 2 * np.arctan((1 - begun) / (1 + begun) * np.tan(even / 2))
    theta = jnp.asarray(np.random.default_rng(4).permutation(theta))
    network = Network(
        PhaseOscillator(omega=lorentzian(nodes, width)), everybody(nodes), gain=coupling
    )
    found = phases(
        network, 4.0, 0.02, save_every=0.2, past=lambda t: PhaseOscillator.State(theta=theta)
    )
    order_in_time = np.abs(np.exp(1j * found).mean(axis=1))
    growth, last = coupling / 2 - width, 1 - 2 * width / coupling
    squared = last / (1 + (last / begun**2 - 1) * np.exp(-2 * growth * 0.2 * np.arange(20)))
    # 2000 nodes scatter by 0.02.
    np.testing.assert_allclose(order_in_time, np.sqrt(squared), atol=0.03)


@pytest.mark.parametrize("coupling", [1.5, 2.0, 4.0])
def test_order_of_identical_noisy_oscillators(coupling):
    # R = I1(K R / D) / I0(K R / D), D = sigma^2 / 2.
    nodes, D = 1000, 0.5
    expected = 0.9
    for _ in range(300):
        expected = iv(1, coupling * expected / D) / iv(0, coupling * expected / D)
    network = Network(
        PhaseOscillator(omega=0.0),
        everybody(nodes),
        gain=coupling,
        noise=WhiteNoise((2 * D) ** 0.5),
    )
    theta = phases(network, 30.0, 0.02, transient=20.0, save_every=0.2, key=jax.random.key(1))
    assert order(theta) == pytest.approx(expected, abs=8e-3)


PAIR = Connectome(np.array([[0.0, 1.0], [1.0, 0.0]]))


@pytest.mark.parametrize(("gain", "difference"), [(0.55, 1.1410966), (0.8, 0.6751315)])
def test_a_pair_locks_at_the_arcsine(gain, difference):
    network = Network(PhaseOscillator(omega=jnp.array([0.0, 1.0])), PAIR, gain=gain)
    theta = phases(network, 1.0, 0.01, transient=60.0)
    assert (theta[-1, 1] - theta[-1, 0]) % (2 * np.pi) == pytest.approx(difference, abs=1e-6)


def test_a_pair_beats_outside():
    network = Network(PhaseOscillator(omega=jnp.array([0.0, 1.0])), PAIR, gain=0.45)
    turned = np.diff(rate(phases(network, 4000.0, 0.02, save_every=0.2), 0.2))[0]
    assert turned == pytest.approx(0.43589, abs=3e-3)


@pytest.mark.parametrize(
    ("delay", "frequency", "apart"), [(0.2, 5.0180, 0.0), (0.45, 6.5635, np.pi)]
)
def test_a_delayed_pair_locks_in_phase_or_in_antiphase(delay, frequency, apart):
    # In phase: W = w - K sin(W tau), stable where cos(W tau) > 0; in antiphase the signs turn.
    lengths = np.array([[0.0, 1000.0 * delay], [1000.0 * delay, 0.0]])
    network = Network(
        PhaseOscillator(omega=2 * np.pi),
        Connectome(np.asarray(PAIR.weights), lengths),
        gain=1.5,
        speed=1.0,
    )
    theta = phases(network, 10.0, 0.002, transient=40.0)
    assert rate(theta, 0.002)[0] == pytest.approx(frequency, abs=2e-4)
    assert np.cos(theta[-1, 1] - theta[-1, 0] - apart) == pytest.approx(1.0, abs=1e-8)


def test_a_lag_turns_a_synchronous_pair_slower():
    # In phase each sees K sin(-lag).
    coupling = PhaseCoupling(lags=(0.4,))
    network = Network(PhaseOscillator(omega=6.0), PAIR, coupling, gain=1.2)
    theta = phases(network, 20.0, 0.002, transient=20.0)
    assert rate(theta, 0.002)[0] == pytest.approx(6.0 - 1.2 * np.sin(0.4), abs=1e-6)


def test_higher_harmonics_are_the_sum_of_sines():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 1.0, (4, 4)) * (1 - np.eye(4))
    theta = rng.uniform(0, 2 * np.pi, 4)
    amplitudes, lags = (1.0, -0.4, 0.2), (0.1, 0.7, -0.3)
    network = Network(
        PhaseOscillator(omega=1.0, harmonics=3),
        Connectome(weights),
        PhaseCoupling(amplitudes, lags),
        gain=0.7,
    )
    state, inputs = PhaseOscillator.State(theta=jnp.asarray(theta)), PhaseOscillator.Inputs()
    arriving = network.send(state, inputs) @ network.connectome.weights.T
    found = network.vector_field(jnp.zeros(()), state, arriving, inputs).theta
    differences = theta[None, :] - theta[:, None]
    expected = 1.0 + 0.7 * sum(
        a * (weights * np.sin(k * differences - lag)).sum(axis=1)
        for k, (a, lag) in enumerate(zip(amplitudes, lags, strict=True), start=1)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_harmonics_of_coupling_and_rung_must_agree():
    network = Network(PhaseOscillator(harmonics=2), PAIR)
    with pytest.raises(ValueError, match=r"`coupling` has 1 harmonics.*sends 4 channels"):
        simulate(network, 0.1, 0.01)
    with pytest.raises(ValueError, match="`amplitudes` and `lags`"):
        PhaseCoupling((1.0, 0.5), (0.0,))


def test_a_rotating_drive_locks_or_drifts_as_adler_says():
    # psi' = dw - F sin psi with a force F e^{i W t} on the circle: drift sqrt(dw^2 - F^2).
    omega, difference, force = 8.0, 2.0, 1.0

    def psi(strength: float, duration: float) -> np.ndarray:
        def turned(t, part):
            return strength * part((omega - difference) * t)

        rung = PhaseOscillator(omega=omega)
        field = lambda t, theta, _: rung.vector_field(  # noqa: E731
            t, theta, rung.Inputs(x=turned(t, jnp.cos), y=turned(t, jnp.sin))
        )
        times = jnp.linspace(0.0, duration, 4001)
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            diffrax.Tsit5(),
            0.0,
            duration,
            1e-3,
            rung.start(1),
            stepsize_controller=diffrax.PIDController(rtol=1e-8, atol=1e-8),
            saveat=diffrax.SaveAt(ts=times),
            max_steps=100_000,
        )
        return np.asarray(found.ys.theta[:, 0]) - (omega - difference) * np.asarray(times)

    drifting = psi(force, 400.0)
    assert (drifting[-1] - drifting[0]) / 400.0 == pytest.approx(1.73205, abs=5e-3)
    locked = psi(2.5, 40.0)
    assert np.sin(locked[-1]) == pytest.approx(difference / 2.5, abs=1e-6)


def test_a_phase_drive_adds_to_the_frequency():
    network = alone(
        PhaseOscillator(omega=5.0), drive=FunctionDrive(lambda t: jnp.full_like(t, 1.5))
    )
    assert rate(phases(network, 2.0, 0.001), 0.001)[0] == pytest.approx(6.5, abs=1e-9)


def test_it_is_the_angle_of_the_undamped_oscillator():
    force = dict(x=0.7, y=-0.4)
    theta, r = jnp.array([0.3, 2.0, 4.5]), 2.0
    turned = PhaseOscillator(omega=3.0, radius=r).vector_field(
        jnp.zeros(()), PhaseOscillator.State(theta=theta), PhaseOscillator.Inputs(**force)
    )
    plane = HarmonicOscillator.State(x=r * jnp.cos(theta), y=r * jnp.sin(theta))
    moved = HarmonicOscillator(alpha=0.0, omega=3.0).vector_field(
        jnp.zeros(()), plane, HarmonicOscillator.Inputs(**force)
    )
    expected = (plane.x * moved.y - plane.y * moved.x) / r**2
    np.testing.assert_allclose(turned.theta, expected, rtol=1e-12)


def test_noise_on_the_circle_diffuses_with_the_radius():
    # D = sigma^2 / 2 r^2 from white noise on x and y; Var theta = 2 D t.
    network = alone(
        PhaseOscillator(radius=2.0), nodes=1500, noise=WhiteNoise(0.5, ports=("x", "y"))
    )
    theta = phases(network, 1.0, 0.002, save_every=None, key=jax.random.key(3))
    free = np.unwrap(theta, axis=0)
    spread = (free[-1] - free[0] - (free[-1] - free[0]).mean()).var()
    assert spread == pytest.approx(0.25 / 4 * 0.998, rel=0.11)


def test_phases_stay_within_a_turn():
    theta = phases(rj.PhaseOscillator(omega=500.0), 1.0, 0.001)
    assert theta.min() >= 0 and theta.max() < 2 * np.pi
