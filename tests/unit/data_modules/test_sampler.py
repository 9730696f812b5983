"""Batches: similar lengths, every clip once, equal counts on all ranks, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from scalemogen.data_modules import BucketSampler, OrderedSampler
from scalemogen.data_modules.sampler import Draws

sizes = st.integers(1, 60)
worlds = st.integers(1, 4)
batches = st.integers(1, 7)


def frames(size: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(16, 197, size)


def bucket(size: int, batch: int, world: int, epoch: int = 0, seed: int = 0) -> list[list[Draws]]:
    samplers = [
        BucketSampler(frames(size), batch_size=batch, rank=rank, world=world, seed=seed) for rank in range(world)
    ]
    for sampler in samplers:
        sampler.set_epoch(epoch)
    found = [list(sampler) for sampler in samplers]
    assert all(len(sampler) == len(rank) for sampler, rank in zip(samplers, found, strict=True))
    return found


@given(sizes, batches, worlds, st.integers(0, 3))
def test_training_deals_every_clip_once_up_to_the_tail(size: int, batch: int, world: int, epoch: int) -> None:
    if size < world:
        with pytest.raises(ValueError, match="from"):
            bucket(size, batch, world)
        return
    ranks = bucket(size, batch, world, epoch)
    assert len({len(rank) for rank in ranks}) == 1
    counts = {len(draws.items) for rank in ranks for draws in rank}
    assert counts == {min(batch, size // world)}
    seen = np.concatenate([draws.items for rank in ranks for draws in rank])
    assert len(np.unique(seen)) == len(seen)
    assert size - len(seen) < counts.pop() * world
    assert all(((draws.crops >= 0) & (draws.crops < 1)).all() for rank in ranks for draws in rank)


@given(sizes, batches, worlds)
def test_validation_sees_every_clip_once_and_in_order(size: int, batch: int, world: int) -> None:
    samplers = [OrderedSampler(size, batch_size=batch, rank=rank, world=world) for rank in range(world)]
    ranks = [[draws.items for draws in sampler] for sampler in samplers]
    assert {len(rank) for rank in ranks} == {len(samplers[0])}
    assert all(1 <= len(items) <= batch for rank in ranks for items in rank)
    seen = np.concatenate([items for rank in ranks for items in rank])
    assert set(seen) == set(range(size))
    if batch > 1 and size >= world:
        assert len(seen) == size
    assert all((np.diff(np.concatenate(rank)) > 0).all() for rank in ranks if sum(map(len, rank)) == len(set(seen)))


def test_weights_say_how_often_a_clip_is_drawn() -> None:
    weights = np.array([1.0] * 40 + [10.0] * 4 + [0.0] * 4)
    ranks = [BucketSampler(frames(48), batch_size=3, weights=weights, rank=rank, world=2) for rank in range(2)]
    counts, crops = np.zeros(48), []
    for epoch in range(50):
        for rank in ranks:
            rank.set_epoch(epoch)
            for draws in rank:
                np.add.at(counts, draws.items, 1)
                crops += draws.crops.tolist()
    assert counts.sum() == 50 * 48
    assert counts[44:].sum() == 0
    assert counts[40:44].sum() / counts[:40].sum() == pytest.approx(1, abs=0.1)
    assert len(set(crops)) == len(crops)  # a clip drawn twice is cut twice


def test_the_order_follows_seed_and_epoch_and_nothing_else() -> None:
    def order(**options: int) -> list[list[int]]:
        return [draws.items.tolist() for draws in bucket(53, 5, 1, **options)[0]]

    assert order() == order()
    assert order() != order(epoch=1)
    assert order() != order(seed=1)
    assert order(epoch=1) != order(seed=1)


def test_two_ranks_see_together_what_one_sees_with_a_double_batch() -> None:
    one = bucket(61, 6, 1)[0]
    two = bucket(61, 3, 2)
    for joined, left, right in zip(one, *two, strict=True):
        assert set(joined.items) == {*left.items, *right.items}
        order = np.argsort(np.concatenate((left.items, right.items)))
        crops = np.concatenate((left.crops, right.crops))[order]
        np.testing.assert_array_equal(joined.crops[np.argsort(joined.items)], crops)


def test_a_batch_holds_similar_lengths() -> None:
    lengths = frames(2000)
    sampler = BucketSampler(lengths, batch_size=16)
    used = sum(int(lengths[draws.items].sum()) for draws in sampler)
    padded = sum(16 * int(lengths[draws.items].max()) for draws in sampler)
    assert used / padded > 0.87
    order = [int(lengths[draws.items].mean()) for draws in sampler]
    assert order != sorted(order)


def test_the_tail_is_another_one_each_epoch() -> None:
    sampler = BucketSampler(frames(21), batch_size=10)
    left_out = set()
    for epoch in range(30):
        sampler.set_epoch(epoch)
        seen = {int(item) for draws in sampler for item in draws.items}
        left_out |= set(range(21)) - seen
    assert len(left_out) > 10


def test_an_epoch_goes_on_where_it_was_left() -> None:
    sampler = BucketSampler(frames(61), batch_size=6, rank=1, world=2)
    whole = list(sampler)
    sampler.first = 2
    rest = list(sampler)
    assert len(sampler) == len(whole) == len(rest) + 2
    for one, two in zip(whole[2:], rest, strict=True):
        np.testing.assert_array_equal(one.items, two.items)
        np.testing.assert_array_equal(one.choices, two.choices)


def test_a_million_clips_are_shuffled_without_reading_them() -> None:
    sampler = BucketSampler(frames(1_000_000), batch_size=64, rank=1, world=2)
    assert len(next(iter(sampler)).items) == 64


@pytest.mark.parametrize(("items", "batch"), [(0, 4), (5, 0)])
def test_empty_batches_are_refused(items: int, batch: int) -> None:
    with pytest.raises(ValueError, match="batches of"):
        OrderedSampler(items, batch_size=batch)
    with pytest.raises(ValueError, match="batches of"):
        BucketSampler(frames(items), batch_size=batch)
