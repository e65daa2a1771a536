"""The sphere's closed form against what it solves: Laplace's equation, no current outwards, the centre."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import eval_legendre

from rosetta_jax.observe import sphere_potential, spherical_lead_field

RADIUS, SIGMA = 90.0, 0.33
SOURCES = np.array([[10.0, -20.0, 55.0], [0.0, 0.0, 0.0], [60.0, 40.0, 30.0]])
MOMENTS = np.array([[1.0, 2.0, -0.5], [0.0, 0.0, 1.0], [-3.0, 0.2, 1.0]])


def directions(count, seed=0):
    found = np.random.default_rng(seed).standard_normal((count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def potential(places):
    return sphere_potential(places, SOURCES, MOMENTS, radius=RADIUS, conductivity=SIGMA)


def in_infinity(places, sources=SOURCES, moments=MOMENTS):
    """p . d / (4 pi sigma d^3) in SI, then µV."""
    apart = 1e-3 * (places[:, None] - sources[None])
    distance = np.linalg.norm(apart, axis=2)
    volts = 1e-9 * np.sum(apart * moments[None], axis=2) / (4 * np.pi * SIGMA * distance**3)
    return 1e6 * volts


def test_no_current_leaves_the_sphere():
    """The normal derivative by finite differences, from within; of an infinite medium it is not zero."""
    normal = directions(50)

    def slope(of, step=0.02):
        # Second order, one-sided.
        inwards = [np.asarray(of((RADIUS - k * step) * normal)) for k in (0, 1, 2)]
        return (3 * inwards[0] - 4 * inwards[1] + inwards[2]) / (2 * step)

    along = np.abs(np.gradient(np.asarray(potential(RADIUS * normal)), axis=0)).max()
    assert along > 1e-2
    assert np.abs(slope(potential)).max() < 2e-7
    assert np.abs(slope(in_infinity)).max() > 1e-3
    exact = jax.vmap(lambda n: jax.jvp(lambda r: potential((r * n)[None])[0], (RADIUS,), (1.0,))[1])
    np.testing.assert_allclose(jax.jit(exact)(jnp.asarray(normal)), 0.0, atol=1e-15)


def test_within_it_obeys_laplace_and_differs_from_an_infinite_medium_by_what_has_no_source():
    places = 70.0 * directions(20, 1) * np.random.default_rng(2).uniform(0.3, 1, (20, 1))

    def laplacian(of):
        hessian = jax.jit(jax.vmap(jax.hessian(lambda r: of(r[None])[0])))(jnp.asarray(places))
        return np.abs(np.trace(hessian, axis1=-2, axis2=-1)), np.abs(hessian).max(axis=(-2, -1))

    size, scale = laplacian(potential)
    assert (size < 1e-11 * scale).all()


def test_near_a_source_it_is_that_of_an_infinite_medium():
    near = SOURCES[:1] + 0.01 * directions(10, 3)
    np.testing.assert_allclose(potential(near)[:, 0], in_infinity(near)[:, 0], atol=0.2)  # of 1e6
    # And everywhere if the sphere is large: the image is 2 (d / R)^3 of it.
    places = 20 * directions(10, 4)
    large = sphere_potential(places, SOURCES[:1], MOMENTS[:1], radius=1e5, conductivity=SIGMA)
    np.testing.assert_allclose(large, in_infinity(places)[:, :1], rtol=1e-6, atol=1e-12)


def test_from_the_centre_it_is_three_times_the_infinite_one():
    places = RADIUS * directions(10, 5)
    np.testing.assert_allclose(potential(places)[:, 1], 3 * in_infinity(places)[:, 1], rtol=1e-12)


def test_on_the_surface_it_is_the_sum_of_legendre_polynomials():
    """A radial dipole at b: sum over n of (2n + 1) (b / R)^(n - 1) P_n(cos) / (4 pi sigma R^2)."""
    share = 0.7
    cosine = np.linspace(-1, 1, 15)
    electrodes = np.stack([np.sqrt(1 - cosine**2), 0 * cosine, cosine], axis=1)
    order = np.arange(1, 200)
    terms = (2 * order + 1) * share ** (order - 1) * eval_legendre(order[None], cosine[:, None])
    wanted = 1e3 * terms.sum(axis=1) / (4 * np.pi * SIGMA * RADIUS**2)
    found = spherical_lead_field(electrodes, np.array([[0, 0, share * RADIUS]])).matrix[:, 0]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_its_mean_over_the_surface_is_zero():
    cosine, weights = np.polynomial.legendre.leggauss(60)
    turn = 2 * np.pi * np.arange(120) / 120
    flat = np.sqrt(1 - cosine**2)[:, None]
    places = np.stack(
        [flat * np.cos(turn), flat * np.sin(turn), np.tile(cosine[:, None], (1, 120))], axis=2
    )
    found = np.asarray(potential(RADIUS * places.reshape(-1, 3))).reshape(60, 120, 3)
    mean = np.einsum("i,ijn->n", weights, found) / 240
    assert np.abs(mean).max() < 1e-6 * np.abs(found).max()


def test_reciprocity_of_turning_and_scaling():
    """Turned as a whole it is the same; twice as large, a quarter; half as conducting, twice."""
    electrodes, sources = directions(8, 6), 0.6 * RADIUS * directions(4, 7)
    orientations = directions(4, 8)
    found = spherical_lead_field(electrodes, sources, orientations=orientations).matrix
    turn = np.linalg.qr(np.random.default_rng(9).standard_normal((3, 3)))[0]
    turned = spherical_lead_field(
        electrodes @ turn.T, sources @ turn.T, orientations=orientations @ turn.T
    ).matrix
    np.testing.assert_allclose(turned, found, rtol=1e-10, atol=1e-14)
    other = spherical_lead_field(
        electrodes, 2 * sources, orientations=orientations, radius=180.0, conductivity=0.165
    ).matrix
    np.testing.assert_allclose(other, np.asarray(found) / 2, rtol=1e-12)


def test_defaults_names_and_units():
    electrodes = 55.0 * directions(3)  # not on the surface: only the direction counts
    field = spherical_lead_field(electrodes, SOURCES[:1], names=("Fz", "Cz", "Pz"))
    assert field.names == ("Fz", "Cz", "Pz") and field.unit == "µV per nA m"
    outwards = SOURCES[:1] / np.linalg.norm(SOURCES[0])
    wanted = sphere_potential(RADIUS * directions(3), SOURCES[:1], outwards)
    np.testing.assert_allclose(field.matrix, wanted, rtol=1e-12)


def test_gradients_and_single_precision():
    electrodes = directions(5)

    @jax.jit
    def loss(sources, radius):
        return jnp.sum(spherical_lead_field(electrodes, sources, radius=radius).matrix ** 2)

    sources, radius = jnp.asarray(SOURCES[::2]), jnp.asarray(90.0)
    slopes = jax.jit(jax.grad(loss, argnums=(0, 1)))(sources, radius)
    direction, step = jnp.asarray(directions(2, 3)), 1e-4
    along = jnp.vdot(slopes[0], direction) + slopes[1]
    ends = [loss(sources + s * direction, radius + s) for s in (step, -step)]
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2 * step), rtol=1e-8)
    single = spherical_lead_field(
        jnp.asarray(electrodes, jnp.float32),
        jnp.asarray(sources, jnp.float32),
        radius=jnp.float32(90.0),
        conductivity=jnp.float32(0.33),
    ).matrix
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(
        single, spherical_lead_field(electrodes, sources).matrix, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize(
    "given, message",
    [
        ({"electrodes": np.ones(3)}, r"`electrodes` must be \(places, 3\), got shape \(3,\)"),
        ({"electrodes": np.zeros((1, 3))}, "`electrodes` has no direction at index 0"),
        ({"sources": np.zeros((1, 3))}, "`sources` has no direction at index 0.*`orientations`"),
        ({"sources": np.array([[0.0, 0.0, 95.0]])}, "`sources` reach 95 mm from the centre"),
        ({"orientations": np.ones((2, 3))}, r"`orientations` must have shape \(1, 3\)"),
        ({"radius": 0.0}, r"`radius` must be positive \(mm\)"),
        ({"conductivity": -1.0}, r"`conductivity` must be positive \(S/m\)"),
        ({"names": ("a",)}, "`names` has 1 entries for 4 sensors"),
    ],
)
def test_wrong_input_is_named(given, message):
    known = {"electrodes": directions(4), "sources": np.array([[0.0, 0.0, 60.0]])} | given
    with pytest.raises(ValueError, match=message):
        spherical_lead_field(known.pop("electrodes"), known.pop("sources"), **known)


def test_wrong_moments_are_named():
    with pytest.raises(ValueError, match=r"`moments` must have shape \(3, 3\)"):
        sphere_potential(directions(2), SOURCES, MOMENTS[:1])
