"""Every test runs in float64 with strict promotion: silent broadcasting is the commonest wrong network."""

import gc
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


# The files that take longest, from the longest down.
LONGEST = (
    "test_notebooks.py",
    "test_lanes.py",
    "test_static_transfer.py",
    "test_nothing_lost.py",
    "test_readme.py",
    "test_translate.py",
    "test_export.py",
    "test_float32.py",
    "test_master_limits.py",
    "test_compare.py",
    "test_cli.py",
    "test_synapses.py",
    "test_simulated.py",
    "test_spectrum.py",
    "test_checkpoint.py",
)


def pytest_collection_modifyitems(items):
    """The longest files first: at the end the other workers would wait for them."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish():
    """Tracing makes many short-lived objects, which the collector need not look for every 700."""
    gc.set_threshold(100_000, 10, 10)
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _forget_programs():
    """Compiled programs hold memory mappings, of which a process may have 65,530: forget them file by file."""
    yield
    jax.clear_caches()
