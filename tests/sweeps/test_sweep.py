"""The sweep itself: what it gives, that nothing of how it is computed enters the numbers, and its failures."""

import json
import os
import subprocess
import sys
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import rosetta_jax as rj
from rosetta_jax.results import Status
from rosetta_jax.sweeps.members import key_of


class Bump(eqx.Module):
    """A system of two numbers: sweeps know nothing of brains."""

    height: jax.Array = rj.parameter(1.0, unit="mV", symbol="h", description="height of the bump")
    width: jax.Array = rj.parameter(
        1.0, unit="s", symbol="w", description="width", support=rj.Positive()
    )


def bump(system, key):
    noise = jax.random.normal(key)
    return {
        "peak": system.height / system.width,
        "noise": noise,
        "pair": jnp.stack([noise, -noise]),
    }


BUMP = Bump()
AXES = {"height": jnp.linspace(0.0, 2.0, 5), "width": jnp.geomspace(0.5, 4.0, 3)}


def swept(measure=bump, axes=AXES, **options):
    return rj.sweep(measure, BUMP, axes, show_progress=False, **options)


def same(one, other):
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        np.testing.assert_array_equal(np.asarray(one[name]), np.asarray(other[name]))


def test_it_gives_each_member_what_the_measure_gives_alone():
    found = swept(dims={"pair": "sign"}, coordinates={"sign": [1, -1]})
    assert isinstance(found, xarray.Dataset)
    assert found["peak"].dims == ("height", "width") and found["pair"].dims == (
        "height",
        "width",
        "sign",
    )
    np.testing.assert_allclose(
        found["peak"], np.asarray(AXES["height"])[:, None] / np.asarray(AXES["width"]), rtol=1e-15
    )
    for number in range(15):
        key = key_of(jax.random.key(0), jnp.uint32(number), jnp.uint32(0))
        assert found["noise"].values.ravel()[number] == float(jax.random.normal(key))
    assert (found["status"] == Status.ok).all() and found["sign"].values.tolist() == [1, -1]


def test_coordinates_carry_unit_symbol_and_description():
    found = swept(axes={"point": rj.sweeps.table({"height": [1.0, 2.0], "width": [1.0, 3.0]})})
    assert found["height"].dims == ("point",) and "width" in found.coords
    assert found["height"].attrs == {
        "units": "mV",
        "symbol": "h",
        "long_name": "height of the bump",
    }


@pytest.mark.parametrize("chunk", [1, 2, 4, 15, 100])
@pytest.mark.parametrize("lanes", [1, 4])
def test_numbers_are_the_same_bit_by_bit_whatever_the_chunk(chunk, lanes):
    same(swept(chunk=chunk, lanes=lanes), swept())


@pytest.mark.parametrize("memory", [1e-4, 1e-3])
def test_numbers_are_the_same_however_little_memory_there_is(memory):
    same(swept(memory=memory), swept())


def spectrum(brain, key):
    return rj.linear.power_spectrum(brain, jnp.linspace(4.0, 20.0, 9))


def brain():
    return rj.Network(
        rj.StuartLandau(alpha=-5.0),
        rj.Connectome([[0.0, 1.0], [0.5, 0.0]], [[0.0, 40.0], [40.0, 0.0]]),
        gain=1.0,
        noise=rj.WhiteNoise(0.1),
    )


def test_a_result_of_the_package_is_taken_apart_and_its_status_is_kept():
    found = rj.sweep(spectrum, brain(), {"rung.alpha": [-5.0, 5.0]}, show_progress=False)
    assert found["status"].values.tolist() == [Status.ok, Status.unstable]
    assert found["density"].shape == (2, 9, 2) and np.isnan(found["density"][1]).all()
    alone = spectrum(brain(), None).density
    np.testing.assert_allclose(found["density"][0], alone, rtol=1e-12)
    assert rj.sweeps.summary(found) == (
        "1 of 2 succeeded; 1 of 2 the fixed point is unstable: its linear spectrum has no meaning."
    )


def test_marches_give_the_same_bits_in_groups_of_any_chunk():
    measure = rj.measures.simulated(rj.measures.Spectrum([5.0, 10.0]), duration=2.0, transient=0.5)
    axes = {"gain": jnp.linspace(0.0, 2.0, 11), "seed": rj.sweeps.seeds(3)}
    first = rj.sweep(measure, brain(), axes, show_progress=False)
    for chunk in (4, 16, 32):
        same(rj.sweep(measure, brain(), axes, chunk=chunk, show_progress=False), first)


def test_a_member_that_is_not_finite_is_flagged_and_the_others_are_unharmed():
    def measure(system, key):
        return jnp.where(system.height > 1.2, jnp.inf, system.height)

    found = swept(measure, {"height": [1.0, 1.5, 0.5]}, lanes=2)
    assert found["status"].values.tolist() == [0, int(Status.non_finite), 0]
    assert found["measure"].values.tolist() == [1.0, np.inf, 0.5]


