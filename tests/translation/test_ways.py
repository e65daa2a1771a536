"""Ways in a row, to neurons and back, and inputs that a target cannot hear."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.translation import SpikingNetwork

ONSET = rj.WilsonCowan.named("WC-b", bias_y=-6.69)


@pytest.fixture(scope="module")
def chain():
    return rj.translate(ONSET, (rj.StuartLandau, rj.PhaseOscillator), parameter="bias_y")


def test_ways_in_a_row_are_one_translation(chain):
    first, second = chain.details
    assert isinstance(chain.target, rj.PhaseOscillator) and chain.source is ONSET
    assert first.way in chain.way and second.way in chain.way
    np.testing.assert_allclose(chain.target.omega, second.target.omega)
    # From end to end: the true cycle's frequency beside that of the phase.
    both = chain.errors["frequency"]
    assert both.source == first.errors["frequency"].source
    assert both.target == second.errors["frequency"].target
    assert abs(both.error) < 0.005


def test_inputs_of_a_row_are_multiplied_and_its_signal_comes_back(chain):
    """Beside the cycle's own phase response, without the plane between."""
    direct = rj.translate(ONSET, rj.PhaseOscillator, measured=False)
    radius = float(direct.target.radius)
    for port in ("current_x", "current_y"):
        by_row, by_cycle = (
            complex(np.asarray(each["x"])[0], np.asarray(each["y"])[0]) / size
            for each, size in (
                (chain.inputs[port], float(chain.target.radius)),
                (direct.inputs[port], radius),
            )
        )
        assert abs(by_row) == pytest.approx(abs(by_cycle), rel=0.03)
    angles = jnp.linspace(0, 2 * jnp.pi, 200)[:, None]
    phases = jax.vmap(lambda theta: chain.target.State(theta=theta))(angles)
    seen = np.asarray(chain.signal(phases))
    cycle = rj.bifurcation.limit_cycle(ONSET, settle=5.0)
    np.testing.assert_allclose(np.ptp(seen), cycle.high[0] - cycle.low[0], rtol=0.01)


def test_a_row_without_a_state_between_is_refused():
    pair = rj.translate(rj.NMM1.named("M"), rj.WilsonCowan, measured=False)
    assert isinstance(pair.target, rj.WilsonCowan)
    with pytest.raises(ValueError, match=r"the state of WilsonCowan is not read back"):
        rj.translate(rj.NMM1.named("M"), (rj.WilsonCowan, rj.HarmonicOscillator), measured=False)


def test_a_population_becomes_neurons_and_neurons_their_mean_field():
    rung = rj.QIFPopulation()
    there = rj.translate(rung, SpikingNetwork, neurons=4000, duration=0.05)
    assert isinstance(there.target, SpikingNetwork) and there.target.neurons == 4000
    assert there.errors["rate apart in time, population"].target < 0.03
    back = rj.translate(there.target, rj.QIFPopulation, measured=False)
    np.testing.assert_allclose(back.target.width, rung.width)
    with pytest.raises(ValueError, match=r"has the mean field rj\.QIFPopulation, not rj\.NMM2"):
        rj.translate(there.target, rj.NMM2, measured=False)
    activity = rj.translation.simulate_spiking(there.target, 0.01, 1e-4)
    assert there.signal(activity).shape == (len(activity.times), 1)
    with pytest.raises(ValueError, match="has noise, which the neurons"):
        rj.translate(rj.alone(rung, noise=rj.WhiteNoise(1.0)), SpikingNetwork)


CARRIER = rj.Sinusoid(1.0, 2000.0)


@pytest.mark.parametrize(
    ("waveform", "said"),
    [
        (rj.Sinusoid(0.5, 2000.0) + rj.Sinusoid(0.5, 2010.0), r"2005|2000|2010.*varies at 1\d Hz"),
        (CARRIER, "shifts where the source works"),
        (rj.Sinusoid(1.0, 10.0), ""),
    ],
)
def test_a_field_that_interferes_in_time_is_flagged(waveform, said):
    """Stuart-Landau and phases take inputs in proportion and do not demodulate."""
    parts = waveform.parts()
    fields = [rj.Field(1.0, part) for part in parts]
    field = fields[0] if len(fields) == 1 else fields[0] + fields[1]
    network = rj.alone(rj.JansenRit(bias=350.0), field=field)
    found = rj.translate(network, rj.HarmonicOscillator, measured=False)
    if not said:
        assert found.flags == ()
        return
    (flag,) = found.flags
    assert "'field' is a carrier" in flag and "does not demodulate" in flag
    assert found.summary()["flags"] == [flag]
    assert re.search(said, flag), flag
