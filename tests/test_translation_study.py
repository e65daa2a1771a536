"""The study of translations: it runs on one set and rung, measures what it says, and draws it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import translation_study as study


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("study") / "study.json"
    study.main(["--quick", "--only", "orders", "locking", "time", "--out", str(out)])
    return out, json.loads(out.read_text())


def test_each_part_is_kept_with_its_machine_and_drawn(measured):
    out, found = measured
    assert set(found) == {"orders", "locking", "time"}
    for part, each in found.items():
        assert each["quick"]
        assert {"machine", "versions", "commit", "found"} <= set(each)
        assert out.with_name(f"study_{part}.png").stat().st_size > 10_000


def test_errors_near_onset_fall_as_expected(measured):
    """Amplitude and shift of the frequency by the distance, the frequency by its square."""
    (rung,) = measured[1]["orders"]["found"]["rungs"].values()
    for quantity, order in study.ORDERS.items():
        assert rung["slopes"][quantity] == [pytest.approx(order, abs=0.1)]
        assert np.max(rung["errors"][quantity]) < 0.03


def test_the_width_of_a_tongue_is_the_predicted_one(measured):
    (each,) = measured[1]["locking"]["found"].values()
    (row,) = each["rows"]
    assert abs(row["width"]) < 0.02
    assert row["width"] == pytest.approx(row["predicted"] / row["simulated"] - 1)
    # Its middle is where the rhythm turns by itself.
    assert abs(row["middle"]) < 0.05


def test_the_time_of_every_translation_is_told(measured):
    """How long it is says the benchmark, not a test: the first call may find its programs compiled already."""
    rows = measured[1]["time"]["found"]["rows"]
    assert rows
    for row in rows:
        assert min(row["cpu"], row["wall"], row["first"]) > 0
