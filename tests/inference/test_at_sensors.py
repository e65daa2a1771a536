"""Losses at sensors: the mixture of regions, by theory and by simulation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import AtSensors, DynamicsLoss, Simulated, WhittleLoss
from rosetta_jax.observe import LeadField

WEIGHTS = np.array([[0.0, 0.6, 0.1], [0.5, 0.0, 0.9], [0.2, 0.8, 0.0]])
BINS = jnp.arange(4.0, 24.0, 2.0)
LEADS = LeadField(np.array([[1.0, 0.3, -0.5], [0.2, -1.0, 0.4], [0.1, 0.5, 0.9], [1.0, 1.0, 1.0]]))


def brain(gain=3.0, speed=5.0):
    lengths = 40 * (1 - np.eye(3))
    return rj.Network(
        rj.HarmonicOscillator(alpha=-8.0, omega=60.0),
        rj.Connectome(WEIGHTS, lengths),
        "additive",
        gain=gain,
        speed=speed,
        noise=rj.WhiteNoise(1.0),
        bold=rj.BalloonWindkessel(),
    )


@pytest.fixture(scope="module")
def exact():
    return rj.Theory().predict(brain(), jax.random.key(0))


def test_theory_mixes_cross_spectra_and_covariances(exact):
    seen = exact.sensors(LEADS)
    cross = rj.linear.cross_spectrum(brain(), BINS).density
    wanted = np.einsum("si,fij,sj->fs", LEADS.matrix, cross, LEADS.matrix).real
    np.testing.assert_allclose(seen.spectrum(BINS), wanted, rtol=1e-9)
    covariance = LEADS.matrix @ rj.linear.covariance(brain()).matrix @ LEADS.matrix.T
    scale = np.sqrt(np.diagonal(covariance))
    np.testing.assert_allclose(
        seen.connectivity(None), covariance / np.outer(scale, scale), rtol=1e-7
    )
    assert int(seen.status) == rj.Status.ok
    # Seen one by one, sensors are regions.
    alone = exact.sensors(LeadField(np.eye(3))).spectrum(BINS)
    np.testing.assert_allclose(alone, exact.spectrum(BINS), rtol=1e-9)


def test_simulation_tends_to_theory(exact):
    route = Simulated(duration=150.0, dt=2e-3, seeds=4, save_every=0.01, segment=1.0)
    marched = route.predict(brain(), jax.random.key(1)).sensors(LEADS)
    ratio = np.asarray(marched.spectrum(BINS) / exact.sensors(LEADS).spectrum(BINS))
    np.testing.assert_allclose(ratio.mean(axis=0), 1.0, atol=0.1)
    connectivity = exact.sensors(LEADS).connectivity(None)
    np.testing.assert_allclose(marched.connectivity(None), connectivity, atol=0.08)


def test_a_fit_to_sensors_finds_gain_and_frequencies():
    truth = rj.replace(brain(4.0), {"rung.omega": np.array([56.0, 61.0, 66.0])})
    seen = rj.Theory().predict(truth, jax.random.key(0)).sensors(LEADS).spectrum(BINS)
    loss = AtSensors(LEADS, WhittleLoss(BINS, seen, 40.0))
    assert loss.highest == 22.0
    free = {
        "gain": rj.LogNormal(3.0, 0.5),
        "rung.omega": rj.PerRegion(rj.LogNormal(60.0, 0.1), 1.0),
    }
    found = rj.fit(brain(), free, loss, starts=1, prior_weight=1e-6, show_progress=False)
    np.testing.assert_allclose(found.values["gain"], 4.0, rtol=0.01)
    np.testing.assert_allclose(found.values["rung.omega"][0], [56.0, 61.0, 66.0], rtol=2e-3)


def test_what_sensors_do_not_see_is_said(exact):
    seen = exact.sensors(LEADS)
    share = np.linspace(0, 1, 21)[1:]
    for loss in (
        DynamicsLoss(share, 8.0, of="signal"),
        rj.ConnectivityLoss(np.eye(4), of="bold"),
    ):
        with pytest.raises(ValueError, match=r"AtSensors|Simulated"):
            loss.residual(seen)
    with pytest.raises(ValueError, match="one lead field"):
        seen.sensors(LEADS)
    with pytest.raises(ValueError, match="3 nodes"):
        exact.sensors(LeadField(np.ones((2, 5)))).spectrum(BINS)
    with pytest.raises(TypeError, match="LeadField"):
        AtSensors(np.eye(3), rj.ConnectivityLoss(np.eye(3)))
    with pytest.raises(ValueError, match="without a brain"):
        rj.Theory().predict(rj.inference.PowerLaw(), jax.random.key(0)).sensors(LEADS)
