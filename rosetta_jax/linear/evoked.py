r"""The evoked response of a stable network to its drive and field, exact to first order, without marching.

With the transfer functions of `rosetta_jax.linear.blocks` and the Fourier transform $\hat u$ of what drive and
field put in,

.. math::
    a = (I - K T)^{-1} K T_u \hat u, \qquad \hat x = Q a + D \hat u, \qquad
    x(t) = \frac{1}{2\pi} \int \hat x(\omega)\, e^{i\omega t} d\omega

one solve a frequency, delays exact. The integral is a sum over the frequencies of one period, which must be long
enough for a response to have died away before the next one begins.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Complex, Float, Int, Scalar
from rosetta_jax.linear.blocks import (
    Responses,
    into,
    loop,
    node_responses,
    over_frequencies,
    through,
    transport_at,
)
from rosetta_jax.linear.fixed_point import FixedPoint, fixed_point, linearised
from rosetta_jax.linear.solves import factorised
from rosetta_jax.linear.stability import stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.links import Links
from rosetta_jax.results import Status
from rosetta_jax.system import Rung


class LinearResponse(eqx.Module):
    """An evoked response from theory: `times` (s), `signal` (time, nodes) less that at rest, and a status.

    The signal is NaN throughout where the point is unstable or undecided.
    """

    times: Float[Array, " time"]
    signal: Float[Array, "time nodes"]
    status: Int[Array, ""]


def evoked_response(
    system: Network | Rung,
    times: Any,
    *,
    dt: float = 1e-3,
    settle: float = 1.0,
    low_pass: float | None = None,
) -> LinearResponse:
    """What the drive and field of `system` add to the signal at rest, to first order in them.

    `times` (s), whole numbers of `dt` (s) from 0 on, when drive and field begin; before they are taken as zero.
    They are sampled every `dt` and held to vary little in between, and they must have ended by the last time: the
    response has `settle` seconds more to die away. Frequencies above `low_pass` (Hz) are left out where one is
    given: there is one solve each, and synapses pass little above 100 Hz. Differentiable in every parameter, the
    forcing's included. `rosetta_jax.evoked` marches the same, beyond first order too. Raises `ValueError` for a
    system without drive and field, and for times off the grid.
    """
    network = as_network(system)
    number = sample_numbers(times, dt)
    low_pass = None if low_pass is None else _checks.known("low_pass", low_pass, "Hz")
    return _response(network, tuple(number.tolist()), float(dt), float(settle), low_pass)


def sample_numbers(times: Any, dt: float) -> Int[np.ndarray, " time"]:
    """`times` (s) as whole numbers of steps of `dt` (s)."""
    dt = _checks.known("dt", dt, "s")
    _checks.require_known("times", times, "say how long to march")
    given = np.asarray(_checks.finite("times", _checks.as_float_array(times, "times")), float)
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"`times` must be a list of seconds (time,), got shape {given.shape}.")
    if given.min() < -dt / 2:
        raise ValueError(
            f"`times` begin at {given.min():g} s: a stimulus starts at 0 s, leave out what came before it."
        )
    number = np.round(given / dt)
    off = float(np.abs(given - number * dt).max())
    if off > 1e-3 * dt:
        raise ValueError(
            f"`times` lie up to {off:.3g} s off whole steps of `dt` {dt:g} s: take a `dt` that divides them."
        )
    return number.astype(int)


def step_of(times: np.ndarray, most: float = 1e-3) -> float:
    """The longest step (s) up to `most` that divides evenly spaced `times` (s)."""
    steps = np.diff(np.concatenate([[0.0], times]))
    spacing = float(steps[steps > 1e-9].min(initial=most))
    return spacing / math.ceil(spacing / most * (1 - 1e-9))


@eqx.filter_jit
def _response(
    network: Network, number: tuple[int, ...], dt: float, settle: float, low_pass: float | None
) -> LinearResponse:
    point = fixed_point(network)
    status = stability(network, point).status
    signal = evoked_signal(network, point, np.array(number), dt, settle, low_pass)
    dtype = signal.dtype
    times = jnp.asarray(np.array(number) * dt, dtype)
    return LinearResponse(times, jnp.where(status == Status.ok, signal, jnp.nan), status)


@full_precision
def evoked_signal(
    network: Network,
    point: FixedPoint,
    number: np.ndarray,
    dt: float,
    settle: float,
    low_pass: float | None,
) -> Float[Array, "time nodes"]:
    """The response at samples `number` of `dt` (s), without a judgement of stability."""
    of = _Answer(network, point, int(number.max()), dt, settle, low_pass)

    def at(omega: Scalar, u: Complex[Array, "nodes p"]) -> Complex[Array, " nodes"]:
        node, K, system = of.at(omega)
        sent = jnp.einsum("ncp,np->cn", node.T_u, u)
        entering = through(K, sent[:, :, None]).reshape(-1)
        arriving = factorised(system).solve(entering).reshape(sent.shape)
        return jnp.einsum("nc,cn->n", node.Q, arriving) + jnp.einsum("np,np->n", node.D, u)

    found = over_frequencies(at, of.omega, of.inputs)
    return jnp.fft.irfft(found, of.samples, axis=0)[number].astype(of.inputs.real.dtype)


@full_precision
def evoked_by_site(
    network: Network,
    point: FixedPoint,
    number: np.ndarray,
    dt: float,
    settle: float,
    low_pass: float | None,
    lead_field: Float[Array, "sensors nodes"],
) -> Float[Array, "time sensors nodes"]:
    """What `lead_field` sees of the response to the drive and field of each region alone, at samples `number`.

    One solve a frequency for all regions, with as many right sides as there are sensors. Their sum over regions
    is what all of them evoke together.
    """
    of = _Answer(network, point, int(number.max()), dt, settle, low_pass)
    seen = lead_field.astype(of.inputs.dtype)

    def at(omega: Scalar, u: Complex[Array, "nodes p"]) -> Complex[Array, "sensors nodes"]:
        node, K, system = of.at(omega)
        read = jnp.einsum("sn,nc->scn", seen, node.Q)
        back = factorised(system.T).solve(read.reshape(read.shape[0], -1).T).T
        sent = jnp.einsum("ncp,np->cn", node.T_u, u)
        arriving = jnp.einsum("scn,cn->sn", into(back.reshape(read.shape), K), sent)
        return arriving + seen * jnp.sum(node.D * u, axis=1)[None]

    found = over_frequencies(at, of.omega, of.inputs)
    # The inverse transform at the times asked for alone: there are as many courses as sensors times regions.
    turns = np.outer(number, np.arange(found.shape[0])) / of.samples
    share = np.where(np.arange(found.shape[0]) % (of.samples / 2) == 0, 1.0, 2.0) / of.samples
    real, imaginary = (
        jnp.asarray(share * part(2 * np.pi * turns), lead_field.dtype) for part in (np.cos, np.sin)
    )
    return jnp.tensordot(real, found.real, 1) - jnp.tensordot(imaginary, found.imag, 1)


class _Answer:
    """What answers at each frequency, and what is put in there: `omega` (rad/s) and `inputs` (omega, nodes, p)."""

    def __init__(
        self,
        network: Network,
        point: FixedPoint,
        last: int,
        dt: float,
        settle: float,
        low_pass: float | None,
    ):
        self.samples = _length(last, dt, settle)
        ports, inputs = _inputs(network, self.samples, dt)
        self._network, self._nodes = network, node_responses(linearised(network, point, ports))
        frequencies = np.fft.rfftfreq(self.samples, dt)
        kept = frequencies <= (np.inf if low_pass is None else low_pass)
        self.omega = jnp.asarray(2 * np.pi * frequencies[kept], inputs.dtype)
        self.inputs = jnp.fft.rfft(inputs, axis=0)[kept]

    def at(self, omega: Scalar) -> tuple[Responses, Links, Complex[Array, "cn cn"]]:
        """The nodes, the transport, and the system to solve for what arrives."""
        node, K = self._nodes(omega), transport_at(self._network, omega)
        closed = loop(K, node.T)
        return node, K, jnp.eye(closed.shape[0], dtype=closed.dtype) - closed


def _length(last: int, dt: float, settle: float) -> int:
    """Samples of a period, an even number."""
    return 2 * math.ceil((last + 1 + settle / dt) / 2)


def _inputs(
    network: Network, samples: int, dt: float
) -> tuple[tuple[str, ...], Float[Array, "samples nodes p"]]:
    """The ports that drive and field enter, and what they put in, sampled."""
    require_stimulus(network)
    dtype = network.connectome.weights.dtype
    parts = [
        (part, part.port or port)
        for forcing, port in (
            (network.drive, network.rung.drive_port),
            (network.field, network.rung.field_port),
        )
        if forcing is not None
        for part in forcing.parts()
    ]
    ports = tuple(sorted({port for _, port in parts}))
    times = jnp.arange(samples, dtype=dtype) * jnp.asarray(dt, dtype)

    def at(t: Scalar) -> Float[Array, "nodes p"]:
        total = jnp.zeros((network.nodes, len(ports)), dtype)
        for part, port in parts:
            value = jnp.broadcast_to(part.value(t), (network.nodes,)).astype(dtype)
            total = total.at[:, ports.index(port)].add(value)
        return total

    return ports, jax.vmap(at)(times)


def require_stimulus(network: Network) -> None:
    """Raise where nothing evokes a response."""
    if network.drive is None and network.field is None:
        raise ValueError(
            "`drive` or `field` is needed: without one nothing is evoked; give the network "
            "drive=rj.Step(1.0, 0.0, 0.002), say."
        )
