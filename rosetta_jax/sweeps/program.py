"""The program of a sweep: one compilation that computes any number of groups of members, up to its capacity.

Members are computed in groups of `lanes`, at a time, and groups one after the other. How many members a call or a
block has does not enter the numbers. Where memory does not suffice the capacity is halved, and at last the group.
Each device has the same program, not a part of one that spans all of them, which would round differently.
"""

import dataclasses
import functools
import math
import os
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import SingleDeviceSharding

from rosetta_jax import _checks, parameters
from rosetta_jax._precision import full_precision
from rosetta_jax._types import PyTree
from rosetta_jax.sweeps.measure import Measure, judged, named
from rosetta_jax.sweeps.members import Batch, Members, key_of

# Lanes of a group on an accelerator, which fill it; and the most members of one call.
_ACCELERATOR_LANES = 256
_MOST_MEMBERS = 2**16
# Of the free memory of a device so much is used unless said otherwise.
_SHARE = 0.5
_MEGABYTE = 2**20


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes that a call needs: for what is computed at a time (`working`), and of arrays for each member."""

    working: int
    member: int

    def of(self, capacity: int) -> int:
        """Bytes of a call of so many members."""
        return self.working + capacity * self.member


class Program:
    """What computes members of a sweep on the devices of this process.

    As many `workers` may call it at a time as there are devices, or cores where the only device is a CPU: each
    call takes one that is free. They share the `budget` (bytes) of a device.
    """

    def __init__(
        self,
        measure: Measure,
        system: PyTree,
        members: Members,
        key: Any,
        *,
        lanes: int | None = None,
        memory: float | None = None,
        devices: Sequence[Any] | None = None,
    ):
        self.measure, self.members = measure, members
        self.devices = tuple(devices or jax.local_devices())
        self.system = measure.prepared(system, members.every_value())
        self._dtypes = {
            path: np.dtype(parameters.get(self.system, path).dtype) for path in members.paths
        }
        self._key = key
        self.lanes = self._lanes(lanes)
        self.workers = cores() if self.on_cpu and len(self.devices) == 1 else len(self.devices)
        self._free: queue.Queue[Any] = queue.Queue()
        for place in range(self.workers):
            self._free.put(self.devices[place % len(self.devices)])
        self.budget = int(memory * _MEGABYTE) if memory else int(_SHARE * free_memory(self.devices))
        self._compiled: dict[tuple[int, int, Any], tuple[Callable[..., Any], int]] = {}
        self._lock = threading.RLock()
        self._capacity: int | None = None

    @property
    def on_cpu(self) -> bool:
        """Whether members are computed by a CPU."""
        return self.devices[0].platform == "cpu"

    @property
    def capacity(self) -> int:
        """Members of a call at most, found when first asked for: that takes a compilation."""
        with self._lock:
            if self._capacity is None:
                self._capacity = self._first_capacity()
            return self._capacity

    @functools.cached_property
    def shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """The arrays of a single member."""
        one = self._padded(np.arange(1), 1, 1)
        found = jax.eval_shape(self._groups, *one, jnp.int32(1))
        return {
            name: jax.ShapeDtypeStruct(array.shape[2:], array.dtype)
            for name, array in found.items()
        }

    @property
    def memory(self) -> Memory:
        """What a call needs, of the program that was compiled."""
        _, working = self._ready(self.capacity, self.lanes, self.devices[0])
        return Memory(working, self.bytes_a_member)

    def compile(self) -> None:
        """Compile, so that no member waits for it."""
        for device in self.devices:
            self._ready(self.capacity, self.lanes, device)

    def compute(self, numbers: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of members of these numbers, (members, ...) each, in as many calls as need be.

        Raises `MemoryError` where even one member does not fit.
        """
        found: list[dict[str, np.ndarray]] = []
        begun, device = 0, self._free.get()
        try:
            while begun < len(numbers):
                capacity, lanes = self.capacity, self.lanes
                part = numbers[begun : begun + capacity]
                try:
                    found.append(self._call(part, capacity, lanes, device))
                except Exception as error:
                    if not out_of_memory(error):
                        raise
                    self._shrink(capacity, lanes, error)
                    continue
                begun += len(part)
        finally:
            self._free.put(device)
        if len(found) == 1:
            return found[0]
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    def _call(
        self, numbers: np.ndarray, capacity: int, lanes: int, device: Any
    ) -> dict[str, np.ndarray]:
        compiled, _ = self._ready(capacity, lanes, device)
        count = jnp.int32(math.ceil(len(numbers) / lanes))
        arrays = compiled(*self._padded(numbers, capacity, lanes), count)
        # Waited for here, where a lack of memory is an error that can be answered.
        jax.block_until_ready(arrays)
        # Copies of what counts, so that the room of a whole call is free for the next one.
        return {
            name: np.array(np.asarray(array).reshape(capacity, *array.shape[2:])[: len(numbers)])
            for name, array in arrays.items()
        }

    def _shrink(self, capacity: int, lanes: int, error: Exception) -> None:
        """Half of what was too much, unless another thread has halved it already."""
        with self._lock:
            if (self.capacity, self.lanes) != (capacity, lanes):
                return
            if capacity > lanes:
                self._capacity = max(lanes, capacity // 2 // lanes * lanes)
            elif lanes > 1:
                self.lanes = self._capacity = lanes // 2
            else:
                raise MemoryError(
                    "one member of the sweep needs more memory than there is: simulate less of it, or keep "
                    f"less of what it gives ({_first_line(error)})."
                ) from error

    def _padded(self, numbers: np.ndarray, capacity: int, lanes: int) -> tuple[Any, Any, Any]:
        """The members of a call as (groups, lanes, ...), filled up with the last of them."""
        index = np.minimum(np.arange(capacity), len(numbers) - 1)
        batch = self.members.at(numbers)
        batch = Batch(
            {path: value.astype(self._dtypes[path]) for path, value in batch.values.items()},
            batch.points,
            batch.seeds,
        )
        filled = jax.tree.map(lambda array: array[index], batch)
        return jax.tree.map(lambda a: a.reshape(-1, lanes, *a.shape[1:]), tuple(filled))

    def _groups(self, values: Any, points: Any, seeds: Any, count: Any) -> dict[str, Any]:
        """The arrays of the first `count` groups of (groups, lanes, ...) members, and of no others.

        System and measure are constants of the program: delays that are known can be read fast.
        """

        def group(place: Any) -> dict[str, Any]:
            own = jax.tree.map(lambda each: each[place], (values, points, seeds))
            keys = jax.vmap(lambda point, seed: key_of(self._key, point, seed))(*own[1:])
            found = named(self.measure.name, self.measure.together(self.system, own[0], keys))
            return judged(found, self.measure.may_lack(self.system))

        blank = jax.tree.map(
            lambda each: jnp.zeros((points.shape[0], *each.shape), each.dtype),
            jax.eval_shape(group, jnp.int32(0)),
        )

        def step(place: Any, found: Any) -> Any:
            return jax.tree.map(lambda all, new: all.at[place].set(new), found, group(place))

        return jax.lax.fori_loop(jnp.int32(0), count, step, blank)

    def _ready(self, capacity: int, lanes: int, device: Any) -> tuple[Callable[..., Any], int]:
        """The compiled program, and the bytes it works in beside what goes in and out."""
        with self._lock:
            asked = (capacity, lanes, device)
            if asked not in self._compiled:
                # Others are of a size that was too large.
                self._compiled = {k: v for k, v in self._compiled.items() if k[:2] == asked[:2]}
                self._compiled[asked] = self._compile(*asked)
            return self._compiled[asked]

    def _compile(self, capacity: int, lanes: int, device: Any) -> tuple[Callable[..., Any], int]:
        where = SingleDeviceSharding(device)
        given = (*self._padded(np.arange(1), capacity, lanes), jnp.int32(1))
        groups = jax.jit(full_precision(self._groups), in_shardings=where, out_shardings=where)
        compiled = groups.lower(*given).compile()
        told = compiled.memory_analysis()
        return compiled, int(getattr(told, "temp_size_in_bytes", 0) or 0)

    def _lanes(self, lanes: int | None) -> int:
        if lanes is not None:
            return _checks.whole("lanes", lanes)
        wanted = self.measure.lanes(self.members.paths) if self.on_cpu else _ACCELERATOR_LANES
        return max(1, min(wanted, self.members.number))

    def _first_capacity(self) -> int:
        """As many members a call as memory allows, by an estimate from shapes and then by what was compiled."""
        for_one = self.budget // math.ceil(self.workers / len(self.devices))
        member = self.bytes_a_member

        def within(rest: int) -> int:
            most = min(rest // max(member, 1), _MOST_MEMBERS, self.members.number)
            return max(1, math.ceil(most / self.lanes)) * self.lanes

        capacity = within(for_one)
        while True:
            try:
                _, working = self._ready(capacity, self.lanes, self.devices[0])
            except Exception as error:
                if not out_of_memory(error):
                    raise
                working = for_one + 1
            fits = working + capacity * member <= for_one
            if fits or (capacity <= self.lanes and self.lanes == 1):
                return capacity
            if working < for_one and capacity > self.lanes:
                smaller = within(for_one - working)
                capacity = smaller if smaller < capacity else self.lanes
            else:
                self.lanes = max(1, self.lanes // 2)
                capacity = within(max(for_one - working, 0))

    @functools.cached_property
    def bytes_a_member(self) -> int:
        """Bytes of a member's values and arrays."""
        given = sum(
            value[0].size * self._dtypes[path].itemsize
            for path, value in self.members.every_value().items()
        )
        return given + sum(
            math.prod(array.shape) * array.dtype.itemsize for array in self.shapes.values()
        )


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def free_memory(devices: Sequence[Any]) -> int:
    """Bytes that are free on each of the devices: what the least of them has, or this machine's for a CPU."""
    if devices[0].platform == "cpu":
        return _free_here() // len(devices)
    told = [device.memory_stats() or {} for device in devices]
    free = [
        each["bytes_limit"] - each.get("bytes_in_use", 0) for each in told if "bytes_limit" in each
    ]
    return min(free, default=2**33)


def _free_here() -> int:
    """Bytes free on this machine, or within what this process is allowed."""
    found = []
    try:
        with open("/proc/meminfo") as lines:
            found += [int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line]
        group = Path("/sys/fs/cgroup")
        allowed, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        # Pages of files count as used, and are given up when asked for.
        told = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        found.append(allowed - used + int(told.get("file", 0)))
    except (OSError, ValueError):
        pass  # no such file on other systems, or no limit
    return max(min(found, default=2**32), 2**28)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory did not suffice."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "resource_exhausted" in text or "out of memory" in text


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:160]
