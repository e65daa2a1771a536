"""Draws by Markov chains: against normal posteriors, quadrature, and a wall beyond which nothing is predicted."""

import contextlib
import dataclasses
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.inference import Draws, PowerLaw, PowerLawAndGaussian, WhittleLoss, laplace, nuts
from rosetta_jax.inference.problem import problem
from rosetta_jax.inference.route import CurvePrediction
from rosetta_jax.inference.sampling import _drawn, _Run
from rosetta_jax.inference.theory import Theory
from rosetta_jax.results import Status

pytest.importorskip("numpyro")

BINS = np.arange(2.0, 42.0)
EXPONENT = {"exponent": rj.Normal(1.0, 1.0)}
QUIET = {"show_progress": False, "chains": 2}


def level_loss(seen, sd):
    """The squares in units of sd, summed: a deviance that is quadratic in the exponent."""
    return rj.SpectrumLoss(BINS, 10 ** (seen / 10)[:, None], "level", weight=len(BINS), sd=sd)


def exact(seen, sd):
    """Mean and width of the plain coordinate u = k - 1, of dB = -10 k lg f."""
    slope = -10 * np.log10(BINS) / sd
    precision = 1 + slope @ slope
    return slope @ (seen / sd - slope) / precision, 1 / np.sqrt(precision)


def quadrature(curve, free, loss, route=None):
    """Mean and width of one plain coordinate over a grid, of the loss that a fit sees."""
    asked = problem(curve, free, loss, jax.random.key(0), route, 1.0, False)
    data = jax.tree.map(lambda leaf: leaf[0], asked.data)
    grid = np.linspace(-6, 6, 4001)

    def deviance(u):
        residual = asked.objective.residuals(u[None], data)
        fine = asked.objective.status(u[None], data) == Status.ok
        return jnp.where(fine, residual @ residual, jnp.inf)

    found = np.asarray(jax.jit(jax.vmap(deviance))(grid))
    weight = np.exp(-(found - found.min()) / 2)
    weight /= weight.sum()
    mean = weight @ grid
    return mean, np.sqrt(weight @ (grid - mean) ** 2)


def agree(draws, vector, mean, width):
    """Within four standard errors."""
    count = draws.effective[vector, 0]
    assert abs(draws.vectors[vector].mean() - mean) < 4 * width / np.sqrt(count)
    assert draws.widths[vector, 0] == pytest.approx(width, rel=4 / np.sqrt(2 * count))


class Wall(Theory):
    """Nothing is predicted of steep curves, nor of wide peaks, and what is asked all the same is not finite."""

    def predict(self, model, key):
        beyond = model.exponent > 1.1
        beyond = beyond | (model.width > 5) if isinstance(model, PowerLawAndGaussian) else beyond
        return Walled(model, beyond)


class Walled(CurvePrediction):
    def __init__(self, curve, beyond):
        super().__init__(curve)
        self._beyond = beyond

    @property
    def status(self):
        return jnp.where(self._beyond, jnp.int32(Status.unstable), jnp.int32(Status.ok))

    def spectrum(self, frequencies):
        root = jnp.sqrt(jnp.where(self._beyond, -1.0, 1.0))
        return root * super().spectrum(frequencies)


SEEN = -12 * np.log10(BINS)
SDS = (3.0, 60.0)


@pytest.fixture(scope="module")
def normal():
    """Two people: one who tells the exponent, and one who hardly does."""
    asked = ([PowerLaw()] * 2, EXPONENT, [level_loss(SEEN, sd) for sd in SDS])
    fitted = rj.fit(*asked, starts=1, prior_weight=1.0, show_progress=False)
    posterior = laplace(*asked, fitted)
    return nuts(*asked, start=fitted, draws=1500, warmup=150, **QUIET), posterior, asked


def test_a_quadratic_deviance_gives_its_normal_posterior(normal):
    draws, posterior, _ = normal
    assert draws.vectors.shape == (2, 2, 1500, 1)
    assert (draws.status == 0).all() and (draws.r_hat < 1.05).all()
    for person, sd in enumerate(SDS):
        mean, width = exact(SEEN, sd)
        agree(draws, person, mean, width)
        np.testing.assert_allclose(posterior.mean[person], mean, atol=1e-4)
    assert not draws.diverging.any()
    assert 0.6 < draws.acceptance.mean() < 0.99
    assert (draws.steps >= 1).all()


def test_the_density_is_that_of_deviance_and_prior(normal):
    draws, _, _ = normal
    u = draws.vectors[0, 0, :5, 0]
    misfit = (-10 * (1 + u) * np.log10(BINS)[:, None] - SEEN[:, None]) / SDS[0]
    np.testing.assert_allclose(draws.log_density[0, 0, :5], -((misfit**2).sum(0) + u**2) / 2)


