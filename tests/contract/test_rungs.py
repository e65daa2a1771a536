"""Every rung, found by listing, holds to the one interface that the engines take.

What differs by rung is stated by the rung itself (its ports, its coupling).
"""

import dataclasses
import functools
import inspect

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rosetta_jax import parameters
from rosetta_jax.linear import motif
from rosetta_jax.network import Connectome, Network
from rosetta_jax.network.coupling import COUPLINGS
from rosetta_jax.parameters import replace as replaced
from rosetta_jax.rungs import ladder
from rosetta_jax.simulation import simulate
from rosetta_jax.system import Rung, add_inputs, describe, ports, stack_state, unstack_state

NODES = 3
KINDS = [step.kind for step in ladder()]
every_rung = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def declared(part: type[Rung] | eqx.Module) -> dict[str, parameters.ParameterInfo]:
    """The metadata of each parameter by path, None where a field has none; static options are none."""
    module = part() if isinstance(part, type) else part
    found = {}
    for field in dataclasses.fields(module):
        inner = getattr(module, field.name)
        if isinstance(inner, eqx.Module):
            found |= {f"{field.name}.{path}": info for path, info in declared(inner).items()}
        elif not field.metadata.get("static", False):
            found[field.name] = field.metadata.get("parameter")
    return found


def value_of(rung: Rung, path: str) -> jax.Array:
    """The parameter at a path, whether declared or not."""
    return functools.reduce(getattr, path.split("."), rung)


def owner(kind: type[Rung], path: str) -> str:
    """What an error calls the parameter at a path: its class and name."""
    *parents, name = path.split(".")
    return f"{type(functools.reduce(getattr, parents, kind())).__name__}.{name}"


def some_state(rung: Rung, nodes: int = NODES, seed: int = 0):
    """The starting state, moved off rest and off symmetry, different at each node."""
    start = stack_state(rung.start(nodes))
    moved = start + 0.05 * jax.random.normal(jax.random.key(seed), start.shape)
    return unstack_state(rung, moved)


def some_inputs(rung: Rung, nodes: int = NODES, seed: int = 1):
    """A different small input at each port and node."""
    names = list(ports(rung))
    values = 0.2 * jax.random.normal(jax.random.key(seed), (len(names), nodes))
    return rung.Inputs(**dict(zip(names, values, strict=True)))


def varied(kind: type[Rung], nodes: int = NODES) -> Rung:
    """The rung with every parameter regional: its default, times 1, 1.05, 1.1..."""
    spread = 1 + 0.05 * jnp.arange(nodes, dtype=float)
    return replaced(kind(), {name: value_of(kind(), name) * spread for name in declared(kind)})


def node(tree, index: int):
    """One node of a tree of regional arrays, as arrays of one node; shared values as they are."""
    return jax.tree.map(lambda leaf: leaf[index : index + 1] if leaf.ndim else leaf, tree)


def outputs(rung: Rung, state, inputs) -> dict[str, jax.Array]:
    """Everything a rung computes, with nodes trailing."""
    return {
        "vector_field": stack_state(rung.vector_field(jnp.zeros(()), state, inputs)),
        "send": rung.send(state, inputs),
        "signal": rung.signal(state, inputs)[None],
        "activity": rung.activity(state, inputs)[None],
        "push_pull": jnp.stack(rung.push_pull(state, inputs)),
        "wrap": stack_state(rung.wrap(state)),
    }


def cast(tree, dtype):
    return jax.tree.map(lambda leaf: leaf.astype(dtype), tree)


def combined(rung: Rung, arriving: jax.Array, state) -> jax.Array:
    """What the rung's own coupling makes of what arrives."""
    sent = rung.send(state, rung.Inputs())
    coupling = COUPLINGS[rung.coupling]()
    return coupling.combine(arriving, sent, jnp.zeros(arriving.shape[1]))


# --- what a rung says of itself


def test_the_ladder_lists_distinct_concrete_rungs():
    assert len(set(KINDS)) == len(KINDS) > 0
    assert all(issubclass(kind, Rung) and not inspect.isabstract(kind) for kind in KINDS)
    numbers = [step.number for step in ladder()]
    assert numbers == sorted(numbers) and all(all(step.box) and step.equation for step in ladder())


@every_rung
def test_state_fields_carry_unit_and_description(kind):
    for field in dataclasses.fields(kind.State):
        _, description = field.metadata["component"]
        assert description


