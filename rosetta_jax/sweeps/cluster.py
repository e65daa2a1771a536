"""Sweeps on many machines: blocks are tasks of a Dask cluster, whose workers may be lost, join and leave.

Workers compute, and the process that asked for the sweep writes: the store need not be seen by the others. A block
whose worker is lost is computed again by another one. Each worker keeps its program, compiled once.
"""

import contextlib
import pickle
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np
from threadpoolctl import threadpool_limits

from rosetta_jax import _checks
from rosetta_jax._fingerprint import fingerprint
from rosetta_jax.sweeps.blocks import Blocks
from rosetta_jax.sweeps.engine import Block, Engine, Trial, tried
from rosetta_jax.sweeps.measure import Measure
from rosetta_jax.sweeps.members import Members
from rosetta_jax.sweeps.program import Program, free_memory

_EXTRA = 'pip install "rosetta-jax[cluster]"'
# Blocks that each thread of a worker has asked for: one to compute and one to go on with.
_AHEAD = 2
# Seconds to wait for a first worker, and how often a block may lose its worker.
_PATIENCE, _LOSSES = 300, 10
_kept: dict[str, Program] = {}
_keeping = threading.Lock()


class OnCluster(Engine):
    """The workers of a Dask cluster."""

    def __init__(
        self,
        client: Any,
        measure: Measure,
        system: Any,
        members: Members,
        key: Any,
        lanes: int | None,
        memory: float | None,
    ):
        import cloudpickle

        self._client = client
        words, kind = jax.random.key_data(key), str(jax.random.key_impl(key))
        double = bool(jax.config.read("jax_enable_x64"))
        content = (measure, system, members, np.asarray(words), kind, lanes, memory)
        # The program of a worker is known by it: the same sweep again compiles nothing.
        self._name = fingerprint((content, double))
        self._content = double, cloudpickle.dumps(content)
        client.wait_for_workers(1, timeout=_PATIENCE)
        self.backend, self.lanes = self._ask(_kind).result()

    @property
    def workers(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The threads of all workers that there are."""
        return max(1, sum(self._client.nthreads().values()))

    def trial(self) -> Trial:
        return self._ask(_trial).result()

    def computed(self, blocks: Blocks, rest: Sequence[int]) -> Iterator[Block]:
        from distributed import as_completed

        left, asked = iter(rest), dict[Any, int]()
        done = as_completed()

        def ask() -> None:
            # Workers that joined are given work, too.
            while len(asked) < _AHEAD * self.workers:
                block = next(left, None)
                if block is None:
                    return
                future = self._ask(_computed, blocks.members(block))
                asked[future] = block
                done.add(future)

        try:
            ask()
            for future in done:
                block = asked.pop(future)
                found = future.result()
                ask()
                yield block, found
        finally:
            self._client.cancel(list(asked))

    def _ask(self, task: Any, *arguments: Any) -> Any:
        return self._client.submit(task, self._name, self._content, *arguments, pure=False)


@contextlib.contextmanager
def connected(cluster: Any) -> Iterator[Any]:
    """A client of a cluster: of a number of local workers, an address, or a client that is there.

    Raises `ValueError` where there is no scheduler at the address.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ImportError(f"`cluster` needs the package distributed: {_EXTRA}.") from error
    if isinstance(cluster, distributed.Client):
        yield cluster
        return
    settings = {
        "distributed.scheduler.allowed-failures": _LOSSES,
        "distributed.worker.multiprocessing-method": "spawn",
    }
    with dask.config.set(settings), contextlib.ExitStack() as stack:
        if isinstance(cluster, str):
            try:
                made = distributed.Client(cluster, timeout=10)
            except (OSError, ValueError, TimeoutError) as error:
                raise ValueError(
                    f"`cluster` {cluster!r}: there is no scheduler ({error}): start one by `dask scheduler`, and "
                    "give its address, such as tcp://node1:8786."
                ) from error
        else:
            number = _checks.whole("cluster", cluster)
            workers = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=number, threads_per_worker=1, dashboard_address=":0"
                )
            )
            made = distributed.Client(workers)
        yield stack.enter_context(made)


def _program(name: str, content: tuple[bool, bytes]) -> Program:
    """The program of a sweep in this worker."""
    with _keeping:
        if name not in _kept:
            double, parts = content
            # Before anything is read, or float64 would be cut off.
            jax.config.update("jax_enable_x64", double)
            measure, system, members, words, kind, lanes, memory = pickle.loads(parts)
            key = jax.random.wrap_key_data(words, impl=kind)
            if memory is None:
                memory = _share_of_memory()
            # One sweep at a time: what another one has compiled is let go.
            _kept.clear()
            _kept[name] = Program(measure, system, members, key, lanes=lanes, memory=memory)
        return _kept[name]


def _share_of_memory() -> float:
    """MB that this worker may use: half of what is free, on a CPU shared with the other workers of the machine."""
    device = jax.devices()[0]
    free = free_memory((device,)) / 2**20 / 2
    if device.platform != "cpu":
        return free
    from distributed import get_worker

    limit = getattr(get_worker().memory_manager, "memory_limit", None)
    return min(free, limit / 2**20 / 2) if limit else free


def _kind(name: str, content: tuple[bool, bytes]) -> tuple[str, int]:
    """The kind of device that a worker has, and how many members it computes at a time."""
    program = _program(name, content)
    program.compile()
    return program.devices[0].platform, program.lanes


def _trial(name: str, content: tuple[bool, bytes]) -> Trial:
    with threadpool_limits(1):
        return tried(_program(name, content))


def _computed(name: str, content: tuple[bool, bytes], numbers: np.ndarray) -> dict[str, np.ndarray]:
    with threadpool_limits(1):
        return _program(name, content).compute(numbers)
