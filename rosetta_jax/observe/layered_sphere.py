r"""The potential of a dipole in a head of shells: brain, fluid, skull, scalp, each a sphere about the same centre.

Where shells differ in conductivity there is no closed form, but each harmonic of the surface potential is that
of the homogeneous sphere of the brain's conductivity (`rosetta_jax.observe.sphere`) times a factor of its own:

.. math::  V(r) = \frac{1}{4\pi\sigma_1 R^2} \sum_{n=1}^{\infty} f_n\,\frac{2n+1}{n} \Big(\frac{b}{R}\Big)^{n-1}
           \big[n\,p_r P_n(\cos\gamma) + (p \cdot \hat r - p_r \cos\gamma)\,P_n'(\cos\gamma)\big],

with the source at distance $b$ from the centre, $p_r$ its moment outwards and $\gamma$ the angle between source
and electrode. The factor follows from potential and current, which both go on across a boundary: from the
surface, where there is no current outwards, they are carried inwards shell by shell, and $f_n$ is what the
surface then has for each unit that the source sends. For equal conductivities $f_n = 1$. A skull that conducts
little makes $f_n$ small and smears: what is left of high orders is little.

The default is the four-shell head of MNE-Python's `make_sphere_model`. The sum ends after 200 terms,
$(b/R)^{200}$ of the first: 1e-9 for sources at 0.9 of the radius.

Source: Rush & Driscoll 1969, IEEE Trans. Biomed. Eng. 16:15; Zhang 1995, Phys. Med. Biol. 40:335 (the sum); the
recursion is ours.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float
from rosetta_jax.observe.lead_field import LeadField
from rosetta_jax.observe.sphere import (
    MICROVOLTS,
    Places,
    Sources,
    as_directions,
    as_places,
    require_inside,
)

_TERMS = 200
# Radii (mm) and conductivities (S/m) of brain, fluid, skull and scalp.
RADII = (81.0, 82.8, 87.3, 90.0)
CONDUCTIVITIES = (0.33, 1.0, 0.004, 0.33)


def layered_lead_field(
    electrodes: ArrayLike,
    sources: ArrayLike,
    *,
    orientations: ArrayLike | None = None,
    radii: ArrayLike | Sequence[float] = RADII,
    conductivities: ArrayLike | Sequence[float] = CONDUCTIVITIES,
    names: Sequence[str] | None = None,
) -> LeadField:
    """The lead field of electrodes on a head of shells about the origin, in µV per nA m, without a reference.

    **Arguments:** `electrodes`, `sources`, `orientations`, `names` as `spherical_lead_field`, sources within
    the innermost shell; `radii` (shells,) in mm, from the brain outwards, and `conductivities` (shells,) in
    S/m. Differentiable in all numbers. **Returns:** a `LeadField`, whose columns have mean zero over the
    sphere. **Raises:** `ValueError` as `spherical_lead_field`, and for radii that do not increase.
    """
    shells = _radii(radii)
    conducting = _checks.as_float_array(conductivities, "conductivities").astype(shells.dtype)
    _checks.shape("conductivities", conducting, shells.shape, "one a shell")
    _checks.positive("conductivities", conducting, "S/m")
    places = as_places("sources", sources)
    if orientations is None:
        moments = as_directions("sources", places)
    else:
        moments = as_directions("orientations", orientations)
        _checks.shape("orientations", moments, places.shape, "one a source")
    require_inside(places, shells[0])
    normals = as_directions("electrodes", electrodes)
    matrix = _surface_potential(normals, places / shells[-1], moments, shells, conducting)
    return LeadField(matrix, names, "µV per nA m")


def _radii(radii: ArrayLike | Sequence[float]) -> Float[Array, " shells"]:
    shells = _checks.positive("radii", _checks.as_float_array(radii, "radii"), "mm")
    if shells.ndim != 1 or not shells.size:
        raise ValueError(f"`radii` must be a list (shells,) of mm, got shape {shells.shape}.")
    if _checks.is_concrete(shells) and not np.all(np.diff(np.asarray(shells)) > 0):
        raise ValueError(
            f"`radii` must increase from the brain outwards, got {_checks.shown(np.asarray(shells))}: sort "
            "them, with their conductivities."
        )
    return shells


@full_precision
def _surface_potential(
    normals: Places, sources: Sources, moments: Sources, radii: Array, conductivities: Array
) -> Float[Array, "places nodes"]:
    """The sum above; sources in units of the outermost radius."""
    squared = jnp.sum(sources**2, axis=1)
    # In the centre any direction will do: only the first term is left, which does not depend on it.
    central = squared == 0
    far = jnp.where(central, 0.0, jnp.sqrt(jnp.where(central, 1.0, squared)))
    outwards = sources / jnp.where(central, 1.0, far)[:, None]
    cosine = normals @ outwards.T
    radial = jnp.sum(outwards * moments, axis=1)[None, :]
    tangential = normals @ moments.T - radial * cosine

    def term(carry: Any, each: tuple[Array, Array]) -> tuple[Any, None]:
        total, power, (before, now), (slope_before, slope) = carry
        order, factor = each
        bracket = order * radial * now + tangential * slope
        total = total + factor * (2 * order + 1) / order * power * bracket
        # Bonnet's recursion, and that of the derivative.
        beyond = ((2 * order + 1) * cosine * now - order * before) / (order + 1)
        slope_beyond = slope_before + (2 * order + 1) * now
        return (total, power * far[None, :], (now, beyond), (slope, slope_beyond)), None

    order = jnp.arange(1, _TERMS + 1, dtype=radii.dtype)
    zero, one = jnp.zeros_like(cosine), jnp.ones_like(cosine)
    start = (zero, jnp.ones_like(far)[None, :], (one, cosine), (zero, one))
    (total, *_), _ = jax.lax.scan(term, start, (order, _factors(order, radii, conductivities)))
    return MICROVOLTS / (4 * jnp.pi * conductivities[0] * radii[-1] ** 2) * total


def _factors(
    order: Float[Array, " terms"], radii: Float[Array, " shells"], conductivities: Array
) -> Float[Array, " terms"]:
    r"""How each harmonic on the surface differs from that of a homogeneous sphere.

    Within a shell $\phi = a x^n + b x^{-n-1}$, $x = r / r_{outer}$. Carried are $\phi$ and $q = r \sigma
    \phi'$, which both go on across a boundary, each times $x^{n+1}$ so that nothing grows.
    """

    def inwards(carry: tuple[Array, Array], shell: tuple[Array, Array]) -> tuple[Any, None]:
        potential, current = carry
        ratio, conductivity = shell
        rising, falling = _parts(order, potential, current / conductivity)
        rising = rising * ratio ** (2 * order + 1)
        current = conductivity * (order * rising - (order + 1) * falling)
        return (rising + falling, current), None

    start = jnp.ones_like(order), jnp.zeros_like(order)
    shells = (radii[:-1] / radii[1:])[::-1], conductivities[1:][::-1]
    (potential, current), _ = jax.lax.scan(inwards, start, shells)
    _, falling = _parts(order, potential, current / conductivities[0])
    return order / ((2 * order + 1) * falling)


def _parts(order: Array, potential: Array, slope: Array) -> tuple[Array, Array]:
    """The part that rises outwards and the part that falls, of a potential and its logarithmic slope."""
    rising = ((order + 1) * potential + slope) / (2 * order + 1)
    return rising, potential - rising
