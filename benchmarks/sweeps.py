"""Sweeps that survive: throughput and memory of 100,000 members, kills at random moments, a grid beside cuBNM.

    python benchmarks/sweeps.py [--only exact,marched,kills,grid] [--quick] [--cubnm PYTHON]

`exact`: peak and stability of a 20-region Jansen-Rit brain with delays, by theory, 10,000 and 100,000 members; and
of one region alone, a million. `marched`: 1,000 and 10,000 marches of an 80-region brain with delays. Each in a
process of its own, which says the most memory that it had. `kills`: a sweep killed by signal 9 at twenty random
moments and gone on with, against one that never was. `grid`: gain and recurrence of the reduced Wong-Wang model on
the group of `hcp_fc_fcd_dk68`, each member's FC and FCD against those measured, beside cuBNM's processor core,
whose interpreter `--cubnm` names (`benchmarks/peers/environments.py` makes one).
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import environments
from run import commit, machine

import rosetta_jax as rj
from rosetta_jax import measures
from rosetta_jax.results import Status, provenance, write_json

RESULTS = Path(__file__).parent / "results" / "sweeps.json"
GROUP = Path(__file__).parents[2] / "shared" / "data" / "hcp_fc_fcd_dk68.npz"
PARTS = ("exact", "marched", "kills", "grid")
REPETITION, DROPPED, VOLUMES, WINDOW = 0.72, 100, 1200, 83  # s; volumes
KILLS, WAIT = 20, (0.3, 3.0)  # seconds after the first block is there


def brain(kind: type[rj.Rung], nodes: int, **values: Any) -> rj.Network:
    """A rung at its working point on the first regions of the embedded connectome, with delays."""
    whole = rj.synthetic.connectome()
    weights, lengths = (np.asarray(each)[:nodes, :nodes] for each in (whole.weights, whole.lengths))
    radius = np.abs(np.linalg.eigvals(weights)).max() if nodes > 1 else 1.0
    network = rj.working_brain(kind, rj.Connectome(weights / max(radius, 1e-9), lengths))
    return rj.replace(network, values)


def random_connectome(nodes: int) -> rj.Connectome:
    """All to all, log-normal weights, tracts of 10 to 200 mm."""
    draw = np.random.default_rng(0)
    weights = np.triu(draw.lognormal(0, 1, (nodes, nodes)), 1)
    lengths = np.triu(draw.uniform(10, 200, (nodes, nodes)), 1)
    weights, lengths = weights + weights.T, lengths + lengths.T
    return rj.Connectome(weights / np.abs(np.linalg.eigvals(weights)).max(), lengths)


def measured(found: Any, seconds: float, store: Path, simulated: float = 0.0) -> dict[str, Any]:
    """What a sweep took, and how its members ended."""
    status = np.asarray(found["status"])
    size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    return {
        "members": status.size,
        "seconds": seconds,
        "members_per_second": status.size / seconds,
        "brain_seconds_per_second": simulated * status.size / seconds,
        "store_mb": size / 1e6,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "succeeded": int((status == Status.ok).sum()),
        "message": rj.sweeps.summary(found),
    }


def exact(members: int, nodes: int) -> dict[str, Any]:
    """So many members of an exact measure, float64."""
    jax.config.update("jax_enable_x64", True)
    measure = measures.exact(measures.Peak((2.0, 30.0)), measures.Stability())
    number = members // 4
    first = max(n for n in range(1, round(number**0.5) + 1) if number % n == 0)
    second, ends = ("gain", (0.0, 4.0)) if nodes > 1 else ("rung.excitatory_rate", (80.0, 120.0))
    axes = {
        "rung.bias": jnp.linspace(300.0, 700.0, first),
        second: jnp.linspace(*ends, number // first),
        "noise.sigma": jnp.linspace(0.05, 0.2, 4),
    }
    return timed(measure, brain(rj.JansenRit, nodes), axes)


def marched(members: int, nodes: int = 80) -> dict[str, Any]:
    """So many marches of a second, float32."""
    network = rj.Network(
        rj.StuartLandau(alpha=-20.0, omega=80 * np.pi),
        random_connectome(nodes),
        gain=10.0,
        speed=10.0,
        noise=rj.WhiteNoise(0.02),
    )
    measure = measures.simulated(
        measures.Spectrum(np.arange(5.0, 50.0, 2.5), mean=True),
        measures.Synchrony((30.0, 50.0)),
        duration=1.0,
        dt=1e-3,
        transient=0.2,
        segment=0.5,
    )
    axes = {
        "gain": jnp.linspace(0.0, 20.0, members // 20),
        "rung.alpha": jnp.linspace(-50.0, -5.0, 20),
    }
    return timed(measure, network, axes, 1.2)


def timed(measure: Any, network: rj.Network, axes: Any, simulated: float = 0.0) -> dict[str, Any]:
    """A sweep into a store, compiled before in memory."""
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "sweep.zarr"
        begun = time.perf_counter()
        found = rj.sweep(measure, network, axes, store=store)
        return measured(found, time.perf_counter() - begun, store, simulated)


def kills(members: int) -> dict[str, Any]:
    """A sweep killed at random moments until it has been so often, against one that never was."""
    random.seed(0)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole.zarr", Path(folder) / "killed.zarr"
        to_be_killed(whole, members)
        lost, counts, moments = [], [], []
        for _ in range(KILLS):
            before = done(killed)
            process = subprocess.Popen(
                [sys.executable, __file__, "--kill", str(killed), str(members)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            while done(killed) == before and process.poll() is None:
                time.sleep(0.01)
            moment = random.uniform(*WAIT)
            time.sleep(moment)
            process.send_signal(signal.SIGKILL)
            process.wait()
            counts.append(done(killed))
            moments.append(moment)
            # Blocks that were there before and are not there now.
            lost.append(max(0, before - counts[-1]))
        to_be_killed(killed, members)
        same = files(whole) == files(killed)
    return {
        "kills": KILLS,
        "blocks_after_each": counts,
        "moments": moments,
        "blocks_lost": sum(lost),
        "identical": same,
    }


def to_be_killed(store: Path, members: int) -> None:
    """The sweep of `kills`: many small blocks."""
    measure = measures.simulated(
        measures.Spectrum([8.0, 10.0, 12.0]), measures.Connectivity(), duration=2.0, transient=0.5
    )
    network = brain(rj.StuartLandau, 8)
    axes = {"gain": jnp.linspace(0.0, 6.0, members // 32), "seed": rj.sweeps.seeds(32)}
    rj.sweep(measure, network, axes, store=store, chunk=32, show_progress=False)


def done(store: Path) -> int:
    """How many blocks of a store are there."""
    return sum(1 for path in store.glob("status/c/*/*") if not path.name.endswith(".partial"))


def files(store: Path) -> dict[str, bytes]:
    """All files of a store."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file()
    }


