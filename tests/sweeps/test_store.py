"""The store: whole after a kill at any moment, gone on with to the same bytes, refused for another sweep."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import rosetta_jax as rj
from rosetta_jax.results import Status

# What a script and this file must have in common.
SWEEP = """
import jax, jax.numpy as jnp
import rosetta_jax as rj
BRAIN = rj.Network(
    rj.StuartLandau(alpha=-5.0), rj.Connectome([[0.0, 1.0], [0.5, 0.0]], [[0.0, 40.0], [40.0, 0.0]]),
    gain=1.0, noise=rj.WhiteNoise(0.1),
)
MEASURE = rj.measures.exact(rj.measures.Spectrum([5.0, 10.0, 15.0]), rj.measures.Stability())
AXES = {"gain": jnp.linspace(0.0, 2.0, 4), "rung.alpha": jnp.linspace(-9.0, 1.0, 6)}
GIVEN = dict(chunk=3, show_progress=False)
"""
exec(SWEEP)
BLOCKS = 8
KILLED = """
import jax, os, signal, sys
jax.config.update("jax_enable_x64", True)
replace, made = os.replace, []
from pathlib import Path
rename = Path.replace
def killed(self, target):
    made.append(1)
    if len(made) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.replace = killed
{sweep}
rj.sweep(MEASURE, BRAIN, AXES, store=sys.argv[1], **GIVEN)
"""


def swept(store, **options):
    given = {**GIVEN, **options}
    return rj.sweep(MEASURE, BRAIN, AXES, store=store, **given)


def files(store):
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(Path(store).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    store = tmp_path_factory.mktemp("sweep") / "whole.zarr"
    swept(store)
    return store


def run(script, *arguments):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"JAX_ENABLE_X64": "1"},
    )


def test_a_store_holds_what_a_sweep_in_memory_gives(whole):
    stored, kept = rj.sweeps.load(whole), swept(None)
    assert set(stored.variables) == set(kept.variables)
    for name in kept.variables:
        np.testing.assert_array_equal(np.asarray(stored[name]), np.asarray(kept[name]))
        assert stored[name].attrs == {**kept[name].attrs}, name
    assert set(np.unique(stored["status"])) >= {Status.ok, Status.unstable}


def test_xarray_reads_it_by_itself(whole):
    found = xarray.open_zarr(whole, consolidated=False)
    assert dict(found.sizes) == {"gain": 4, "rung.alpha": 6, "frequency": 3, "region": 2}
    assert found["density"].attrs["units"] == "1/Hz"


# Before the store is there, in the middle of blocks, before a status, and in the last block.
@pytest.mark.parametrize("moment", [3, 14, 17, 22, 31])
def test_a_sweep_that_was_killed_goes_on_to_the_same_bytes(moment, whole, tmp_path):
    store = tmp_path / "killed.zarr"
    killed = run(KILLED.format(sweep=SWEEP), store, moment)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if store.exists():
        before = rj.sweeps.load(store)["status"].values
        done = (before != Status.not_run).sum()
        assert done % 3 == 0 and done < 24
    found = swept(store)
    assert (found["status"] != Status.not_run).all()
    assert files(store) == files(whole)
    assert [path.name for path in tmp_path.iterdir()] == ["killed.zarr"]


def test_of_blocks_that_are_there_none_is_computed_again(whole, tmp_path, monkeypatch):
    from rosetta_jax.sweeps.program import Program

    store = tmp_path / "part.zarr"
    swept(store)
    for name in ("c/1/0", "c/3/1"):
        (store / "status" / name).unlink()
    compute, members = Program.compute, []

    def counted(self, numbers):
        members.append(numbers.tolist())
        return compute(self, numbers)

    monkeypatch.setattr(Program, "compute", counted)
    swept(store)
    assert sorted(members) == [[6, 7, 8], [21, 22, 23]]
    assert files(store) == files(whole)
    members.clear()
    swept(store)
    assert members == []


def test_a_damaged_block_is_computed_again(whole, tmp_path):
    store = tmp_path / "damaged.zarr"
    swept(store)
    chunk = store / "status" / "c" / "2" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-3])
    swept(store)
    assert files(store) == files(whole)


def test_what_a_kill_left_beside_the_files_is_removed(whole, tmp_path):
    store = tmp_path / "left.zarr"
    swept(store)
    left = store / "density" / "c" / "0" / "0.abc.partial"
    left.write_bytes(b"half")
    swept(store)
    assert not left.exists()


@pytest.mark.parametrize(
    "change, words",
    [
        ({"axes": {"gain": jnp.linspace(0.0, 2.1, 4)}}, "axes"),
        ({"axes": {"gain": jnp.linspace(0.0, 2.0, 5)}}, "gain 4 of gain there, 5 of gain here"),
        ({"measure": [5.0, 10.0, 16.0]}, "measure (its code, settings or data)"),
        ({"system": 0.2}, "system (values, regions or settings of the network)"),
        ({"key": jax.random.key(1)}, "key (random key)"),
        ({"same_noise": True}, "same_noise (False there, True here)"),
    ],
)
def test_the_store_of_another_sweep_is_refused_and_what_differs_is_named(change, words, whole):
    measure, brain, axes = MEASURE, BRAIN, dict(AXES)
    if "measure" in change:
        spectrum = rj.measures.Spectrum(change["measure"])
        measure = rj.measures.exact(spectrum, rj.measures.Stability())
    if "system" in change:
        brain = rj.replace(brain, {"noise.sigma": change["system"]})
    axes |= change.get("axes", {})
    options = {k: v for k, v in change.items() if k in ("key", "same_noise")}
    before = files(whole)
    with pytest.raises(ValueError, match=r"belongs to another sweep\. What differs: ") as raised:
        rj.sweep(measure, brain, axes, store=whole, **GIVEN, **options)
    assert words in str(raised.value)
    assert files(whole) == before


def test_other_versions_are_named_with_both(whole, monkeypatch):
    made = rj.results.provenance()
    made["versions"] = made["versions"] | {"jax": "0.0.1"}
    monkeypatch.setattr("rosetta_jax.sweeps.manifest.provenance", lambda: made)
    with pytest.raises(ValueError, match=r"versions \(jax .* there, 0\.0\.1 here\)"):
        swept(whole)


def test_what_does_not_change_the_numbers_may_change(whole):
    before = files(whole)
    swept(whole, chunk=5, lanes=1, memory=100.0, show_progress="log")
    assert files(whole) == before


def test_a_store_keeps_to_its_own_groups(tmp_path, monkeypatch):
    from rosetta_jax.sweeps.program import Program

    store, call, seen = tmp_path / "lanes.zarr", Program._call, []

    def told(self, numbers, capacity, lanes, device):
        seen.append(lanes)
        return call(self, numbers, capacity, lanes, device)

    swept(store, lanes=2)
    (store / "status" / "c" / "0" / "0").unlink()
    monkeypatch.setattr(Program, "_call", told)
    swept(store, lanes=3)
    assert set(seen) == {2}


def test_resume_false_refuses_what_is_there(whole):
    with pytest.raises(ValueError, match="is there, and `resume` is False"):
        swept(whole, resume=False)


@pytest.mark.parametrize("kind", ["file", "folder", "group"])
def test_what_is_no_sweep_is_refused_and_left_alone(kind, tmp_path):
    path = tmp_path / "other.zarr"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
        (path / "mine").write_text("mine")
    else:
        import zarr

        zarr.create_group(path)
    before = path.read_text() if kind == "file" else files(path)
    with pytest.raises(ValueError, match=r"no zarr store|something else than a sweep"):
        swept(path)
    with pytest.raises(ValueError, match=r"no zarr store|something else than a sweep"):
        rj.sweeps.load(path)
    assert (path.read_text() if kind == "file" else files(path)) == before


def test_a_path_that_is_not_there_cannot_be_loaded(tmp_path):
    with pytest.raises(ValueError, match="is not there: give the path of a sweep"):
        rj.sweeps.load(tmp_path / "none.zarr")


FULL = """
import jax, resource, signal, sys
jax.config.update("jax_enable_x64", True)
{sweep}
from rosetta_jax.sweeps.store import Store
write, made = Store.write, []
def limited(self, block, arrays):
    made.append(block)
    if len(made) == 3:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
    return write(self, block, arrays)
