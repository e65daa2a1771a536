"""A fit that was killed goes on where it stopped, to the same bits; a file of another fit is refused."""

import dataclasses
import functools
import os
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import rosetta_jax as rj
from rosetta_jax._fingerprint import fingerprint
from rosetta_jax._identity import Part
from rosetta_jax.optimise import (
    Checkpoint,
    GradientDescent,
    LevenbergMarquardt,
    Objective,
    checkpoint,
    descend,
    lanes,
)
from rosetta_jax.results import Status

# What a script and this file must have in common: a small fit of four starts.
FIT = """
import numpy as np
import rosetta_jax as rj
from rosetta_jax.optimise import GradientDescent
F = np.linspace(4.0, 20.0, 9)
POWER = 1 / F[:, None] + np.array([0.2, 0.6]) / (1 + (F[:, None] - np.array([9.0, 11.0])) ** 2)
BRAIN = rj.Network(
    rj.HarmonicOscillator(alpha=-15.0), rj.Connectome([[0.0, 1.0], [1.0, 0.0]]), gain=2.0,
    noise=rj.WhiteNoise(0.1), sensor=rj.WhiteNoise(2e-3),
)
FREE = {"rung.omega": rj.LogNormal(62.8, 0.2), "gain": rj.LogNormal(2.0, 1.0)}
GIVEN = dict(
    model=BRAIN, free=FREE, loss=rj.SpectrumLoss(F, POWER), starts=4, show_progress=False,
    method=GradientDescent(steps=7, updates=4),
)
"""
exec(FIT)
# Killed in the middle of the 18th write, of the second start's fifth iteration, when the file beside the
# checkpoint is there and not yet whole.
KILLED = """
import os, signal, sys
from rosetta_jax.optimise import lanes
lanes._cores = lambda: 1
fsync, made = os.fsync, []
def killed(file):
    made.append(1)
    if len(made) == 18:
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(file)
os.fsync = killed
rj.fit(**GIVEN, checkpoint=sys.argv[1], checkpoint_every=0)
"""
ARRAYS = ("losses", "status", "all_losses", "all_status", "all_vectors", "history", "slopes")
GIVEN = globals()["GIVEN"]


def fitted(**given):
    return rj.fit(**(GIVEN | given))


def same(found, expected, names=ARRAYS):
    for name in names:
        one, other = getattr(found, name), getattr(expected, name)
        assert one.dtype == other.dtype and one.shape == other.shape, name
        assert one.tobytes() == other.tobytes(), name


@pytest.fixture(scope="module")
def whole():
    return fitted()


# --- killed and interrupted


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """What a fit that was killed with signal 9 left behind."""
    path = tmp_path_factory.mktemp("killed") / "fit.npz"
    run = subprocess.run(
        [sys.executable, "-c", FIT + KILLED, str(path)],
        # Texts have other hashes in it, on which nothing may depend.
        env=os.environ | {"JAX_ENABLE_X64": "1", "PYTHONHASHSEED": "7"},
        capture_output=True,
    )
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()
    return path


def test_a_fit_that_was_killed_goes_on_to_the_same_bits(killed, whole):
    assert killed.with_name("fit.npz.partial").exists()  # it was killed while it wrote
    assert list(np.load(killed)[".moves"]) == [5, 4, 4, 4] and len(whole.history) > 5
    found = fitted(checkpoint=killed)
    same(found, whole)
    for path, values in whole.values.items():
        assert found.values[path].tobytes() == values.tobytes()
    assert found.metadata["evaluations"] == whole.metadata["evaluations"]


def test_a_fit_that_has_ended_is_returned_without_descending(tmp_path, whole, monkeypatch):
    first = fitted(checkpoint=tmp_path / "fit.npz")
    before = (tmp_path / "fit.npz").read_bytes()

    def refuse(*_):
        raise AssertionError("it descends again")

    monkeypatch.setattr(lanes.Program, "advance", refuse)
    monkeypatch.setattr(lanes.Program, "compile", refuse)
    found = fitted(checkpoint=tmp_path / "fit.npz", checkpoint_every=0.0)
    same(found, whole)
    for name in ("seconds_fit", "seconds_compile", "cpu_seconds_fit", "memory_mb"):
        assert found.metadata[name] == pytest.approx(first.metadata[name], rel=0.2)
    assert (tmp_path / "fit.npz").read_bytes() == before


