"""Welch's estimate against SciPy and closed forms, and against what theory says it should give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from rosetta_jax.observe import (
    coherence,
    cross_spectrum,
    power_spectrum,
    through_window,
    welch_averages,
    welch_standard_error,
)

DT = 0.01


def noise(time=700, nodes=3, seed=0):
    return np.random.default_rng(seed).standard_normal((time, nodes)) + 5.0


def scipy_welch(signal, length, overlap, window, detrend):
    detrend = False if detrend == "none" else detrend
    shared = int(np.floor(overlap * length + 1e-9))
    return scipy.signal.welch(
        signal, 1 / DT, window, length, shared, detrend=detrend, axis=0, scaling="density"
    )


@pytest.mark.parametrize("window", ["hann", "boxcar"])
@pytest.mark.parametrize("detrend", ["constant", "linear", "none"])
@pytest.mark.parametrize(
    "length, overlap", [(128, 0.5), (101, 0.5), (100, 0.29), (64, 0.0), (8, 0.5)]
)
def test_agrees_with_scipy(window, detrend, length, overlap):
    signal = noise() + 0.01 * np.arange(700)[:, None]
    found = power_spectrum(
        signal, DT, segment=length * DT, overlap=overlap, window=window, detrend=detrend
    )
    frequencies, density = scipy_welch(signal, length, overlap, window, detrend)
    np.testing.assert_allclose(found.frequencies, frequencies, rtol=1e-14)
    np.testing.assert_allclose(
        found.density, density, rtol=1e-10, atol=1e-13 * density.max() + 1e-20
    )


def test_cross_spectrum_agrees_with_scipy_and_has_the_sign_of_a_lag():
    signal = noise()
    signal[3:, 1] = signal[:-3, 0]  # node 1 follows node 0 by three samples
    found = cross_spectrum(signal, DT, segment=1.0)
    for i in range(3):
        for j in range(3):
            _, wanted = scipy.signal.csd(
                signal[:, j], signal[:, i], 1 / DT, "hann", 100, 50, detrend="constant"
            )
            np.testing.assert_allclose(found.density[:, i, j], wanted, rtol=1e-9, atol=1e-13)
    phase = np.angle(np.asarray(found.density[5:15, 1, 0]))
    np.testing.assert_allclose(phase, -2 * np.pi * found.frequencies[5:15] * 3 * DT, atol=0.15)
    power = power_spectrum(signal, DT, segment=1.0).density
    np.testing.assert_allclose(
        jnp.diagonal(found.density, axis1=1, axis2=2).real, power, rtol=1e-12
    )


def test_coherence_agrees_with_scipy():
    signal = noise()
    signal[:, 1] += signal[:, 0]
    found = coherence(signal, DT, segment=1.0)
    _, wanted = scipy.signal.coherence(signal[:, 0], signal[:, 1], 1 / DT, "hann", 100, 50)
    np.testing.assert_allclose(found.coherence[:, 0, 1], wanted, rtol=1e-9)
    np.testing.assert_allclose(found.coherence[:, 2, 2], 1.0, rtol=1e-12)


def test_coherence_of_a_dead_node_is_nan_and_spares_the_others():
    signal = noise()
    signal[:, 1] = 0.0
    found = np.asarray(coherence(signal, DT, segment=1.0).coherence)
    assert np.isnan(found[:, 1, :]).all() and np.isnan(found[:, :, 1]).all()
    assert np.isfinite(found[:, 0, 2]).all()


def test_white_noise_has_twice_its_variance_over_the_rate():
    signal = 3.0 * np.random.default_rng(1).standard_normal((200_000, 1))
    density = np.asarray(power_spectrum(signal, DT, segment=1.0).density[2:-1, 0])
    wanted = 2 * 9.0 * DT
    error = welch_standard_error(200_000, 100)
    assert abs(density.mean() / wanted - 1) < 5 * np.sqrt(2 / 200_000)
    assert np.abs(density / wanted - 1).max() < 4.5 * error


def test_a_sine_integrates_to_half_its_squared_amplitude():
    times = DT * np.arange(5000)[:, None]
    found = power_spectrum(1.7 * np.sin(2 * np.pi * 12.3 * times), DT, segment=5.0)
    total = jnp.sum(found.density, axis=0) * found.frequencies[1]
    np.testing.assert_allclose(total, 1.7**2 / 2, rtol=1e-3)
    assert abs(float(found.frequencies[jnp.argmax(found.density[:, 0])]) - 12.3) < 0.11


def lump(frequency, centre, width):
    """A density of unit variance and its autocovariance in closed form."""
    density = np.exp(-0.5 * ((frequency - centre) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return (
        density,
        lambda lag: (
            np.exp(-0.5 * (2 * np.pi * width * lag) ** 2) * np.cos(2 * np.pi * centre * lag)
        ),
    )


@pytest.mark.parametrize("window", ["hann", "boxcar"])
@pytest.mark.parametrize("detrend", ["constant", "none"])
@pytest.mark.parametrize("length", [100, 81])
def test_through_window_is_the_expectation(window, detrend, length):
    """Against `E |v^H x|^2 = v^H R v` with the Toeplitz matrix of the exact autocovariance."""
    fine = np.concatenate([np.arange(0, 60, 0.002), np.arange(60, 120.0001, 0.004)])
    parts = [lump(fine, 8.0, 0.5), lump(fine, 70.0, 1.0), lump(fine, 100.0, 0.3)]
    density = np.stack([parts[0][0] + 0.5 * parts[1][0], parts[2][0]], axis=1)
    found = through_window(fine, density, DT, segment=length * DT, window=window, detrend=detrend)
    lag = DT * np.arange(length)
    covariances = [parts[0][1](lag) + 0.5 * parts[1][1](lag), parts[2][1](lag)]
    taper = scipy.signal.get_window(window, length)
    vectors = np.exp(-2j * np.pi * np.outer(np.arange(length // 2 + 1), np.arange(length)) / length)
    vectors = vectors * taper
    if detrend == "constant":
        vectors = vectors - vectors.mean(axis=1, keepdims=True)
    sides = np.where(np.arange(length // 2 + 1) * 2 % length == 0, 1, 2)
    for node, covariance in enumerate(covariances):
        matrix = scipy.linalg.toeplitz(covariance)
        square = np.einsum("kn,nm,km->k", vectors, matrix, vectors.conj(), optimize=True).real
        wanted = sides * DT * square / np.sum(taper**2)
        np.testing.assert_allclose(
            found.density[:, node], wanted, rtol=2e-4, atol=2e-5 * wanted.max()
        )
    # 70 Hz folds to 30 Hz at this rate of 100 Hz.
    near = np.argmin(np.abs(np.asarray(found.frequencies) - 30.0))
    assert found.density[near, 0] > 10 * found.density[near - 8, 0]


def test_through_window_of_white_noise_is_flat():
    """Flat to 250 Hz, read at 100 Hz: three bands of 50 Hz folded, and two more to make five."""
    fine = np.linspace(0, 250, 11)
    found = through_window(fine, np.ones((11, 1)), DT, segment=0.5, detrend="none")
    np.testing.assert_allclose(found.density[1:-1], 5.0, rtol=1e-9)
    np.testing.assert_allclose(found.density[:: found.density.shape[0] - 1], 2.5, rtol=1e-9)


def test_through_window_folds_a_density_that_ends_abruptly():
    """Flat to 230 Hz, read at 100 Hz: five bands on top of each other to 30 Hz, then four."""
    fine = np.linspace(0, 230, 7)
    found = through_window(fine, np.ones((7, 1)), DT, segment=5.0)
    np.testing.assert_allclose(found.density[10:140], 5.0, rtol=1e-3)
    np.testing.assert_allclose(found.density[160:-1], 4.0, rtol=1e-3)


def test_through_window_needs_only_the_corners_of_a_density():
    corners = np.array([0.0, 3.0, 10.0, 11.0, 70.0])
    density = np.array([[1.0], [0.5], [4.0], [0.2], [0.1]])
    fine = np.unique(np.concatenate([corners, np.linspace(0, 70, 3001)]))
    drawn = np.interp(fine, corners, density[:, 0])[:, None]
    np.testing.assert_allclose(
        through_window(corners, density, DT).density,
        through_window(fine, drawn, DT).density,
        rtol=1e-9,
    )


def damped_oscillator(seed, samples, nodes):
    """Fact 2d: `z' = (alpha + i w) z + noise`, sampled exactly; the real part."""
    alpha, omega, sigma = -5.0, 2 * np.pi * 10, 2.0
    generator = np.random.default_rng(seed)
    deviation = sigma / np.sqrt(2 * -alpha)
    draws = generator.standard_normal((2, samples, nodes))
    shocks = deviation * np.sqrt(-np.expm1(2 * alpha * DT)) * (draws[0] + 1j * draws[1])
    shocks[0] = deviation * (draws[0, 0] + 1j * draws[1, 0])
    z = scipy.signal.lfilter([1], [1, -np.exp((alpha + 1j * omega) * DT)], shocks, axis=0)
    frequency = np.arange(0, 3000, 0.02)
    turn = 2 * np.pi * frequency
    density = sigma**2 * (
        1 / (alpha**2 + (turn - omega) ** 2) + 1 / (alpha**2 + (turn + omega) ** 2)
    )
    return z.real, frequency, density[:, None]


def test_theory_meets_simulation_within_standard_errors():
    samples, nodes = 20_000, 20
    signal, frequency, density = damped_oscillator(3, samples, nodes)
    found = np.asarray(power_spectrum(signal, DT, segment=0.5).density).mean(axis=1)
    wanted = np.asarray(through_window(frequency, density, DT, segment=0.5).density[:, 0])
    error = welch_standard_error(samples, 50) / np.sqrt(nodes)
    score = (found / wanted - 1)[1:-1] / error
    assert np.abs(score).max() < 4.0
    assert 0.5 < np.mean(score**2) < 1.6
    # The test can tell: the density itself is many standard errors away from the estimate.
    bare = np.interp(0.5 / DT * np.arange(26) / 25, frequency, density[:, 0])
    assert np.abs((found / bare - 1)[1:-1]).max() > 20 * error


@pytest.mark.parametrize(
    "window, overlap", [("hann", 0.0), ("hann", 0.5), ("hann", 0.75), ("boxcar", 0.5)]
)
def test_standard_error_against_monte_carlo(window, overlap):
    signal = np.random.default_rng(4).standard_normal((320, 3000))
    density = np.asarray(
        power_spectrum(
            signal, DT, segment=0.64, overlap=overlap, window=window, detrend="none"
        ).density[4:-4]
    )
    measured = (density.std(axis=1) / density.mean(axis=1)).mean()
    np.testing.assert_allclose(measured, welch_standard_error(320, 64, overlap, window), rtol=0.015)


def test_averages_in_closed_form():
    assert welch_averages(1000, 100, 0.0, "boxcar") == pytest.approx(10.0)
    assert welch_averages(100, 100) == pytest.approx(1.0)
    # Hann at half overlap: neighbours share (1/6)**2.
    assert welch_averages(1050, 100) == pytest.approx(20 / (1 + 2 * (19 / 20) / 36), rel=1e-12)


def test_gradient_against_finite_differences():
    signal = jnp.asarray(noise(200, 2))
    weights = jnp.asarray(np.random.default_rng(5).uniform(0.5, 1.5, (26, 2)))
    direction = jnp.asarray(np.random.default_rng(6).standard_normal((200, 2)))

    def loss(series):
        return jnp.sum(weights * jnp.log(power_spectrum(series, DT, segment=0.5).density))

    along = jnp.vdot(jax.jit(jax.grad(loss))(signal), direction)
    step = 1e-5
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-6)


def test_gradient_of_through_window_is_its_transpose():
    fine = np.linspace(0, 60, 121)
    slope = jnp.asarray(np.random.default_rng(7).uniform(size=(121, 2)))

    def loss(density):
        return jnp.sum(through_window(fine, density, DT, segment=0.5).density ** 2)

    base = jnp.ones((121, 2))
    _, along = jax.jvp(loss, (base,), (slope,))
    np.testing.assert_allclose(jnp.vdot(jax.grad(loss)(base), slope), along, rtol=1e-12)
    difference = (loss(base + 1e-5 * slope) - loss(base - 1e-5 * slope)) / 2e-5
    np.testing.assert_allclose(along, difference, rtol=1e-8)


@pytest.mark.parametrize("estimate", [power_spectrum, cross_spectrum, coherence])
def test_vmap_is_a_loop(estimate):
    ensemble = jnp.stack([jnp.asarray(noise(200, 2, seed)) for seed in range(3)])

    def one(signal):
        return jax.tree.leaves(estimate(signal, DT, segment=0.5))[1]

    together = jax.jit(jax.vmap(one))(ensemble)
    for lane in range(3):
        np.testing.assert_allclose(together[lane], one(ensemble[lane]), rtol=1e-9, atol=1e-14)


def test_single_precision_stays_single_and_close():
    signal = noise(400, 2)
    single = power_spectrum(jnp.asarray(signal, jnp.float32), DT, segment=1.0)
    assert single.density.dtype == jnp.float32 and single.frequencies.dtype == jnp.float32
    np.testing.assert_allclose(
        single.density, power_spectrum(signal, DT, segment=1.0).density, rtol=2e-4
    )
    grid = np.linspace(0, 60, 500)
    smeared = through_window(grid, jnp.ones((500, 1), jnp.float32), DT)
    assert smeared.density.dtype == jnp.float32
    np.testing.assert_allclose(
        smeared.density, through_window(grid, np.ones((500, 1)), DT).density, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"signal": noise()[:, 0]}, r"`signal` must be a series \(time, nodes\)"),
        ({"signal": noise() + 0j}, "`signal` must be real"),
        ({"signal": np.full((300, 2), np.nan)}, "`signal` has 600 non-finite"),
        ({"segment": 7.01}, "`segment` of 7.01 s is 701 samples"),
        ({"segment": 0.014}, "`segment` of 0.014 s holds 1 samples"),
        ({"segment": -1.0}, "`segment` must be one positive number"),
        ({"dt": 0.0}, "`dt` must be one positive number"),
        ({"overlap": 1.0}, r"`overlap` must be a fraction in \[0, 1\)"),
        ({"overlap": -0.1}, r"`overlap` must be a fraction in \[0, 1\)"),
        ({"window": "han"}, "Did you mean 'hann'"),
        ({"detrend": "constat"}, "Did you mean 'constant'"),
    ],
)
@pytest.mark.parametrize("estimate", [power_spectrum, cross_spectrum, coherence])
def test_wrong_input_is_named(estimate, arguments, message):
    with pytest.raises(ValueError, match=message):
        estimate(**({"signal": noise(), "dt": DT} | arguments))


def test_the_longest_segment_is_the_series():
    assert power_spectrum(noise(), DT, segment=7.0).density.shape == (351, 3)
    with pytest.raises(ValueError, match="`segment` leaves one segment"):
        coherence(noise(), DT, segment=7.0)


def test_a_traced_interval_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="`dt` fixes the length of an array"):
        jax.jit(power_spectrum)(jnp.asarray(noise()), DT)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"frequencies": np.linspace(1, 60, 50)}, "increasing from exactly 0 Hz"),
        ({"frequencies": np.zeros(50)}, "increasing from exactly 0 Hz"),
        ({"frequencies": np.linspace(0, 40, 50)}, "`frequencies` end at 40 Hz, below the Nyquist"),
        ({"density": np.ones((49, 1))}, r"`density` must have shape \(50, nodes\)"),
        ({"density": np.ones(50)}, r"`density` must have shape \(50, nodes\)"),
        ({"density": np.full((50, 1), np.inf)}, "`density` has 50 non-finite"),
        ({"detrend": "linear"}, "`detrend` is 'linear'"),
        ({"window": "box"}, "`window` is 'box'"),
    ],
)
def test_wrong_theory_is_named(arguments, message):
    good = {"frequencies": np.linspace(0, 60, 50), "density": np.ones((50, 1)), "dt": DT}
    with pytest.raises(ValueError, match=message):
        through_window(**(good | arguments))


@pytest.mark.parametrize("lengths", [(100, 101), (100, 1), (100, 0)])
def test_standard_error_refuses_impossible_segments(lengths):
    with pytest.raises(ValueError, match="`segment_samples` must lie between 2 and"):
        welch_standard_error(*lengths)


def test_the_estimate_at_asked_frequencies_is_that_of_the_grid_there():
    signal = jax.random.normal(jax.random.key(4), (3000, 2))
    grid = power_spectrum(signal, 0.004, segment=1.0)
    some = np.array([3, 17, 60, 101])
    asked = power_spectrum(signal, 0.004, segment=1.0, frequencies=grid.frequencies[some])
    np.testing.assert_allclose(asked.density, grid.density[some], rtol=1e-10)


@pytest.mark.parametrize("frequencies", [[0.0, 3.0], [10.0, 130.0], [[1.0, 2.0]]])
def test_frequencies_that_a_series_does_not_hold_are_refused(frequencies):
    with pytest.raises(ValueError, match="`frequencies`"):
        power_spectrum(np.ones((100, 1)), 0.004, segment=0.2, frequencies=np.asarray(frequencies))
