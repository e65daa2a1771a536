"""Amplitude, phase and synchrony against closed forms: tones, known phases, the network of equations.md 2."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import hyp2f1
from scipy.stats import norm

import rosetta_jax as rj
from rosetta_jax.observe import (
    analytic_signal,
    envelope,
    envelope_connectivity,
    metastability,
    order_parameter,
    phase,
    phase_locking,
)

DT, BAND = 0.005, (8.0, 12.0)
TIMES = np.arange(0, 6, DT)
# Where the ends do not reach: half of the filter of 8 to 12 Hz is a second.
INNER = slice(round(1.05 / DT), -round(1.05 / DT))


def tone(frequency=10.0, shift=0.0, size=1.0):
    return size * np.cos(2 * np.pi * frequency * TIMES + shift)


def mixed(time=600, nodes=4, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((time, nodes)) @ generator.standard_normal((nodes, nodes))


# --- analytic signal ----------------------------------------------------------------------------


def test_a_tone_has_its_amplitude_and_phase():
    signal = np.stack([tone(shift=0.4, size=3.0), tone(9.5, -2.0)], axis=1) + 100.0
    found = analytic_signal(signal, DT, BAND)[INNER]
    angles = 2 * np.pi * np.outer(TIMES, [10.0, 9.5]) + np.array([0.4, -2.0])
    wanted = np.array([3.0, 1.0]) * np.exp(1j * angles)
    # The filter passes within 0.01 dB, and leaves 60 dB less of negative frequencies and of the mean.
    np.testing.assert_allclose(found, wanted[INNER], atol=4e-3)
    turned = np.exp(1j * np.asarray(phase(signal, DT, BAND)[INNER]))
    np.testing.assert_allclose(turned, np.exp(1j * angles[INNER]), atol=3e-3)
    assert np.abs(phase(signal, DT, BAND)).max() <= np.pi


def test_the_envelope_of_a_tone_that_swells_is_what_it_is_multiplied_by():
    swelling = 1 + 0.3 * np.cos(2 * np.pi * 0.5 * TIMES + 1.0)
    found = envelope((swelling * tone())[:, None], DT, BAND)[INNER, 0]
    np.testing.assert_allclose(found, swelling[INNER], atol=1e-3)


def test_what_lies_outside_the_band_is_gone_and_half_passes_at_its_edges():
    for frequency, passed in ((6.9, 0.0), (8.0, 0.5), (9.1, 1.0), (12.0, 0.5), (13.1, 0.0)):
        found = envelope(tone(frequency)[:, None], DT, BAND)[INNER, 0]
        np.testing.assert_allclose(found, passed, atol=1.5e-3)


def test_a_steady_rhythm_falls_to_half_at_the_very_ends_and_is_whole_a_second_in():
    found = np.mean([envelope(tone(shift=s)[:, None], DT, BAND)[:, 0] for s in range(12)], axis=0)
    np.testing.assert_allclose(found[[0, -1]], 0.5, atol=0.02)
    np.testing.assert_allclose(found[INNER], 1.0, atol=1e-3)


@pytest.mark.parametrize("band", [(1.0, 40.0), (30.0, 99.0), (1.0, 3.0)])
def test_wide_slow_and_fast_bands_are_one_sided(band):
    middle = sum(band) / 2
    found = analytic_signal(tone(middle, 0.3)[:, None], DT, band)[len(TIMES) // 2, 0]
    wanted = np.exp(1j * (2 * np.pi * middle * TIMES[len(TIMES) // 2] + 0.3))
    assert abs(found - wanted) < 2e-3


def test_a_band_near_zero_is_steep_enough_to_leave_negative_frequencies_out():
    found = envelope(tone(2.5)[:, None], DT, (1.0, 40.0))[INNER, 0]
    np.testing.assert_allclose(found, 1.0, atol=2e-3)


def test_a_node_that_never_changes_has_no_phase_and_spares_the_others():
    signal = np.stack([np.full(len(TIMES), 0.1), tone()], axis=1)
    assert (np.asarray(envelope(signal, DT, BAND)[:, 0]) == 0).all()
    angles = np.asarray(phase(signal, DT, BAND))
    assert np.isnan(angles[:, 0]).all() and np.isfinite(angles[:, 1]).all()
    gradient = jax.grad(lambda x: jnp.nansum(phase(x, DT, BAND) ** 2))(jnp.asarray(signal))
    assert (np.asarray(gradient[:, 0]) == 0).all() and np.abs(gradient[:, 1]).max() > 1e-3
    correlation = np.asarray(envelope_connectivity(signal + 0.1 * mixed(1200, 2), DT, BAND))
    assert np.isfinite(correlation).all()
    for orthogonalise in (False, True):
        found = envelope_connectivity(signal, DT, BAND, orthogonalise=orthogonalise)
        assert np.isnan(found[0]).all() and np.isnan(found[:, 0]).all()


def test_single_precision_stays_single():
    signal = jnp.asarray(tone()[:, None], jnp.float32)
    for measure in (envelope, phase, envelope_connectivity):
        assert measure(signal, DT, BAND).dtype == jnp.float32
    np.testing.assert_allclose(envelope(signal, DT, BAND)[INNER], 1.0, atol=1e-3)


# --- order parameter, metastability, phase locking ------------------------------------------------


@pytest.mark.parametrize(
    "phases, wanted",
    [
        ([0.7, 0.7, 0.7], 1.0),
        ([0.0, 2 * np.pi / 3, 4 * np.pi / 3], 0.0),
        ([0.0, np.pi / 2], np.sqrt(0.5)),
        ([0.0, 0.0, np.pi], 1 / 3),
    ],
)
def test_the_order_of_known_phases(phases, wanted):
    assert float(order_parameter(np.array([phases]))[0]) == pytest.approx(wanted, abs=1e-15)


def test_weights_count_nodes_as_often_as_they_say():
    phases = np.random.default_rng(0).uniform(0, 7, (5, 3))
    repeated = phases[:, [0, 1, 1, 2, 2, 2]]
    np.testing.assert_allclose(
        order_parameter(phases, np.array([1.0, 2.0, 3.0])), order_parameter(repeated), rtol=1e-13
    )
    np.testing.assert_allclose(
        metastability(phases, np.array([1.0, 2.0, 3.0])), metastability(repeated), rtol=1e-13
    )


def test_phases_that_know_nothing_of_each_other_reach_the_floor_of_their_number():
    samples, nodes = 20_000, 64
    together = order_parameter(np.random.default_rng(1).uniform(0, 2 * np.pi, (samples, nodes)))
    # R is Rayleigh distributed: mean sqrt(pi/4N), variance (1 - pi/4)/N.
    error = np.sqrt((1 - np.pi / 4) / nodes / samples)
    assert abs(float(together.mean()) - np.sqrt(np.pi / 4 / nodes)) < 4 * error
    phases = np.random.default_rng(1).uniform(0, 2 * np.pi, (samples, nodes))
    assert float(metastability(phases)) == pytest.approx(
        np.sqrt((1 - np.pi / 4) / nodes), rel=4 / np.sqrt(2 * samples) * 1.2
    )


def test_metastability_is_the_deviation_of_a_known_course():
    # Two nodes apart by d have R = |cos(d/2)|; d from 0 to pi makes R = cos, of variance 1/2 - 4/pi^2.
    apart = np.linspace(0, np.pi, 20_001)
    phases = np.stack([TIMES[0] * np.ones_like(apart), apart], axis=1)
    assert float(metastability(phases)) == pytest.approx(np.sqrt(0.5 - 4 / np.pi**2), abs=1e-4)


def test_locked_phases_are_no_metastability_and_have_no_gradient():
    phases = jnp.zeros((50, 2))
    assert float(metastability(phases)) == 0.0
    assert np.isfinite(np.asarray(jax.grad(metastability)(phases))).all()
    apart = jnp.asarray([[0.0, jnp.pi], [0.0, jnp.pi]])
    slope = jax.grad(lambda x: jnp.sum(order_parameter(x)))(apart)
    assert np.isfinite(np.asarray(slope)).all()


def test_phase_locking_sees_fixed_differences_and_not_their_value():
    rng = np.random.default_rng(2)
    first = np.cumsum(rng.standard_normal(5000))
    phases = np.stack([first, first + 2.5, rng.uniform(0, 7, 5000)], axis=1)
    found = np.asarray(phase_locking(phases))
    np.testing.assert_allclose(found[:2, :2], 1.0, rtol=1e-12)
    np.testing.assert_allclose(found, found.T, rtol=1e-13)
    # Rayleigh again: 1 - exp(-n x^2) is the chance of a value below x.
    assert found[0, 2] < np.sqrt(7 / 5000)


def test_phase_locking_of_a_jittered_difference_is_that_of_its_distribution():
    # <exp(i d)> of a normal difference of standard deviation s is exp(-s^2/2).
    rng, spread = np.random.default_rng(3), 0.8
    jitter = spread * rng.standard_normal(40_000)
    common = np.cumsum(rng.standard_normal(40_000))
    found = float(phase_locking(np.stack([common, common + jitter], axis=1))[0, 1])
    wanted = np.exp(-(spread**2) / 2)
    error = (1 - wanted**2) / np.sqrt(2 * 40_000)
    assert abs(found - wanted) < 4 * error


# --- envelope correlation of the worked network, equations.md 2k ---------------------------------


WORKED = rj.Network(
    rj.HarmonicOscillator(alpha=[-5.0, -6.0, -4.0], omega=2 * np.pi * np.array([10.0, 10.5, 9.5])),
    rj.Connectome([[0, 1, 0.5], [1, 0, 0.2], [0.3, 0.2, 0]]),
    gain=4.0,
    noise=rj.WhiteNoise([1.0, 1.5, 0.7]),
)
STEP, LANES, LASTING = 1 / 400, 8, 400.0
# |Sigma_ij|^2 / Sigma_ii Sigma_jj of the covariance printed there.
SQUARED = np.array([0.161380, 0.067966, 0.029314])


@functools.cache
def runs():
    """States of the worked network, (lanes, time, nodes) each."""

    def run(key):
        done = rj.simulate(
            WORKED,
            LASTING,
            STEP,
            key=key,
            transient=2.0,
            save=("signal", "states"),
            save_every=STEP,
        )
        return done.states.x, done.states.y

    return jax.jit(jax.vmap(run))(jax.random.split(jax.random.key(5), LANES))


def pairs(matrices):
    """Mean and standard error over lanes of the three pairs."""
    upper = np.asarray(matrices)[:, *np.triu_indices(3, 1)]
    return upper.mean(axis=0), upper.std(axis=0, ddof=1) / np.sqrt(len(upper))


def by_amplitude(squared):
    """The correlation of the sizes of two circular Gaussian numbers of squared coherence `squared`."""
    return np.pi / 4 * (hyp2f1(-0.5, -0.5, 1, squared) - 1) / (1 - np.pi / 4)


def response(band, frequencies):
    """The gain of the analytic signal at these frequencies, from its answer to an impulse."""
    impulse = np.zeros((2 * round(3 / STEP) + 1, 1))
    impulse[len(impulse) // 2] = 1.0
    answer = np.asarray(analytic_signal(impulse, STEP, band))[:, 0]
    times = STEP * np.arange(len(answer))
    return np.abs(np.exp(-2j * np.pi * np.outer(frequencies, times)) @ answer)


def squared_coherence(band):
    """Squared coherence of what lies in a band of the worked network's x, of each pair."""
    frequencies = np.arange(0.05, 80.0, 0.05)
    crossed = np.asarray(rj.linear.cross_spectrum(WORKED, frequencies).density)
    crossed = np.sum(response(band, frequencies)[:, None, None] ** 2 * crossed, axis=0)
    power = np.diagonal(crossed).real
    return (np.abs(crossed) ** 2 / np.outer(power, power))[np.triu_indices(3, 1)]


