r"""Other free numbers than those of a preset: more, fewer, under other priors, or linear in cortical maps.

A parameter v that is freed without a prior has one about its present value: $v\,e^{0.5 u}$ where it must be above
zero, the whole interval where it lies between bounds, and else $v + |v|\,u/2$ (u itself where v is zero), with
$u \sim N(0, 1)$.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from rosetta_jax import _checks
from rosetta_jax._types import Float
from rosetta_jax.edges import ShapedLinks
from rosetta_jax.inference.fit import FitResult
from rosetta_jax.inference.presets import Preset
from rosetta_jax.network import Connectome, Network
from rosetta_jax.parameters import FreeParameters, check_support, get, info, paths, replace
from rosetta_jax.priors import (
    FreeParameter,
    Interval,
    LogNormal,
    NonNegative,
    Normal,
    Positive,
    Uniform,
)
from rosetta_jax.regional import LinearIn, Regional, linear_in

# The standard deviation of the coefficient of a map, in units of the prior's own.
MAPS_WIDTH = 0.5
# So many standard deviations of a prior must be values that the parameter can have.
_REACH = 3.0


def declared(network: Network) -> list[str]:
    """The paths of all parameters that can be free: those with a unit and a meaning."""
    return [path for path in paths(network) if info(network, path) is not None]


def default_prior(network: Network, path: str) -> FreeParameter:
    """A prior about the present value, as wide as its support lets it be (see the module's top).

    Raises `ValueError` for a parameter that must be above zero and is zero: it tells no scale.
    """
    described = info(network, _checks.one_of("free", path, declared(network)))
    assert described is not None
    value = float(np.median(np.asarray(get(network, path))))
    support = described.support
    if isinstance(support, (Positive, NonNegative)):
        if value <= 0:
            raise ValueError(
                f"`free` {path!r} is {value:g}, which tells no scale of what must be above zero: give its prior, "
                f"such as {path}=LogNormal(1.0, 0.5)."
            )
        return LogNormal(value, 0.5)
    if isinstance(support, (Interval, Uniform)):
        return Uniform(support.lower, support.upper)
    return Normal(value, abs(value) / 2 or 1.0)


def freed(
    preset: Preset,
    network: Network,
    free: Sequence[str] = (),
    priors: Mapping[str, FreeParameter] | None = None,
    hold: Sequence[str] = (),
) -> Preset:
    """The preset with other free parameters: those of `free` and of `priors` as well, those of `hold` fixed.

    `network`, one that the preset makes, tells what there is and which values it has; `priors` replace those of
    the preset. Where the present value lies outside of a new prior the network starts at the prior's middle.
    Raises `ValueError` for a path that is none, for one both freed and held, for a prior that reaches beyond what
    the parameter may be, and where nothing is left free.
    """
    priors, known = dict(priors or {}), declared(network)
    for path in (*free, *priors):
        _checks.one_of("free", path, known)
    for path, kind in priors.items():
        _require_within(network, path, kind)
    for path in hold:
        _checks.one_of("hold", path, preset.free)
        if path in (*free, *priors):
            raise ValueError(f"`hold` {path!r} is freed as well: give one of the two.")
    chosen = {path: kind for path, kind in preset.free.items() if path not in hold}
    chosen |= {path: default_prior(network, path) for path in free if path not in chosen}
    chosen |= priors
    if not chosen:
        raise ValueError(f"`hold` {', '.join(hold)} leaves nothing free: leave one of them out.")
    outside = {
        path: kind.constrain(jnp.zeros(()))
        for path, kind in priors.items()
        if not np.isfinite(kind.coordinates(get(network, path), network.nodes)).all()
    }

    def made(connectome: Connectome) -> Network:
        return replace(preset.network(connectome), outside)

    regional = {
        path: chosen.get(path, kind) for path, kind in preset.regional.items() if path not in hold
    }
    return Preset(made if outside else preset.network, chosen, regional)


def in_maps(
    preset: Preset, network: Network, names: Sequence[str], maps: Any, width: float = MAPS_WIDTH
) -> Preset:
    """The preset with the parameters of these paths linear in `maps` (maps, nodes), `rj.linear_in` of their prior.

    One that was not free is freed. `width` is the standard deviation of each map's coefficient in units of the
    prior's own. Raises `ValueError` for a path that is none, and for maps that cannot be used.
    """
    for path in names:
        _checks.one_of("maps", path, declared(network))
    missing = [path for path in names if path not in preset.free]
    preset = freed(preset, network, missing)
    chosen = {
        path: linear_in(maps, kind, width) if path in names else kind
        for path, kind in preset.free.items()
    }
    regional = {path: kind for path, kind in preset.regional.items() if path not in names}
    return Preset(preset.network, chosen, regional)


def alike(free: Mapping[str, FreeParameter]) -> dict[str, FreeParameter]:
    """The same parameters with one value for all regions."""
    return {
        path: kind.shared if isinstance(kind, Regional) else kind for path, kind in free.items()
    }


def coefficients(
    result: FitResult, network: Network, free: Mapping[str, FreeParameter]
) -> dict[str, Float[np.ndarray, "people maps"]]:
    """Of each parameter that is linear in maps the coefficients, (people, maps), in a fit's best vectors.

    `network` and `free` are what was fitted; people who were pooled are one.
    """
    best = np.argmin(result.all_losses, axis=1)
    vectors = result.all_vectors[np.arange(len(best)), best]
    ends = np.cumsum(FreeParameters(network, free).counts)
    return {
        path: vectors[:, end - len(kind.maps) : end]
        for (path, kind), end in zip(free.items(), ends, strict=True)
        if isinstance(kind, LinearIn)
    }


def link_exponent(
    result: FitResult, network: Network, free: Mapping[str, FreeParameter]
) -> float | None:
    """The power that links are raised to in the best vector of a pooled fit; None where it is not free."""
    kind = free.get("connectome.weights")
    if not isinstance(kind, ShapedLinks) or kind.exponent is None:
        return None
    parameters = FreeParameters(network, free)
    at = parameters.coordinate_names.index("connectome.weights")
    vector = result.all_vectors[0, int(np.argmin(result.all_losses[0]))]
    return float(kind.exponent.constrain(jnp.asarray(vector[at])))


def _require_within(network: Network, path: str, kind: FreeParameter) -> None:
    """Raise where a prior reaches values that the parameter cannot have."""
    ends = kind.constrain(jnp.array([-_REACH, _REACH], jnp.result_type(float)))
    try:
        check_support(network, path, ends)
    except ValueError as error:
        raise ValueError(
            f"`prior` of {path} reaches from {float(ends[0]):.4g} to {float(ends[1]):.4g} within three standard "
            f"deviations: {error} Take LogNormal, Uniform or a narrower one."
        ) from None
