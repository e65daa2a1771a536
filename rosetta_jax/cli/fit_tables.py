"""What the reports of all fits say of parameters: free ones, fixed ones, coefficients of maps."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rosetta_jax import parameters, plot
from rosetta_jax.data import CorticalMaps
from rosetta_jax.inference import FitResult, coefficients
from rosetta_jax.network import NORMALISATIONS, Network
from rosetta_jax.priors import FreeParameter
from rosetta_jax.regional import LinearIn, linear_in
from rosetta_jax.report import Table

Pictures = dict[str, tuple[Any, str]]
# Links, which are too many to be listed.
LINKS = "connectome.weights"


def of_every_fit(
    network: Network, result: FitResult, chosen: Mapping[str, Any], made: Mapping[str, Any]
) -> dict[str, Any]:
    """What the summaries of all fits hold: constants, priors, times and how it was made."""
    asked, times = chosen["normalisation"], result.metadata
    return {
        "normalisation": f"{asked}: {NORMALISATIONS.get(asked, 'weights as given')}",
        "fixed": _fixed(network, result),
        "priors": times["free"],
        "seconds_compile": times["seconds_compile"],
        "seconds_fit": times["seconds_fit"],
        "cpu_seconds_fit": times["cpu_seconds_fit"],
        "failed_starts": int((~np.isfinite(result.all_losses)).sum()),
        "seed": chosen["seed"],
        "versions": made["versions"],
        "settings": chosen,
    }


def _fixed(network: Network, result: FitResult) -> dict[str, dict[str, Any]]:
    """The constants that all people share: every declared parameter that is not free."""
    return {
        path: {
            "value": np.asarray(parameters.get(network, path)),
            "unit": getattr(parameters.info(network, path), "unit", ""),
        }
        for path in parameters.paths(network)
        if path not in result.values and parameters.info(network, path) is not None
    }


def map_names(kind: LinearIn, known: Callable[[], CorticalMaps]) -> tuple[str, ...]:
    """The names of a parameter's maps: those of the recordings where these are the maps, and else numbers."""
    numbered = tuple(f"map {number}" for number in range(1, len(kind.maps) + 1))
    try:
        maps = known()
        same = np.asarray(linear_in(maps.values, kind.shared).maps)
    except ValueError:  # the recordings tell none
        return numbered
    alike = same.shape == kind.maps.shape and np.allclose(same, kind.maps, atol=1e-5)
    return maps.names if alike else numbered


def map_coefficients(
    network: Network,
    result: FitResult,
    free: Mapping[str, FreeParameter],
    known: Callable[[], CorticalMaps],
) -> dict[str, dict[str, Any]]:
    """By path and map, what each person's parameter owes to it: standard deviations of the prior a map's own.

    `known` tells the maps of the recordings, whose names are used where these are meant.
    """
    return {
        path: dict(zip(map_names(kind, known), values.T, strict=True))
        for path, values in coefficients(result, network, free).items()
        if isinstance(kind := free[path], LinearIn)
    }


def parameter_tables(
    network: Network,
    result: FitResult,
    owed: Mapping[str, Mapping[str, Any]],
    powers: Mapping[str, float] | None = None,
) -> list[Table]:
    """Free parameters, the coefficients of maps where there are any, and what is fixed.

    Of links, by path, the power that their weights are raised to stands for their values.
    """
    tables = [_free(network, result, powers or {})]
    if owed:
        rows = [
            {"parameter": path} | {name: float(np.median(values)) for name, values in of.items()}
            for path, of in owed.items()
        ]
        caption = (
            "Linear in cortical maps, each centred and of unit variance over regions: coefficients in standard "
            "deviations of the prior, median over people"
        )
        tables.append(Table(rows, caption=caption))
    rows = [
        {"parameter": path, "value": float(np.mean(entry["value"])), "unit": entry["unit"]}
        for path, entry in _fixed(network, result).items()
    ]
    return [*tables, Table(rows, caption="Fixed, the same for everybody")]


def _free(network: Network, result: FitResult, powers: Mapping[str, float]) -> Table:
    rows = []
    for path, values in result.values.items():
        if path in powers:
            prior = _shown(result.metadata["free"][path])
            row = {"parameter": path, "median": powers[path], "meaning": "power of the weights"}
            rows.append(row | {"prior": prior})
            continue
        described = parameters.info(network, path)
        row = {
            "parameter": path,
            "symbol": result.symbols[path],
            "median": float(np.median(values)),
            "lowest": float(values.min()),
            "highest": float(values.max()),
            "unit": result.units[path],
            "meaning": "" if described is None else described.description,
            "prior": _shown(result.metadata["free"][path]),
        }
        if values.size == 1:
            row = {k: v for k, v in row.items() if k not in ("lowest", "highest")}
            row["value"] = row.pop("median")
        rows.append(row)
    return Table(
        rows, caption="Free: over people, and over regions where a number varies by region"
    )


def _shown(prior: str) -> str:
    """A prior in one line, without the arrays that it holds."""
    return " ".join(prior.split())


def parameter_maps(
    network: Network, result: FitResult, centres: Any, person: int, of: str
) -> Pictures:
    """Every parameter that varies by region on the glass brain, by the name of its picture."""
    pictures = {}
    for path, values in result.values.items():
        if values.ndim == 2 and values.shape[1] > 1:
            described = parameters.info(network, path)
            meaning = "" if described is None else f", {described.description}"
            figure = plot.glass_brain(
                np.asarray(centres), values[person], path, result.units[path] or "1"
            )
            caption = f"Fitted {path}{meaning}, in every region{of}."
            pictures[f"map_{path.replace('.', '_')}"] = (figure, caption)
    return pictures
