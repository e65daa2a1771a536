"""A network: what it refuses, how coupling combines, and that names do not matter."""

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from rosetta_jax import parameters
from rosetta_jax.forcing import (
    Field,
    FunctionDrive,
    OrnsteinUhlenbeck,
    SampledDrive,
    Sinusoid,
    Step,
    WhiteNoise,
)
from rosetta_jax.network import (
    Additive,
    Connectome,
    Diffusive,
    Network,
    alone,
    as_network,
    delay_bounds,
)
from rosetta_jax.rungs import HarmonicOscillator, JansenRit, StuartLandau
from rosetta_jax.simulation import simulate

WEIGHTS = np.array([[0.0, 2.0, 0.5], [1.0, 0.0, 0.0], [0.25, 3.0, 0.0]])
LENGTHS = np.array([[0.0, 21.0, 33.0], [12.0, 0.0, 0.0], [7.5, 40.5, 0.0]])
BRAIN = Connectome(WEIGHTS, LENGTHS)
SENT = jnp.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]])
ARRIVING = jnp.array([[0.1, 0.2, 0.3], [5.0, 6.0, 7.0]])


@pytest.fixture
def as_users_run_it(monkeypatch):
    """Without the runtime type checks of the test run, which would speak first."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


# --- coupling


def test_additive_coupling_takes_what_arrives_as_it_comes():
    np.testing.assert_array_equal(Additive().combine(ARRIVING, SENT, jnp.ones(3)), ARRIVING)


def test_diffusive_coupling_subtracts_the_own_value_times_the_strength():
    strengths = WEIGHTS.sum(axis=1)
    found = Diffusive().combine(ARRIVING, SENT, jnp.asarray(strengths))
    np.testing.assert_allclose(found, np.asarray(ARRIVING) - strengths * np.asarray(SENT))


@pytest.mark.parametrize("gain", [0.7, np.array([0.5, 0.0, 2.0])])
def test_the_gain_scales_the_input_of_each_target(gain):
    rung = StuartLandau()
    brain = Network(rung, BRAIN, coupling="additive", gain=gain)
    state = rung.State(x=SENT[0], y=SENT[1])
    with_input = brain.vector_field(jnp.zeros(()), state, ARRIVING, rung.Inputs())
    without = rung.vector_field(jnp.zeros(()), state, rung.Inputs())
    np.testing.assert_allclose(with_input.x - without.x, gain * ARRIVING[0], rtol=1e-9)
    np.testing.assert_allclose(with_input.y - without.y, gain * ARRIVING[1], rtol=1e-9)


def test_the_rung_says_which_coupling_it_takes_by_default():
    assert isinstance(Network(StuartLandau(), BRAIN).coupling, Diffusive)
    assert isinstance(Network(JansenRit(), BRAIN).coupling, Additive)


def test_a_coupling_can_be_named_or_given():
    assert isinstance(Network(StuartLandau(), BRAIN, coupling="additive").coupling, Additive)
    assert isinstance(Network(StuartLandau(), BRAIN, coupling=Additive()).coupling, Additive)


def test_delays_are_lengths_over_speed_in_seconds():
    delays = Network(StuartLandau(), BRAIN, speed=5.0).delays()
    np.testing.assert_allclose(delays, LENGTHS * 1e-3 / 5.0)


def test_without_lengths_there_are_no_delays():
    assert Network(StuartLandau(), Connectome(WEIGHTS)).delays() is None


def test_bounds_of_delays_are_those_of_links_with_weight():
    lengths = LENGTHS.copy()
    lengths[1, 2] = 900.0  # no weight there
    found = delay_bounds(Network(StuartLandau(), Connectome(WEIGHTS, lengths)))
    linked = LENGTHS[WEIGHTS != 0] / 1e4
    assert found == pytest.approx((linked.min(), linked.max())) and found[1] == 4.05e-3
    lone = Network(StuartLandau(), Connectome(np.zeros((2, 2)), np.ones((2, 2))))
    assert delay_bounds(lone) == (0.0, 0.0)


# --- identities


@pytest.mark.parametrize(
    "rung", [StuartLandau(alpha=1.0), JansenRit()], ids=lambda r: type(r).__name__
)
def test_zero_gain_is_as_many_lone_nodes(rung):
    wired = simulate(Network(rung, BRAIN, gain=0.0), 0.1, 1e-3)
    lone = simulate(rung, 0.1, 1e-3)
    np.testing.assert_allclose(wired.signal, np.repeat(lone.signal, 3, axis=1), rtol=1e-12)


@pytest.mark.parametrize("coupling", ["additive", "diffusive"])
def test_relabelling_nodes_changes_nothing(coupling):
    order = np.array([2, 0, 1])
    alpha = jnp.array([0.5, -1.0, 2.0])

    def run(weights, lengths, alpha):
        brain = Network(
            StuartLandau(alpha=alpha), Connectome(weights, lengths), coupling=coupling, gain=0.8
        )
        return simulate(brain, 0.1, 1e-3).signal

    plain = run(WEIGHTS, LENGTHS, alpha)
    relabelled = run(WEIGHTS[order][:, order], LENGTHS[order][:, order], alpha[order])
    np.testing.assert_allclose(relabelled, plain[:, order], rtol=1e-12, atol=1e-14)


def test_a_bare_rung_is_lifted_to_one_node():
    assert as_network(StuartLandau()).nodes == 1


def test_a_bare_rung_with_regional_parameters_is_lifted_to_as_many_nodes():
    assert as_network(StuartLandau(alpha=jnp.array([1.0, 2.0, 3.0]))).nodes == 3


def test_anything_else_is_no_system(as_users_run_it):
    with pytest.raises(TypeError, match=r"`system` must be .*, got .StuartLandau"):
        as_network("StuartLandau")


# --- inputs enter their ports


@pytest.mark.parametrize(
    "drive, at, value",
    [
        (Sinusoid(amplitude=2.0, frequency=4.0, phase=0.3), 0.1, 2 * np.sin(0.8 * np.pi + 0.3)),
        (Step(amplitude=3.0, onset=0.2, duration=0.5), 0.1, 0.0),
        (Step(amplitude=3.0, onset=0.2, duration=0.5), 0.2, 3.0),
        (Step(amplitude=3.0, onset=0.2, duration=0.5), 0.71, 0.0),
        (SampledDrive(times=[0.0, 1.0, 3.0], values=[0.0, 2.0, 6.0]), 2.0, 4.0),
        (SampledDrive(times=[0.0, 1.0, 3.0], values=[5.0, 2.0, 6.0]), 3.0, 6.0),
        (SampledDrive(times=[0.0, 1.0, 3.0], values=[5.0, 2.0, 6.0]), 3.1, 0.0),
        (SampledDrive(times=[0.0, 1.0, 3.0], values=[5.0, 2.0, 6.0]), -0.1, 0.0),
        (FunctionDrive(lambda t: 3 * t), 2.0, 6.0),
    ],
)
def test_a_drive_has_its_value_at_a_time(drive, at, value):
    assert float(drive.value(jnp.asarray(at))) == pytest.approx(value, abs=1e-12)


def test_a_sampled_drive_may_differ_by_node():
    drive = SampledDrive(times=[0.0, 1.0], values=[[0.0, 10.0], [2.0, 20.0]])
    np.testing.assert_allclose(drive.value(jnp.asarray(0.25)), [0.5, 12.5])


@pytest.mark.parametrize(
    "times, values, complaint",
    [
        ([0.0, 1.0], [1.0, 2.0, 3.0], "`times` has 2 samples and `values` 3"),
        ([0.0, 1.0, 1.0], [1.0, 2.0, 3.0], "`times` must increase"),
        ([0.0, np.nan], [1.0, 2.0], "`times` has 1 non-finite"),
        ([0.0, 1.0], [1.0, np.inf], "`values` has 1 non-finite"),
        ([0.0], [1.0], "at least two samples"),
    ],
)
def test_a_sampled_drive_refuses_what_is_no_series(times, values, complaint):
    with pytest.raises(ValueError, match=complaint):
        SampledDrive(times=times, values=values)


def test_drive_and_field_enter_the_ports_the_rung_names():
    field = Field(strength=2.0, waveform=Step(amplitude=0.5), polarisability=0.3)
    brain = alone(JansenRit(), drive=Step(amplitude=7.0), field=field)
    outside = brain.outside(jnp.asarray(0.1))
    assert float(outside.rate) == pytest.approx(7.0)
    assert float(outside.field) == pytest.approx(0.3)


def test_drive_and_field_add_where_they_share_a_port():
    field = Field(strength=2.0, waveform=Step(amplitude=0.5), polarisability=0.3)
    outside = alone(StuartLandau(), drive=Step(amplitude=7.0), field=field).outside(
        jnp.asarray(0.1)
    )
    assert float(outside.x) == pytest.approx(7.3) and float(outside.y) == 0.0


@pytest.mark.parametrize(
    "strength, polarisability, amplitude",
    [
        (2.0, 0.3, 0.6),
        (np.array([1.0, 2.0]), 0.3, [0.3, 0.6]),
        (2.0, np.array([0.1, 0.3]), [0.2, 0.6]),
        (np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.2, 0.3]), [0.1, 0.4, 0.9]),
        (np.array([[1.0, 2.0, 3.0]]), np.array([[0.1, 0, 0], [0.1, 0.2, 0]]), [0.1, 0.5]),
        (
            np.array([[1.0, 0, 0], [0, 0, 2.0]]),
            np.array([[0.1, 0, 0], [0.1, 0.2, 0.3]]),
            [0.1, 0.6],
        ),
    ],
)
def test_a_field_polarises_by_the_product_with_polarisability(strength, polarisability, amplitude):
    field = Field(strength, Step(amplitude=1.0), polarisability)
    np.testing.assert_allclose(field.amplitude(), amplitude, rtol=1e-12)


def test_a_field_that_is_a_vector_needs_a_polarisability_that_is_one():
    with pytest.raises(ValueError, match="must both be vectors"):
        Field(np.ones((4, 3)), Step(amplitude=1.0), 0.2)


def test_noise_enters_the_ports_it_names():
    brain = alone(HarmonicOscillator(), noise=WhiteNoise(sigma=1.0, ports=("y",)))
    assert brain.noise_ports == ("y",)
    inputs = brain.noise_inputs(jnp.array([[4.0]]))
    assert float(inputs.y[0]) == 4.0 and float(inputs.x) == 0.0


# --- what it refuses


def test_white_noise_inside_a_sigmoid_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"'field' of JansenRit.*OrnsteinUhlenbeck"):
        Network(JansenRit(), BRAIN, noise=WhiteNoise(sigma=1.0, ports=("field",)))


def test_coloured_noise_inside_a_sigmoid_is_welcome():
    noise = OrnsteinUhlenbeck(sd=1.0, tau=0.01, ports=("field",))
    assert Network(JansenRit(), BRAIN, noise=noise).noise_ports == ("field",)


def test_an_unknown_port_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"`noise.ports` is 'rates'.*Did you mean 'rate'.*field"):
        Network(JansenRit(), BRAIN, noise=WhiteNoise(sigma=1.0, ports=("rates",)))


def test_an_unknown_coupling_is_refused_with_a_suggestion():
    with pytest.raises(ValueError, match="Did you mean 'diffusive'"):
        Network(JansenRit(), BRAIN, coupling="difusive")


@pytest.mark.parametrize(
    "arguments, path",
    [
        ({"rung": StuartLandau(alpha=jnp.ones(4))}, "rung.alpha"),
        ({"gain": jnp.ones(2)}, "gain"),
        ({"noise": WhiteNoise(sigma=jnp.ones(5))}, "noise.sigma"),
        ({"sensor": OrnsteinUhlenbeck(sd=1.0, tau=jnp.ones(5))}, "sensor.tau"),
        ({"drive": Step(amplitude=jnp.ones(5))}, "drive.amplitude"),
    ],
)
def test_a_regional_parameter_of_wrong_length_is_refused_by_its_path(arguments, path):
    with pytest.raises(ValueError, match=rf"`{path}` must be one number \(\) or one a node \(3,\)"):
        Network(**({"rung": StuartLandau(), "connectome": BRAIN} | arguments))


@pytest.mark.parametrize(
    "drive",
    [FunctionDrive(lambda t: jnp.ones(2) * t), SampledDrive([0.0, 1.0], np.ones((2, 5)))],
    ids=["function", "sampled"],
)
def test_a_drive_for_another_number_of_nodes_is_refused(drive):
    with pytest.raises(ValueError, match=r"`drive`.*\(3,\)"):
        Network(StuartLandau(), BRAIN, drive=drive)


def test_a_field_for_another_number_of_nodes_is_refused():
    with pytest.raises(ValueError, match=r"`field`.*\(3,\)"):
        Network(JansenRit(), BRAIN, field=Field(np.ones(2), Step(amplitude=1.0)))


@pytest.mark.parametrize("name, value", [("gain", -1.0), ("speed", 0.0), ("gain", np.nan)])
def test_gain_and_speed_must_be_in_their_support(name, value):
    with pytest.raises(ValueError, match=f"Network.{name}"):
        Network(StuartLandau(), BRAIN, **{name: value})


def test_the_speed_is_one_number():
    with pytest.raises(ValueError, match=r"`speed` must be one number, got shape \(3,\)"):
        Network(StuartLandau(), BRAIN, speed=jnp.ones(3))


def test_what_is_no_rung_is_refused(as_users_run_it):
    with pytest.raises(TypeError, match="`rung` must be a Rung"):
        Network(StuartLandau, BRAIN)


@pytest.mark.parametrize("value", [-0.1, 0.0, np.inf])
def test_max_delay_must_be_positive(value):
    with pytest.raises(ValueError, match="`max_delay`"):
        Network(StuartLandau(), BRAIN, max_delay=value)


@pytest.mark.parametrize("path", ["speed", "connectome.lengths", "connectome.weights"])
def test_traced_delays_need_max_delay(path):
    brain = Network(StuartLandau(), BRAIN)

    def run(value):
        return simulate(parameters.replace(brain, {path: value}), 0.01, 1e-3).signal

    with pytest.raises(ValueError, match="`max_delay` is needed"):
        jax.jit(run)(parameters.get(brain, path))


@pytest.mark.parametrize("path", ["gain", "rung.alpha"])
def test_what_sets_no_delay_may_be_traced_without_max_delay(path):
    brain = Network(StuartLandau(), BRAIN)

    def run(value):
        return simulate(parameters.replace(brain, {path: value}), 0.01, 1e-3).signal

    np.testing.assert_allclose(
        jax.jit(run)(parameters.get(brain, path)), simulate(brain, 0.01, 1e-3).signal, rtol=1e-13
    )


def test_a_network_can_be_built_inside_jit():
    def run(gain):
        return simulate(Network(StuartLandau(), BRAIN, gain=gain), 0.01, 1e-3).signal

    brain = Network(StuartLandau(), BRAIN, gain=0.5)
    np.testing.assert_allclose(jax.jit(run)(0.5), simulate(brain, 0.01, 1e-3).signal, rtol=1e-13)