def test_the_formula_gives_the_documented_numbers():
    assert by_amplitude(SQUARED[0]) == pytest.approx(0.149208, abs=2e-6)


def test_sizes_in_the_plane_correlate_as_the_coherence_says():
    x, y = runs()
    power = np.asarray(x) ** 2 + np.asarray(y) ** 2
    found, error = pairs([np.corrcoef(lane.T) for lane in power])
    assert (np.abs(found - SQUARED) < 3 * error).all() and error.max() < 6e-3
    found, error = pairs([np.corrcoef(lane.T) for lane in np.sqrt(power)])
    assert (np.abs(found - by_amplitude(SQUARED)) < 3 * error).all() and error.max() < 6e-3


@pytest.mark.parametrize("band", [BAND, (5.0, 15.0), (2.0, 60.0)])
def test_envelopes_correlate_as_coherence_says(band):
    connectivity = jax.jit(jax.vmap(lambda x: envelope_connectivity(x, STEP, band)))
    found, error = pairs(connectivity(runs()[0]))
    exact = by_amplitude(squared_coherence(band))
    assert (np.abs(found - exact) < 3 * error).all() and error.max() < 1e-2


# --- orthogonalised ------------------------------------------------------------------------------


def leaking(lag, samples=400_000, seed=7):
    """Two white series and the share of the first that both have, the second's a quarter turn later by `lag`."""
    rng = np.random.default_rng(seed)
    first, own = rng.standard_normal((2, samples))
    turned = np.asarray(analytic_signal(first[:, None], DT, (1.0, 99.0)))[:, 0]
    shared = np.real(turned * np.exp(1j * lag))
    return np.stack([first, 0.6 * shared + 0.8 * own], axis=1)


