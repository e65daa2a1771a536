"""Losses that solve for the strengths of a stimulus: what theory says of each region, and what fits find."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import (
    AtSensors,
    EvokedLoss,
    Simulated,
    SitesLoss,
    best_sites,
    laplace,
)
from rosetta_jax.observe import LeadField

WEIGHTS = np.array([[0.0, 0.6, 0.1], [0.5, 0.0, 0.9], [0.2, 0.8, 0.0]])
LENGTHS = np.array([[0.0, 40.0, 90.0], [40.0, 0.0, 60.0], [90.0, 60.0, 0.0]])
TIMES = np.arange(0.004, 0.3, 0.004)
SITES = np.array([1.0, -0.4, 0.3])
EVERYWHERE = np.ones(3)
LEADS = LeadField(np.array([[1.0, 0.3, -0.5], [0.2, -1.0, 0.4], [0.1, 0.5, 0.9], [1.0, 1.0, 1.0]]))


def brain(sites=EVERYWHERE, gain=20.0, speed=5.3):
    return rj.Network(
        rj.JansenRit(bias=90.0),
        rj.Connectome(WEIGHTS, LENGTHS),
        gain=gain,
        speed=speed,
        drive=rj.Step(jnp.asarray(sites), 0.0, 0.01),
    )


@pytest.fixture(scope="module")
def measured():
    """What sensors see of a stimulus at `SITES`, exactly."""
    found = rj.linear.evoked_response(brain(SITES), TIMES, low_pass=100.0)
    return np.asarray(LEADS.sensors(found.signal))


def loss_of(measured, ridge=1e-9, **more):
    return AtSensors(LEADS, SitesLoss(TIMES, measured, ridge, low_pass=100.0, **more))


def test_responses_to_each_region_alone_add_up(measured):
    prediction = rj.Theory().predict(brain(), jax.random.key(0))
    alone = jax.jit(lambda: prediction.evoked_by_site(TIMES, 100.0))()
    for site in range(3):
        only = rj.linear.evoked_response(brain(np.eye(3)[site]), TIMES, low_pass=100.0)
        np.testing.assert_allclose(alone[:, :, site], only.signal, atol=1e-12 * np.abs(alone).max())
    seen = jax.jit(lambda: prediction.sensors(LEADS).evoked_by_site(TIMES, 100.0))()
    np.testing.assert_allclose(seen @ SITES, measured, atol=1e-12 * np.abs(measured).max())


def test_the_posterior_is_as_wide_as_what_is_found_scatters():
    """Recordings of one brain, each with noise of its own below 50 Hz and the rest filtered away."""
    response = rj.linear.evoked_response(brain(SITES), TIMES, low_pass=50.0).signal
    measured = np.asarray(LEADS.sensors(response))
    recordings, sd, rng = 60, 0.03 * np.std(measured), np.random.default_rng(4)
    noise = np.fft.rfft(rng.standard_normal((recordings, *measured.shape)), axis=1)
    kept = np.fft.rfftfreq(TIMES.size, 0.004) <= 50.0
    noise = np.fft.irfft(noise * kept[:, None], TIMES.size, axis=1)
    seen = measured + noise * sd / noise.std()
    asked = (
        [brain()] * recordings,
        {"gain": rj.LogNormal(20.0, 0.5), "speed": rj.LogNormal(5.3, 0.5)},
        [AtSensors(LEADS, SitesLoss(TIMES, each, 1e-9, low_pass=50.0, sd=sd / 2)) for each in seen],
    )
    mode = rj.fit(*asked, starts=1, prior_weight=4.0, show_progress=False)
    posterior = laplace(*asked, mode)
    # The noise was said to be half as strong as it is.
    assert np.mean(posterior.dispersion) == pytest.approx(4.0, rel=0.05)
    assert (posterior.status == rj.Status.ok).all() and posterior.widths.max() < 0.5
    scatter = (posterior.mean / posterior.widths).std(axis=0)  # about the truth, at 0
    np.testing.assert_allclose(scatter, 1.0, atol=3 / np.sqrt(2 * recordings))


def test_a_low_pass_leaves_out_what_is_above():
    times = 1e-3 * np.arange(1400)  # with the second to settle, two periods of a common grid
    whole = np.asarray(rj.linear.evoked_response(brain(), times, settle=0.0).signal)
    cut = np.asarray(rj.linear.evoked_response(brain(), times, settle=0.0, low_pass=40.0).signal)
    whole, cut = np.fft.rfft(whole, axis=0), np.fft.rfft(cut, axis=0)
    kept = np.fft.rfftfreq(1400, 1e-3) <= 40.0
    np.testing.assert_allclose(cut[kept], whole[kept], atol=1e-10 * np.abs(whole).max())
    assert np.abs(cut[~kept]).max() < 1e-10 * np.abs(whole).max()
    assert np.abs(whole[~kept]).max() > 1e-3 * np.abs(whole).max()


def test_strengths_are_those_of_least_squares(measured):
    np.testing.assert_allclose(best_sites(brain(), loss_of(measured)), SITES, atol=1e-6)
    # In units of what the network has itself.
    np.testing.assert_allclose(
        best_sites(brain(np.full(3, 2.0)), loss_of(measured)), SITES / 2, atol=1e-6
    )
    # Where each costs as much as it evokes they shrink, and the loss says what is not explained.
    loss = loss_of(measured, ridge=1.0)
    sites = np.asarray(best_sites(brain(), loss))
    assert np.linalg.norm(sites) < 0.8 * np.linalg.norm(SITES)
    prediction = rj.Theory().predict(brain(), jax.random.key(0)).sensors(LEADS)
    residual = np.asarray(loss.loss.residual(prediction))
    alone = np.asarray(prediction.evoked_by_site(TIMES, 100.0)).reshape(-1, 3)
    price = np.trace(alone.T @ alone) / 3
    off = np.sum((alone @ sites - measured.reshape(-1)) ** 2) + price * np.sum(sites**2)
    np.testing.assert_allclose(residual @ residual, off / np.sum(measured**2), rtol=1e-9)


def test_derivatives_are_those_of_differences(measured):
    loss = loss_of(measured, ridge=1e-2)

    def value(parameters):
        network = brain(gain=parameters[0], speed=parameters[1])
        residual = loss.residual(rj.Theory().predict(network, jax.random.key(0)))
        return residual @ residual

    at, value = jnp.array([15.0, 4.3]), jax.jit(value)
    slope = jax.jit(jax.grad(value))(at)
    for number in range(2):
        step = 1e-4 * jnp.eye(2)[number]
        difference = (value(at + step) - value(at - step)) / 2e-4
        np.testing.assert_allclose(slope[number], difference, rtol=1e-5)


def test_a_fit_finds_the_dynamics_and_then_the_sites(measured):
    loss = loss_of(measured)
    found = rj.fit(
        brain(gain=15.0),
        {"gain": rj.LogNormal(15.0, 0.5)},
        loss,
        starts=1,
        prior_weight=0.0,
        show_progress=False,
    )
    fitted = found.model(brain())
    np.testing.assert_allclose(found.values["gain"], 20.0, rtol=1e-4)
    np.testing.assert_allclose(best_sites(fitted, loss), SITES, atol=1e-4)


def test_what_cannot_be_solved_says_so(measured):
    with pytest.raises(ValueError, match=r"a march is not linear .* `?rj\.Theory"):
        rj.fit(
            brain(),
            {"gain": rj.LogNormal(15.0, 0.5)},
            loss_of(measured),
            route=Simulated(duration=0.3, dt=2e-3, segment=0.3),
            show_progress=False,
        )
    with pytest.raises(ValueError, match="without a brain"):
        loss_of(measured).loss.residual(
            rj.Theory().predict(rj.inference.PowerLaw(), jax.random.key(0))
        )
    with pytest.raises(TypeError, match="SitesLoss, alone or within AtSensors"):
        best_sites(brain(), EvokedLoss(TIMES, measured))
    with pytest.raises(ValueError, match="`ridge`"):
        SitesLoss(TIMES, measured, ridge=0.0)
    with pytest.raises(ValueError, match="same sensors"):
        SitesLoss(TIMES, measured).residual(rj.Theory().predict(brain(), jax.random.key(0)))
