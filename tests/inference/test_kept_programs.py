"""A second fit of the same kind takes the program of the first, and one of another kind never does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.optimise import kept, lanes

BINS = np.linspace(4.0, 20.0, 9)
FREE = {"rung.omega": rj.LogNormal(62.8, 0.2), "gain": rj.LogNormal(2.0, 1.0)}


def spectra(peak):
    return 1 / BINS[:, None] + 0.6 / (1 + (BINS[:, None] - np.array([peak, peak + 1])) ** 2)


def brain(weight=1.0, rung=None):
    rung = rj.HarmonicOscillator(alpha=-15.0) if rung is None else rung
    connectome = rj.Connectome([[0.0, weight], [weight, 0.0]])
    return rj.Network(
        rung, connectome, gain=2.0, noise=rj.WhiteNoise(0.1), sensor=rj.WhiteNoise(2e-3)
    )


def fitted(peak=9.0, weight=1.0, rung=None, free=FREE, **given):
    loss = rj.SpectrumLoss(BINS, spectra(peak), depth=given.pop("depth", 0.15))
    return rj.fit(brain(weight, rung), free, loss, starts=2, show_progress=False, **given)


@pytest.fixture
def made(monkeypatch):
    """How many programs were made, from an empty store on."""
    init, count = lanes.Program.__init__, []

    def counted(self, *arguments, **names):
        count.append(1)
        init(self, *arguments, **names)

    monkeypatch.setattr(kept, "_kept", [])
    monkeypatch.setattr(lanes.Program, "__init__", counted)
    return count


def test_another_person_is_fitted_by_the_same_program_to_the_same_bits(made, monkeypatch):
    fitted()
    other = fitted(peak=11.0, weight=0.5, depth=0.3)
    assert len(made) == 1
    monkeypatch.setattr(kept, "_kept", [])
    alone = fitted(peak=11.0, weight=0.5, depth=0.3)
    assert len(made) == 2
    assert alone.all_vectors.tobytes() == other.all_vectors.tobytes()
    assert other.values["rung.omega"] > 1.1 * fitted().values["rung.omega"]


@pytest.mark.parametrize(
    "other",
    [
        {"free": {"rung.omega": rj.LogNormal(62.8, 0.3), "gain": FREE["gain"]}},
        {"free": dict(reversed(FREE.items()))},
        {"prior_weight": 1e-2},
        {"method": rj.LevenbergMarquardt(steps=7)},
        {"route": rj.Theory(margin=5.0)},
        {"key": jax.random.key(1)},
        {"rung": rj.StuartLandau(alpha=-15.0)},
        {"rung": rj.HarmonicOscillator(alpha=jnp.full(2, -15.0))},
    ],
    ids=["prior", "order", "weight", "method", "route", "key", "rung", "shape"],
)
def test_a_fit_of_another_kind_makes_a_program_of_its_own(made, other):
    fitted()
    fitted(**other)
    assert len(made) == 2


def test_a_rung_that_was_defined_anew_is_another_one(made):
    def defined(factor):
        class Mine(rj.HarmonicOscillator):
            def vector_field(self, t, state, inputs):
                field = super().vector_field(t, state, inputs)
                return jax.tree.map(lambda each: factor * each, field)

        return Mine(alpha=-15.0)

    first, second = (fitted(rung=defined(factor)) for factor in (1.0, 2.0))
    assert len(made) == 2
    # Its class has the same name, and twice the vector field: the prior keeps it from half the frequency.
    assert abs(second.values["rung.omega"] - first.values["rung.omega"]) > 5


def test_few_programs_are_kept_and_none_with_its_data(made):
    for steps in range(1, kept._MOST + 3):
        fitted(method=rj.LevenbergMarquardt(steps=steps))
    assert len(kept._kept) == kept._MOST
    assert all(program._data is None for _, _, program in kept._kept)
