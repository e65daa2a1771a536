"""Modes of a network against eigenvalues and a discretised history; connectome harmonics make them scalar."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import cross_spectrum, modes, power_shares, response, rightmost
from rosetta_jax.linear.blocks import node_responses
from rosetta_jax.linear.characteristic import characteristic
from rosetta_jax.linear.history import roots_near
from rosetta_jax.linear.spectrum import about_fixed_point
from rosetta_jax.network import harmonics

from .dense import characteristic_roots, dense, random_connectome

NODES = 3
F = np.array([4.0, 9.0, 11.0, 20.0])


def network(longest):
    rng = np.random.default_rng(5)
    rung = rj.HarmonicOscillator(
        alpha=np.array([-4.0, -9.0, -14.0]), omega=np.array([55.0, 62.0, 70.0])
    )
    return rj.Network(
        rung,
        random_connectome(rng, NODES, longest=longest),
        coupling="additive",
        gain=4.0,
        speed=5.0,
        noise=rj.WhiteNoise(np.array([0.1, 0.2, 0.3])),
    )


@pytest.fixture(scope="module", params=[None, 120.0], ids=["at once", "delayed"])
def found(request):
    of = network(request.param)
    return of, modes(of, NODES, band=(1.0, 20.0))


def true_roots(of):
    matrices = dense(of, ())
    values = matrices.eigenvalues() if of.delays() is None else characteristic_roots(matrices)
    upper = values[(values.imag > 2 * np.pi) & (values.imag < 40 * np.pi)]
    return upper[np.argsort(-upper.real)][:NODES]


def test_roots_are_the_least_damped_of_all(found):
    of, these = found
    np.testing.assert_allclose(these.roots, true_roots(of), rtol=1e-8)
    np.testing.assert_allclose(these.roots[0], complex(rightmost(of)), rtol=1e-10)
    assert these.status == rj.Status.ok and these.depth > these.dampings[-1]
    np.testing.assert_allclose(these.frequencies, these.roots.imag / 2 / np.pi)
    assert (np.diff(these.dampings) > 0).all()


def test_roots_are_near_before_they_are_made_exact():
    of = network(120.0)
    matrix = characteristic(of, about_fixed_point(of).blocks)
    guesses, vectors, _ = roots_near(matrix, 2 * np.pi, 40 * np.pi, NODES)
    for true in true_roots(of):
        at = np.abs(guesses - true).argmin()
        assert abs(guesses[at] - true) < 1e-6 * abs(true)
        u = vectors[at] / np.abs(vectors[at]).max()
        assert np.abs(matrix.of(jnp.asarray(true), jnp.asarray(u))).max() < 1e-5 * abs(true)


def test_vectors_are_null_vectors_of_the_characteristic_matrix(found):
    of, these = found
    matrix = characteristic(of, about_fixed_point(of).blocks)
    for root, right, left in zip(these.roots, these.right, these.left, strict=True):
        root = jnp.asarray(root)
        size = np.abs(root) * np.abs(right).max()
        assert np.abs(matrix.of(root, jnp.asarray(right))).max() < 1e-9 * size
        # From the left: l^T Delta u = 0 for whatever u.
        u = jnp.asarray(np.random.default_rng(0).normal(size=right.shape).astype(complex))
        assert abs((left * matrix.of(root, u)).sum()) < 1e-8 * np.abs(root) * np.abs(left).max()
        scale = (left * np.asarray(matrix.slope(root, jnp.asarray(right)))).sum()
        assert scale == pytest.approx(1.0, abs=1e-10)


def test_participation_is_shared_by_all_and_largest_where_a_mode_lives(found):
    _, these = found
    np.testing.assert_allclose(these.participation.sum(axis=1), 1.0)
    assert np.abs(these.signals).max(axis=1) == pytest.approx(np.ones(NODES))
    # Weakly coupled, the least damped mode is that of the least damped node.
    assert these.participation[0].argmax() == 0 and these.participation[2].argmax() == 2


def test_a_residue_is_the_limit_of_the_response_at_its_root(found):
    of, these = found
    matrix = characteristic(of, about_fixed_point(of).blocks)
    blocks = about_fixed_point(of).blocks
    root, near = these.roots[1], 1e-6
    solve, _ = matrix.inverse(jnp.asarray(root + near))
    for source in range(NODES):
        entering = np.zeros((NODES, blocks.E.shape[1]), complex)
        entering[source] = np.asarray(blocks.E)[source, :, 0]
        signal = np.einsum(
            "is,is->i", np.asarray(blocks.O), np.asarray(solve(jnp.asarray(entering)))
        )
        expected = near * signal
        residue = these.signals[1] * these.inputs[1, source, 0]
        np.testing.assert_allclose(residue, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_without_delays_all_modes_make_the_response_and_the_spectrum():
    of = network(None)
    these = modes(of, 3 * NODES)
    assert len(these.roots) == NODES  # pairs, of which one turns forward
    whole = response(of, F, of.noise_ports[0]).density
    np.testing.assert_allclose(these.responses(F).sum(axis=0)[..., 0], whole, rtol=1e-7, atol=1e-12)
    shares = power_shares(these, of, F)
    np.testing.assert_allclose(shares.sum(axis=0), np.ones((len(F), NODES)), rtol=1e-7)
    # At its own frequency the least damped mode makes most of where it lives.
    at = these.frequencies[:1]
    assert power_shares(these, of, at)[0, 0, 0] > 0.8


def test_with_delays_shares_leave_little_near_the_modes():
    of = network(120.0)
    these = modes(of, NODES, band=(1.0, 20.0))
    rest = 1 - power_shares(these, of, F[1:3]).sum(axis=0)
    assert np.abs(rest).max() < 0.1


def test_without_a_fixed_point_there_are_no_modes(monkeypatch):
    import sys

    module = sys.modules["rosetta_jax.linear.network_modes"]
    judged = module.stability

    def none(*arguments):
        return eqx.tree_at(
            lambda s: s.status, judged(*arguments), jnp.int32(rj.Status.no_fixed_point)
        )

    monkeypatch.setattr(module, "stability", none)
    assert modes(network(None)).roots.shape == (0,)


@pytest.mark.parametrize("given", [{"number": 0}, {"band": (9.0, 3.0)}])
def test_wrong_input_is_refused(given):
    with pytest.raises(ValueError, match=f"`{next(iter(given))}`"):
        modes(network(None), **given)


# --- connectome harmonics


def alike(kind="eigenvalue"):
    """Regions alike, an undirected connectome, no delays."""
    weights = np.random.default_rng(2).uniform(0, 1, (4, 4))
    weights = (weights + weights.T) * (1 - np.eye(4)) / 2
    return rj.Network(
        rj.StuartLandau(alpha=-20.0, omega=60.0),
        rj.Connectome(weights),
        coupling="additive",
        gain=5.0,
        noise=rj.WhiteNoise(0.3),
    )


def test_a_network_of_regions_alike_is_a_sum_over_harmonics_of_one_transfer_function():
    of = alike()
    patterns = harmonics(of.connectome, "weights")
    spectrum = np.asarray(cross_spectrum(of, F).density)
    # One region's blocks, and what they make of a link back to itself of each eigenvalue.
    linear = about_fixed_point(of)
    nodes = node_responses(linear.blocks)
    noise = np.asarray(linear.inputs_density(2 * jnp.pi * jnp.asarray(F)))[:, 0, 0]
    power = np.zeros((len(F), 4))
    for row, frequency in enumerate(F):
        one = nodes(jnp.asarray(2 * np.pi * frequency))
        T, T_u, Q, D = (np.asarray(part)[0] for part in (one.T, one.T_u, one.Q, one.D))
        for column, c in enumerate(patterns.values):
            h = c * Q @ np.linalg.solve(np.eye(len(T)) - c * T, T_u) + D
            power[row, column] = 2 * noise[row] * (np.abs(h) ** 2).sum()
    found = patterns.power(spectrum)
    np.testing.assert_allclose(found, power, rtol=1e-9)
    whole = np.einsum("fk,ki,kj->fij", power, patterns.vectors, patterns.vectors)
    np.testing.assert_allclose(spectrum, whole, rtol=1e-9, atol=1e-12 * np.abs(whole).max())


def test_modes_of_regions_alike_are_connectome_harmonics():
    of = alike()
    patterns = harmonics(of.connectome, "weights")
    for shape in modes(of, 4).signals:
        inside = np.abs(patterns.amplitudes(shape)) / np.linalg.norm(shape)
        assert inside.max() == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("kind", ["laplacian", "normalised", "weights"])
def test_harmonics_are_orthonormal_eigenvectors(kind):
    connectome = alike().connectome
    weights = np.asarray(connectome.weights)
    strengths = weights.sum(axis=1)
    matrix = {
        "weights": weights,
        "laplacian": np.diag(strengths) - weights,
        "normalised": np.eye(4) - weights / np.sqrt(np.outer(strengths, strengths)),
    }[kind]
    these = harmonics(connectome, kind)
    np.testing.assert_allclose(these.vectors @ these.vectors.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(matrix @ these.vectors.T, these.vectors.T * these.values, atol=1e-12)
    order = np.diff(these.values)
    assert (order < 0).all() if kind == "weights" else (order > 0).all()
    assert these.values[0] == pytest.approx(0, abs=1e-12) or kind == "weights"
    assert (these.vectors.sum(axis=1) > -1e-12).all()


def test_power_by_harmonic_sums_to_that_of_all_regions():
    these = harmonics(alike().connectome)
    matrices = np.random.default_rng(1).normal(size=(2, 4, 4))
    matrices = matrices @ matrices.swapaxes(1, 2)
    power = these.power(matrices)
    np.testing.assert_allclose(power.sum(axis=1), np.trace(matrices, axis1=1, axis2=2))
    np.testing.assert_allclose(power[1], [v @ matrices[1] @ v for v in these.vectors], rtol=1e-12)


def test_directed_links_and_other_regions_are_refused():
    weights = np.array([[0.0, 1.0, 2.0], [0.5, 0.0, 1.0], [2.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match=r"directed links .* by up to 0\.5"):
        harmonics(rj.Connectome(weights))
    both = weights + weights.T
    with pytest.raises(ValueError, match="directed links"):
        harmonics(rj.Connectome(both, phase=both))
    both[0], both[:, 0] = 0, 0
    with pytest.raises(ValueError, match="no links into region 0"):
        harmonics(rj.Connectome(both), "normalised")
    these = harmonics(rj.Connectome(both))
    with pytest.raises(ValueError, match=r"`matrices` must end in \(3, 3\)"):
        these.power(np.zeros(3))
    with pytest.raises(ValueError, match="`patterns` must end in 3 regions"):
        these.amplitudes(np.zeros((3, 2)))
