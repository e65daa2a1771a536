r"""The simulated route: spectra and connectivity estimated from marches, with gradients through them.

The network is marched from several noise seeds and the estimates, Welch's spectrum and the correlation of
the signals, are averaged over seeds. The seeds are the same at every step of a descent, so that the loss is a
smooth function of the parameters: Levenberg-Marquardt works on it, a refusal means something, and what
sampling costs is an offset of the result which falls as one over the root of `seeds * duration`.

Derivatives go through every step of the march: forward (Levenberg-Marquardt: time grows with the number of
free parameters, memory does not grow with time) or reverse (`GradientDescent`: about four marches whatever
their number, memory bounded by checkpointed blocks).
"""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks, observe
from rosetta_jax._types import Array, Float, Int, Pairwise, PRNGKeyArray, Scalar, Spectrum
from rosetta_jax.evoked import evoked
from rosetta_jax.inference.curves import Curve
from rosetta_jax.inference.route import CurvePrediction, Model, Prediction, Route
from rosetta_jax.network import Network, as_network, lifted, looped
from rosetta_jax.network.network import delay_bounds
from rosetta_jax.network.transport import formulate, transport
from rosetta_jax.network.transport.slices import CHUNK
from rosetta_jax.observe import LeadField
from rosetta_jax.results import Status
from rosetta_jax.simulation import ensemble, lyapunov_exponent

# Room for delays to grow during a descent, where `max_delay` does not say.
_ROOM = 2.0
# Signals pass the filter before thinning unchanged up to this share of the new Nyquist frequency.
_FLAT = 0.8


class Simulated(Route):
    """March `seeds` times for `transient + duration` seconds in steps of `dt` (s), and estimate.

    `save_every` (s) is the sampling interval of the signal, after a low-pass, by default every step;
    `segment` (s) the length of Welch's segments, best that of the measured spectra, and several periods of the
    lowest frequency that counts, or what is slower leaks in; `repetition_time` (s) the sampling interval of BOLD,
    for losses that ask for it. Networks without `max_delay` get room for twice their present longest delay, and
    those without `min_delay` for half their shortest where that is still long enough to be read for eight steps at
    once; a step beyond is refused.
    Unlike theory it needs no stable point, so networks beyond onset can be fitted. Of chaotic ones gradients grow
    with the duration (`fit` warns): a `window` (s) bounds them (`rj.simulate`).
    """

    duration: float = eqx.field(static=True)
    dt: float = eqx.field(default=1e-3, static=True)
    seeds: int = eqx.field(default=4, static=True)
    transient: float = eqx.field(default=2.0, static=True)
    save_every: float | None = eqx.field(default=None, static=True)
    segment: float = eqx.field(default=2.0, static=True)
    window: float | None = eqx.field(default=None, static=True)
    repetition_time: float = eqx.field(default=1.0, static=True)

    def __check_init__(self):
        for name in ("duration", "dt", "segment"):
            _checks.known(name, getattr(self, name), "s")
        _checks.known("transient", self.transient, "s", zero=True)
        _checks.multiple("save_every", self.interval, self.dt, "steps")
        _checks.multiple("repetition_time", self.repetition_time, self.dt, "steps")
        _checks.multiple("duration", self.duration, self.interval, "samples")
        if self.transient:
            _checks.multiple("transient", self.transient, self.interval, "samples")
        _checks.whole("seeds", self.seeds)
        if self.window is not None:
            _checks.multiple("window", self.window, self.interval, "samples")
        if self.segment > self.duration:
            raise ValueError(
                f"`segment` of {self.segment:g} s is longer than `duration` {self.duration:g} s: "
                "shorten it, or simulate for longer."
            )

    @property
    def interval(self) -> float:
        """The sampling interval of the signal (s)."""
        return self.dt if self.save_every is None else self.save_every

    def prepared(self, models: Sequence[Model], highest: float | None) -> list[Model]:
        limit = 0.5 / self.interval * (1.0 if self.interval == self.dt else _FLAT)
        if highest is not None and highest >= limit:
            raise ValueError(
                f"the loss asks for {highest:g} Hz, but signals kept every {self.interval:g} s are good "
                f"to {limit:g} Hz: lower `save_every`, or leave out the higher bins."
            )
        whole: list[Model] = [m if isinstance(m, Curve) else lifted(m) for m in models]
        networks = [model for model in whole if isinstance(model, Network)]
        spans = [delay_bounds(looped(network)) for network in networks]
        longest = max(
            (n.max_delay or _ROOM * span[1] for n, span in zip(networks, spans, strict=True)),
            default=0.0,
        )
        if not longest:
            return whole
        least = min(n.min_delay or span[0] / _ROOM for n, span in zip(networks, spans, strict=True))
        bounds = {
            "max_delay": longest,
            "min_delay": least if least > (CHUNK + 1) * self.dt else None,
        }
        return [
            dataclasses.replace(model, **bounds) if isinstance(model, Network) else model
            for model in whole
        ]

    def predict(self, model: Model, key: PRNGKeyArray) -> Prediction:
        if isinstance(model, Curve):
            return CurvePrediction(model)
        return SimulatedPrediction(as_network(model), key, self)

    def growth(self, model: Model, key: PRNGKeyArray) -> Scalar | None:
        if isinstance(model, Curve):
            return None
        exponent = lyapunov_exponent(
            as_network(model), self.duration, self.dt, key=key, transient=self.transient
        )
        return exponent * (self.window or self.transient + self.duration)


