"""All equilibria in a box, against closed forms; wrong boxes."""

import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.bifurcation import fixed_points


def test_a_bistable_qif_population_has_its_three_points():
    """r = 0.0811344, 0.4729803, 1.0305968 a membrane time, with their eigenvalues: equations.md 6c, 6d."""
    rung = rj.QIFPopulation.named("MPR")
    tau = float(rung.membrane_time)
    found = fixed_points(rung, {"r": (0.0, 2.0 / tau), "v": (-5.0, 5.0)}, starts=64)
    rates = [tau * point.signal[0] for point in found]
    np.testing.assert_allclose(rates, [0.0811344, 0.4729803, 1.0305968], atol=5e-8)
    assert [point.stable for point in found] == [True, False, True]
    assert [point.unstable_modes for point in found] == [0, 1, 0]
    expected = ([-2.44874, -5.39774], [1.64168, -2.98765], [-0.308860 + 3.318629j] * 2)
    for point, roots in zip(found, expected, strict=True):
        turned = np.real(point.roots) + 1j * np.abs(np.imag(point.roots))
        np.testing.assert_allclose(tau * turned, roots, atol=2e-5)


def test_a_column_has_three_points_at_rest():
    """y = -1.9038, 4.5687, 6.0650 mV at p = 0: equations.md 5.3. Rates of change are left to themselves."""
    box = {"y0": (0.0, 0.2), "y1": (0.0, 30.0), "y2": (0.0, 30.0)}
    found = fixed_points(rj.JansenRit(bias=0.0), box)
    np.testing.assert_allclose([p.signal[0] for p in found], [-1.9038, 4.5687, 6.0650], atol=5e-5)
    (only,) = fixed_points(rj.JansenRit(bias=0.0), {**box, "y1": (0.0, 1.0)})
    assert only.signal[0] == pytest.approx(-1.9038, abs=5e-5)


def test_a_network_of_two_bistable_nodes_has_nine():
    links = np.array([[0.0, 1.0], [1.0, 0.0]])
    rung = rj.QIFPopulation.named("MPR")
    tau = float(rung.membrane_time)
    network = rj.Network(rung, rj.Connectome(links), gain=1e-3)
    found = fixed_points(network, {"r": (0.0, 2.0 / tau), "v": (-5.0, 5.0)}, starts=512)
    assert len(found) == 9 and sum(point.stable for point in found) == 4


def test_wrong_boxes_are_named():
    rung = rj.QIFPopulation.named("MPR")
    with pytest.raises(ValueError, match=r"`box` is 'x'.*Choose from: r, v"):
        fixed_points(rung, {"x": (0.0, 1.0)})
    with pytest.raises(ValueError, match=r"`box\['r'\]` must be a range, the lower end first"):
        fixed_points(rung, {"r": (1.0, 0.0)})
    with pytest.raises(ValueError, match="`box` names no component"):
        fixed_points(rung, {})
    with pytest.raises(ValueError, match="`starts`"):
        fixed_points(rung, {"r": (0.0, 1.0)}, starts=0)
