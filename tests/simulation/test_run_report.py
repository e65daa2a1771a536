"""What a run says of itself, and what halving its step changes."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.results import Status

CONNECTOME = rj.Connectome([[0.0, 0.5], [0.3, 0.0]], [[0.0, 60.0], [47.0, 0.0]])


def brain(noise=None) -> rj.Network:
    return rj.Network(rj.StuartLandau(alpha=-5.0), CONNECTOME, gain=3.0, speed=8.0, noise=noise)


def test_a_report_holds_what_the_run_was_made_with():
    network = brain(rj.WhiteNoise(0.1))
    solution = rj.simulate(
        network, 0.2, 1e-3, key=jax.random.key(7), transient=0.1, save_every=2e-3
    )
    run = solution.report()["run"]
    assert (
        run["rung"] == "StuartLandau"
        and run["coupling"] == "Diffusive"
        and run["delays"] == "interpolated"
    )
    assert (run["solver"], run["noise"], run["adaptive"]) == ("Heun", "WhiteNoise", False)
    assert run["precision"] == "float64"
    times = [run[name] for name in ("dt", "duration", "transient", "sampling")]
    np.testing.assert_allclose(times, [1e-3, 0.2, 0.1, 2e-3])
    assert run["seed"] == [0, 7] and run["status"] == solution.message
    assert run["halved_step"] == "not checked"
    assert {"jax", "diffrax", "rosetta-jax"} <= set(solution.report()["versions"])
    assert solution.dt == 2e-3


def test_an_adaptive_run_without_noise_says_so():
    lone = rj.StuartLandau()
    solution = rj.simulate(lone, 0.1, 1e-3, controller=diffrax.PIDController(1e-6, 1e-6))
    run = solution.report()["run"]
    assert (run["solver"], run["adaptive"], run["noise"]) == ("Tsit5", True, "none")
    assert run["seed"] is None and run["delays"] == "none"


def test_a_saved_run_comes_back_whole(tmp_path):
    network = brain(rj.WhiteNoise(0.1))
    key = jax.random.key(3)
    solution = rj.simulate(network, 0.1, 1e-3, key=key, save=("signal", "states"))
    check = rj.halved_step(network, 1e-3, 0.1, key=key)
    arrays, metadata = rj.load_arrays(solution.save(tmp_path / "run.npz", check))
    np.testing.assert_array_equal(arrays["signal"], solution.signal)
    np.testing.assert_array_equal(arrays["states.y"], solution.states.y)
    assert metadata["run"]["seed"] == [0, 3]
    found = metadata["run"]["halved_step"]
    assert found["relative_difference"] == float(check.difference)
    assert found["seconds"] == 0.1 and "succeeded" in found["status"]


def test_lanes_keep_their_seeds_and_checks():
    network = brain(rj.WhiteNoise(0.1))
    keys = jax.random.split(jax.random.key(0), 3)
    solutions = jax.vmap(lambda key: rj.simulate(network, 0.05, 1e-3, key=key))(keys)
    np.testing.assert_array_equal(solutions.seed, jax.random.key_data(keys))
    checks = jax.vmap(lambda key: rj.halved_step(network, 1e-3, 0.05, key=key))(keys)
    alone = [float(rj.halved_step(network, 1e-3, 0.05, key=key).difference) for key in keys]
    np.testing.assert_allclose(checks.difference, alone, rtol=1e-10)
    assert len(solutions.report(checks)["run"]["halved_step"]["relative_difference"]) == 3


@pytest.mark.parametrize(
    "noise",
    [None, rj.WhiteNoise(0.5), rj.OrnsteinUhlenbeck(0.5, 0.05), rj.PowerLawProcess(1.0, 1.0)],
    ids=["none", "white", "slow", "power law"],
)
def test_the_difference_falls_with_the_square_of_the_step(noise):
    # Delays of 7.5 and 5.9 ms; each noise drawn for the steps it is held over, so the scheme alone is judged.
    found = [float(rj.halved_step(brain(noise), dt, 0.4).difference) for dt in (2e-3, 1e-3)]
    assert 3.2 < found[0] / found[1] < 5.2 and found[1] < 0.02


def test_the_difference_is_that_of_two_marches_by_hand():
    network = brain()
    coarse, fine = (np.asarray(rj.simulate(network, 0.3, dt).signal) for dt in (2e-3, 1e-3))
    fine = fine[::2]
    spread = np.sqrt(np.mean((fine - fine.mean(axis=0)) ** 2))
    expected = np.sqrt(np.mean((coarse - fine) ** 2)) / spread
    assert float(rj.halved_step(network, 2e-3, 0.3).difference) == pytest.approx(expected, rel=1e-9)


def test_a_step_that_is_too_long_shows_and_a_system_at_rest_does_not_move():
    stiff = rj.alone(rj.StuartLandau(alpha=-5.0, omega=2 * np.pi * 40))
    assert float(rj.halved_step(stiff, 4e-3, 0.2).difference) > 0.2
    rest = rj.halved_step(
        stiff, 1e-3, 0.2, past=lambda t: rj.StuartLandau.State(x=jnp.zeros(1), y=jnp.zeros(1))
    )
    assert float(rest.difference) == 0.0
    far = rj.StuartLandau(alpha=2000.0)
    assert rj.halved_step(far, 1e-2, 1.0).status == Status.non_finite
