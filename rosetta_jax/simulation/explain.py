"""`explain`: how a run would be marched, and what memory it takes, before it is."""

import math
from collections.abc import Sequence
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from rosetta_jax._types import Scalar
from rosetta_jax.network import Network, as_network
from rosetta_jax.network.transport import Formulation, formulate
from rosetta_jax.network.transport.slices import CHUNK
from rosetta_jax.network.transport.taps import BAND, error
from rosetta_jax.simulation.march import Plan
from rosetta_jax.simulation.planning import check_step, requested
from rosetta_jax.simulation.step import marching
from rosetta_jax.system import Rung

# What a formulation does, in words.
_WORDS = {
    "at once": "one product of matrix and vector at each stage",
    "predicted": "one product of matrix and vector a step, of what Euler's method predicts",
    "ring": "each link gathers one value a step from a ring of past steps",
    "split": "short links are pushed through one matrix, long ones read for eight steps at once",
    "ring and slices": "long links are read for eight steps at once, shorter ones for four, or one value a step",
    "slices": "each link is read for eight steps at once",
    "taps": "one product for eight steps interpolates between few past ones, approximate",
}
# A link reads one value of a slice in the time in which a matrix weighs so many.
_TAPS_A_READ = 12
# States of one step that the reverse pass of a block holds at once: stages, noise, slopes.
_HELD = 8
# The results, and what the loss and its reverse pass make of them.
_COPIES = 3


def explain(
    system: Network | Rung,
    duration: float,
    dt: float,
    *,
    transient: float = 0.0,
    save: Sequence[str] = ("signal",),
    save_every: float | None = None,
    solver: diffrax.AbstractSolver | None = None,
    delays: str = "interpolated",
    transport: str | None = None,
    block: int | None = None,
    recompute: bool | None = None,
    window: float | None = None,
) -> None:
    """Print how `rj.simulate` with these options marches `system`: transport, steps, and estimates of memory.

    The memory of a reverse gradient is that for any number of parameters local to nodes; a free speed keeps up to
    three times what arrives, free lengths or weights add the values gathered in one block, links x channels
    numbers a step. It is an estimate, good to about a factor of two. Raises as `rj.simulate` does.
    """
    network = as_network(system)
    request = requested(network, duration, dt, transient, save, save_every, None)
    check_step(network, request.dt, solver)
    formulation = formulate(network, request.dt, delays, transport)
    heun = diffrax.Heun() if solver is None else solver
    plan = request.plan(network, formulation, heun, block, recompute, window)
    table = Table(title=type(network.rung).__name__, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("what", no_wrap=True)
    table.add_column("how")
    for name, words in _rows(network, request.dt, formulation, plan):
        table.add_row(name, words)
    Console().print(table)


def _rows(
    network: Network, dt: float, formulation: Formulation, plan: Plan
) -> list[tuple[str, str]]:
    steps = plan.blocks * plan.block
    cut = f", derivatives within windows of {plan.window}" if plan.window else ""
    found = memory(network, dt, formulation, plan)
    return [
        ("network", f"{network.nodes} nodes, {network.channels} channels"),
        ("links", _links(network, dt, formulation)),
        ("transport", f"{formulation.name}: {_WORDS[formulation.name]}"),
        *([("taps", _taps(network, dt, formulation))] if formulation.pieces else []),
        ("delays", formulation.delays),
        ("steps", f"{steps} of {1e3 * dt:g} ms in {plan.blocks} blocks of {plan.block}{cut}"),
        ("results", _size(found["results"])),
        ("a run needs", f"{_size(found['run'])} beyond its results"),
        (
            "a reverse gradient",
            f"about {_size(found['gradient'])}, what arrives "
            + ("kept for every step" if plan.keep else "computed again"),
        ),
    ]


def memory(network: Network, dt: float, formulation: Formulation, plan: Plan) -> dict[str, int]:
    """Bytes of the results, of what a run holds beside them, and of the temporaries of a reverse gradient."""
    dtype = network.gain.dtype

    def carried(step: Scalar) -> Any:
        march = marching(network, plan.solver, step, formulation)
        return march.begin(jax.random.key(0), None)

    carry = _bytes(jax.eval_shape(carried, jax.ShapeDtypeStruct((), dtype)))
    state = _bytes(jax.eval_shape(network.start))
    node = network.nodes * dtype.itemsize
    deviates = len(network.noise_ports) * node if network.noise is not None else 0
    sizes = {"signal": node, "states": state, "bold": node, "haemodynamics": 4 * node}
    results = plan.samples * sum(size for name, size in sizes.items() if name in plan.save)
    step = state + network.channels * node + deviates
    arriving = plan.blocks * plan.block * network.channels * node if plan.keep else 0
    kept = plan.blocks * carry + plan.block * _HELD * step + arriving
    return {
        "results": results,
        "run": carry + plan.block * (step + node),
        "gradient": kept + _COPIES * results,
    }


def _links(network: Network, dt: float, formulation: Formulation) -> str:
    if network.connectome.lengths is None:
        return "without delays"
    if formulation.whole is None:
        return f"traced, delays up to {formulation.rows} steps"
    linked = np.asarray(network.connectome.weights) != 0
    if not linked.any():
        return "none"
    whole = np.asarray(formulation.whole)[linked]
    shares = {
        "below a step": whole == 0,
        f"up to {CHUNK + 1} steps": (whole > 0) & (whole <= CHUNK),
        "beyond": whole > CHUNK,
    }
    shown = ", ".join(f"{share.mean():.0%} {name}" for name, share in shares.items())
    possible = network.nodes * (network.nodes - 1)
    return f"{linked.sum()} of {possible}, {whole.min()} to {whole.max()} whole steps long: {shown}"


def _taps(network: Network, dt: float, formulation: Formulation) -> str:
    pieces = formulation.pieces
    number = sum(len(piece.taps) for piece in pieces)
    # Rounded up.
    wrong = math.ceil(1e4 * error(pieces, BAND, dt)) / 1e4
    growth = max(piece.growth for piece in pieces)
    words = (
        f"{number} from {pieces[0].begin} to {pieces[-1].end} steps: signals up to {BAND:g} Hz arrive right to "
        f"{wrong:.2%}, faster ones wrong, up to {growth:.1f} times as large"
    )
    (sources,) = formulation.far_sources
    links = network.nodes if sources is None else sources.shape[1]
    reads = links * (1 if formulation.rounded else 2)
    slower = number * network.nodes >= _TAPS_A_READ * reads
    return words + ("; with so many slices are about as fast" if slower else "")


def _bytes(tree: Any) -> int:
    return sum(
        leaf.size * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.number)
    )


def _size(number: int | float) -> str:
    """Bytes in the unit that suits."""
    for unit in ("bytes", "KB", "MB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} GB"
