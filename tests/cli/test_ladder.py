"""`rosetta ladder`: every model is listed, every question answered."""

import pytest
from typer.testing import CliRunner

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