def beside(lag, share=0.6):
    """corr(|z1|, |Im(z2 conj(z1)/|z1|)|) of circular Gaussian numbers: a mean over quantiles of their parts."""
    levels = (np.arange(1500) + 0.5) / 1500
    size = np.sqrt(-np.log(levels))[:, None]
    across = norm.ppf(levels)[None, :] / np.sqrt(2)
    at_right = np.abs(share * np.sin(lag) * size + np.sqrt(1 - share**2) * across)
    sizes = np.broadcast_to(size, at_right.shape)
    return np.corrcoef(sizes.ravel(), at_right.ravel())[0, 1]


@pytest.mark.parametrize("lag", [0.0, 0.7, np.pi / 2])
def test_what_leaks_at_once_leaves_no_trace_and_what_comes_later_does(lag):
    signal = leaking(lag)
    # A band of 5 Hz: about five independent envelopes a second.
    found = float(envelope_connectivity(signal, DT, (40.0, 45.0), orthogonalise=True)[0, 1])
    assert abs(found - beside(lag)) < 3.5 / np.sqrt(len(signal) * DT * 5)
    plain = float(envelope_connectivity(signal, DT, (40.0, 45.0))[0, 1])
    assert abs(plain - by_amplitude(0.36)) < 3.5 / np.sqrt(len(signal) * DT * 5)


