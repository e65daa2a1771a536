"""Evoked responses: what a file may hold, spans and baselines."""

import numpy as np
import pytest

from rosetta_jax.data import Response

TIMES = np.arange(-5, 15) * 1e-3
POTENTIAL = np.random.default_rng(6).standard_normal((20, 3))
LABELS = ("Fz", "Cz", "Pz")
ONE = Response(TIMES, POTENTIAL, LABELS, "µV")


@pytest.mark.parametrize("channels_first", [False, True])
@pytest.mark.parametrize("unit, factor", [("s", 1.0), ("ms", 1e3)])
def test_what_is_written_is_read(tmp_path, channels_first, unit, factor):
    held = {"t": factor * TIMES[None], "names": np.array(LABELS)}
    held["EEG"] = POTENTIAL.T if channels_first else POTENTIAL
    np.savez(tmp_path / "tep.npz", **held)
    found = Response.load(tmp_path / "tep.npz", keys={"times": "t"}, time_unit=unit, unit="µV")
    np.testing.assert_allclose(found.times, TIMES, atol=1e-15)
    np.testing.assert_array_equal(found.potential, POTENTIAL)
    assert (found.labels, found.unit, found.baseline) == (LABELS, "µV", None)


def test_a_table_begins_with_times(tmp_path):
    path = tmp_path / "tep.csv"
    rows = np.c_[TIMES, POTENTIAL]
    np.savetxt(path, rows, delimiter=",", header="time,Fz,Cz,Pz", comments="", fmt="%.17g")
    found = Response.load(path)
    np.testing.assert_array_equal(found.potential, POTENTIAL)
    np.testing.assert_array_equal(found.times, TIMES)
    assert found.labels == LABELS
    np.savetxt(path, rows, delimiter=",", fmt="%.17g")
    assert Response.load(path).labels is None


def test_a_span_channels_and_a_baseline():
    part = ONE.within(0.0, 0.003)
    np.testing.assert_array_equal(part.potential, POTENTIAL[5:9])
    less = ONE.less_baseline(-0.005, -0.001)
    np.testing.assert_allclose(less.potential, POTENTIAL - POTENTIAL[:5].mean(axis=0), atol=1e-15)
    assert less.baseline == (-0.005, -0.001) == less.within(0.0, 0.01).baseline
    chosen = ONE.choose(["Pz", "Fz"])
    np.testing.assert_array_equal(chosen.potential, POTENTIAL[:, [2, 0]])
    assert chosen.labels == ("Pz", "Fz")


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: Response(1e3 * TIMES, POTENTIAL), "`times` are 1 s apart, as if in milliseconds"),
        (
            lambda: Response(TIMES[::-1], POTENTIAL),
            "`times` must be a list of two or more that incr",
        ),
        (
            lambda: Response(TIMES, POTENTIAL.T),
            r"must be \(20, channels\), time first, got \(3, 20\)",
        ),
        (lambda: Response(TIMES, POTENTIAL, ("a",)), "1 names for 3 channels"),
        (lambda: Response(TIMES, np.where(np.eye(20, 3), np.nan, 1.0), LABELS), "in channel 'Fz'"),
        (lambda: ONE.within(1.0, 2.0), "holds 0 samples of -0.005 to 0.014 s: at least 2"),
        (lambda: ONE.less_baseline(-2.0, -1.0), "holds 0 samples .*before the stimulus"),
        (lambda: ONE.choose(["Oz"]), "`labels` is 'Oz'"),
        (lambda: Response(TIMES, POTENTIAL).choose(["Oz"]), "`labels` are missing"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_file_without_times_lists_what_it_has(tmp_path):
    np.savez(tmp_path / "tep.npz", potential=POTENTIAL)
    with pytest.raises(ValueError, match=r"tep.npz: `times` is needed .*potential \(20, 3\)"):
        Response.load(tmp_path / "tep.npz")
    with pytest.raises(ValueError, match="`time_unit` is 'h'"):
        Response.load(tmp_path / "tep.npz", time_unit="h")
