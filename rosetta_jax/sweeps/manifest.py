"""Which sweep a store is of: the parts that make its numbers, so that no other sweep is ever added to it."""

import platform
from typing import Any

from rosetta_jax._identity import Part, described, differences
from rosetta_jax.results import provenance
from rosetta_jax.sweeps.members import Members

FORMAT = 1
KEY = "rosetta_sweep"


def parts_of(
    measure: Any, system: Any, members: Members, key: Any, backend: str
) -> dict[str, Part]:
    """What makes a sweep this sweep and no other, part by part."""
    made = provenance()
    versions = made["versions"] | {"python": platform.python_version()}
    axes = {name: _in_words(axis) for name, axis in members.axes.items()}
    return {
        "measure": Part("its code, settings or data", measure),
        "system": Part("values, regions or settings of the network", system),
        "names of the axes": Part("axes", {"": ", ".join(axes)}),
        "axes": Part("values along the axes", [(n, vars(a)) for n, a in members.axes.items()]),
        "lengths of the axes": Part("lengths", axes),
        "same_noise": Part("whether all points have the same noise", str(members.same_noise)),
        "key": Part("random key", key),
        "versions": Part("versions of the libraries", versions),
        "precision": Part("floating-point numbers", made["precision"]),
        "device": Part("kind of device", backend),
    }


def written(parts: dict[str, Part], box: tuple[int, ...], lanes: int) -> dict[str, Any]:
    """The manifest as a store holds it: `box`, what a block is, and `lanes`, members computed at a time."""
    return {"format": FORMAT, "parts": described(parts), "box": list(box), "lanes": lanes}


def require_sweep(there: Any, store: Any) -> dict[str, Any]:
    """The manifest of a store; raises `ValueError` where it has none that is known here."""
    if not isinstance(there, dict) or there.get("format") != FORMAT:
        raise ValueError(
            f"`store` {store} holds something else than a sweep of this version: give another path."
        )
    return there


def require_same(parts: dict[str, Part], there: dict[str, Any], store: Any) -> tuple[int, ...]:
    """The box of the blocks of a store; raises `ValueError`, naming what differs, where it is of another sweep."""
    differing = differences(parts, described(parts), there["parts"])
    if differing:
        raise ValueError(
            f"`store` {store} belongs to another sweep. What differs: {'; '.join(differing)}. Give what it was "
            "begun with to go on, or another path to begin anew."
        )
    return tuple(there["box"])


def _in_words(axis: Any) -> str:
    return f"{axis.length} of {', '.join(axis.values) or 'seeds'}"
