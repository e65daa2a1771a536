r"""A network: a rung wired by a connectome, with coupling, delays, noise, drive, field, sensor and blood.

For node `i`, with the rung's vector field $f$ and inputs $u$ at its ports,

.. math::
    \dot x_i = f(x_i, u_i), \qquad
    u_i = \mathrm{receive}\Big[G\,\mathrm{combine}\big(\textstyle\sum_j C_{ij} s_j(t-\tau_{ij}), s_i\big)
    + g_i s_i(t - d_i)\Big] + f_i(t) + \lambda_i\cdot E(t) + \eta_i(t)

with $s = \mathrm{send}(x, \text{outside inputs})$ and $\tau_{ij} =
\text{length}_{ij}/\text{speed}$.
"""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from rosetta_jax import _checks, parameters
from rosetta_jax._types import Channels, Nodal, Pairwise, Parameter, Scalar
from rosetta_jax.forcing import Drive, Field, Forcing, Noise, Sum, inputs_of
from rosetta_jax.network.connectome import Connectome, unconnected
from rosetta_jax.network.coupling import COUPLINGS, Coupling
from rosetta_jax.network.links import Links, carried, turned
from rosetta_jax.observe import BalloonWindkessel
from rosetta_jax.parameters import check_parameters, parameter
from rosetta_jax.priors import NonNegative, Positive
from rosetta_jax.system import Rung, add_inputs, ports

# Seconds; a longer `max_delay` is in milliseconds.
_LONGEST_DELAY = 10.0


