"""Haemodynamics beside a march: order, timing, thinning, lanes, continuation, gradients, and what must fail."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import fixed_point, response
from rosetta_jax.observe import BalloonState, Correlation, MeanCovariance, Moments, OfBold
from rosetta_jax.simulation.haemodynamics import steps_at_once

RNG = np.random.default_rng(3)
WEIGHTS = RNG.uniform(0.2, 1.0, (3, 3)) * (1 - np.eye(3))
BOLD = rj.BalloonWindkessel(transit_time=[0.9, 1.0, 1.2], scale=0.5)
# Columns that rest, in noise, with delays.
BRAIN = rj.Network(
    rj.JansenRit(bias=[60.0, 40.0, 20.0]),
    rj.Connectome(WEIGHTS, RNG.uniform(20.0, 90.0, (3, 3)) * (1 - np.eye(3))),
    gain=10.0,
    noise=rj.WhiteNoise(0.5),
    bold=BOLD,
    max_delay=0.1,
)
# A slow rotation that fades, without noise.
SLOW = rj.alone(rj.HarmonicOscillator(alpha=-0.1, omega=2.0), nodes=3, bold=BOLD)
KEY = jax.random.key(0)
ALL = ("signal", "states", "bold", "haemodynamics")


def run(system=BRAIN, duration=2.0, dt=1e-3, **options):
    options = {"key": KEY, "save": ("bold",)} | options
    return rj.simulate(system, duration, dt, **options)


# --- the scheme


def begun(t):
    """Where the slow rotation begins."""
    return rj.HarmonicOscillator.State(x=jnp.full(3, 0.4), y=jnp.zeros(3))


def resting(t):
    return rj.HarmonicOscillator.State(x=jnp.zeros(1), y=jnp.zeros(1))


def exact(times):
    """The signal of the slow rotation, by an adaptive solver."""
    tight = diffrax.PIDController(rtol=1e-11, atol=1e-11)
    found = rj.simulate(
        SLOW, times * 0.512, 0.512, save=("bold",), past=begun, controller=tight, max_steps=100_000
    )
    return found.bold


def error(dt):
    found = run(SLOW, 20 * 0.512, dt, save_every=0.512, past=begun).bold
    return float(jnp.abs(found - exact(20)).max() / jnp.abs(exact(20)).max())


@pytest.mark.parametrize(
    ("dt", "at_once"), [(1e-3, 8), (1e-4, 64), (0.01, 1), (0.02, 1), (4e-3, 2)]
)
def test_vessels_take_steps_of_ten_milliseconds_at_most(dt, at_once):
    assert steps_at_once(dt) == at_once


def test_the_scheme_has_order_two():
    coarse, middle, fine = error(0.064), error(0.032), error(0.016)
    assert coarse / middle == pytest.approx(4.0, rel=0.15)
    assert middle / fine == pytest.approx(4.0, rel=0.15)


def test_long_steps_of_the_vessels_cost_no_accuracy():
    # Eight steps at once.
    assert error(1e-3) < 2e-5


def test_float32_keeps_five_digits():
    def found():
        bold = rj.BalloonWindkessel(transit_time=[0.9, 1.0, 1.2], scale=0.5)
        system = rj.alone(rj.HarmonicOscillator(alpha=-0.1, omega=2.0), nodes=3, bold=bold)
        return np.asarray(run(system, 10.0, 1e-3, past=begun).bold)

    double = found()
    with jax.enable_x64(False):
        single = found()
    assert single.dtype == np.float32
    assert 0 < np.abs(single - double).max() / np.abs(double).max() < 1e-5


def test_a_slow_input_is_seen_as_the_linear_response_says():
    rung, frequency, dt = rj.HarmonicOscillator(alpha=-1.0, omega=3.0), 0.1, 4e-3
    column = rj.alone(rung, drive=rj.Sinusoid(1e-4, frequency), bold=rj.BalloonWindkessel())
    found = run(column, 50.0, dt, transient=40.0, past=resting)
    times, wave = np.asarray(found.times), np.asarray(found.bold)[:, 0]
    amplitude = 2j * np.mean((wave - wave.mean()) * np.exp(-2j * np.pi * frequency * times))
    omega = jnp.array([2 * np.pi * frequency])
    onto = response(column, [frequency], rung.drive_port, check=False).density[0, 0, 0]
    expected = 1e-4 * complex(onto) * complex(column.bold.transfer(omega)[0])
    # A shift by half a step would be 1.3e-3.
    assert abs(amplitude / expected - 1) < 1e-4


def test_what_stands_still_has_the_steady_signal():
    quiet = rj.replace(BRAIN, {"noise.sigma": 0.0})
    rest = fixed_point(quiet).state
    found = run(quiet, past=lambda t: rest)
    rate = 5 / (1 + jnp.exp(0.56 * (6 - rest.y1 + rest.y2)))
    expected = BOLD.signal(BOLD.steady(0.5 * rate))
    np.testing.assert_allclose(found.bold, jnp.broadcast_to(expected, (2000, 3)), rtol=1e-9)


# --- what is kept


@pytest.fixture(scope="module")
def whole():
    """A second, each step of it, after half a second."""
    reduce = {"fc": OfBold(Correlation()), "moments": OfBold(Moments()), "signal": Moments()}
    return run(duration=1.0, transient=0.5, save=ALL, reduce=reduce)


def test_what_is_kept_has_its_shapes(whole):
    assert whole.succeeded and whole.bold.shape == (1000, 3)
    assert all(leaf.shape == (1000, 3) for leaf in jax.tree.leaves(whole.haemodynamics))
    np.testing.assert_allclose(BOLD.signal(_row(whole, 7)), whole.bold[7], rtol=1e-12)


def _row(solution, at):
    return jax.tree.map(lambda leaf: leaf[at], solution.haemodynamics)


@pytest.mark.parametrize("save", [("bold",), ("signal", "bold", "haemodynamics")])
def test_thinning_keeps_the_same_values(whole, save):
    reduce = {"moments": OfBold(Moments())}
    found = run(duration=1.0, transient=0.5, save=save, save_every=0.02, reduce=reduce)
    np.testing.assert_allclose(found.bold, whole.bold[::20], rtol=1e-12)
    np.testing.assert_array_equal(found.times, whole.times[::20])
    mean = whole.bold[::20].mean(axis=0)
    np.testing.assert_allclose(found.reduced["moments"].mean, mean, rtol=1e-12)


def test_a_signal_is_thinned_as_without_haemodynamics(whole):
    found = run(duration=1.0, transient=0.5, save=("signal", "bold"), save_every=0.02)
    bare = eqx.tree_at(lambda n: n.bold, BRAIN, None)
    alone = run(bare, duration=1.0, transient=0.5, save=("signal",), save_every=0.02)
    np.testing.assert_allclose(found.signal, alone.signal, rtol=1e-12)
    # After a low-pass.
    assert np.abs(found.signal - whole.signal[::20]).max() > 1e-3


def test_reductions_of_bold_are_those_of_the_series(whole):
    fc = rj.observe.functional_connectivity(whole.bold)
    np.testing.assert_allclose(whole.reduced["fc"], fc, rtol=1e-9)
    moments = whole.reduced["moments"]
    assert isinstance(moments, MeanCovariance)
    np.testing.assert_allclose(moments.mean, whole.bold.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(whole.reduced["signal"].mean, whole.signal.mean(axis=0), rtol=1e-12)
    only = run(duration=1.0, transient=0.5, save=(), reduce={"fc": OfBold(Correlation())})
    np.testing.assert_allclose(only.reduced["fc"], fc, rtol=1e-9)


def test_steps_that_adapt_reduce_after_the_transient():
    tight = diffrax.PIDController(rtol=1e-9, atol=1e-9)
    reduce = {"bold": OfBold(Moments()), "signal": Moments()}
    found = rj.simulate(
        SLOW, 1.0, 0.1, transient=1.0, past=begun, controller=tight, save=ALL, reduce=reduce
    )
    np.testing.assert_allclose(found.reduced["bold"].mean, found.bold.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.reduced["signal"].mean, found.signal.mean(axis=0), rtol=1e-12)
    assert found.haemodynamics.s.shape == (10, 3)


def test_a_saved_solution_holds_bold(whole, tmp_path):
    arrays, _ = rj.load_arrays(whole.save(tmp_path / "run.npz"))
    np.testing.assert_array_equal(arrays["bold"], whole.bold)
    np.testing.assert_array_equal(arrays["haemodynamics.log_f"], whole.haemodynamics.log_f)


# --- nodes, lanes, continuation


def test_without_gain_nodes_are_lone_ones():
    together = run(rj.replace(BRAIN, {"gain": 0.0, "noise.sigma": 0.0}))
    for node in range(3):
        rung = rj.JansenRit(bias=[60.0, 40.0, 20.0][node])
        time = [0.9, 1.0, 1.2][node]
        bold = rj.BalloonWindkessel(transit_time=time, scale=0.5)
        lone = run(rj.alone(rung, bold=bold))
        np.testing.assert_allclose(together.bold[:, node], lone.bold[:, 0], rtol=1e-12)


def test_members_are_what_each_is_alone():
    keys = jax.random.split(KEY, 2)
    values = {"bold.scale": jnp.array([0.3, 0.6]), "gain": jnp.array([5.0, 10.0])}
    begun = BOLD.steady(jnp.array([0.0, 0.1, 0.2]))
    reduce = {"fc": OfBold(Correlation())}
    options = {
        "save": ("signal", "bold", "haemodynamics"),
        "save_every": 0.02,
        "haemodynamics": begun,
        "reduce": reduce,
    }
    found = rj.ensemble(BRAIN, values, 1.0, 1e-3, key=keys, show_progress=False, **options)
    np.testing.assert_allclose(
        found.bold[:, 0], BOLD.signal(begun)[None] * np.ones((2, 1)), atol=1e-5
    )
    for lane in range(2):
        member = rj.replace(BRAIN, {path: value[lane] for path, value in values.items()})
        alone = run(member, 1.0, key=keys[lane], **options)
        np.testing.assert_allclose(found.bold[lane], alone.bold, rtol=1e-10)
        np.testing.assert_allclose(found.haemodynamics.s[lane], alone.haemodynamics.s, atol=1e-13)
        np.testing.assert_allclose(found.reduced["fc"][lane], alone.reduced["fc"], rtol=1e-9)


def continued(dt):
    """How far two runs, one after the other, are from one, for the slow rotation."""
    steps = round(2.048 / dt)
    whole = run(SLOW, 4.096, dt, save=("states", "bold", "haemodynamics"), past=begun)
    middle = jax.tree.map(lambda leaf: leaf[steps], whole.states)
    rest = run(SLOW, 2.048, dt, past=lambda t: middle, haemodynamics=_row(whole, steps))
    return float(jnp.abs(rest.bold - whole.bold[steps:]).max() / jnp.abs(whole.bold).max())


def test_a_run_can_be_continued():
    coarse, fine = continued(0.064), continued(0.032)
    assert fine < 1e-6 and coarse / fine > 4
    # Where samples lie between the ends of steps of the vessels.
    assert continued(0.004) < 4e-6


# --- failure is a status, bad input an error


def test_an_input_that_stops_the_flow_is_a_status():
    starved = rj.replace(BRAIN, {"bold.baseline": 3.0})
    assert run(starved).status == rj.Status.non_finite
    assert run(starved, save=("signal",)).succeeded
    assert (
        run(starved, save=(), reduce={"fc": OfBold(Correlation())}).status == rj.Status.non_finite
    )


@pytest.mark.parametrize(
    "options",
    [
        {"save": ("bold",)},
        {"save": ("haemodynamics",)},
        {"save": (), "reduce": {"fc": OfBold(Correlation())}},
    ],
)
def test_bold_needs_haemodynamics(options):
    with pytest.raises(ValueError, match=r"`bold` is None.*BalloonWindkessel"):
        run(eqx.tree_at(lambda n: n.bold, BRAIN, None), **options)


def test_bold_that_was_not_kept_is_asked_for_in_vain():
    with pytest.raises(ValueError, match=r"`bold` was not kept"):
        _ = run(duration=0.1, save=("signal",)).bold


def test_the_state_of_the_vessels_is_checked():
    with pytest.raises(TypeError, match=r"haemodynamics"):
        run(haemodynamics=jnp.zeros(3))
    with pytest.raises(ValueError, match=r"haemodynamics.*\(3,\).*\(2,\)"):
        run(haemodynamics=BalloonState(*[jnp.zeros(2)] * 4))
    with pytest.raises(TypeError, match=r"haemodynamics"):
        rj.ensemble(BRAIN, {"gain": jnp.ones(2)}, 1.0, 1e-3, key=KEY, haemodynamics=0.0)


# --- derivatives


@pytest.mark.parametrize("path", ["bold.scale", "bold.transit_time", "rung.bias", "speed"])
def test_the_gradient_is_that_of_differences(path):
    def measure(value):
        changed = rj.replace(BRAIN, {path: value})
        found = run(changed, 1.0, save_every=0.1, block=100)
        return jnp.sum(jnp.asarray([1.0, -2.0, 3.0]) * found.bold[-1])

    measure = jax.jit(measure)
    at = rj.get(BRAIN, path)
    step = 1e-4 * at
    differences = (measure(at + step) - measure(at - step)) / 2
    assert jnp.sum(jax.grad(measure)(at) * step) == pytest.approx(float(differences), rel=1e-6)


def test_windows_do_not_cut_what_vessels_remember():
    def last(time, window):
        changed = rj.replace(BRAIN, {"bold.transit_time": time})
        return run(changed, 0.96, window=window, save_every=0.08).bold[-1].sum()

    whole, cut = (jax.grad(last)(jnp.asarray(1.0), window) for window in (None, 0.16))
    np.testing.assert_allclose(cut, whole, rtol=1e-12)
