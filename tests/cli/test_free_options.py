"""`rosetta fit --free, --prior, --hold, --maps`: what is typed becomes free parameters, or an error."""

import json
import sys
import tomllib

import numpy as np
import pytest
from typer.testing import CliRunner

import rosetta_jax as rj
from rosetta_jax.cli.app import app
from rosetta_jax.cli.fit_tables import map_names
from rosetta_jax.cli.freeing import KINDS, Freeing, parsed
from rosetta_jax.data import CorticalMaps, cortical_maps
from rosetta_jax.inference import FitResult, declared, preset
from rosetta_jax.priors import Interval
from rosetta_jax.regional import LinearIn

module = sys.modules["rosetta_jax.inference.study"]
NODES, BINS = 4, np.arange(4.0, 30.0, 3.0)
WEIGHTS = np.random.default_rng(0).uniform(0.2, 1, (NODES, NODES)) * (1 - np.eye(NODES))
PRESET = preset("harmonic")
BRAIN = PRESET.network(rj.Connectome(WEIGHTS).normalised())
KNOWN = declared(BRAIN)


@pytest.mark.parametrize(
    "text, path, prior",
    [
        ("gain=LogNormal(1.0,0.5)", "gain", rj.LogNormal(1.0, 0.5)),
        (" rung.alpha = Normal( -200 , 5e1 ) ", "rung.alpha", rj.Normal(-200.0, 50.0)),
        ("noise.exponent=Uniform(0,2)", "noise.exponent", rj.Uniform(0.0, 2.0)),
        ("gain=Positive", "gain", rj.Positive()),
        ("gain=Positive()", "gain", rj.Positive()),
        ("rung.alpha=Negative", "rung.alpha", rj.Negative()),
        ("rung.alpha=Real", "rung.alpha", rj.Real()),
        ("rung.alpha=Real(20)", "rung.alpha", rj.Real(20.0)),
        ("speed=Interval(5, 20)", "speed", Interval(5.0, 20.0)),
    ],
)
def test_a_prior_is_read(text, path, prior):
    assert parsed(text, KNOWN) == (path, prior)


def test_every_kind_is_named_as_in_python():
    assert all(getattr(rj, name, Interval) is kind for name, kind in KINDS.items())


@pytest.mark.parametrize(
    "text, message",
    [
        ("gain", "`--prior` 'gain' must be a path and a prior, such as gain=LogNormal(1.0, 0.5)"),
        ("gain=", "must be a path and a prior"),
        ("=Normal(1, 2)", "must be a path and a prior"),
        ("gain=LogNormal(1.0, 0.5", "must be a path and a prior"),
        ("gain=LogNormal(1.0, 0.5); import os", "must be a path and a prior"),
        ("gain=LogNormal((1.0), 0.5)", "must be a path and a prior"),
        ("gian=LogNormal(1, 1)", "`--prior` is 'gian'. Did you mean 'gain'?"),
        ("gain=lognormal(1, 1)", "the kind 'lognormal'. Did you mean 'LogNormal'?"),
        ("gain=eval(1)", "the kind 'eval'."),
        ("gain=LogNormal(1)", "has 1 numbers: LogNormal takes 2, median and sigma"),
        ("gain=Normal(1, 2, 3)", "has 3 numbers: Normal takes 2, mean and sd"),
        ("gain=Positive(1)", "has 1 numbers: Positive takes 0."),
        ("gain=LogNormal(one, 1)", "has 'one', which is no finite number"),
        ("gain=LogNormal(inf, 1)", "has 'inf', which is no finite number"),
        ("gain=LogNormal(1, -1)", "LogNormal: `sigma` must be a finite number above zero"),
        ("speed=Uniform(20, 5)", "Uniform: `lower` must be below `upper`"),
    ],
)
def test_a_wrong_prior_is_answered_with_what_is_right(text, message):
    with pytest.raises(ValueError) as raised:
        parsed(text, KNOWN)
    assert message in str(raised.value)


def freeing(**given):
    words = Freeing(**({"free": [], "prior": [], "hold": [], "maps": []} | given))
    return words.of(PRESET, BRAIN, lambda: cortical_maps([BRAIN.connectome]))


def test_nothing_said_leaves_the_preset_as_it_is():
    assert freeing() == PRESET


def test_all_four_at_once():
    found = freeing(
        free=["speed"], prior=["gain=LogNormal(3, 0.2)"], hold=["sensor.sigma"], maps=["rung.omega"]
    )
    assert list(found.free) == ["rung.alpha", "rung.omega", "gain", "noise.exponent", "speed"]
    assert found.free["gain"] == rj.LogNormal(3.0, 0.2)
    assert found.free["speed"] == rj.LogNormal(8.0, 0.5)
    assert isinstance(found.free["rung.omega"], LinearIn)
    assert list(found.regional) == ["rung.alpha", "noise.exponent"]


