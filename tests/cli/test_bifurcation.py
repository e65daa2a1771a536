"""`rosetta bifurcation`: what it finds of Jansen-Rit, what it writes, and wrong input in plain words."""

import json
import re
import tomllib

import jax
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli.app import app
from rosetta_jax.cli.bifurcation import SWEEPS, Sweep, _sweep
from rosetta_jax.cli.bifurcation_points import _stable_beside
from rosetta_jax.cli.brain import KINDS, one_node
from rosetta_jax.cli.shared import RungName
from rosetta_jax.results import load_arrays


def rosetta(*words):
    words = [str(word) for word in ("bifurcation", *words)]
    return CliRunner().invoke(app, words, env={"COLUMNS": "220"})


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """The run without any argument but its folder."""
    out = tmp_path_factory.mktemp("bifurcation")
    done = rosetta("--out", out, "--quiet")
    assert done.exit_code == 0, done.output
    return out, done


def summary(found):
    return json.loads((found[0] / "summary.json").read_text())


# --- what is found


def test_the_points_of_jansen_rit_are_found_with_their_kind(found):
    points = summary(found)["points"]
    assert [point["kind"] for point in points] == ["SN", "HB−", "HB+", "SNIC", "SNLC", "HB+"]
    values = [-41.30141, -12.147492, 89.829108, 113.586273, 137.37927, 315.696428]
    np.testing.assert_allclose([point["value"] for point in points], values, atol=1e-5)
    events = [point["event"] for point in points]
    assert events[0] == "two unstable equilibria meet"
    assert events[1] == "an unstable cycle is born" and events[2] == "a stable cycle is born"
    assert "the cycle from HB− at −12.147 ends" in events[3]
    assert events[4] == "a stable and an unstable cycle meet"
    assert events[5] == "the cycle from HB+ at 89.829 ends"
    frequencies = [point["frequency"] for point in points]
    assert frequencies[0] is None and frequencies[3] == 0.0
    assert frequencies[1:3] == pytest.approx([7.2395, 10.3771], abs=1e-4)
    assert points[4]["low"] < 3.5 < 11.5 < points[4]["high"]


def test_cycles_are_followed_once_from_either_end(found):
    cycles = summary(found)["cycles"]
    assert [each["kind"] for each in cycles] == ["SNIC", "Hopf"]
    assert cycles[1]["end"] == pytest.approx(315.696428, abs=1e-6)


def test_the_tables_are_told_on_the_terminal_and_in_the_report(found):
    page = (found[0] / "report.html").read_text()
    for text in (found[1].output, page):
        for part in ("bias (1/s)", "signal (mV)", "SNLC", "137.37927", "7.2395", "partly"):
            assert part in text
        assert "the period grows without bound at the fold bias = 113.586 (SNIC)" in text
    assert "6 points and 2 branches of cycles" in found[1].output
    assert page.index("<img") < page.index("<table")


def test_all_files_are_written_and_the_arrays_agree(found):
    out, _ = found
    assert {path.name for path in out.iterdir()} == {
        *("config.toml", "summary.json", "report.html", "bifurcation.npz", "bifurcation.png")
    }
    arrays, metadata = load_arrays(out / "bifurcation.npz")
    assert arrays["states"].shape == (len(arrays["values"]), 6)
    assert arrays["values"][[0, -1]] == pytest.approx([-80, 350])
    for number in range(2):
        of = {name: arrays[f"cycles_{number}_{name}"] for name in ("values", "low", "high")}
        assert (of["high"] >= of["low"]).all() and len(of["values"]) == len(of["low"])
    stable = arrays["cycles_0_stable"]
    assert stable.any() and not stable[:5].any()
    assert metadata["sweep"]["parameters"] == ["bias"]


def test_the_settings_are_written_and_read(tmp_path, found):
    settings = tomllib.loads((found[0] / "config.toml").read_text())
    assert settings["rung"] == "jansen-rit" and settings["precision"] == "float64"
    file = tmp_path / "run.toml"
    file.write_text('rung = "stuart-landau"\nfrom = -10.0\nto = 5.0\n')
    again = rosetta("--config", file, "--to", -1, "--out", tmp_path / "out", "--quiet")
    assert again.exit_code == 0, again.output
    text = "Nothing happens between alpha = -10 and -1: the equilibrium is stable all along"
    assert text in again.output and text in (tmp_path / "out" / "report.html").read_text()
    written = tomllib.loads((tmp_path / "out" / "config.toml").read_text())
    assert (written["from"], written["to"]) == (-10.0, -1.0)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["points"] == []


# --- what is swept