def grid(side: int, volumes: int) -> dict[str, Any]:
    """Gain and recurrence of the reduced Wong-Wang model against FC and FCD of the group, by Euler in float32."""
    from run_rosetta import WongWang

    with np.load(GROUP, allow_pickle=False) as file:
        weights = file["sc_train"].astype(float)
        fitted, judged = file["fc_train"].astype(float), file["fc_vali"].astype(float)
        counts = file["fcd_cdf_train"].astype(float)
    network = rj.Network(
        WongWang(w=jnp.asarray(0.5), background=jnp.asarray(0.3)),
        rj.Connectome(0.2 * weights / weights.max()),
        gain=1.0,
        noise=rj.WhiteNoise(0.00283 * np.sqrt(1000.0)),
        bold=rj.BalloonWindkessel(),
    )
    measure = measures.simulated(
        measures.ConnectivityFit(fitted),
        measures.Connectivity(),
        measures.DynamicsFit(counts / counts[-1], window=WINDOW * REPETITION),
        duration=volumes * REPETITION,
        dt=1e-3,
        transient=DROPPED * REPETITION,
        save_every=REPETITION,
        of="bold",
        solver=diffrax.Euler(),
    )
    axes = {"gain": jnp.linspace(1.0, 12.0, side), "rung.w": jnp.linspace(0.1, 0.8, side)}
    found = timed_grid(measure, network, axes, (volumes + DROPPED) * REPETITION)
    dataset = found.pop("dataset")
    if side > 2:
        figure = rj.plot.sweep(dataset, "connectivity_correlation")
        figure.savefig(RESULTS.with_name("sweeps_grid.png"), dpi=110)
    best = rj.sweeps.best(dataset, "connectivity_correlation", 1).isel(rank=0)
    place = {"gain": float(best["gain"]), "rung.w": float(best["rung.w"])}
    pairs = np.asarray(dataset["connectivity"].sel(gain=best["gain"], **{"rung.w": best["rung.w"]}))
    upper = np.triu_indices(len(judged), 1)
    closest = rj.sweeps.best(dataset, "dynamics_distance", 1, largest=False).isel(rank=0)
    joint = dataset.assign(joint=dataset["connectivity_correlation"] - dataset["dynamics_distance"])
    chosen = rj.sweeps.best(joint, "joint", 1).isel(rank=0)
    both = {
        name: float(chosen[name])
        for name in ("gain", "rung.w", "connectivity_correlation", "dynamics_distance")
    }
    return found | {
        "best_fc": float(best["connectivity_correlation"]),
        "best_at": place,
        "fc_other_half": float(np.corrcoef(pairs, judged[upper])[0, 1]),
        "weights_alone": float(np.corrcoef(weights[upper], judged[upper])[0, 1]),
        "fcd_distance_there": float(best["dynamics_distance"]),
        "least_fcd_distance": float(closest["dynamics_distance"]),
        "fc_of_least_fcd_distance": float(closest["connectivity_correlation"]),
        "best_of_both": both,
    }