def rosenbrock(vector, data):
    return jnp.stack([10 * (vector[1] - vector[0] ** 2), 1 - vector[0]])


def ok(vector, data):
    return jnp.int32(Status.ok)


STARTS = np.random.default_rng(0).normal(size=(33, 2))
METHODS = {
    "levenberg-marquardt": LevenbergMarquardt(),
    "adam": GradientDescent(steps=9, updates=3),
    # Its memory holds random keys.
    "noisy": GradientDescent(
        steps=9, updates=3, optimiser=optax.noisy_sgd(1e-3, key=jax.random.key(2))
    ),
    "half memory": GradientDescent(
        steps=9, updates=3, optimiser=optax.adam(0.05, mu_dtype=jnp.bfloat16)
    ),
}


def descended(method, path=None, every=0.0):
    file = None if path is None else Checkpoint(path, {"method": Part("settings", method)}, every)
    return descend(
        Objective(rosenbrock, ok),
        jnp.asarray(STARTS),
        jnp.zeros(1),
        jnp.zeros(len(STARTS), jnp.int32),
        method,
        show_progress=False,
        checkpoint=file,
    )


def press_control_c(monkeypatch, before):
    advance, made = lanes.Program.advance, []

    def advanced(self, chunk):
        made.append(1)
        if len(made) == before:
            signal.raise_signal(signal.SIGINT)
        return advance(self, chunk)

    monkeypatch.setattr(lanes.Program, "advance", advanced)
    monkeypatch.setattr(lanes, "_cores", lambda: 1)


@pytest.mark.parametrize("name", METHODS)
def test_ctrl_c_within_an_iteration_loses_nothing(name, tmp_path, monkeypatch):
    # 33 lanes are 17 chunks on a CPU: of the third iteration the first of them has moved.
    method, path = METHODS[name], tmp_path / "descent.npz"
    expected = descended(method)
    with monkeypatch.context() as patch:
        press_control_c(patch, before=36)
        stopped = descended(method, path, every=1e3)
    assert stopped.interrupted and len(stopped.history) == 2
    found = descended(method, path)
    assert not found.interrupted and len(found.history) > 4
    same(found, expected, ("vectors", "losses", "status", "history", "slopes", "evaluations"))
    assert found.seconds > stopped.seconds and found.seconds_compile > stopped.seconds_compile


