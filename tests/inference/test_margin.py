"""A fit with a margin stays clear of onset, by a barrier whose gradient it knows, and is not stuck at the line."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import PowerLaw, SpectrumLoss, Theory
from rosetta_jax.inference.problem import problem
from rosetta_jax.linear import rightmost
from rosetta_jax.optimise import LevenbergMarquardt, Objective, descend
from rosetta_jax.results import Status

F = np.linspace(5.0, 15.0, 11)
MARGIN, BARRIER = 4.0, 1e-5
# Far from onset, and with less than the margin.
START, NEAR = 3.0, 7.5
FREE = {"gain": rj.LogNormal(4.0, 1.0), "rung.omega": rj.LogNormal(60.0, 0.2)}


def brain(gain, omega=62.0):
    rung = rj.HarmonicOscillator(alpha=-8.0, omega=omega)
    return rj.Network(
        rung,
        rj.Connectome([[0.0, 1.0], [0.8, 0.0]]),
        coupling="additive",
        gain=gain,
        noise=rj.WhiteNoise(0.1),
        sensor=rj.WhiteNoise(1e-3),
    )


@pytest.fixture(scope="module")
def truth():
    """What made the spectra, a network on the verge of onset, and the loss that is least, 0, there."""
    near = brain(NEAR)
    root = complex(rightmost(near))
    assert -0.4 * MARGIN < root.real < 0
    return near, SpectrumLoss(F, rj.linear.power_spectrum(near, F).density)


@pytest.fixture(scope="module")
def held(truth):
    return rj.fit(
        brain(START, 54.0),
        FREE,
        truth[1],
        starts=1,
        prior_weight=0.0,
        route=Theory(margin=MARGIN, barrier=BARRIER),
        show_progress=False,
    )


def distance(root):
    return -(root.real + MARGIN) / MARGIN


def test_the_margin_is_held_and_nearly_used(held):
    assert held.status[0] == Status.ok
    root = complex(rightmost(held.model(brain(START))))
    assert 0 < distance(root) < 0.2


def loss_alone(result):
    """The loss of a fit without what its barrier adds."""
    root = complex(rightmost(result.model(brain(START))))
    return float(result.losses[0]) - BARRIER / distance(root) ** 2


def test_refusing_what_has_less_margin_is_stuck_at_a_larger_loss(truth, held):
    asked = problem(brain(START, 54.0), FREE, truth[1], jax.random.key(0), None, 0.0, False)

    def status(vector, data):
        model, _, _ = eqx.combine(data, asked.static)
        root = rightmost(asked.parameters.apply(vector, model))
        return jnp.where(root.real > -MARGIN, jnp.int32(Status.unstable), jnp.int32(Status.ok))

    stuck = descend(
        Objective(asked.objective.residuals, status),
        asked.parameters.vector()[None],
        asked.data,
        jnp.zeros(1, jnp.int32),
        LevenbergMarquardt(),
        show_progress=False,
    )
    found = asked.values(stuck.vectors)
    root = complex(rightmost(brain(float(found["gain"][0]), float(found["rung.omega"][0]))))
    assert 0 <= distance(root) < 0.02  # at the line, where it was first met
    assert stuck.losses[0] > 1.5 * loss_alone(held) > 0


# --- the barrier itself


@pytest.fixture(scope="module")
def at():
    """The residual of the barrier at a gain, and its derivative."""
    route = Theory(margin=MARGIN, barrier=BARRIER)
    return jax.jit(jax.value_and_grad(lambda gain: route.held(brain(gain))[0]))


@pytest.mark.parametrize("gain", [3.0, 4.0, 7.5])
def test_the_gradient_agrees_with_differences(at, gain):
    step = 1e-4
    value, slope = at(gain)
    difference = (at(gain + step)[0] - at(gain - step)[0]) / (2 * step)
    assert float(slope) == pytest.approx(float(difference), rel=1e-6)
    assert value > 0 and slope > 0


def test_it_is_what_is_said_outside_and_its_tangent_within(at):
    outside = complex(rightmost(brain(START)))
    assert float(at(START)[0]) == pytest.approx(BARRIER**0.5 / distance(outside), rel=1e-9)
    inside = complex(rightmost(brain(NEAR)))
    d = distance(inside)
    assert d < 0
    assert float(at(NEAR)[0]) == pytest.approx(BARRIER**0.5 * (2 - d / 0.02) / 0.02, rel=1e-9)


def test_curves_and_routes_without_a_margin_have_none():
    assert Theory(margin=MARGIN).held(PowerLaw()).shape == (0,)
    assert Theory().held(brain(START)).shape == (0,)


@pytest.mark.parametrize("given", [{"margin": 0.0}, {"margin": -1.0}, {"barrier": 0.0}])
def test_wrong_settings_are_refused(given):
    with pytest.raises(ValueError, match=f"`{next(iter(given))}` must be one positive number"):
        Theory(**given)
