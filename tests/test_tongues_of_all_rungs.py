"""The picture of all rungs: it runs on two of them, says how often predictions are right, and why none is."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import rosetta_jax as rj

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import tongues_of_all_rungs as study


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("tongues") / "tongues.json"
    study.main(["--quick", "--out", str(out)])
    return out, json.loads(out.read_text())


def test_two_rungs_are_kept_with_their_machine_and_drawn(measured):
    out, found = measured
    assert found["quick"]
    assert {"machine", "versions", "commit", "seconds"} <= set(found)
    assert set(found["rungs"]) == set(study.QUICK)
    assert out.with_suffix(".png").stat().st_size > 10_000


def test_near_onset_oscillator_and_phase_say_what_locks(measured):
    row = measured[1]["rungs"]["Wilson-Cowan"]
    assert 0 < row["growth"] < 0.012
    assert row["largest pull"] == pytest.approx(1.0)
    shape = len(row["amplitudes"]), len(row["frequencies"])
    assert np.shape(row["locked"]) == shape == study.COARSE[::-1]
    # Theory locks at its own frequency always, and at the largest amplitude as far as the cycle attracts.
    low, high = np.array(row["edges"][study.PHASE])
    assert (low < row["frequency"]).all() and (row["frequency"] < high).all()
    assert 2 * np.pi * (high - low)[-1] / 2 == pytest.approx(row["attraction"])
    for who in (study.PHASE, study.OSCILLATOR):
        assert row["agreement"][who]["all"] > 0.93
        assert row["agreement"][who]["overlap, all"] > 0.8


def test_a_rung_without_an_oscillator_says_why(measured):
    row, rhythm = measured[1]["rungs"]["Subcritical"], study.rhythms()["Subcritical"]
    assert set(row["agreement"]) == set(row["edges"]) == {study.PHASE}
    assert row["agreement"][study.PHASE]["weak"] > 0.9
    assert "subcritical, no oscillator" in study.note(row)
    with pytest.raises(ValueError, match="is subcritical"):
        rj.translate(rhythm.rung, rj.StuartLandau, measured=False)


def test_shares_and_overlaps_of_two_grids():
    """Of 4 by 4 points one is missed, in the weakest row, and one is added, in the strongest."""
    seen = np.array([[0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]], bool)
    predicted = np.array([[0, 1, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]], bool)
    assert study.agreement(seen, predicted) == {
        "all": 14 / 16,
        "overlap, all": 8 / 10,
        "weak": 3 / 4,
        "overlap, weak": 1 / 2,
    }
    blank = np.zeros((3, 4), bool)
    found = study.agreement(blank, blank)
    assert found["all"] == 1.0 and np.isnan(found["overlap, all"])


def test_a_panel_begins_without_an_input(measured):
    row = measured[1]["rungs"]["Wilson-Cowan"]
    panel = study.panel("Wilson-Cowan", row)
    assert panel.amplitudes[0] == 0.0
    assert not panel.locked[0].any() and panel.locked[-1].any()
    np.testing.assert_array_equal(panel.locked[1:], row["locked"])
    assert [edge[0] for edge in panel.edges[study.PHASE]] == [row["frequency"]] * 2
    assert len(panel.note.splitlines()) == 3 and "oscillator: right on" in panel.note


def test_what_was_measured_is_shown_without_measuring_again(measured, monkeypatch, capsys):
    out, found = measured
    monkeypatch.setattr(study, "measured", None)
    out.with_suffix(".png").unlink()
    study.main(["--show", "--out", str(out)])
    assert out.with_suffix(".png").is_file()
    share = found["rungs"]["Wilson-Cowan"]["agreement"][study.OSCILLATOR]["overlap, all"]
    assert f"{share:.3f}" in capsys.readouterr().out
