"""What scripts of libraries in JAX do alike: a run, a gradient or lanes of a workload, compiled ahead of time."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import measure
import numpy as np
import workloads

KEY = jax.random.key(0)


def compiled(run: Callable[..., Any], *arguments: Any) -> tuple[Callable[[], Any], float, float]:
    """A call that waits for its result, seconds of tracing and compiling, and megabytes of temporaries."""
    begun = time.perf_counter()
    program = jax.jit(run).lower(*arguments).compile()
    seconds = time.perf_counter() - begun
    memory = program.memory_analysis()
    megabytes = memory.temp_size_in_bytes / 1e6 if memory is not None else 0.0
    return lambda: jax.block_until_ready(program(*arguments)), seconds, megabytes


def program(
    case: workloads.Case,
    states: Callable[..., Any],
    observed: Callable[[Any], jax.Array],
    *,
    signal: Callable[..., jax.Array] | None = None,
    lanes: Callable[..., jax.Array] | None = None,
    batch: int = 8,
    passed: tuple[Any, ...] = (),
    further: dict[str, float] | None = None,
    **described: Any,
) -> measure.Program:
    """The workload as `states(values, key, *passed)` marches it.

    `values` replace growth "a" (or recurrence "w") and gain "G"; `observed(states)` is `(time, nodes)`;
    `signal` gives that alone, where a library has a shorter way to it. Lanes are mapped `batch` at once, unless
    a library marches them itself: `lanes(values, keys)` gives what each observes. A gradient is taken of `further`
    values, too. `described` goes into the line.
    """
    free = "w" if case.kind.model is workloads.WongWang else "a"

    def observe(values: dict[str, Any], key: jax.Array, *passed: Any) -> jax.Array:
        if signal is not None:
            return signal(values, key, *passed)
        return observed(states(values, key, *passed))

    def objective(values: dict[str, Any], key: jax.Array, *passed: Any) -> jax.Array:
        return workloads.loss(observe(values, key, *passed)[case.dropped :], jnp)

    def sweep(values: dict[str, Any], keys: jax.Array, *passed: Any) -> jax.Array:
        if lanes is not None:
            return lanes(values, keys).std(1)
        return jax.lax.map(
            lambda lane: observe(*lane, *passed).std(0), (values, keys), batch_size=batch
        )

    if case.kind.gradient:
        start = getattr(case.model, free)
        values = {free: jnp.full(case.nodes, start), "G": jnp.asarray(case.model.gain)}
        values |= {name: jnp.asarray(value) for name, value in (further or {}).items()}
        made = compiled(jax.value_and_grad(objective), values, KEY, *passed)
    elif case.kind.ensemble:
        growths, gains = (jnp.asarray(value, float) for value in workloads.lane_values(case.lanes))
        keys = jax.random.split(KEY, case.lanes)
        made = compiled(sweep, {free: growths, "G": gains}, keys, *passed)
    else:
        made = compiled(lambda key, *passed: states({}, key, *passed), KEY, *passed)

    def seen(found: Any) -> np.ndarray:
        if case.kind.gradient:
            value, slope = found
            return np.array([value, slope[free].sum(), slope["G"]])
        return np.asarray(found if case.kind.ensemble else observed(found))

    call, seconds, megabytes = made
    return measure.Program(
        call,
        seen,
        dtype=str(jnp.result_type(float)),
        compile_seconds=seconds,
        temporaries_mb=megabytes,
        **described,
    )
