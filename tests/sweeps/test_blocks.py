"""Blocks: every member is in exactly one, in order, and few lanes stay empty."""

import numpy as np
import pytest

from rosetta_jax.sweeps.blocks import Blocks, cut

SHAPES = [(7,), (5, 4), (3, 1, 5), (2, 3, 4, 5), (1, 1), (101, 37)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("most", [1, 3, 6, 20, 10**6])
@pytest.mark.parametrize("lanes", [1, 4])
def test_every_member_is_in_one_block_and_blocks_hold_no_more_than_asked(shape, most, lanes):
    blocks = cut(shape, most, lanes)
    found = np.concatenate([blocks.members(block) for block in range(blocks.number)])
    assert sorted(found) == list(range(int(np.prod(shape))))
    assert max(len(blocks.members(block)) for block in range(blocks.number)) <= max(most, 1)
    for block in range(blocks.number):
        numbers = blocks.members(block)
        assert (np.diff(numbers) == 1).all(), "members of a block follow each other"
        assert len(numbers) == np.prod(blocks.extent(block))


def test_members_of_a_block_are_where_its_region_is():
    blocks = Blocks((4, 6), (1, 4))
    whole = np.arange(24).reshape(4, 6)
    for block in range(blocks.number):
        np.testing.assert_array_equal(whole[blocks.region(block)].ravel(), blocks.members(block))


def test_blocks_are_of_even_size_and_of_whole_groups():
    assert cut((100,), 60).box == (50,)
    # 34 members would leave 14 of 48 lanes empty.
    assert cut((102,), 40, lanes=16).box == (32,)
