"""Delayed Stuart-Landau networks that tests of the transport share."""

import numpy as np

import rosetta_jax as rj

DT, SPEED = 1e-3, 10.0
PER_STEP = 1e3 * SPEED * DT  # mm that a signal goes in a step


def oscillators(
    nodes: int, least: float, most: float, share: float = 1.0, phase: bool = False, **more
) -> rj.Network:
    """Delays of `least` to `most` steps over a `share` of all links, which turn what they carry where asked to."""
    rng = np.random.default_rng(1)
    weights = rng.uniform(0.1, 1.0, (nodes, nodes)) * (1.0 - np.eye(nodes))
    lengths = rng.uniform(least, most, (nodes, nodes)) * PER_STEP
    turn = rng.uniform(-1, 1, (nodes, nodes)) if phase else None
    linked = rng.random((nodes, nodes)) < share
    return rj.Network(
        rj.StuartLandau(alpha=2.0, omega=np.linspace(40.0, 80.0, nodes)),
        rj.Connectome(weights * linked, lengths, phase=turn),
        gain=3.0,
        speed=SPEED,
        **more,
    )