Store.write = limited
try:
    rj.sweep(MEASURE, BRAIN, AXES, store=sys.argv[1], **GIVEN)
except OSError as error:
    print(error)
"""


def test_a_full_disk_is_said_in_plain_words_and_the_store_stays_whole(whole, tmp_path):
    store = tmp_path / "full.zarr"
    found = run(FULL.format(sweep=SWEEP), store)
    assert found.returncode == 0, found.stderr
    assert f"`store` {store} cannot be written (File too large): make room" in found.stdout
    status = rj.sweeps.load(store)["status"].values
    assert (status != Status.not_run).sum() == 6
    swept(store)
    assert files(store) == files(whole)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_place_that_cannot_be_written_is_said_before_any_work(tmp_path, monkeypatch):
    from rosetta_jax.sweeps.program import Program

    (tmp_path / "file").write_text("")
    monkeypatch.setattr(Program, "compute", lambda self, numbers: pytest.fail("worked"))
    with pytest.raises(OSError, match="cannot be written"):
        swept(tmp_path / "file" / "sweep.zarr")


def test_the_manifest_is_plain_to_read(whole):
    root = json.loads((whole / "zarr.json").read_text())
    parts = root["attributes"]["rosetta_sweep"]["parts"]
    assert parts["lengths of the axes"]["shown"] == {
        "gain": "4 of gain",
        "rung.alpha": "6 of rung.alpha",
    }
    assert parts["versions"]["shown"]["jax"] == jax.__version__
    assert np.prod(root["attributes"]["rosetta_sweep"]["box"]) == 3 and BLOCKS == 8


def test_regions_keep_their_names(tmp_path):
    brain = rj.working_brain(rj.StuartLandau, rj.synthetic.connectome())
    measure = rj.measures.exact(rj.measures.BandPower())
    found = rj.sweep(
        measure, brain, {"gain": [0.0]}, store=tmp_path / "s.zarr", show_progress=False
    )
    assert found["region"].values[0] == brain.connectome.labels[0]
    assert found["band_power"].sel(region=brain.connectome.labels[3]).shape == (1,)
