"""Statuses of lanes, and files that results survive in."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax.results import (
    Status,
    first_failure,
    load_arrays,
    progress,
    provenance,
    save_arrays,
    status_where,
    summarise,
)


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_message(status):
    assert status.message


def test_success_is_zero():
    assert Status.ok == 0


@pytest.mark.parametrize(
    "statuses, first", [((0, 0), 0), ((0, 3), 3), ((2, 1), 2), ((0, 2, 1), 2), ((1,), 1)]
)
def test_the_first_failure_counts(statuses, first):
    assert int(first_failure(*(jnp.int32(s) for s in statuses))) == first


def test_a_status_is_set_where_a_lane_failed():
    found = status_where(jnp.array([True, False]), Status.unstable)
    np.testing.assert_array_equal(found, [4, 0])


def test_a_summary_counts_lanes_by_how_they_ended():
    text = summarise(np.array([0, 0, 2]))
    assert text.startswith("2 of 3 succeeded; 1 of 3 a delay exceeds `max_delay`")


def test_a_summary_takes_one_lane():
    assert summarise(jnp.int32(0)) == "1 of 1 succeeded."


def test_arrays_and_metadata_survive_a_file(tmp_path):
    arrays = {"signal": np.arange(6.0).reshape(2, 3), "status": np.int32(1), "z": np.array([1j])}
    path = save_arrays(tmp_path / "run.npz", arrays, {"dt": 1e-3, "labels": ["a", "b"]})
    found, metadata = load_arrays(path)
    assert metadata == {"dt": 1e-3, "labels": ["a", "b"]} and set(found) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype


def test_metadata_may_hold_arrays_numbers_and_paths(tmp_path):
    given = {"gain": jnp.array([1.0, 2.0]), "n": np.int64(3), "at": tmp_path}
    _, found = load_arrays(save_arrays(tmp_path / "run.npz", {}, given))
    assert found == {"gain": [1.0, 2.0], "n": 3, "at": str(tmp_path)}


def test_what_json_cannot_hold_is_refused(tmp_path):
    with pytest.raises(TypeError, match="cannot write set as JSON"):
        save_arrays(tmp_path / "run.npz", {}, {"x": {1}})


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    path = save_arrays(tmp_path / "run.npz", {"a": np.ones(2)}, {})
    with pytest.raises(TypeError):
        save_arrays(path, {"a": np.zeros(2)}, {"x": {1}})
    np.testing.assert_array_equal(load_arrays(path)[0]["a"], [1.0, 1.0])


def test_saving_leaves_no_other_file(tmp_path):
    save_arrays(tmp_path / "run.npz", {"a": np.ones(2)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["run.npz"]


def test_another_archive_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.ones(2))
    with pytest.raises(ValueError, match=r"holds no saved result, found the keys \['a'\]"):
        load_arrays(tmp_path / "other.npz")


def test_another_version_of_the_format_is_refused(tmp_path):
    np.savez(tmp_path / "old.npz", metadata=np.asarray(json.dumps({"format": 0})))
    with pytest.raises(ValueError, match="another version of the format"):
        load_arrays(tmp_path / "old.npz")


def test_provenance_says_versions_precision_and_time():
    found = provenance(seed=3)
    assert found["precision"] == "float64" and found["seed"] == 3
    assert "jax" in found["versions"] and found["created"].endswith("+00:00")


def test_progress_is_silent_when_disabled(capsys):
    with progress(enabled=False) as bar:
        task = bar.add_task("marching", total=2, note="")
        bar.advance(task)
    captured = capsys.readouterr()
    assert captured.out.strip() == "" and captured.err.strip() == ""
