"""The benchmark of accelerators: its dry run on the processor, and what it does where time or memory is short."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import accelerator
import accelerator_parts as parts

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "accelerator.py"
# What each line must tell beside what it is about.
COMPILED = {"compile_seconds", "seconds", "calls", "temporaries_mb", "results_mb", "peak_mb"}
TOLD = {
    "ensemble": COMPILED
    | {"brain_seconds_per_second", "transport", "bytes_per_member", "members_that_fit"},
    "gradient": COMPILED | {"us_per_lane_step", "transport"},
    "single": COMPILED | {"us_per_step", "transport", "chosen"},
    "accuracy": {"against", "spectrum_db"},
}


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """What the dry run wrote and printed."""
    path = tmp_path_factory.mktemp("results") / "quick"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--name", str(path)],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = json.loads(path.with_suffix(".json").read_text())
    return written, done.stdout


def test_the_dry_run_says_where_and_of_what_it_was_made(quick):
    found, printed = quick
    assert found["device"]["platform"] == "cpu" and found["device"]["memory_bytes"] > 2**28
    assert {"rosetta-jax", "jax", "jaxlib"} <= set(found["versions"])
    assert found["commit"] and found["machine"]["cores"] and found["quick"]
    assert "5,851 to 6,554" in printed and "no ensemble of 100 nodes" in printed


def test_every_line_of_the_dry_run_succeeds_and_none_is_left_out(quick):
    found, printed = quick
    assert found["left_out"] == []
    assert {line["part"] for line in found["lines"]} == set(TOLD)
    for line in found["lines"]:
        assert line["success"], line
        assert line["dtype"] == "float32"
        assert TOLD[line["part"]] <= set(line), line
        assert line["line_seconds"] > line.get("compile_seconds", 0.1) > 0
        for name in ("brain_seconds_per_second", "us_per_lane_step", "us_per_step"):
            assert line.get(name, 1.0) > 0
    for title, _ in accelerator.TABLES.values():
        assert title in printed


def test_the_dry_run_has_what_each_part_compares(quick):
    lines = quick[0]["lines"]
    of = {part: [line for line in lines if line["part"] == part] for part in TOLD}
    assert {(line["delays"], line["members"]) for line in of["ensemble"]} == {
        (delays, members) for delays in ("none", "1-20 ms") for members in parts.QUICK.members
    }
    assert [line["lanes"] for line in of["gradient"]] == list(parts.QUICK.lanes)
    # Of each network one way to read delays is chosen, beside others.
    chosen = [line["transport"] for line in of["single"] if line["chosen"]]
    assert chosen == ["at once", "split", "slices"]
    assert {"ring", "ring and slices"} <= {line["transport"] for line in of["single"]}
    spectrum, march = of["accuracy"]
    # On one noise path, or the largest correlation would be off by tenths.
    assert 0 < spectrum["spectrum_db"] < 1e-3 and 0 < march["spectrum_db"] < 1e-2
    assert march["fc"] < 1e-4


def test_a_brain_second_per_second_is_what_it_says(quick):
    line = next(line for line in quick[0]["lines"] if line["part"] == "ensemble")
    simulated = line["members"] * line["steps"] * line["dt_ms"] / 1000
    assert line["brain_seconds_per_second"] == pytest.approx(simulated / line["seconds"])
    held = 1e6 * (line["temporaries_mb"] + line["results_mb"])
    assert line["bytes_per_member"] == pytest.approx(held / line["members"])
    # Statuses and correlations at least.
    assert line["results_mb"] == pytest.approx(4e-6 * line["members"] * (line["nodes"] ** 2 + 1))


def bench(tmp_path, seconds: float = 1e3) -> parts.Bench:
    found = {
        "device": {"platform": "cpu", "kind": "none", "count": 1, "memory_bytes": 10**6},
        "commit": "abc",
        "lines": [],
        "left_out": [],
    }
    ends = parts.ends(list(parts.PARTS), seconds)
    return parts.Bench(ends, tmp_path / "made.json", found, Console(file=io.StringIO()))


def printed(made: parts.Bench) -> str:
    text = io.StringIO()
    accelerator.show(made.found, Console(file=text, width=200))
    return text.getvalue()


def test_want_of_memory_ends_a_row_and_not_the_run(tmp_path, monkeypatch):
    sizes = parts.Sizes(nodes=4, members=(4, 16, 64))

    def ensemble(bench, brain, sizes, members):
        if members > 4:
            raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return {"compile_seconds": 0.1}

    monkeypatch.setattr(parts, "_ensemble", ensemble)
    made = bench(tmp_path)
    parts.ensembles(made, sizes)
    known = [(line["delays"], line["members"], line["success"]) for line in made.found["lines"]]
    assert known == [
        (delays, members, members == 4) for members in (4, 16) for delays in ("none", "1-20 ms")
    ]
    assert [line["members"] for line in made.found["left_out"]] == [64, 64]
    assert json.loads(made.path.read_text()) == made.found
    text = printed(made)
    assert text.count("RuntimeError: RESOURCE_EXHAUSTED") == 4 and text.count("left out:") == 2


def test_what_no_time_is_left_for_is_left_out_and_said_so(tmp_path):
    made = bench(tmp_path, seconds=0.0)
    for part in parts.PARTS.values():
        part(made, parts.QUICK)
    made.write()
    assert made.found["lines"] == []
    assert {line["part"] for line in made.found["left_out"]} == set(parts.PARTS)
    assert len(made.found["left_out"]) == 4 + 2 + 8 + 2
    assert "may take 20 s where 0 s are left" in printed(made)


def test_time_is_shared_out_among_the_parts_asked_for():
    assert parts.ends(["ensemble", "gradient"], 65.0) == pytest.approx(
        {"ensemble": 50.0, "gradient": 65.0}
    )
    assert parts.ends(list(parts.PARTS), 540.0)["accuracy"] == pytest.approx(540.0)


@pytest.mark.parametrize(
    "run, error",
    [
        (lambda at: jnp.log(-at), "ArithmeticError"),
        (lambda at: (jnp.int32(3), at), "ArithmeticError"),
        (lambda at: jax.lax.map(lambda a: a * jnp.sort(jnp.ones(10**6) * a), at).sum(), "needs"),
    ],
    ids=["not finite", "a status", "too large"],
)
def test_wrong_results_and_too_large_programs_are_failures(tmp_path, run, error):
    made = bench(tmp_path)
    about = {"part": "single", "nodes": 4}
    line = made.line(about, lambda: parts.program(made, run, jnp.ones(3)), 0.0)
    assert not line["success"] and error in line["reason"]


def test_the_fastest_ensemble_stands_beside_cubnm():
    line = {"part": "ensemble", "nodes": 100, "success": True}
    rates = [{**line, "brain_seconds_per_second": rate} for rate in (10.0, 2925.7)]
    said = accelerator.beside_cubnm([*rates, {**line, "success": False}])
    assert "at best 2,926" in said and "0.446 to 0.5 of that" in said
