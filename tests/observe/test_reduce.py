"""The low-pass filter's promises, in decibels, and that decimation folds nothing that matters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from rosetta_jax.observe import decimate, low_pass, low_pass_taps, power_spectrum

DT = 1e-3


def tone(frequency, samples=4000, phase=0.3):
    return np.sin(2 * np.pi * frequency * DT * np.arange(samples) + phase)[:, None]


def decibels(ratio):
    return 20 * np.log10(np.abs(ratio))


@pytest.mark.parametrize("factor", [2, 3, 4, 5, 8, 10, 37])
def test_taps_keep_their_promises(factor):
    taps = low_pass_taps(factor)
    assert taps.dtype == np.float64 and taps.size % 2 == 1
    assert taps.sum() == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-17)
    angle, response = scipy.signal.freqz(taps, worN=np.linspace(0, np.pi, 20_001))
    gain = decibels(response + 1e-300)
    nyquist = angle / np.pi * factor  # in units of the new one
    assert np.abs(gain[nyquist <= 0.8]).max() < 0.1
    assert gain[nyquist >= 1.2].max() < -60
    assert gain[np.argmin(np.abs(nyquist - 1.0))] == pytest.approx(-6.02, abs=0.1)


def test_factor_one_is_the_identity():
    np.testing.assert_array_equal(low_pass_taps(1), [1.0])
    signal = tone(20.0)
    kept, dt = decimate(signal, DT, 1)
    np.testing.assert_array_equal(kept, signal)
    assert dt == DT


@pytest.mark.parametrize("factor, samples", [(5, 400), (4, 401), (10, 397)])
def test_decimate_is_the_filter_centred_on_each_kept_sample(factor, samples):
    signal = np.random.default_rng(0).standard_normal((samples, 3))
    taps = low_pass_taps(factor)
    half = taps.size // 2
    kept, dt = decimate(signal, DT, factor)
    assert dt == pytest.approx(factor * DT) and kept.shape == (-(-samples // factor), 3)
    extended = np.concatenate([signal[:1].repeat(half, 0), signal, signal[-1:].repeat(half, 0)])
    wanted = [taps @ extended[j : j + taps.size] for j in range(0, samples, factor)]
    np.testing.assert_allclose(kept, wanted, rtol=1e-12, atol=1e-13)


def test_tones_inside_survive_and_tones_outside_go():
    factor = 5  # the new Nyquist frequency is 100 Hz
    inner = slice(60, -60)
    kept = np.asarray(decimate(tone(50.0), DT, factor)[0])[inner]
    wanted = tone(50.0)[::factor][inner]
    assert abs(decibels(kept.std() / wanted.std())) < 0.1
    np.testing.assert_allclose(kept, wanted, atol=0.01)  # and in phase: no shift in time
    gone = np.asarray(decimate(tone(150.0), DT, factor)[0])[inner]
    assert decibels(gone.std() / np.sqrt(0.5)) < -60


def test_white_noise_does_not_fold():
    """Below 0.8 of the new Nyquist frequency the density is that of the series before."""
    signal = np.random.default_rng(1).standard_normal((400_000, 1))
    kept, dt = decimate(signal, DT, 4)
    found = power_spectrum(kept, dt, segment=0.4)
    nyquist = 0.5 / dt
    inside = (found.frequencies > 0.1 * nyquist) & (found.frequencies < 0.75 * nyquist)
    density = np.asarray(found.density[inside, 0])
    assert density.mean() == pytest.approx(2 * DT, rel=0.02)
    # Keeping each fourth sample unfiltered puts four bands on top of each other.
    bare = power_spectrum(signal[::4], dt, segment=0.4).density[inside, 0]
    assert np.asarray(bare).mean() == pytest.approx(8 * DT, rel=0.02)


def test_edges_continue_their_end_values():
    np.testing.assert_allclose(low_pass(np.full((400, 2), 3.0), DT, 50.0), 3.0, rtol=1e-12)
    np.testing.assert_allclose(decimate(np.full((400, 2), 3.0), DT, 5)[0], 3.0, rtol=1e-12)


@pytest.mark.parametrize("samples", [401, 512])
def test_low_pass_is_decimation_before_samples_are_dropped(samples):
    signal = np.random.default_rng(2).standard_normal((samples, 2))
    smooth = low_pass(signal, DT, 0.5 / (5 * DT))
    assert smooth.shape == signal.shape
    np.testing.assert_allclose(smooth[::5], decimate(signal, DT, 5)[0], atol=1e-13)


def test_low_pass_keeps_phase_and_removes_above():
    inner = slice(400, -400)
    smooth = np.asarray(low_pass(tone(10.0) + tone(30.0), DT, 20.0))
    np.testing.assert_allclose(smooth[inner], tone(10.0)[inner], atol=2e-3)


def test_gradient_and_vmap():
    ensemble = jnp.asarray(np.random.default_rng(3).standard_normal((3, 200, 2)))
    direction = jnp.asarray(np.random.default_rng(4).standard_normal((200, 2)))
    for reduce in (lambda x: decimate(x, DT, 4)[0], lambda x: low_pass(x, DT, 100.0)):

        def loss(x, reduce=reduce):
            return jnp.sum(reduce(x) ** 3)

        along = jnp.vdot(jax.jit(jax.grad(loss))(ensemble[0]), direction)
        step = 1e-4
        ahead, behind = loss(ensemble[0] + step * direction), loss(ensemble[0] - step * direction)
        np.testing.assert_allclose(along, (ahead - behind) / (2 * step), rtol=1e-5)
        together = jax.vmap(reduce)(ensemble)
        for lane in range(3):
            np.testing.assert_allclose(together[lane], reduce(ensemble[lane]), atol=1e-13)


def test_single_precision_stays_single():
    signal = jnp.asarray(tone(10.0, 400), jnp.float32)
    assert decimate(signal, DT, 4)[0].dtype == jnp.float32
    assert low_pass(signal, DT, 100.0).dtype == jnp.float32


@pytest.mark.parametrize("factor", [0, -2, True])
def test_wrong_factors_are_named(factor):
    with pytest.raises(ValueError, match="`factor` must be a whole number of at least 1"):
        low_pass_taps(factor)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: low_pass(tone(1.0), DT, 500.0), "`cutoff` of 500 Hz is not below the Nyquist"),
        (lambda: low_pass(tone(1.0), DT, -1.0), "`cutoff` must be one positive number"),
        (lambda: low_pass(tone(1.0), 0.0, 10.0), "`dt` must be one positive number"),
        (lambda: low_pass(tone(1.0)[:, 0], DT, 10.0), r"`signal` must be a series \(time, nodes\)"),
        (
            lambda: low_pass(tone(1.0, 100), DT, 10.0),
            "`signal` has 100 samples, but half the filter",
        ),
        (lambda: decimate(tone(1.0, 20), DT, 4), "`signal` has 20 samples, but half the filter"),
        (lambda: decimate(tone(1.0), -DT, 4), "`dt` must be one positive number"),
        (lambda: jax.jit(lambda c: low_pass(tone(1.0), DT, c))(20.0), "`cutoff` fixes the length"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