def test_orthogonalised_pairs_are_symmetric_and_blank_on_the_diagonal():
    found = np.asarray(envelope_connectivity(mixed(), DT, BAND, orthogonalise=True))
    assert np.isnan(np.diagonal(found)).all()
    np.testing.assert_array_equal(found, found.T)
    one, other = np.asarray(analytic_signal(mixed()[:, :2], DT, BAND)).T
    wanted = [
        np.corrcoef(np.abs(a), np.abs((b * a.conj()).imag / np.abs(a)))[0, 1]
        for a, b in ((one, other), (other, one))
    ]
    assert found[0, 1] == pytest.approx(np.mean(wanted), rel=1e-10)


# --- derivatives, batches, wrong calls -------------------------------------------------------------


MEASURES = {
    "envelope": lambda x: envelope(x, DT, BAND),
    "phase": lambda x: jnp.sin(phase(x, DT, BAND)),
    "order": lambda x: order_parameter(phase(x, DT, BAND)),
    "metastability": lambda x: metastability(phase(x, DT, BAND)),
    "locking": lambda x: phase_locking(phase(x, DT, BAND)),
    "connectivity": lambda x: envelope_connectivity(x, DT, BAND),
    "orthogonalised": lambda x: jnp.nan_to_num(
        envelope_connectivity(x, DT, BAND, orthogonalise=True)
    ),
}