def test_values_and_intervals_are_those_of_the_parameter(normal):
    draws, _, _ = normal
    np.testing.assert_allclose(draws.values["exponent"], 1 + draws.vectors[..., 0])
    low, high = draws.interval(0.5)["exponent"][0]
    assert (
        (low < draws.values["exponent"][0]) & (draws.values["exponent"][0] < high)
    ).mean() == 0.5


def test_what_the_data_do_not_tell_is_named_as_by_the_normal_posterior(normal):
    draws, posterior, _ = normal
    assert draws.untold == posterior.untold == [(), ()]
    wide = dataclasses.replace(draws, vectors=draws.vectors * (0.9 / draws.widths[1, 0]))
    assert wide.untold[1] == ("exponent",)


def test_draws_survive_a_file(normal, tmp_path):
    draws, _, _ = normal
    again = Draws.load(draws.save(tmp_path / "draws.npz"))
    assert again.asked is None and again.names == draws.names
    np.testing.assert_array_equal(again.vectors, draws.vectors)
    np.testing.assert_array_equal(again.values["exponent"], draws.values["exponent"])
    assert again.diverging.dtype == bool
    assert again.metadata["free"] == {"exponent": "Normal(mean=1.0, sd=1.0)"}
    rj.fit(PowerLaw(), EXPONENT, level_loss(SEEN, 3.0), starts=1, show_progress=False).save(
        tmp_path / "fit.npz"
    )
    with pytest.raises(ValueError, match=r"another result than draws, without.*diverging"):
        Draws.load(tmp_path / "fit.npz")


def test_an_inference_data_has_people_units_and_priors(normal):
    pytest.importorskip("arviz")
    draws, posterior, _ = normal
    data = draws.to_arviz()
    assert data.posterior.exponent.dims == ("chain", "draw", "person")
    assert data.posterior.exponent.attrs == {
        "prior": "Normal(mean=1.0, sd=1.0)",
        "unit": "",
        "symbol": "k",
    }
    np.testing.assert_array_equal(data.posterior.exponent[..., 1], draws.values["exponent"][1])
    np.testing.assert_array_equal(data.sample_stats.diverging[..., 1], draws.diverging[1])
    np.testing.assert_array_equal(data.sample_stats.lp[..., 0], draws.log_density[0])
    normal_data = rj.inference.to_arviz(posterior, number=50)
    assert normal_data.posterior.exponent.shape == (1, 50, 2)


def test_regional_parameters_carry_their_labels():
    pytest.importorskip("arviz")
    from rosetta_jax.inference.inference_data import inference_data

    about = {
        "free": {"a": "", "w": ""},
        "units": {"a": "1/s", "w": ""},
        "symbols": {"a": "", "w": ""},
    }
    values = {"a": np.zeros((1, 2, 5, 3)), "w": np.zeros((1, 2, 5, 3, 3))}
    found = inference_data(values, {}, about | {"labels": ["x", "y", "z"]}).posterior
    assert found.a.dims == ("chain", "draw", "region") and list(found.region.values) == list("xyz")
    assert found.w.dims == ("chain", "draw", "target", "source")
    assert list(found.source.values) == list("xyz")
    assert found.a.attrs["unit"] == "1/s"


def test_a_skewed_posterior_is_as_quadrature_has_it_and_not_normal():
    """A peak hardly above the scatter: any lower one would do as well, a higher one would not."""
    curve = PowerLawAndGaussian(height=1.0)
    seen = np.asarray(curve.spectrum(jnp.asarray(BINS)))
    free, loss = {"height": rj.LogNormal(2.0, 2.0)}, WhittleLoss(BINS, seen, 40.0)
    fitted = rj.fit(curve, free, loss, starts=1, prior_weight=1.0, show_progress=False)
    draws = nuts(curve, free, loss, start=fitted, draws=1200, warmup=200, **QUIET)
    posterior = laplace(curve, free, loss, fitted)
    mean, width = quadrature(curve, free, loss)
    agree(draws, 0, mean, width)
    assert abs(posterior.mean[0, 0] - mean) > 0.3 * width
    assert posterior.widths[0, 0] < 0.9 * width


def test_chains_stay_within_the_stable_region_and_a_person_without_one_says_so():
    """Data that ask for a steeper curve than can be: the posterior ends at the wall, u = 0.1."""
    curves = [PowerLawAndGaussian(width=2.0), PowerLawAndGaussian(width=9.0)]
    seen = np.asarray(curves[0].spectrum(jnp.asarray(BINS))) * BINS[:, None] ** -0.15
    loss = WhittleLoss(BINS, seen, 1.5)
    draws = nuts(
        curves,
        EXPONENT,
        [loss] * 2,
        route=Wall(),
        draws=1200,
        warmup=200,
        key=jax.random.key(3),
        **QUIET,
    )
    mean, width = quadrature(curves[0], EXPONENT, loss, Wall())
    agree(draws, 0, mean, width)
    assert draws.vectors[0].max() < 0.1
    assert draws.status.tolist() == [Status.ok, Status.unstable]
    assert np.isnan(draws.vectors[1]).all() and np.isnan(draws.values["exponent"][1]).all()
    assert 0.02 < draws.diverging[0].mean() < 0.9
    assert "1 of 2 drawn" in draws.message and "trajectories were stopped" in draws.message