def test_a_status_of_the_measure_comes_before_what_is_not_finite():
    def measure(system, key):
        late = system.height > 1
        return {
            "x": jnp.where(late, jnp.nan, system.height),
            "status": jnp.where(late, jnp.int32(Status.not_converged), jnp.int32(Status.ok)),
        }

    assert swept(measure, {"height": [1.0, 2.0]})["status"].values.tolist() == [0, 6]


def test_nan_that_means_there_is_none_is_no_failure():
    class Rare(rj.sweeps.Measure):
        def __call__(self, system, key):
            return {"x": jnp.where(system.height > 1, jnp.nan, system.height)}

        def may_lack(self, system):
            return frozenset({"x"})

    found = swept(Rare(), {"height": [1.0, 2.0, jnp.inf][:2]})
    assert found["status"].values.tolist() == [0, 0] and np.isnan(found["x"][1])


class Pair(NamedTuple):
    first: jax.Array
    second: jax.Array


@pytest.mark.parametrize(
    "measure, names",
    [
        (lambda system, key: system.height, {"value"}),
        (lambda system, key: Pair(system.height, system.width), {"first", "second"}),
        (lambda system, key: {"a": 1.0, "words": "left out"}, {"a"}),
    ],
)
def test_arrays_are_named_after_what_gives_them(measure, names):
    assert set(swept(measure).data_vars) == names | {"status"}


