"""Every test runs in float64 with strict promotion: silent broadcasting is the commonest wrong network."""

import os

# The matrices are small: more BLAS threads only wait for each other where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def _forget_programs():
    """Compiled programs hold memory mappings, of which a process may have 65,530: forget them file by file."""
    yield
    jax.clear_caches()
