r"""Free parameters that vary by region: each its own deviation, or a few coefficients of cortical maps.

Both act on the plain coordinate of a shared support or prior, so a positive parameter stays positive
everywhere, and a width is in units of the prior's own standard deviation.
"""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float
from rosetta_jax.priors import FreeParameter, require_positive


class Regional(FreeParameter):
    r"""Values that deviate from a shared one: $v_i = \mathrm{constrain}(u + w\,\delta_i)$.

    The first plain coordinate is `u`, of the support or prior `shared`; the others have standard normal
    priors. Starts of a fit differ in `u` alone.
    """

    shared: eqx.AbstractVar[FreeParameter]
    width: eqx.AbstractVar[float]
    informative: ClassVar[bool] = True

    def __check_init__(self):
        name = type(self).__name__
        if not isinstance(self.shared, FreeParameter) or isinstance(self.shared, Regional):
            raise TypeError(
                f"{name}: `shared` must be a support or a prior of one number such as "
                f"rj.LogNormal(1.0, 0.5), got {self.shared!r}."
            )
        require_positive(name, "width", self.width)

    def constrain(self, u: Array) -> Array:
        return self.shared.constrain(u)

    def unconstrain(self, value: Array) -> Array:
        return self.shared.unconstrain(value)

    def contains(self, value: Array) -> Array:
        return self.shared.contains(value)

    def spread(self, count: int) -> np.ndarray:
        return np.concatenate([self.shared.spread(1), np.zeros(count - 1)])

    def penalised(self, count: int) -> np.ndarray:
        return np.concatenate([self.shared.penalised(1), np.ones(count - 1, dtype=bool)])

    @abc.abstractmethod
    def expand(self, coordinates: Float[Array, " count"], value: Array) -> Float[Array, " nodes"]:
        """The parameter of every region."""


class PerRegion(Regional):
    r"""One value a region: $v_i = \mathrm{constrain}(u + w\,d_i)$ with $d_i \sim N(0, 1)$.

    `shared` is the support or prior of what all regions share and `width` w the standard deviation of a
    region's deviation in the plain coordinate of `shared`: in units of the prior's own standard deviation
    where it is a prior. Free are `u` and one $d_i$ a region.
    """

    shared: FreeParameter
    width: float = eqx.field(default=1.0, static=True)

    def count(self, value: Array, nodes: int | None) -> int:
        if nodes is None:
            raise ValueError(
                "rj.PerRegion needs regions, which only a network has: give the shared prior alone."
            )
        return 1 + nodes

    def expand(self, coordinates: Float[Array, " count"], value: Array) -> Float[Array, " nodes"]:
        return self.constrain(coordinates[0] + self.width * coordinates[1:])

    def coordinates(self, value: Array, nodes: int | None) -> Float[Array, " count"]:
        u = jnp.broadcast_to(self.unconstrain(value), (self.count(value, nodes) - 1,))
        middle = jnp.mean(u, keepdims=True)
        return jnp.concatenate([middle, (u - middle) / self.width])


class LinearIn(Regional):
    r"""Linear in cortical maps: $v_i = \mathrm{constrain}(u + w \sum_k c_k m_{ki})$, $c_k \sim N(0, 1)$.

    `maps` (maps, nodes), standardised; `shared` and `width` as in `PerRegion`. Free are `u` and one
    coefficient a map, so their number does not grow with the regions. `rj.linear_in` makes one.
    """

    maps: Float[Array, "maps nodes"]
    shared: FreeParameter
    width: float = eqx.field(default=1.0, static=True)

    def count(self, value: Array, nodes: int | None) -> int:
        if nodes != self.maps.shape[1]:
            raise ValueError(
                f"`maps` have {self.maps.shape[1]} regions and the model {nodes}: they must be the same."
            )
        return 1 + self.maps.shape[0]

    def expand(self, coordinates: Float[Array, " count"], value: Array) -> Float[Array, " nodes"]:
        return self.constrain(coordinates[0] + self.width * (coordinates[1:] @ self.maps))

    def coordinates(self, value: Array, nodes: int | None) -> Float[Array, " count"]:
        u = jnp.broadcast_to(self.unconstrain(value), self.maps.shape[1:])
        if value.ndim == 0:
            return jnp.concatenate([u[:1], jnp.zeros(self.maps.shape[0], u.dtype)])
        design = jnp.concatenate([jnp.ones_like(u)[None], self.width * self.maps]).T
        found = jnp.linalg.lstsq(design, u)[0]
        off = jnp.max(jnp.abs(design @ found - u))
        reached = off <= 1e3 * jnp.finfo(u.dtype).eps * (1 + jnp.max(jnp.abs(u)))
        return jnp.where(reached, found, jnp.nan)


def linear_in(maps: Any, shared: FreeParameter, width: float = 1.0) -> LinearIn:
    r"""A regional parameter linear in maps: $v_i = \mathrm{constrain}(u + w \sum_k c_k m_{ki})$.

    `maps` (maps, nodes), or `(nodes,)` for one, any unit: each is centred and scaled to unit variance over
    regions. `shared` is the support or prior of what all regions share, and `width` w the standard deviation
    of each coefficient, in units of the plain coordinate of `shared`. `rj.PerRegion` gives every region its own.

    Raises `ValueError` for a map that is flat, not finite, or a combination of the others.
    """
    maps = _checks.as_float_array(maps, "maps")
    _checks.require_known("maps", maps, "are standardised by their own size")
    maps = maps[None] if maps.ndim == 1 else maps
    if maps.ndim != 2:
        raise ValueError(f"`maps` must be (maps, nodes) or (nodes,), got shape {maps.shape}.")
    _checks.finite("maps", maps)
    centred = np.asarray(maps) - np.mean(maps, axis=1, keepdims=True)
    size = centred.std(axis=1, keepdims=True)
    flat = np.flatnonzero(size[:, 0] <= 1e-12 * np.abs(maps).max(axis=1))
    if flat.size:
        raise ValueError(
            f"`maps` number {flat[0]} is flat: it cannot tell regions apart, leave it out."
        )
    standard = centred / size
    if np.linalg.matrix_rank(standard) < len(standard):
        raise ValueError(
            "`maps` are linearly dependent: leave out those that are combinations of the others."
        )
    return LinearIn(shared=shared, width=width, maps=jnp.asarray(standard, maps.dtype))
