"""The benchmark beside peers: its workloads, its table, and rosetta_jax's own script on tiny networks."""

import argparse
import dataclasses
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "peers"))

import measure
import run
import run_rosetta
import scaling
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


def test_the_oracle_predicts_what_arrives_once_a_step():
    model, weights = workloads.StuartLandau(sigma=0.0), workloads.connectome(3)[0]
    state, found = np.array([[0.1] * 3, [0.0] * 3]), []
    arriving = model.gain * weights @ state[0]
    for _ in range(2):
        first = model.field(state, arriving)
        arriving = model.gain * weights @ (state + first)[0]
        state = state + (first + model.field(state + first, arriving)) / 2
        found.append(state[0])
    case = workloads.case_of("W1", nodes=3, dt=1.0, steps=2)
    np.testing.assert_allclose(workloads.oracle(case, "predicted"), found, rtol=1e-13)

    def end(scheme: str, dt: float) -> np.ndarray:
        case = workloads.Case("W1", 4, dt, round(30 / dt), noisy=False)
        return workloads.oracle(case, scheme)[-1]

    apart = [np.abs(end("predicted", dt) - end("both ends", dt)).max() for dt in (0.1, 0.05)]
    assert 3.7 < apart[0] / apart[1] < 4.3


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
    ("workload", "dt", "setting", "within"),
    [
        ("W1", 1.0, "", 1e-6),
        ("W1", 1.0, "transport=predicted", 1e-6),
        ("W2", 0.5, "", 1e-6),
        ("W2", 0.1, "transport=taps", run.AGREES),
        ("W3", 0.5, "", 1e-6),
        ("W4", 1.0, "", 1e-6),
        ("W5", 1.0, "", 1e-6),
        ("W5", 0.1, "transport=taps", run.AGREES),
        ("W5", 1.0, run.FREE_SPEED, 1e-6),
        ("W6", 1.0, "", 1e-6),
        ("W6n", 1.0, "transport=predicted", 1e-6),
    ],
)
def test_the_script_of_rosetta_computes_the_workload(
    workload: str, dt: float, setting: str, within: float
):
    case = workloads.case_of(workload, nodes=5, dt=dt, steps=30 if dt > 0.1 else 120)
    given = argparse.Namespace(delays="interpolated", setting=setting)
    program = run_rosetta.build(case.checked, given)
    found = np.asarray(program.seen(program.call()))
    found = found.ravel() if case.kind.gradient or case.lanes > 1 else found[-1]
    expected = workloads.expected(case, program.scheme, program.delays)
    # What is approximate is judged, as the driver does, by the largest value.
    size = within * np.abs(expected).max() if setting == run.APPROXIMATE else 0.0
    np.testing.assert_allclose(found, expected, rtol=within, atol=size)


@pytest.mark.parametrize("lanes", [1, 3])
def test_an_ensemble_has_as_many_lanes_as_told(lanes: int):
    case = workloads.case_of("W6", nodes=5, dt=1.0, steps=30, lanes=lanes)
    given = argparse.Namespace(delays="rounded", setting="")
    program = run_rosetta.build(case.checked, given)
    found = program.seen(program.call())
    assert found.shape == (lanes, 5)
    expected = workloads.expected(case, program.scheme, "rounded")
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-6)


def test_one_network_has_no_lanes():
    assert workloads.case_of("W2", nodes=5, dt=1.0, lanes=1).lanes == 1
    with pytest.raises(ValueError, match="`lanes` must be 1, since W2 is one network; got 4"):
        workloads.case_of("W2", nodes=5, dt=1.0, lanes=4)


