"""Noise in the march: which path it takes, its strength and colour, and where it enters."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.forcing import OrnsteinUhlenbeck, PowerLawNoise, WhiteNoise
from rosetta_jax.network import Network, alone, unconnected
from rosetta_jax.rungs import HarmonicOscillator, StuartLandau
from rosetta_jax.simulation import simulate

DT = 1e-3
# It turns so slowly that it only sums its noise.
STILL = HarmonicOscillator(alpha=0.0, omega=1e-12)
KEY = jax.random.key(0)


@functools.cache  # one function a size, so that one compilation serves all
def at_rest(nodes: int):
    """A past of zeros."""
    return lambda _: STILL.State(x=jnp.zeros(nodes), y=jnp.zeros(nodes))


def deviates(steps=300, nodes=2, key=KEY, ports=None, noise=None, **keywords) -> np.ndarray:
    """The normal deviates of each step, (steps, x and y, nodes), from a rung that sums them."""
    noise = WhiteNoise(sigma=1.0, ports=ports) if noise is None else noise
    states = simulate(
        alone(STILL, nodes=nodes, noise=noise),
        (steps + 1) * DT,
        DT,
        key=key,
        save=("states",),
        past=at_rest(nodes),
        **keywords,
    ).states
    return np.diff(np.stack([states.x, states.y], axis=1), axis=0) / np.sqrt(DT)


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return deviates()


# --- the path


@pytest.mark.parametrize("block", [7, 64, 65, 1000])
def test_the_path_does_not_depend_on_the_block(plain, block):
    np.testing.assert_allclose(deviates(block=block), plain, rtol=1e-10, atol=1e-12)


def test_a_coloured_path_does_not_depend_on_the_block():
    noise = OrnsteinUhlenbeck(sd=1.0, tau=0.02)
    np.testing.assert_allclose(
        deviates(noise=noise, block=7), deviates(noise=noise), rtol=1e-10, atol=1e-12
    )


def test_the_path_does_not_depend_on_the_duration(plain):
    np.testing.assert_allclose(deviates(steps=170), plain[:170], rtol=1e-10, atol=1e-12)


def test_the_path_is_the_same_for_the_same_key(plain):
    np.testing.assert_array_equal(deviates(), plain)


def test_the_path_differs_by_key(plain):
    assert not np.isclose(deviates(key=jax.random.key(1)), plain).any()


def test_the_path_never_repeats_over_steps_nodes_and_ports():
    found = deviates(steps=1000, nodes=3)
    assert np.unique(np.round(found, 9)).size == found.size


def test_lanes_with_different_keys_take_the_paths_of_separate_runs():
    def run(key):
        return simulate(alone(STILL, noise=WhiteNoise(sigma=1.0)), 0.1, DT, key=key).signal

    keys = jax.random.split(KEY, 3)
    lanes = np.asarray(jax.vmap(run)(keys))
    alone_ = np.stack([run(key) for key in keys])
    np.testing.assert_allclose(lanes, alone_, rtol=1e-12, atol=1e-15)
    assert not np.isclose(lanes[0], lanes[1]).all()


def test_deviates_are_standard_normal_and_independent_of_the_last():
    found = deviates(steps=4000, nodes=4).reshape(4000, -1)
    error = 1 / np.sqrt(found.size)
    assert abs(found.mean()) < 3 * error
    assert abs(found.var() - 1) < 3 * np.sqrt(2) * error
    assert abs((found[1:] * found[:-1]).mean()) < 3 * error


def test_signal_and_sensor_noise_are_independent():
    brain = Network(
        STILL, unconnected(1), noise=WhiteNoise(sigma=1.0), sensor=WhiteNoise(sigma=1.0)
    )
    solution = simulate(brain, 2.0, DT, key=KEY, save=("signal", "states"))
    sensor = np.asarray(solution.signal - solution.states.x)[:-1, 0]
    state = np.diff(np.asarray(solution.states.x)[:, 0])
    assert abs(np.corrcoef(sensor, state)[0, 1]) < 3 / np.sqrt(2000)


def test_coloured_noise_and_coloured_sensor_start_apart():
    # So slow that it stands still: the first step shows the noise, the first signal the sensor.
    slow = OrnsteinUhlenbeck(sd=1.0, tau=1e6)
    solution = simulate(
        Network(STILL, unconnected(5), noise=slow, sensor=slow),
        2 * DT,
        DT,
        key=KEY,
        save=("signal", "states"),
    )
    x = np.asarray(solution.states.x)
    noise, sensor = (x[1] - x[0]) / DT, np.asarray(solution.signal)[0] - x[0]
    assert not np.isclose(noise, sensor, rtol=1e-2).any()


# --- strength, colour and place


def test_strength_scales_the_noise_of_each_node(plain):
    found = deviates(noise=WhiteNoise(sigma=jnp.array([0.5, 3.0])))
    np.testing.assert_allclose(found, plain * np.array([0.5, 3.0]), rtol=1e-9, atol=1e-12)


def test_noise_enters_only_the_port_it_names():
    found = deviates(ports=("y",))
    assert np.abs(found[:, 0]).max() < 1e-10 and found[:, 1].std() == pytest.approx(1.0, rel=0.2)


def test_held_noise_equals_a_stochastic_heun_step():
    # diffrax's ControlTerm with the same increments, on a rung that is nonlinear in its state.
    rung, steps = StuartLandau(alpha=2.0, beta=0.5), 200
    normals = deviates(steps=steps, nodes=1)[:, :, 0]
    walk = np.concatenate([np.zeros((1, 2)), np.cumsum(0.7 * np.sqrt(DT) * normals, axis=0)])
    times = jnp.asarray(np.arange(steps + 1) * DT)

    def drift(t, y, args):
        found = rung.vector_field(t, rung.State(x=y[:1], y=y[1:]), rung.Inputs())
        return jnp.concatenate([found.x, found.y])

    path = diffrax.LinearInterpolation(times, jnp.asarray(walk))
    exact = diffrax.diffeqsolve(
        diffrax.MultiTerm(
            diffrax.ODETerm(drift), diffrax.ControlTerm(lambda t, y, args: jnp.eye(2), path)
        ),
        diffrax.Heun(),
        t0=times[0],
        t1=times[-1],
        dt0=None,
        y0=jnp.array([0.1, 0.0]),
        stepsize_controller=diffrax.StepTo(ts=times),
        saveat=diffrax.SaveAt(ts=times),
    ).ys
    states = simulate(
        alone(rung, noise=WhiteNoise(sigma=0.7)), (steps + 1) * DT, DT, key=KEY, save=("states",)
    ).states
    np.testing.assert_allclose(np.stack([states.x, states.y], 1)[:, :, 0], exact, atol=1e-10)


@pytest.mark.parametrize("solver", [diffrax.Tsit5(), diffrax.Bosh3(), diffrax.Euler()])
def test_a_solver_that_keeps_its_last_stage_reuses_no_noise(plain, solver):
    np.testing.assert_allclose(deviates(solver=solver), plain, rtol=1e-9, atol=1e-11)


@pytest.fixture(scope="module")
def coloured() -> np.ndarray:
    """Ornstein-Uhlenbeck noise itself, sd 1.5 and 20 ms: a sensor on 400 silent nodes."""
    brain = Network(STILL, unconnected(400), gain=0.0, sensor=OrnsteinUhlenbeck(sd=1.5, tau=0.02))
    return np.asarray(simulate(brain, 1.0, 5e-3, key=jax.random.key(1), past=at_rest(400)).signal)


def within(values: np.ndarray, exact: float) -> bool:
    """Whether the mean over independent nodes is within three standard errors."""
    return abs(values.mean() - exact) < 3 * values.std() / np.sqrt(values.size)


@pytest.mark.parametrize("lag", [0, 1, 4, 10])
def test_coloured_noise_has_its_variance_and_correlation_time(coloured, lag):
    products = (coloured[lag:] * coloured[: len(coloured) - lag]).mean(axis=0)
    assert within(products, 1.5**2 * np.exp(-lag * 5e-3 / 0.02))


@pytest.mark.parametrize("instant", [0, 1, -1])
def test_coloured_noise_is_stationary_from_the_start(coloured, instant):
    assert within(coloured[instant] ** 2, 1.5**2)


def test_a_coloured_step_keeps_the_stationary_variance_exactly():
    noise = OrnsteinUhlenbeck(sd=1.5, tau=0.02)
    zero, one, dt = jnp.zeros((1, 1)), jnp.ones((1, 1)), jnp.asarray(0.013)
    decay, kick = (float(noise.advance(a, b, dt)[0, 0]) for a, b in [(one, zero), (zero, one)])
    assert decay == pytest.approx(np.exp(-0.65)) and 1.5**2 * decay**2 + kick**2 == pytest.approx(
        1.5**2
    )


def test_coloured_noise_reaches_the_state_as_a_line_between_steps():
    # A rung that sums it follows the trapezoidal rule of the noise:
    # so the variance of one step's mean is sd^2 (1 + exp(-h / tau)) / 2.
    noise = OrnsteinUhlenbeck(sd=1.0, tau=0.002)
    means = deviates(steps=40, nodes=2000, noise=noise) / np.sqrt(DT)
    assert within((means**2).mean(axis=(0, 1)), (1 + np.exp(-0.5)) / 2)


OMEGA = jnp.linspace(-4e4, 4e4, 400_001)


def test_the_density_of_coloured_noise_integrates_to_its_variance():
    density = OrnsteinUhlenbeck(sd=1.5, tau=0.02).density(OMEGA)
    assert float(jnp.trapezoid(density, OMEGA) / (2 * jnp.pi)) == pytest.approx(2.25, rel=1e-3)


@pytest.mark.parametrize(
    "noise, at, value",
    [
        (WhiteNoise(sigma=0.3), 50.0, 0.09),
        (OrnsteinUhlenbeck(sd=1.5, tau=0.02), 0.0, 2 * 2.25 * 0.02),
        (PowerLawNoise(sigma=0.3, exponent=1.0), 40 * np.pi, 0.045),
        (PowerLawNoise(sigma=0.3, exponent=0.0), 7.0, 0.09),
    ],
    ids=["white", "coloured", "pink", "flat"],
)
def test_densities(noise, at, value):
    np.testing.assert_allclose(noise.density(jnp.array([at])), [value], rtol=1e-12)


@pytest.mark.parametrize(
    "noise",
    [
        WhiteNoise(sigma=jnp.ones(3)),
        OrnsteinUhlenbeck(sd=1.0, tau=0.1 * jnp.ones(3)),
        OrnsteinUhlenbeck(sd=jnp.ones(3), tau=0.1),
        PowerLawNoise(sigma=1.0, exponent=jnp.ones(3)),
    ],
)
def test_the_density_of_regional_noise_is_regional(noise):
    assert noise.density(jnp.array([1.0, 2.0])).shape == (2, 3)


def test_sensor_noise_reaches_the_signal_but_not_the_states():
    silent = Network(HarmonicOscillator(), unconnected(2), gain=0.0)
    noisy = Network(HarmonicOscillator(), unconnected(2), gain=0.0, sensor=WhiteNoise(sigma=1.0))
    found = simulate(noisy, 0.1, DT, key=KEY, save=("signal", "states"))
    exact = simulate(silent, 0.1, DT, save=("signal", "states"))
    np.testing.assert_array_equal(found.states.x, exact.states.x)
    assert float(jnp.std(found.signal - exact.signal)) == pytest.approx(DT**-0.5, rel=0.25)


# --- what it refuses


@pytest.mark.parametrize("part", ["noise", "sensor"])
def test_noise_needs_a_key(part):
    brain = Network(STILL, unconnected(1), **{part: WhiteNoise(sigma=1.0)})
    with pytest.raises(ValueError, match="`key` is needed where there is noise"):
        simulate(brain, 0.1, DT)


@pytest.mark.parametrize("part", ["noise", "sensor"])
def test_noise_that_describes_spectra_only_is_refused(part):
    brain = Network(STILL, unconnected(1), **{part: PowerLawNoise(sigma=1.0, exponent=1.0)})
    with pytest.raises(ValueError, match="PowerLawNoise describes spectra only"):
        simulate(brain, 0.1, DT, key=KEY)