@pytest.mark.parametrize("name", SWEEPS)
def test_the_embedded_sweeps_name_parameters_of_their_rungs(name):
    sweep = _sweep(KINDS[name](), name, [], None, None, None)
    assert sweep == SWEEPS[name] and sweep.begin < sweep.end
    for path in sweep.parameters:
        rj.parameters.get(KINDS[name](), path)


def test_limits_may_be_given_one_by_one_and_paths_as_of_a_network():
    rung = rj.NMM2()
    wanted = Sweep(("bias_e", "bias_i"), -20.0, 30.0, 0.01)
    paths = ["rung.bias_e", "bias_i"]
    assert _sweep(rung, RungName.nmm2, paths, None, 30.0, 0.01) == wanted
    other = _sweep(rung, RungName.nmm2, ["w_ee"], 5.0, 30.0, None)
    assert other == Sweep(("w_ee",), 5.0, 30.0, 0.02)


def test_parameters_are_set_by_name_and_one_by_one():
    rung = one_node(RungName.qif, "MPR", {"bias": -4.0, "rung.width": 2.0})
    assert rung.order == 0 and float(rung.bias) == -4 and float(rung.width) == 2


def test_what_meets_at_a_fold_is_read_beside_it():
    x = np.linspace(-2, 2, 81)
    coordinates = np.stack([x**3 - 3 * x, x], axis=1)
    assert _stable_beside(coordinates, np.array([2.0, -1.0]), x < -1)
    assert not _stable_beside(coordinates, np.array([-2.0, 1.0]), x < -1)


# --- wrong input


@pytest.mark.parametrize(
    "words, error",
    [
        (("--parameter", "bais"), r"no parameter at 'bais'. Did you mean 'bias'"),
        (("--set", "foo=1"), r"no parameter at 'foo'. Choose from: bias"),
        (("--set", "bias"), r"`--set` 'bias' must be a path and a number"),
        (("--from", 10, "--to", -10), r"`--from` must lie below `--to`, got 10 and -10: swap"),
        (("--to", "nan"), r"needs limits|`--from`"),
        (("--parameter", "slope"), r"`--parameter` slope needs limits: give both"),
        (("--parameter", "slope", "--to", 1), r"`--parameter` slope needs limits: give both"),
        (("--step", 0), r"`--step` must be above 0 and at most 0.5"),
        (("--rung", "phase"), r"`--rung` phase has no sweep of its own: give `--parameter`"),
        (("--named", "PING"), r"`--named` PING: jansen-rit has no named sets"),
        (("--rung", "nmm2", "--named", "ING"), r"'ING'.*PING"),
        (
            ("--rung", "phase", "--parameter", "omega", "--from", 0, "--to", 1),
            r"phases rotate and have no fixed point",
        ),
        (
            ("--rung", "wilson-cowan", "--parameter", "w_xx", "--from", -5, "--to", 20),
            r"w_xx` must be zero or above, got -5",
        ),
    ],
)
def test_wrong_input_is_told_in_plain_words_and_writes_nothing(tmp_path, words, error):
    done = rosetta(*words, "--out", tmp_path / "out", "--quiet")
    assert done.exit_code == 1 and re.search(error, " ".join(done.output.split())), done.output
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_where_there_is_no_equilibrium_that_is_said(tmp_path, monkeypatch):
    def nothing(*_, **__):
        raise ValueError("no equilibrium was found at bias = -80: give `start`")

    monkeypatch.setattr("rosetta_jax.cli.bifurcation.continuation", nothing)
    done = rosetta("--out", tmp_path, "--quiet")
    assert done.exit_code == 1 and "no equilibrium was found" in done.output


def test_a_degenerate_hopf_point_is_told_as_one(tmp_path):
    done = rosetta(
        *("--rung", "harmonic", "--parameter", "alpha", "--from", -1, "--to", 1),
        *("--out", tmp_path, "--quiet"),
    )
    assert done.exit_code == 0, done.output
    (point,) = json.loads((tmp_path / "summary.json").read_text())["points"]
    assert point["kind"] == "HB" and point["event"].startswith("degenerate")
    assert "1 points and 0 branches of cycles" in done.output


def test_help_explains_every_option():
    done = rosetta("--help")
    assert done.exit_code == 0 and "stable and unstable cycles" in done.output
    for option in typer.main.get_command(app).commands["bifurcation"].params:
        assert option.help and max(option.opts, key=len)[:12] in done.output


def test_float32_is_for_who_asks(tmp_path):
    before = jax.config.read("jax_enable_x64")
    try:
        done = rosetta(
            *("--rung", "stuart-landau", "--to", -1, "--precision", "float32"),
            *("--out", tmp_path, "--quiet"),
        )
        assert done.exit_code == 0, done.output
        assert load_arrays(tmp_path / "bifurcation.npz")[0]["states"].dtype == np.float32
    finally:
        jax.config.update("jax_enable_x64", before)
