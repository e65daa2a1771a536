"""Cohorts: what people have in common is learned with what each of them is."""

import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import WhittleLoss, cohort

# The module, whose name in the package is the function's.
LEARNING = importlib.import_module("rosetta_jax.inference.cohort")
BINS = np.arange(3.0, 30.0, 1.0)
DEGREES, PEOPLE = 8.0, 40
# Of the plain coordinates: the middle and the width of people.
FREE = {"rung.alpha": rj.Normal(-10.0, 4.0), "rung.omega": rj.LogNormal(60.0, 0.3)}
MEAN, WIDTH = np.array([0.5, -0.4]), np.array([0.3, 0.25])


def alone(alpha=-10.0, omega=60.0):
    return rj.alone(rj.HarmonicOscillator(alpha=alpha, omega=omega), noise=rj.WhiteNoise(1.0))


@pytest.fixture(scope="module")
def people():
    """Plain coordinates of people drawn around a mean, and a noisy spectrum of each."""
    rng = np.random.default_rng(3)
    truth = MEAN + WIDTH * rng.standard_normal((PEOPLE, 2))
    brains = [alone(-10 + 4 * a, 60 * np.exp(0.3 * b)) for a, b in truth]
    density = jax.jit(lambda brain: rj.linear.power_spectrum(brain, BINS).density)
    scatter = rng.chisquare(DEGREES, (PEOPLE, BINS.size, 1)) / DEGREES
    seen = [np.asarray(density(brain)) * each for brain, each in zip(brains, scatter, strict=True)]
    return truth, [WhittleLoss(BINS, each, DEGREES) for each in seen]


@pytest.fixture(scope="module")
def found(people):
    return cohort([alone()] * PEOPLE, FREE, people[1], rounds=40, show_progress=False)


@pytest.fixture(scope="module")
def own(people):
    """Each person on their own."""
    brains = [alone()] * PEOPLE
    return rj.fit(brains, FREE, people[1], starts=1, prior_weight=1.0, show_progress=False)


def test_mean_and_width_are_learned(people, found):
    truth = people[0]
    assert found.converged
    assert (found.status == rj.Status.ok).all()
    # Three standard errors of a mean, and of a standard deviation, of so many people and of what data tell.
    spread = np.sqrt(WIDTH**2 + found.errors.mean(axis=0) ** 2)
    np.testing.assert_array_less(np.abs(found.mean - MEAN), 3 * spread / np.sqrt(PEOPLE))
    off = np.abs(found.width - truth.std(axis=0))
    np.testing.assert_array_less(off, 3 * spread / np.sqrt(2 * PEOPLE))
    assert found.alike == ()
    assert found.widths == pytest.approx(dict(zip(FREE, found.width, strict=True)))
    assert np.abs(found.vectors - truth).mean() < np.abs(truth - MEAN).mean()


def test_the_evidence_grows(found):
    assert (np.diff(found.evidence) > 0).all()
    assert found.evidence[-1] > found.evidence[0] + 5


def test_long_and_short_steps_lead_to_one_point(people, monkeypatch):
    """What is learned is where both stay; a long step that goes too far is taken back."""
    asked = ([alone()] * PEOPLE, FREE, people[1])
    settings = {"tolerance": 1e-6, "show_progress": False}
    long = cohort(*asked, rounds=30, **settings)
    learned, steps = LEARNING._learned, []

    def too_far(found, groups, is_long):
        steps.append(is_long)
        mean, width = learned(found, groups, is_long)
        return found.prior._replace(mean=mean, width=width * (20 if is_long else 1))

    monkeypatch.setattr(LEARNING, "_learned", too_far)
    short = cohort(*asked, rounds=60, **settings)
    assert steps[0] and not any(steps[1:])
    assert (np.diff(short.evidence) > 0).all()
    assert long.converged and short.converged
    np.testing.assert_allclose(short.mean, long.mean, atol=5e-3)
    np.testing.assert_allclose(short.width, long.width, rtol=2e-2)
    assert len(long.evidence) < 0.7 * len(short.evidence)


def test_people_are_better_known_than_on_their_own(people, own, found):
    truth = people[0]
    error = np.sqrt(np.mean((own.all_vectors[:, 0] - truth) ** 2, axis=0))
    shrunk = np.sqrt(np.mean((found.vectors - truth) ** 2, axis=0))
    # The damping is told worse than it varies; the frequency is told by each person alone.
    assert shrunk[0] < 0.9 * error[0]
    assert shrunk[1] < 1.02 * error[1]
    # And as well known as is claimed.
    claimed = np.sqrt(np.mean(found.errors**2, axis=0))
    np.testing.assert_allclose(shrunk, claimed, rtol=0.35)


