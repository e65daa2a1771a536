"""The cycle on which a network settles, its phase response, and what is no cycle."""

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import limit_cycle
from rosetta_jax.bifurcation.limit_cycle import phase_response


@pytest.fixture(scope="module")
def circle():
    rung = rj.StuartLandau(alpha=2.0, omega=20.0, gamma=0.5, beta=1.5)
    return limit_cycle(rung, settle=10.0, dt=1e-3, intervals=20)


def test_a_circle_is_found_to_rounding(circle):
    """r = 2, Omega = omega - beta alpha / gamma = 14, multiplier exp(-2 alpha T)."""
    assert circle.period == pytest.approx(2 * np.pi / 14, rel=1e-10)
    np.testing.assert_allclose([circle.low[0], circle.high[0]], [-2.0, 2.0], rtol=1e-6)
    assert circle.attraction == pytest.approx(4.0, rel=1e-9) and circle.stable
    np.testing.assert_allclose(np.hypot(*circle.states([0.3, 2.0, 7.0]).T), 2.0, rtol=1e-7)


def test_the_phase_response_of_a_circle_is_the_closed_form(circle):
    """(1/r)(-sin - (beta/gamma) cos, cos - (beta/gamma) sin), equations.md 3d."""
    found = np.asarray(
        phase_response(circle.family, circle.mesh, circle.places, jnp.asarray(circle.period))
    ).reshape(-1, 2)
    x, y = np.asarray(circle.places).reshape(-1, 2).T
    theta, shear = np.arctan2(y, x), 3.0
    expected = np.stack(
        [-np.sin(theta) - shear * np.cos(theta), np.cos(theta) - shear * np.sin(theta)], axis=1
    )
    np.testing.assert_allclose(found, expected / 2, atol=1e-6)


def test_cycles_have_their_published_periods():
    """Wilson-Cowan WC72 at P = 1.25: period 4.99589 time constants, E from 0.102559 to 0.269660."""
    rung = rj.WilsonCowan.named("WC72")
    found = limit_cycle(rung, settle=4.0)
    assert found.period / float(rung.time_x) == pytest.approx(4.99589, abs=2e-5)
    np.testing.assert_allclose([found.low[0], found.high[0]], [0.102559, 0.269660], atol=2e-6)


def test_a_network_turns_as_one():
    links = np.ones((3, 3)) - np.eye(3)
    network = rj.Network(
        rj.StuartLandau(alpha=2.0, omega=np.array([19.9, 20.0, 20.1])),
        rj.Connectome(links),
        gain=1.0,
    )
    found = limit_cycle(network, settle=10.0, dt=1e-3, intervals=20)
    assert found.stable and found.low.shape == (3,)
    assert found.period == pytest.approx(2 * np.pi / 20, rel=1e-3)


@pytest.mark.parametrize(
    ("rung", "message"),
    [
        (rj.StuartLandau(alpha=-5.0), "settles at rest and has no cycle there"),
        (rj.HarmonicOscillator(alpha=20.0), "does not come back"),
        (rj.HarmonicOscillator(alpha=2000.0), "left all bounds"),
    ],
)
def test_what_is_no_cycle_is_named(rung, message):
    with pytest.raises(ValueError, match=message):
        limit_cycle(rung, settle=1.0, dt=1e-3)


def test_wrong_input_is_named():
    with pytest.raises(ValueError, match=r"`settle`.*-1"):
        limit_cycle(rj.StuartLandau(alpha=1.0), settle=-1.0)