def test_ctrl_c_before_the_first_move_begins_anew(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        press_control_c(patch, before=1)
        descended(METHODS["adam"], tmp_path / "descent.npz")
    found = descended(METHODS["adam"], tmp_path / "descent.npz")
    same(found, descended(METHODS["adam"]), ("vectors", "losses", "history"))


# --- when it is written


class Clock:
    """A clock that a write moves on by `cost` seconds and a move by one."""

    def __init__(self, cost):
        self.now, self.cost, self.writes = 0.0, cost, 0

    def monotonic(self):
        return self.now

    def fsync(self, file):
        self.now += self.cost
        self.writes += 1

    def advanced(self, advance):
        def move(program, chunk):
            self.now += 1.0
            return advance(program, chunk)

        return move


@pytest.mark.parametrize(
    "cost, every, writes",
    [
        (0.0, 0.0, 170 + 1),  # after each of 17 chunks of ten iterations, and at the end
        (0.0, 5.0, 34 + 1),
        (0.5, 1.0, 34 + 1),  # a write of half a second waits for four and a half
        (0.0, 1e3, 1),
    ],
)
def test_it_is_written_when_it_is_time_and_takes_a_tenth_of_it(
    cost, every, writes, tmp_path, monkeypatch
):
    clock = Clock(cost)
    monkeypatch.setattr(checkpoint.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(checkpoint.os, "fsync", clock.fsync)
    monkeypatch.setattr(lanes.Program, "advance", clock.advanced(lanes.Program.advance))
    monkeypatch.setattr(lanes, "_cores", lambda: 1)
    method = GradientDescent(steps=9, updates=1, optimiser=optax.sgd(1e-5))
    assert len(descended(method, tmp_path / "descent.npz", every).history) == 10
    assert clock.writes == writes


def test_a_full_disk_costs_the_file_and_not_the_descent(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match=r"No space left on device.*The computation goes on"):
        found = descended(METHODS["adam"], tmp_path / "descent.npz")
    same(found, descended(METHODS["adam"]), ("vectors", "losses", "history"))
    assert list(tmp_path.iterdir()) == []


# --- another fit


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """The file of a fit that only looked at its starts."""
    path = tmp_path_factory.mktemp("begun") / "fit.npz"
    fitted(method=LevenbergMarquardt(steps=0), checkpoint=path)
    return path


BRAIN, FREE, LOSS = (GIVEN[name] for name in ("model", "free", "loss"))
OTHER = {
    "model": {"model": rj.replace(BRAIN, {"rung.alpha": -15.1})},
    "free": {"free": FREE | {"gain": rj.LogNormal(2.0, 1.1)}},
    "loss": {"loss": rj.SpectrumLoss(LOSS.frequencies, np.asarray(LOSS.measured) * 1.001)},
    "method": {"method": LevenbergMarquardt(steps=0, damping=0.02)},
    "starts": {"starts": 5},
    "key": {"key": jax.random.key(1)},
}


def refused(path, **given):
    with pytest.raises(ValueError) as error:
        fitted(**({"method": LevenbergMarquardt(steps=0)} | given), checkpoint=path)
    return str(error.value)


def differing(said):
    parts = said.partition("What differs: ")[2].partition(". Give what it was begun with")[0]
    return [part.partition(" (")[0] for part in parts.split("; ")]


@pytest.mark.parametrize("name", OTHER)
def test_the_file_of_another_fit_is_refused_and_what_differs_is_named(name, begun):
    before = begun.read_bytes()
    said = refused(begun, **OTHER[name])
    assert f"`checkpoint` {begun} belongs to another fit" in said and "delete it" in said
    assert differing(said) == [name]
    assert begun.read_bytes() == before


@pytest.mark.parametrize("given", [{"prior_weight": 0.5}, {"pooled": True}, {"free": None}])
def test_weights_pooling_and_order_are_part_of_what_is_free(given, begun):
    if "free" in given:
        given = {"free": dict(reversed(FREE.items()))}
    assert differing(refused(begun, **given)) == ["free"]


def test_several_differences_are_all_named(begun):
    route = rj.inference.Simulated(1.0, segment=1.0)
    said = refused(begun, route=route, starts=7, model=rj.replace(BRAIN, {"gain": 2.5}))
    assert differing(said) == ["model", "starts", "route"] and "starts (4 there, 7 here)" in said


def test_other_versions_and_numbers_are_named_with_both(begun, monkeypatch):
    module = sys.modules["rosetta_jax.inference.fit"]
    made = module.provenance()
    made["versions"] = made["versions"] | {"jax": "0.0.1", "python": "2.7"}
    made["precision"], made["platform"] = "float32", {"backend": "tpu"}
    monkeypatch.setattr(module, "provenance", lambda: made)
    said = refused(begun)
    assert differing(said) == ["versions", "precision", "device"]
    assert f"jax {jax.__version__} there, 0.0.1 here" in said and "numpy" not in said
    assert "(float64 there, float32 here)" in said and "(cpu there, tpu here)" in said


def test_what_does_not_change_the_result_may_change(begun):
    found = fitted(
        method=LevenbergMarquardt(steps=0), name="again", checkpoint=begun, checkpoint_every=60.0
    )
    assert len(found.history) == 1


# --- files that are no checkpoint


def damaged(begun, tmp_path, damage):
    path = tmp_path / "fit.npz"
    path.write_bytes(damage(begun.read_bytes()))
    return path


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage", [lambda c: c[:-100], flipped, lambda c: b"nothing", lambda c: b""]
)
def test_a_damaged_file_is_refused_with_the_remedy(damage, begun, tmp_path):
    said = refused(damaged(begun, tmp_path, damage))
    assert "cannot be gone on with" in said and "delete it, or give another path" in said


def test_another_result_is_refused(tmp_path, whole):
    said = refused(whole.save(tmp_path / "fit.npz"))
    assert "it holds another result than a checkpoint" in said


def test_a_folder_that_is_not_there_is_said_before_any_work(tmp_path):
    assert "lies in a folder that does not exist" in refused(tmp_path / "none" / "fit.npz")


def test_other_arrays_than_a_descent_has_are_refused(tmp_path):
    parts = {"method": Part("settings", METHODS["adam"])}
    Checkpoint(tmp_path / "descent.npz", parts).write({"something": np.zeros(3)})
    with pytest.raises(ValueError, match="it holds other arrays"):
        descended(METHODS["adam"], tmp_path / "descent.npz")
    Checkpoint(tmp_path / "other.npz", parts).write({"something": np.zeros(3)})
    with pytest.raises(ValueError, match="arrays of another type or shape"):
        Checkpoint(tmp_path / "other.npz", parts).restored({"something": np.zeros(3, np.int32)})


# --- notes and fingerprints


def test_the_growth_of_a_gradient_is_found_once(tmp_path, monkeypatch):
    module, found = sys.modules["rosetta_jax.inference.fit"], []
    monkeypatch.setattr(module, "_growth", lambda *_: found.append(1) or [9.3])
    given = {"method": LevenbergMarquardt(steps=0), "checkpoint": tmp_path / "fit.npz"}
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"factor of e\^9"):
            assert fitted(**given).metadata["gradient_growth"] == [9.3]
    assert len(found) == 1


