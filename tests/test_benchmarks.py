"""The benchmark beside peers: its workloads, its table, and rosetta_jax's own script on tiny networks."""

import argparse
import dataclasses
import io
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "peers"))

import run
import run_rosetta
import workloads


def test_the_connectome_is_the_one_described():
    weights, delays = workloads.connectome(80)
    others = ~np.eye(80, dtype=bool)
    assert np.abs(np.linalg.eigvals(weights)).max() == pytest.approx(1.0)
    assert delays[others].min() >= 1.0
    assert delays[others].max() <= 20.0
    for matrix in (weights, delays):
        np.testing.assert_array_equal(matrix, matrix.T)
        assert not np.diagonal(matrix).any()
    # The first values of the generator named in the module.
    assert weights[0, 1] / weights[0, 2] == pytest.approx(np.exp(-0.13210486 - 0.64042265))


def test_the_oracle_marches_by_heun_with_the_coupling_held():
    case = workloads.case_of("W1", nodes=3, dt=1.0, steps=1)
    model = workloads.StuartLandau(sigma=0.0)
    weights, begin = workloads.connectome(3)[0], np.array([[0.1] * 3, [0.0] * 3])
    arriving = model.gain * weights @ begin[0]
    first = model.field(begin, arriving)
    second = model.field(begin + first, arriving)
    (found,) = workloads.oracle(case, "frozen")
    np.testing.assert_allclose(found, (begin + (first + second) / 2)[0], rtol=1e-13)


@pytest.mark.parametrize("workload", ["W1", "W2", "W3", "W4"])
def test_both_schemes_of_the_oracle_converge_to_one_run(workload: str):
    def end(scheme: str, dt: float) -> np.ndarray:
        case = workloads.Case(workload, 4, dt, round(30 / dt), noisy=False)
        return workloads.oracle(case, scheme, "interpolated")[-1]

    apart = [np.abs(end("frozen", dt) - end("both ends", dt)).max() for dt in (0.5, 0.25)]
    assert 1.8 < apart[0] / apart[1] < 2.2


def test_its_derivatives_are_those_of_differences():
    case = workloads.case_of("W5", nodes=4, dt=1.0, steps=60)
    _, by_growth, by_gain = workloads.expected(case, "frozen", "rounded")
    step, model = 1e-6, workloads.StuartLandau()

    def value(**moved: float) -> float:
        return workloads.loss(workloads.oracle(case.checked, "frozen", "rounded", **moved))

    for name, found in (("a", by_growth), ("gain", by_gain)):
        known = getattr(model, name)
        slope = (value(**{name: known + step}) - value(**{name: known - step})) / (2 * step)
        assert found == pytest.approx(slope, rel=1e-5)


def test_the_loss_is_the_mean_square_of_correlations_off_the_diagonal():
    time = 2 * np.pi * np.arange(100) / 100
    apart = np.stack([np.sin(time), 3 + np.cos(time)], axis=1)
    alike = np.stack([np.sin(time), 3 - 2 * np.sin(time)], axis=1)
    assert workloads.loss(apart) == pytest.approx(0.0, abs=1e-12)
    assert workloads.loss(alike) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("workload", "dt"),
    [("W1", 1.0), ("W2", 0.5), ("W3", 0.5), ("W4", 1.0), ("W5", 1.0), ("W6", 1.0)],
)
def test_the_script_of_rosetta_computes_the_workload(workload: str, dt: float):
    case = workloads.case_of(workload, nodes=5, dt=dt, steps=30)
    given = argparse.Namespace(delays="interpolated", setting="")
    program = run_rosetta.build(case.checked, given)
    found = np.asarray(program.seen(program.call()))
    found = found.ravel() if case.kind.gradient or case.lanes > 1 else found[-1]
    expected = workloads.expected(case, program.scheme, program.delays)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def line(peer: str, cpu: float, **more: object) -> dict[str, object]:
    """A line as a script prints it."""
    figures = {"cpu_us": cpu, "wall_us": cpu, "compile_seconds": 1.0, "peak_mb": 300.0}
    return {
        "peer": peer,
        "workload": "W2",
        "nodes": 80,
        "dt": 1.0,
        "setting": "",
        "delays": "rounded",
        "success": True,
        "quiet": True,
        "temporaries_mb": None,
        "differs": "",
        "agrees": True,
        "difference": 1e-6,
        **figures,
        **more,
    }


def test_the_table_shows_the_best_setting_and_the_ratios_to_it():
    failed = {"success": False, "reason": "there is no gcc"}
    lines = [
        line("tvboptim", 40.0, setting="circular"),
        line("tvboptim", 20.0, setting="roll"),
        line("rosetta", 8.0, quiet=False),
        line("tvb", 200.0, differs="in another way"),
        line("c", 5.0),
        {**line("vbjax", 0.0), **failed},
        {**line("cubnm", 0.0), **failed, "lacking": True, "reason": "no such model"},
    ]
    known = {"processor": "one of a kind", "cores": 2}
    found = {
        "machine": known,
        "commit": "abc",
        "lines": lines,
        "left_out": {"neurolib": "no wheel"},
    }
    printed = io.StringIO()
    run.show(found, Console(file=printed, width=200))
    rows = {
        words[2]: words
        for words in map(str.split, printed.getvalue().splitlines())
        if len(words) > 3
    }
    assert rows["tvboptim"][3:8] == ["roll", "20.00", "20.00", "1.00", "4.00"]
    assert rows["rosetta"][3:9] == ["delays", "rounded", "8.00", "~", "8.00", "2.50"]
    assert "there is no gcc" in printed.getvalue()
    assert "neurolib is left out: no wheel" in printed.getvalue()
    assert "cubnm has not W2: no such model" in printed.getvalue()


def test_processes_of_one_setting_are_summed_up_by_their_median():
    lines = [line("rosetta", cpu) for cpu in (9.0, 5.0, 7.0)]
    (best,) = run.bests(lines)
    assert best["cpu_us"] == 7.0


def test_a_wrong_run_is_told_from_a_right_one():
    case = workloads.case_of("W1", nodes=3, dt=1.0, steps=20)
    right = workloads.expected(case, "frozen", "rounded")
    made = {**line("tvboptim", 1.0), "workload": "W1", "nodes": 3, "steps": 20, "scheme": "frozen"}
    assert run.judged({**made, "fingerprint": right.tolist()})["agrees"]
    assert not run.judged({**made, "fingerprint": (1.01 * right).tolist()})["agrees"]
    assert not run.judged({**made, "fingerprint": right[:2].tolist()})["agrees"]
    assert dataclasses.replace(case, noisy=False).model.sigma == 0.0
