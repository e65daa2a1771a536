"""Wrong calls and files, each answered by an error that names the argument, what was found and what to do.

The calls run in one process of plain Python, without the type checks of the test run, as users run them: this
file, run as a script, makes every call of the table and prints what came of it.
"""

import functools
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import typer.testing

import rosetta_jax as rj
from rosetta_jax.cli.app import app

ONES = np.ones((3, 3)) - np.eye(3)
LENGTHS = 80.0 * ONES
KEY = jax.random.key(0)
BINS = np.arange(2.0, 22.0)
POWER = 1 / BINS[:, None] * np.ones((1, 3)) + 1 / (1 + (BINS[:, None] - 10) ** 2)
FREE = {"gain": rj.Positive()}


class Wrong(NamedTuple):
    """A call on a folder of its own, and what its error must say, each a part of the message."""

    call: Callable[[Path], Any]
    argument: str
    found: str
    remedy: str


def brain(**given: Any) -> rj.Network:
    lengths = given.pop("lengths", None)
    return rj.Network(
        **{"rung": rj.StuartLandau(), "connectome": rj.Connectome(ONES, lengths)} | given
    )


NOISY = functools.partial(brain, noise=rj.WhiteNoise(0.02))


def spectrum_loss(**given: Any) -> rj.SpectrumLoss:
    return rj.SpectrumLoss(**{"frequencies": BINS, "measured": POWER} | given)


def fit(**given: Any) -> rj.FitResult:
    known = {
        "model": NOISY(gain=0.5),
        "free": FREE,
        "loss": spectrum_loss(),
        "show_progress": False,
    }
    return rj.fit(**known | given)


def simulate(**given: Any) -> rj.Solution:
    return rj.simulate(**{"system": brain(), "duration": 0.1, "dt": 1e-3} | given)


def recordings(folder: Path, **changed: Any) -> Any:
    """Recordings of two people from a file with some arrays changed, or left out where None."""
    arrays = {"frequencies": BINS, "psd": np.stack([POWER.T, POWER.T]), "weights": ONES} | changed
    np.savez(folder / "data.npz", **{k: v for k, v in arrays.items() if v is not None})
    return rj.data.load_recordings(folder / "data.npz")


def truncated(folder: Path, read: Callable[[Path], Any]) -> Any:
    np.savez(folder / "whole.npz", psd=POWER)
    (folder / "cut.npz").write_bytes((folder / "whole.npz").read_bytes()[:200])
    return read(folder / "cut.npz")


def of_another_kind(folder: Path) -> Any:
    np.savez(folder / "other.npz", psd=POWER)
    return rj.FitResult.load(folder / "other.npz")


def rosetta(*words: Any) -> None:
    """A command, whose message is raised."""
    done = typer.testing.CliRunner().invoke(app, [str(word) for word in words])
    if done.exit_code:
        raise ValueError(
            " ".join((done.stderr + str(done.exception or "")).replace("│", "").split())
        )


def configured(folder: Path, text: str) -> None:
    (folder / "run.toml").write_text(text)
    rosetta("spectrum", "--config", folder / "run.toml", "--out", folder / "out")


def read_only(call: Callable[[Path], Any], *methods: str) -> Callable[[Path], Any]:
    """`call` where files cannot be written, whoever runs the tests."""

    def refused(folder: Path) -> Any:
        denied = PermissionError(13, "Permission denied")
        with mock.patch.multiple(Path, **{m: mock.Mock(side_effect=denied) for m in methods}):
            return call(folder)

    return refused


def spectral(**given: Any) -> Any:
    return rj.observe.power_spectrum(**{"signal": np.ones((500, 2)), "dt": 0.01} | given)