def test_one_vector_of_two_people_is_told_by_both():
    loss = level_loss(SEEN, 20.0)
    both = nuts(
        [PowerLaw()] * 2,
        EXPONENT,
        [loss] * 2,
        pooled=True,
        draws=400,
        warmup=150,
        derivative="forward",
        **QUIET,
    )
    mean, width = exact(SEEN, 20.0 / np.sqrt(2))
    agree(both, 0, mean, width)
    assert both.values["exponent"].shape == (2, 2, 400)
    assert both.vectors.shape[0] == 1


def test_chains_that_have_not_met_are_not_converged():
    asked = problem(
        PowerLaw(), EXPONENT, level_loss(SEEN, 3.0), jax.random.key(0), None, 1.0, False
    )
    rng, shape = np.random.default_rng(0), (2, 100)
    for gap, status in ((0.0, Status.ok), (2.0, Status.not_converged)):
        vectors = rng.normal(size=(*shape, 1)) + gap * np.arange(2)[:, None, None]
        each = [np.zeros(shape), np.zeros(shape, bool), np.ones(shape), np.ones(shape, int)]
        draws = _drawn(asked, _Run(vectors, *each, np.zeros(2, int), 0.0, 0.0, False), 2, {})
        assert draws.status.tolist() == [status]
        assert ("1 with chains that have not met" in draws.message) == (status != 0)


class Impatient:
    """A bar whose reader presses Ctrl-C once `after` draws are made."""

    def __init__(self, after):
        self.after = after

    def add_task(self, *_, **__):
        return 0

    def update(self, task, *, completed, note):
        if completed >= self.after:
            raise KeyboardInterrupt


def interrupted(normal, monkeypatch, after):
    _, posterior, asked = normal
    monkeypatch.setattr(
        "rosetta_jax.inference.sampling.progress",
        lambda shown: contextlib.nullcontext(Impatient(after)),
    )
    return nuts(*asked, start=posterior, draws=1500, warmup=150, **QUIET)


def test_ctrl_c_keeps_what_was_drawn(normal, monkeypatch):
    draws = interrupted(normal, monkeypatch, 700)
    # Blocks are of (1500 + 150) / 20 draws, and the ninth is the first to reach 700.
    assert draws.vectors.shape == (2, 2, 9 * 83 - 150, 1)
    np.testing.assert_array_equal(draws.vectors, normal[0].vectors[:, :, : 9 * 83 - 150])
    assert draws.metadata["interrupted"] and not normal[0].metadata["interrupted"]
    assert "ended by Ctrl-C after 597 draws a chain" in draws.message


def test_ctrl_c_in_the_warm_up_has_nothing_to_keep(normal, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        interrupted(normal, monkeypatch, 50)


@pytest.mark.parametrize("kind", [rj.Real(), rj.PerRegion(rj.Real())])
def test_a_parameter_without_prior_is_named(kind):
    curve, loss = PowerLaw(nodes=1), level_loss(SEEN, 3.0)
    with pytest.raises(
        ValueError, match=r"`free\['exponent'\]` is .*Real.*has no prior.*give one such as"
    ):
        nuts(curve, {"exponent": kind}, loss, **QUIET)


def test_a_start_of_another_fit_is_named(normal):
    _, posterior, (curves, free, losses) = normal
    with pytest.raises(ValueError, match=r"`start` holds 2 vectors of 1 numbers.*1 of 1"):
        nuts(curves[0], free, losses[0], start=posterior)


@pytest.mark.parametrize(
    "wrong, words", [({"draws": 2}, "`draws`"), ({"derivative": "sideways"}, "`derivative`")]
)
def test_wrong_settings_are_named(wrong, words):
    with pytest.raises(ValueError, match=words):
        nuts(PowerLaw(), EXPONENT, level_loss(SEEN, 3.0), **wrong)


@pytest.mark.parametrize("missing", ["numpyro", "arviz"])
def test_a_missing_extra_is_named(normal, missing, monkeypatch):
    draws, _, _ = normal
    for module in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"needs {missing}.*rosetta-jax\[bayes\]"):
        if missing == "arviz":
            draws.to_arviz()
        else:
            nuts(PowerLaw(), EXPONENT, level_loss(SEEN, 3.0))