class Network(eqx.Module):
    """A rung wired into a brain.

    `rung` (its parameters shared or regional); `connectome`; `coupling`: "additive", "diffusive" or a
    `Coupling`, by default the rung's own; `gain` G; conduction `speed` (m/s), used where the connectome has
    lengths; `noise` at the rung's noise ports; `drive` at its drive port; `field` at its field port, or at
    the ports they name; both may be sums; `sensor`, a noise added to every signal; `max_delay` (s): the
    longest delay that a march must be able to hold, needed only where lengths or speed are traced; `min_delay`
    (s): the shortest that will occur there, which lets a march read for eight steps at once where it is longer.
    A run with a delay outside of these fails and says so. `self_gain` g and `self_delay` d (s) add each region's
    own delayed return, a loop through the thalamus say (`rosetta_jax.network.self_loop`). `bold`, haemodynamics
    that the rung's `activity` drives, such as `rj.BalloonWindkessel()`, makes the BOLD signal.

    Raises `ValueError` for white noise at a port in which the rung is not linear, an unknown port,
    or a parameter that is neither `()` nor `(nodes,)`.
    """

    rung: Rung
    connectome: Connectome
    coupling: Coupling
    noise: Noise | None
    drive: Drive | Sum | None
    field: Field | Sum | None
    sensor: Noise | None
    bold: BalloonWindkessel | None
    max_delay: float | None = eqx.field(static=True)
    min_delay: float | None = eqx.field(static=True)
    gain: Parameter = parameter(
        unit="1", symbol="G", description="global gain of the coupling", support=NonNegative()
    )
    speed: Parameter = parameter(
        unit="m/s",
        symbol="v",
        description="conduction speed",
        support=Positive(),
        span=(0.03, 500.0),
        source="5 to 10 m/s, Castaldo et al. 2512.10982",
    )
    self_gain: Parameter | None = parameter(
        None,
        unit="1",
        symbol="g",
        description="gain of each region's own delayed return",
    )
    self_delay: Parameter | None = parameter(
        None,
        unit="s",
        symbol="d",
        description="delay of each region's own return",
        support=NonNegative(),
        span=(0.0, 2.0),
        source="about 0.085 s through the thalamus, Robinson et al. 2002",
    )

    def __init__(
        self,
        rung: Rung,
        connectome: Connectome,
        coupling: Coupling | str | None = None,
        gain: Any = 1.0,
        speed: Any = 10.0,
        noise: Noise | None = None,
        drive: Drive | Sum | None = None,
        field: Field | Sum | None = None,
        sensor: Noise | None = None,
        max_delay: float | None = None,
        min_delay: float | None = None,
        self_gain: Any = None,
        self_delay: Any = None,
        bold: BalloonWindkessel | None = None,
    ):
        _check_parts(rung, connectome, noise, drive, field, sensor, bold)
        self.rung = rung
        self.connectome = connectome
        self.coupling = _as_coupling(rung.coupling if coupling is None else coupling)
        self.gain = gain
        self.speed = speed
        self.self_gain = self_gain
        self.self_delay = self_delay
        self.noise = noise
        self.drive = drive
        self.field = field
        self.sensor = sensor
        self.bold = bold
        self.max_delay = None if max_delay is None else _checks.known("max_delay", max_delay, "s")
        self.min_delay = (
            None if min_delay is None else _checks.known("min_delay", min_delay, "s", zero=True)
        )

    def __check_init__(self):
        check_parameters(self)
        _check_loop(self)
        if self.speed.ndim != 0:
            raise ValueError(
                f"`speed` must be one number, got shape {self.speed.shape}: scale `lengths` instead."
            )
        if self.max_delay is not None and self.max_delay > _LONGEST_DELAY:
            raise ValueError(
                f"`max_delay` of {self.max_delay:g} s is longer than any delay of a brain: give seconds, "
                "not milliseconds."
            )
        if (self.min_delay or 0.0) > (self.max_delay or np.inf):
            raise ValueError(
                f"`min_delay` of {self.min_delay:g} s is longer than `max_delay`, {self.max_delay:g} s: both are "
                "bounds of the delays of links with weight."
            )
        for path, value in _regional_parameters(self):
            _checks.shared_or_regional(path, value, self.nodes)
        _check_phase(self)
        for name, forcing in (("drive", self.drive), ("field", self.field)):
            for part in () if forcing is None else forcing.parts():
                if part.port is not None:
                    _checks.one_of(f"{name}.port", part.port, ports(self.rung))
                _check_width(name, part, self.nodes, self.gain.dtype)
        if self.noise is not None:
            _check_noise_ports(self.rung, self.noise, self.noise_ports)

    @property
    def nodes(self) -> int:
        """How many nodes there are."""
        return self.connectome.nodes

    @property
    def channels(self) -> int:
        """How many channels a node sends."""
        sent = jax.eval_shape(lambda: self.send(self.start(), self.rung.Inputs()))
        return sent.shape[0]

    def links(self) -> Links:
        """What every channel of a node makes arrive at every other, delays left out."""
        return turned(self.connectome.weights, self.connectome.phase, self.channels)

    @property
    def noise_ports(self) -> tuple[str, ...]:
        """The ports that noise enters."""
        chosen = None if self.noise is None else self.noise.ports
        return self.rung.noise_ports if chosen is None else chosen

    def delays(self) -> Pairwise | None:
        """Delays (s), `[target, source]`, or None where everything arrives at once."""
        if self.connectome.lengths is None:
            return None
        return self.connectome.lengths / (1000 * self.speed)

    def start(self) -> Any:
        """The rung's starting state for all nodes."""
        return self.rung.start(self.nodes)

    def outside(self, t: Scalar) -> Any:
        """The known inputs at time `t` (s): drive and field, at their ports."""
        inputs = self.rung.Inputs()
        for forcing, port in (
            (self.drive, self.rung.drive_port),
            (self.field, self.rung.field_port),
        ):
            if forcing is not None:
                inputs = add_inputs(inputs, self.rung.Inputs(**inputs_of(forcing, t, port)))
        return inputs

    def noise_inputs(self, values: Any) -> Any:
        """Noise `(ports, nodes)` placed at the ports that noise enters."""
        return self.rung.Inputs(**dict(zip(self.noise_ports, values, strict=True)))

    def send(self, state: Any, outside: Any) -> Channels:
        """What the nodes send, given the inputs from outside the network."""
        return self.rung.send(state, outside)

    def arriving(self, state: Any, outside: Any) -> Channels:
        """What arrives where the nodes have always been at `state`: delays make no difference."""
        return carried(self.links(), self.send(state, outside))

    def signal(self, state: Any, outside: Any) -> Nodal:
        """What an electrode sees of each node, without sensor noise."""
        return self.rung.signal(state, outside)

    def activity(self, state: Any, outside: Any) -> Nodal:
        """What drives the blood flow of each node."""
        return self.rung.activity(state, outside)

    def vessels(self) -> BalloonWindkessel:
        """The haemodynamics. Raises `ValueError` where there are none."""
        if self.bold is None:
            raise ValueError(
                "`bold` is None: a network without haemodynamics has no BOLD signal, give it some as "
                "Network(..., bold=rj.BalloonWindkessel())."
            )
        return self.bold

    def vector_field(self, t: Scalar, state: Any, arriving: Channels, outside: Any) -> Any:
        """The time derivative of all nodes, given what arrives and the inputs from outside."""
        combined = self.coupling.combine(
            arriving, self.send(state, outside), self.connectome.strengths()
        )
        gain = self.gain[None, :] if self.gain.ndim else self.gain
        return self.rung.vector_field(
            t, state, add_inputs(outside, self.rung.receive(gain * combined))
        )


