"""On what runs end from many starts: several cycles, rest, chaos."""

import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import attractors, limit_cycle
from rosetta_jax.bifurcation.fixed_points import starts_in

sys.path.append(str(Path(__file__).parents[1] / "simulation"))
from test_lyapunov import Lorenz


@pytest.fixture(scope="module")
def two_rhythms():
    """Jansen-Rit at p = 120: the alpha rhythm beside the spikes (Grimbert and Faugeras 2006)."""
    return attractors(
        rj.JansenRit(bias=120.0),
        {"y0": (0.0, 0.15), "y1": (5.0, 30.0), "y2": (0.0, 25.0)},
        starts=16,
        settle=8.0,
    )


def test_two_stable_cycles_are_both_found(two_rhythms):
    spikes, alpha = two_rhythms.cycles
    assert spikes.stable and alpha.stable
    assert spikes.frequency == pytest.approx(1 / 0.41936348, rel=1e-6)
    branch = rj.bifurcation.continuation(rj.JansenRit(), "bias", (-80.0, 350.0))
    born = min(branch.hopfs, key=lambda hopf: abs(hopf.value - 89.829108))
    assert 1.0 < alpha.frequency / born.frequency < 1.02
    assert sum(two_rhythms.shares) == pytest.approx(1.0)
    assert "2.385 Hz" in str(two_rhythms) and "Hz" in str(two_rhythms)


def test_a_start_leads_to_the_other_cycle(two_rhythms):
    alpha = two_rhythms.cycles[1]
    start = alpha.family.state(jnp.asarray(alpha.states([0.0])[0]))
    other = rj.translate(rj.JansenRit(bias=120.0), rj.PhaseOscillator, start=start, measured=False)
    assert float(other.target.omega) == pytest.approx(2 * np.pi * alpha.frequency, rel=1e-8)
    assert "attractors" in other.valid


def test_rest_and_a_cycle_share_a_box():
    """r' = r (-2 + 4 r^2 - r^4): what begins within r^2 = 2 - sqrt 2 dies."""
    rung = rj.SubcriticalStuartLandau()
    found = attractors(rung, {"x": (-2.0, 2.0), "y": (-2.0, 2.0)}, starts=256, dt=1e-3, settle=20.0)
    assert len(found.cycles) == 1 and found.open == found.unbounded == 0
    begun = starts_in(found.cycles[0].family, {"x": (-2.0, 2.0), "y": (-2.0, 2.0)}, 256)
    assert found.at_rest == (np.sum(begun**2, axis=1) < 2 - np.sqrt(2)).mean()


def test_chaos_is_no_cycle():
    """Lorenz: what comes back passes by cycles that repel."""
    box = {"x": (-10.0, 10.0), "y": (-9.0, 10.0)}
    found = attractors(Lorenz(), box, starts=8, dt=2e-3, settle=60.0)
    assert found.cycles == () and found.open > 0.8


@pytest.mark.parametrize("start", [(1.0, 2.0, 20.0), (3.0, -2.0, 25.0), (-5.0, -6.0, 22.0)])
def test_a_chaotic_orbit_is_named(start):
    state = Lorenz.State(*(jnp.full(1, each) for each in start))
    for asked in (
        lambda: limit_cycle(Lorenz(), start=state, dt=2e-3, settle=60.0),
        lambda: rj.translate(
            Lorenz(), rj.PhaseOscillator, start=state, dt=2e-3, settle=60.0, measured=False
        ),
    ):
        with pytest.raises(ValueError, match="chaotic"):
            asked()


def test_wrong_boxes_and_delays_are_named():
    with pytest.raises(ValueError, match="`box` names no component"):
        attractors(Lorenz(), {})
    wires = rj.Connectome(np.ones((2, 2)) - np.eye(2), np.full((2, 2), 30.0))
    with pytest.raises(ValueError, match="has delays"):
        attractors(rj.Network(rj.StuartLandau(), wires), {"x": (-1.0, 1.0)})
