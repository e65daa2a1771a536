"""Sweeps on a cluster: the same store by any number of workers, one of them killed, one that joins."""

import os
import signal
import threading
import time

import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.results import Status

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.filterwarnings("ignore")
BRAIN = rj.Network(
    rj.StuartLandau(alpha=-5.0),
    rj.Connectome([[0.0, 1.0], [0.5, 0.0]], [[0.0, 40.0], [40.0, 0.0]]),
    gain=1.0,
    noise=rj.WhiteNoise(0.1),
)
AXES = {"gain": jnp.linspace(0.0, 2.0, 10), "seed": rj.sweeps.seeds(4)}
MARCH = rj.measures.simulated(
    rj.measures.Spectrum([5.0, 10.0]), rj.measures.Connectivity(), duration=2.0, transient=0.5
)


def swept(store, **options):
    return rj.sweep(MARCH, BRAIN, AXES, store=store, chunk=4, show_progress=False, **options)


def files(store):
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    store = tmp_path_factory.mktemp("cluster") / "whole.zarr"
    swept(store)
    return store


def test_two_workers_write_the_same_store(whole, tmp_path):
    found = swept(tmp_path / "two.zarr", cluster=2)
    assert (found["status"] == Status.ok).all()
    assert files(tmp_path / "two.zarr") == files(whole)


def test_a_worker_killed_midway_costs_nothing_and_four_write_the_same_store(whole, tmp_path):
    store = tmp_path / "four.zarr"
    with (
        distributed.LocalCluster(
            n_workers=4, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = list(client.run(os.getpid).values())
        killed = []

        def kill():
            # As soon as a first block is there.
            while not list(store.glob("status/c/*/*")):
                time.sleep(0.01)
            os.kill(pids[0], signal.SIGKILL)
            killed.append(pids[0])

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        found = swept(store, cluster=client)
        killer.join(timeout=60)
        assert killed and pids[0] not in client.run(os.getpid).values()
    assert (found["status"] == Status.ok).all()
    assert files(store) == files(whole)


def test_a_worker_that_joins_is_given_work(whole, tmp_path):
    with (
        distributed.LocalCluster(
            n_workers=0, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        threading.Timer(0.5, lambda: cluster.scale(1)).start()
        swept(tmp_path / "late.zarr", cluster=client.scheduler.address)
    assert files(tmp_path / "late.zarr") == files(whole)


def test_an_error_of_a_measure_is_the_error_of_the_sweep():
    def wrong(system, key):
        return {"a": jnp.zeros(3) + jnp.zeros(2)}

    with pytest.raises(TypeError, match=r"add got incompatible shapes|incompatible shapes"):
        rj.sweep(wrong, BRAIN, AXES, cluster=1, show_progress=False)


def test_a_scheduler_that_is_not_there_is_said():
    with pytest.raises(ValueError, match="there is no scheduler"):
        rj.sweep(MARCH, BRAIN, AXES, cluster="tcp://127.0.0.1:1", show_progress=False)


def test_devices_are_of_one_process():
    import jax

    with pytest.raises(ValueError, match="leave them out with a `cluster`"):
        rj.sweep(MARCH, BRAIN, AXES, cluster=1, devices=jax.devices())


def test_a_float32_sweep_stays_one(tmp_path):
    import jax

    with jax.enable_x64(False):
        brain = rj.Network(
            rj.StuartLandau(alpha=-5.0), rj.Connectome([[0.0, 1.0], [0.5, 0.0]]), gain=1.0
        )
        options = {"show_progress": False, "chunk": 2}
        axes = {"gain": np.linspace(0.0, 2.0, 4)}
        alone = rj.sweep(lambda b, key: b.gain * 2, brain, axes, **options)
        found = rj.sweep(lambda b, key: b.gain * 2, brain, axes, cluster=1, **options)
    assert found["value"].dtype == np.float32
    np.testing.assert_array_equal(found["value"], alone["value"])