class SeriesPrediction(Prediction):
    """What estimators make of simulated series (seeds, time, nodes), one sample each `interval` seconds."""

    def __init__(self, network: Network, route: Simulated, series: Array, interval: float):
        self._network, self._route = network, route
        self.series: Float[Array, "seeds time nodes"] = series
        self._interval = interval

    @property
    def status(self) -> Int[Array, ""]:
        # What can be told without a march; a march that diverges is found by what it gives.
        dt = jnp.asarray(self._route.dt, self._network.connectome.weights.dtype)
        moving = transport(self._network, dt, formulate(self._network, self._route.dt))
        return moving.status

    def spectrum(self, frequencies: Float[Array, " frequencies"]) -> Spectrum:
        def welch(signal: Float[Array, "time nodes"]) -> Spectrum:
            return observe.power_spectrum(
                signal, self._interval, segment=self._route.segment, frequencies=frequencies
            ).density

        return jnp.mean(jax.vmap(welch)(self.series), axis=0)

    def connectivity(self, band: tuple[float, float] | None) -> Pairwise:
        def correlation(signal: Float[Array, "time nodes"]) -> Pairwise:
            return observe.functional_connectivity(
                signal, band=band, dt=self._interval, segment=self._route.segment
            )

        return jnp.mean(jax.vmap(correlation)(self.series), axis=0)

    def lagged(
        self, lags: tuple[float, ...], band: tuple[float, float] | None
    ) -> Float[Array, "lags nodes nodes"]:
        def correlation(signal: Float[Array, "time nodes"]) -> Float[Array, "lags nodes nodes"]:
            return observe.lagged_correlations(
                signal, self._interval, lags, band=band, segment=self._route.segment
            )

        return jnp.mean(jax.vmap(correlation)(self.series), axis=0)

    def bold(self) -> Prediction:
        return self

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        found = evoked(self._network, times, self._route.dt)
        # Without a point of rest there is nothing that it would be a response of.
        return jnp.where(found.status == Status.ok, found.signal, jnp.nan)

    def evoked_by_site(
        self, times: np.ndarray, low_pass: float | None
    ) -> Float[Array, "time sensors nodes"]:
        raise ValueError(
            "a march is not linear in what drives it: fit rj.inference.SitesLoss by rj.Theory(), and go on from "
            "there by simulation with an EvokedLoss."
        )

    def dynamics(self, window: float, step: float | None, bins: int) -> Float[Array, " bins"]:
        def share(series: Float[Array, "time nodes"]) -> Float[Array, " bins"]:
            alike = observe.functional_connectivity_dynamics(
                series, self._interval, window=window, step=step
            )
            return observe.cumulative_share(observe.upper_triangle(alike), bins=bins, smooth=True)

        # One seed after the other: an array of windows by windows is held for one of them.
        return jnp.mean(jax.lax.map(jax.checkpoint(share), self.series), axis=0)

    def sensors(self, lead_field: LeadField) -> Prediction:
        return SensorSeries(self, lead_field)


class SensorSeries(SeriesPrediction):
    """Simulated series as sensors record them."""

    def __init__(self, of: SeriesPrediction, lead_field: LeadField):
        series = jax.vmap(lead_field.sensors)(of.series)
        super().__init__(of._network, of._route, series, of._interval)
        self._of, self._lead_field = of, lead_field

    def evoked(self, times: np.ndarray, low_pass: float | None) -> Float[Array, "time nodes"]:
        return self._lead_field.sensors(self._of.evoked(times, low_pass))

    def bold(self) -> Prediction:
        raise ValueError("BOLD is not seen through a lead field: give that loss without AtSensors.")


class SimulatedPrediction(SeriesPrediction):
    """A network by marching it from several seeds."""

    def __init__(self, network: Network, key: PRNGKeyArray, route: Simulated):
        self._key = key
        # A compiler drops what nobody asks for.
        super().__init__(network, route, self._marched(network, route, "signal"), route.interval)

    def bold(self) -> Prediction:
        route, network = self._route, self._network
        series = self._marched(network, route, "bold")
        return SeriesPrediction(network, route, series, route.repetition_time)

    def _marched(self, network: Network, route: Simulated, what: str) -> Array:
        every = route.interval if what == "signal" else route.repetition_time
        run = ensemble(
            network,
            {},
            route.duration,
            route.dt,
            key=jax.random.split(self._key, route.seeds),
            transient=route.transient,
            save=(what,),
            save_every=every,
            window=route.window,
            show_progress=False,
        )
        return run.signal if what == "signal" else run.bold
