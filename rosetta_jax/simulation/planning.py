"""What a run is asked for, checked at the edge and cut into steps, blocks and samples."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Array, Float, Keys, PRNGKeyArray
from rosetta_jax.network import Network
from rosetta_jax.network.transport import Formulation
from rosetta_jax.observe import BalloonState
from rosetta_jax.observe.streaming import OfBold, Reduction
from rosetta_jax.simulation.haemodynamics import steps_at_once
from rosetta_jax.simulation.march import Kept, Plan
from rosetta_jax.simulation.saving import decimation
from rosetta_jax.simulation.solution import Settings, Solution
from rosetta_jax.system import stack_state, unstack_state

SAVES = ("signal", "states", "bold", "haemodynamics")
# Steps are counted in 32 bits; more bytes than these no machine holds.
_MOST_STEPS, _MOST_BYTES = 2**31 - 1, 2**36
# Bytes of what arrives that a reverse gradient keeps unless told otherwise.
_MOST_KEPT = 2**26
# Seconds: shorter steps are always tried. An explicit solver diverges beyond so many time scales a step.
_LONG_STEP, _BEYOND_STABLE = 0.02, 5.0


@dataclasses.dataclass(frozen=True)
class Request:
    """Steps of `dt` (s), of which every `factor`-th is a sample; `samples` are asked for after `dropped` ones."""

    dt: float
    factor: int
    samples: int
    dropped: int
    save: tuple[str, ...]
    reductions: dict[str, Reduction]

    @property
    def every(self) -> float:
        """The time between samples (s)."""
        return self.factor * self.dt

    @property
    def of_bold(self) -> bool:
        """Whether the BOLD signal is asked for, or something made from it."""
        reduced = any(isinstance(each, OfBold) for each in self.reductions.values())
        return reduced or not {"bold", "haemodynamics"}.isdisjoint(self.save)

    @property
    def of_signal(self) -> bool:
        """Whether the signal is asked for, or something made from it."""
        reduced = any(not isinstance(each, OfBold) for each in self.reductions.values())
        return reduced or "signal" in self.save

    @property
    def times(self) -> Float[Array, " time"]:
        """The times of the samples (s)."""
        numbers = (self.dropped + np.arange(self.samples)) * self.every
        return jnp.asarray(numbers, jnp.result_type(float))

    def plan(
        self,
        network: Network,
        formulation: Formulation,
        solver: diffrax.AbstractSolver,
        block: int | None,
        recompute: bool | None,
        window: float | None = None,
    ) -> Plan:
        """The march, in blocks of about the root of all steps unless told otherwise; `window` in seconds."""
        steps = (self.samples + self.dropped) * self.factor
        if recompute is None:
            arriving = steps * network.channels * network.nodes * network.gain.dtype.itemsize
            # Without delays what arrives is computed with the state.
            recompute = not formulation.rows or arriving > _MOST_KEPT
        at_once = steps_at_once(self.dt) if self.of_bold else 0
        unit = math.lcm(self.factor, formulation.chunk, at_once or 1)
        reach = 0 if window is None else _checks.multiple("window", window, self.dt, "steps")
        if block is None:
            size = _block_within(reach, steps, unit, self.dt) if reach else _block(steps, unit)
        else:
            size = _up(_checks.whole("block", block), unit)
        if reach % size:
            raise ValueError(
                f"`window` of {window:g} s is {reach} steps, no whole number of blocks of {size}: take another "
                "`block`, or leave it out."
            )
        return Plan(
            samples=self.samples,
            dropped=self.dropped,
            block=size,
            window=reach // size,
            at_once=at_once,
            every=self.every,
            save=self.save,
            keep=() if recompute else ("arriving",),
            reductions=self.reductions,
            decimation=decimation(self.factor, smooth=self.of_signal),
            solver=solver,
        )

    def settings(self, network: Network, solver: Any, formulation: Formulation | None) -> Settings:
        """What the run says of how it was made; without a formulation its steps adapted."""
        return Settings(
            rung=type(network.rung).__name__,
            nodes=network.nodes,
            coupling=type(network.coupling).__name__,
            delays="none" if formulation is None else formulation.delays,
            transport="at once" if formulation is None else formulation.name,
            noise=type(network.noise).__name__ if network.noise is not None else "none",
            solver=type(solver).__name__,
            adaptive=formulation is None,
            dt=self.dt,
            duration=self.samples * self.every,
            transient=self.dropped * self.every,
            sampling=self.every,
        )


def _block(steps: int, unit: int) -> int:
    """About the root of all `steps`, a multiple of `unit`, and a divisor of all steps where there is one within a
    factor of two, so that nothing need be cut off their end.
    """
    root = min(max(64, math.isqrt(steps)), 1024)
    even = _divisor(steps, unit, root, 2 * root)
    return even if even is not None and 2 * even >= root else _up(root, unit)


def _block_within(reach: int, steps: int, unit: int, dt: float) -> int:
    """A part of `reach` steps as near as can be to the root of all `steps`."""
    found = _divisor(reach, unit, math.isqrt(steps), reach)
    if found is None:
        raise ValueError(
            f"`window` must be a whole number of {unit} steps ({unit * dt:g} s), which are kept or read at once "
            f"here, got {reach} steps."
        )
    return found


def _divisor(whole: int, unit: int, root: int, most: int) -> int | None:
    """The divisor of `whole`, a multiple of `unit` up to `most`, that is nearest to `root`."""
    sizes = [size for size in range(unit, most + 1, unit) if whole % size == 0]
    return min(sizes, key=lambda size: abs(math.log(size / root)), default=None)


def _up(number: int, unit: int) -> int:
    """The next multiple of `unit`."""
    return -(-number // unit) * unit


def requested(
    network: Network,
    duration: float,
    dt: float,
    transient: float,
    save: Sequence[str],
    save_every: float | None,
    reduce: Mapping[str, Reduction] | None,
) -> Request:
    """The checked request. Raises as `rj.simulate` says."""
    step = _checks.known("dt", dt, "s")
    factor = _checks.multiple(
        "save_every", step if save_every is None else save_every, step, "steps"
    )
    every = factor * step
    samples = _checks.multiple("duration", duration, every, "samples")
    dropped = _checks.multiple("transient", transient, every, "samples") if transient else 0
    if isinstance(save, str):
        raise TypeError(f'`save` must be a list of names such as ("signal",), got {save!r}.')
    for name in save:
        _checks.one_of("save", name, SAVES)
    _check_length(network, factor * (samples + dropped), samples if save else 0)
    reductions = dict(reduce or {})
    dtype = jnp.result_type(float)
    for name, each in reductions.items():
        example = "an observe.streaming reduction such as rj.observe.Correlation()"
        _checks.instance(f"reduce[{name!r}]", each, Reduction, example)
        jax.eval_shape(lambda each=each: each.begin(samples, network.nodes, every, dtype))
    request = Request(step, factor, samples, dropped, tuple(save), reductions)
    if request.of_bold:
        network.vessels()
    return request


def key_for(network: Network, key: PRNGKeyArray | None) -> PRNGKeyArray:
    """The key of a run, any where nothing is random."""
    if key is not None:
        return _checks.key("key", key)
    if network.noise is not None or network.sensor is not None:
        raise ValueError("`key` is needed where there is noise: give key=jax.random.key(seed).")
    return jax.random.key(0)


def given_back(request: Request, kept: Kept, key: Keys | None, settings: Settings) -> Solution:
    """What a march kept, as the solution of the request."""
    return Solution(
        times=request.times,
        _signal=kept.signal,
        states=kept.states,
        _bold=kept.bold,
        haemodynamics=kept.haemodynamics,
        reduced=kept.reduced,
        status=kept.status,
        seed=words(key),
        settings=settings,
    )


def words(key: Keys | None) -> Array | None:
    """The integers of a key, or of one a member, from which it can be made again."""
    if key is None or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        return key
    return jax.random.key_data(key)


def _check_length(network: Network, steps: int, samples: int) -> None:
    """Raise for marches that no machine holds, as where seconds are given in milliseconds."""
    size = 8 * samples * network.nodes
    if steps > _MOST_STEPS or size > _MOST_BYTES:
        raise ValueError(
            f"`duration` takes {steps:.3g} steps and keeps {size / 2**30:.3g} GiB: give `duration` and `dt` "
            "in seconds, lengthen `dt`, or thin by `save_every`."
        )


def check_past(network: Network, past: Any) -> None:
    """Raise where `past` is no function of time that gives a state."""
    if not callable(past):
        raise TypeError(
            "`past` must be a function of time (s) that gives a state, such as `lambda t: state`, got "
            f"{_checks.shown(past)}."
        )
    wanted = jax.eval_shape(network.start)
    found = jax.eval_shape(past, jax.ShapeDtypeStruct((), jnp.result_type(float)))
    shapes = [jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (wanted, found)]
    if jax.tree.structure(wanted) != jax.tree.structure(found) or shapes[0] != shapes[1]:
        raise ValueError(
            f"`past` must give a {type(wanted).__name__} of {network.nodes} nodes, as `network.start()` does, "
            f"got {_checks.shown(shapes[1])}."
        )


def check_haemodynamics(network: Network, state: Any) -> None:
    """Raise where `state` is no state of the vessels of all nodes."""
    wanted = "the haemodynamics of a run at one time, such as jax.tree.map(lambda a: a[-1], run.haemodynamics)"
    _checks.instance("haemodynamics", state, BalloonState, wanted)
    for each in jax.tree.leaves(state):
        _checks.shape("haemodynamics", each, (network.nodes,), "nodes")


def check_adaptive(solver: Any, controller: Any) -> None:
    kinds = diffrax.AbstractStepSizeController, diffrax.AbstractSolver
    _checks.instance("controller", controller, kinds[0], "a diffrax.PIDController(rtol, atol)")
    if solver is not None:
        _checks.instance("solver", solver, kinds[1], "a diffrax solver such as diffrax.Tsit5()")


def check_step(network: Network, dt: float, solver: Any) -> None:
    """Raise for a solver that cannot march, and for steps that no explicit solver survives."""
    if solver is not None:
        _checks.instance(
            "solver", solver, diffrax.AbstractSolver, "a diffrax solver such as diffrax.Heun()"
        )
        if isinstance(solver, diffrax.AbstractImplicitSolver):
            raise ValueError(
                f"`solver` {type(solver).__name__} is implicit, which a march is not: take diffrax.Heun() or "
                "diffrax.Dopri5()."
            )
    # Only steps so long are looked at, which all that are given in milliseconds are.
    if dt >= _LONG_STEP and _checks.is_concrete(network):
        fastest = _fastest(network)
        if dt * fastest > _BEYOND_STABLE:
            raise ValueError(
                f"`dt` of {dt:g} s is {dt * fastest:.3g} times the shortest time scale of "
                f"{type(network.rung).__name__}, {1 / fastest:.2g} s: give seconds, not milliseconds, and a "
                "tenth of that time scale at most."
            )


def _fastest(network: Network) -> float:
    """The largest rate (1/s) of a node alone at its start: of the eigenvalues of its linearisation."""
    with jax.ensure_compile_time_eval():
        state, inputs = network.start(), network.rung.Inputs()

        def flow(stacked: Any) -> Any:
            unstacked = unstack_state(network.rung, stacked)
            return stack_state(network.rung.vector_field(jnp.zeros(()), unstacked, inputs))

        stacked = stack_state(state)
        # Nodes side by side: one derivative a component serves all of them.
        columns = [
            jax.jvp(flow, (stacked,), (jnp.zeros_like(stacked).at[row].set(1.0),))[1]
            for row in range(stacked.shape[0])
        ]
        jacobians = np.stack([np.asarray(column).T for column in columns], axis=-1)
    return float(np.abs(np.linalg.eigvals(jacobians)).max())
