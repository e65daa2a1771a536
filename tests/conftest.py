"""Every test runs in float64 with strict promotion: silent broadcasting is the commonest wrong network."""

import os
import signal
from importlib.metadata import version

# A shell that runs tests in the background makes them deaf to Ctrl-C, which some tests press.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The matrices are small: more BLAS threads only wait for each other where cores are shared.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Most of the time goes into compiling programs that run once or twice: LLVM does not optimise them here, which
# moves numbers by rounding alone. Notebooks are compiled as for a reader; XLA_FLAGS="" compiles every test so.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0"
    # XLA ends the process at a flag that it does not know.
    + " --xla_cpu_use_fusion_emitters=false" * version("jaxlib").startswith("0.10."),
)

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_collection_modifyitems(items):
    """The notebooks first: they take longest, and at the end the other workers would wait for them."""
    items.sort(key=lambda item: item.path.name != "test_notebooks.py")


@pytest.fixture(scope="module", autouse=True)
def _forget_programs():
    """Compiled programs hold memory mappings, of which a process may have 65,530: forget them file by file."""
    yield
    jax.clear_caches()
