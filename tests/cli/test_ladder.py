"""`rosetta ladder`: every model is listed, every question answered."""

import itertools
import sys

import jax
import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli import cost as costing
from rosetta_jax.cli.app import app
from rosetta_jax.rungs import ladder, recommend
from rosetta_jax.rungs.ladder import BOXES, QUESTIONS


def rosetta(*arguments: str):
    return CliRunner().invoke(app, ["ladder", *arguments], env={"COLUMNS": "200"})


def test_every_model_and_every_box_is_listed():
    found = rosetta()
    assert found.exit_code == 0
    for step in ladder():
        assert step.kind.__name__ in found.output
    for described in BOXES.values():
        assert described.adds in found.output


@pytest.mark.parametrize("word", QUESTIONS)
def test_a_question_gets_a_rung_its_models_and_what_must_hold(word):
    found, expected = rosetta("--question", word), recommend(word)
    assert found.exit_code == 0 and f"Rung {expected.number}" in found.output
    assert expected.checks and all(check[:40] in found.output for check in expected.checks)
    assert all(kind.__name__ in found.output for kind in expected.kinds)


def test_all_questions_are_listed():
    found = rosetta("--question", "all")
    assert found.exit_code == 0 and all(word in found.output for word in QUESTIONS)


def test_an_unknown_question_lists_the_known_ones():
    found = rosetta("--question", "colour")
    assert found.exit_code == 1 and "Choose from: timing, spectra" in found.output


def test_questions_lead_to_the_rungs_of_the_paper():
    numbers = {word: recommend(word).number for word in QUESTIONS}
    assert numbers == {
        "timing": 1,
        "spectra": 2,
        "envelopes": 3,
        "balance": 4,
        "potentials": 5,
        "spikes": 6,
    }


# --- what a step costs ------------------------------------------------------------------------------


def test_a_measured_cost_is_a_column_with_the_machine(monkeypatch):
    asked = []

    def measured(kinds):
        asked.extend(kinds)
        yield from ((kind, 0.5 + place) for place, kind in enumerate(kinds))

    module = sys.modules["rosetta_jax.cli.ladder"]
    monkeypatch.setattr(module, "costs", measured)
    found = rosetta("--cost", "--quiet")
    assert found.exit_code == 0, found.output
    assert asked == [step.kind for step in ladder()]
    assert "µs a step and node" in found.output and "68 regions" in found.output
    assert f"jax {jax.__version__}, float64" in " ".join(found.output.split())
    for place in range(len(asked)):
        assert f" {0.5 + place:.3f} " in found.output
    assert "µs" not in rosetta().output


def test_calls_are_timed_in_turns_after_one_that_compiles():
    made = []
    clock = itertools.count()

    def slow():
        made.append("slow")
        next(clock)

    times = costing.in_turns([slow, lambda: made.append("quick")], 3, lambda: float(next(clock)))
    assert made == ["slow", "quick"] * 4
    np.testing.assert_array_equal(times, [[2.0, 1.0]] * 3)


def test_the_cost_is_a_median_by_step_and_node(monkeypatch):
    brain = rj.working_brain(rj.HarmonicOscillator, rj.Connectome(np.ones((4, 4)) - np.eye(4)))
    seen = []
    times = np.array([[0.5], [0.8], [9.0]])
    monkeypatch.setattr(
        costing, "in_turns", lambda calls, repeats: seen.append((calls[0], repeats)) or times
    )
    assert costing.step_cost(brain, 1e-3, steps=100, repeats=3) == pytest.approx(0.8 / 400 * 1e6)
    (call, repeats), *_ = seen
    assert repeats == 3 and call().shape == (100, 4)


def test_costs_are_those_of_the_working_points(monkeypatch):
    seen = {}

    def measured(brain, dt):
        seen[type(brain.rung)] = (
            brain.nodes,
            dt,
            brain.delays() is not None,
            brain.noise is not None,
        )
        return 1.0

    monkeypatch.setattr(costing, "step_cost", measured)
    kinds = [rj.StuartLandau, rj.NMM2]
    assert dict(costing.costs(kinds)) == {rj.StuartLandau: 1.0, rj.NMM2: 1.0}
    assert seen == {rj.StuartLandau: (68, 5e-4, True, True), rj.NMM2: (68, 1e-4, True, True)}


# --- the picture of all rungs -----------------------------------------------------------------------


def test_the_picture_shows_all_rungs(tmp_path):
    path = tmp_path / "new" / "ladder.svg"
    found = rosetta("--picture", str(path), "--quiet")
    assert found.exit_code == 0, found.output
    drawn = path.read_text()
    assert drawn.startswith("<?xml") and len(drawn) > 20_000
    assert [each.name for each in path.parent.iterdir()] == ["ladder.svg"]


def test_a_picture_of_another_kind_is_refused(tmp_path):
    found = rosetta("--picture", str(tmp_path / "ladder.bmp"))
    assert found.exit_code == 1 and ".png" in found.output and not list(tmp_path.iterdir())