TABLE: dict[str, Wrong] = {
    # --- connectomes
    "weights not square": Wrong(
        lambda _: rj.Connectome(np.ones((3, 2))), "`weights`", "(3, 2)", "must be square"
    ),
    "weights with loops": Wrong(
        lambda _: rj.Connectome(np.ones((3, 3))),
        "`weights`",
        "[0, 0] is 1",
        "set the diagonal to zero",
    ),
    "weights NaN": Wrong(
        lambda _: rj.Connectome(np.where(ONES, np.nan, 0)),
        "`weights`",
        "6 non-finite",
        "mend or leave",
    ),
    "weights of text": Wrong(
        lambda _: rj.Connectome([["a"]]), "`weights`", "[['a']]", "a number or an array of numbers"
    ),
    "weights complex": Wrong(
        lambda _: rj.Connectome(1j * ONES), "`weights`", "complex", "take `.real`"
    ),
    "weights all zero, normalised": Wrong(
        lambda _: rj.Connectome(0 * ONES).normalised(), "`weights`", "all zero", "leave them"
    ),
    "weights traced, normalised": Wrong(
        lambda _: jax.jit(lambda w: rj.Connectome(w).normalised().weights)(ONES),
        "`weights`",
        "it is traced",
        "close over it",
    ),
    "normalisation unknown": Wrong(
        lambda _: rj.Connectome(ONES).normalised("eigen"),
        "`kind`",
        "'eigen'",
        "Did you mean 'eigenvalue'",
    ),
    "lengths negative": Wrong(
        lambda _: rj.Connectome(ONES, -LENGTHS),
        "`lengths`",
        "-80 at index (0, 1)",
        "zero or positive (mm)",
    ),
    "lengths of other regions": Wrong(
        lambda _: rj.Connectome(ONES, np.ones((2, 2))), "`lengths`", "got (2, 2)", "shape (3, 3)"
    ),
    "lengths infinite": Wrong(
        lambda _: rj.Connectome(ONES, np.inf * np.ones((3, 3))), "`lengths`", "9 non-finite", "mend"
    ),
    "lengths in metres": Wrong(
        lambda _: rj.Connectome(ONES, LENGTHS / 1000),
        "`lengths`",
        "0.08, as if in metres",
        "multiply by 1000",
    ),
    "lengths in micrometres": Wrong(
        lambda _: rj.Connectome(ONES, LENGTHS * 1000),
        "`lengths`",
        "80000, as if in micrometres",
        "divide by 1000",
    ),
    "labels too few": Wrong(
        lambda _: rj.Connectome(ONES, labels=["a", "b"]),
        "`labels`",
        "2 names for 3",
        "give one a region",
    ),
    "labels twice": Wrong(
        lambda _: rj.Connectome(ONES, labels=["a", "b", "b"]),
        "`labels`",
        "'b' stands more",
        "be distinct",
    ),
    "centres of other regions": Wrong(
        lambda _: rj.Connectome(ONES, centres=np.ones((2, 3))),
        "`centres`",
        "got (2, 3)",
        "shape (3, 3)",
    ),
    "centres in metres": Wrong(
        lambda _: rj.Connectome(ONES, centres=0.07 * np.eye(3)),
        "`centres`",
        "0.07, as if",
        "by 1000",
    ),
    # --- rungs, noise and networks
    "parameter of text": Wrong(
        lambda _: rj.StuartLandau(alpha="fast"),
        "`StuartLandau.alpha`",
        "'fast'",
        "must be a number",
    ),
    "parameter None": Wrong(
        lambda _: rj.StuartLandau(alpha=None), "`StuartLandau.alpha`", "None", "must be a number"
    ),
    "parameter complex": Wrong(
        lambda _: rj.StuartLandau(alpha=1j), "`StuartLandau.alpha`", "complex", "take `.real`"
    ),
    "parameter NaN": Wrong(
        lambda _: rj.StuartLandau(omega=np.nan),
        "`StuartLandau.omega`",
        "nan",
        "must be a finite number",
    ),
    "parameter outside its support": Wrong(
        lambda _: rj.StuartLandau(omega=-62.8), "`StuartLandau.omega`", "-62.8", "above zero"
    ),
    "parameter a matrix": Wrong(
        lambda _: rj.StuartLandau(alpha=ONES),
        "`StuartLandau.alpha`",
        "(3, 3)",
        "one a node (nodes,)",
    ),
    "rates per millisecond": Wrong(
        lambda _: rj.JansenRit(excitatory_rate=0.1),
        "`JansenRit.excitatory_rate`",
        "0.1 1/s",
        "give 1/s",
    ),
    "potentials in volt": Wrong(
        lambda _: rj.JansenRit(inhibitory_gain=0.022),
        "`JansenRit.inhibitory_gain`",
        "0.022 mV",
        "give mV",
    ),
    "parameter of other regions": Wrong(
        lambda _: brain(rung=rj.StuartLandau(alpha=np.ones(4))),
        "`rung.alpha`",
        "(4,)",
        "one a node (3,)",
    ),
    "rung a list": Wrong(
        lambda _: brain(rung=[rj.StuartLandau()]),
        "`rung`",
        "[StuartLandau",
        "such as rj.StuartLandau()",
    ),
    "connectome a matrix": Wrong(
        lambda _: brain(connectome=ONES), "`connectome`", "array(", "must be rj.Connectome(weights"
    ),
    "noise a number": Wrong(
        lambda _: brain(noise=0.02), "`noise`", "got 0.02", "rj.WhiteNoise(sigma)"
    ),
    "drive a function": Wrong(
        lambda _: brain(drive=lambda t: t), "`drive`", "<function", "rj.FunctionDrive(function)"
    ),
    "drive of other regions": Wrong(
        lambda _: brain(drive=rj.FunctionDrive(lambda t: jnp.ones(2))),
        "`drive`",
        "got shape (2,)",
        "one a node (3,)",
    ),
    "drive without a function": Wrong(
        lambda _: rj.FunctionDrive(1.0), "`function`", "got 1.0", "a function of time"
    ),
    "drive sampled with other times": Wrong(
        lambda _: rj.SampledDrive([0.0, 1.0], [1.0]),
        "`times`",
        "2 samples and `values` 1",
        "one value",
    ),
    "drive sampled out of order": Wrong(
        lambda _: rj.SampledDrive([0.0, 2.0, 1.0], np.ones(3)),
        "`times`",
        "2 is followed by 1",
        "sort them",
    ),
    "field and polarisability of different kind": Wrong(
        lambda _: rj.Field(np.ones((3, 3)), rj.Step(1.0)),
        "`strength`",
        "got (3, 3) and ()",
        "both be vectors",
    ),
    "white noise inside a sigmoid": Wrong(
        lambda _: brain(rung=rj.JansenRit(), noise=rj.WhiteNoise(1.0, ports=("field",))),
        "`noise`",
        "the port 'field' of JansenRit",
        "use rj.OrnsteinUhlenbeck",
    ),
    "noise at an unknown port": Wrong(
        lambda _: brain(noise=rj.WhiteNoise(1.0, ports=("rate",))),
        "`noise.ports`",
        "'rate'",
        "from: x, y",
    ),
    "noise ports a string": Wrong(
        lambda _: rj.WhiteNoise(1.0, ports="rate"), "`ports`", "got 'rate'", "must be a tuple"
    ),
    "noise negative": Wrong(
        lambda _: rj.WhiteNoise(-1.0), "`WhiteNoise.sigma`", "-1", "must be zero or above"
    ),
    "correlation time zero": Wrong(
        lambda _: rj.OrnsteinUhlenbeck(1.0, 0.0), "`OrnsteinUhlenbeck.tau`", "0.0 s", "above zero"
    ),
    "power law too steep": Wrong(
        lambda _: rj.PowerLawProcess(1.0, 2.5),
        "`PowerLawProcess.exponent`",
        "2.5",
        "between 0 and 2",
    ),
    "power law in an empty band": Wrong(
        lambda _: rj.PowerLawProcess(1.0, 1.0, band=(50.0, 5.0)),
        "`band`",
        "(50.0, 5.0)",
        "in order",
    ),
    "power law from zero": Wrong(
        lambda _: rj.PowerLawProcess(1.0, 1.0, band=(0.0, 5.0)),
        "`band`",
        "(0.0, 5.0)",
        "begin above zero",
    ),
    "speed zero": Wrong(lambda _: brain(speed=0.0), "`Network.speed`", "got 0.0 m/s", "above zero"),
    "speed in mm/s": Wrong(lambda _: brain(speed=1e4), "`Network.speed`", "10000 m/s", "give m/s"),
    "speed in km/s": Wrong(lambda _: brain(speed=0.01), "`Network.speed`", "0.01 m/s", "give m/s"),
    "speed by region": Wrong(
        lambda _: brain(speed=np.ones(3)), "`speed`", "got shape (3,)", "must be one number"
    ),
    "gain negative": Wrong(lambda _: brain(gain=-1.0), "`Network.gain`", "-1.0", "zero or above"),
    "coupling unknown": Wrong(
        lambda _: brain(coupling="diffuse"), "`coupling`", "'diffuse'", "Did you mean 'diffusive'"
    ),
    "max_delay in milliseconds": Wrong(
        lambda _: brain(max_delay=20.0), "`max_delay`", "20 s", "give seconds, not milliseconds"
    ),
    # --- paths, supports and priors
    "path unknown": Wrong(
        lambda _: rj.get(brain(), "rung.alfa"),
        "parameter at",
        "'rung.alfa'",
        "Did you mean 'rung.alpha'",
    ),
    "replaced at an unknown path": Wrong(
        lambda _: rj.replace(brain(), {"gian": 1.0}),
        "parameter at",
        "'gian'",
        "Did you mean 'gain'",
    ),
    "replaced by another shape": Wrong(
        lambda _: rj.replace(brain(), {"connectome.weights": np.ones((2, 2))}),
        "`weights`",
        "got (2, 2)",
        "shape (3, 3)",
    ),
    "bounds in the wrong order": Wrong(
        lambda _: rj.Interval(3.0, 1.0), "`lower`", "3.0 and 1.0", "must be below `upper`"
    ),
    "prior without width": Wrong(lambda _: rj.Normal(0.0, 0.0), "`sd`", "got 0.0", "above zero"),
    "prior of text": Wrong(
        lambda _: rj.LogNormal("1", 0.5), "`median`", "got '1'", "a finite number"
    ),
    "by region of a number": Wrong(
        lambda _: rj.PerRegion(1.0), "`shared`", "got 1.0", "such as rj.LogNormal"
    ),
    "by region without regions": Wrong(
        lambda _: fit(model=rj.StuartLandau(), free={"alpha": rj.PerRegion(rj.Real())}),
        "rj.PerRegion",
        "which only a network has",
        "give the shared prior alone",
    ),
    "map that is flat": Wrong(
        lambda _: rj.linear_in(np.ones(3), rj.Real()), "`maps`", "number 0 is flat", "leave it out"
    ),
    "map of other regions": Wrong(
        lambda _: fit(free={"rung.alpha": rj.linear_in(np.arange(4.0), rj.Real())}),
        "`maps`",
        "4 regions and the model 3",
        "must be the same",
    ),
    # --- simulation
    "system of text": Wrong(
        lambda _: simulate(system="brain"), "`system`", "got 'brain'", "an rj.Network or a rung"
    ),
    "dt zero": Wrong(lambda _: simulate(dt=0.0), "`dt`", "got 0.0", "one positive number (s)"),
    "dt in milliseconds": Wrong(
        lambda _: simulate(dt=0.5, duration=100.0),
        "`dt`",
        "0.5 s is 31.5 times",
        "not milliseconds",
    ),
    "duration in milliseconds": Wrong(
        lambda _: simulate(duration=6e5, dt=1e-4), "`duration`", "6e+09 steps", "in seconds"
    ),
    "duration not a whole number of steps": Wrong(
        lambda _: simulate(duration=0.1005), "`duration`", "100.5 times 0.001 s", "take 0.1 s"
    ),
    "duration traced": Wrong(
        lambda _: jax.jit(lambda d: simulate(duration=d).signal)(0.1),
        "`duration`",
        "it is traced",
        "`static_argnames`",
    ),
    "save_every not a whole number of steps": Wrong(
        lambda _: simulate(save_every=2.5e-3), "`save_every`", "2.5 times", "whole number of steps"
    ),
    "key missing": Wrong(
        lambda _: simulate(system=NOISY()),
        "`key`",
        "there is noise",
        "give key=jax.random.key(seed)",
    ),
    "key a number": Wrong(
        lambda _: simulate(system=NOISY(), key=3), "`key`", "got 3", "such as jax.random.key(0)"
    ),
    "noise that describes spectra only": Wrong(
        lambda _: simulate(system=brain(noise=rj.PowerLawNoise(1.0, 1.0)), key=KEY),
        "PowerLawNoise",
        "describes spectra only",
        "rj.PowerLawProcess",
    ),
    "save a string": Wrong(
        lambda _: simulate(save="states"), "`save`", "got 'states'", 'such as ("signal",)'
    ),
    "save something unknown": Wrong(
        lambda _: simulate(save=("state",)), "`save`", "'state'", "Did you mean 'states'"
    ),
    "past a state": Wrong(
        lambda _: simulate(past=brain().start()), "`past`", "PlanarState", "`lambda t: state`"
    ),
    "past of other regions": Wrong(
        lambda _: simulate(past=lambda t: rj.StuartLandau().start(2)),
        "`past`",
        "x=(2,)",
        "of 3 nodes",
    ),
    "solver by name": Wrong(
        lambda _: simulate(solver="heun"), "`solver`", "'heun'", "diffrax.Heun()"
    ),
    "solver implicit": Wrong(
        lambda _: simulate(solver=diffrax.Kvaerno5()),
        "`solver`",
        "Kvaerno5 is implicit",
        "take diffrax.Heun",
    ),
    "adaptive steps with delays": Wrong(
        lambda _: simulate(
            system=brain(lengths=LENGTHS), controller=diffrax.PIDController(rtol=1e-6, atol=1e-6)
        ),
        "`controller`",
        "with `lengths`",
        "drop that",
    ),
    "delay longer than max_delay": Wrong(
        lambda _: simulate(system=brain(lengths=LENGTHS, max_delay=1e-3)),
        "`max_delay`",
        "a delay exceeds",
        "raise it, or the speed",
    ),
    "delays traced without max_delay": Wrong(
        lambda _: jax.jit(lambda v: simulate(system=brain(lengths=LENGTHS, speed=v)).signal)(8.0),
        "`max_delay`",
        "are traced",
        "give Network(..., max_delay=seconds)",
    ),
    # --- theory and observation
    "spectrum without noise": Wrong(
        lambda _: rj.linear.power_spectrum(brain(), BINS),
        "`noise`",
        "without noise",
        "give rj.WhiteNoise",
    ),
    "spectrum at zero": Wrong(
        lambda _: rj.linear.power_spectrum(NOISY(), [0.0, 1.0]),
        "`frequencies`",
        "0 at index",
        "positive (Hz)",
    ),
    "covariance in an empty band": Wrong(
        lambda _: rj.linear.covariance(NOISY(), band=(12.0, 8.0)),
        "`band`",
        "(12.0, 8.0)",
        "in order",
    ),
    "response at an unknown port": Wrong(
        lambda _: rj.linear.response(NOISY(), BINS, "z"), "`port`", "'z'", "Choose from: x, y"
    ),
    "signal of one axis": Wrong(
        lambda _: spectral(signal=np.ones(500)), "`signal`", "got shape (500,)", "`x[:, None]`"
    ),
    "signal complex": Wrong(
        lambda _: spectral(signal=1j * np.ones((500, 2))), "`signal`", "complex", "take `.real`"
    ),
    "signal with nodes first": Wrong(
        lambda _: spectral(signal=np.ones((2, 500))), "`signal`", "has 2", "check that time leads"
    ),
    "sampling interval in milliseconds": Wrong(
        lambda _: spectral(dt=1.0),
        "`segment`",
        "holds 2 samples at dt = 1 s",
        "both are in seconds",
    ),
    "frequencies beyond Nyquist, as of rad/s": Wrong(
        lambda _: spectral(frequencies=2 * np.pi * BINS),
        "`frequencies`",
        "reach 131.9",
        "ask for lower ones",
    ),
    "window unknown": Wrong(
        lambda _: spectral(window="hanning"), "`window`", "'hanning'", "Did you mean 'hann'"
    ),
    "connectivity in a band without dt": Wrong(
        lambda _: rj.observe.functional_connectivity(np.ones((500, 2)), band=(8, 12)),
        "`dt`",
        "is missing",
        "give the sampling interval in seconds",
    ),
    "cutoff beyond Nyquist": Wrong(
        lambda _: rj.observe.low_pass(np.ones((500, 2)), 0.01, 80.0),
        "`cutoff`",
        "80 Hz is not",
        "lower it",
    ),
    # --- losses and fits
    "spectra with regions first": Wrong(
        lambda _: spectrum_loss(measured=POWER.T), "`measured`", "got (3, 20)", "transpose it"
    ),
    "spectra in decibel": Wrong(
        lambda _: spectrum_loss(measured=10 * np.log10(POWER)),
        "`measured`",
        "found -",
        "not decibel",
    ),
    "spectra compared unknown": Wrong(
        lambda _: spectrum_loss(compare="shapes"), "`compare`", "'shapes'", "Did you mean 'shape'"
    ),
    "spectra of unknown regions": Wrong(
        lambda _: spectrum_loss(regions=[0, 7]), "`regions`", "got [0, 7]", "between 0 and 2"
    ),
    "connectivity not symmetric": Wrong(
        lambda _: rj.ConnectivityLoss(np.triu(ONES)), "`measured`", "not symmetric", "take the mean"
    ),
    "connectivity a covariance": Wrong(
        lambda _: rj.ConnectivityLoss(5 * ONES), "`measured`", "got 5", "divide a covariance"
    ),
    "connectivity in an empty band": Wrong(
        lambda _: rj.ConnectivityLoss(ONES, band=(12, 8)), "`band`", "(12, 8)", "in order"
    ),
    "no losses": Wrong(
        lambda _: rj.SumOfLosses(()), "`parts`", "is empty", "give a tuple of losses"
    ),
    "free a list": Wrong(lambda _: fit(free=["gain"]), "`free`", "['gain']", "must be a mapping"),
    "free without prior": Wrong(
        lambda _: fit(free={"gain": 1.0}), "`free['gain']`", "got 1.0", "such as rj.LogNormal"
    ),
    "free at an unknown path": Wrong(
        lambda _: fit(free={"noise.sigmas": rj.Real()}),
        "parameter at",
        "'noise.sigmas'",
        "Did you mean 'noise.sigma'",
    ),
    "start outside its prior": Wrong(
        lambda _: fit(free={"gain": rj.Interval(1.0, 2.0)}),
        "'gain'",
        "0.5, is outside",
        "start elsewhere",
    ),
    "loss a number": Wrong(lambda _: fit(loss=1.0), "`loss`", "got 1.0", "such as rj.SpectrumLoss"),
    "losses of other people": Wrong(
        lambda _: fit(model=[NOISY()] * 2), "`model`", "2 people and `loss` 1", "one loss a person"
    ),
    "one person with other bins": Wrong(
        lambda _: fit(
            model=[NOISY()] * 2,
            loss=[spectrum_loss(), spectrum_loss(frequencies=BINS[:9], measured=POWER[:9])],
        ),
        "person 1",
        "shape (9,) at",
        "the same regions and bins",
    ),
    "one person with other regions": Wrong(
        lambda _: fit(
            model=[NOISY(), NOISY(connectome=rj.Connectome(ONES[:2, :2]))],
            loss=[spectrum_loss()] * 2,
        ),
        "person 1",
        "shape (2, 2) at",
        "the same regions and bins",
    ),
    "starts none": Wrong(lambda _: fit(starts=0), "`starts`", "got 0", "a whole number from 1"),
    "starts a fraction": Wrong(
        lambda _: fit(starts=2.5), "`starts`", "got 2.5", "a whole number from 1"
    ),
    "prior weight negative": Wrong(
        lambda _: fit(prior_weight=-1.0), "`prior_weight`", "got -1.0", "zero or above"
    ),
    "method by name": Wrong(
        lambda _: fit(method="adam"), "`method`", "got 'adam'", "rj.GradientDescent()"
    ),
    "route by name": Wrong(lambda _: fit(route="theory"), "`route`", "got 'theory'", "rj.Theory()"),
    "steps negative": Wrong(
        lambda _: rj.LevenbergMarquardt(steps=-1), "`steps`", "got -1", "whole number from 0"
    ),
    "no updates": Wrong(
        lambda _: rj.GradientDescent(updates=0), "`updates`", "got 0", "whole number from 1"
    ),
    "tolerance negative": Wrong(
        lambda _: rj.LevenbergMarquardt(tolerance=-1e-3),
        "`tolerance`",
        "got -0.001",
        "zero or above",
    ),
    "derivative unknown": Wrong(
        lambda _: rj.GradientDescent(derivative="backward"),
        "`derivative`",
        "'backward'",
        "Choose from: reverse",
    ),
    "optimiser by name": Wrong(
        lambda _: rj.GradientDescent(optimiser="adam"),
        "`optimiser`",
        "got 'adam'",
        "optax.adam(0.1)",
    ),
    "simulated without seeds": Wrong(
        lambda _: rj.Simulated(10.0, seeds=0), "`seeds`", "got 0", "a whole number from 1"
    ),
    "simulated for less than a segment": Wrong(
        lambda _: rj.Simulated(1.0), "`segment`", "2 s is longer than `duration` 1 s", "shorten it"
    ),
    "simulated with too few samples": Wrong(
        lambda _: fit(route=rj.Simulated(10.0, save_every=0.05)),
        "`save_every`",
        "asks for 21 Hz",
        "lower",
    ),
    # --- files
    "recording missing": Wrong(
        lambda folder: rj.data.load_recordings(folder / "none.npz"),
        "none.npz",
        "there is no file",
        "give the path",
    ),
    "recording truncated": Wrong(
        lambda folder: truncated(folder, rj.data.load_recordings),
        "cut.npz",
        "cannot be read",
        "write it again",
    ),
    "recording without weights": Wrong(
        lambda folder: recordings(folder, weights=None),
        "data.npz",
        "Missing: ['weights']",
        "needed are",
    ),
    "recording in decibel": Wrong(
        lambda folder: recordings(folder, psd=-POWER.T),
        "`psd`",
        "60 entries are not",
        "not decibel",
    ),
    "recording of other bins": Wrong(
        lambda folder: recordings(folder, frequencies=BINS[:9]),
        "`psd`",
        "got (2, 3, 20)",
        "must end in the 9",
    ),
    "recording of one person with other regions": Wrong(
        lambda folder: recordings(folder, weights=np.ones((2, 4, 4))),
        "`weights`",
        "got (2, 4, 4)",
        "(2, 3, 3)",
    ),
    "recording with negative weights": Wrong(
        lambda folder: recordings(folder, weights=-ONES),
        "`weights` of person 0",
        "got -1",
        "not be negative",
    ),
    "recording with lengths in metres": Wrong(
        lambda folder: recordings(folder, lengths=LENGTHS / 1000),
        "`lengths`",
        "0.08, as if",
        "multiply by 1000",
    ),
    "recording with too few labels": Wrong(
        lambda folder: recordings(folder, labels=["a"]),
        "`labels`",
        "1 names for 3",
        "give one a region",
    ),
    "recording in kHz": Wrong(
        lambda folder: recordings(folder, frequencies=BINS / 1000).within(2, 45),
        "`band`",
        "0 bins of 0.002-0.021 Hz",
        "`frequencies` are in Hz",
    ),
    "result missing": Wrong(
        lambda folder: rj.FitResult.load(folder / "none.npz"),
        "none.npz",
        "there is no file",
        "give the path",
    ),
    "result truncated": Wrong(
        lambda folder: truncated(folder, rj.FitResult.load),
        "cut.npz",
        "cannot be read",
        "write it again",
    ),
    "result of another kind": Wrong(
        of_another_kind, "other.npz", "no saved result", "that `save` wrote"
    ),
    "result into a read-only folder": Wrong(
        read_only(lambda folder: rj.results.save_arrays(folder / "a.npz", {}, {}), "open"),
        "a.npz",
        "Permission denied",
        "choose another folder",
    ),
    "seed negative": Wrong(
        lambda _: rj.synthetic.connectome(-1), "`seed`", "got -1", "a whole number from 0"
    ),
    # --- the command line
    "command into a read-only folder": Wrong(
        read_only(lambda folder: rosetta("spectrum", "--out", folder), "touch"),
        "`--out`",
        "Permission denied",
        "choose another folder",
    ),
    "command on a missing file": Wrong(
        lambda folder: rosetta("fit", "--data", folder / "none.npz"),
        "none.npz",
        "no file",
        "give the path",
    ),
    "command with a broken config": Wrong(
        lambda folder: configured(folder, "gain ="), "`--config`", "is no TOML file", "mend it"
    ),
    "command with an unknown key": Wrong(
        lambda folder: configured(folder, "gian = 1"), "`--config`", "'gian'", "Did you mean 'gain'"
    ),
    "command with an unknown path": Wrong(
        lambda folder: rosetta("spectrum", "--set", "rung.alfa=1", "--out", folder),
        "parameter at",
        "'rung.alfa'",
        "Did you mean 'rung.alpha'",
    ),
    "command at speed zero": Wrong(
        lambda folder: rosetta("spectrum", "--speed", 0, "--out", folder),
        "speed`",
        "0.0 m/s",
        "above zero",
    ),
    "command beyond onset": Wrong(
        lambda folder: rosetta("spectrum", "--gain", 0, "--set", "rung.alpha=5", "--out", folder),
        "fixed point",
        "is unstable",
        "Lower `--gain`",
    ),
    "command in an empty band": Wrong(
        lambda folder: rosetta("fit", "--band", 45, 2, "--out", folder),
        "`band`",
        "45-2 Hz holds 0",
        "widen it",
    ),
    "command with a step in milliseconds": Wrong(
        lambda folder: rosetta("simulate", "--dt", 0.5, "--sampling", 2, "--out", folder),
        "`dt`",
        "0.5 s is",
        "give seconds",
    ),
    "command with a negative seed": Wrong(
        lambda folder: rosetta("simulate", "--seed", -1, "--out", folder),
        "`seed`",
        "got -1",
        "from 0",
    ),
}


def outcome(call: Callable[[Path], Any]) -> tuple[str, str]:
    """The kind and text of the error of a call, or what a solution that failed says."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = call(Path(folder))
        except Exception as error:
            text = error.args[0] if isinstance(error, KeyError) else error
            return type(error).__name__, str(text)
    return type(result).__name__, getattr(result, "message", "")


@functools.cache
def outcomes() -> dict[str, tuple[str, str]]:
    """What comes of every call in plain Python."""
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", TABLE)
def test_an_error_names_argument_finding_and_remedy(name):
    kind, message = outcomes()[name]
    assert kind in (
        "ValueError",
        "TypeError",
        "KeyError",
        "OSError",
        "FileNotFoundError",
        "Solution",
    )
    for part in (TABLE[name].argument, TABLE[name].found, TABLE[name].remedy):
        assert part in message


def test_the_table_is_long():
    assert len(TABLE) >= 60


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    print(json.dumps({name: outcome(wrong.call) for name, wrong in TABLE.items()}))
