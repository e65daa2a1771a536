"""Windowed connectivity and its dynamics against loops over windows; distances of distributions against SciPy."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from rosetta_jax.observe import (
    cumulative_share,
    functional_connectivity_dynamics,
    kolmogorov_smirnov,
    upper_triangle,
    wasserstein,
    windowed_connectivity,
)

DT = 0.72


def drifting(time=200, nodes=5, seed=0):
    """Coupled, slow, and with offsets, so that the mean and size of windows differ."""
    generator = np.random.default_rng(seed)
    signal = generator.standard_normal((time, nodes)) @ generator.standard_normal((nodes, nodes))
    return np.cumsum(signal, axis=0) * 0.3 + 2 * signal + 100.0


def by_window(signal, length, step):
    upper = np.triu_indices(signal.shape[1], 1)
    starts = range(0, len(signal) - length + 1, step)
    return np.array([np.corrcoef(signal[k : k + length].T)[upper] for k in starts])


@pytest.mark.parametrize("nodes, length, step", [(5, 83, 1), (6, 64, 7), (2, 3, 1), (3, 200, 1)])
def test_windows_agree_with_a_loop(nodes, length, step):
    signal = drifting(nodes=nodes)
    found = jax.jit(lambda x: windowed_connectivity(x, DT, window=length * DT, step=step * DT))(
        signal
    )
    wanted = by_window(signal, length, step)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=1e-11)


@pytest.mark.parametrize("nodes, length, step", [(5, 83, 1), (6, 64, 7), (4, 10, 3), (3, 31, 2)])
def test_dynamics_agree_with_a_loop(nodes, length, step):
    signal = drifting(nodes=nodes)
    found = jax.jit(
        lambda x: functional_connectivity_dynamics(x, DT, window=length * DT, step=step * DT)
    )(signal)
    np.testing.assert_allclose(found, np.corrcoef(by_window(signal, length, step)), atol=1e-10)


def test_the_published_convention_has_1118_windows():
    signal = np.random.default_rng(0).standard_normal((1200, 4))
    shape = jax.eval_shape(
        lambda x: functional_connectivity_dynamics(x, DT, window=59.76), jnp.asarray(signal)
    ).shape
    assert shape == (1118, 1118)
    assert 1118 * 1117 // 2 == 624_403  # the last entry of the published cumulative counts


def test_no_array_of_windows_by_samples_or_by_pairs():
    """Neither forwards nor in a reverse gradient: the largest is the series twice, side by side."""
    samples, nodes, windows = 300, 40, 55

    def loss(x):
        dynamics = functional_connectivity_dynamics(x, DT, window=30 * DT, step=5 * DT)
        assert dynamics.shape == (windows, windows)
        return jnp.sum(dynamics**2)

    def sizes(jaxpr):
        for equation in jaxpr.eqns:
            yield from (np.prod(each.aval.shape) for each in equation.outvars)
            for inner in jax.tree.leaves(equation.params, is_leaf=lambda x: hasattr(x, "jaxpr")):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from sizes(inner)

    largest = max(sizes(jax.make_jaxpr(jax.grad(loss))(jnp.zeros((samples, nodes))).jaxpr))
    assert largest == 2 * samples * nodes < windows * nodes * (nodes - 1) / 2


def test_single_precision_keeps_six_digits_of_what_does_not_drift_far():
    signal = drifting(400) - np.linspace(0, 1, 400)[:, None]
    single = jnp.asarray(signal, jnp.float32)
    wanted = by_window(np.asarray(single, np.float64), 83, 1)
    found = jax.jit(lambda x: windowed_connectivity(x, DT, window=83 * DT))(single)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    dynamics = jax.jit(lambda x: functional_connectivity_dynamics(x, DT, window=83 * DT))(single)
    np.testing.assert_allclose(dynamics, np.corrcoef(wanted), atol=1e-4)


def test_a_node_that_rests_makes_its_windows_not_a_number_and_spares_the_others():
    signal = drifting(60, 4)
    signal[10:30, 2] = 0.1
    dynamics_of = jax.jit(lambda x: functional_connectivity_dynamics(x, DT, window=10 * DT))
    found = np.asarray(jax.jit(lambda x: windowed_connectivity(x, DT, window=10 * DT))(signal))
    rests = np.arange(51)
    rests = (rests >= 10) & (rests <= 20)
    pairs = np.array([2 in pair for pair in itertools.combinations(range(4), 2)])
    np.testing.assert_array_equal(np.isnan(found), rests[:, None] & pairs[None])
    dynamics = np.asarray(dynamics_of(signal))
    np.testing.assert_array_equal(np.isnan(dynamics), rests[:, None] | rests[None])
    gradient = jax.jit(jax.grad(lambda x: jnp.nansum(dynamics_of(x) ** 2)))(jnp.asarray(signal))
    assert np.isfinite(gradient).all()


# --- distributions --------------------------------------------------------------------------------


def samples(count, seed, shift=0.0):
    return np.tanh(0.5 * np.random.default_rng(seed).standard_normal(count) + shift)


@pytest.mark.parametrize("bins", [7, 200, 10_000])
def test_shares_are_those_of_a_histogram(bins):
    values = np.concatenate([samples(500, 0), [1.0, -1.0, 0.0]])
    counts, _ = np.histogram(values, bins, (-1, 1))
    found = np.asarray(cumulative_share(values, bins=bins))
    # A value on an edge counts below it here, above it in a histogram.
    assert np.abs(found - np.cumsum(counts) / len(values)).max() <= 1.01 / len(values)
    edges = np.linspace(-1, 1, bins + 1)[1:]
    wanted = [(values <= edge + 1e-12).mean() for edge in edges]
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_smooth_shares_are_means_of_ramps():
    values = np.concatenate([samples(300, 0), [1.0, -1.0]])
    edges, width = np.linspace(-1, 1, 51)[1:], 2 / 50
    ramps = np.clip((edges[:, None] - values[None]) / width + 0.5, 0, 1)
    found = np.asarray(cumulative_share(values, bins=50, smooth=True))
    np.testing.assert_allclose(found, ramps.mean(axis=1), atol=1e-12)


def test_distances_agree_with_scipy():
    one, other = samples(800, 1), samples(500, 2, 0.3)
    shares = [cumulative_share(each) for each in (one, other)]
    # What SciPy sees is rounded up to the edges of the bins.
    rounded = [np.ceil((each + 1) * 5000) / 5000 - 1 for each in (one, other)]
    wanted = scipy.stats.ks_2samp(*rounded).statistic
    assert float(kolmogorov_smirnov(*shares)) == pytest.approx(wanted, abs=1e-12)
    assert float(kolmogorov_smirnov(*shares)) == pytest.approx(
        scipy.stats.ks_2samp(one, other).statistic, abs=5e-3
    )
    wanted = scipy.stats.wasserstein_distance(one, other)
    assert float(wasserstein(*shares)) == pytest.approx(wanted, abs=2e-4)
    smooth = [cumulative_share(each, smooth=True) for each in (one, other)]
    assert float(wasserstein(*smooth)) == pytest.approx(wanted, abs=2e-4)


def test_the_surrogate_descends_where_counts_have_no_slope():
    values, goal = jnp.asarray(samples(300, 1)), cumulative_share(samples(400, 2, 0.3), bins=500)
    flat = jax.grad(lambda v: wasserstein(cumulative_share(v, bins=500), goal))(values)
    assert (np.asarray(flat) == 0).all()

    @jax.jit
    def loss(v):
        return wasserstein(cumulative_share(v, bins=500, smooth=True), goal)

    slope_of = jax.jit(jax.grad(loss))
    slope = slope_of(values)
    # All values must rise, each by its share.
    assert (np.asarray(slope)[np.abs(values) < 0.8] < 0).mean() > 0.95
    np.testing.assert_allclose(np.min(slope), -1 / 300, rtol=1e-9)
    direction = jnp.asarray(np.random.default_rng(5).standard_normal(300))
    step = 1e-8
    difference = (loss(values + step * direction) - loss(values - step * direction)) / (2 * step)
    np.testing.assert_allclose(jnp.vdot(slope, direction), difference, rtol=1e-5)
    before = kolmogorov_smirnov(cumulative_share(values, bins=500), goal)
    for _ in range(30):
        values = values - 3.0 * slope_of(values)
    after = kolmogorov_smirnov(cumulative_share(values, bins=500), goal)
    assert float(after) < 0.5 * float(before)


def test_the_gradient_of_a_whole_chain_against_finite_differences():
    signal = jnp.asarray(drifting(60, 4))
    goal = cumulative_share(samples(100, 2, 0.6), bins=40)
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(signal.shape))

    @jax.jit
    def loss(series):
        dynamics = functional_connectivity_dynamics(series, DT, window=20 * DT, step=2 * DT)
        return wasserstein(cumulative_share(upper_triangle(dynamics), bins=40, smooth=True), goal)

    along = jnp.vdot(jax.jit(jax.grad(loss))(signal), direction)
    step = 1e-6
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-5)
    ensemble = jnp.stack([signal, signal[::-1]])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(loss))(ensemble), [loss(each) for each in ensemble], rtol=1e-9
    )


def test_missing_values_are_passed_on():
    assert np.isnan(cumulative_share(np.array([0.1, np.nan]), bins=5)).all()


@pytest.mark.parametrize("measure", [windowed_connectivity, functional_connectivity_dynamics])
@pytest.mark.parametrize(
    "given, message",
    [
        ({"window": 1.0}, "`window` of 1 s holds 1 samples at dt = 0.72 s"),
        ({"window": 600.0}, "at most the 200 of `signal`"),
        ({"step": 0.1}, "`step` of 0.1 s is less than half a sample"),
        ({"dt": 0.0}, "`dt` must be one positive number"),
        ({"signal": np.ones((200, 1))}, "`signal` has (one|1) node"),
        ({"signal": np.ones(200)}, "`signal` must be a series"),
    ],
)
def test_wrong_series_are_named(measure, given, message):
    known = {"signal": drifting(), "dt": DT} | given
    with pytest.raises(ValueError, match=message):
        measure(known.pop("signal"), known.pop("dt"), **known)


def test_wrong_shares_are_named():
    with pytest.raises(ValueError, match="`signal` has 2 nodes, whose windows have one pair"):
        functional_connectivity_dynamics(drifting(nodes=2), DT)
    with pytest.raises(ValueError, match=r"`values` must be a list of numbers, got shape \(2, 2\)"):
        cumulative_share(np.ones((2, 2)))
    with pytest.raises(ValueError, match="`bins` must be a whole number"):
        cumulative_share(np.ones(2), bins=0)
    for distance in (kolmogorov_smirnov, wasserstein):
        with pytest.raises(ValueError, match="`first` must be a cumulative share"):
            distance(np.ones((2, 2)), np.ones(2))
        with pytest.raises(ValueError, match="`second` must have shape"):
            distance(np.ones(3), np.ones(2))