def optimiser(rate, steps=60):
    return optax.adam(optax.cosine_decay_schedule(rate, steps))


def used(optimiser):
    """An optimiser after a step, in which its schedule may have changed what it closed over."""
    with jax.numpy_dtype_promotion("standard"):
        optimiser.update(jnp.ones(2), optimiser.init(jnp.ones(2)))
    return optimiser


def scaled(factor, function):
    @functools.wraps(function)
    def inner(value):
        return factor * function(value)

    return inner


@dataclasses.dataclass
class Named:
    one: object
    two: object = None


PAIRS = [
    (2**53 + 1, 2.0**53),
    (np.nan, 0.0),
    (1, True),
    ("a", b"a"),
    (["a", "b"], ["ab"]),
    ([[1], 2], [[1, 2]]),
    ((1, 2), [1, 2]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (np.zeros(3), np.zeros(3, np.float32)),
    (np.zeros(4), np.zeros((2, 2))),
    (np.zeros(2), np.array([0.0, -0.0])),
    (jax.random.key(0), jax.random.key(1)),
    (optimiser(0.1), optimiser(0.2)),
    (optimiser(0.1), optimiser(0.1, 61)),
    (lambda x: x + 1, lambda x: x + 2),
    (lambda x: x + 1, lambda x: x - 1),
    (lambda x, y=1: x, lambda x, y=2: x),
    (jax.jit(lambda x: x + 1), jax.jit(lambda x: x + 2)),
    (scaled(2.0, abs), scaled(3.0, abs)),
    (functools.partial(max, 1), functools.partial(max, 2)),
    (Named(1), Named(2)),
    (Named(1, 2).__eq__, Named(1, 3).__eq__),
    (LevenbergMarquardt(), LevenbergMarquardt(longest=1.0)),
    (np.float32, np.float64),
    (jnp.sin, jnp.cos),
]


@pytest.mark.parametrize("number", range(len(PAIRS)))
def test_other_content_has_another_fingerprint(number):
    one, other = PAIRS[number]
    assert fingerprint(one) != fingerprint(other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optimiser(0.1),
        lambda: {"a", "b", "c"},
        lambda: GradientDescent(),
        lambda: scaled(2.0, abs),
        lambda: (np.arange(3), jax.random.key(3), None),
        lambda: optax.chain(optax.clip(1.0), optax.lbfgs()),
    ],
)
def test_the_same_content_has_the_same_fingerprint(make):
    assert fingerprint(make()) == fingerprint(make())


def test_sets_have_no_order():
    # These two are gone through in different orders.
    assert list({0, 8}) != list({8, 0})
    assert fingerprint({0, 8}) == fingerprint({8, 0})


def test_an_optimiser_keeps_its_fingerprint_when_used():
    assert fingerprint(used(optimiser(0.1))) == fingerprint(optimiser(0.1))


def test_what_holds_itself_has_a_fingerprint():
    ring = [1]
    ring.append(ring)
    assert fingerprint(ring) == fingerprint(ring) != fingerprint([1])
