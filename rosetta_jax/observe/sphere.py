r"""The potential of a current dipole in a conducting sphere: a head in closed form.

A sphere of radius $R$ and conductivity $\sigma$ in air, a dipole of moment $p$ at $r_0$. No current leaves, so
the normal derivative of the potential is zero on the surface, which a source and its image achieve:

.. math::  V(r) = \frac{1}{4\pi\sigma}\, p \cdot \nabla_{r_0} \Big[\frac{1}{d} + \frac{1}{D}
           - \frac{1}{R} \ln\big(R^2 - r \cdot r_0 + R D\big)\Big],

$d = |r - r_0|$, $D^2 = R^2 - 2\,r \cdot r_0 + r^2 r_0^2 / R^2$, which on the surface is $d^2$. From the centre
it is $3\,p\cos\vartheta / 4\pi\sigma R^2$ there, three times that of an infinite medium.

A skull is left out, which weakens and smears the potential (`rosetta_jax.observe.layered_sphere`).

Source: Wilson & Bayley 1950, Circulation 1:84; Brody, Terry & Ideker 1973, IEEE Trans. Biomed. Eng. 20:141; Yao
2000, Phys. Med. Biol. 45:3141. The conductivity, 0.33 S/m: Geddes & Baker 1967, Med. Biol. Eng. 5:271.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float
from rosetta_jax.observe.lead_field import LeadField

# From nA m / (S/m mm^2) to microvolts.
MICROVOLTS = 1e3
Places = Float[Array, "places 3"]
Sources = Float[Array, "nodes 3"]


def spherical_lead_field(
    electrodes: ArrayLike,
    sources: ArrayLike,
    *,
    orientations: ArrayLike | None = None,
    radius: ArrayLike = 90.0,
    conductivity: ArrayLike = 0.33,
    names: Sequence[str] | None = None,
) -> LeadField:
    """The lead field of electrodes on a sphere about the origin, in µV per nA m, without a reference.

    **Arguments:** `electrodes` (sensors, 3) in mm, each moved along its radius to the surface; `sources`
    (nodes, 3) in mm, within the sphere; `orientations` (nodes, 3), made of length one, by default outwards from
    the centre (a source there needs one); `radius` in mm, `conductivity` in S/m; `names`, one an electrode.
    Differentiable in all of them. **Returns:** a `LeadField`, whose columns have mean zero over the sphere but
    not over the electrodes: `.average_referenced()`. **Raises:** `ValueError` for other shapes and units,
    sources on or beyond the surface, an electrode or an orientation of no direction.
    """
    radius = _positive_number("radius", radius, "mm")
    conductivity = _positive_number("conductivity", conductivity, "S/m")
    electrodes = radius * as_directions("electrodes", electrodes)
    sources = as_places("sources", sources)
    if orientations is None:
        moments = as_directions("sources", sources)
    else:
        moments = as_directions("orientations", orientations)
        _checks.shape("orientations", moments, sources.shape, "one a source")
    require_inside(sources, radius)
    matrix = _potential(electrodes, sources, moments, radius, conductivity)
    return LeadField(matrix, names, "µV per nA m")


def sphere_potential(
    places: ArrayLike,
    sources: ArrayLike,
    moments: ArrayLike,
    *,
    radius: ArrayLike = 90.0,
    conductivity: ArrayLike = 0.33,
) -> Float[Array, "places nodes"]:
    """The potential (µV) of each dipole at any place in the sphere or on its surface: (places, nodes).

    **Arguments:** `places` (places, 3) and `sources` (nodes, 3) in mm about the centre, `moments` (nodes, 3) in
    nA m; `radius`, `conductivity` as `spherical_lead_field`. Infinite at a source. Mean zero over the surface.
    **Raises:** `ValueError` for other shapes and units, and for sources on or beyond the surface.
    """
    radius = _positive_number("radius", radius, "mm")
    conductivity = _positive_number("conductivity", conductivity, "S/m")
    places, sources = as_places("places", places), as_places("sources", sources)
    moments = _checks.shape("moments", as_places("moments", moments), sources.shape, "one a source")
    require_inside(sources, radius)
    return _potential(places, sources, moments, radius, conductivity)


@full_precision
def _potential(
    places: Places, sources: Sources, moments: Sources, radius: Array, conductivity: Array
) -> Float[Array, "places nodes"]:
    """The equation of this module, with the gradient of its bracket written out."""
    scale = MICROVOLTS / (4 * jnp.pi * conductivity * radius**2)
    # In units of the radius.
    places, sources = places / radius, sources / radius
    apart = places[:, None, :] - sources[None, :, :]
    distance = jnp.sqrt(jnp.sum(apart**2, axis=2))
    across = jnp.sum(places**2, axis=1)
    inner = places @ sources.T
    image = jnp.sqrt(1 - 2 * inner + across[:, None] * jnp.sum(sources**2, axis=1)[None, :])
    # p . (r - r0), p . r and p . (r - r^2 r0), the last the gradient of -D^2 / 2.
    along = jnp.sum(apart * moments[None], axis=2)
    outwards = places @ moments.T
    away = outwards - across[:, None] * jnp.sum(sources * moments, axis=1)[None, :]
    from_image = away / image**3 + (outwards + away / image) / (1 - inner + image)
    return scale * (along / distance**3 + from_image)


def _positive_number(name: str, value: ArrayLike, unit: str) -> Array:
    return _checks.positive(
        name, _checks.shape(name, _checks.as_float_array(value, name), ()), unit
    )


def as_places(name: str, value: ArrayLike) -> Places:
    places = _checks.as_float_array(value, name)
    if places.ndim != 2 or places.shape[1] != 3:
        raise ValueError(f"`{name}` must be (places, 3), got shape {places.shape}.")
    return _checks.finite(name, places)


def as_directions(name: str, value: ArrayLike) -> Places:
    places = as_places(name, value)
    length = jnp.sqrt(jnp.sum(places**2, axis=1, keepdims=True))
    if _checks.is_concrete(length) and not np.all(np.asarray(length) > 0):
        index = int(np.argmin(np.asarray(length)))
        raise ValueError(
            f"`{name}` has no direction at index {index}, where it is zero: move it from the centre, or give "
            "`orientations`."
        )
    return places / length


def require_inside(sources: Sources, radius: Array):
    if not _checks.is_concrete((sources, radius)):
        return
    farthest = float(np.linalg.norm(np.asarray(sources), axis=1).max())
    if farthest >= float(radius):
        raise ValueError(
            f"`sources` reach {farthest:g} mm from the centre, not within the `radius` of {float(radius):g} mm: "
            "centre them on the sphere, or check that both are in mm."
        )
