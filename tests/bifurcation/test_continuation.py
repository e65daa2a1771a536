"""Branches of equilibria: published folds and Hopf points, closed forms, delays, derivatives, wrong input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import lambertw

import rosetta_jax as rj
from rosetta_jax.bifurcation import continuation
from rosetta_jax.bifurcation.equilibria import hopf_near
from rosetta_jax.bifurcation.expansion import Expansion, Mode
from rosetta_jax.bifurcation.family import family
from rosetta_jax.bifurcation.points import solve_fold, solve_hopf
from rosetta_jax.bifurcation.pseudo_arclength import CLOSED, LIMIT, Problem, follow
from rosetta_jax.bifurcation.roots import characteristic_roots


class Circle(Problem):
    """x^2 + p^2 = 1."""

    def residual(self, z):
        return jnp.sum(z**2, keepdims=True) - 1


@pytest.mark.parametrize(
    ("limits", "reason", "last"),
    [((-2.0, 2.0), CLOSED, (1.0, 0.0)), ((-2.0, 0.5), LIMIT, (0.75**0.5, 0.5))],
)
def test_a_circle_is_followed_round_and_to_a_limit(limits, reason, last):
    curve = follow(Circle(), jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]), limits, longest=0.05)
    assert curve.reason == reason
    np.testing.assert_allclose((curve.points**2).sum(axis=1), 1.0, atol=1e-9)
    np.testing.assert_allclose(curve.points[-1], last, atol=0.2 if reason == CLOSED else 1e-9)
    turned = (curve.points * curve.tangents).sum(axis=1)
    np.testing.assert_allclose(turned, 0.0, atol=1e-6)


@pytest.fixture(scope="module")
def column():
    return continuation(rj.JansenRit(), "bias", (-80.0, 350.0))


def test_the_jansen_rit_column_has_its_published_points(column):
    assert column.complete
    folds = [fold.value for fold in column.folds]
    np.testing.assert_allclose(folds, [113.586273, -41.301410], rtol=2e-8)
    np.testing.assert_allclose([fold.signal[0] for fold in column.folds], [2.5805, 5.3265], 1e-4)
    values = [hopf.value for hopf in column.hopfs]
    np.testing.assert_allclose(values, [-12.147492, 89.829108, 315.696428], rtol=1e-7)
    hertz = [hopf.frequency for hopf in column.hopfs]
    np.testing.assert_allclose(hertz, [7.2395, 10.3771, 11.1636], atol=5e-5)
    assert [hopf.label for hopf in column.hopfs] == ["HB−", "HB+", "HB+"]


def test_equilibria_of_a_column_solve_its_scalar_equation(column):
    """y0 = A/a S(y), p = a/A (y + B/b C4 S(C3 y0)) - C2 S(C1 y0): equations.md 5.3."""

    def rate(v):
        return 5 / (1 + np.exp(0.56 * (6 - v)))

    y = column.signals[:, 0]
    y0 = 0.0325 * rate(y)
    expected = (y + 0.44 * 33.75 * rate(33.75 * y0)) / 0.0325 - 108 * rate(135 * y0)
    np.testing.assert_allclose(column.values, expected, atol=1e-6)
    np.testing.assert_array_equal(np.diff(column.unstable_modes[[0, -1]]), 0)
    beyond = (column.values > 113.6) & (column.values < 315.6)
    assert column.stable[column.values > 315.7].all() and not column.stable[beyond].any()
    assert len(column.at(0.0)) == 3 and len(column.at(200.0)) == 1


def test_derivatives_of_folds_and_hopf_points_are_those_of_differences(column):
    of, fold, hopf = column.family, column.folds[0], column.hopfs[1]

    @eqx.filter_jit
    def points(threshold):
        changed = eqx.tree_at(
            lambda each: each.network.rung,
            of,
            rj.replace(of.network.rung, {"threshold": threshold}),
        )
        turn = solve_fold(
            changed, jnp.asarray(fold.x), jnp.asarray(fold.shape), jnp.asarray(fold.value)
        )
        known = hopf.solution
        born = solve_hopf(changed, known.x, known.shape, known.omega, known.value)
        return jnp.stack([turn.value, born.value, born.omega])

    here, step = jnp.asarray(6.0), 1e-4
    differences = (points(here + step) - points(here - step)) / (2 * step)
    np.testing.assert_allclose(jax.jacrev(points)(here), differences, rtol=1e-6)
    np.testing.assert_allclose(jax.jacfwd(points)(here), differences, rtol=1e-6)


def pair(delay: float, gain: float = 10.0, alpha: float = -5.0) -> rj.Network:
    """Two linear oscillators, 10 Hz, `delay` (s) apart."""
    links = np.array([[0.0, 1.0], [1.0, 0.0]])
    return rj.Network(
        rj.HarmonicOscillator(alpha=alpha, omega=62.8),
        rj.Connectome(links, 1e4 * delay * links),
        gain=gain,
        speed=10.0,
    )


@pytest.mark.parametrize("delay", [0.004, 0.1])
def test_characteristic_roots_of_a_delayed_pair_are_those_of_lambert(delay):
    r"""$\lambda = a \pm G e^{-\lambda\tau}$ with $a = \alpha - G + i\omega$, for both modes and all branches."""
    of = family(pair(delay), ("gain",))
    found = characteristic_roots(of, jnp.zeros(4), jnp.array([10.0]), number=6)
    a = -15.0 + 62.8j
    exact = [
        a + lambertw(sign * 10.0 * delay * np.exp(-a * delay), branch) / delay
        for sign in (1, -1)
        for branch in range(-6, 7)
    ]
    exact = np.concatenate([exact, np.conj(exact)])
    # Roots that decay within the longest delay are not asked for.
    exact = exact[np.argsort(-exact.real, kind="stable")][: len(found)]
    assert len(found) == (6 if delay > 0.01 else 4)
    np.testing.assert_allclose(found.real, exact.real, rtol=1e-8)
    np.testing.assert_allclose(np.sort(found.imag), np.sort(exact.imag), rtol=1e-8)


def delayed_network() -> rj.Network:
    rng = np.random.default_rng(1)
    links = rng.uniform(0, 1, (3, 3)) * (1 - np.eye(3))
    connectome = rj.Connectome(
        links / links.sum(axis=1, keepdims=True), rng.uniform(20, 200, (3, 3)) * (1 - np.eye(3))
    )
    return rj.Network(rj.WilsonCowan.named("WC-b"), connectome, gain=1.0, speed=10.0)


@pytest.fixture(scope="module")
def delayed():
    network = delayed_network()
    return network, continuation(network, "rung.bias_y", (-7.2, -6.1), longest=0.1)


def test_a_delayed_branch_counts_unstable_modes_as_the_winding_does(delayed):
    network, branch = delayed
    assert branch.complete and len(branch.hopfs) >= 2
    counts = []
    for place in (0, len(branch.values) // 2, -1):
        here = rj.replace(network, {"rung.bias_y": branch.values[place]})
        counts.append(int(rj.linear.stability(here).unstable_modes))
        assert branch.unstable_modes[place] == counts[-1]
    assert counts[0] == 0 and counts[-1] >= 4
    for hopf in branch.hopfs:
        roots = characteristic_roots(
            hopf.family, jnp.asarray(hopf.x), jnp.asarray([hopf.value]), number=6
        )
        nearest = roots[np.argmin(np.abs(roots - 2j * np.pi * hopf.frequency))]
        np.testing.assert_allclose(nearest, 2j * np.pi * hopf.frequency, atol=1e-7)


def test_delayed_cycles_are_born_as_the_normal_form_says(delayed):
    """Amplitude and frequency of simulated cycles, twice as near to onset: errors fall with the distance."""
    network, branch = delayed
    hopf = min(branch.hopfs, key=lambda each: each.value)
    form = hopf.normal_form
    value = jnp.asarray(hopf.value)
    observed = jax.jacfwd(lambda x: hopf.family.signal(x, value[None])[0])(jnp.asarray(hopf.x))
    scale = 2 * abs(np.dot(observed, form.right))
    errors = []
    for distance in (0.008, 0.004):
        brain = rj.replace(network, {"rung.bias_y": hopf.value + distance})
        size = np.sqrt(float(form.crossing.real) * distance / float(form.gamma))
        # A history on the predicted cycle, which is soon the true one.
        omega = (
            float(form.omega) + distance * float(form.crossing.imag) - float(form.beta) * size**2
        )

        x, right = hopf.x + distance * np.asarray(form.drag), np.asarray(form.right)

        def past(t, size=size, omega=omega, x=x, right=right):
            swing = right.real * jnp.cos(omega * t) - right.imag * jnp.sin(omega * t)
            return hopf.family.state(jnp.asarray(x) + 2 * size * swing)

        run = rj.simulate(brain, 20.0, 1e-4, past=past, save=("signal",))
        signal = np.asarray(run.signal[-10_000:, 0])
        amplitude = np.ptp(signal) / 2
        errors.append(abs(amplitude / (scale * size) - 1))
    assert errors[0] < 0.05 and errors[1] < 0.65 * errors[0], errors


def test_several_paths_move_together():
    branch = continuation(rj.NMM2.named("PING"), ("bias_e", "bias_i"), (-20.0, 75.0))
    assert branch.parameter == "bias_e = bias_i"
    np.testing.assert_allclose([f.value for f in branch.folds], [0.268508, -1.321603], atol=5e-7)
    np.testing.assert_allclose([h.value for h in branch.hopfs], [1.110447, 67.665305], atol=5e-7)


def test_wrong_input_is_named():
    column = rj.JansenRit()
    with pytest.raises(KeyError, match=r"no parameter at 'biass'.*Did you mean 'bias'"):
        continuation(column, "biass", (0.0, 1.0))
    with pytest.raises(ValueError, match="`limits` must be two numbers, the lower first, got"):
        continuation(column, "bias", (1.0, 0.0))
    with pytest.raises(ValueError, match=r"phases rotate and have no fixed point.*locked_state"):
        continuation(rj.PhaseOscillator(), "omega", (1.0, 2.0))


def test_where_no_pair_crosses_there_is_no_hopf_point(column):
    stable = column.states[-1], float(column.values[-1])
    assert hopf_near(column.family, *stable, 1.0 + 1e-3j) is None


def test_derivatives_along_histories_are_those_of_each_link():
    """Of nodes that send a sigmoid of their state: each link reads its own history, differentiated by JAX."""
    lengths = np.array([[0.0, 40.0], [130.0, 0.0]])
    links = np.array([[0.0, 0.7], [1.3, 0.0]])
    network = rj.Network(rj.JansenRit(bias=150.0), rj.Connectome(links, lengths), gain=30.0)
    of, values = family(network, ("gain",)), jnp.array([30.0])
    random = np.random.default_rng(0)
    x, *shapes = (jnp.asarray(each) for each in random.normal(size=(4, of.size)))
    roots = jnp.array([30.0, -20.0, 10.0])
    modes = [Mode(u.astype(complex), r.astype(complex)) for u, r in zip(shapes, roots, strict=True)]
    about = Expansion(of, x, values)

    def moved(sizes):
        def state(ago):
            return x + sum(
                size * u * jnp.exp(-root * ago)
                for size, u, root in zip(sizes, shapes, roots, strict=True)
            )

        arriving = jnp.stack(
            [
                sum(
                    links[i, j] * of.sent(state(1e-4 * lengths[i, j]), values)[0, j]
                    for j in range(2)
                )
                for i in range(2)
            ]
        )
        return of.field(state(0.0), arriving[None], values)

    still = jnp.zeros(3)
    first = jax.jacfwd(moved)(still)
    second = jax.jacfwd(jax.jacfwd(moved))(still)
    third = jax.jacfwd(jax.jacfwd(jax.jacfwd(moved)))(still)
    np.testing.assert_allclose(about.first(modes[0]), first[:, 0], rtol=1e-10)
    np.testing.assert_allclose(about.second(*modes[:2]), second[:, 0, 1], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(about.third(*modes), third[:, 0, 1, 2], rtol=1e-9, atol=1e-9)
    # What nodes send bends: without it the second derivative would be another.
    assert np.abs(second[:, 0, 1]).max() > 1.0


def test_hopf_points_far_from_where_roots_cross_are_not_of_the_branch():
    """Newton's method started between two points may end anywhere: at 11.2 or at -6.6e107 for these columns."""
    columns = (
        rj.JansenRit(
            excitatory_rate=132.838487,
            inhibitory_rate=57.077956,
            connectivity=128.366536,
            bias=178.410560,
        ),
        rj.JansenRit(
            excitatory_rate=154.207128,
            inhibitory_rate=62.311906,
            connectivity=126.528770,
            bias=247.403081,
        ),
    )
    for column, value in zip(columns, (5.002391, 6.864184), strict=True):
        branch = rj.bifurcation.continuation(column, "excitatory_gain", (1.0, 10.0))
        assert [hopf.value for hopf in branch.hopfs] == [pytest.approx(value, abs=1e-4)]
