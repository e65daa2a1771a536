r"""How far neighbours turn together, and how much that varies over the brain and in time.

Kuramoto's order parameter taken about each node, nearer nodes counting more,

.. math::  R_n(t) = \Big|\sum_p w_{np}\, e^{i\theta_p(t)}\Big| \Big/ \sum_p w_{np}, \qquad
           w_{np} = e^{-\lambda d_{np}},

is near one inside a vortex of nodes that agree and low where vortices meet. Amplitude turbulence is its
standard deviation over all nodes and times. The scale $\lambda$ says how large the vortices are: for $\lambda
\to 0$ every node sees the whole, and it is `order_parameter`.

Source: Deco & Kringelbach 2020, Cell Rep. 33:108471, with $\lambda$ = 0.18 per mm; 0.01 to 0.3 per mm in Deco
et al. 2021, Curr. Biol. 31:4436; Kawamura et al. 2007, Phys. Rev. E 75:036209 (turbulence of oscillators).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from rosetta_jax import _checks
from rosetta_jax._types import Scalar, Series


def local_order_parameter(
    phases: ArrayLike, distances: ArrayLike, *, decay: ArrayLike = 0.18
) -> Series:
    """The order parameter about each node, R above: (time, nodes), from 0 to 1.

    **Arguments:** `phases` (time, nodes) in rad; `distances` (nodes, nodes) in mm, as between centres of
    regions (`distance_between`), a node's own zero; `decay` per mm, zero or above, differentiable. **Raises:**
    `ValueError` for phases that are not (time, nodes), real and finite, and for distances or a decay of another
    shape or sign.
    """
    phases = _checks.series("phases", phases, least=1)
    nodes = phases.shape[1]
    distances = _checks.as_float_array(distances, "distances").astype(phases.dtype)
    _checks.shape("distances", distances, (nodes, nodes), "one a pair of nodes")
    _checks.non_negative("distances", distances, "mm")
    decay = _checks.as_float_array(decay, "decay").astype(phases.dtype)
    _checks.non_negative("decay", _checks.shape("decay", decay, ()), "per mm")
    weights = jnp.exp(-decay * distances)
    shares = weights / jnp.sum(weights, axis=1, keepdims=True)
    turning = jax.lax.complex(jnp.cos(phases), jnp.sin(phases))
    around = jnp.matmul(
        turning, shares.T.astype(turning.dtype), precision=jax.lax.Precision.HIGHEST
    )
    return jnp.abs(around)


def turbulence(phases: ArrayLike, distances: ArrayLike, *, decay: ArrayLike = 0.18) -> Scalar:
    """Amplitude turbulence: the standard deviation of `local_order_parameter` over nodes and time.

    Several scales at once go through `jax.vmap` over `decay`. Arguments and errors are those of
    `local_order_parameter`.
    """
    local = local_order_parameter(phases, distances, decay=decay)
    variance = jnp.var(local)
    steady = variance == 0
    # The root has no slope at zero.
    return jnp.where(steady, 0.0, jnp.sqrt(jnp.where(steady, 1.0, variance)))


def distance_between(centres: ArrayLike) -> np.ndarray:
    """The straight distances between centres (nodes, 3), in their unit: (nodes, nodes), float64.

    Raises `ValueError` for centres of another shape or that are not finite.
    """
    _checks.require_known("centres", centres, "fix the distances")
    found = np.asarray(centres, dtype=float)
    if found.ndim != 2 or found.shape[1] != 3:
        raise ValueError(f"`centres` must be places (nodes, 3), got shape {found.shape}.")
    _checks.finite("centres", _checks.as_float_array(found, "centres"))
    return np.linalg.norm(found[:, None] - found[None, :], axis=2)
