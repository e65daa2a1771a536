"""The study of a brain on three rungs: what it measures of signals that are known, and that all of it is drawn."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import rosetta_jax as rj

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import translated_brain as study
from translated_brain_picture import RANGES, picture, table

FREQUENCIES = np.linspace(2.0, 40.0, 20)


@pytest.fixture(scope="module")
def rest():
    links = np.ones((4, 4)) - np.eye(4)
    links[0] *= 2.0
    brain = rj.Network(
        rj.JansenRit(bias=350.0),
        rj.Connectome(links / 3, 60 * links),
        gain=5.0,
        noise=rj.PowerLawNoise(1.0, 0.5),
    )
    return study.at_rest(brain, FREQUENCIES, np.ones((20, 4)))


def signals() -> np.ndarray:
    """Four noisy rhythms, (time, nodes)."""
    times = study.EVERY * np.arange(4000)
    noise = np.asarray(jax.random.normal(jax.random.key(0), (4000, 4)))
    return np.cos(2 * np.pi * 11.0 * times[:, None] + np.arange(4)) + 0.3 * noise


def test_near_onset_a_brain_at_rest_is_its_damped_oscillators(rest):
    """Half a hertz wide, a peak tells of little but the leading root; far from it other roots count."""
    errors, baselines = rest["errors"], rest["baselines"]
    assert errors["spectra apart, 8-13 Hz (dB)"] < 0.5 < errors["spectra apart (dB)"]
    assert errors["connectivity, correlation"] > 0.99
    assert errors["answer to the field, error"] < 0.05
    assert baselines["answer to the field, error"] > 0.1
    assert set(rest["refused"]) == {"PhaseOscillator"}


def test_an_answer_is_the_amplitude_at_the_field_s_frequency():
    times = study.EVERY * np.arange(4000)
    wave = 0.3 * np.cos(2 * np.pi * study.HERTZ * times - 1.0)[:, None] + 5.0
    np.testing.assert_allclose(study.answer(wave), [0.3 * np.exp(-1j)], rtol=1e-9)


@pytest.fixture(scope="module")
def rhythm():
    """What is judged of models that are equal to Jansen-Rit, or twice it, or in another order."""
    one = signals()
    free = {name: one for name in ("Jansen-Rit", "Jansen-Rit, other noise", "Stuart-Landau")}
    free["phase"] = 2 * one
    lone = {"Jansen-Rit without links": one[:, ::-1]}
    found = study.judged({"free": free, "field": free | lone}, FREQUENCIES)
    extra = {"field": 0.2, "seconds": 20.0} | {name: np.array([0.1, 0.2]) for name in RANGES}
    return found | extra


def test_what_is_equal_has_no_error(rhythm):
    errors = rhythm["errors"]
    same, doubled = errors["Stuart-Landau"], errors["phase"]
    assert same["spectra apart (dB)"] == 0.0 and same["connectivity, difference"] == 0.0
    assert doubled["spectra apart, 8-15 Hz (dB)"] == pytest.approx(20 * np.log10(2), rel=1e-9)
    assert doubled["connectivity, correlation"] == pytest.approx(1.0, abs=1e-12)
    assert doubled["answer to the field, error"] == pytest.approx(1.0, abs=1e-9)
    assert errors["Jansen-Rit without links"]["answer to the field, error"] > 0.5


def test_all_is_drawn_and_nothing_of_a_person_is_kept(rest, rhythm):
    """Numbers by node and pair, measured ones above all, stay out of the results."""
    whole = {"person": 0, "rest": rest, "rhythm": rhythm}
    assert len(picture(whole).axes) == 6
    kept = study.without_recordings(whole)
    assert not {"measured", "spectra", "connectivity", "field answers"} & {
        *kept["rest"],
        *kept["rhythm"],
    }
    assert kept["rhythm"]["own frequencies"] == [0.1, 0.2]
    assert table(kept).row_count > 8
