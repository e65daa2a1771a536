"""The example of a user's own rung, defined outside the package, through every engine."""

import importlib.util
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import rosetta_jax as rj

PATH = Path(__file__).parent.parent / "notebooks" / "own_rung.py"
F = np.linspace(3.0, 40.0, 25)
CONNECTOME = rj.Connectome(
    np.array([[0, 0.6, 0.2], [0.4, 0, 0.5], [0.3, 0.6, 0.0]]), 60.0 * (1 - np.eye(3))
)


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("own_rung", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rest(rung):
    """The only equilibrium, by bisection, and its Jacobian."""
    tau, epsilon, a, b = (float(getattr(rung, name)) for name in ("tau", "epsilon", "a", "b"))
    v = brentq(lambda v: v - v**3 / 3 - (v + a) / b + float(rung.bias), -3, 3, xtol=1e-14)
    return v, np.array([[1 - v**2, -1], [epsilon, -epsilon * b]]) / tau


def test_the_fixed_point_is_the_equilibrium(example):
    rung = example.FitzHughNagumo()
    assert float(rj.linear.fixed_point(rung).state.v[0]) == pytest.approx(rest(rung)[0], rel=1e-10)


@pytest.mark.parametrize("bias, modes", [(0.25, 0), (0.32, 0), (0.34, 2), (0.5, 2)])
def test_stability_agrees_with_the_trace(example, bias, modes):
    rung = example.FitzHughNagumo(bias=bias)
    assert (np.trace(rest(rung)[1]) > 0) == (modes > 0)
    assert int(rj.linear.stability(rung).unstable_modes) == modes


def test_the_spectrum_is_that_of_its_jacobian(example):
    rung, sigma = example.FitzHughNagumo(), 1e-3
    alone = rj.alone(rung, noise=rj.WhiteNoise(sigma))
    tau = float(rung.tau)
    response = [np.linalg.inv(2j * np.pi * f * np.eye(2) - rest(rung)[1])[0, 0] / tau for f in F]
    np.testing.assert_allclose(
        rj.linear.power_spectrum(alone, F).density[:, 0],
        2 * sigma**2 * np.abs(response) ** 2,
        rtol=1e-9,
    )


def test_it_marches_as_diffrax_solves_it(example):
    rung = example.FitzHughNagumo(bias=0.5)
    times = np.arange(0.0, 0.3, 2e-3)
    solved = diffrax.diffeqsolve(
        diffrax.ODETerm(rung.vector_field),
        diffrax.Tsit5(),
        0.0,
        0.3,
        1e-4,
        rung.start(1),
        args=rung.Inputs(),
        saveat=diffrax.SaveAt(ts=jnp.asarray(times)),
        stepsize_controller=diffrax.PIDController(rtol=1e-8, atol=1e-9),
    )
    marched = rj.simulate(rung, 0.3, 2e-5)
    np.testing.assert_allclose(marched.signal[::100], solved.ys.v, atol=1e-4)


def test_a_delayed_noisy_network_of_it_runs_and_has_the_spectrum_of_theory(example):
    brain = rj.Network(
        example.FitzHughNagumo(bias=0.1), CONNECTOME, gain=0.3, noise=rj.WhiteNoise(1e-4)
    )
    solution = rj.simulate(
        brain, 120.0, 5e-4, key=jax.random.key(0), transient=2.0, save_every=5e-3
    )
    found = rj.observe.power_spectrum(solution.signal, 5e-3, frequencies=F).density
    exact = rj.linear.power_spectrum(brain, F).density
    scatter = 10 * np.log10(np.asarray(found / exact))
    assert solution.succeeded and abs(scatter.mean()) < 0.2 and scatter.std() < 0.7


def test_a_fit_finds_its_parameters(example):
    truth = rj.Network(
        example.FitzHughNagumo(bias=0.1), CONNECTOME, gain=0.3, noise=rj.WhiteNoise(1e-4)
    )
    loss = rj.SpectrumLoss(F, rj.linear.power_spectrum(truth, F).density, compare="level")
    start = rj.replace(truth, {"rung.bias": -0.1, "rung.tau": 6e-3})
    free = {"rung.bias": rj.Real(), "rung.tau": rj.Positive()}
    found = rj.fit(start, free, loss, starts=1, prior_weight=0.0, show_progress=False)
    assert found.values["rung.bias"][0] == pytest.approx(0.1, abs=1e-5)
    assert found.values["rung.tau"][0] == pytest.approx(4e-3, rel=1e-5)


def test_the_file_runs(example, capsys):
    with jax.numpy_dtype_promotion("standard"):
        example.main()
    said = capsys.readouterr().out
    assert "succeeded" in said and "modes grow" in said and "fitted" in said
