"""The head of shells against the boundary conditions solved harmonic by harmonic, and what it must become."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import eval_legendre

from rosetta_jax.observe import layered_lead_field, spherical_lead_field

RADII, CONDUCTIVITIES = (70.0, 72.0, 78.0, 85.0), (0.3, 1.5, 0.01, 0.4)
SOURCES = np.array([[10.0, -20.0, 45.0], [0.0, 0.0, 0.0], [40.0, 30.0, 20.0]])
MOMENTS = np.array([[1.0, 2.0, -0.5], [0.0, 0.6, 0.8], [-3.0, 0.2, 1.0]])


def directions(count, seed=0):
    found = np.random.default_rng(seed).standard_normal((count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def by_boundaries(cosine, share, radii, conductivities, terms=120):
    """A radial dipole at `share` of the brain's radius, in µV per nA m: all coefficients of an order at once.

    Unknown are what rises in the brain, and what rises and falls in each other shell; known that potential and
    current go on at each boundary, and that no current leaves.
    """
    brain = radii[0]
    radii = np.array(radii) / brain
    shells, found = len(radii), np.zeros_like(cosine)
    for n in range(1, terms):
        # Each shell's functions are one at its outer radius.
        matrix, right = np.zeros((2 * shells, 2 * shells)), np.zeros(2 * shells)
        for k in range(shells):
            rows = [2 * k, 2 * k + 1]
            matrix[rows[0], [2 * k, 2 * k + 1]] = 1.0
            matrix[rows[1], [2 * k, 2 * k + 1]] = conductivities[k] * np.array([n, -n - 1])
            if k + 1 < shells:
                x = radii[k] / radii[k + 1]
                ends = np.array([x**n, x ** (-n - 1)])
                matrix[rows[0], [2 * k + 2, 2 * k + 3]] = -ends
                slopes = conductivities[k + 1] * np.array([n, -n - 1]) * ends
                matrix[rows[1], [2 * k + 2, 2 * k + 3]] = -slopes
        # What falls in the brain is the source: known.
        matrix[-2] = 0.0
        matrix[-2, 1], right[-2] = 1.0, n * share ** (n - 1)
        scale = np.abs(matrix).max(axis=0)
        solved = np.linalg.solve(matrix / scale, right) / scale
        found += (solved[-2] + solved[-1]) * eval_legendre(n, cosine)
    return 1e3 * found / (4 * np.pi * conductivities[0] * brain**2)


@pytest.mark.parametrize("shells", [1, 2, 4])
def test_agrees_with_the_boundary_conditions(shells):
    radii, conductivities = RADII[:shells], CONDUCTIVITIES[:shells]
    cosine = np.linspace(-1, 1, 12)
    electrodes = np.stack([np.sqrt(1 - cosine**2), 0 * cosine, cosine], axis=1)
    found = layered_lead_field(
        electrodes, np.array([[0, 0, 49.0]]), radii=radii, conductivities=conductivities
    ).matrix[:, 0]
    np.testing.assert_allclose(found, by_boundaries(cosine, 0.7, radii, conductivities), rtol=1e-8)


def test_of_one_conductivity_it_is_the_homogeneous_sphere():
    electrodes = directions(15)
    found = layered_lead_field(
        electrodes, SOURCES, orientations=MOMENTS, radii=RADII, conductivities=(0.33,) * 4
    )
    wanted = spherical_lead_field(electrodes, SOURCES, orientations=MOMENTS, radius=85.0)
    np.testing.assert_allclose(found.matrix, wanted.matrix, rtol=1e-10, atol=1e-13)
    assert found.unit == wanted.unit == "µV per nA m"


def test_a_moment_of_any_direction_is_the_sum_of_its_parts_and_turns_with_the_head():
    electrodes = directions(10, 1)

    def field(sources, orientations, electrodes=electrodes):
        found = layered_lead_field(electrodes, sources, orientations=orientations)
        return np.asarray(found.matrix)

    axes = sum(
        field(SOURCES[[0]], np.eye(3)[[k]]) * MOMENTS[0, k] / np.linalg.norm(MOMENTS[0])
        for k in range(3)
    )
    np.testing.assert_allclose(field(SOURCES[[0]], MOMENTS[[0]]), axes, rtol=1e-10, atol=1e-14)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((3, 3)))[0]
    turned = field(SOURCES @ turn.T, MOMENTS @ turn.T, electrodes @ turn.T)
    np.testing.assert_allclose(turned, field(SOURCES, MOMENTS), rtol=1e-9, atol=1e-13)


def test_a_tangential_source_is_a_pair_of_radial_ones_apart():
    """Both orders of the harmonics hang together: the curl of the potential of a dipole in its place is zero."""
    electrodes, place, step = directions(6, 3), np.array([[5.0, 10.0, 50.0]]), 1e-3
    aside = np.array([[step, 0.0, 0.0]])
    upwards = np.array([[0.0, 0.0, step]])

    def along(axis, place):
        return np.asarray(
            layered_lead_field(electrodes, place, orientations=np.eye(3)[[axis]]).matrix
        )

    one = (along(2, place + aside) - along(2, place - aside)) / (2 * step)
    other = (along(0, place + upwards) - along(0, place - upwards)) / (2 * step)
    np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-10)


def test_a_skull_weakens_and_smears():
    electrodes = directions(400, 4)
    source = np.array([[0.0, 0.0, 70.0]])
    plain = np.asarray(spherical_lead_field(electrodes, source).matrix)[:, 0]
    shells = np.asarray(layered_lead_field(electrodes, source).matrix)[:, 0]
    assert shells.max() < 0.4 * plain.max()
    wide = [(each > 0.5 * each.max()).mean() for each in (plain, shells)]
    assert wide[1] > 1.5 * wide[0]


def test_gradient_by_the_skull_and_by_place():
    electrodes = directions(5)

    @jax.jit
    def loss(sources, skull):
        conductivities = jnp.stack([0.33, 1.0, skull, 0.33])
        return jnp.sum(
            layered_lead_field(electrodes, sources, conductivities=conductivities).matrix ** 2
        )

    sources, skull = jnp.asarray(SOURCES[::2]), jnp.asarray(0.004)
    slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))(sources, skull)
    direction = jnp.asarray(directions(2, 3))
    along = jnp.vdot(slopes[0], direction) + 1e-4 * slopes[1]
    step = 1e-4
    ends = [loss(sources + s * direction, skull + 1e-4 * s) for s in (step, -step)]
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2 * step), rtol=1e-7)
    centre = jax.grad(
        lambda x: jnp.sum(layered_lead_field(electrodes, x, orientations=MOMENTS).matrix ** 2)
    )(jnp.asarray(SOURCES))
    assert np.isfinite(centre).all()


def test_single_precision():
    given = [jnp.asarray(each, jnp.float32) for each in (directions(5), SOURCES[::2])]
    shells = {"radii": jnp.float32(RADII), "conductivities": jnp.float32(CONDUCTIVITIES)}
    found = layered_lead_field(*given, **shells).matrix
    assert found.dtype == jnp.float32
    wanted = layered_lead_field(
        directions(5), SOURCES[::2], radii=RADII, conductivities=CONDUCTIVITIES
    ).matrix
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"radii": (70.0, 60.0, 80.0, 85.0)}, "`radii` must increase from the brain outwards"),
        ({"radii": 85.0}, r"`radii` must be a list \(shells,\) of mm"),
        ({"radii": (70.0, 85.0)}, r"`conductivities` must have shape \(2,\)"),
        ({"conductivities": (1.0, 1.0, 0.0, 1.0)}, r"`conductivities` must be positive \(S/m\)"),
        ({"sources": np.array([[0.0, 0.0, 82.0]])}, "`sources` reach 82 mm.*`radius` of 81 mm"),
        ({"sources": np.zeros((1, 3))}, "`sources` has no direction at index 0"),
        ({"orientations": np.ones((2, 3))}, r"`orientations` must have shape \(1, 3\)"),
    ],
)
def test_wrong_input_is_named(given, message):
    known = {"electrodes": directions(4), "sources": np.array([[0.0, 0.0, 60.0]])} | given
    with pytest.raises(ValueError, match=message):
        layered_lead_field(known.pop("electrodes"), known.pop("sources"), **known)
