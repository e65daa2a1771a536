"""`sweep`: a measure of every member of a product of axes, in chunks that survive whatever ends the sweep."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from rosetta_jax import _checks
from rosetta_jax.results import Status, provenance, summarise
from rosetta_jax.sweeps.axes import checked
from rosetta_jax.sweeps.blocks import Blocks, cut
from rosetta_jax.sweeps.cluster import OnCluster, connected
from rosetta_jax.sweeps.dataset import Layout, laid_out, xarray
from rosetta_jax.sweeps.engine import Engine, Here
from rosetta_jax.sweeps.estimate import Estimate, blocks_for, estimated, seconds_a_member
from rosetta_jax.sweeps.manifest import parts_of
from rosetta_jax.sweeps.measure import STATUS, Measure, as_measure
from rosetta_jax.sweeps.members import Members
from rosetta_jax.sweeps.pace import Pace, Shown, paced
from rosetta_jax.sweeps.program import Program
from rosetta_jax.sweeps.store import InMemory, Store, lanes_of


def sweep(
    measure: Any,
    system: Any,
    axes: Mapping[str, Any],
    *,
    store: str | Path | None = None,
    resume: bool = True,
    key: Any = None,
    same_noise: bool = False,
    dims: Mapping[str, Any] | None = None,
    coordinates: Mapping[str, Any] | None = None,
    chunk: int | None = None,
    lanes: int | None = None,
    memory: float | None = None,
    devices: Sequence[Any] | None = None,
    cluster: Any = None,
    show_progress: Shown = True,
) -> Any:
    r"""Compute `measure(system, key)` for every member of the product of `axes`; an `xarray.Dataset`.

    **What.** `measure` is a ready one (`rj.measures`) or any function that JAX can trace, of a system with some of
    its parameters replaced and a random key: it gives an array, or arrays by name, or a result of this package.
    `axes` maps paths of parameters to lists of values, and other names to joint axes: `rj.sweeps.table`, `random`,
    `sobol`, `seeds`. The axes of what a function gives are named by `dims`, `{"density": ("frequency", "node")}`,
    and labelled by `coordinates`, `{"frequency": frequencies}`.

    **Result.** Variables have the axes of the sweep in front; coordinates are the parameters, with unit, symbol
    and description. `status` says of each member how it ended (`rj.Status`), what is not finite is found by the
    sweep itself; a member that fails leaves the others alone. Every member has noise of its own, from `key` (by
    default key 0), the number of its point and its seed; with `same_noise` of its seed alone.
    `rj.sweeps.member` gives a single one, to look into.

    **Memory and time.** Members are computed in chunks of `chunk` members (by default as many as take a few
    seconds and fit into `memory` MB, by default half of what is free on the device), each of groups of `lanes`
    members at a time: one on a CPU, where each core has chunks of its own, unless the measure asks for more (a
    store that is there keeps to its own). One compilation serves all. Where a device runs out of memory half as
    many are tried. Each of the `devices`, by default all that this process has, computes chunks of its own.
    Numbers are the same, bit by bit on one kind of device, whatever chunk, number of devices, order or
    interruption.

    **Many machines.** With a `cluster` chunks are tasks of Dask: the address of a scheduler, a
    `distributed.Client`, or a number of worker processes on this machine. Workers may be lost, join and leave;
    this process alone writes the store.

    **Store.** With the path of a folder as `store` finished chunks are written into it (zarr), each whole or not
    at all, and the result is read from there as it is looked at. The same call with a store that is there goes on
    with it and loses of a sweep that was killed no more than the chunks in flight; `resume=False` refuses any that
    is there. Ctrl-C ends the sweep and gives what is done, the rest with the status `not_run`.

    `show_progress` may be "log" for a line every half a minute instead of a bar; where members failed, both end
    with how many and why (`rj.sweeps.summary`).

    Raises `KeyError` for a path that is not there; `ValueError` for values that a parameter cannot have, an axis
    given twice, a store of another sweep (it says what differs); `OSError` where the store cannot be written;
    `MemoryError` where one member is too large.
    """
    if store is not None and Path(store).exists():
        lanes = lanes_of(Path(store))
    asked = _asked(
        measure, system, axes, key, same_noise, dims, coordinates, lanes, memory, devices
    )
    if cluster is None:
        return _swept(asked, Here(asked.program), store, resume, chunk, show_progress)
    if devices is not None:
        raise ValueError("`devices` are those of this process: leave them out with a `cluster`.")
    with connected(cluster) as client:
        engine = OnCluster(
            client, asked.measure, asked.system, asked.members, asked.key, lanes, memory
        )
        return _swept(asked, engine, store, resume, chunk, show_progress)


def _swept(
    asked: "_Asked",
    engine: Engine,
    store: str | Path | None,
    resume: bool,
    chunk: int | None,
    show_progress: Shown,
) -> Any:
    place = _place(asked, engine, store, resume, chunk)
    rest = place.pending()
    total = asked.members.number
    left = sum(len(place.blocks.members(block)) for block in rest)
    pace = Pace(total, total - left, asked.measure.seconds)
    with paced(pace, show_progress) as shown, threadpool_limits(1):
        try:
            for block, arrays in engine.computed(place.blocks, rest):
                written = place.write(block, arrays)
                failed = int((arrays[STATUS] != Status.ok).sum())
                shown.update(len(arrays[STATUS]), failed, written)
        except KeyboardInterrupt:
            pass  # what is done is given; the rest says that it was not run
    found = place.dataset()
    if show_progress and (np.asarray(found[STATUS]) != Status.ok).any():
        print(summary(found), file=sys.stderr, flush=True)
    return found


def estimate(
    measure: Any,
    system: Any,
    axes: Mapping[str, Any],
    *,
    chunk: int | None = None,
    lanes: int | None = None,
    memory: float | None = None,
    devices: Sequence[Any] | None = None,
) -> Estimate:
    """What a sweep would take here: it is compiled, and a few of its members are timed, and nothing is written.

    Arguments and errors are those of `rj.sweep`.
    """
    asked = _asked(measure, system, axes, None, False, None, None, lanes, memory, devices)
    program, shape = asked.program, asked.members.shape
    seconds = seconds_a_member(program)
    blocks = (
        blocks_for(shape, program.bytes_a_member, program.workers, seconds, program.lanes)
        if chunk is None
        else cut(shape, _checks.whole("chunk", chunk), program.lanes)
    )
    return estimated(program, blocks, seconds)


def summary(dataset: Any) -> str:
    """How the members of a sweep ended, in one sentence."""
    return summarise(np.asarray(dataset[STATUS]))


class _Asked(NamedTuple):
    """What was asked for, checked."""

    measure: Measure
    system: Any
    members: Members
    key: Any
    program: Program
    layout: Layout


def _asked(
    measure: Any,
    system: Any,
    axes: Mapping[str, Any],
    key: Any,
    same_noise: bool,
    dims: Mapping[str, Any] | None,
    coordinates: Mapping[str, Any] | None,
    lanes: int | None,
    memory: float | None,
    devices: Sequence[Any] | None,
) -> _Asked:
    xarray()  # before any work
    measure = as_measure(measure, dims, coordinates)
    members = Members(checked(system, axes), same_noise)
    key = jax.random.key(0) if key is None else _checks.key("key", key)
    if not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.wrap_key_data(key)
    if memory is not None:
        memory = _checks.known("memory", memory, "MB")
    program = Program(measure, system, members, key, lanes=lanes, memory=memory, devices=devices)
    attributes = {"measure": measure.name, "versions": provenance()["versions"]}
    layout = laid_out(measure, system, members, program.shapes, attributes)
    return _Asked(measure, system, members, key, program, layout)


def _place(
    asked: _Asked, engine: Engine, store: str | Path | None, resume: bool, chunk: int | None
) -> InMemory | Store:
    """Where the blocks go."""
    shape, row = asked.members.shape, asked.program.bytes_a_member

    def blocks() -> Blocks:
        if chunk is not None:
            return cut(shape, _checks.whole("chunk", chunk), asked.program.lanes)
        return blocks_for(shape, row, engine.workers, *engine.trial())

    if store is None:
        return InMemory(asked.layout, blocks())
    path = Path(store)
    parts = parts_of(asked.measure, asked.system, asked.members, asked.key, engine.backend)
    if not path.exists():
        return Store.create(path, asked.layout, blocks(), parts, engine.lanes)
    if not resume:
        raise ValueError(
            f"`store` {path} is there, and `resume` is False: give another path, or delete it."
        )
    return Store.open(path, parts, shape)
