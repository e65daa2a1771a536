"""Noisy Stuart-Landau oscillators as damped ones: the exact correlation, both limits, a network, wrong ways."""

import numpy as np
import pytest
from scipy.stats import norm

import rosetta_jax as rj
from rosetta_jax.translation.rotating_noise import rotating_noise

BEYOND = {"alpha": 4.0, "omega": 20.0, "gamma": 1.0, "beta": 0.7}


@pytest.mark.parametrize(
    ("alpha", "gamma", "sigma"),
    [(-2.0, 0.5, 1.0), (0.0, 0.5, 1.0), (2.0, 0.5, 1.0), (4.0, 1.0, 0.1), (-20.0, 3.0, 0.5)],
)
def test_the_correlation_has_its_known_moments(alpha, gamma, sigma):
    """Variance (equations.md 3e), slope of the correlation at zero, and all of a push at once."""
    beta, omega = 0.7 * gamma, 20.0
    found = rotating_noise(alpha, omega, gamma, beta, sigma)
    middle, wide = alpha / gamma, sigma / np.sqrt(gamma)
    ratio = middle / wide
    squared = middle + wide * np.exp(norm.logpdf(ratio) - norm.logcdf(ratio))
    fourth = middle * squared + wide**2
    assert found.variance == pytest.approx(squared, rel=1e-9)
    slope = (alpha + 1j * omega) * squared - (gamma + 1j * beta) * fourth
    np.testing.assert_allclose(np.sum(found.weights * found.roots), slope, rtol=1e-8)
    np.testing.assert_allclose(np.sum(found.pushes), 1.0, atol=1e-9)


def test_the_density_holds_half_of_the_variance():
    """That of one coordinate; beyond the last frequency it falls as that of white noise integrated once."""
    found = rotating_noise(-2.0, 20.0, 0.5, 0.35, 1.0)
    frequencies = np.linspace(0, 300, 60001)
    area = np.trapezoid(found.density(frequencies), frequencies) + 1 / (2 * np.pi**2 * 300)
    assert area == pytest.approx(found.variance / 2, rel=1e-4)


def test_both_limits_of_weak_noise():
    """Below onset the linear root; beyond it a phase that diffuses by sigma^2 (1 + shear^2)/2r^2."""
    below = rotating_noise(-2.0, 20.0, 1.0, 0.7, 1e-3)
    np.testing.assert_allclose([below.decay, below.omega], [2.0, 20.0], rtol=1e-5)
    errors = []
    for sigma in (0.1, 0.2):
        found = rotating_noise(**BEYOND, sigma=sigma)
        errors.append(found.decay / (sigma**2 * 1.49 / 8) - 1)
        assert found.omega == pytest.approx(20 - 2.8, abs=1e-4)
        np.testing.assert_allclose(found.pushes[0], (1 - 0.7j) / 2, atol=4e-3)
        np.testing.assert_allclose(found.roots[1].real, -8.0, rtol=0.02)
    assert errors[1] / errors[0] == pytest.approx(4.0, rel=0.02)


def test_a_lone_noisy_cycle_has_the_spectrum_of_a_damped_oscillator():
    noisy = rj.alone(rj.StuartLandau(**BEYOND), noise=rj.WhiteNoise(0.5))
    found = rj.translate(noisy, rj.HarmonicOscillator)
    assert found.errors["spectra apart, mean"].target < 0.06
    assert abs(found.errors["peak density"].error) < 0.003
    assert isinstance(found.target, rj.Network)
    assert found.target.rung.alpha[0] == pytest.approx(-0.0473087, rel=1e-5)


def test_below_onset_the_linearised_spectrum_stands_beside_the_exact_one():
    """Not beside that of the source's own linearisation, which knows nothing of the cubic."""
    noisy = rj.alone(rj.StuartLandau(alpha=-2.0, gamma=0.5), noise=rj.WhiteNoise(1.0))
    found = rj.translate(noisy, rj.HarmonicOscillator)
    assert found.errors["spectra apart, mean"].target == pytest.approx(0.023, abs=0.002)


def test_a_weakly_coupled_network_is_that_of_damped_oscillators():
    """Simulated: 3 nodes over 500 s, some 60 independent segments, so 8 % by chance at one frequency."""
    links = np.array([[0, 1, 0.5], [0.3, 0, 0.6], [1, 0.2, 0]])
    network = rj.Network(
        rj.StuartLandau(**(BEYOND | {"omega": 20.0 + 0.2 * np.arange(3)})),
        rj.Connectome(links, 100.0 * (1 - np.eye(3))),
        gain=0.1,
        noise=rj.WhiteNoise(1.0),
    )
    found = rj.translate(network, rj.HarmonicOscillator)
    assert found.errors["spectra apart, mean"].target < 0.9
    assert abs(found.errors["power about the peak"].error) < 0.12
    np.testing.assert_array_equal(found.target.connectome.lengths, network.connectome.lengths)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (rj.StuartLandau(alpha=4.0), r"nothing damps its phase.*rj\.PhaseOscillator"),
        (
            rj.alone(rj.StuartLandau(alpha=np.array([-1.0, 1.0])), nodes=2),
            "1 of 2 nodes are beyond onset",
        ),
        (
            rj.Network(
                rj.StuartLandau(**BEYOND),
                rj.Connectome(1 - np.eye(2)),
                gain=2.0,
                noise=rj.WhiteNoise(0.3),
            ),
            "locks the nodes to each other",
        ),
    ],
)
def test_what_has_no_damped_counterpart_is_refused(source, message):
    with pytest.raises(ValueError, match=message):
        rj.translate(source, rj.HarmonicOscillator)
