"""Wilson-Cowan against its closed forms, symmetry and published points (equations.md 4)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, root

from rosetta_jax.forcing import WhiteNoise
from rosetta_jax.linear import motif
from rosetta_jax.network import alone
from rosetta_jax.rungs import WilsonCowan
from rosetta_jax.simulation import simulate
from rosetta_jax.system import stack_state, unstack_state

TAU = 0.01
NOT_SUBTRACTED = {"transfer_x.subtracted": 0.0, "transfer_y.subtracted": 0.0}


def drift(rung: WilsonCowan, x) -> jax.Array:
    field = rung.vector_field(
        jnp.zeros(()), unstack_state(rung, jnp.asarray(x, float)[:, None]), rung.Inputs()
    )
    return stack_state(field)[:, 0]


def rest(rung: WilsonCowan, guess) -> np.ndarray:
    found = root(lambda x: TAU * np.asarray(drift(rung, x)), guess, tol=1e-14)
    assert np.abs(found.fun).max() < 1e-12
    return found.x


def jacobian(rung: WilsonCowan, x) -> np.ndarray:
    """In units of one over the time constant."""
    return TAU * np.asarray(jax.jacfwd(lambda x: drift(rung, x))(jnp.asarray(x)))


def hopf(name: str, swept: str, low: float, high: float, guess) -> tuple[float, np.ndarray, float]:
    """Where the trace vanishes along a bias: the bias, the point, the angular frequency in units of 1/tau."""

    def trace(bias: float) -> float:
        rung = WilsonCowan.named(name, **{swept: bias})
        return float(np.trace(jacobian(rung, rest(rung, guess))))

    bias = brentq(trace, low, high, xtol=1e-12)
    rung = WilsonCowan.named(name, **{swept: bias})
    point = rest(rung, guess)
    return bias, point, float(np.sqrt(np.linalg.det(jacobian(rung, point))))


def fold(name: str, low: float, high: float, guess) -> float:
    """Where the determinant vanishes: by Newton on the point and the bias together."""

    def conditions(values) -> list[float]:
        rung = WilsonCowan.named(name, bias_x=values[2])
        A = jacobian(rung, values[:2])
        return [*(TAU * np.asarray(drift(rung, values[:2]))), np.linalg.det(A)]

    found = root(conditions, [*guess, (low + high) / 2], tol=1e-13)
    assert found.success and low < found.x[2] < high
    return float(found.x[2])


def period(rung: WilsonCowan) -> float:
    """The period of the cycle in units of the time constant."""
    solution = simulate(rung, duration=1.0, dt=2e-5, transient=1.0)
    x, times = np.asarray(solution.signal[:, 0]), np.asarray(solution.times)
    level = (x.max() + x.min()) / 2
    up = np.flatnonzero((x[:-1] < level) & (x[1:] >= level))
    crossings = times[up] + 2e-5 * (level - x[up]) / (x[up + 1] - x[up])
    return float(np.diff(crossings).mean() / TAU)


@pytest.mark.parametrize(
    ("name", "swept", "low", "high", "guess", "bias", "point", "omega"),
    [
        (
            "WC-a",
            "bias_x",
            1.3,
            1.7,
            (0.73, 0.78),
            1.53150104,
            (0.73328224, 0.77662902),
            1.75254353,
        ),
        (
            "WC-b",
            "bias_y",
            -6.9,
            -6.5,
            (0.71, 0.64),
            -6.70682382,
            (0.71157482, 0.63632108),
            2.16781082,
        ),
        (
            "WC-b",
            "bias_y",
            -3.5,
            -3.1,
            (0.29, 0.36),
            -3.29317618,
            (0.28842518, 0.36367892),
            2.16781082,
        ),
        ("WC72", "bias_x", 1.8, 1.95, (0.25, 0.2), 1.879313, (0.249338, 0.198220), 2.664313),
    ],
)
def test_hopf_points(name, swept, low, high, guess, bias, point, omega):
    found = hopf(name, swept, low, high, guess)
    assert found[0] == pytest.approx(bias, abs=6e-7)
    np.testing.assert_allclose(found[1], point, atol=6e-7)
    assert found[2] == pytest.approx(omega, abs=6e-7)


@pytest.mark.parametrize(
    ("name", "low", "high", "guess", "bias"),
    [
        ("WC-a", -3.45, -3.2, (0.103, 0.0083), -3.3004770),
        ("WC-a", -3.7, -3.5, (0.35, 0.1), -3.590051),
        ("WC72", 1.0, 1.2, (0.06, 0.01), 1.087330),
        ("WC72", 0.8, 1.0, (0.13, 0.03), 0.908683),
    ],
)
def test_folds(name, low, high, guess, bias):
    assert fold(name, low, high, guess) == pytest.approx(bias, abs=1e-6)


def test_the_trace_condition_holds_at_a_hopf_point():
    _, point, _ = hopf("WC-b", "bias_y", -6.9, -6.5, (0.71, 0.64))
    slopes = point * (1 - point)  # of the unit logistic
    assert 12 * slopes[0] == pytest.approx(1 + 1 + 2 * slopes[1], rel=1e-9)


def test_the_unit_logistic_is_point_symmetric():
    # (x, y, P_x, P_y) -> (1 - x, 1 - y, -P_x - (w_xx - w_xy), -P_y - (w_yx - w_yy)), time unchanged.
    state = jnp.array([0.3, 0.6])
    here = drift(WilsonCowan(bias_x=0.4, bias_y=-5.5), state)
    there = drift(WilsonCowan(bias_x=-0.4, bias_y=-10 + 5.5), 1 - state)
    np.testing.assert_allclose(there, -here, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("WC-a", {"bias_x": -3.0}, 7.35373),
        ("WC-a", {"bias_x": -2.0}, 3.92256),
        ("WC-a", {"bias_x": 0.0}, 3.144088),
        ("WC-a", {"bias_x": 1.0}, 3.319482),
        ("WC-b", {"bias_y": -5.0}, 3.245157),
        ("WC-b", {"bias_y": -4.0}, 3.144088),
        ("WC72", {}, 4.99589),
        ("WC72", {"refractory": 0.0} | NOT_SUBTRACTED, 6.6451),
        ("WC72", NOT_SUBTRACTED, 4.3748),
    ],
)
def test_periods_of_cycles(name, changes, expected):
    assert period(WilsonCowan.named(name, **changes)) == pytest.approx(expected, rel=2e-4)


def test_ranges_of_cycles():
    for name, low, high in (("WC-b", 0.310450, 0.689550), ("WC72", 0.102559, 0.269660)):
        signal = simulate(WilsonCowan.named(name), 0.2, 2e-5, transient=1.0).signal
        assert float(signal.min()) == pytest.approx(low, abs=2e-5)
        assert float(signal.max()) == pytest.approx(high, abs=2e-5)


def test_the_default_lies_in_both_sets_and_its_working_point_is_stable():
    for name, changes in (("WC-a", {"bias_x": 0.0}), ("WC-b", {"bias_y": -6.0})):
        same = WilsonCowan.named(name, **changes)
        assert jax.tree.all(jax.tree.map(lambda a, b: bool(a == b), same, WilsonCowan()))
    assert period(WilsonCowan()) == pytest.approx(3.144088, rel=2e-4)
    worked = motif(WilsonCowan(bias_y=-7.2))
    assert TAU * worked.growth[0] == pytest.approx(-0.160049, abs=1e-6)
    assert TAU * worked.rotation[0] == pytest.approx(1.997624, abs=1e-6)


def test_noise_at_the_focus_has_the_covariance_of_the_linear_theory():
    # sigma dW on x only, time in units of tau: sigma^2 [[2.37134, 1.48964], [1.48964, 2.74183]].
    sigma = 0.002
    network = alone(WilsonCowan(bias_y=-7.2), nodes=400, noise=WhiteNoise(sigma / TAU**0.5))
    solution = simulate(network, 1.5, 2e-4, key=jax.random.key(0), transient=1.0, save=("states",))
    x, y = (np.asarray(each) for each in (solution.states.x, solution.states.y))
    found = np.cov(x.ravel(), y.ravel()) / sigma**2
    np.testing.assert_allclose(found, [[2.37134, 1.48964], [1.48964, 2.74183]], rtol=0.02)


def test_gains_multiply_what_the_sigmoid_gives():
    rung, state = WilsonCowan(gain_x=2.0, gain_y=3.0), jnp.array([0.3, 0.2])
    leak = -state / TAU
    driven = drift(WilsonCowan(), state) - leak
    np.testing.assert_allclose(
        drift(rung, state) - leak, driven * jnp.array([2.0, 3.0]), rtol=1e-12
    )


def test_near_the_snic_the_period_grows_as_its_square_root_law_says():
    # T sqrt(P - P_c) tends to pi / sqrt(a b), where q' = a (P - P_c) + b q^2 along the null vector.
    onset = fold("WC-a", -3.45, -3.2, (0.103, 0.0083))
    rung = WilsonCowan.named("WC-a", bias_x=onset)
    point = rest(rung, (0.102906, 0.0083116))
    A = jacobian(rung, point)
    right = np.linalg.svd(A)[2][-1]
    left = np.linalg.svd(A.T)[2][-1]
    left = left / (left @ right)
    curved = TAU * np.asarray(jax.hessian(lambda x: drift(rung, x))(jnp.asarray(point)))
    b = left @ np.einsum("cij,i,j->c", curved, right, right) / 2
    moved = (
        np.asarray(drift(WilsonCowan.named("WC-a", bias_x=onset + s), point)) for s in (1e-6, -1e-6)
    )
    a = left @ (TAU * np.subtract(*moved) / 2e-6)
    assert np.pi / np.sqrt(a * b) == pytest.approx(4.814530, abs=1e-5)
    for distance, known in ((1e-2, 4.3920), (1e-3, 4.6717)):
        slow = simulate(
            WilsonCowan.named("WC-a", bias_x=onset + distance), 6.0, 5e-5, transient=2.0
        ).signal[:, 0]
        crossings = np.flatnonzero((slow[:-1] < 0.5) & (slow[1:] >= 0.5))
        between = np.diff(crossings).mean() * 5e-5 / TAU
        assert between * np.sqrt(distance) == pytest.approx(known, rel=2e-4)
