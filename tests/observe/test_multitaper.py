"""Many tapers against NumPy and SciPy: the documented weights, total power, what is smeared, and the scatter."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal.windows

from rosetta_jax.observe import (
    coherency_of,
    multitaper_cross_spectrum,
    multitaper_degrees_of_freedom,
    multitaper_spectrum,
)

DT = 0.005


def mixed(time=400, nodes=3, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((time, nodes)) @ generator.standard_normal((nodes, nodes))


def by_numpy(signal, dt, bandwidth):
    """Cross spectra (frequencies, nodes, nodes), taper by taper."""
    samples = len(signal)
    half = bandwidth * samples * dt / 2
    tapers, shares = scipy.signal.windows.dpss(
        samples, half, int(2 * half), sym=False, return_ratios=True
    )
    total, weight = 0.0, 0.0
    for taper, share in zip(tapers, shares, strict=True):
        if share > 0.9:
            spectra = np.fft.rfft(taper[:, None] * (signal - signal.mean(axis=0)), axis=0)
            total = total + share * np.einsum("fi,fj->fij", spectra, spectra.conj())
            weight += share
    sides = np.full(len(total), 2.0)
    sides[0] = 1.0
    if samples % 2 == 0:
        sides[-1] = 1.0
    return np.fft.rfftfreq(samples, dt), total * dt / weight * sides[:, None, None]


@pytest.mark.parametrize("samples", [400, 401])
def test_agrees_with_a_loop_over_tapers(samples):
    signal = mixed(samples) + 3.0
    frequencies, wanted = by_numpy(signal, DT, 4.0)
    found = multitaper_spectrum(signal, DT, bandwidth=4.0)
    np.testing.assert_allclose(found.frequencies, frequencies, rtol=1e-14)
    power = np.diagonal(wanted, axis1=1, axis2=2).real
    np.testing.assert_allclose(found.density, power, rtol=1e-10, atol=1e-14)
    crossed = multitaper_cross_spectrum(signal, DT, bandwidth=4.0)
    np.testing.assert_allclose(crossed.density, wanted, rtol=1e-10, atol=1e-13)


def test_pieces_are_averaged():
    signal = mixed(1000)
    found = multitaper_cross_spectrum(signal, DT, bandwidth=4.0, segment=2.5).density
    pieces = [by_numpy(part, DT, 4.0)[1] for part in (signal[:500], signal[500:])]
    np.testing.assert_allclose(found, np.mean(pieces, axis=0), rtol=1e-10, atol=1e-13)
    power = multitaper_spectrum(signal, DT, bandwidth=4.0, segment=2.5).density
    np.testing.assert_allclose(power, np.diagonal(found, axis1=1, axis2=2).real, rtol=1e-10)


def test_a_tone_is_spread_over_the_bandwidth_and_keeps_its_power():
    times = DT * np.arange(2000)
    found = multitaper_spectrum(3.0 * np.cos(2 * np.pi * 20.3 * times)[:, None], DT, bandwidth=3.0)
    density, width = np.asarray(found.density)[:, 0], float(found.frequencies[1])
    assert density.sum() * width == pytest.approx(4.5, rel=2e-3)
    within = np.abs(np.asarray(found.frequencies) - 20.3) < 1.5
    assert density[within].sum() / density.sum() > 0.98
    assert density[within].max() / density[within].mean() < 1.6  # flat within


def test_white_noise_has_its_level_and_scatters_as_its_degrees_of_freedom_say():
    signal = np.random.default_rng(3).standard_normal((2000, 60)) * 2.0
    inner = slice(40, -40)
    density = np.asarray(multitaper_spectrum(signal, DT, bandwidth=2.0).density)[inner]
    degrees = multitaper_degrees_of_freedom(2000, DT, bandwidth=2.0)
    assert degrees == pytest.approx(2 * 18, rel=0.1)  # 2NW = 20, of which nearly 19 hold enough
    assert density.mean() == pytest.approx(2 * 4 * DT, rel=5e-3)
    # 60 nodes, some 48 independent bands.
    assert density.var() / density.mean() ** 2 == pytest.approx(2 / degrees, rel=0.08)


def test_pieces_multiply_the_degrees_of_freedom():
    one = multitaper_degrees_of_freedom(1000, DT, bandwidth=2.0)
    assert multitaper_degrees_of_freedom(3000, DT, bandwidth=2.0, segment=5.0) == pytest.approx(
        3 * one
    )


def test_coherency_of_one_stretch_is_that_of_the_mixture():
    rng = np.random.default_rng(5)
    first, own = rng.standard_normal((2, 4000))
    signal = np.stack([first, 0.6 * np.roll(first, 2) + 0.8 * own], axis=1)
    found = coherency_of(multitaper_cross_spectrum(signal, DT, bandwidth=5.0))
    frequencies = np.asarray(found.frequencies)
    # The second follows by two samples: S_01 turns forward.
    wanted = 0.6 * np.exp(2j * np.pi * frequencies * 2 * DT)
    assert np.abs(np.asarray(found.coherency)[:, 0, 1] - wanted).mean() < 0.12


def test_gradient_batches_and_single_precision():
    signal = jnp.asarray(mixed(200))

    def loss(series):
        crossed = multitaper_cross_spectrum(series, DT, bandwidth=6.0).density
        power = multitaper_spectrum(series, DT, bandwidth=6.0, detrend="linear").density
        return 1e4 * (jnp.sum(jnp.abs(crossed[3:, 0, 1]) ** 2) + jnp.sum(power**2))

    loss = jax.jit(loss)
    direction = jnp.asarray(np.random.default_rng(2).standard_normal(signal.shape))
    along = jnp.vdot(jax.grad(loss)(signal), direction)
    step = 1e-5
    difference = (loss(signal + step * direction) - loss(signal - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=1e-7)
    ensemble = jnp.stack([signal, 2 * signal])
    np.testing.assert_allclose(
        jax.vmap(loss)(ensemble), [loss(signal), loss(2 * signal)], rtol=1e-12
    )
    single = multitaper_spectrum(jnp.asarray(signal, jnp.float32), DT, bandwidth=6.0).density
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(
        single, multitaper_spectrum(signal, DT, bandwidth=6.0).density, rtol=1e-4
    )


@pytest.mark.parametrize(
    "given, message",
    [
        ({"bandwidth": 0.5}, "`bandwidth` of 0.5 Hz is narrower than two bins of 0.5 Hz"),
        ({"bandwidth": 200.0}, "`bandwidth` of 200 Hz reaches beyond the Nyquist frequency 100 Hz"),
        ({"bandwidth": -1.0}, "`bandwidth` must be one positive number"),
        ({"segment": 9.0}, "`segment` of 9 s is 1800 samples"),
        ({"detrend": "cubic"}, "`detrend` is 'cubic'"),
        ({"signal": np.ones(5)}, "`signal` must be a series"),
    ],
)
def test_wrong_input_is_named(given, message):
    known = {"signal": mixed(), "dt": DT} | given
    with pytest.raises(ValueError, match=message):
        multitaper_spectrum(known.pop("signal"), known.pop("dt"), **known)
