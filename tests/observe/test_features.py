"""Features of spectra whose features are known: straight lines, bumps between bins, and SciPy's integrals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

from rosetta_jax.observe import (
    aperiodic_fit,
    band_power,
    centre_of_gravity,
    relative_band_power,
    spectral_edge,
    spectral_peak,
)

F = np.arange(1.0, 45.25, 0.5)
OFFSET, KNEE, EXPONENT = (np.array(each) for each in ([1.0, 2, -20], [0, 50.0, 30], [1.2, 2, 1.6]))
LEVEL = OFFSET - np.log10(KNEE + F[:, None] ** EXPONENT)
CENTRE, HEIGHT, SPREAD = 10.13, 0.8, 1.3
BUMP = HEIGHT * np.exp(-((F[:, None] - CENTRE) ** 2) / 2 / SPREAD**2)
DENSITY = 10 ** (LEVEL + BUMP)
# The first node has no knee.
STRAIGHT = DENSITY[:, :1]


# --- power ------------------------------------------------------------------------------------------


def test_power_of_a_band_is_the_trapezoid_between_its_edges():
    grid = np.array([0.0, 1.0, 3.0, 4.0, 8.0])
    density = np.random.default_rng(0).uniform(1, 2, (5, 2))
    for band in ((0.0, 8.0), (1.0, 4.0), (0.3, 7.1), (3.2, 3.9)):
        points = np.unique(np.concatenate([band, grid[(grid > band[0]) & (grid < band[1])]]))
        lines = np.stack([np.interp(points, grid, each) for each in density.T], axis=1)
        wanted = scipy.integrate.trapezoid(lines, points, axis=0)
        np.testing.assert_allclose(band_power(grid, density, band), wanted, rtol=1e-12)


def test_shares_of_neighbouring_bands_add_up():
    bands = [(1.0, 4.2), (4.2, 8.0), (8.0, 13.3), (13.3, 45.0)]
    shares = [relative_band_power(F, DENSITY, band) for band in bands]
    np.testing.assert_allclose(np.sum(shares, axis=0), 1.0, rtol=1e-12)
    total = (2.0, 30.0)
    wanted = band_power(F, DENSITY, (8.0, 12.0)) / band_power(F, DENSITY, total)
    np.testing.assert_allclose(
        relative_band_power(F, DENSITY, (8.0, 12.0), total=total), wanted, rtol=1e-12
    )


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_the_power_below_the_edge_is_its_share(share):
    band = (2.3, 33.3)
    edges = np.asarray(spectral_edge(F, DENSITY, share, band=band))
    for node, edge in enumerate(edges):
        below = relative_band_power(F, DENSITY, (band[0], edge), total=band)[node]
        assert float(below) == pytest.approx(share, rel=1e-10)


def test_edges_of_flat_and_of_empty_spectra():
    flat = np.stack([np.ones(5), np.zeros(5), np.arange(5.0)], axis=1)
    found = np.asarray(spectral_edge(np.arange(5.0), flat, 0.25))
    np.testing.assert_allclose(found, [1.0, np.nan, 2.0], rtol=1e-12)
    assert np.isnan(relative_band_power(np.arange(5.0), flat, (1.0, 2.0))[1])


def test_centre_of_gravity_is_a_mean_and_sharpens_to_the_highest_bin():
    inside = (F >= 7) & (F <= 14)
    wanted = (F[inside] @ DENSITY[inside]) / DENSITY[inside].sum(axis=0)
    np.testing.assert_allclose(centre_of_gravity(F, DENSITY, (7.0, 14.0)), wanted, rtol=1e-12)
    sharp = centre_of_gravity(F, DENSITY, (7.0, 14.0), sharpness=5000.0)
    np.testing.assert_allclose(sharp, F[inside][DENSITY[inside].argmax(axis=0)], atol=1e-3)


# --- peaks ------------------------------------------------------------------------------------------


def test_a_bump_is_found_between_bins_exactly():
    found = spectral_peak(F, DENSITY, aperiodic=10**LEVEL)
    np.testing.assert_allclose(found.frequency, CENTRE, rtol=1e-9)
    np.testing.assert_allclose(found.height, HEIGHT, rtol=1e-9)
    np.testing.assert_allclose(found.width, 2 * SPREAD, rtol=1e-9)


def test_also_on_uneven_bins_and_on_the_logarithm_itself():
    grid = np.sort(np.random.default_rng(0).uniform(5, 16, 40))
    density = 3.0 * np.exp(-((grid - CENTRE) ** 2) / 2 / SPREAD**2)[:, None]
    found = spectral_peak(grid, density)
    values = [float(each[0]) for each in (found.frequency, found.height, found.width)]
    np.testing.assert_allclose(values, [CENTRE, np.log10(3.0), 2 * SPREAD], rtol=1e-8)


def test_a_flat_top_of_two_bins_peaks_between_them():
    density = np.array([1.0, 2.0, 5.0, 5.0, 2.0, 1.0])[:, None]
    found = spectral_peak(np.arange(7.0, 13.0), density)
    assert float(found.frequency[0]) == pytest.approx(9.5)


def test_where_there_is_no_peak_there_is_no_number_and_no_gradient():
    """A slope, a shoulder, a plateau, a bump below the aperiodic part, and one peak, side by side."""
    nodes = [F**-1.0, 10 ** (2 - F**2 / 1e3), 10 * np.ones_like(F), 10 ** (-BUMP[:, 0])]
    nodes.append(10 ** BUMP[:, 0])
    density = jnp.asarray(np.stack(nodes, axis=1))

    def frequencies(density):
        return spectral_peak(F, density, aperiodic=jnp.ones_like(density)).frequency

    found = np.asarray(jax.jit(frequencies)(density))
    np.testing.assert_array_equal(np.isnan(found), [True] * 4 + [False])
    gradient = np.asarray(jax.jit(jax.grad(lambda x: jnp.nansum(frequencies(x))))(density))
    assert np.isfinite(gradient).all() and (gradient[:, :4] == 0).all()
    assert np.abs(gradient[:, 4]).max() > 0.1


# --- aperiodic part -----------------------------------------------------------------------------------


def test_a_straight_line_is_found_beside_a_peak_left_out():
    found = aperiodic_fit(F, STRAIGHT, leave_out=((4.0, 16.5),))
    np.testing.assert_allclose(found.exponent, 1.2, atol=1e-5)
    np.testing.assert_allclose(found.offset, 1.0, atol=1e-5)
    assert float(found.knee[0]) == 0 and float(found.knee_frequency[0]) == 0
    np.testing.assert_allclose(found.density(F), 10 ** LEVEL[:, :1], rtol=1e-5)


def test_least_squares_are_those_of_numpy():
    kept = (F >= 2) & (F <= 40) & ((F < 7) | (F > 14))
    noisy = DENSITY * np.exp(0.3 * np.random.default_rng(0).standard_normal(DENSITY.shape))
    found = aperiodic_fit(F, noisy, band=(2.0, 40.0))
    power = np.log10(noisy[kept])
    slope, offset = np.polyfit(np.log10(F[kept]), power, 1)
    np.testing.assert_allclose(found.exponent, -slope, rtol=1e-10)
    np.testing.assert_allclose(found.offset, offset, rtol=1e-10)
    residuals = power - offset - slope * np.log10(F[kept])[:, None]
    np.testing.assert_allclose(found.error, np.sqrt((residuals**2).mean(axis=0)), rtol=1e-10)


def test_a_robust_line_finds_the_peak_by_itself():
    plain = aperiodic_fit(F, STRAIGHT, leave_out=())
    found = aperiodic_fit(F, STRAIGHT, leave_out=(), robust=True)
    assert abs(float(plain.exponent[0]) - 1.2) > 0.05
    np.testing.assert_allclose(found.exponent, 1.2, atol=1e-6)
    np.testing.assert_allclose(found.offset, 1.0, atol=1e-6)


@pytest.mark.parametrize("robust", [False, True])
def test_a_knee_is_found(robust):
    given = {} if robust else {"leave_out": ((4.0, 16.5),)}
    found = jax.jit(lambda x: aperiodic_fit(F, x, knee=True, robust=robust, **given))(
        DENSITY[:, 1:]
    )
    np.testing.assert_allclose(found.exponent, EXPONENT[1:], rtol=2e-4)
    np.testing.assert_allclose(found.knee, KNEE[1:], rtol=2e-4)
    np.testing.assert_allclose(found.offset, OFFSET[1:], rtol=2e-4)
    bends = KNEE[1:] ** (1 / EXPONENT[1:])
    np.testing.assert_allclose(found.knee_frequency, bends, rtol=2e-4)


def test_peak_above_the_fitted_line():
    fitted = aperiodic_fit(F, STRAIGHT, robust=True, leave_out=())
    found = spectral_peak(F, STRAIGHT, aperiodic=fitted.density(F))
    np.testing.assert_allclose(found.frequency, CENTRE, rtol=1e-6)
    np.testing.assert_allclose(found.height, HEIGHT, rtol=1e-5)


# --- derivatives, batches, wrong calls -----------------------------------------------------------------


def _peak(density):
    fitted = aperiodic_fit(F, density, leave_out=((5.0, 15.0),))
    found = spectral_peak(F, density, aperiodic=fitted.density(F))
    return jnp.stack([found.frequency, found.height, found.width])


def _aperiodic(**given):
    def measure(density):
        found = aperiodic_fit(F, density, **given)
        return jnp.stack([found.offset, found.exponent, found.knee, found.error])

    return measure


MEASURES = {
    "share": lambda x: relative_band_power(F, x, (8.0, 12.0)),
    "edge": lambda x: spectral_edge(F, x, 0.9),
    "gravity": lambda x: centre_of_gravity(F, x, (7.0, 14.0), sharpness=4.0),
    "peak": _peak,
    "line": _aperiodic(),
    "robust": _aperiodic(robust=True),
    "knee": _aperiodic(knee=True),
}


@pytest.mark.parametrize("name", MEASURES)
def test_gradient_against_finite_differences_and_batches(name):
    rng = np.random.default_rng(1)
    noisy = jnp.asarray(LEVEL[:, :2] + BUMP + 0.02 * rng.standard_normal((len(F), 2)))
    direction = jnp.asarray(rng.standard_normal(noisy.shape))
    measure = MEASURES[name]
    weights = jnp.asarray(rng.standard_normal(jax.eval_shape(measure, noisy).shape))
    if name == "knee":
        noisy, direction = noisy[:, 1:], direction[:, 1:]
        weights = weights[:, 1:]
    loss = jax.jit(lambda x: jnp.sum(weights * measure(10**x)))
    along = jnp.vdot(jax.jit(jax.grad(loss))(noisy), direction)
    step = 1e-6
    difference = (loss(noisy + step * direction) - loss(noisy - step * direction)) / (2 * step)
    np.testing.assert_allclose(along, difference, rtol=3e-5)
    ensemble = jnp.stack([noisy, 0.9 * noisy])
    np.testing.assert_allclose(
        jax.jit(jax.vmap(loss))(ensemble), [loss(each) for each in ensemble], rtol=1e-8
    )


@pytest.mark.parametrize("name", MEASURES)
def test_single_precision(name):
    measure = jax.jit(MEASURES[name])
    found = measure(jnp.asarray(DENSITY[:, 1:2], jnp.float32))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, measure(jnp.asarray(DENSITY[:, 1:2])), rtol=2e-3, atol=1e-4)


def test_wrong_spectra_are_named():
    for measure in (lambda f, p: band_power(f, p, (8.0, 12.0)), spectral_peak, aperiodic_fit):
        with pytest.raises(ValueError, match="`frequencies` must be increasing hertz"):
            measure(F[::-1], DENSITY)
        with pytest.raises(ValueError, match=r"`density` must have shape \(89, nodes\)"):
            measure(F, DENSITY[:, 0])
        with pytest.raises(ValueError, match="`density` has 267 non-finite"):
            measure(F, np.nan * DENSITY)
    for measure in (spectral_peak, aperiodic_fit):
        with pytest.raises(ValueError, match="`density` must be positive"):
            measure(F, 0 * DENSITY)


def test_wrong_bands_and_shares_are_named():
    with pytest.raises(ValueError, match=r"`band` \(8, 50\) Hz must lie within the frequencies"):
        band_power(F, DENSITY, (8.0, 50.0))
    with pytest.raises(ValueError, match=r"`total` \(9.0, 30.0\) Hz must hold `band`"):
        relative_band_power(F, DENSITY, (8.0, 12.0), total=(9.0, 30.0))
    with pytest.raises(ValueError, match="`share` must lie between 0 and 1"):
        spectral_edge(F, DENSITY, 1.0)
    with pytest.raises(ValueError, match=r"`band` \(8, 8.6\) Hz holds 2 bins.*needs at least 3"):
        spectral_peak(F, DENSITY, (8.0, 8.6))
    with pytest.raises(ValueError, match="`sharpness` must be positive"):
        centre_of_gravity(F, DENSITY, (8.0, 12.0), sharpness=0.0)
    with pytest.raises(ValueError, match="`aperiodic` must have shape"):
        spectral_peak(F, DENSITY, aperiodic=DENSITY[:, :1])
    with pytest.raises(ValueError, match="`band` and `leave_out` leave 2 bins"):
        aperiodic_fit(F, DENSITY, band=(6.0, 14.0))
    with pytest.raises(ValueError, match="`leave_out` must be two hertz in order"):
        aperiodic_fit(F, DENSITY, leave_out=((14.0, 7.0),))
    with pytest.raises(ValueError, match="`frequencies` must be positive"):
        aperiodic_fit(F, DENSITY).density(np.array([0.0]))