def timed_grid(measure: Any, network: rj.Network, axes: Any, simulated: float) -> dict[str, Any]:
    """The grid in memory, twice timed as a sweep from a store: with its dataset."""
    folder = tempfile.mkdtemp()
    store = Path(folder) / "grid.zarr"
    begun = time.perf_counter()
    found = rj.sweep(measure, network, axes, store=store)
    line = measured(found, time.perf_counter() - begun, store, simulated)
    dataset = found.load()
    shutil.rmtree(folder)
    return line | {"dataset": dataset}


def cubnm(python: Path, volumes: int, dt: str) -> dict[str, Any] | None:
    """The same model on cuBNM's processor core, some members of it; None where it is not installed."""
    if not python.exists() or not GROUP.exists():
        return None
    script = Path(__file__).parent / "peers" / "grid_cubnm.py"
    command = [python, script, GROUP, "--members", "4", "--volumes", volumes, "--dt", dt]
    ran = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if ran.returncode:
        return {"error": ran.stderr.strip().splitlines()[-1:]}
    return json.loads(ran.stdout.strip().splitlines()[-1])


def apart(name: str, *arguments: Any) -> dict[str, Any]:
    """One part in a process of its own."""
    command = [sys.executable, __file__, "--part", name, *map(str, arguments)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=os.environ)
    if ran.returncode:
        raise RuntimeError(f"{name}{arguments} failed")
    return json.loads(ran.stdout.strip().splitlines()[-1])


def report(only: tuple[str, ...], quick: bool, python: Path) -> dict[str, Any]:
    """All that is asked for."""
    found: dict[str, Any] = {}
    many = 2_000 if quick else 100_000
    if "exact" in only:
        found["exact"] = [apart("exact", number, 20) for number in (many // 10, many)]
        found["exact_alone"] = apart("exact", 10 * many, 1)
    if "marched" in only:
        found["marched"] = [apart("marched", number) for number in (many // 100, many // 10)]
    if "kills" in only:
        found["kills"] = apart("kills", 640 if quick else 131_072)
    if "grid" in only and GROUP.exists():
        side, volumes = (2, 120) if quick else (12, VOLUMES)
        found["grid"] = apart("grid", side, volumes)
        peer = {dt: cubnm(python, volumes, dt) for dt in ("1.0", "0.1")}
        found["cubnm"] = peer
        ours = found["grid"]["brain_seconds_per_second"]
        for dt, line in peer.items():
            if line and "brain_seconds_per_second" in line:
                found[f"ratio_to_cubnm_dt_{dt}"] = ours / line["brain_seconds_per_second"]
    return found


def main() -> None:
    """Run and write."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--only", default=",".join(PARTS))
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--cubnm", type=Path, default=None)
    asked.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    asked.add_argument("--kill", nargs=2, help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.kill:
        to_be_killed(Path(given.kill[0]), int(given.kill[1]))
        return
    if given.part:
        name, *numbers = given.part
        parts = {"exact": exact, "marched": marched, "kills": kills, "grid": grid}
        print(json.dumps(parts[name](*map(int, numbers))))
        return
    python = given.cubnm or environments.python_of(environments.default_folder(), "cubnm")
    found = report(tuple(given.only.split(",")), given.quick, python)
    if not given.quick:
        before = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        made = provenance(machine=machine(), commit=commit())
        write_json(RESULTS, before | found | made)
    Console().print_json(json.dumps(found))


if __name__ == "__main__":
    main()