def alone(
    rung: Rung,
    nodes: int = 1,
    noise: Noise | None = None,
    drive: Drive | Sum | None = None,
    field: Field | Sum | None = None,
    bold: BalloonWindkessel | None = None,
) -> Network:
    """`nodes` unconnected nodes of a rung, as the network that every engine takes."""
    wires = unconnected(nodes)
    return Network(rung, wires, gain=0.0, noise=noise, drive=drive, field=field, bold=bold)


def lifted(system: Rung | Network) -> Network:
    """A network as it is; a bare rung lifted to one node, or to as many as its parameters have."""
    if isinstance(system, Network):
        return system
    if isinstance(system, Rung):
        sizes = {value.shape[0] for _, value in _regional_parameters(system) if value.ndim}
        return alone(system, nodes=max(sizes, default=1))
    raise TypeError(
        f"`system` must be an rj.Network or a rung such as rj.StuartLandau(), got {_checks.shown(system)}."
    )


def _check_parts(
    rung: Any, connectome: Any, noise: Any, drive: Any, field: Any, sensor: Any, bold: Any
) -> None:
    """Raise where a part of a network is something else."""
    _checks.instance("rung", rung, Rung, "a Rung such as rj.StuartLandau()")
    _checks.instance("connectome", connectome, Connectome, "rj.Connectome(weights, lengths)")
    for name, part, kind, wanted in (
        ("noise", noise, Noise, "a noise such as rj.WhiteNoise(sigma)"),
        (
            "drive",
            drive,
            (Drive, Sum),
            "a drive such as rj.Sinusoid(...) or rj.FunctionDrive(function)",
        ),
        ("field", field, (Field, Sum), "rj.Field(strength, waveform)"),
        ("sensor", sensor, Noise, "a noise such as rj.WhiteNoise(sigma)"),
        ("bold", bold, BalloonWindkessel, "haemodynamics such as rj.BalloonWindkessel()"),
    ):
        if part is not None:
            _checks.instance(name, part, kind, wanted)


def _as_coupling(coupling: Coupling | str) -> Coupling:
    if isinstance(coupling, Coupling):
        return coupling
    return COUPLINGS[_checks.one_of("coupling", coupling, COUPLINGS)]()


def _regional_parameters(module: eqx.Module) -> list[tuple[str, Any]]:
    """All declared parameters below `module`, with their paths."""
    return [
        (path, parameters.get(module, path))
        for path in parameters.paths(module)
        if parameters.info(module, path) is not None
    ]


def _check_loop(network: Network) -> None:
    if (network.self_gain is None) != (network.self_delay is None):
        missing = "self_gain" if network.self_gain is None else "self_delay"
        raise ValueError(
            f"`{missing}` is needed: a loop has a gain and a delay (s), give both or neither."
        )


def _check_phase(network: Network) -> None:
    if network.connectome.phase is not None and network.channels % 2:
        raise ValueError(
            f"`connectome.phase` turns pairs of channels, and {type(network.rung).__name__} sends "
            f"{network.channels}: take a rung of the plane or of phases, or a connectome without phase."
        )


def _check_noise_ports(rung: Rung, noise: Noise, names: tuple[str, ...]) -> None:
    known = ports(rung)
    for name in names:
        _checks.one_of("noise.ports", name, known)
        if noise.white and not known[name].linear:
            raise ValueError(
                f"`noise`: white noise at the port {name!r} of {type(rung).__name__} is not well defined, "
                "since "
                "the rung is not linear in it: use rj.OrnsteinUhlenbeck(sd, tau), which is smooth."
            )


def _check_width(name: str, part: Forcing, nodes: int, dtype: Any) -> None:
    found = jax.eval_shape(part.value, jax.ShapeDtypeStruct((), dtype)).shape
    if found not in ((), (nodes,)):
        raise ValueError(
            f"`{name}` must be one number () or one a node ({nodes},) at each time, got shape "
            f"{found}."
        )


def delays_known(network: Network) -> bool:
    """Whether weights, lengths and speed are numbers and not traced."""
    connectome = network.connectome
    return _checks.is_concrete((connectome.weights, connectome.lengths, network.speed))


def delay_bounds(network: Network) -> tuple[float, float]:
    """The shortest and the longest delay of a link with weight (s). Raises where values are traced."""
    connectome = network.connectome
    if connectome.lengths is None:
        return 0.0, 0.0
    if not delays_known(network):
        raise ValueError(
            "`max_delay` is needed where weights, lengths or speed are traced (inside jax.jit, vmap or "
            "grad): give Network(..., max_delay=seconds), at least the longest delay that will occur."
        )
    linked = np.asarray(connectome.weights) != 0
    lengths = np.asarray(connectome.lengths)[linked] / (1000 * float(network.speed))
    return (float(lengths.min()), float(lengths.max())) if linked.any() else (0.0, 0.0)


__all__ = ["Network", "alone", "delay_bounds", "delays_known", "lifted"]
