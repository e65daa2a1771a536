"""Which model the data need: the true one comes back, twins cannot be told apart, failures are said."""

import io

import numpy as np
import pytest
from rich.console import Console

import rosetta_jax as rj
from rosetta_jax.inference import PowerLaw, TwoLorentzians, WhittleLoss, compare
from rosetta_jax.inference.compare import Candidate

BINS = np.arange(2.0, 40.0)
DEGREES, PEOPLE = 200.0, 8
NOISE = rj.PowerLawNoise(1.0, 0.5)
COLUMN = rj.alone(rj.JansenRit(bias=330.0), noise=NOISE, nodes=1)
OSCILLATOR = rj.alone(rj.HarmonicOscillator(alpha=-12.0, omega=66.0), noise=NOISE)
CANDIDATES = {
    "Jansen-Rit": Candidate(
        COLUMN,
        {"rung.excitatory_rate": rj.LogNormal(100.0, 0.2), "noise.exponent": rj.Normal(0.5, 0.5)},
    ),
    "harmonic": Candidate(
        OSCILLATOR,
        {
            "rung.alpha": rj.Normal(-12.0, 4.0),
            "rung.omega": rj.LogNormal(66.0, 0.3),
            "noise.exponent": rj.Normal(0.5, 0.5),
        },
    ),
    "1/f": Candidate(PowerLaw(), PowerLaw.free()),
}


def spectra(model, seed):
    """Two halves of a recording of each person."""
    exact = np.asarray(rj.linear.power_spectrum(model, BINS).density)
    rng = np.random.default_rng(seed)
    shape = (2, PEOPLE, *exact.shape)
    return exact * rng.chisquare(DEGREES, size=shape) / DEGREES


def losses(halves):
    return [[WhittleLoss(BINS, each, DEGREES) for each in half] for half in halves]


@pytest.fixture(scope="module")
def comparisons():
    settings = {"starts": 2, "show_progress": False}
    return {
        name: compare(CANDIDATES, *losses(spectra(model, seed)), **settings)
        for seed, (name, model) in enumerate({"Jansen-Rit": COLUMN, "harmonic": OSCILLATOR}.items())
    }


@pytest.mark.parametrize("name", ["Jansen-Rit", "harmonic"])
def test_the_true_model_comes_back(comparisons, name):
    found = comparisons[name]
    assert found.best == name and found.not_told_apart == (name,)
    assert found.verdict == f"{name} predicts what was left out best."
    # What was left out of the true model scatters as it should: one for each of its degrees.
    expected = -0.5 * (BINS.size - 1)
    assert found.candidates[name].left_out.mean() == pytest.approx(expected, rel=0.3)


def test_criteria_are_those_of_the_deviance(comparisons):
    for each in comparisons["harmonic"].candidates.values():
        np.testing.assert_allclose(each.aic - each.deviance, 2 * each.numbers)
        np.testing.assert_allclose(each.bic - each.deviance, each.numbers * np.log(BINS.size))


def test_a_report_names_all(comparisons):
    page = io.StringIO()
    comparisons["harmonic"].report(Console(file=page, width=120))
    assert all(name in page.getvalue() for name in (*CANDIDATES, "best."))


def test_twins_cannot_be_told_apart():
    """A Stuart-Landau oscillator at rest is the harmonic one."""
    twin = rj.alone(rj.StuartLandau(alpha=-12.0, omega=66.0), noise=NOISE)
    free = CANDIDATES["harmonic"].free
    found = compare(
        {"harmonic": (OSCILLATOR, free), "Stuart-Landau": (twin, free)},
        *losses(spectra(OSCILLATOR, 5)),
        starts=1,
        show_progress=False,
    )
    assert set(found.not_told_apart) == {"harmonic", "Stuart-Landau"}
    assert found.verdict.startswith("These data cannot tell")


def test_who_fails_is_left_out_and_counted():
    """A candidate that is unstable from the start has no likelihood, and is last."""
    growing = rj.alone(rj.HarmonicOscillator(alpha=5.0, omega=66.0), noise=NOISE)
    found = compare(
        {
            "growing": (growing, {"rung.omega": rj.LogNormal(66.0, 0.1)}),
            "two": (TwoLorentzians(), TwoLorentzians.free()),
        },
        *losses(spectra(OSCILLATOR, 6)),
        starts=1,
        show_progress=False,
    )
    assert found.best == "two" and np.isnan(found.candidates["growing"].left_out).all()


def test_one_candidate_is_no_comparison():
    with pytest.raises(ValueError, match="at least two"):
        compare({"1/f": (PowerLaw(), PowerLaw.free())}, *losses(spectra(OSCILLATOR, 0)))
