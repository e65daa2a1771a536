r"""The transport between regions: $a_{c,i}(t) = \sum_j C_{ij}\, s_{c,j}(t - \tau_{ij})$, marched in steps.

Delays are read by linear interpolation between the steps of a history. What arrives at the end of a step is
also what arrives at the start of the next, so one read a step serves every stage. A delay below the step is
read from the stage itself: clamping such delays to a step, as is common, costs the order. At a stage a share
$\theta$ into the step, $a(\theta) = (1-\theta)\, a_n + \theta\, a_{n+1} + P s(\theta)$ with $a_n$, $a_{n+1}$
the known parts and $P_{ij} = C_{ij} (1-f_{ij})$ where the delay is $f_{ij}$ of a step.

Short links are near, read or pushed in each step; long ones are far, read for a chunk of steps at once
(`rosetta_jax.network.transport.formulation` tells which when). All but taps give the same numbers, to rounding.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from rosetta_jax._types import Array, Channels, Float, Int, Scalar
from rosetta_jax.network.links import Links, by_source, carried_by_source, turned
from rosetta_jax.network.network import Network
from rosetta_jax.network.transport.formulation import Formulation, spans
from rosetta_jax.network.transport.pushed import Pushed, pushed
from rosetta_jax.network.transport.reads import Reads, Sent, Steps, at_once, reads, steps
from rosetta_jax.network.transport.ring import Ring
from rosetta_jax.network.transport.slices import CHUNK, Slices
from rosetta_jax.network.transport.taps import Taps, taps
from rosetta_jax.results import Status, first_failure, status_where


class Transport(eqx.Module):
    """The transport of one network at one step length, fixed through a march.

    `at_once` alone is `[source, target]`. `near` changes its memory in each step, each of
    `far` once in its chunk of steps, chunks within longer ones.
    """

    at_once: Links | None
    near: Ring | Pushed | None
    far: tuple[Slices | Taps, ...]
    status: Int[Array, ""]
    rows: int = eqx.field(static=True)
    predicted: bool = eqx.field(static=True)

    @property
    def delayed(self) -> bool:
        """Whether anything arrives that was sent before."""
        return self.near is not None or bool(self.far)

    @property
    def gathers(self) -> bool:
        """Whether links are gathered in each step, which no kernel of a processor can hold with the rest."""
        return isinstance(self.near, Ring)

    def stage(self, sent: Channels, known: Channels | None) -> Channels:
        """What arrives at a stage: the `known` part, and that from the stage itself, delayed below a step."""
        if self.at_once is None or self.predicted:
            return jnp.zeros_like(sent) if known is None else known
        within = self.immediate(sent)
        return within if known is None else within + known

    def immediate(self, sent: Channels) -> Channels:
        """What arrives of `sent` at once."""
        assert self.at_once is not None
        return carried_by_source(self.at_once, sent)

    def begin(self, past: Float[Array, "steps channels nodes *lanes"]) -> tuple[tuple, Any, Sent]:
        """Histories of far links and the memory of near ones after `rows + 1` past values, and what arrives."""
        begun = [each.begin(past) for each in self.far]
        histories, arriving = [history for history, _ in begun], [now for _, now in begun]
        memory = None
        if self.near is not None:
            memory, now = self.near.begin(past)
            arriving.append(now)
        return tuple(histories), memory, sum(arriving[1:], arriving[0])

    def advance(self, memory: Any, sent: Sent, far: Sent | None) -> tuple[Any, Sent | None]:
        """The memory of near links with what is `sent` now, and the known part of what arrives a step later."""
        if self.near is None:
            return memory, far
        memory, arriving = self.near.advance(memory, sent)
        return memory, arriving if far is None else arriving + far


def transport(network: Network, dt: Scalar, formulation: Formulation) -> Transport:
    """The transport of `network` at step `dt`, formulated as `formulation` says.

    A delay that does not fit shows in `status`; it is never clamped.
    """
    weights, phase = network.connectome.weights, network.connectome.phase
    if network.connectome.lengths is None:
        matrix = by_source(network.links()) if formulation.at_once else None
        predicted = formulation.name == "predicted" and matrix is not None
        return Transport(matrix, None, (), jnp.int32(Status.ok), 0, predicted)
    rows = formulation.rows
    span = (formulation.least, rows)
    found = steps(network, dt, span, formulation.rounded, formulation.whole)
    within = at_once(weights, found) if formulation.at_once else None
    return Transport(
        at_once=None if within is None else by_source(turned(within, phase, network.channels)),
        near=_near(network, found, formulation),
        far=_far(network, found, formulation),
        status=first_failure(
            status_where(found.too_long, Status.delay_too_long),
            status_where(found.too_short, Status.delay_too_short),
        ),
        rows=rows,
        predicted=False,
    )


def _near(network: Network, found: Steps, formulation: Formulation) -> Ring | Pushed | None:
    weights, phase = network.connectome.weights, network.connectome.phase
    if formulation.near is None:
        return None
    if formulation.near == "pushed":
        near = jnp.where(found.whole > formulation.chunks[-1], 0.0, weights)
        return pushed(reads(near, phase, found, None), formulation.ahead, network.channels)
    rows = formulation.rows
    if formulation.chunks:
        rows = formulation.chunks[-1]
        weights = jnp.where(found.whole > rows, 0.0, weights)
    links = reads(weights, phase, found, formulation.near_sources, _followed(network, formulation))
    return Ring(_within(links, 0, rows - 1), rows)


def _far(network: Network, found: Steps, formulation: Formulation) -> tuple[Slices | Taps, ...]:
    weights, phase = network.connectome.weights, network.connectome.phase
    if formulation.far == "taps":
        far = jnp.where(found.whole > CHUNK, weights, 0.0)
        return (taps(far, phase, found, formulation.pieces, network.channels),)
    followed, levels = _followed(network, formulation), []
    each = spans(formulation.rows, formulation.chunks)
    for (rows, chunk), sources, targets in zip(
        each, formulation.far_sources, formulation.far_targets, strict=True
    ):
        far = jnp.where((found.whole > chunk) & (found.whole <= rows), weights, 0.0)
        there = reads(far, phase, found, sources, followed)
        back = reads(far.T, None if phase is None else -phase.T, found.turned_round(), targets)
        there, back = (_within(way.filled(CHUNK // chunk), chunk, rows) for way in (there, back))
        levels.append(Slices(there, back, rows, chunk))
    return tuple(levels)


def _followed(network: Network, formulation: Formulation) -> Scalar | None:
    """The speed where reads follow it: where it may be differentiated, and links do not turn what they carry."""
    turning = network.connectome.phase is not None
    known = formulation.whole is not None
    return None if known or turning or formulation.rounded else network.speed


def _within(links: Reads, least: int, most: int) -> Reads:
    """The same reads with places within reach; those out of it have no weight, or fail as a whole."""
    return eqx.tree_at(lambda each: each.back, links, jnp.clip(links.back, least, most))
