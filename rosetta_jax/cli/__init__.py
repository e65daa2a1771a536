"""The command line: `rosetta simulate`, `rosetta spectrum`, `rosetta fit`."""

import os
import sys


def main() -> None:
    """Run the command line; where an extra is missing, name it."""
    # One thread of BLAS and of XLA: matrices and steps are small, and more threads only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("NPROC", "1")
    try:
        from rosetta_jax.cli.app import app
    except ImportError as error:
        sys.exit(
            f'The command line needs more than is installed ({error}): pip install "rosetta-jax[cli]"'
        )
    app()
