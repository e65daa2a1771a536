r"""Phase oscillators about their locked state: one frequency, fixed differences, and how noise shakes them.

A network of `rj.PhaseOscillator` has no fixed point, since all phases may turn together. Locked, $\theta_i =
\Omega t + \psi_i$, and in the frame that turns with $\Omega$ the network is one of the same kind, with
$\omega_i - \Omega$ for the frequencies and $-\Omega\tau_{ij}$ added to the phase of every link. Its $N$
equations and $\sum_i\psi_i = 0$ give the phases and $\Omega$, exact with delays.

Small deviations obey the linear theory there, but for the one mode at zero: a common shift of all phases, which
nothing restores, so that noise lets it diffuse without bound. Stability is judged without it (the
characteristic function is divided by $s/(s + c)$), and spectra are those of the deviations from the mean phase.

Source: Castaldo et al., arXiv 2512.10982, rung 1; Yeung and Strogatz 1999 for locking with delays; the
projection is ours.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from rosetta_jax import _checks
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float, Int, Nodal, Scalar
from rosetta_jax.linear.blocks import linearise
from rosetta_jax.linear.fixed_point import FixedPoint, linearised
from rosetta_jax.linear.solves import factorised
from rosetta_jax.linear.spectrum import (
    Linearisation,
    LinearSpectrum,
    as_frequencies,
    cross_density,
    require_noise,
)
from rosetta_jax.linear.stability import Stability, stability
from rosetta_jax.network import Network, as_network
from rosetta_jax.parameters import get
from rosetta_jax.results import Status, first_failure, status_where
from rosetta_jax.rungs import PhaseOscillator
from rosetta_jax.system import Rung

_MOST_STEPS = 300
# A step turns no phase by more (rad), or the search may leap to another state.
_FARTHEST = 0.5


class LockedState(eqx.Module):
    """Phases (nodes,) in rad about their mean, the common angular frequency `omega` (rad/s), and a status.

    `status` is `Status.not_locked` where none was found; `error` the size of the last Newton step, in rad and
    relative to `omega`.
    """

    phases: Nodal
    omega: Scalar
    error: Scalar
    status: Int[Array, ""]


def locked_state(system: Network | Rung, *, phases: Any = None, omega: Any = None) -> LockedState:
    r"""The locked state of a network of phase oscillators, without noise, drive and field.

    The search begins at `phases` (rad, by default all alike) and `omega` (rad/s, by default the mean of the
    nodes') and follows the relaxation in the turning frame. With delays there may be several locked states: which
    one is found depends on where it begins. It may be unstable: ask `locked_stability`. Differentiable in every
    parameter. Raises `TypeError` for another rung.
    """
    network = _of_phases(system)
    dtype = network.connectome.weights.dtype
    begin = jnp.zeros(network.nodes) if phases is None else _checks.as_float_array(phases, "phases")
    _checks.shape("phases", begin, (network.nodes,), "one a node")
    common = (
        jnp.mean(get(network, "rung.omega"))
        if omega is None
        else _checks.as_float_array(omega, "omega")
    )
    _checks.shape("omega", common, ())
    return _locked(network, (begin - jnp.mean(begin)).astype(dtype), common.astype(dtype))


def locked_stability(system: Network | Rung, state: LockedState | None = None) -> Stability:
    """How many modes of a locked state grow, the common shift of all phases left out; delays are exact."""
    network = _of_phases(system)
    state = locked_state(network) if state is None else state
    turning, point = _in_frame(network, state)
    return stability(turning, point, neutral=True)


def phase_spectrum(
    system: Network | Rung, frequencies: Any, *, check: bool = True
) -> LinearSpectrum:
    """The exact power spectrum of every phase about the mean phase, one-sided, rad²/Hz: (frequencies, nodes).

    `frequencies` in Hz, above zero, are those of the deviations from the locked state, whose common frequency
    they do not contain. Noise must enter `theta` and be small. NaN where the state is not locked, unstable or
    undecided (unless `check` is false). Differentiable in every parameter.
    """
    network = _of_phases(system)
    require_noise(network)
    if network.noise_ports != ("theta",):
        raise ValueError(
            f"`noise` enters {', '.join(network.noise_ports)}: forces on the circle turn in the frame of a locked "
            "state; give noise at the port 'theta', of strength sigma / radius."
        )
    return _phase_spectrum(network, as_frequencies(frequencies), check)


@eqx.filter_jit
@full_precision
def _phase_spectrum(
    network: Network, frequencies: Float[Array, " frequencies"], check: bool
) -> LinearSpectrum:
    state = locked_state(network)
    turning, point = _in_frame(network, state)
    status = state.status
    if check:
        status = first_failure(status, stability(turning, point, neutral=True).status)
    blocks = linearised(turning, point, ("theta",))
    # What is seen is the phase itself.
    blocks = eqx.tree_at(
        lambda b: (b.O, b.P), blocks, (jnp.ones_like(blocks.O), jnp.zeros_like(blocks.P))
    )
    density = 2 * cross_density(Linearisation(turning, point, blocks), 2 * jnp.pi * frequencies)
    apart = density - jnp.mean(density, axis=1, keepdims=True)
    apart = apart - jnp.mean(apart, axis=2, keepdims=True)
    power = jnp.real(jnp.diagonal(apart, axis1=1, axis2=2))
    status = first_failure(status, status_where(~jnp.all(jnp.isfinite(power)), Status.non_finite))
    return LinearSpectrum(frequencies, jnp.where(status == Status.ok, power, jnp.nan), status)


def _of_phases(system: Network | Rung) -> Network:
    network = as_network(system)
    wanted = "a network of rj.PhaseOscillator; other rungs have rj.linear.fixed_point"
    _checks.instance("system", network.rung, PhaseOscillator, wanted)
    return network


def _turning(network: Network, omega: Scalar) -> Network:
    """The network in the frame that turns with `omega`, noise and delays as they are."""
    phase, delays = network.connectome.phase, network.delays()
    if delays is not None:
        lag = -omega * delays
        phase = lag if phase is None else phase + lag
    return eqx.tree_at(
        lambda n: (n.rung.omega, n.connectome.phase),
        network,
        (get(network, "rung.omega") - omega, phase),
        is_leaf=lambda leaf: leaf is None,
    )


def _in_frame(network: Network, state: LockedState) -> tuple[Network, FixedPoint]:
    """The network in the frame of a locked state, and that state as its fixed point."""
    turning = _turning(network, state.omega)
    at = turning.rung.State(theta=state.phases)
    arriving = turning.arriving(at, turning.rung.Inputs())
    nothing = jnp.zeros((1, network.nodes), state.phases.dtype)
    return turning, FixedPoint(at, arriving, nothing, state.error, state.status)


@eqx.filter_jit
@full_precision
def _locked(network: Network, phases: Nodal, omega: Scalar) -> LockedState:
    dtype = phases.dtype
    phases, omega, _ = _relaxed(*jax.lax.stop_gradient((network, phases, omega)))
    change = jnp.zeros_like(phases)
    for _ in range(2):
        change, change_omega = _step(network, phases, omega, jnp.zeros((), dtype))
        phases, omega = phases + change, omega + change_omega
    error = _error(change, change_omega, omega)
    found = error <= 50 * jnp.finfo(dtype).eps ** 0.8
    return LockedState(phases, omega, error, status_where(~found, Status.not_locked))


def _relaxed(network: Network, phases: Nodal, omega: Scalar) -> tuple[Nodal, Scalar, Scalar]:
    """Implicit Euler steps in the turning frame, ever longer as the drift dies down."""
    first = _size(_drift(network, phases, omega))
    # As fast as what drives the phases apart at first, and the coupling that holds them.
    rate = first + jnp.max(network.gain * network.connectome.strengths())
    tolerance = jnp.finfo(phases.dtype).eps ** 0.5

    def going(carry: tuple[Nodal, Scalar, Scalar, Scalar, Int[Array, ""]]) -> Array:
        _, _, _, error, number = carry
        return (number < _MOST_STEPS) & (error > tolerance)

    def step(carry: tuple[Nodal, Scalar, Scalar, Scalar, Int[Array, ""]]) -> Any:
        phases, omega, rate, _, number = carry
        before = _size(_drift(network, phases, omega))
        change, change_omega = _step(network, phases, omega, rate)
        error = _error(change, change_omega, omega)
        longest = jnp.maximum(jnp.max(jnp.abs(change)), 1e-30)
        share = jnp.minimum(1.0, _FARTHEST / longest).astype(error.dtype)
        phases, omega = phases + share * change, omega + share * change_omega
        after = _size(_drift(network, phases, omega))
        ratio = jnp.clip(after / jnp.maximum(before, 1e-30), 0.2, 2.0)
        return phases, omega, rate * ratio.astype(rate.dtype), error, number + 1

    one = jnp.ones((), phases.dtype)
    phases, omega, _, error, _ = jax.lax.while_loop(
        going, step, (phases, omega, rate, one, jnp.int32(0))
    )
    return phases, omega, error


def _error(change: Nodal, change_omega: Scalar, omega: Scalar) -> Scalar:
    """The size of a step, in rad and relative to the frequency."""
    return jnp.maximum(jnp.max(jnp.abs(change)), jnp.abs(change_omega) / (1 + jnp.abs(omega)))


def _size(drift: Nodal) -> Scalar:
    return jnp.max(jnp.abs(drift - jnp.mean(drift)))


def _drift(network: Network, phases: Nodal, omega: Scalar) -> Nodal:
    turning = _turning(network, omega)
    state, inputs = turning.rung.State(theta=phases), turning.rung.Inputs()
    arriving = turning.arriving(state, inputs)
    return turning.vector_field(jnp.zeros((), phases.dtype), state, arriving, inputs).theta


def _step(network: Network, phases: Nodal, omega: Scalar, rate: Scalar) -> tuple[Nodal, Scalar]:
    """A step of `1 / rate` (Newton's where 0) of phases that keep their mean zero, and of the frequency."""
    nodes = network.nodes
    turning = _turning(network, omega)
    state, inputs = turning.rung.State(theta=phases), turning.rung.Inputs()
    links = turning.links()
    blocks = linearise(turning, state, turning.arriving(state, inputs), inputs, ())
    between = "ic,ij,jc->ij" if links.ndim == 2 else "ic,cdij,jd->ij"
    slopes = jnp.diag(blocks.A[:, 0, 0]) + jnp.einsum(
        between, blocks.B[:, 0], links, blocks.S[:, :, 0]
    )
    drift, by_omega = jax.jvp(
        lambda omega: _drift(network, phases, omega), (omega,), (jnp.ones_like(omega),)
    )
    ones = jnp.ones((1, nodes), phases.dtype) / nodes
    system = jnp.block(
        [
            [rate * jnp.eye(nodes, dtype=phases.dtype) - slopes, -by_omega[:, None]],
            [ones, jnp.zeros((1, 1), phases.dtype)],
        ]
    )
    right = jnp.concatenate([drift, -jnp.mean(phases)[None]])
    found = factorised(system).solve(right)
    return found[:nodes], found[nodes]
