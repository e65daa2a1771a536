"""Fits to BOLD: theory and simulation behind the same losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import FisherLoss, PowerLaw, Theory
from rosetta_jax.inference.simulated import Simulated

BAND = (0.01, 0.1)
BINS = np.array([0.02, 0.05, 0.08])
WEIGHTS = np.array([[0.0, 0.6, 0.1], [0.5, 0.0, 0.9], [0.2, 0.8, 0.0]])


def brain(gain=3.0, bold=True):
    return rj.Network(
        rj.HarmonicOscillator(alpha=-5.0, omega=3.0),
        rj.Connectome(WEIGHTS),
        "additive",
        gain=gain,
        noise=rj.WhiteNoise(0.02),
        bold=rj.BalloonWindkessel() if bold else None,
    )


def test_theory_answers_for_bold():
    found = Theory().predict(brain(), jax.random.key(0)).seen("bold")
    exact = rj.linear.bold_functional_connectivity(brain(), band=BAND).matrix
    np.testing.assert_allclose(found.connectivity(BAND), exact, rtol=1e-9)
    density = rj.linear.bold_spectrum(brain(), BINS).density
    np.testing.assert_allclose(found.spectrum(jnp.asarray(BINS)), density, rtol=1e-9)
    assert int(found.status) == rj.Status.ok


def test_simulation_tends_to_theory():
    route = Simulated(
        duration=600.0, dt=5e-3, seeds=4, transient=20.0, segment=60.0, repetition_time=0.5
    )
    found = route.predict(brain(), jax.random.key(1)).seen("bold")
    exact = Theory().predict(brain(), jax.random.key(0)).seen("bold")
    np.testing.assert_allclose(found.connectivity(None), exact.connectivity(None), atol=0.08)
    ratio = np.asarray(found.spectrum(jnp.asarray(BINS)) / exact.spectrum(jnp.asarray(BINS)))
    assert abs(ratio.mean() - 1) < 0.15


def test_a_gain_is_found_from_bold_connectivity():
    seen = rj.linear.bold_functional_connectivity(brain(4.0), band=BAND).matrix
    loss = rj.ConnectivityLoss(seen, band=BAND, of="bold")
    free = {"gain": rj.LogNormal(3.0, 0.3)}
    settings = {"starts": 1, "prior_weight": 0.0, "show_progress": False}
    found = rj.fit(brain(2.0), free, loss, **settings)
    np.testing.assert_allclose(found.values["gain"], 4.0, rtol=1e-3)
    whole = FisherLoss(seen, 200, band=BAND, of="bold")
    np.testing.assert_allclose(
        rj.fit(brain(2.0), free, whole, **settings).values["gain"], 4.0, rtol=1e-3
    )


def test_what_has_no_bold_says_so():
    with pytest.raises(ValueError, match="bold"):
        Theory().predict(brain(bold=False), jax.random.key(0)).seen("bold")
    with pytest.raises(ValueError, match="no BOLD signal"):
        Theory().predict(PowerLaw(), jax.random.key(0)).seen("bold")
    with pytest.raises(ValueError, match="`of`"):
        rj.ConnectivityLoss(np.eye(3), of="blood")
