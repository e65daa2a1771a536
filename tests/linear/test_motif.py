"""The push-pull block: its eigenvalues are those of the leading pair, its signs those of the motif."""

import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.linear import motif
from rosetta_jax.rungs import (
    NMM1,
    HarmonicOscillator,
    JansenRit,
    PhaseOscillator,
    StuartLandau,
    WilsonCowan,
)
from rosetta_jax.system import Rung


def test_the_block_of_an_oscillator_is_its_matrix():
    found = motif(HarmonicOscillator(alpha=-3.0, omega=20.0))
    np.testing.assert_allclose(found.block, [[[-3.0, -20.0], [20.0, -3.0]]], atol=1e-12)
    assert found.holds.all()


def test_the_phase_oscillator_only_turns():
    found = motif(PhaseOscillator(omega=jnp.array([20.0, 30.0])))
    assert found.block.shape == (2, 2, 2)
    np.testing.assert_allclose(found.rotation, [20.0, 30.0], rtol=1e-12)
    np.testing.assert_allclose(found.growth, 0.0, atol=1e-12)


def test_the_block_of_a_plane_is_the_jacobian_up_to_units():
    # push = w_yx x and pull = -w_xy y: the diagonal and the product of the others are the Jacobian's.
    rung = WilsonCowan(bias_y=-7.2)
    block = motif(rung).block[0]
    x, y = 0.770429, 0.669534
    slopes = x * (1 - x), y * (1 - y)
    jacobian = np.array(
        [[-1 + 12 * slopes[0], -12 * slopes[0]], [12 * slopes[1], -1 - 2 * slopes[1]]]
    )
    np.testing.assert_allclose(np.diag(block) * 0.01, np.diag(jacobian), atol=1e-5)
    assert block[0, 1] * block[1, 0] * 1e-4 == pytest.approx(
        jacobian[0, 1] * jacobian[1, 0], rel=1e-5
    )


def test_growth_and_rotation_are_the_leading_eigenvalue():
    found = motif(JansenRit(bias=350.0))
    assert found.growth[0] == pytest.approx(-0.593245, abs=1e-6)
    assert found.rotation[0] == pytest.approx(69.654896, abs=1e-5)


def test_each_node_has_its_own():
    biases = jnp.array([345.0, 350.0, 400.0])
    together = motif(JansenRit(bias=biases))
    for node, bias in enumerate(biases):
        alone = motif(JansenRit(bias=bias))
        np.testing.assert_allclose(together.block[node], alone.block[0], rtol=1e-7)


def test_where_one_arm_is_turned_round_the_motif_is_gone():
    # Time reversed, push takes from pull: a clockwise plane.
    class Reversed(HarmonicOscillator):
        def vector_field(self, t, state, inputs):
            forward = super().vector_field(t, state, inputs)
            return self.State(x=-forward.x, y=-forward.y)

    assert not motif(Reversed(alpha=1.0)).holds.any()


def test_real_modes_have_no_rotation():
    apart = NMM1(bias_x=4.0, w_xy=0.001, rise_x=0.005, decay_x=0.02, rise_y=0.01, decay_y=0.03)
    found = motif(apart)
    assert found.growth[0] == pytest.approx(-(1 / 0.03 + 1 / 0.02) / 2, rel=1e-2)
    assert found.rotation[0] == 0.0
    degenerate = motif(NMM1(bias_x=-10.0, w_xy=0.0))
    assert np.isnan(degenerate.block).all() and not degenerate.holds.any()
    assert motif(StuartLandau(alpha=-1.0, omega=1e-9)).rotation[0] == pytest.approx(0.0, abs=1e-8)


def test_a_rung_without_a_fixed_point_says_so():
    class Drifting(HarmonicOscillator):
        def vector_field(self, t, state, inputs):
            moved = super().vector_field(t, state, inputs)
            return self.State(x=1 + 0 * moved.x, y=moved.y)

    rung: Rung = Drifting()
    with pytest.raises(ValueError, match=r"Drifting has no fixed point.*give `start`"):
        motif(rung)
