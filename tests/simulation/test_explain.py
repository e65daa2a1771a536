"""What a run says of itself before it is marched: transport in words, memory near what a compiler finds."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.network.transport import FORMULATIONS, formulate
from rosetta_jax.simulation.explain import _WORDS, memory
from rosetta_jax.simulation.planning import requested

NODES = 30
RNG = np.random.default_rng(0)
WEIGHTS = RNG.uniform(0.1, 1.0, (NODES, NODES)) * (1 - np.eye(NODES)) / NODES
LENGTHS = RNG.uniform(5.0, 200.0, (NODES, NODES))


def brain(alpha=-20.0, lengths=LENGTHS) -> rj.Network:
    links = rj.Connectome(WEIGHTS, lengths)
    return rj.Network(rj.StuartLandau(alpha=alpha), links, gain=1.0, noise=rj.WhiteNoise(0.6))


def test_it_says_what_is_marched_and_why(capsys):
    rj.explain(brain(), 10.0, 1e-3, transient=1.0)
    said = " ".join(capsys.readouterr().out.split())
    for words in ("30 nodes, 2 channels", "870 of 870", "split:", "interpolated", "of 1 ms in"):
        assert words in said
    steps = LENGTHS[WEIGHTS != 0] / 10.0
    assert f"{np.mean(steps < 1):.0%} below a step" in said
    assert f"{np.mean(steps >= 9):.0%} beyond" in said
    rj.explain(brain(lengths=None), 1.0, 1e-3, recompute=True)
    said = " ".join(capsys.readouterr().out.split())
    assert "at once:" in said and "without delays" in said and "computed again" in said


def test_windows_are_said(capsys):
    rj.explain(brain(), 1.0, 1e-3, block=40, window=0.2)
    said = " ".join(capsys.readouterr().out.split())
    assert "25 blocks of 40, derivatives within windows of 5" in said


def test_links_that_are_missing_or_traced_are_said_to_be(capsys):
    lone = rj.Network(rj.StuartLandau(), rj.Connectome(np.zeros((3, 3)), np.ones((3, 3))))
    rj.explain(lone, 1.0, 1e-3)
    assert "links none" in " ".join(capsys.readouterr().out.split())

    def traced(speed):
        network = rj.Network(
            rj.StuartLandau(), rj.Connectome(WEIGHTS, LENGTHS), speed=speed, max_delay=0.02
        )
        rj.explain(network, 1.0, 1e-3)
        return speed

    jax.eval_shape(traced, jax.ShapeDtypeStruct((), float))
    assert "traced, delays up to 21 steps" in " ".join(capsys.readouterr().out.split())


def test_every_formulation_has_its_words():
    assert set(_WORDS) == set(FORMULATIONS)


def test_what_does_not_fit_is_refused_as_a_run_would():
    with pytest.raises(ValueError, match="slices"):
        rj.explain(brain(), 1.0, 1e-3, transport="slices")
    with pytest.raises(ValueError, match="`duration`"):
        rj.explain(brain(), -1.0, 1e-3)


@pytest.mark.parametrize("dt, duration, recompute", [(1e-3, 20.0, None), (1e-4, 2.0, True)])
def test_the_memory_of_a_gradient_is_about_what_is_said(dt, duration, recompute):
    with jax.enable_x64(False):
        network = brain()
        request = requested(network, duration, dt, 0.0, ("signal",), None, None)
        formulation = formulate(network, dt)
        plan = request.plan(network, formulation, diffrax.Heun(), None, recompute)
        said = memory(network, dt, formulation, plan)

        def power(alpha):
            found = rj.simulate(
                brain(alpha), duration, dt, key=jax.random.key(0), recompute=recompute
            )
            return jnp.mean(found.signal**2)

        program = jax.jit(jax.grad(power)).lower(jnp.full(NODES, -20.0)).compile()
    found = program.memory_analysis().temp_size_in_bytes
    assert found / 2 < said["gradient"] < 2 * found
    assert said["results"] == plan.samples * NODES * 4
