"""`ensemble`: many networks in one call, which share a compilation and, where they share links, the reads."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from rosetta_jax import _checks, parameters
from rosetta_jax._precision import full_precision
from rosetta_jax._types import Array, Float, Key, PRNGKeyArray, Scalar
from rosetta_jax.network import Network, delays_known, lifted, looped_members
from rosetta_jax.network.transport import Formulation, formulate
from rosetta_jax.observe import BalloonState
from rosetta_jax.observe.streaming import Reduction
from rosetta_jax.results import progress
from rosetta_jax.simulation.march import Kept, Plan, march, march_lanes
from rosetta_jax.simulation.planning import (
    Request,
    check_haemodynamics,
    check_past,
    check_step,
    given_back,
    key_for,
    requested,
)
from rosetta_jax.simulation.solution import Solution
from rosetta_jax.system import Rung

# Lanes whose links are read together: a row that fills registers is copied nearly as fast as one number. Too few
# for that are filled up with lanes that do not count, unless they are very few.
_GROUPS, _FEW = (16, 8), 3
# A chunk holds so many bytes of results, and about so many reads of links (a few seconds on one core), at most.
_MOST_BYTES, _MOST_READS = 2**28, 10**10


def ensemble(
    system: Network | Rung,
    members: Mapping[str, Any],
    duration: float,
    dt: float,
    *,
    key: PRNGKeyArray | Key[Array, " members"] | None = None,
    transient: float = 0.0,
    save: Sequence[str] = ("signal",),
    save_every: float | None = None,
    reduce: Mapping[str, Reduction] | None = None,
    solver: diffrax.AbstractSolver | None = None,
    past: Callable[[Scalar], Any] | None = None,
    haemodynamics: BalloonState | None = None,
    delays: str = "interpolated",
    transport: str | None = None,
    block: int | None = None,
    recompute: bool | None = None,
    window: float | None = None,
    group: int | None = None,
    chunk: int | None = None,
    devices: Sequence[Any] | None = None,
    show_progress: bool = True,
) -> Solution:
    r"""Simulate many networks that differ in some parameters or in their noise alone.

    `members` maps paths of parameters ("gain", "rung.alpha", "speed", "connectome.weights"...) to one value a
    member, stacked in front: `(members,)` for a number, `(members, nodes)` for one by region, `(members, nodes,
    nodes)` for links. `key` is one key, from which each member has its own noise, or one key a member (equal
    keys for equal noise); a mapping that is empty takes one member a key. All else is as in `rj.simulate`, and
    each member gives what `rj.simulate` of it alone gives with its key, to rounding.

    Returns a `Solution` with members in front: `signal` (members, time, nodes), `bold` and `reduced` likewise, and
    `status` one a member. A member that fails leaves the others alone.

    Members that share weights, lengths and speed are marched in groups of `group` lanes (16 or 8 on a CPU, all on
    an accelerator), whose links are read together; those that do not are marched one by one on a CPU. They run in
    chunks of `chunk` members, by default as many as give 256 MB of results or run for a few seconds, with a
    progress bar; one compilation serves them all, whatever their values. With `devices` (such as
    `jax.devices()`) each chunk is shared out among them by `jax.sharding`; a CPU counts as several after
    `jax.config.update("jax_num_cpu_devices", 4)` at the start.

    Raises `KeyError` for a path that is not there, and `ValueError` as `rj.simulate` does, for values of different
    numbers of members, and for values that do not fit.
    """
    network = lifted(system)
    request = requested(network, duration, dt, transient, save, save_every, reduce)
    check_step(network, request.dt, solver)
    if past is not None:
        check_past(network, past)
    if haemodynamics is not None:
        check_haemodynamics(network, haemodynamics)
    values = _checked(network, members)
    keys = _keys(network, values, key)
    network, values = looped_members(network, values)
    together = not any(path == "speed" or path.startswith("connectome.") for path in values)
    lanes = _group(group, together, network, keys.shape[0])
    if together:
        formulation = formulate(network, request.dt, delays, transport, lanes=lanes)
    else:
        formulation = _formulated(network, values, request.dt, delays, transport)
    solver = diffrax.Heun() if solver is None else solver
    plan = request.plan(network, formulation, solver, block, recompute, window)
    running = _Running(
        network=network,
        plan=plan,
        formulation=formulation,
        past=past,
        haemodynamics=haemodynamics,
        together=together,
        group=lanes,
        devices=None if devices is None or len(devices) < 2 else tuple(devices),
        dt=jnp.asarray(request.dt, jnp.result_type(float)),
    )
    if not _checks.is_concrete((values, keys, network)):
        # A derivative or a program of the user's is one piece.
        chunk, show_progress = keys.shape[0], False
    size = _chunk(chunk, request, running, keys.shape[0])
    kept = _in_chunks(running, values, keys, size, show_progress)
    settings = request.settings(network, solver, formulation)
    return given_back(request, kept, keys, settings)


class _Running(eqx.Module):
    """What stays the same from chunk to chunk."""

    network: Network
    plan: Plan
    formulation: Formulation
    past: Callable[[Scalar], Any] | None
    haemodynamics: BalloonState | None
    dt: Float[Array, ""]
    together: bool = eqx.field(static=True)
    group: int = eqx.field(static=True)
    devices: tuple[Any, ...] | None = eqx.field(static=True)

    @property
    def step(self) -> int:
        """Members that go into a chunk together: a group on each device."""
        return self.group * len(self.devices or (None,))

    def lanes(self, values: dict[str, Array], keys: Key[Array, " lanes"]) -> Kept:
        """One group of members."""
        if self.together:
            # Of the whole networks only what differs is kept.
            whole = jax.vmap(
                lambda values: parameters.replace(self.network, values), axis_size=self.group
            )(values)
            differing = parameters.mask(self.network, values)
            return march_lanes(
                eqx.filter(whole, differing),
                eqx.filter(self.network, differing, inverse=True),
                self.dt,
                keys,
                self.plan,
                self.formulation,
                self.past,
                self.haemodynamics,
            )

        def alone(values: dict[str, Array], key: PRNGKeyArray) -> Kept:
            member = parameters.replace(self.network, values)
            return march(
                member,
                self.dt,
                key,
                self.plan,
                self.formulation,
                self.past,
                self.haemodynamics,
            )

        return jax.vmap(alone)(values, keys)

    def groups(self, values: dict[str, Array], keys: Key[Array, " members"]) -> Kept:
        """One group after another."""

        def grouped(array: Array) -> Array:
            return array.reshape(-1, self.group, *array.shape[1:])

        found = jax.lax.map(lambda part: self.lanes(*part), jax.tree.map(grouped, (values, keys)))
        return jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), found)


@eqx.filter_jit
@full_precision
def _run(running: _Running, values: dict[str, Array], keys: Key[Array, " members"]) -> Kept:
    if running.devices is None:
        return running.groups(values, keys)
    arrays, static = eqx.partition(running, eqx.is_array)
    members, everywhere = PartitionSpec("members"), PartitionSpec()
    return jax.shard_map(
        lambda arrays, values, keys: eqx.combine(arrays, static).groups(values, keys),
        mesh=Mesh(np.asarray(running.devices), ("members",)),
        in_specs=(everywhere, members, members),
        out_specs=members,
        check_vma=False,
    )(arrays, values, keys)


def _in_chunks(
    running: _Running, values: dict[str, Array], keys: Key[Array, " members"], size: int, show: bool
) -> Kept:
    """All members, the last chunk filled up with copies that do not count."""
    number = keys.shape[0]
    starts = range(0, number, size)
    found = []
    with progress(show and len(starts) > 1) as bar:
        task = bar.add_task("members", total=number, note="")
        for start in starts:
            index = np.minimum(np.arange(start, start + size), number - 1)
            part = jax.tree.map(lambda array, index=index: array[index], (values, keys))
            real = min(size, number - start)
            chunk = jax.tree.map(lambda array, real=real: array[:real], _run(running, *part))
            found.append(jax.block_until_ready(chunk))
            bar.update(task, advance=real)
    if len(found) == 1:
        return found[0]
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)


def _checked(network: Network, members: Mapping[str, Any]) -> dict[str, Array]:
    """One value a member of each parameter, in the precision of the network."""
    _checks.instance(
        "members", members, Mapping, 'a mapping such as {"gain": jnp.linspace(0, 2, 9)}'
    )
    values: dict[str, Array] = {}
    for path, value in members.items():
        old = parameters.get(network, path)
        value = _checks.as_float_array(value, path).astype(old.dtype)
        if value.ndim == 0 or value.shape[0] == 0:
            raise ValueError(
                f"`members[{path!r}]` must hold one value a member, stacked in front, got shape {value.shape}."
            )
        _checks.finite(f"members[{path!r}]", value)
        values[path] = value
    sizes = {path: value.shape[0] for path, value in values.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"`members` must hold as many values for each path, got {sizes}.")
    parameters.replace(network, {path: value[0] for path, value in values.items()})
    for path, value in values.items():
        parameters.check_support(network, path, value)
    return values


def _keys(network: Network, values: dict[str, Array], key: Any) -> Key[Array, " members"]:
    """One key a member."""
    number = next((value.shape[0] for value in values.values()), None)
    if isinstance(key, Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 1:
        if number not in (None, key.shape[0]):
            raise ValueError(
                f"`key` holds {key.shape[0]} keys for {number} members: give one a member, or a single one."
            )
        return key
    if number is None:
        raise ValueError(
            "`members` names no parameter: name one, or give one key a member as "
            "key=jax.random.split(jax.random.key(0), members)."
        )
    single = key_for(network, key)
    if not jnp.issubdtype(single.dtype, jax.dtypes.prng_key):
        single = jax.random.wrap_key_data(single)
    return jax.random.split(single, number)


def _formulated(
    network: Network, values: dict[str, Array], dt: float, delays: str, name: str | None
) -> Formulation:
    """One formulation for members whose links differ, from the shortest and longest delay of any."""
    links = {
        path: values.get(path, parameters.get(network, path)[None])
        for path in ("connectome.weights", "speed")
    }
    lengths = network.connectome.lengths
    if lengths is None:
        return formulate(network, dt, delays, name, traced=True)
    links["connectome.lengths"] = values.get("connectome.lengths", lengths[None])
    if not _checks.is_concrete(links):
        return formulate(network, dt, delays, name, traced=True)
    known = {path: np.asarray(value, dtype=float) for path, value in links.items()}
    linked = known["connectome.weights"] != 0
    times = 1000 * known["speed"]
    shortest, longest = (
        pick(pick(np.where(linked, known["connectome.lengths"], nothing), axis=(1, 2)) / times)
        for pick, nothing in ((np.min, np.inf), (np.max, 0.0))
    )
    roomy = dataclasses.replace(
        network,
        min_delay=None if np.isinf(shortest) else float(shortest),
        max_delay=max(float(longest), network.max_delay or 0.0),
    )
    return formulate(roomy, dt, delays, name, traced=True)


def _group(group: int | None, together: bool, network: Network, number: int) -> int:
    if group is not None:
        return min(_checks.whole("group", group), number)
    if jax.default_backend() != "cpu":
        return number
    if not together:
        return 1
    # Links that are known can be read fast for a few lanes too.
    if number < (min(_GROUPS) if delays_known(network) else _FEW):
        return number
    return min(_GROUPS, key=lambda size: -number % size)


def _chunk(chunk: int | None, request: Request, running: _Running, number: int) -> int:
    """Members a chunk, whole groups on each device."""
    network = running.network
    if chunk is None:
        steps = (request.samples + request.dropped) * request.factor
        kept = len(request.save) * request.samples * network.nodes * running.dt.dtype.itemsize
        reads = steps * network.nodes**2
        chunk = max(1, min(_MOST_BYTES // max(kept, 1), _MOST_READS // max(reads, 1)))
    else:
        _checks.whole("chunk", chunk)
    return math.ceil(min(chunk, number) / running.step) * running.step
