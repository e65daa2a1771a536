"""Drives and fields at named ports, alone and added, on rungs with several."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rosetta_jax as rj
from rosetta_jax.simulation import simulate

WC = rj.WilsonCowan(bias_y=-7.2)


def outside(t: float, **forcing):
    return rj.alone(WC, nodes=2, **forcing).outside(jnp.asarray(t))


def test_a_drive_enters_the_port_it_names():
    found = outside(0.25, drive=rj.Sinusoid(2.0, 1.0, port="current_y"))
    assert float(found.current_y) == pytest.approx(2.0)
    assert float(found.current_x) == 0.0


def test_without_a_port_it_enters_where_the_rung_takes_it():
    assert float(outside(0.0, drive=rj.Constant(0.7)).current_x) == pytest.approx(0.7)
    field = rj.Field(1.5, rj.Constant(1.0), polarisability=0.2)
    assert float(outside(0.0, field=field).current_x) == pytest.approx(0.3)


def test_drives_add_at_their_ports():
    drive = (
        rj.Constant(0.1)
        + rj.Constant(jnp.array([0.2, 0.4]))
        + rj.Constant(3.0, port="x")
        + rj.Step(5.0, onset=1.0, port="y")
    )
    before, after = outside(0.0, drive=drive), outside(2.0, drive=drive)
    np.testing.assert_allclose(before.current_x, [0.3, 0.5], rtol=1e-12)
    assert float(before.x) == 3.0 and float(before.y) == 0.0 and float(after.y) == 5.0


def test_one_field_polarises_two_populations_each_by_its_own():
    wave = rj.Sinusoid(1.0, 10.0)
    field = rj.Field(0.5, wave, 0.2) + rj.Field(0.5, wave, 0.02, port="current_y")
    found = outside(0.025, field=field)
    assert float(found.current_x) == pytest.approx(0.1)
    assert float(found.current_y) == pytest.approx(0.01)


def test_the_parts_of_a_sum_have_paths_and_gradients():
    network = rj.alone(WC, drive=rj.Constant(0.1) + rj.Sinusoid(0.2, 12.0, port="current_y"))
    paths = rj.paths(network)
    assert {"drive.first.amplitude", "drive.second.frequency"} <= set(paths)

    def end(values) -> jax.Array:
        driven = rj.replace(
            network,
            dict(zip(("drive.first.amplitude", "drive.second.frequency"), values, strict=True)),
        )
        return simulate(driven, 0.05, 1e-3).signal[-1, 0]

    here = jnp.array([0.1, 12.0])
    gradient = jax.grad(end)(here)
    for number, step in enumerate((1e-6, 1e-4)):
        change = jnp.zeros(2).at[number].set(step)
        difference = (end(here + change) - end(here - change)) / (2 * step)
        assert float(gradient[number]) == pytest.approx(float(difference), rel=1e-6)
        assert abs(float(gradient[number])) > 1e-9


FORCED = (
    "drive.amplitude",
    "drive.frequency",
    "drive.phase",
    "field.strength",
    "field.polarisability",
)


@pytest.mark.parametrize(
    "kind", [step.kind for step in rj.ladder()], ids=lambda kind: kind.__name__
)
def test_every_rung_answers_to_the_parameters_of_its_drive_and_field(kind):
    network = rj.alone(
        kind(), drive=rj.Sinusoid(0.5, 12.0, 0.3), field=rj.Field(0.4, rj.Sinusoid(1.0, 7.0))
    )

    @jax.jit
    def end(values) -> jax.Array:
        driven = rj.replace(network, dict(zip(FORCED, values, strict=True)))
        return simulate(driven, 0.02, 5e-4).signal[-1, 0]

    here = jnp.array([0.5, 12.0, 0.3, 0.4, 0.2])
    gradient = jax.grad(end)(here)
    changes = 1e-4 * jnp.diag(here)
    differences = [(end(here + each) - end(here - each)) / (2 * each.sum()) for each in changes]
    np.testing.assert_allclose(gradient, differences, rtol=1e-5, atol=1e-9)
    # Of those that only turn the circle little comes through, but something of each.
    assert np.all(np.abs(gradient) > 1e-12)


def test_a_port_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ValueError, match=r"`drive.port` is 'current'.*current_x"):
        rj.alone(WC, drive=rj.Constant(1.0, port="current"))
    with pytest.raises(ValueError, match=r"`field.port` is 'rate'"):
        rj.alone(
            WC, field=rj.Field(1.0, rj.Constant(1.0)) + rj.Field(1.0, rj.Constant(1.0), port="rate")
        )


def test_only_forcings_add():
    with pytest.raises(TypeError, match="`other` must be a drive or field"):
        rj.Constant(1.0) + 2.0  # pyright: ignore[reportOperatorIssue]
