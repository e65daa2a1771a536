"""Locked phase oscillators: closed forms of pairs (equations.md 1j, 1k), eigenvalues, simulation, gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import locked_stability, locked_state, phase_spectrum
from rosetta_jax.observe import power_spectrum as welch
from rosetta_jax.observe import through_window
from rosetta_jax.observe.spectrum import welch_standard_error
from rosetta_jax.results import Status

from .dense import random_connectome


def pair(omega, gain: float, delay: float = 0.0, **more) -> rj.Network:
    lengths = None if delay == 0 else 1e4 * delay * np.array([[0, 1.0], [1, 0]])
    connectome = rj.Connectome([[0.0, 1.0], [1.0, 0.0]], lengths)
    return rj.Network(rj.PhaseOscillator(omega=omega), connectome, gain=gain, speed=10.0, **more)


@pytest.mark.parametrize(("K", "phase"), [(0.55, 1.1410966), (0.8, 0.6751315)])
def test_a_detuned_pair_locks_where_the_sine_balances_the_detuning(K, phase):
    found = locked_state(pair([5.0, 6.0], K))
    assert found.status == Status.ok
    assert float(found.phases[1] - found.phases[0]) == pytest.approx(phase, abs=1e-7)
    assert float(found.omega) == pytest.approx(5.5, abs=1e-12)
    assert locked_stability(pair([5.0, 6.0], K)).status == Status.ok


def test_a_pair_detuned_too_far_is_not_locked():
    found = locked_state(pair([5.0, 6.0], 0.45))
    assert found.status == Status.not_locked and "drift" in Status(int(found.status)).message
    spectrum = phase_spectrum(pair([5.0, 6.0], 0.45, noise=rj.WhiteNoise(0.1)), [1.0])
    assert spectrum.status == Status.not_locked and np.isnan(spectrum.density).all()


@pytest.mark.parametrize(
    ("delay", "apart", "omega", "status"),
    [
        (0.2, 0.0, 5.0180, Status.ok),
        (0.45, np.pi, 6.5635, Status.ok),
        (0.45, 0.0, None, Status.unstable),
        (0.2, np.pi, None, Status.unstable),
    ],
)
def test_a_delayed_pair_locks_in_phase_or_against_as_its_closed_form_says(
    delay, apart, omega, status
):
    network = pair(2 * np.pi, 1.5, delay)
    found = locked_state(network, phases=[0.0, apart])
    sign = 1 if apart == 0 else -1
    residual = 2 * np.pi - sign * 1.5 * np.sin(found.omega * delay) - found.omega
    assert abs(float(residual)) < 1e-10
    if omega is not None:
        assert float(found.omega) == pytest.approx(omega, abs=1e-4)
    assert locked_stability(network, found).status == status


def twisted(nodes: int, winding: int) -> rj.Network:
    """A ring of neighbours, whose phases wind around it a whole number of times."""
    weights = np.roll(np.eye(nodes), 1, axis=0) + np.roll(np.eye(nodes), -1, axis=0)
    return rj.Network(rj.PhaseOscillator(omega=3.0), rj.Connectome(weights), gain=2.0)


@pytest.mark.parametrize(("winding", "unstable"), [(0, 0), (1, 0), (2, 0), (4, 9)])
def test_unstable_modes_of_twisted_states_are_those_of_their_matrix(winding, unstable):
    # Of 10 nodes: cos(2 pi q / 10) times a negative Laplacian, so all nine modes grow beyond a quarter turn.
    network = twisted(10, winding)
    phases = 2 * np.pi * winding * np.arange(10) / 10
    found = locked_state(network, phases=phases)
    turned = np.exp(1j * np.asarray(found.phases)) * np.exp(-1j * phases)
    np.testing.assert_allclose(turned, turned[0], atol=1e-9)
    assert int(locked_stability(network, found).unstable_modes) == unstable


def test_modes_of_random_networks_without_delays_are_counted_as_eigenvalues_are():
    rng = np.random.default_rng(5)
    counts = []
    for _ in range(6):
        weights = rng.normal(size=(8, 8)) * (1 - np.eye(8))
        network = rj.Network(rj.PhaseOscillator(omega=20.0), rj.Connectome(weights), gain=1.0)
        state = locked_state(network, phases=np.zeros(8))
        matrix = weights - np.diag(weights.sum(axis=1))  # about equal phases
        np.testing.assert_allclose(state.phases, 0.0, atol=1e-12)
        modes = np.linalg.eigvals(matrix)
        growing = int(np.sum(modes.real > 1e-9))
        assert int(locked_stability(network, state).unstable_modes) == growing
        counts.append(growing)
    assert max(counts) > 1


# --- noise about the locked state ----------------------------------------------------------------

NODES, DT, SEGMENT, DURATION = 20, 2e-3, 2.0, 240.0


@functools.cache
def wired() -> rj.Network:
    rng = np.random.default_rng(3)
    # By rows: nodes slow down by strength times lag, and those of unlike strength would drift apart.
    connectome = random_connectome(rng, NODES, longest=120.0, share=0.3).normalised("rows")
    rung = rj.PhaseOscillator(omega=2 * np.pi * rng.uniform(9.5, 10.5, NODES))
    return rj.Network(
        rung, connectome, rj.PhaseCoupling(jnp.ones(1), 0.2 * jnp.ones(1)), 25.0, noise=rj.WhiteNoise(0.1)
    )  # fmt: skip


def test_the_march_turns_with_the_common_frequency_at_the_locked_phases():
    network = rj.Network(wired().rung, wired().connectome, wired().coupling, 25.0)
    found = locked_state(network)
    assert found.status == Status.ok and locked_stability(network, found).status == Status.ok
    theta = rj.simulate(network, 1.0, 2e-4, transient=10.0, save=("states",)).states.theta
    unwrapped = np.unwrap(np.asarray(theta), axis=0)
    turning = (unwrapped[-1] - unwrapped[0]) / (2e-4 * (len(theta) - 1))
    np.testing.assert_allclose(turning, found.omega, rtol=1e-5)
    unit = np.exp(1j * (unwrapped[-1] - np.asarray(found.phases)))
    np.testing.assert_allclose(unit, unit[0], atol=1e-4)


@functools.cache
def scores() -> np.ndarray:
    """How many standard errors simulated deviations lie from theory, (bins, nodes), from 0.5 to 45 Hz."""
    network = wired()
    state = locked_state(network)
    begin, omega = state.phases, state.omega
    solution = rj.simulate(
        network,
        DURATION,
        DT,
        key=jax.random.key(2),
        transient=3.0,
        past=lambda t: network.rung.State(theta=begin + omega * t),
        save=("states",),
    )
    apart = np.asarray(solution.states.theta) - np.asarray(begin)
    # Differences from the first node are small where the phases themselves wander.
    apart = np.angle(np.exp(1j * (apart - apart[:, :1])))
    deviations = jnp.asarray(apart - apart.mean(axis=1, keepdims=True))
    fine = np.concatenate([[0.0], np.arange(0.05, 60, 0.1), np.geomspace(60, 1.5 / DT, 80)])
    exact = phase_spectrum(network, fine[1:]).density
    expected = through_window(fine, jnp.concatenate([exact[:1], exact]), DT, segment=SEGMENT)
    found = welch(deviations, DT, segment=SEGMENT)
    error = welch_standard_error(round(DURATION / DT), round(SEGMENT / DT))
    used = (found.frequencies >= 0.5) & (found.frequencies <= 45)
    return np.asarray((found.density / expected.density - 1) / error)[np.asarray(used)]


def test_simulated_deviations_scatter_around_the_exact_spectrum():
    assert np.mean(np.abs(scores()) > 3) <= 0.02
    assert abs(scores().mean()) < 0.15
    assert 0.85 < scores().std() < 1.15


def test_without_delays_the_spectrum_is_that_of_the_projected_matrix():
    network = rj.Network(
        wired().rung, rj.Connectome(wired().connectome.weights), gain=25.0, noise=rj.WhiteNoise(0.1)
    )
    phases = np.asarray(locked_state(network).phases)
    pulls = 25.0 * np.asarray(network.connectome.weights) * np.cos(phases[None] - phases[:, None])
    matrix = pulls - np.diag(pulls.sum(axis=1))
    apart = np.eye(NODES) - 1 / NODES
    for frequency, found in zip(
        [0.3, 4.0], phase_spectrum(network, [0.3, 4.0]).density, strict=True
    ):
        response = apart @ np.linalg.inv(2j * np.pi * frequency * np.eye(NODES) - matrix)
        expected = 2 * 0.1**2 * np.sum(np.abs(response) ** 2, axis=1)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_gradients_of_the_spectrum_and_the_frequency_agree_with_differences():
    network = pair([5.0, 5.6], 1.2, 0.07, noise=rj.WhiteNoise(0.1))

    def value(gain, speed):
        changed = rj.replace(network, {"gain": gain, "speed": speed})
        state = locked_state(changed)
        power = phase_spectrum(changed, jnp.array([0.4]), check=False).density
        return state.omega + state.phases[1] + 10 * power[0, 0]

    at = (jnp.array(1.2), jnp.array(10.0))
    for argument, gradient in enumerate(jax.jit(jax.grad(value, (0, 1)))(*at)):
        step = 1e-5 * at[argument]
        up, down = (
            value(*(a + s * step * float(n == argument) for n, a in enumerate(at))) for s in (1, -1)
        )
        assert float(gradient) == pytest.approx(float((up - down) / (2 * step)), rel=1e-6)


def test_wrong_input_is_named():
    with pytest.raises(TypeError, match=r"PhaseOscillator.*fixed_point.*got"):
        locked_state(rj.JansenRit())
    with pytest.raises(ValueError, match=r"noise.*'theta'"):
        phase_spectrum(pair(5.0, 1.0, noise=rj.WhiteNoise(0.1, ports=("x",))), [1.0])
    with pytest.raises(ValueError, match="phases"):
        locked_state(pair(5.0, 1.0), phases=[0.0])
