"""The example of two rungs written from the paper's table: equilibria, spectra and a delayed brain."""

import importlib.util
import inspect
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import rosetta_jax as rj

PATH = Path(__file__).parent.parent / "notebooks" / "paper_rungs.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("paper_rungs", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where `inspect` looks for its source
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["WongWang", "Robinson"])
def test_a_rung_with_its_state_and_ports_takes_less_than_sixty_lines(example, name):
    parts = [getattr(example, name + part) for part in ("State", "Inputs", "")]
    assert sum(len(inspect.getsource(part).splitlines()) for part in parts) < 60


@pytest.mark.parametrize("bias", [0.2, 0.3, 0.4])
def test_wong_wang_rests_where_opening_balances_closing(example, bias):
    def balance(s: float) -> float:
        u = 0.154 * (270 * (0.2609 * 0.6 * s + bias) - 108)
        return 0.641 * (1 - s) * u / (1 - np.exp(-u)) / 0.154 - s / 0.1

    found = rj.linear.fixed_point(example.WongWang(bias=bias)).state.s[0]
    assert float(found) == pytest.approx(brentq(balance, 1e-9, 0.999), rel=1e-8)


def test_its_rate_passes_through_where_the_fraction_is_none(example):
    rung = example.WongWang(bias=0.4, recurrence=0.0)
    state = example.WongWangState(s=jnp.zeros(1))
    rate = jax.vmap(lambda i: rung.rate(state, example.WongWangInputs(current=i))[0])
    around = rate(jnp.array([-1e-6, -1e-8, 0.0, 1e-8, 1e-6]))
    np.testing.assert_allclose(around, 1 / 0.154, rtol=1e-4)
    assert np.isfinite(jax.grad(lambda i: rate(i[None])[0])(jnp.asarray(0.0)))


def test_robinson_rests_where_field_and_firing_agree(example):
    rung = example.Robinson()
    state = rj.linear.fixed_point(rung).state
    firing = float(rung.firing(state)[0])
    assert float(state.phi[0]) == pytest.approx(firing, rel=1e-9)
    assert float(state.v[0]) == pytest.approx(7.0 + (1.5 - 2.0) * firing, rel=1e-9)


@pytest.mark.parametrize("name", ["WongWang", "Robinson"])
def test_a_delayed_brain_of_it_has_the_variance_of_theory(example, name):
    connectome = rj.Connectome(
        np.array([[0, 0.6, 0.2], [0.4, 0, 0.5], [0.3, 0.6, 0.0]]), 60.0 * (1 - np.eye(3))
    )
    sigma = {"WongWang": 1e-3, "Robinson": 0.01}[name]
    rung = getattr(example, name)()
    brain = rj.Network(rung, connectome, gain=0.1, speed=8.0, noise=rj.WhiteNoise(sigma))
    exact = np.asarray(rj.linear.covariance(brain).matrix).diagonal()
    lanes = jax.vmap(lambda key: rj.simulate(brain, 20.0, 1e-3, key=key, transient=2.0).signal)
    signal = np.asarray(lanes(jax.random.split(jax.random.key(0), 20)))
    each = signal.var(axis=1, ddof=1)
    error = each.std(axis=0) / np.sqrt(len(each))
    assert (np.abs(each.mean(axis=0) - exact) < 4 * error + 0.02 * exact).all()