@pytest.mark.parametrize("name", MEASURES)
def test_gradient_against_finite_differences(name):
    signal = jnp.asarray(mixed(nodes=3))
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(signal.shape))

    def loss(series):
        return jnp.sum(MEASURES[name](series) ** 2)

    loss = jax.jit(loss)
    along = jnp.vdot(jax.jit(jax.grad(loss))(signal), direction)
    step = 1e-6
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", MEASURES)
def test_vmap_is_a_loop(name):
    ensemble = jnp.stack([jnp.asarray(mixed(seed=seed)) for seed in range(2)])
    together = jax.jit(jax.vmap(MEASURES[name]))(ensemble)
    for lane in range(2):
        np.testing.assert_allclose(
            together[lane], MEASURES[name](ensemble[lane]), rtol=1e-9, atol=1e-11
        )


@pytest.mark.parametrize("measure", [analytic_signal, envelope, phase, envelope_connectivity])
@pytest.mark.parametrize(
    "signal, dt, band, message",
    [
        (np.ones(5), DT, BAND, r"`signal` must be a series \(time, nodes\)"),
        (np.full((500, 2), np.nan), DT, BAND, "`signal` has 1000 non-finite of 1000 entries"),
        (np.ones((100, 2)), DT, BAND, "`signal` lasts 0.5 s, but half the filter.*longer series"),
        (np.ones((500, 2)), 0.0, BAND, "`dt` must be one positive number"),
        (np.ones((500, 2)), DT, (12.0, 8.0), "`band` must be two hertz in order"),
        (np.ones((500, 2)), DT, (0.0, 8.0), "`band` must lie between 0 and the Nyquist"),
        (np.ones((500, 2)), DT, (90.0, 100.0), "Nyquist frequency 100 Hz, both excluded, got"),
    ],
)
def test_wrong_input_is_named(measure, signal, dt, band, message):
    with pytest.raises(ValueError, match=message):
        measure(signal, dt, band)


def test_a_traced_band_is_refused():
    with pytest.raises(ValueError, match="`band` fixes the length of a filter"):
        jax.jit(lambda high: envelope(mixed(), DT, (8.0, high)))(jnp.asarray(12.0))


@pytest.mark.parametrize("measure", [order_parameter, metastability, phase_locking])
def test_wrong_phases_are_named(measure):
    with pytest.raises(ValueError, match=r"`phases` must be a series \(time, nodes\)"):
        measure(np.ones(5))
    with pytest.raises(ValueError, match="`phases` has 1 non-finite of 10 entries"):
        measure(np.where(np.arange(10).reshape(5, 2) == 3, np.nan, 1.0))


@pytest.mark.parametrize(
    "weights, message",
    [
        ([1.0], r"`weights` must have shape \(2,\) \(one a node\), got \(1,\)"),
        ([1.0, -1.0], "`weights` must be zero or positive: found -1 at index"),
        ([0.0, 0.0], "`weights` are all zero: give at least one node"),
    ],
)
def test_wrong_weights_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        order_parameter(np.ones((5, 2)), np.array(weights))
