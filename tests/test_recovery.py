"""The study of recovery: intervals hold the truth, and the table names what data may come from."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

import rosetta_jax as rj

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import recovery as study


@pytest.fixture(scope="module")
def recovered():
    return study.recovered(rj.HarmonicOscillator, 40)


def test_intervals_hold_the_truth_as_often_as_they_say(recovered):
    assert recovered["sets"] == 40
    assert recovered["free"] == ["gain", "rung.alpha", "rung.omega"]
    # Four standard errors of a share of 40.
    for level, each in recovered["coverage"].items():
        share = float(level)
        most = 4 * (share * (1 - share) / 40) ** 0.5
        assert each == pytest.approx([share] * 3, abs=most)
    assert min(recovered["p of uniform ranks"]) > 1e-3


def test_a_table_names_what_data_may_come_from(recovered):
    says = {"not told apart": ["HarmonicOscillator", "StuartLandau"]}
    page = io.StringIO()
    Console(file=page, width=160).print(
        study.table(
            {
                "HarmonicOscillator": {"recovery": recovered, "comparison": says},
                "Laminar": {"recovery": recovered},
            }
        )
    )
    assert "HarmonicOscillator, StuartLandau" in page.getvalue() and "Laminar" in page.getvalue()
