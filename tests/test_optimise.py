"""Descent on problems with closed solutions: methods, refusals, lanes that cannot hurt each other."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rosetta_jax.optimise import GradientDescent, LevenbergMarquardt, Objective, descend, lanes
from rosetta_jax.results import Status

RNG = np.random.default_rng(3)
MATRICES = RNG.normal(size=(3, 7, 2))
TARGETS = RNG.normal(size=(3, 7))
SOLUTIONS = np.stack([np.linalg.lstsq(a, b)[0] for a, b in zip(MATRICES, TARGETS, strict=True)])
METHODS = {
    "levenberg-marquardt": LevenbergMarquardt(tolerance=1e-12),
    "adam": GradientDescent(
        steps=150,
        tolerance=1e-9,
        patience=100,
        optimiser=optax.adam(optax.cosine_decay_schedule(0.1, 1500)),
    ),
}


def always_ok(vector, data):
    return jnp.int32(Status.ok)


def linear(vector, data):
    matrix, target = data
    return matrix @ vector - target


def rosenbrock(vector, data):
    return jnp.stack([10 * (vector[1] - vector[0] ** 2), 1 - vector[0]])


def left_half_is_unstable(vector, data):
    return jnp.where(vector[0] < 0, jnp.int32(Status.unstable), jnp.int32(Status.ok))


def run(residuals, starts, method, status=always_ok, data=None, which=None):
    starts = jnp.asarray(starts)
    data = jnp.zeros(1) if data is None else data
    which = jnp.zeros(len(starts), jnp.int32) if which is None else jnp.asarray(which, jnp.int32)
    return descend(Objective(residuals, status), starts, data, which, method, show_progress=False)


@pytest.fixture(scope="module", params=METHODS)
def least_squares(request):
    data = (jnp.asarray(MATRICES), jnp.asarray(TARGETS))
    return run(linear, np.zeros((3, 2)), METHODS[request.param], data=data, which=[0, 1, 2])


def test_least_squares_reach_the_solution_of_the_normal_equations(least_squares):
    np.testing.assert_allclose(least_squares.vectors, SOLUTIONS, atol=1e-3)


def test_the_loss_is_the_sum_of_squares_at_the_vector(least_squares):
    expected = [
        ((a @ x - b) ** 2).sum()
        for a, b, x in zip(MATRICES, TARGETS, least_squares.vectors, strict=True)
    ]
    np.testing.assert_allclose(least_squares.losses, expected, rtol=1e-12)


def test_the_best_loss_never_rises(least_squares):
    assert (np.diff(least_squares.history, axis=0) <= 0).all()
    np.testing.assert_array_equal(least_squares.history[-1], least_squares.losses)


def test_converged_lanes_succeed(least_squares):
    assert (least_squares.status == Status.ok).all() and not least_squares.interrupted


def test_levenberg_marquardt_is_exact_on_least_squares():
    data = (jnp.asarray(MATRICES), jnp.asarray(TARGETS))
    found = run(linear, np.ones((3, 2)), METHODS["levenberg-marquardt"], data=data, which=[2, 0, 1])
    np.testing.assert_allclose(found.vectors, SOLUTIONS[[2, 0, 1]], rtol=1e-6)


def test_levenberg_marquardt_solves_rosenbrock():
    found = run(rosenbrock, [[-1.2, 1.0], [2.0, -1.0]], LevenbergMarquardt())
    np.testing.assert_allclose(found.vectors, np.ones((2, 2)), atol=1e-8)


def test_gradient_descent_falls_far_into_the_valley_of_rosenbrock():
    found = run(rosenbrock, [[-1.2, 1.0]], METHODS["adam"])
    assert found.losses[0] < 1e-2 < 1 < found.history[0, 0]


def test_a_solution_that_is_there_from_the_start_is_kept():
    found = run(rosenbrock, [[1.0, 1.0]], LevenbergMarquardt())
    assert found.losses[0] == 0 and found.status[0] == Status.ok
    np.testing.assert_array_equal(found.vectors[0], [1.0, 1.0])


def test_a_step_is_no_longer_than_allowed():
    def far(vector, data):
        return vector - 100.0

    found = run(far, [[0.0]], LevenbergMarquardt(steps=5, longest=2.0))
    assert 9 < found.vectors[0, 0] <= 10


# --- what is refused


def beyond_the_edge(vector, data):
    # The minimum, at -1, is unstable.
    return jnp.stack([vector[0] + 1.0, vector[1] - 0.5])


@pytest.fixture(scope="module", params=METHODS)
def at_the_edge(request):
    starts = [[2.0, 2.0], [-0.5, 0.0], [0.3, -1.0]]
    with_failure = run(beyond_the_edge, starts, METHODS[request.param], left_half_is_unstable)
    without = run(
        beyond_the_edge, [starts[0], starts[2]], METHODS[request.param], left_half_is_unstable
    )
    return with_failure, without


def test_an_unstable_vector_is_never_returned(at_the_edge):
    vectors = at_the_edge[0].vectors[[0, 2]]
    assert (vectors[:, 0] >= 0).all()


def test_refused_steps_are_shortened_and_the_edge_is_reached(at_the_edge):
    assert (at_the_edge[0].vectors[[0, 2], 0] < 0.01).all()


def test_a_lane_whose_start_fails_says_why_and_is_not_moved(at_the_edge):
    found = at_the_edge[0]
    assert found.status[1] == Status.unstable and np.isinf(found.losses[1])
    np.testing.assert_array_equal(found.vectors[1], [-0.5, 0.0])


def test_a_lane_whose_start_fails_costs_one_evaluation(at_the_edge):
    assert at_the_edge[0].evaluations[1] == 1


def test_a_lane_that_fails_leaves_the_others_alone_to_the_bit(at_the_edge):
    with_failure, without = at_the_edge
    for name in ("vectors", "losses", "status", "evaluations"):
        np.testing.assert_array_equal(getattr(with_failure, name)[[0, 2]], getattr(without, name))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_loss_that_is_not_a_number_is_refused(method):
    def root(vector, data):
        return jnp.sqrt(vector) + 0.1  # falls to the edge at 0, NaN beyond

    found = run(root, [[1.0], [-1.0]], method)
    assert found.vectors[0, 0] >= 0 and np.isfinite(found.losses[0])
    assert found.losses[0] < 0.1
    assert found.status[1] == Status.non_finite and np.isinf(found.losses[1])


def test_a_derivative_that_is_not_a_number_is_refused():
    def kink(vector, data):
        return jnp.sqrt(vector**2) + 1.0  # finite at 0, without a derivative there

    found = run(kink, [[0.0], [0.5]], LevenbergMarquardt())
    assert list(found.status) == [Status.gradient_diverged, Status.ok]


# --- lanes


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_lane_does_not_depend_on_its_company(method):
    # 33 lanes are 17 chunks on a CPU, the last one filled up.
    starts = RNG.normal(size=(33, 2)) + 1.0
    many = run(rosenbrock, starts, method)
    for lane in (0, 1, 2, 32):
        single = run(rosenbrock, starts[lane : lane + 1], method)
        np.testing.assert_allclose(single.vectors[0], many.vectors[lane], rtol=1e-12)
        assert single.evaluations[0] == many.evaluations[lane]


def test_lanes_of_a_chunk_that_is_filled_up_are_counted_once():
    found = run(rosenbrock, np.zeros((33, 2)), LevenbergMarquardt())
    assert found.losses.shape == (33,) and found.history.shape[1] == 33


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_lanes_on_several_cores_end_where_they_do_on_one(method, monkeypatch):
    starts = RNG.normal(size=(33, 2)) + 1.0
    found = []
    for cores in (1, 5):
        monkeypatch.setattr(lanes, "_cores", lambda cores=cores: cores)
        found.append(run(rosenbrock, starts, method))
    for name in ("vectors", "losses", "status", "history", "evaluations"):
        one, other = (getattr(each, name) for each in found)
        assert one.tobytes() == other.tobytes(), name


def test_chunks_that_need_much_memory_move_one_at_a_time(monkeypatch):
    program = lanes.Program(Objective(rosenbrock, always_ok), LevenbergMarquardt(), jnp.zeros(1), 4)
    monkeypatch.setattr(lanes, "_cores", lambda: 8)
    assert [program.workers(memory) for memory in (1.0, 1500.0, 1e5, float("nan"))] == [8, 2, 1, 8]


def test_each_lane_sees_its_own_data():
    data = (jnp.asarray(MATRICES), jnp.asarray(TARGETS))
    found = run(linear, np.zeros((4, 2)), LevenbergMarquardt(), data=data, which=[1, 0, 1, 2])
    np.testing.assert_allclose(found.vectors, SOLUTIONS[[1, 0, 1, 2]], atol=1e-3)


# --- limits, counts, interruption


@pytest.mark.parametrize(
    "method", [LevenbergMarquardt(steps=2), GradientDescent(steps=2, updates=3)]
)
def test_the_limit_of_iterations_is_a_status(method):
    found = run(rosenbrock, [[-1.2, 1.0]], method)
    assert found.status[0] == Status.not_converged and np.isfinite(found.losses[0])


def test_evaluations_are_counted():
    limited = run(rosenbrock, [[-1.2, 1.0]], LevenbergMarquardt(steps=2))
    assert limited.evaluations[0] == 3  # the start, and two steps
    limited = run(rosenbrock, [[-1.2, 1.0]], GradientDescent(steps=2, updates=5))
    assert limited.evaluations[0] == 15


def test_times_are_measured():
    found = run(rosenbrock, [[-1.2, 1.0]], LevenbergMarquardt())
    assert found.seconds_compile > 0 and found.seconds > 0 and found.cpu_seconds >= 0


def interrupt_after(monkeypatch, calls):
    advance, made = lanes.Program.advance, []

    def interrupted(self, chunk):
        made.append(1)
        if len(made) > calls:
            raise KeyboardInterrupt
        return advance(self, chunk)

    monkeypatch.setattr(lanes.Program, "advance", interrupted)
    monkeypatch.setattr(lanes, "_cores", lambda: 1)


def test_an_interruption_returns_the_best_so_far(monkeypatch):
    interrupt_after(monkeypatch, 4)
    found = run(rosenbrock, [[-1.2, 1.0]], LevenbergMarquardt())
    assert found.interrupted and found.status[0] == Status.not_converged
    assert found.history.shape == (4, 1) and found.losses[0] == found.history[-1, 0]
    assert found.losses[0] < found.history[0, 0]
    np.testing.assert_allclose(
        float((rosenbrock(jnp.asarray(found.vectors[0]), None) ** 2).sum()), found.losses[0]
    )


def test_an_interruption_before_anything_is_known_is_no_success(monkeypatch):
    interrupt_after(monkeypatch, 0)
    found = run(rosenbrock, [[-1.2, 1.0]], LevenbergMarquardt())
    assert found.interrupted and found.status[0] == Status.not_converged
    assert np.isinf(found.losses).all() and found.evaluations[0] == 0


def test_single_precision_stays_single():
    found = run(rosenbrock, np.array([[-1.2, 1.0]], np.float32), LevenbergMarquardt())
    assert found.vectors.dtype == np.float32
    np.testing.assert_allclose(found.vectors, np.ones((1, 2)), atol=1e-3)
