"""Drugs and lesions: the closed forms of equations.md 2j, differences, and cutting itself."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_sylvester

import rosetta_jax as rj
from rosetta_jax.inference import dissection, influence, perturbed, resimulated

WEIGHTS = np.array([[0.0, 0.8, 0.2], [0.5, 0.0, 1.0], [0.3, 0.9, 0.0]])
BINS = np.array([4.0, 9.0, 10.0, 20.0])


def brain(lengths=None, gain=3.0):
    return rj.Network(
        rj.HarmonicOscillator(alpha=-12.0, omega=np.array([55.0, 60.0, 65.0])),
        rj.Connectome(WEIGHTS, lengths),
        gain=gain,
        speed=5.0,
        noise=rj.WhiteNoise(1.0),
    )


def matrix(gain):
    """M of z' = M z + noise: diffusive coupling of complex amplitudes, written out."""
    strengths = np.diag(WEIGHTS.sum(axis=1))
    return np.diag(-12.0 + 1j * np.array([55.0, 60.0, 65.0])) + gain * (WEIGHTS - strengths)


def test_first_order_is_the_closed_form_of_the_linear_network():
    found = perturbed(brain(), {"gain": 0.01}, BINS)
    M, dM = matrix(3.0), 0.01 * (matrix(4.0) - matrix(3.0))
    noise = 2.0 * np.eye(3)
    sigma = solve_sylvester(M, M.conj().T, -noise)
    d_sigma = solve_sylvester(M, M.conj().T, -(dM @ sigma + sigma @ dM.conj().T))
    np.testing.assert_allclose(found.covariance, sigma.real / 2, rtol=1e-9)
    np.testing.assert_allclose(found.covariance_change, d_sigma.real / 2, rtol=1e-7, atol=1e-12)
    for number, hertz in enumerate(BINS):
        change = np.zeros((3, 3), complex)
        for sign in (1, -1):
            # Of the real part x = (z + z*) / 2 both signs of the frequency count.
            R = np.linalg.inv(sign * 2j * np.pi * hertz * np.eye(3) - M)
            S = R @ noise @ R.conj().T
            part = R @ dM @ S + S @ dM.conj().T @ R.conj().T
            change += part if sign > 0 else part.conj()
        np.testing.assert_allclose(
            found.density_change[number], 2 * change / 4, rtol=1e-6, atol=1e-12
        )


def test_first_order_is_what_is_left_of_small_changes():
    lengths = 20.0 * (1 - np.eye(3))
    change = {"rung.alpha": -0.02, "connectome.weights": 1e-3 * WEIGHTS.T}
    found = perturbed(brain(lengths), change, BINS)
    half = perturbed(
        brain(lengths), {path: np.asarray(value) / 2 for path, value in change.items()}, BINS
    )
    missed = [
        np.abs(each.density_after - each.density - each.density_change).max()
        for each in (found, half)
    ]
    assert missed[0] / missed[1] == pytest.approx(4.0, rel=0.05)
    assert float(found.beyond_first_order.max()) < 0.01


def test_a_change_that_makes_a_brain_unstable_says_so():
    found = perturbed(brain(), {"rung.alpha": 20.0}, BINS)
    assert int(found.status) == rj.Status.ok and int(found.status_after) == rj.Status.unstable
    assert np.isfinite(found.density_change).all() and np.isnan(found.density_after).all()


LESION = {"connectome.weights": -0.5 * WEIGHTS, "gain": 0.5}
ROUTE = rj.Simulated(duration=40.0, dt=1e-3, seeds=16, segment=2.0, save_every=4e-3)


def test_marches_before_and_after_show_what_theory_says():
    lengths = 20.0 * (1 - np.eye(3))
    found = resimulated(brain(lengths), LESION, ROUTE, show_progress=False)
    exact = perturbed(brain(lengths), LESION, found.frequencies[12:32])
    change = np.asarray(exact.covariance_after - exact.covariance)
    np.testing.assert_array_less(
        np.abs(found.covariance_change - change), 4 * found.covariance_error
    )
    # What noise they share leaves the difference better known than either.
    assert np.abs(change).max() > 10 * found.covariance_error.max()
    alone = found.covariance.std(axis=0, ddof=1) / np.sqrt(ROUTE.seeds)
    assert np.diag(found.covariance_error).mean() < np.diag(alone).mean()
    # Welch's window blurs a peak: a part of the largest change is its own.
    change = np.asarray(exact.density_after - exact.density)
    off = np.abs(found.density_change[12:32] - change) - 4 * found.density_error[12:32]
    assert off.max() < 0.03 * np.abs(change).max()
    assert "16 of 16" in found.message


def test_marches_tell_what_fails_after_a_change():
    route = rj.Simulated(duration=4.0, dt=1e-3, seeds=2, segment=0.5)
    found = resimulated(brain(), {"rung.alpha": 400.0}, route, show_progress=False)
    assert found.status.tolist() == [rj.Status.ok] * 2
    assert (found.status_after != rj.Status.ok).all()
    assert np.isnan(found.covariance_change).all() and np.isfinite(found.covariance).all()
    with pytest.raises(ValueError, match="`changes` names nothing"):
        resimulated(brain(), {}, route)
    with pytest.raises(TypeError, match="`route`"):
        resimulated(brain(), {"gain": 0.1}, rj.Theory())


def alpha_power(network):
    return jnp.log(rj.linear.power_spectrum(network, [10.0]).density[0, 0])


def test_dissection_is_cutting_one_by_one():
    found = dissection(brain(20.0 * (1 - np.eye(3))), alpha_power)
    for node in range(3):
        weights = WEIGHTS.copy()
        weights[node] = weights[:, node] = 0.0
        cut = rj.replace(brain(20.0 * (1 - np.eye(3))), {"connectome.weights": weights})
        assert float(found.without[node]) == pytest.approx(float(alpha_power(cut)), rel=1e-9)
    np.testing.assert_allclose(found.effect, found.whole - found.without)
    assert found.status.tolist() == [0, 0, 0]


def test_influence_is_the_slope_of_every_link():
    network = brain(20.0 * (1 - np.eye(3)))
    found = influence(network, alpha_power)
    for row, column in ((0, 1), (2, 1)):
        ends = []
        for sign in (1, -1):
            weights = WEIGHTS.copy()
            weights[row, column] *= np.exp(sign * 1e-5)
            ends.append(float(alpha_power(rj.replace(network, {"connectome.weights": weights}))))
        assert float(found.links[row, column]) == pytest.approx(
            (ends[0] - ends[1]) / 2e-5, rel=1e-5
        )
    # Links and gain act together: all links e-fold is the gain e-fold.
    assert float(found.parameters["gain"]) == pytest.approx(float(found.links.sum()), rel=1e-8)
    row, column, largest = found.strongest(1)[0]
    assert abs(largest) == np.abs(found.links).max() and largest == float(found.links[row, column])
    np.testing.assert_allclose(found.nodes.sum(), 2 * found.links.sum(), rtol=1e-9)


def test_wrong_changes_are_named():
    with pytest.raises(KeyError, match="gian"):
        perturbed(brain(), {"gian": 0.1}, BINS)
    with pytest.raises(ValueError, match="`changes` names nothing"):
        perturbed(brain(), {}, BINS)
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        perturbed(brain(), {"rung.omega": [1.0, 2.0]}, BINS)
    with pytest.raises(ValueError, match="zero or above"):
        perturbed(brain(), {"gain": -9.0}, BINS)
