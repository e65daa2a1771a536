"""`rosetta compare`: a verdict, a table and a picture."""

import json

import pytest
from typer.testing import CliRunner

from rosetta_jax.cli.app import app


def rosetta(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    out = tmp_path_factory.mktemp("compare")
    settings = ("--people", 2, "--starts", 1, "--rung", "thalamic-loop", "--band", 6, 16, "--quiet")
    found = rosetta("compare", "--out", out, *settings)
    assert found.exit_code == 0, found.output
    return out, found


def test_it_says_which_model_the_data_need(compared):
    out, found = compared
    summary = json.loads((out / "summary.json").read_text())
    names = set(summary["models"])
    assert "thalamic-loop" in names and len(names) == 3
    assert summary["best"] in summary["not_told_apart"]
    assert summary["verdict"] in found.output.replace("\n", " ")
    best = summary["models"][summary["best"]]
    assert best["behind the best"] == 0
    assert all(row["behind the best"] >= 0 for row in summary["models"].values())
    assert summary["degrees_of_freedom"] > 10


def test_it_writes_page_picture_and_settings(compared):
    out, _ = compared
    assert {"report.html", "comparison.png", "config.toml", "summary.json"} <= {
        each.name for each in out.iterdir()
    }
    assert "thalamic-loop" in (out / "config.toml").read_text()


def test_wrong_recordings_are_named(tmp_path):
    found = rosetta("compare", "--data", tmp_path / "none.npz", "--out", tmp_path)
    assert found.exit_code == 1
    assert "none.npz" in found.output.replace("\n", "")
