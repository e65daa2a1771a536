"""The command line: `rosetta simulate`, `spectrum`, `bifurcation`, `translate`, `fit`, `gallery`."""

import os
import sys
from importlib.metadata import version

# Commands of many programs that each run for a moment: compiling them is most of the work.
_BRIEF = ("bifurcation", "gallery")


def main() -> None:
    """Run the command line; where an extra is missing, name it."""
    # One thread of BLAS and of XLA: matrices and steps are small, and more threads only wait for each other. What
    # runs at a time, the lanes of a fit say, runs in threads of its own, not in XLA's one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:2] != ["sweep"]:  # whose chunks run in XLA's threads, wherever they are asked for
        os.environ.setdefault("NPROC", "1")
    os.environ.setdefault("JAX_CPU_ENABLE_ASYNC_DISPATCH", "0")
    if set(sys.argv[1:2]) & set(_BRIEF) or "--picture" in sys.argv:
        os.environ.setdefault("XLA_FLAGS", quick_compilation())
    try:
        from rosetta_jax.cli.app import app
    except ImportError as error:
        sys.exit(
            f'The command line needs more than is installed ({error}): pip install "rosetta-jax[cli]"'
        )
    app()


def quick_compilation() -> str:
    """Flags with which XLA compiles in half the time, to slower programs: numbers move by rounding alone."""
    flags = ["--xla_backend_optimization_level=0"]
    # XLA ends the process at a flag that it does not know.
    if version("jaxlib").startswith("0.10."):
        flags.append("--xla_cpu_use_fusion_emitters=false")
    return " ".join(flags)