@every_rung
def test_every_port_carries_unit_and_description(kind):
    for info in ports(kind).values():
        assert info.unit and info.description


@every_rung
def test_every_parameter_carries_symbol_description_and_source(kind):
    for name, info in declared(kind).items():
        assert info is not None, name
        assert info.symbol and info.description and info.source, name
        assert isinstance(info.unit, str), name


@every_rung
def test_every_parameter_has_a_default_of_one_number_within_its_support(kind):
    for name, info in declared(kind).items():
        value = value_of(kind(), name)
        assert value.shape == () and bool(info.support.contains(value)), name


@every_rung
def test_parameters_are_found_by_their_names(kind):
    assert parameters.paths(kind()) == list(declared(kind))


@every_rung
def test_default_ports_exist(kind):
    assert {kind.drive_port, kind.field_port, *kind.noise_ports} <= set(ports(kind))


@every_rung
def test_noise_enters_linear_ports_unless_told_otherwise(kind):
    assert all(ports(kind)[name].linear for name in kind.noise_ports)


@every_rung
def test_default_coupling_exists(kind):
    assert kind.coupling in COUPLINGS


@every_rung
def test_describe_prints_every_parameter_and_port(kind, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    describe(kind())
    printed = capsys.readouterr().out
    for name in [*declared(kind), *ports(kind)]:
        assert name in printed, name


@every_rung
def test_a_parameter_outside_its_support_is_an_error_that_names_it(kind):
    for name, info in declared(kind).items():
        if isinstance(info.support, parameters.Positive):
            with pytest.raises(ValueError, match=rf"{owner(kind, name)}.*above zero"):
                replaced(kind(), {name: -1.0})


@every_rung
def test_a_parameter_that_is_a_matrix_is_an_error_that_names_it(kind):
    for name in declared(kind):
        with pytest.raises(ValueError, match=rf"{owner(kind, name)}.*\(2, 2\)"):
            replaced(kind(), {name: jnp.ones((2, 2))})


@every_rung
def test_named_sets_are_rungs_that_march(kind):
    for name in kind.sets:
        solution = simulate(kind.named(name), duration=0.01, dt=1e-4)
        assert solution.succeeded, name
    with pytest.raises(ValueError, match="name"):
        kind.named("no such set")


# --- elementwise, shapes, precision


@every_rung
def test_nodes_side_by_side_equal_each_alone(kind):
    rung, state, inputs = kind(), some_state(kind()), some_inputs(kind())
    together = outputs(rung, state, inputs)
    for i in range(NODES):
        for name, alone in outputs(rung, node(state, i), node(inputs, i)).items():
            np.testing.assert_allclose(together[name][:, i : i + 1], alone, rtol=1e-13)


@every_rung
def test_regional_parameters_equal_separate_rungs(kind):
    rung = varied(kind)
    state, inputs = some_state(rung), some_inputs(rung)
    together = outputs(rung, state, inputs)
    for i in range(NODES):
        single = replaced(rung, {name: value_of(rung, name)[i] for name in declared(kind)})
        for name, alone in outputs(single, node(state, i), node(inputs, i)).items():
            np.testing.assert_allclose(together[name][:, i : i + 1], alone, rtol=1e-13)


@every_rung
def test_every_parameter_matters(kind):
    base = stack_state(kind().vector_field(jnp.zeros(()), some_state(kind()), some_inputs(kind())))
    for name in declared(kind):
        rung = replaced(kind(), {name: value_of(kind(), name) * 1.1 + 0.01})
        moved = rung.vector_field(jnp.zeros(()), some_state(kind()), some_inputs(kind()))
        assert not np.allclose(stack_state(moved), base, rtol=1e-9), name


@every_rung
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_precision_are_kept(kind, dtype):
    rung, state, inputs = cast((kind(), some_state(kind()), some_inputs(kind())), dtype)
    found = outputs(rung, state, inputs)
    components = len(dataclasses.fields(kind.State))
    assert found["vector_field"].shape == found["wrap"].shape == (components, NODES)
    assert found["send"].shape[1:] == found["signal"].shape[1:] == (NODES,)
    assert found["activity"].shape[1:] == (NODES,)
    assert found["push_pull"].shape == (2, NODES)
    assert {array.dtype.name for array in found.values()} == {dtype}


@every_rung
def test_single_precision_agrees_with_double(kind):
    double = outputs(kind(), some_state(kind()), some_inputs(kind()))
    single = outputs(*cast((kind(), some_state(kind()), some_inputs(kind())), "float32"))
    for name, array in double.items():
        scale = float(jnp.abs(array).max())
        np.testing.assert_allclose(single[name], array, atol=1e-5 * scale, rtol=1e-4)


@every_rung
def test_start_gives_finite_states_with_no_drift_to_infinity(kind):
    start = kind().start(NODES)
    derivative = kind().vector_field(jnp.zeros(()), start, kind().Inputs())
    assert stack_state(start).shape == (len(dataclasses.fields(kind.State)), NODES)
    assert np.isfinite(stack_state(start)).all() and np.isfinite(stack_state(derivative)).all()


@every_rung
def test_shared_and_regional_inputs_agree(kind):
    rung, state = kind(), some_state(kind())
    for name in ports(rung):
        shared = outputs(rung, state, rung.Inputs(**{name: 0.3}))
        regional = outputs(rung, state, rung.Inputs(**{name: jnp.full(NODES, 0.3)}))
        for key, array in shared.items():
            np.testing.assert_array_equal(array, regional[key])


@every_rung
def test_inputs_add_port_by_port(kind):
    first, second = some_inputs(kind(), seed=2), some_inputs(kind(), seed=3)
    for name in ports(kind):
        added = getattr(add_inputs(first, second), name)
        np.testing.assert_array_equal(added, getattr(first, name) + getattr(second, name))


@every_rung
def test_wrapping_twice_is_wrapping_once(kind):
    far = jax.tree.map(lambda leaf: 40 * leaf, some_state(kind()))
    once = kind().wrap(far)
    np.testing.assert_array_equal(stack_state(kind().wrap(once)), stack_state(once))


@every_rung
def test_wrapping_changes_no_derivative(kind):
    rung, far = kind(), jax.tree.map(lambda leaf: 40 * leaf, some_state(kind()))
    inputs = some_inputs(rung)
    free = stack_state(rung.vector_field(jnp.zeros(()), far, inputs))
    wrapped = stack_state(rung.vector_field(jnp.zeros(()), rung.wrap(far), inputs))
    np.testing.assert_allclose(wrapped, free, rtol=1e-9, atol=1e-9 * float(jnp.abs(free).max()))


# --- ports and coupling


@every_rung
def test_every_port_acts(kind):
    rung, state = kind(), some_state(kind())
    without = rung.vector_field(jnp.zeros(()), state, rung.Inputs())
    for name in ports(rung):
        moved = rung.vector_field(jnp.zeros(()), state, rung.Inputs(**{name: 1.0}))
        assert not np.allclose(stack_state(moved), stack_state(without)), name


def second_difference(rung: Rung, name: str) -> float:
    """How far the vector field is from linear in one port, relative to its change."""
    state = some_state(rung)

    def drift(value: float):
        return stack_state(
            rung.vector_field(jnp.zeros(()), state, rung.Inputs(**{name: jnp.full(NODES, value)}))
        )

    bent = drift(2.0) - 2 * drift(0.0) + drift(-2.0)
    return float(jnp.abs(bent).max() / jnp.abs(drift(2.0) - drift(0.0)).max())


@every_rung
def test_ports_are_linear_where_they_say_so(kind):
    for name, info in ports(kind).items():
        assert (second_difference(kind(), name) < 1e-9) == info.linear, name


@every_rung
def test_linear_ports_act_alike_in_every_state(kind):
    # White noise is additive only where the gain of the port does not depend on the state; else the port says so.
    rung = kind()
    for name, info in ports(rung).items():
        if not info.linear:
            continue
        gains = []
        for seed in (0, 1):
            state = some_state(rung, seed=seed)
            with_input = rung.vector_field(jnp.zeros(()), state, rung.Inputs(**{name: 1.0}))
            without = rung.vector_field(jnp.zeros(()), state, rung.Inputs())
            gains.append(stack_state(with_input) - stack_state(without))
        alike = np.allclose(gains[0], gains[1], rtol=1e-8, atol=1e-8)
        assert alike != info.multiplicative, name


@every_rung
def test_what_is_sent_never_depends_on_what_arrives(kind):
    rung, state = kind(), some_state(kind())
    channels = rung.send(state, rung.Inputs()).shape[0]
    arriving = jax.random.normal(jax.random.key(5), (channels, NODES))
    np.testing.assert_array_equal(
        rung.send(state, rung.receive(arriving)), rung.send(state, rung.receive(0 * arriving))
    )


@every_rung
def test_what_arrives_acts(kind):
    rung, state = kind(), some_state(kind())
    channels = rung.send(state, rung.Inputs()).shape[0]
    for channel in range(channels):
        arriving = jnp.zeros((channels, NODES)).at[channel].set(1.0)
        moved, still = (
            rung.vector_field(jnp.zeros(()), state, rung.receive(combined(rung, a, state)))
            for a in (arriving, 0 * arriving)
        )
        assert not np.allclose(stack_state(moved), stack_state(still))


@every_rung
def test_receiving_is_linear(kind):
    rung = kind()
    channels = rung.send(some_state(rung), rung.Inputs()).shape[0]
    arriving = jax.random.normal(jax.random.key(5), (channels, NODES))
    for name in ports(rung):
        doubled = jnp.broadcast_to(getattr(rung.receive(2 * arriving), name), (NODES,))
        single = jnp.broadcast_to(getattr(rung.receive(arriving), name), (NODES,))
        np.testing.assert_allclose(doubled, 2 * single, rtol=1e-14)


# --- push and pull


@every_rung
def test_push_feeds_pull_and_pull_takes_from_push(kind):
    found = motif(kind())
    assert found.holds.all() and found.rotation[0] > 0


# --- transformations and engines


@every_rung
def test_diffrax_solves_the_vector_field_as_it_is(kind):
    rung = kind()
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(rung.vector_field),
        diffrax.Tsit5(),
        t0=0.0,
        t1=0.05,
        dt0=1e-3,
        y0=rung.start(NODES),
        args=rung.Inputs(),
    )
    assert stack_state(solution.ys).shape == (len(dataclasses.fields(kind.State)), 1, NODES)
    assert np.isfinite(stack_state(solution.ys)).all()


