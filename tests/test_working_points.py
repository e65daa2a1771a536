"""Every listed rung has a working point, and a rung without one is named with those that have."""

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
