"""Lowering for accelerators, which need not be at hand: in float32, with nothing that a processor alone has."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

PLATFORMS = ("cuda", "tpu")
# Libraries that no accelerator has, and calls back to Python.
_CPU_ONLY = re.compile("lapack|blas_|ducc|pocketfft|eigen|cpu|callback", re.IGNORECASE)


def custom_calls(module: str) -> set[str]:
    """The names of the custom calls in a lowered program."""
    return set(re.findall(r"custom_call @([\w.$]+)", module))


def on_cpu_only(module: str) -> set[str]:
    """Of the custom calls in a lowered program those that a processor alone has."""
    return {name for name in custom_calls(module) if _CPU_ONLY.search(name)}


def lowered(
    function: Callable[[jax.Array], Any],
    size: int = 3,
    platforms: tuple[str, ...] = PLATFORMS,
    types: tuple[str, ...] = ("float32", "int32"),
) -> None:
    """Lowers `function` of `size` numbers for `platforms` at once, and checks what it is made of."""
    with jax.enable_x64(False):
        found = export.export(jax.jit(function), platforms=platforms)(
            jax.ShapeDtypeStruct((size,), jnp.float32)
        )
    assert found.platforms == platforms
    assert found.out_avals
    assert {str(each.dtype) for each in found.out_avals} <= set(types)
    module = found.mlir_module()
    assert "f64" not in module
    assert "cpu" in platforms or not on_cpu_only(module)
    # Accelerators would round the factors of products to fewer bits.
    products = [line for line in module.splitlines() if "stablehlo.dot_general" in line]
    assert not [line for line in products if "HIGHEST" not in line]