@every_rung
def test_jit_changes_nothing(kind):
    rung, state, inputs = kind(), some_state(kind()), some_inputs(kind())
    direct, compiled = outputs(rung, state, inputs), jax.jit(outputs)(rung, state, inputs)
    for name, array in direct.items():
        scale = float(jnp.abs(array).max())
        np.testing.assert_allclose(compiled[name], array, rtol=1e-12, atol=1e-13 * scale)


@every_rung
def test_vmap_over_parameters_equals_a_loop(kind):
    state, inputs = some_state(kind()), some_inputs(kind())
    lanes = jax.vmap(
        lambda scale: replaced(kind(), {n: value_of(kind(), n) * scale for n in declared(kind)})
    )(jnp.array([1.0, 1.1]))
    mapped = jax.vmap(lambda rung: outputs(rung, state, inputs))(lanes)
    for lane in range(2):
        alone = outputs(jax.tree.map(lambda leaf, i=lane: leaf[i], lanes), state, inputs)
        for name, array in alone.items():
            np.testing.assert_allclose(mapped[name][lane], array, rtol=1e-12)


@every_rung
def test_gradients_to_every_parameter_agree_with_differences(kind):
    state, inputs = some_state(kind()), some_inputs(kind())
    weights = jax.random.normal(jax.random.key(9), stack_state(state).shape)

    def loss(rung: Rung) -> jax.Array:
        drift = stack_state(rung.vector_field(jnp.zeros(()), state, inputs))
        return jnp.sum(weights * drift)

    gradient = jax.grad(loss)(kind())
    for name in declared(kind):
        value = value_of(kind(), name)
        step = 1e-5 * (float(jnp.abs(value)) or 1.0)
        # Placed without checks, since a step below zero may leave the support.
        up, down = (
            loss(eqx.tree_at(lambda rung, name=name: value_of(rung, name), kind(), value + change))
            for change in (step, -step)
        )
        found = float(value_of(gradient, name))
        assert found == pytest.approx(float(up - down) / (2 * step), rel=1e-6, abs=1e-9), name


@every_rung
def test_a_network_of_it_marches_with_delays(kind):
    connectome = Connectome([[0.0, 0.5], [0.3, 0.0]], [[0.0, 22.0], [35.0, 0.0]])
    solution = simulate(Network(kind(), connectome, gain=0.1), duration=0.02, dt=1e-3)
    assert solution.succeeded and solution.signal.shape == (20, 2)
