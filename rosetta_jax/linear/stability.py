r"""Stability of a fixed point, exact with delays: unstable modes counted without eigenvalues.

The characteristic function is $\prod_i \det(s - A_i)\,\det(I - K(s) T(s))$. By the argument principle
each factor's phase along the imaginary axis counts its roots in the right half plane: over
$\omega \in (0, \infty)$ the phase of $\det(i\omega - A_i)/(i\omega + c)^n$ turns by $-\pi$ for every unstable
mode of node $i$ alone, and the phase of $\det(I - KT)$ by $-\pi$ for every mode that the network adds (or
$+\pi$ for each it takes away). Only solves are used, so it runs wherever solves do.

The phase is worth only as much as its grid. A grid is refined where a step between two frequencies is
not small: against the distance to the nearest node mode, as $|\mathrm{tr}\,R|$ tells it, against that
to the nearest network mode, as $\|(I-KT)^{-1}\, d(KT)/d\omega\|$ tells it, and where the step of
$\log\det$ predicted by its derivative $-\mathrm{tr}[(I-KT)^{-1} d(KT)/d\omega]$ disagrees with the one
measured. If the grid is full before all steps are small, the point is undecided.

A cheap certificate comes first: with stable nodes and $\max_i \|T_i(\omega)\| (|C| v)_i / v_i < 1$ at every
frequency, for some positive vector $v$, no delay can destabilise (small gain).
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Bool, Float, Int, Scalar
from rosetta_jax.linear.blocks import Blocks, loop, transport_at
from rosetta_jax.linear.fixed_point import FixedPoint, fixed_point, linearised
from rosetta_jax.linear.resolvent import Transfer, resolvent
from rosetta_jax.linear.solves import factorised
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.links import delayed_by
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.system import Rung

_NODE_GRID = 512
_NETWORK_GRID = 2048
_ROUND = 32
_FIRST = 65
# The last frequency is this many times the typical one.
_FARTHEST = 1e4
_NODE_STEP = 0.5
_NETWORK_STEP = 1.0
_DISAGREEMENT = 0.3


class Stability(eqx.Module):
    """How many modes of a fixed point grow, and how that was found.

    `unstable_modes` counts roots with positive real part (a complex pair is two); `loop_gain` is the
    small-gain bound, below 1 where it proves stability by itself; `evaluations` is the number of
    determinants used (0 where the bound sufficed); `status` is `ok`, `unstable`, `undecided` or
    `no_fixed_point`.
    """

    unstable_modes: Int[Array, ""]
    loop_gain: Scalar
    evaluations: Int[Array, ""]
    status: Int[Array, ""]


class _Grid(eqx.Module):
    """A growing list of frequencies in order, with what was measured there; unused places are infinite."""

    place: Float[Array, " capacity"]
    values: Any
    used: Int[Array, ""]


def stability(
    system: Network | Rung, point: FixedPoint | None = None, *, neutral: bool = False
) -> Stability:
    """Count the unstable modes of a network at its fixed point (or at `point`).

    Delays are exact. Of an unstable network the status says so; where the grid cannot decide, because
    a mode lies on the imaginary axis or too near to it, the status is `undecided`. A `neutral` mode, one at
    zero that a symmetry puts there, is left out.
    """
    network = as_network(system)
    point = fixed_point(network) if point is None else point
    return _counted(*jax.lax.stop_gradient((network, point)), neutral)


@eqx.filter_jit
@full_precision
def _counted(network: Network, point: FixedPoint, neutral: bool) -> Stability:
    blocks = linearised(network, point, ())
    nodes = _node_grid(blocks)
    alone, alone_decided = _node_modes(nodes)
    bound = _loop_gain(network, nodes)
    certified = alone_decided & (alone == 0) & (bound < 1)
    none = (jnp.int32(0), jnp.asarray(True), jnp.int32(0))
    added, decided, evaluations = jax.lax.cond(
        certified, lambda: none, lambda: _network_modes(network, nodes, neutral)
    )
    modes = alone + added
    status = first_failure(
        point.status,
        status_where(~(alone_decided & decided), Status.undecided),
        status_where(modes > 0, Status.unstable),
    )
    return Stability(modes, bound, evaluations, status)


# --- the grid ---------------------------------------------------------------------------------------


def _omega(place: Array, scale: Scalar) -> Array:
    """Frequencies from places in [0, 1): small ones evenly, large ones ever farther apart."""
    return scale * place / (1 - place)


def _refined(
    measure: Callable[[Array], Any],
    rough: Callable[[Array, Any], Array],
    grid: _Grid,
) -> tuple[_Grid, Bool[Array, ""]]:
    """`grid` refined by halving its roughest steps until none is above 1, and whether that was reached."""

    def worst(grid: _Grid) -> Float[Array, " steps"]:
        steps = rough(grid.place, grid.values)
        inside = jnp.isfinite(grid.place[1:])
        return jnp.where(inside, jnp.where(jnp.isnan(steps), jnp.inf, steps), -jnp.inf)

    def going(grid: _Grid) -> Array:
        return jnp.any(worst(grid) > 1) & (grid.used + _ROUND <= grid.place.shape[0])

    def halve(grid: _Grid) -> _Grid:
        roughness, at = jax.lax.top_k(worst(grid), _ROUND)
        middle = (grid.place[at] + grid.place[at + 1]) / 2
        middle = jnp.where(roughness > 1, middle, jnp.inf)
        found = measure(middle)
        place = jnp.concatenate([grid.place[:-_ROUND], middle])
        order = jnp.argsort(place)
        values = jax.tree.map(
            lambda old, new: jnp.concatenate([old[:-_ROUND], new])[order], grid.values, found
        )
        added = jnp.sum(jnp.isfinite(middle)).astype(jnp.int32)
        return _Grid(place[order], values, grid.used + added)

    refined = jax.lax.while_loop(going, halve, grid)
    return refined, jnp.all(worst(refined) <= 1)


def _begin(measure: Callable[[Array], Any], places: Array, capacity: int) -> _Grid:
    room = capacity - places.shape[0]
    values = jax.tree.map(
        lambda leaf: jnp.concatenate([leaf, jnp.zeros((room, *leaf.shape[1:]), leaf.dtype)]),
        measure(places),
    )
    padded = jnp.concatenate([places, jnp.full(room, jnp.inf, places.dtype)])
    return _Grid(padded, values, jnp.sum(jnp.isfinite(padded)).astype(jnp.int32))


# --- nodes alone ------------------------------------------------------------------------------------


class _NodeValues(eqx.Module):
    angle: Float[Array, "*places nodes"]
    nearness: Float[Array, "*places"]
    size: Float[Array, "*places nodes"]


class _NodeGrid(eqx.Module):
    grid: _Grid
    transfer: Transfer
    decided: Bool[Array, ""]


def _node_grid(blocks: Blocks) -> _NodeGrid:
    transfer = resolvent(blocks.A).between(blocks.S, blocks.B)
    scale = transfer.scale

    def measure(places: Array) -> _NodeValues:
        # Places not in use are infinite; any frequency will do for them.
        at = jnp.where(jnp.isfinite(places), places, 0.5)
        return jax.vmap(lambda place: _node_values(transfer, place))(at)

    def rough(place: Array, values: _NodeValues) -> Array:
        width = _omega(place[1:], scale) - _omega(place[:-1], scale)
        return width * jnp.maximum(values.nearness[1:], values.nearness[:-1]) / _NODE_STEP

    dtype = blocks.A.dtype
    last = _FARTHEST / (1 + _FARTHEST)
    first = jnp.concatenate(
        [jnp.linspace(0, 0.95, _FIRST - 16), 1 - jnp.geomspace(0.045, 1 - last, 16)]
    ).astype(dtype)
    grid, decided = _refined(measure, rough, _begin(measure, first, _NODE_GRID))
    return _NodeGrid(grid, transfer, decided)


def _node_values(transfer: Transfer, place: Scalar) -> _NodeValues:
    scale = transfer.scale
    omega = _omega(place, scale)
    values = transfer.at(omega)
    components = transfer.below.shape[0] - 1
    reference = jax.lax.complex(scale, omega)
    into_phase = jax.lax.complex(jnp.zeros_like(scale), components * jnp.ones_like(scale))
    nearness = jnp.abs(values.log_slope - into_phase / reference)
    return _NodeValues(
        angle=jnp.angle(values.determinant) - components * jnp.angle(reference),
        nearness=jnp.max(nearness),
        size=jnp.sqrt(jnp.sum(jnp.abs(values.value) ** 2, axis=(1, 2))),
    )


def _node_modes(nodes: _NodeGrid) -> tuple[Int[Array, ""], Bool[Array, ""]]:
    """Unstable modes of all nodes alone, from the turns of their determinants."""
    used = jnp.isfinite(nodes.grid.place)
    angle = nodes.grid.values.angle
    steps = _wrapped(angle[1:] - angle[:-1])
    turned = jnp.sum(jnp.where(used[1:, None], steps, 0.0), axis=0)
    modes = -turned / jnp.pi
    whole = jnp.round(modes)
    clear = jnp.all(jnp.abs(modes - whole) < 0.2)
    return jnp.sum(whole).astype(jnp.int32), nodes.decided & clear


def _loop_gain(network: Network, nodes: _NodeGrid) -> Scalar:
    r"""The largest spectral radius of $|T_i| |C_{ij}|$ over the grid, bounded from above.

    For any positive vector $v$ it is at most $\max_i |T_i| (|C| v)_i / v_i$ (Collatz and Wielandt); a few power
    iterations at each frequency bring the bound near the radius. A factor leaves room for what lies between
    the frequencies of the grid.
    """
    weights = jnp.abs(network.connectome.weights)
    size = nodes.grid.values.size
    # A little of everything keeps the vector positive where nodes have no input.
    floor = 1e-3

    def step(_: Any, v: Array) -> Array:
        w = size * (v @ weights.T)
        return w / jnp.maximum(jnp.max(w, axis=1, keepdims=True), jnp.finfo(w.dtype).tiny) + floor

    v = jax.lax.fori_loop(0, 10, step, jnp.ones_like(size))
    bound = jnp.max(size * (v @ weights.T) / v, axis=1)
    used = jnp.isfinite(nodes.grid.place)
    return 1.2 * jnp.max(jnp.where(used, bound, 0.0))


# --- the network ------------------------------------------------------------------------------------


class _NetworkValues(eqx.Module):
    log_size: Float[Array, "*places"]
    angle: Float[Array, "*places"]
    growth: Float[Array, "*places"]
    turning: Float[Array, "*places"]
    nearness: Float[Array, "*places"]


def _network_modes(
    network: Network, nodes: _NodeGrid, neutral: bool
) -> tuple[Int[Array, ""], Bool[Array, ""], Int[Array, ""]]:
    """Modes that coupling adds to those of the nodes alone; whether decided; determinants used."""
    grid, decided = _network_grid(network, nodes, neutral)
    scale = nodes.transfer.scale
    used = jnp.isfinite(grid.place[1:])
    width = _omega(grid.place[1:], scale) - _omega(grid.place[:-1], scale)
    predicted = width * (grid.values.turning[1:] + grid.values.turning[:-1]) / 2
    measured = grid.values.angle[1:] - grid.values.angle[:-1]
    # The measured step, on the turn that the derivative predicts.
    steps = predicted + _wrapped(measured - predicted)
    modes = -jnp.sum(jnp.where(used, steps, 0.0)) / jnp.pi
    whole = jnp.round(modes)
    clear = jnp.abs(modes - whole) < 0.2
    return whole.astype(jnp.int32), decided & clear, grid.used


def _network_grid(
    network: Network, nodes: _NodeGrid, neutral: bool = False
) -> tuple[_Grid, Bool[Array, ""]]:
    transfer, scale = nodes.transfer, nodes.transfer.scale
    nothing = _NetworkValues(*(jnp.zeros((), scale.dtype) for _ in range(5)))

    def measure(places: Array) -> _NetworkValues:
        # One after the other, and none for the places not in use: determinants are what costs.
        return jax.lax.map(
            lambda place: jax.lax.cond(
                jnp.isfinite(place),
                lambda: _network_values(network, transfer, place, neutral),
                lambda: nothing,
            ),
            places,
        )

    def rough(place: Array, values: _NetworkValues) -> Array:
        width = _omega(place[1:], scale) - _omega(place[:-1], scale)
        near = width * jnp.maximum(values.nearness[1:], values.nearness[:-1]) / _NETWORK_STEP
        grown = width * (values.growth[1:] + values.growth[:-1]) / 2
        turned = width * (values.turning[1:] + values.turning[:-1]) / 2
        size = values.log_size[1:] - values.log_size[:-1] - grown
        angle = _wrapped(values.angle[1:] - values.angle[:-1] - turned)
        return jnp.maximum(near, jnp.maximum(jnp.abs(size), jnp.abs(angle)) / _DISAGREEMENT)

    # Begin from the grid that resolves the nodes, so that no pair of node and network mode hides.
    places = nodes.grid.place
    if neutral:
        places = places.at[0].set(jnp.finfo(places.dtype).eps ** 0.5)
    return _refined(measure, rough, _begin(measure, places, _NETWORK_GRID))


def resolving_frequencies(network: Network, blocks: Blocks) -> Float[Array, " frequencies"]:
    """Angular frequencies (rad/s) in order, from 0, dense where node or network modes lie near.

    Steps between them are small against the distance to every mode; unused places repeat the last.
    """
    network, blocks = jax.lax.stop_gradient((network, blocks))
    nodes = _node_grid(blocks)
    grid, _ = _network_grid(network, nodes)
    scale = nodes.transfer.scale
    place = jnp.where(jnp.isfinite(grid.place), grid.place, -1.0)
    return jnp.sort(_omega(jnp.where(place < 0, jnp.max(place), place), scale))


def _network_values(
    network: Network, transfer: Transfer, place: Scalar, neutral: bool = False
) -> _NetworkValues:
    omega = _omega(place, transfer.scale)
    node = transfer.at(omega)
    T, K = node.value, transport_at(network, omega)
    change = loop(K, node.slope)
    delays = network.delays()
    if delays is not None:
        change = change + loop(delayed_by(K, -1j * delays.astype(K.dtype)), T)
    M = jnp.eye(change.shape[0], dtype=K.dtype) - loop(K, T)
    network_wide = factorised(M)
    relative = network_wide.solve(change)
    diagonal, turned = network_wide.diagonal, network_wide.sign < 0
    slope = -jnp.trace(relative)
    log_size = jnp.sum(jnp.log(jnp.abs(diagonal)))
    angle = jnp.sum(jnp.angle(diagonal)) + jnp.where(turned, jnp.pi, 0.0)
    if neutral:
        # Divided by s / (s + c), which has the mode at zero and no other of the right half plane.
        shifted = jax.lax.complex(transfer.scale, omega)
        log_size = log_size + jnp.log(jnp.abs(shifted) / omega)
        angle = angle + jnp.angle(shifted) - jnp.pi / 2
        slope = slope + 1j / shifted - (1 / omega).astype(slope.dtype)
    return _NetworkValues(
        log_size=log_size,
        angle=_wrapped(angle),
        growth=slope.real,
        turning=slope.imag,
        nearness=jnp.sqrt(jnp.sum(jnp.abs(relative) ** 2)),
    )


def _wrapped(angle: Array) -> Array:
    return jnp.arctan2(jnp.sin(angle), jnp.cos(angle))
