"""Where the blocks of a sweep go: into memory, or into a zarr store that survives whatever ends the sweep.

In a store each block is one chunk of each array, a file that is written beside its place and then renamed. That of
`status` is written last: where it is, all of the block is. So a kill at any moment leaves blocks whole or absent.
"""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rosetta_jax._identity import Part
from rosetta_jax.sweeps import manifest
from rosetta_jax.sweeps.blocks import Blocks
from rosetta_jax.sweeps.dataset import EXTRA, NOT_RUN, Layout, xarray
from rosetta_jax.sweeps.measure import STATUS


class InMemory:
    """A sweep that is kept by this process alone."""

    def __init__(self, layout: Layout, blocks: Blocks):
        self.blocks, self._layout = blocks, layout
        self._arrays = layout.blank()

    def pending(self) -> list[int]:
        """The blocks that are not there yet."""
        return list(range(self.blocks.number))

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> int:
        """Put a block in its place; how many bytes it has."""
        region, extent = self.blocks.region(block), self.blocks.extent(block)
        for name, array in arrays.items():
            self._arrays[name][region] = array.reshape(*extent, *array.shape[1:])
        return sum(array.nbytes for array in arrays.values())

    def dataset(self) -> Any:
        """What is there, as an `xarray.Dataset`."""
        return self._layout.dataset(self._arrays)


class Store:
    """A zarr store on a disk."""

    def __init__(self, path: Path, blocks: Blocks):
        self.path, self.blocks = path, blocks
        with _plain_errors(path):
            self._group = _zarr().open_group(path, mode="r+")

    @classmethod
    def create(
        cls, path: Path, layout: Layout, blocks: Blocks, parts: Mapping[str, Part], lanes: int
    ) -> "Store":
        """A new store, there at once with all that it has but the blocks."""
        zarr = _zarr()
        partial = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
        try:
            with _plain_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                group = zarr.create_group(
                    partial,
                    attributes={
                        **layout.attributes,
                        # By which readers know coordinates that no axis is named after.
                        "coordinates": " ".join(layout.coordinates),
                        manifest.KEY: manifest.written(dict(parts), blocks.box, lanes),
                    },
                )
                for name, variable in layout.variables.items():
                    inner = variable.shape[len(blocks.box) :]
                    group.create_array(
                        name,
                        shape=variable.shape,
                        chunks=(*blocks.box, *(max(1, length) for length in inner)),
                        dtype=variable.dtype,
                        fill_value=variable.fill,
                        dimension_names=variable.dims,
                        attributes=variable.attributes,
                    )
                for name, (dims, values, attributes) in layout.coordinates.items():
                    array = group.create_array(
                        name,
                        shape=values.shape,
                        chunks=tuple(max(1, length) for length in values.shape),
                        dtype="string" if values.dtype.kind == "U" else values.dtype,
                        dimension_names=dims,
                        attributes=attributes,
                    )
                    array[...] = values.astype(object) if values.dtype.kind == "U" else values
                os.replace(partial, path)
        finally:
            # Those of earlier attempts, which a kill cut short, too.
            for left in path.parent.glob(f"{path.name}.*.partial"):
                shutil.rmtree(left, ignore_errors=True)
        return cls(path, blocks)

    @classmethod
    def open(cls, path: Path, parts: Mapping[str, Part], shape: tuple[int, ...]) -> "Store":
        """The store at `path`, which must be of the same sweep; what a kill left beside its files is removed."""
        box = manifest.require_same(dict(parts), _manifest(path), path)
        with _plain_errors(path):
            for partial in path.rglob("*.partial"):
                partial.unlink(missing_ok=True)
        return cls(path, Blocks(shape, box))

    def pending(self) -> list[int]:
        """The blocks that are not there yet."""
        try:
            status = np.asarray(self._group[STATUS][...])
        except (
            Exception
        ):  # of whatever kind a damaged file makes: each block is looked at by itself
            return [block for block in range(self.blocks.number) if not self._has(block)]
        return [
            block
            for block in range(self.blocks.number)
            if (status[self.blocks.region(block)] == NOT_RUN).any()
        ]

    def write(self, block: int, arrays: Mapping[str, np.ndarray]) -> int:
        """Write a block, its status last; how many bytes it has."""
        region, extent = self.blocks.region(block), self.blocks.extent(block)
        # In this order, and no two at a time.
        with _plain_errors(self.path):
            for name in sorted(arrays, key=lambda name: name == STATUS):
                array = arrays[name]
                self._group[name][region] = array.reshape(*extent, *array.shape[1:])
        return sum(array.nbytes for array in arrays.values())

    def dataset(self) -> Any:
        """What is there, as an `xarray.Dataset` that reads from the disk what is asked for."""
        return load(self.path)

    def _has(self, block: int) -> bool:
        try:
            status = np.asarray(self._group[STATUS][self.blocks.region(block)])
        except Exception:  # the damaged one: it is computed again
            return False
        return bool((status != NOT_RUN).all())


def load(path: str | Path) -> Any:
    """The sweep at `path`, whole or not, as an `xarray.Dataset` that reads from the disk what is asked for.

    What has not been computed has the status `rj.Status.not_run`. Raises `ValueError` for what is no sweep.
    """
    path = Path(path)
    if not path.exists():
        raise ValueError(f"`store` {path} is not there: give the path of a sweep.")
    _zarr()
    try:
        found = xarray().open_zarr(path, consolidated=False, chunks=None, mask_and_scale=False)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"`store` {path} is no zarr store: give the path of a sweep.") from error
    if manifest.KEY not in found.attrs:
        raise ValueError(f"`store` {path} holds something else than a sweep: give another path.")
    return found


def lanes_of(path: Path) -> int:
    """How many members are computed at a time in the sweep at `path`. Raises `ValueError` for what is no sweep."""
    return int(_manifest(path)["lanes"])


def _manifest(path: Path) -> dict[str, Any]:
    try:
        found = _zarr().open_group(path, mode="r").attrs.get(manifest.KEY)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"`store` {path} is there and is no zarr store: give another path."
        ) from error
    return manifest.require_sweep(found, path)


def _zarr() -> Any:
    """The package zarr, which the extra `sweeps` brings."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError(f"`store` needs the package zarr: {EXTRA}, or leave it out.") from error
    return zarr


@contextmanager
def _plain_errors(path: Path) -> Iterator[None]:
    """What the disk refuses, in plain words."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"`store` {path} cannot be written ({error.strerror or error}): make room, or give another place. "
            "What it holds is whole: the same sweep with it goes on from there."
        ) from error
