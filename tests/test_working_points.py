"""Every listed rung has a working point, and a rung without one is named with those that have."""

import inspect

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.working_points import WORKING_POINTS

PAIR = rj.Connectome(np.array([[0.0, 1.0], [1.0, 0.0]]))


def test_every_rung_of_the_ladder_has_a_working_point():
    assert {step.kind for step in rj.ladder()} == set(WORKING_POINTS)


def test_an_unknown_rung_lists_the_known_ones():
    with pytest.raises(
        ValueError, match=r"`kind` is Rung\. .*Choose from: PhaseOscillator, Harmonic"
    ):
        rj.working_brain(rj.Rung, PAIR)


@pytest.mark.parametrize("kind", WORKING_POINTS, ids=lambda kind: kind.__name__)
def test_the_page_of_a_rung_states_its_working_point(kind):
    page = " ".join((inspect.getmodule(kind).__doc__ or "").split())
    point = WORKING_POINTS[kind]
    stated = [f"gain {point.gain:g}, white noise of strength {point.sigma:g}"]
    stated += [f"`{name}={value:g}`" for name, value in point.parameters.items()]
    stated.append(f"steps of {1e3 * point.dt:g} ms")
    wired = page[page.index("Wired (`rj.working_brain`)") :]
    assert [text for text in stated if text not in wired] == []
