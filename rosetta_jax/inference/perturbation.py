r"""What a drug or a lesion would do to a brain: to first order, by doing it, and node by node.

A change of parameters moves fixed point, matrix and noise; with $M \to M + dM$ alone

.. math::
    M\,d\Sigma + d\Sigma\,M^H = -(dM\,\Sigma + \Sigma\,dM^H), \qquad dS = R\,dM\,S + S\,dM^H R^H

(Castaldo et al., arXiv 2512.10982, rung 2, whose formula for $dS$ is right in the integral over frequencies only).
Here the same derivative is taken of the exact spectrum and covariance, along any parameters, through the fixed
point and with delays.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Int, Pairwise, Scalar
from rosetta_jax.linear import covariance, cross_spectrum
from rosetta_jax.network import Network
from rosetta_jax.parameters import get, replace
from rosetta_jax.results import Status, status_where

# A number that says what of a brain matters, traced: (network) to a scalar.
Measure = Callable[[Network], Scalar]


class Perturbed(eqx.Module):
    """A brain before and after a change, and what the change would do to first order.

    `density` (frequencies, nodes, nodes) and `covariance` (nodes, nodes) before; `density_change` and
    `covariance_change` to first order; `density_after` and `covariance_after` of the brain that was changed;
    `status` before and `status_after`: a change may make a brain unstable, what is after is NaN then.
    """

    frequencies: Float[Array, " frequencies"]
    density: Array
    density_change: Array
    density_after: Array
    covariance: Pairwise
    covariance_change: Pairwise
    covariance_after: Pairwise
    status: Int[Array, ""]
    status_after: Int[Array, ""]

    @property
    def beyond_first_order(self) -> Float[Array, " nodes"]:
        """The share of the change of each node's variance that the first order misses."""
        before, after = jnp.diagonal(self.covariance), jnp.diagonal(self.covariance_after)
        missed = after - before - jnp.diagonal(self.covariance_change)
        return jnp.abs(missed) / jnp.abs(after - before)


def perturbed(brain: Network, changes: Mapping[str, Any], frequencies: Any) -> Perturbed:
    """What `changes`, added to parameters by path, do to the cross spectra and the covariance of a brain.

    `changes` maps a path to what is added to it, a number, one a region, or a matrix of links; a drug that slows
    inhibition by 5/s is `{"rung.inhibitory_rate": -5.0}`. `frequencies` (F,) Hz. First order exactly, by forward
    derivatives, and by the changed brain itself. Raises `KeyError` for a path that is not there, and `ValueError`
    for a change that does not fit.
    """
    before, after = changed(brain, changes)
    steps = {path: after[path] - before[path] for path in before}
    return _perturbed(brain, before, steps, after, _checks.as_float_array(frequencies))


def changed(
    brain: Network, changes: Mapping[str, Any]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The values of what is changed, before and after; raises where a change does not fit."""
    _checks.instance("brain", brain, Network, "an rj.Network")
    _checks.instance("changes", changes, Mapping, 'a mapping such as {"gain": 0.1}')
    if not changes:
        raise ValueError("`changes` names nothing that is changed.")
    before = {path: get(brain, path) for path in changes}
    after = {path: before[path] + _step(path, before[path], changes[path]) for path in changes}
    # Refused before anything is compiled, where a value is outside its support.
    replace(brain, after)
    return before, after


@eqx.filter_jit
def _perturbed(
    brain: Network, before: dict, steps: dict, after: dict, frequencies: Array
) -> Perturbed:
    def seen(values: dict) -> tuple[tuple[Array, Array], Array]:
        at = replace(brain, values)
        spectrum, matrix = cross_spectrum(at, frequencies), covariance(at)
        return (spectrum.density, matrix.matrix), spectrum.status

    now, change, status = jax.jvp(seen, (before,), (steps,), has_aux=True)
    then, status_after = seen(after)
    return Perturbed(
        frequencies, now[0], change[0], then[0], now[1], change[1], then[1], status, status_after
    )


class Dissection(eqx.Module):
    """A measure with each node, or each hemisphere pair, cut off in turn.

    `whole` of the brain as it is; `without` (nodes,) of the brain without the links of each; `status` (nodes,).
    """

    whole: Scalar
    without: Float[Array, " nodes"]
    status: Int[Array, " nodes"]

    @property
    def effect(self) -> Float[Array, " nodes"]:
        """What each node's links add to the measure."""
        return self.whole - self.without


def dissection(brain: Network, measure: Measure) -> Dissection:
    """Virtual dissection: a measure of the brain with the links of each node cut, one after the other.

    `measure` takes a network and gives a number, such as `lambda brain: rj.linear.power_spectrum(brain,
    [10.0]).density[0, 3]`. A cut that leaves no number (an unstable brain) is NaN, with its status.
    """
    _checks.instance("brain", brain, Network, "an rj.Network")

    def cut(node: Array) -> Array:
        here = jnp.arange(brain.nodes) == node
        weights = jnp.where(here[:, None] | here[None, :], 0.0, brain.connectome.weights)
        return jnp.asarray(measure(replace(brain, {"connectome.weights": weights})))

    whole, without = eqx.filter_jit(
        lambda: (jnp.asarray(measure(brain)), jax.lax.map(cut, jnp.arange(brain.nodes)))
    )()
    status = status_where(~jnp.isfinite(without), Status.non_finite)
    return Dissection(whole, without, status)


class Influence(eqx.Module):
    """How a measure changes with the logarithm of what a brain has: exact derivatives.

    `measure`; `links` (nodes, nodes), for each link its weight times the slope; `nodes` (nodes,), the same for all
    links into and out of a node together; `parameters` by path.
    """

    measure: Scalar
    links: Pairwise
    parameters: dict[str, Array]

    @property
    def nodes(self) -> Float[Array, " nodes"]:
        """The sum over the links of each node, into and out of it."""
        return jnp.sum(self.links, axis=0) + jnp.sum(self.links, axis=1)

    def strongest(self, count: int = 10) -> list[tuple[int, int, float]]:
        """The links that matter most: target, source, influence."""
        links = np.asarray(self.links)
        order = np.argsort(-np.abs(links), axis=None)[:count]
        rows, columns = np.unravel_index(order, links.shape)
        return [
            (int(row), int(column), float(links[row, column]))
            for row, column in zip(rows, columns, strict=True)
        ]


def influence(brain: Network, measure: Measure, paths: tuple[str, ...] = ("gain",)) -> Influence:
    """Which links and parameters a measure depends on: one reverse derivative gives all.

    `measure` as in `dissection`; `paths` are parameters beside the links, each with its value times its slope.
    A unit of influence is the change of the measure for an e-fold of the link, to first order.
    """
    _checks.instance("brain", brain, Network, "an rj.Network")
    values = {path: get(brain, path) for path in ("connectome.weights", *paths)}

    @eqx.filter_jit
    def found(values: dict) -> Any:
        return jax.value_and_grad(lambda values: jnp.asarray(measure(replace(brain, values))))(
            values
        )

    at, slopes = found(values)
    scaled = {path: values[path] * slopes[path] for path in values}
    return Influence(at, scaled.pop("connectome.weights"), scaled)


def _step(path: str, value: Array, change: Any) -> Array:
    change = _checks.finite(f"changes[{path!r}]", _checks.as_float_array(change, path))
    if change.shape not in ((), value.shape):
        raise ValueError(
            f"`changes[{path!r}]` must be one number or of the parameter's shape {value.shape}, got "
            f"{change.shape}: set the parameter by region first to change it so."
        )
    return jnp.broadcast_to(change, value.shape).astype(value.dtype)