def test_people_who_do_not_differ_are_said_to_be_alike(people):
    rng = np.random.default_rng(5)
    seen = np.asarray(rj.linear.power_spectrum(alone(), BINS).density)
    losses = [
        WhittleLoss(BINS, seen * rng.chisquare(400, seen.shape) / 400, 400.0) for _ in range(6)
    ]
    same = cohort([alone()] * 6, FREE, losses, rounds=60, tolerance=1e-4, show_progress=False)
    assert set(same.alike) <= set(FREE)
    # The likeliest width of people who do not differ is none or small.
    assert max(same.widths.values()) < 0.05
    typical = same.typical(alone(omega=50.0))
    np.testing.assert_allclose(typical.rung.omega, 60.0, rtol=0.01)
    np.testing.assert_allclose(same.model(alone(), 2).rung.omega, same.values["rung.omega"][2])


def test_regions_share_a_width_and_keep_a_mean_map():
    """Two regions whose bias differs in the same way in all people."""
    rng = np.random.default_rng(7)
    wires = rj.Connectome([[0.0, 0.3], [0.2, 0.0]])

    def brain(omega):
        rung = rj.HarmonicOscillator(alpha=-8.0, omega=omega)
        return rj.Network(rung, wires, gain=1.0, noise=rj.WhiteNoise(1.0))

    density = jax.jit(lambda omega: rj.linear.power_spectrum(brain(omega), BINS).density)
    omegas = 60 * np.exp(0.1 * (np.array([1.0, -1.0]) + 0.3 * rng.standard_normal((8, 2))))
    losses = [WhittleLoss(BINS, np.asarray(density(jnp.asarray(w))), 200.0) for w in omegas]
    free = {"rung.omega": rj.PerRegion(rj.LogNormal(60.0, 0.1), 1.0)}
    found = cohort([brain(60.0)] * 8, free, losses, rounds=15, show_progress=False)
    np.testing.assert_allclose(found.values["rung.omega"], omegas, rtol=0.03)
    deviations = found.mean[1:] - found.mean[1:].mean()
    np.testing.assert_allclose(deviations, [1.0, -1.0], atol=0.35)
    assert found.width[1] == found.width[2] != found.width[0]
    typical = found.typical(brain(60.0)).rung.omega
    assert typical.shape == (2,)
    np.testing.assert_allclose(typical, omegas.mean(axis=0), rtol=0.02)


def test_what_does_not_fit_is_less_sure_by_its_dispersion(people, found):
    """Spectra that claim four times the degrees of freedom that they have."""
    claimed = [WhittleLoss(BINS, each.measured, 4 * DEGREES) for each in people[1]]
    asked = ([alone()] * PEOPLE, FREE, claimed)
    divided = cohort(*asked, rounds=40, show_progress=False)
    assert np.median(divided.dispersion) == pytest.approx(4.0, rel=0.15)
    np.testing.assert_allclose(divided.mean, found.mean, atol=0.05)
    np.testing.assert_allclose(divided.width, found.width, rtol=0.15)
    np.testing.assert_allclose(divided.errors.mean(0), found.errors.mean(0), rtol=0.1)
    assert "dispersion of up to" in divided.message
    sure = cohort(*asked, rounds=40, dispersion=1, show_progress=False)
    assert (sure.dispersion == 1).all()
    assert (sure.errors.mean(0) < 0.8 * divided.errors.mean(0)).all()


def test_a_person_who_fails_is_left_out(people):
    losses = people[1][:4]
    brains = [alone(), alone(), alone(alpha=20.0), alone()]
    free = {"rung.omega": FREE["rung.omega"]}
    found = cohort(brains, free, losses, rounds=3, show_progress=False)
    assert found.status.tolist() == [0, 0, rj.Status.unstable, 0]
    assert np.isfinite(found.mean).all()
    assert np.isnan(found.evidence).sum() == 0
    assert "1 of 4" in found.message


def test_wrong_input_says_what_to_do(people, own, found):
    losses = people[1]
    with pytest.raises(ValueError, match="one person"):
        cohort([alone()], FREE, losses[:1])
    with pytest.raises(ValueError, match="without a prior"):
        cohort([alone()] * 2, {"rung.omega": rj.Positive()}, losses[:2])
    with pytest.raises(ValueError, match="same people and free"):
        cohort([alone()] * 2, FREE, losses[:2], begin=own)
    with pytest.raises(ValueError, match="`dispersion`"):
        cohort([alone()] * 2, FREE, losses[:2], dispersion="none")
    with pytest.raises(ValueError, match="between 0 and 39"):
        found.model(alone(), 40)
