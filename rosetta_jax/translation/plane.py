r"""What leading modes make of a network: oscillators in the plane with complex links, its noise and its forcing.

A link $\kappa_{ij}$ becomes a weight $|\kappa_{ij}|$ with a phase, and keeps its delay. A real input $u$ at a port
pushes $x$ by $\mathrm{Re}\,k\,u$ and $y$ by $\mathrm{Im}\,k\,u$; of white noise that arrives so, what turns
along is half, which isotropic noise of strength $\sigma|k|/\sqrt 2$ has as well.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Parameter, Scalar
from rosetta_jax.forcing import Noise, WhiteNoise
from rosetta_jax.forcing.drive import Drive
from rosetta_jax.forcing.forcing import Forcing, Sum
from rosetta_jax.network import Connectome, Network
from rosetta_jax.system import Rung
from rosetta_jax.translation.modes import Modes
from rosetta_jax.translation.translated import Inputs


class Carried(Drive):
    """A forcing of the source times a factor, () or (nodes,), at a port of the target."""

    source: Forcing
    factor: Parameter = eqx.field(converter=_checks.as_float_array)

    def value(self, t: Scalar) -> Parameter:
        value = self.source.value(t)
        shape = jnp.broadcast_shapes(jnp.shape(value), self.factor.shape)
        return jnp.broadcast_to(value, shape) * jnp.broadcast_to(self.factor, shape)


def wired_in_the_plane(rung: Rung, network: Network, found: Modes) -> Network:
    """Oscillators in the place of nodes, linked, forced and stirred as the network is."""
    links = np.where(np.eye(network.nodes), 0.0, found.links)
    return oscillators(rung, network, links, _noise(network, found), plane_inputs(found))


def oscillators(
    rung: Rung, network: Network, links: np.ndarray, noise: WhiteNoise | None, inputs: Inputs
) -> Network:
    """Oscillators in the plane with complex links (nodes, nodes), where those of a network were."""
    wires = network.connectome
    return Network(
        rung,
        Connectome(
            np.abs(links), wires.lengths, wires.labels, wires.centres, phase=np.angle(links)
        ),
        "additive",
        gain=1.0,
        speed=network.speed,
        noise=noise,
        drive=forcing_of(network, inputs),
        sensor=network.sensor,
        max_delay=network.max_delay,
        min_delay=network.min_delay,
    )


def plane_inputs(found: Modes) -> Inputs:
    """What a unit at each port of the source is on x and y."""
    return {name: {"x": np.real(k), "y": np.imag(k)} for name, k in found.inputs.items()}


def forcing_of(network: Network, inputs: Inputs) -> Drive | Sum | None:
    """Drive and field of a network at the ports of its translation."""
    total: Drive | Sum | None = None
    for forcing, port in (
        (network.drive, network.rung.drive_port),
        (network.field, network.rung.field_port),
    ):
        for part in () if forcing is None else forcing.parts():
            for name, factor in inputs[part.port or port].items():
                carried = Carried(part, factor, port=name)
                total = carried if total is None else total + carried
    return total


def _noise(network: Network, found: Modes) -> WhiteNoise | None:
    """White noise of the density that the source's has at resonance."""
    if network.noise is None:
        return None
    density = density_at(network.noise, found.omega[:, None])[:, 0]
    pushed = sum(np.abs(found.inputs[name]) ** 2 for name in network.noise_ports)
    return WhiteNoise(jnp.asarray(np.sqrt(density * pushed / 2)))


def density_at(noise: Noise, omega: np.ndarray) -> np.ndarray:
    """The density of each node's own noise at its own frequencies (nodes, F), rad/s."""
    nodes = len(omega)
    density = np.asarray(noise.density(jnp.asarray(omega.ravel()))).reshape(*omega.shape, -1)
    own = np.arange(nodes) if density.shape[2] > 1 else np.zeros(nodes, int)
    return density[np.arange(nodes), :, own]