@pytest.mark.parametrize(
    "measure, options, error, words",
    [
        (3.0, {}, TypeError, "`measure` must be a function"),
        (lambda system, key: "text", {}, TypeError, "an array or arrays by name"),
        (lambda system, key: {"a": "text"}, {}, TypeError, "gave no array"),
        (lambda system, key: {"status": jnp.int32(0)}, {}, TypeError, "gave no array"),
        (lambda system, key: {"height": 1.0}, {}, ValueError, "as an axis of the sweep is called"),
        (
            lambda system, key: {"a": 1.0, "status": jnp.zeros(2, jnp.int32)},
            {},
            ValueError,
            "must be one `rj.Status`",
        ),
        (bump, {"dims": {"pair": ("a", "b")}}, ValueError, "give one new name an axis"),
        (bump, {"dims": {"pair": "height"}}, ValueError, "give one new name an axis"),
        (bump, {"dims": {"pear": "a"}}, ValueError, "`dims` name .'pear'."),
        (bump, {"coordinates": {"sign": [1, -1]}}, ValueError, "give one value a place"),
        (bump, {"chunk": 0}, ValueError, "`chunk` must be a whole number from 1"),
        (bump, {"lanes": 0}, ValueError, "`lanes` must be a whole number from 1"),
        (bump, {"memory": -1.0}, ValueError, "`memory` must be one positive number"),
        (bump, {"key": 3}, TypeError, "`key` must be one random key"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_remedy(measure, options, error, words):
    with pytest.raises(error, match=words):
        swept(measure, **options)


def test_ctrl_c_gives_what_is_done(monkeypatch):
    from rosetta_jax.sweeps.program import Program

    monkeypatch.setattr("rosetta_jax.sweeps.program.cores", lambda: 1)
    compute, calls = Program.compute, []

    def stopped(self, numbers):
        calls.append(numbers)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return compute(self, numbers)

    monkeypatch.setattr(Program, "compute", stopped)
    found = swept(chunk=3)
    assert (found["status"].values.ravel()[:6] == Status.ok).all()
    assert (found["status"].values.ravel()[6:] == Status.not_run).all()
    assert np.isnan(found["peak"].values.ravel()[6:]).all()
    assert "go on with it" in rj.sweeps.summary(found)


def test_too_little_memory_halves_the_calls_until_they_fit(monkeypatch):
    from rosetta_jax.sweeps.program import Program

    call, sizes = Program._call, []

    def refused(self, numbers, capacity, lanes, device):
        sizes.append((capacity, lanes))
        if capacity > 2:
            raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return call(self, numbers, capacity, lanes, device)

    monkeypatch.setattr(Program, "_call", refused)
    monkeypatch.setattr("rosetta_jax.sweeps.program.cores", lambda: 1)
    same(swept(lanes=4), swept(chunk=2, lanes=2))
    assert sizes[0] == (16, 4) and (8, 4) in sizes and (4, 4) in sizes and (2, 2) in sizes


def test_a_member_that_is_too_large_is_an_error_in_plain_words(monkeypatch):
    from rosetta_jax.sweeps.program import Program

    def refused(self, numbers, capacity, lanes, device):
        raise RuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr(Program, "_call", refused)
    with pytest.raises(
        MemoryError, match="one member of the sweep needs more memory than there is"
    ):
        swept()


def test_an_error_of_another_kind_is_not_taken_for_a_lack_of_memory(monkeypatch):
    from rosetta_jax.sweeps.program import Program

    def refused(self, numbers, capacity, lanes, device):
        raise RuntimeError("INTERNAL: something else")

    monkeypatch.setattr(Program, "_call", refused)
    with pytest.raises(RuntimeError, match="something else"):
        swept()


def test_an_estimate_counts_members_bytes_and_seconds():
    found = rj.sweeps.estimate(bump, BUMP, AXES, chunk=4)
    assert found.members == 15 and found.chunk == 3 and found.seconds > 0
    # peak, noise and pair: four numbers of eight bytes and a byte of status.
    assert found.store_mb == pytest.approx(15 * 33 / 2**20)
    assert "15 members in chunks of 3" in found.message


def test_a_log_says_how_fast_it_goes(capsys):
    rj.sweep(spectrum, brain(), {"gain": [1.0, 2.0]}, chunk=1, show_progress="log")
    lines = capsys.readouterr().err.splitlines()
    assert (
        lines[-1].startswith("2 of 2 members, ")
        and "members/s" in lines[-1]
        and "written" in lines[-1]
    )
    measure = rj.measures.simulated(rj.measures.Spectrum([5.0, 9.0]), duration=2.0, transient=0.5)
    rj.sweep(measure, brain(), {"gain": [1.0]}, show_progress="log")
    assert "brain-s/s" in capsys.readouterr().err
    swept()
    assert capsys.readouterr().err == ""
    rj.sweep(spectrum, brain(), {"rung.alpha": [-5.0, 5.0]}, show_progress="log")
    *_, pace, summary = capsys.readouterr().err.splitlines()
    assert pace.endswith("1 failed, 0 s left") and summary.startswith(
        "1 of 2 succeeded; 1 of 2 the"
    )


def test_without_xarray_it_says_what_to_install_before_any_work(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r'pip install "rosetta-jax\[sweeps\]"'):
        swept(lambda system, key: pytest.fail("worked"))


def test_an_old_key_is_taken_like_a_new_one():
    same(swept(key=jax.random.PRNGKey(3)), swept(key=jax.random.key(3)))


SHARDED = """
import jax
jax.config.update("jax_num_cpu_devices", {devices})
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np, sys
import rosetta_jax as rj
brain = rj.Network(
    rj.StuartLandau(alpha=-5.0), rj.Connectome([[0.0, 1.0], [0.5, 0.0]], [[0.0, 40.0], [40.0, 0.0]]),
    gain=1.0, noise=rj.WhiteNoise(0.1),
)
axes = {{"gain": jnp.linspace(0.0, 2.0, 7), "seed": rj.sweeps.seeds(3)}}
exact = rj.measures.exact(rj.measures.Peak((2.0, 30.0)), rj.measures.Stability())
march = rj.measures.simulated(rj.measures.Spectrum([5.0, 10.0]), duration=2.0, transient=0.5)
assert len(jax.devices()) == {devices}
for name, measure in dict(exact=exact, march=march).items():
    found = rj.sweep(
        measure, brain, axes, devices=jax.devices(), chunk={chunk}, lanes=2, show_progress=False
    )
    np.savez(f"{{sys.argv[1]}}_{{name}}", **{{n: np.asarray(found[n]) for n in found.data_vars}})
"""


def test_devices_share_the_work_and_the_numbers_stay_the_same(tmp_path):
    found = {}
    for devices, chunk in ((1, 21), (3, 12)):
        script = SHARDED.format(devices=devices, chunk=chunk)
        place = tmp_path / f"of_{devices}"
        run = subprocess.run(
            [sys.executable, "-c", script, str(place)],
            capture_output=True,
            text=True,
            env=os.environ,
        )
        assert run.returncode == 0, run.stderr
        found[devices] = {name: dict(np.load(f"{place}_{name}.npz")) for name in ("exact", "march")}
    for name, arrays in found[1].items():
        assert (arrays["status"] == Status.ok).all()
        for key, array in arrays.items():
            np.testing.assert_array_equal(array, found[3][name][key])


SHORT = """
import json, resource, sys
import jax, jax.numpy as jnp, numpy as np
import rosetta_jax as rj
from rosetta_jax.sweeps import program
from rosetta_jax.sweeps.program import Program
program.cores = lambda: 1
brain = rj.Network(rj.StuartLandau(alpha=-5.0), rj.Connectome([[0.0, 1.0], [0.5, 0.0]]), gain=1.0)
jnp.ones(3).block_until_ready()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
call, sizes = Program._call, []
def told(self, numbers, capacity, lanes, device):
    sizes.append(capacity)
    return call(self, numbers, capacity, lanes, device)
Program._call = told
# 0.4 MB a member, and leave to use a terabyte.
found = rj.sweep(
    lambda brain, key: brain.gain * jnp.ones(100_000), brain, {"gain": np.linspace(0, 1, 3000)},
    store=sys.argv[1], memory=1e6, chunk=100, show_progress=False,
)
assert (found["status"] == 0).all() and float(found["value"][-1, -1]) == 1.0
print(json.dumps(sizes))
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's memory limits")
def test_where_memory_does_run_out_half_as_many_are_tried(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", SHORT, str(tmp_path / "s.zarr")], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-2000:]
    sizes = json.loads(run.stdout)
    assert sizes[0] == 3000 and sizes[-1] < 3000
    assert {3000 // size for size in sizes} <= {1, 2, 4, 8, 16}
