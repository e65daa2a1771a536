"""Speed, memory and rounding on the device that JAX finds, a GPU, a TPU or the processor, within ten minutes.

    python benchmarks/accelerator.py [--quick] [--only ensemble,gradient] [--budget 540] [--name NAME]

Four parts, in float32, through the public API, each with a share of the `--budget` of seconds; what no time is
left for is left out, and said so. What fails, as for want of memory, ends its row with the reason and not the run.

- ensemble: brain-seconds per second of growing ensembles, reduced Wong-Wang (the rung of `peers/run_rosetta.py`),
  steps of 0.1 ms, noise, without delays and with 1 to 20 ms, correlations of every step folded up on the way;
- gradient: a reverse gradient of mean((FC - I)^2) in growth rates by region and gain, delays, and several at once;
- single: microseconds a step of one network, with each way to read delays that suits it;
- accuracy: float32 against float64 on the device, of exact spectra and of marches on one noise path.

The figure to beat is cuBNM's on an A100. It has the Balloon model in it, which these runs have not; they correlate
every step where it correlates scans. `benchmarks/results/NAME.json` keeps every line, with versions, commit and
device, compilation apart, and whether it succeeded; it is written after each line. `accelerator_parts.py` holds
the parts.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import jax
import measure
import run
from accelerator_parts import PARTS, QUICK, Bench, Sizes, ends, shown
from rich import box
from rich.console import Console
from rich.table import Table

# The README of cuBNM (github.com/amnsbr/cubnm): "running 32,768 simulations (duration: 60s, nodes: 100) would take
# [...] only 5.6 minutes on Nvidia A100 GPU" (commit 845b0aa, November 2025), "5 minutes" (1c11f2f, August 2025).
CUBNM_NODES, CUBNM = 100, (32_768 * 60 / (5.6 * 60), 32_768 * 60 / (5.0 * 60))
# Of each part: its title, and (heading, key of the line, format) by column.
COMPILED = (("compile, s", "compile_seconds", ".1f"), ("temp, MB", "temporaries_mb", ".1f"))
TABLES = {
    "ensemble": (
        "Ensembles, steps of 0.1 ms, FC of every step",
        (
            ("delays", "delays", ""),
            ("nodes", "nodes", ""),
            ("members", "members", ","),
            ("transport", "transport", ""),
            ("brain-s / s", "brain_seconds_per_second", ",.1f"),
            ("µs a member and step", "us_per_member_step", ".3f"),
            *COMPILED,
            ("bytes a member", "bytes_per_member", ",.0f"),
            ("fit", "members_that_fit", ","),
        ),
    ),
    "gradient": (
        "Reverse gradient of mean((FC - I)²), delays, steps of 1 ms",
        (
            ("nodes", "nodes", ""),
            ("lanes", "lanes", ""),
            ("steps", "steps", ","),
            ("transport", "transport", ""),
            ("s", "seconds", ".3f"),
            ("µs a lane and step", "us_per_lane_step", ".2f"),
            *COMPILED,
        ),
    ),
    "single": (
        "One network",
        (
            ("nodes", "nodes", ""),
            ("delays", "delays", ""),
            ("dt, ms", "dt_ms", ""),
            ("transport", "transport", ""),
            ("chosen", "chosen", ""),
            ("µs a step", "us_per_step", ".2f"),
            *COMPILED,
        ),
    ),
    "accuracy": (
        "float32 against float64, largest deviation",
        (
            ("", "what", ""),
            ("rung", "rung", ""),
            ("spectrum, dB", "spectrum_db", ".1e"),
            ("FC", "fc", ".1e"),
        ),
    ),
}


def table(part: str, lines: list[dict[str, Any]]) -> Table:
    """The table of one part: a row a line, what failed with its reason."""
    title, columns = TABLES[part]
    made = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading, _, form in columns:
        made.add_column(heading, justify="right" if form else "left", no_wrap=True)
    made.add_column("")
    for line in lines:
        cells = [format(line[key], form) if key in line else "-" for _, key, form in columns]
        made.add_row(*cells, line.get("reason", ""))
    return made


def device() -> dict[str, Any]:
    """The device that runs, how many there are of it, and its memory; the machine's for a processor."""
    first = jax.devices()[0]
    stats = first.memory_stats() or {}
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "platform": first.platform,
        "kind": first.device_kind,
        "count": jax.device_count(),
        "memory_bytes": stats.get("bytes_limit", whole),
    }


def show(found: dict[str, Any], console: Console) -> None:
    """Prints what a results file holds."""
    made = found["device"]
    console.print(
        f"{made['kind']} ({made['platform']}, one of {made['count']} used), "
        f"{made['memory_bytes'] / 1e9:.1f} GB; commit {found['commit']}; {found['seconds']:.0f} s",
        highlight=False,
    )
    for part in PARTS:
        lines = [line for line in found["lines"] if line["part"] == part]
        if lines:
            console.print(table(part, lines))
    console.print(beside_cubnm(found["lines"]), highlight=False)
    for line in found["left_out"]:
        console.print(f"left out: {shown(line)}", markup=False, highlight=False)


def beside_cubnm(lines: list[dict[str, Any]]) -> str:
    """The fastest ensemble of networks as large as cuBNM's beside it, in words."""
    rates = [
        line["brain_seconds_per_second"]
        for line in lines
        if line["success"] and line["part"] == "ensemble" and line["nodes"] == CUBNM_NODES
    ]
    low, high = CUBNM
    said = f"cuBNM runs {low:,.0f} to {high:,.0f} brain-seconds per second on an A100, the Balloon model in it"
    if not rates:
        return f"{said}; no ensemble of {CUBNM_NODES} nodes was run here."
    best = max(rates)
    return f"{said}; here at best {best:,.0f} without it, {best / high:.3g} to {best / low:.3g} of that."


def parsed() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--only", default=",".join(PARTS), help="parts")
    parser.add_argument("--budget", type=float, default=540.0, help="seconds in all")
    parser.add_argument("--name", default="accelerator", help="of the file in benchmarks/results")
    given = parser.parse_args()
    given.only = given.only.split(",")
    if unknown := set(given.only) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    return given


def main() -> None:
    given = parsed()
    # A file has no width of its own.
    console = Console() if sys.stdout.isatty() else Console(width=180)
    path = run.HERE / "results" / f"{given.name}.json"
    path.parent.mkdir(exist_ok=True)
    found = {
        "commit": run.commit(),
        "machine": run.machine(),
        "device": device(),
        "versions": measure.versions("rosetta-jax", "jax", "jaxlib", "equinox", "numpy"),
        "begun": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "quick": given.quick,
        "budget": given.budget,
        "lines": [],
        "left_out": [],
    }
    bench = Bench(ends(given.only, given.budget), path, found, console)
    for part in given.only:
        PARTS[part](bench, QUICK if given.quick else Sizes())
    bench.write()
    show(found, console)
    console.print(f"written to {path}")


if __name__ == "__main__":
    main()
