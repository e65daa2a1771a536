"""Phase lag against loops over segments, known lags and leakage, and its means where nothing is coupled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from rosetta_jax.observe import (
    CrossPowerSpectrum,
    coherence,
    coherency,
    coherency_of,
    pairwise_phase_consistency,
    phase_lag_index,
    phase_locking,
    weighted_phase_lag_index,
)

DT, SEGMENT = 0.01, 0.5


def mixed(time=600, nodes=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((time, nodes)) @ generator.standard_normal((nodes, nodes))


def crossed_of_segments(signal, length=50, step=25):
    """X_i conj(X_j) of each Hann segment: (segments, frequencies, nodes, nodes)."""
    window = scipy.signal.get_window("hann", length)
    found = []
    for start in range(0, len(signal) - length + 1, step):
        part = signal[start : start + length]
        spectra = np.fft.rfft(window[:, None] * (part - part.mean(axis=0)), axis=0)
        found.append(np.einsum("fi,fj->fij", spectra, spectra.conj()))
    return np.array(found)


def test_agree_with_a_loop_over_segments():
    signal = mixed()
    # Of the inner bins: the others have no imaginary part.
    imaginary = crossed_of_segments(signal).imag[:, 1:-1]
    inner, off = slice(1, -1), ~np.eye(3, dtype=bool)
    found = phase_lag_index(signal, DT, segment=SEGMENT)
    np.testing.assert_allclose(found.frequencies, np.fft.rfftfreq(50, DT), rtol=1e-14)
    wanted = np.abs(np.sign(imaginary).mean(axis=0))
    np.testing.assert_allclose(found.index[inner][:, off], wanted[:, off], atol=1e-12)
    found = weighted_phase_lag_index(signal, DT, segment=SEGMENT).index
    wanted = np.abs(imaginary.mean(axis=0))[:, off] / np.abs(imaginary).mean(axis=0)[:, off]
    np.testing.assert_allclose(found[inner][:, off], wanted, rtol=1e-9)
    found = weighted_phase_lag_index(signal, DT, segment=SEGMENT, debiased=True).index
    # Over all ordered pairs of different segments.
    above = sum(imaginary[s] * imaginary[r] for s in range(23) for r in range(23) if s != r)
    below = sum(np.abs(imaginary[s] * imaginary[r]) for s in range(23) for r in range(23) if s != r)
    wanted = above[:, off] / below[:, off]
    np.testing.assert_allclose(found[inner][:, off], wanted, rtol=1e-8, atol=1e-10)


def test_the_diagonal_is_zero_and_what_has_no_imaginary_part_is_not_a_number():
    signal = np.concatenate([mixed(), np.zeros((600, 1))], axis=1)
    index = np.asarray(phase_lag_index(signal, DT, segment=SEGMENT).index)
    assert (index[:, range(4), range(4)] == 0).all() and (index[[0, -1]] == 0).all()
    assert (index[:, 3] == 0).all()
    for debiased in (False, True):
        found = weighted_phase_lag_index(signal, DT, segment=SEGMENT, debiased=debiased).index
        found = np.asarray(found)
        assert (found[:, range(4), range(4)] == 0).all()
        assert np.isnan(found[[0, -1]][:, 0, 1]).all() and np.isnan(found[:, 3, :3]).all()
        assert np.isfinite(found[1:-1, :3, :3]).all()


def test_coherency_agrees_with_scipy():
    signal = mixed()
    found = coherency(signal, DT, segment=SEGMENT)
    power = [scipy.signal.welch(signal[:, i], 1 / DT, nperseg=50)[1] for i in range(3)]
    _, crossed = scipy.signal.csd(signal[:, 2], signal[:, 0], 1 / DT, nperseg=50)
    wanted = crossed / np.sqrt(power[0] * power[2])
    np.testing.assert_allclose(found.coherency[:, 0, 2], wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found.imaginary, found.coherency.imag)
    squared = coherence(signal, DT, segment=SEGMENT).coherence
    np.testing.assert_allclose(np.abs(found.coherency) ** 2, squared, rtol=1e-9, atol=1e-12)


def test_the_sign_says_who_leads():
    rng = np.random.default_rng(1)
    first, own = rng.standard_normal((2, 20_000))
    signal = np.stack([first, np.roll(first, 2) + own], axis=1)
    found = coherency(signal, DT, segment=SEGMENT)
    wanted = np.exp(2j * np.pi * np.asarray(found.frequencies) * 2 * DT) / np.sqrt(2)
    inner = slice(2, -1)
    np.testing.assert_allclose(found.coherency[inner, 0, 1], wanted[inner], atol=0.08)
    assert (np.asarray(found.imaginary)[2:12, 0, 1] > 0.1).all()  # up to half a turn, 25 Hz


def test_what_leaks_at_once_has_no_lag_and_what_follows_has():
    """The debiased index of a shared source is zero within its scatter, its coherence is not."""
    rng = np.random.default_rng(2)
    first, second = rng.standard_normal((2, 40_000))
    leaking = np.stack([first, 0.7 * first + 0.7 * second], axis=1)
    inner = slice(2, -2)
    measures = {"segment": SEGMENT, "overlap": 0.0}
    found = weighted_phase_lag_index(leaking, DT, debiased=True, **measures).index[inner, 0, 1]
    # 800 segments: of scatter 1 / 800 or so a bin, averaged over 22.
    assert abs(np.mean(found)) < 4 / 800 / np.sqrt(22) * np.pi / 2
    assert np.mean(coherence(leaking, DT, **measures).coherence[inner, 0, 1]) > 0.45
    index = phase_lag_index(leaking, DT, **measures).index[inner, 0, 1]
    assert np.mean(index) == pytest.approx(np.sqrt(2 / np.pi / 800), rel=0.35)
    later = np.stack([first, 0.7 * np.roll(first, 1) + 0.7 * second], axis=1)
    index = weighted_phase_lag_index(later, DT, **measures).index[12, 0, 1]
    assert index > 0.7


def test_coherency_of_known_cross_spectra():
    density = np.array([[[4.0, 1 + 1j], [1 - 1j, 9.0]]])
    found = coherency_of(CrossPowerSpectrum(jnp.asarray([1.0]), jnp.asarray(density)))
    np.testing.assert_allclose(found.coherency[0, 0, 1], (1 + 1j) / 6, rtol=1e-14)
    np.testing.assert_allclose(found.coherency[0, 1, 1], 1.0, rtol=1e-14)


def test_phase_consistency_is_the_mean_over_pairs_of_times():
    phases = np.random.default_rng(4).uniform(-3, 3, (40, 3))
    difference = phases[:, 0] - phases[:, 2]
    pairs = [np.cos(difference[s] - difference[t]) for s in range(40) for t in range(40) if s != t]
    found = np.asarray(pairwise_phase_consistency(phases))
    assert found[0, 2] == pytest.approx(np.mean(pairs), abs=1e-12)
    np.testing.assert_allclose(np.diagonal(found), 1.0, rtol=1e-12)
    many = np.random.default_rng(5).uniform(-np.pi, np.pi, (30, 60))
    upper = np.triu_indices(60, 1)
    assert abs(np.asarray(pairwise_phase_consistency(many))[upper].mean()) < 4 / 30 / np.sqrt(1770)
    assert (np.asarray(phase_locking(many))[upper] ** 2).mean() > 0.8 / 30


@pytest.mark.parametrize("debiased", [False, True])
def test_gradient_against_finite_differences(debiased):
    signal = jnp.asarray(mixed(200))
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(signal.shape))

    def loss(series):
        index = weighted_phase_lag_index(series, DT, segment=SEGMENT, debiased=debiased).index
        return jnp.sum(index[1:-1] ** 2) + jnp.nansum(index)

    loss = jax.jit(loss)
    along = jnp.vdot(jax.jit(jax.grad(loss))(signal), direction)
    step = 1e-7  # away from the kinks of absolute values
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-5)
    ensemble = jnp.stack([signal, signal**3])
    np.testing.assert_allclose(
        jax.vmap(loss)(ensemble), [loss(each) for each in ensemble], rtol=1e-10
    )


def test_the_size_of_a_node_does_not_matter_in_single_precision():
    signal = mixed()
    wanted = weighted_phase_lag_index(signal, DT, segment=SEGMENT, debiased=True).index
    small = jnp.asarray(signal * 1e-13, jnp.float32)
    found = weighted_phase_lag_index(small, DT, segment=SEGMENT, debiased=True).index
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[1:-1], wanted[1:-1], atol=1e-4)


@pytest.mark.parametrize("measure", [coherency, phase_lag_index, weighted_phase_lag_index])
@pytest.mark.parametrize(
    "given, message",
    [
        ({"segment": 6.0}, "`segment` leaves one segment"),
        ({"segment": 60.0}, "`segment` of 60 s is 6000 samples"),
        ({"window": "hat"}, "`window` is 'hat'"),
        ({"signal": np.ones(5)}, "`signal` must be a series"),
    ],
)
def test_wrong_input_is_named(measure, given, message):
    known = {"signal": mixed(), "dt": DT} | given
    with pytest.raises(ValueError, match=message):
        measure(known.pop("signal"), known.pop("dt"), **known)