@pytest.mark.parametrize(
    "given, message",
    [
        ({"free": ["rung.alhpa"]}, "`--free` is 'rung.alhpa'. Did you mean 'rung.alpha'?"),
        ({"hold": ["speed"]}, "`--hold` is 'speed'. Choose from: rung.alpha, rung.omega, gain"),
        ({"maps": ["connectome.weights"]}, "`--maps` is 'connectome.weights'. Choose from: rung"),
        ({"hold": ["gain"], "free": ["gain"]}, "`--hold` 'gain' is freed as well"),
        ({"hold": list(PRESET.free)}, "`--hold` rung.alpha, rung.omega"),
        ({"prior": ["gain=Normal(1, 1)"]}, "`--prior` of gain reaches from -2 to 4"),
    ],
)
def test_what_cannot_be_names_the_flag_and_what_there_is(given, message):
    with pytest.raises(ValueError) as raised:
        freeing(**given)
    assert message in str(raised.value)


# --- the command


def rosetta(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A fit told by a file what is free, with maps of the recordings."""
    root = tmp_path_factory.mktemp("free")
    rng = np.random.default_rng(1)
    power = 1 / BINS + rng.uniform(0.2, 0.8, (NODES, 1)) / (1 + (BINS - 10) ** 2)
    maps, centres = rng.normal(size=(2, NODES)), rng.uniform(-50, 50, (NODES, 3))
    np.savez(
        root / "data.npz", frequencies=BINS, psd=power, weights=WEIGHTS, maps=maps, centres=centres
    )
    (root / "settings.toml").write_text(
        f'data = "{root / "data.npz"}"\nrung = "harmonic"\nstarts = 1\n'
        'free = ["noise.sigma"]\nhold = ["sensor.sigma", "gain"]\nmaps = ["rung.alpha"]\n'
        '[prior]\n"noise.exponent" = "Uniform(0, 3)"\n[prior.rung]\nomega = "LogNormal(60, 0.1)"\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BASELINES", {})
        # The baselines are for other tests: without them it looks as if it had been cut short.
        patch.setattr(module, "_until_interrupted", lambda attempts, interrupted: {})
        done = rosetta("fit", "--config", root / "settings.toml", "--out", root / "out", "--quiet")
    assert done.exit_code == 130, done.output
    return root / "out"


def test_a_file_says_what_is_free(folder):
    summary = json.loads((folder / "summary.json").read_text())
    free = ["rung.alpha", "rung.omega", "noise.exponent", "noise.sigma"]
    assert sorted(summary["priors"]) == sorted(free)
    assert summary["priors"]["rung.omega"] == "LogNormal(median=60.0, sigma=0.1)"
    assert summary["numbers_per_person"] == 4 + 2
    assert {"sensor.sigma", "gain", "speed"} <= set(summary["fixed"])
    assert FitResult.load(folder / "fit.npz").values["rung.alpha"].shape == (1, NODES)
    settings = tomllib.loads((folder / "config.toml").read_text())
    assert settings["prior"] == ["noise.exponent=Uniform(0, 3)", "rung.omega=LogNormal(60, 0.1)"]
    assert settings["maps"] == ["rung.alpha"]


def test_the_report_shows_the_maps_and_what_is_owed_to_them(folder):
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["maps"]) == {"rung.alpha"}
    assert set(summary["maps"]["rung.alpha"]) == {"map 1", "map 2"}
    page = (folder / "report.html").read_text()
    assert "rung.alpha linear in cortical maps (map 1, map 2)" in page
    assert "Linear in cortical maps, each centred" in page
    assert (folder / "map_rung_alpha.png").is_file()


def test_the_command_refuses_before_any_work(tmp_path):
    done = rosetta("fit", "--rung", "harmonic", "--free", "rung.alhpa", "--out", tmp_path / "out")
    said = " ".join(done.output.split())
    assert done.exit_code == 1 and "`--free` is 'rung.alhpa'. Did you mean 'rung.alpha'?" in said


def test_maps_are_named_only_where_they_are_those_of_the_recordings():
    maps = CorticalMaps(np.array([[1.0, 2.0, 4.0], [0.0, 1.0, -1.0]]), ("x", "myelin"))
    prior = rj.Normal(0.0, 1.0)
    assert map_names(rj.linear_in(maps.values, prior), lambda: maps) == ("x", "myelin")
    for other in (maps.values[:1], maps.values[::-1]):
        expected = ("map 1", "map 2")[: len(other)]
        assert map_names(rj.linear_in(other, prior), lambda: maps) == expected
