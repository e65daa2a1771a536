"""The rightmost root against eigenvalues and a discretised history, and its derivative against differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.linear import rightmost
from rosetta_jax.linear.characteristic import characteristic
from rosetta_jax.linear.fixed_point import fixed_point, linearised
from rosetta_jax.linear.rightmost import polished

from .dense import characteristic_roots, dense, random_connectome

NODES = 4


def network(rng, longest):
    rung = rj.HarmonicOscillator(
        alpha=rng.uniform(-30, -2, NODES), omega=rng.uniform(50, 80, NODES)
    )
    connectome = random_connectome(rng, NODES, longest=longest)
    return rj.Network(rung, connectome, coupling="additive", gain=rng.uniform(0, 3), speed=5.0)


def true_root(of):
    matrices = dense(of, ())
    found = matrices.eigenvalues() if of.delays() is None else characteristic_roots(matrices)
    return found[np.argmax(found.real + 1e-9 * found.imag)]


@pytest.fixture(scope="module", params=[None, 150.0], ids=["at once", "delayed"])
def sample(request):
    """Random stable networks and their true rightmost roots."""
    rng = np.random.default_rng(8)
    networks = [network(rng, request.param) for _ in range(14)]
    return [(each, true) for each in networks if (true := true_root(each)).real < 0]


def test_it_is_the_rightmost_of_all_roots(sample):
    assert len(sample) > 6
    for each, true in sample:
        np.testing.assert_allclose(complex(rightmost(each)), true, rtol=1e-9)


def test_its_derivative_agrees_with_differences(sample):
    each, _ = max(sample, key=lambda pair: float(pair[0].gain))

    def moved(by):
        return eqx.tree_at(
            lambda n: (n.gain, n.speed, n.rung.alpha),
            each,
            (each.gain + by[0], each.speed + by[1], each.rung.alpha + by[2:]),
        )

    def both(by):
        root = rightmost(moved(by))
        return jnp.stack([root.real, root.imag])

    zero, step = jnp.zeros(2 + NODES), 1e-3
    slopes = np.asarray(jax.jacfwd(both)(zero))
    backward = np.asarray(jax.grad(lambda by: both(by)[0])(zero))
    eye = step * np.eye(2 + NODES)
    differences = np.stack([(both(e) - both(-e)) / (2 * step) for e in eye], axis=1)
    np.testing.assert_allclose(slopes, differences, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(backward, slopes[0], rtol=1e-9, atol=1e-12)
    assert (np.abs(slopes[0, [0, 2]]) > 1e-4).all()


def test_among_many_roots_side_by_side_it_is_right_to_two_per_cent():
    rng, off = np.random.default_rng(0), []
    for _ in range(22):
        connectome = random_connectome(rng, 10)
        rung = rj.StuartLandau(alpha=-rng.uniform(10, 12, 10), omega=rng.uniform(60, 66, 10))
        crowded = rj.Network(rung, connectome, gain=rng.uniform(0.5, 4))
        true = true_root(crowded).real
        off.append(complex(rightmost(crowded)).real / true - 1)
    assert min(off) > -1e-9 and max(off) < 0.02 and np.median(off) < 1e-9


def test_nodes_alone_have_their_own_modes():
    rung = rj.HarmonicOscillator(alpha=np.array([-5.0, -1.0, -9.0]), omega=60.0)
    alone = rj.Network(rung, random_connectome(np.random.default_rng(0), 3), gain=0.0)
    np.testing.assert_allclose(complex(rightmost(alone)), true_root(alone), rtol=1e-6)


def test_of_a_column_with_a_state_of_many_parts():
    column = rj.Network(
        rj.JansenRit(bias=np.array([350.0, 380.0])), random_connectome(np.random.default_rng(1), 2)
    )
    np.testing.assert_allclose(complex(rightmost(column)), true_root(column), rtol=1e-8)


def vectors(of, root):
    start = jnp.ones(of.A.shape[:2], root.dtype)
    found = polished(of, root, start)
    return np.asarray(found.right).reshape(-1), np.asarray(found.left).reshape(-1)


def test_complex_links_have_a_rightmost_root_too():
    weights = np.array([[0.0, 0.7, 0.2], [0.4, 0.0, 0.9], [0.8, 0.3, 0.0]])
    links = rj.Connectome(weights, 60 * weights, phase=1.3 * weights)
    turned = rj.Network(
        rj.StuartLandau(alpha=-12.0, omega=np.array([55.0, 60.0, 70.0])), links, gain=3.0
    )
    root = rightmost(turned)
    blocks = linearised(turned, fixed_point(turned), ())
    of = characteristic(turned, blocks)
    # Singular there: its smallest singular value, of the columns that it makes of the unit vectors.
    columns = jax.vmap(lambda u: of.of(root, u).reshape(-1))(
        jnp.eye(6, dtype=root.dtype).reshape(6, 3, 2)
    )
    sizes = np.linalg.svd(np.asarray(columns), compute_uv=False)
    assert root.real < 0 and sizes[-1] < 1e-9 * sizes[0]
    _, left = vectors(of, root)
    # The left vector is orthogonal to all columns.
    assert np.abs(np.asarray(columns) @ left).max() < 1e-9 * sizes[0]


def test_without_a_fixed_point_there_is_no_root():
    drifting = rj.Network(
        rj.StuartLandau(alpha=-1.0), random_connectome(np.random.default_rng(2), 2)
    )
    point = eqx.tree_at(
        lambda p: p.status, fixed_point(drifting), jnp.int32(rj.Status.no_fixed_point)
    )
    assert np.isnan(complex(rightmost(drifting, point)))