def line(peer: str, cpu: float, **more: object) -> dict[str, object]:
    """A line as a script prints it."""
    figures = {"cpu_us": cpu, "wall_us": cpu, "compile_seconds": 1.0, "peak_mb": 300.0}
    return {
        "peer": peer,
        "workload": "W2",
        "nodes": 80,
        "dt": 1.0,
        "steps": 100,
        "lanes": 1,
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


def test_a_gradient_of_the_speed_has_a_row_of_its_own():
    fixed, free = run.bests([line("rosetta", 8.0), line("rosetta", 9.0, setting=run.FREE_SPEED)])
    assert (fixed["cpu_us"], free["cpu_us"]) == (8.0, 9.0)
    given = argparse.Namespace(
        only="W5", nodes=None, dt="1.0", steps=0, peers="rosetta", repeats=1, quick=False
    )
    asked = [job for job in run.jobs(given) if run.FREE_SPEED in job]
    assert asked and all("rounded" not in job for job in asked)


def test_what_is_approximate_has_a_row_of_its_own():
    rough = {"setting": run.APPROXIMATE}
    lines = [line("rosetta", 8.0), line("rosetta", 4.0, **rough), line("rosetta", 5.0, **rough)]
    lines.append(line("rosetta", 7.0, setting="block=100"))
    best, nearly = run.bests(lines)
    assert (best["cpu_us"], nearly["cpu_us"]) == (7.0, 4.0)
    assert run._cells(nearly, None, None)[1] == "transport=taps, delays rounded, approximate"


def test_settings_are_those_that_suit_a_workload():
    def of_rosetta(name: str, dt: float) -> list[str]:
        return run.settings("rosetta", workloads.WORKLOADS[name], dt)

    assert of_rosetta("W2", 0.1) == ["", "transport=taps"]
    assert of_rosetta("W5", 0.1) == ["", "transport=taps", "free=speed"]
    assert of_rosetta("W5", 1.0) == ["", "free=speed"]
    assert of_rosetta("W2", 1.0) == of_rosetta("W3", 0.1) == [""]
    assert of_rosetta("W1", 1.0) == ["", "transport=predicted"]
    assert of_rosetta("W6n", 1.0) == ["", "group=8", "group=32", "transport=predicted"]
    assert of_rosetta("W6", 0.1) == ["", "group=8", "group=32"]


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


def asked(quick: bool = False) -> list[list[str]]:
    """The jobs of the picture of scaling."""
    given = argparse.Namespace(quick=quick, peers=",".join(scaling.LIBRARIES), repeats=3)
    return list(scaling.jobs(given))


def test_scaling_runs_every_size_once_and_few_settings():
    jobs = [(job[0], measure.arguments().parse_args(job[1:])) for job in asked()]
    every = {each for panel in scaling.sizes(quick=False).values() for each in panel}
    ours = [scaling.size(vars(given)) for peer, given in jobs if peer == "rosetta"]
    # 80 nodes stand in the panels of nodes and of delays.
    assert len(ours) == len(every) == 5 * 2 + 6 + 5 + 4 - 2
    assert set(ours) == every
    settings: dict[tuple, list[str]] = {}
    for peer, given in jobs:
        settings.setdefault((peer, *scaling.size(vars(given))), []).append(given.setting)
    assert settings["tvboptim", "W2", 1000, 0.1, 512, 1] == [
        "roll,block=250",
        "preallocated,block=250",
    ]
    assert settings["tvboptim", "W2", 80, 1.0, 600_000, 1] == ["roll,block=250"]
    assert settings["tvboptim", "W6", 80, 1.0, 8192, 1] == ["roll,block=250,lanes=1"]
    assert settings["c", "W6", 80, 1.0, 2048, 4] == ["alone"]
    assert settings["c", "W6", 80, 1.0, 512, 16] == [""]
    assert len(asked(quick=True)) < len(jobs) / 3


def scaled() -> dict[str, Any]:
    """A results file of the picture of scaling with made-up figures: a step takes rosetta_jax 0.1 µs a node."""
    factors = {"tvboptim": 3.0, "rosetta": 1.0, "c": 0.5}
    sizes = scaling.sizes(quick=True)
    names = ("workload", "nodes", "dt", "steps", "lanes")
    lines = [
        line(peer, factor * size[1] / 10, **dict(zip(names, size, strict=True)))
        for size in dict.fromkeys(each for panel in sizes.values() for each in panel)
        for peer, factor in factors.items()
    ]
    found = {"machine": {"processor": "one of a kind"}, "panels": sizes, "left_out": {}}
    return json.loads(json.dumps(found | {"lines": lines}))


def test_the_picture_of_scaling_draws_what_ran_right():
    found = scaled()
    wrong = next(each for each in found["lines"] if each["peer"] == "c" and each["nodes"] == 20)
    wrong["agrees"] = False
    slower = {**found["lines"][0], "setting": "circular", "cpu_us": 1e3}
    found["lines"].append(slower)
    figure = scaling.draw(found)
    panels = dict(zip(scaling.PANELS, figure.axes, strict=True))
    curves = {
        (curve.get_color(), curve.get_linestyle()): np.transpose(curve.get_data()).tolist()
        for curve in panels["nodes"].lines
        if len(curve.get_xdata()) and curve.get_markerfacecolor() != "white"
    }
    ours, theirs, bare = (scaling.LIBRARIES[peer][1] for peer in ("rosetta", "tvboptim", "c"))
    assert curves[ours, "-"] == curves[ours, "--"] == [[20, 2], [80, 8]]
    assert curves[theirs, "-"] == [[20, 6], [80, 24]]
    assert (len(curves[bare, "-"]), len(curves[bare, "--"])) == (1, 2)
    delays = next(curve for curve in panels["delays"].lines if curve.get_color() == ours)
    assert list(delays.get_xdata()) == [10, 20, 200]
    lanes = next(curve for curve in panels["lanes"].lines if curve.get_color() == ours)
    assert list(lanes.get_xdata()) == [1, 16]
    run_of = next(curve for curve in panels["time"].lines if curve.get_color() == ours)
    np.testing.assert_allclose(run_of.get_xydata(), [[1, 0.008], [10, 0.08]])


def test_the_picture_of_scaling_names_each_curve_and_nothing_overlaps():
    found = scaled()
    for each in found["lines"]:
        each["cpu_us"] = each["wall_us"] = 1.0
    figure = scaling.draw(found)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        assert axes.get_xlabel()
        assert axes.get_ylabel().endswith(("(µs)", "(s)"))
        assert [text.get_text() for text in axes.texts] == ["TVB-Optim", "rosetta_jax", "C"]
        boxes = [text.get_window_extent() for text in axes.texts]
        inside = figure.bbox
        for place, box in enumerate(boxes):
            assert inside.x0 <= box.x0 and box.x1 <= inside.x1
            assert not any(box.overlaps(other) for other in boxes[:place])


def test_the_picture_of_scaling_marks_what_was_measured_on_a_busy_core():
    found = scaled()
    for each in found["lines"]:
        each["quiet"] = each["peer"] != "rosetta"
    axes = scaling.draw(found).axes[1]
    hollow = [each for each in axes.lines if each.get_markerfacecolor() == "white"]
    counts = {each.get_color(): len(each.get_xdata()) for each in hollow}
    assert counts[scaling.LIBRARIES["rosetta"][1]] == 3
    assert sum(counts.values()) == 3


def test_scaling_prints_the_numbers_and_what_is_missing(tmp_path: Path):
    found = scaled()
    last = found["lines"][-1]
    last |= {"success": False, "reason": "there is no gcc"}
    printed = io.StringIO()
    scaling.show(found, tmp_path / "scaling.png", Console(file=printed, width=200))
    text = printed.getvalue()
    (row,) = (each for each in text.splitlines() if "nodes 80" in each and "step 0.1 ms" in each)
    assert row.split()[-5:] == ["24", "8", "4", "3.00", "0.50"]
    assert f"{last['peer']} {scaling.size(last)}: there is no gcc" in text
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_labels_are_pushed_apart_as_little_as_needed():
    assert scaling.spread([0.9, 0.1, 0.5], 0.1) == pytest.approx([0.9, 0.1, 0.5])
    assert scaling.spread([0.5, 0.52, 0.1], 0.1) == pytest.approx([0.46, 0.56, 0.1])
    assert scaling.spread([0.3, 0.3, 0.3], 0.1) == pytest.approx([0.2, 0.3, 0.4])
