"""R-precision, retrieval and matched pairs against the definitions as loops, and ties by hand."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics import Gallery, MatchedDistance, MatchingScore, RPrecision
from scalemogen.metrics.functional import (
    Distance,
    caption_groups,
    distance_matrix,
    draw_pools,
    gallery_retrieval,
    matched_distance,
    matching_score,
    pool_hits,
    pools_in_order,
    r_precision,
)

DISTANCES: tuple[Distance, ...] = ("euclidean", "cosine")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pairs(count: int, width: int = 5, noise: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return texts (N, E) and motions that lie around them."""
    generator = seeded(seed)
    texts = torch.randn(count, width, generator=generator)
    return texts, texts + noise * torch.randn(count, width, generator=generator)


def far(a: Tensor, b: Tensor, distance: Distance) -> float:
    x, y = a.double().tolist(), b.double().tolist()
    if distance == "euclidean":
        return math.dist(x, y)
    return 1 - sum(i * j for i, j in zip(x, y, strict=True)) / (math.hypot(*x) * math.hypot(*y))


@pytest.mark.parametrize("distance", DISTANCES)
def test_distances_equal_the_formula_and_tie_exactly(distance: Distance) -> None:
    rows, columns = pairs(17)
    columns = torch.cat([columns, columns[3:4], columns[:1]]).double()
    found = distance_matrix(rows.double(), columns, distance)
    expected = torch.tensor([[far(a, b, distance) for b in columns] for a in rows], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert torch.equal(found[:, 17], found[:, 3])
    assert torch.equal(found[:, 18], found[:, 0])


def test_cosine_of_nothing_is_zero() -> None:
    zero, one = torch.zeros(2, 3).double(), torch.ones(1, 3).double()
    assert distance_matrix(zero, one, "cosine").tolist() == [[1.0], [1.0]]
    assert matching_score(zero[:1], one).tolist() == [0.0]


@settings(max_examples=30)
@given(
    count=st.integers(2, 60),
    pool=st.integers(2, 11),
    captions=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
def test_pools_never_hold_a_group_twice_and_are_as_many_as_can_be(
    count: int, pool: int, captions: int, seed: int
) -> None:
    groups = torch.randint(captions, (count,), generator=seeded(seed)) * 1000 - 7
    sizes = Counter(groups.tolist())
    most = max(p for p in range(count + 1) if sum(min(n, p) for n in sizes.values()) >= p * pool)
    if most == 0:
        with pytest.raises(UserError, match=f"pools of {pool}"):
            draw_pools(groups, pool, seeded(seed))
        return
    pools = draw_pools(groups, pool, seeded(seed))
    assert pools.shape == (most, pool)
    assert len(set(pools.flatten().tolist())) == pools.numel()
    assert all(len(set(groups[row].tolist())) == pool for row in pools)
    assert torch.equal(pools, draw_pools(groups, pool, seeded(seed)))


def test_pools_of_different_captions_are_a_random_partition() -> None:
    """Every pair of items meets equally often, and every item is left out equally often."""
    meetings, left_out, trials = torch.zeros(7, 7), torch.zeros(7), 800
    generator = seeded(0)
    for _ in range(trials):
        pools = draw_pools(torch.arange(7), 3, generator)
        assert pools.shape == (2, 3)
        for row in pools:
            meetings[row[:, None], row] += 1
        left_out[list(set(range(7)) - set(pools.flatten().tolist()))] += 1
    between = meetings[~torch.eye(7, dtype=torch.bool)] / trials
    torch.testing.assert_close(between, torch.full_like(between, 2 / 7), atol=0.07, rtol=0)  # 6 of 21 pairs
    torch.testing.assert_close(left_out / trials, torch.full((7,), 1 / 7), atol=0.05, rtol=0)


def test_pools_in_order() -> None:
    assert pools_in_order(7, 3).tolist() == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(UserError, match="pools of 32 needs at least 32 pairs; there are 31"):
        pools_in_order(31, 32)
    with pytest.raises(ValueError, match="a pool of 1"):
        pools_in_order(5, 1)


def looped_precision(texts: Tensor, motions: Tensor, pools: Tensor, distance: Distance, k: int) -> float:
    """Return the share of texts whose own motion is among the k first of its sorted pool."""
    hits = []
    for row in pools.tolist():
        for text in row:
            order = sorted(row, key=lambda motion, text=text: far(texts[text], motions[motion], distance))
            hits.append(text in order[:k])
    return sum(hits) / len(hits)


@pytest.mark.parametrize("distance", DISTANCES)
def test_r_precision_equals_the_definition(distance: Distance) -> None:
    texts, motions = pairs(53, noise=1.5)
    pools = draw_pools(torch.arange(53), 7, seeded(1))
    found = r_precision(texts, motions, pools, distance=distance, top=4)
    expected = [looped_precision(texts, motions, pools, distance, k) for k in range(1, 5)]
    assert found.precision == pytest.approx(expected)
    assert (found.ranked, found.dropped) == (49, 4)
    hits = pool_hits(texts, motions, pools, distance=distance, top=4)
    assert hits.nanmean(0).tolist() == pytest.approx(expected)
    assert set(hits[:, 0].isnan().nonzero()[:, 0].tolist()) == set(range(53)) - set(pools.flatten().tolist())
    of_one_pool = looped_precision(texts, motions, pools[2:3], distance, 1)
    assert hits[pools[2], 0].mean().item() == pytest.approx(of_one_pool)
    twice = r_precision(texts, motions, torch.cat([pools, pools]), distance=distance, top=4)
    assert twice.precision == pytest.approx(expected)
    assert (twice.ranked, twice.dropped) == (49, 4)
    assert 0.1 < expected[0] < expected[2] < 1


def test_ranking_is_text_to_motion() -> None:
    texts = torch.tensor([[0.0], [0.3]])  # both texts are nearest to motion 0, and each motion to text 1
    found = r_precision(texts, torch.tensor([[1.0], [2.0]]), pools_in_order(2, 2), top=1)
    assert found.precision == (0.5,)
    gallery = gallery_retrieval(texts, torch.tensor([[1.0], [2.0]]), distance="euclidean", ranks=[1])
    assert (gallery.text_to_motion.recall[0], gallery.motion_to_text.recall[0]) == (0.5, 0.5)


def test_one_point_for_everything_scores_chance() -> None:
    texts, _ = pairs(64)
    found = r_precision(texts, torch.ones(64, 5), draw_pools(torch.arange(64), 32, seeded(0)))
    assert found.precision == pytest.approx([1 / 32, 2 / 32, 3 / 32])
    gallery = gallery_retrieval(texts, torch.ones(64, 5), ranks=[1, 16])
    assert gallery.text_to_motion.recall == pytest.approx([1 / 64, 16 / 64])
    assert gallery.text_to_motion.median_rank == pytest.approx(32.5)


@settings(max_examples=25)
@given(items=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=5), k=st.integers(1, 6))
def test_ties_count_as_the_mean_over_all_orders(items: list[tuple[int, int]], k: int) -> None:
    """Queries at 0, items at small integers with groups, ranked in every order that ties allow."""
    levels, groups = zip(*items, strict=True)
    hits, ranks = [], []
    for group in groups:
        orders = (sorted(order, key=lambda item: item[0]) for order in itertools.permutations(items))
        places = [1 + [item[1] for item in order].index(group) for order in orders]
        hits.append(sum(place <= k for place in places) / len(places))
        ranks.append(sum(places) / len(places))
    texts, motions = torch.zeros(len(items), 1), torch.tensor(levels, dtype=torch.float32)[:, None]
    found = gallery_retrieval(texts, motions, distance="euclidean", groups=torch.tensor(groups), ranks=[k])
    assert found.text_to_motion.recall[0] == pytest.approx(sum(hits) / len(hits))
    assert found.text_to_motion.median_rank == pytest.approx(statistics.median(ranks))


@pytest.mark.parametrize("distance", DISTANCES)
def test_gallery_equals_the_definition(distance: Distance) -> None:
    texts, motions = pairs(24, noise=0.8)
    groups = torch.arange(24) % 19
    found = gallery_retrieval(texts, motions, distance=distance, groups=groups)
    for direction, (queries, items) in zip(found, ((texts, motions), (motions, texts)), strict=True):
        ranks = []
        for query in range(24):
            order = sorted(range(24), key=lambda item, query=query: far(queries[query], items[item], distance))
            ranks.append(1 + next(place for place, item in enumerate(order) if groups[item] == groups[query]))
        expected = [sum(rank <= k for rank in ranks) / 24 for k in (1, 2, 3, 5, 10)]
        assert direction.recall == pytest.approx(expected)
        middle = sorted(ranks)[11:13]
        assert direction.median_rank == sum(middle) / 2


def test_equal_captions_are_right_for_each_other_only_where_groups_say_so() -> None:
    captions = ["a man walks", "a man runs", "a man walks"]
    groups = caption_groups(captions)
    assert groups.dtype == torch.int64
    assert groups[0] == groups[2] != groups[1]
    assert groups[1] == caption_groups(["a man runs"])[0]
    texts = torch.eye(2)[[0, 1, 0]]
    motions = torch.tensor([[1.0, 0.3], [0.0, 1.0], [1.0, 0.1]])
    own = gallery_retrieval(texts, motions, ranks=[1]).text_to_motion
    shared = gallery_retrieval(texts, motions, groups=groups, ranks=[1]).text_to_motion
    assert own.recall[0] == pytest.approx(2 / 3)
    assert shared.recall[0] == 1.0


def test_shuffled_pairs_and_noise_lower_every_figure() -> None:
    texts, motions = pairs(320, noise=0.3, seed=1)
    pools = draw_pools(torch.arange(320), 32, seeded(0))
    ladder = [motions, motions + 2 * torch.randn(320, 5), motions[torch.randperm(320)]]
    tops = [r_precision(texts, one, pools).precision for one in ladder]
    assert all(a > b > c for a, b, c in zip(*tops, strict=True))
    assert tops[2] == pytest.approx([1 / 32, 2 / 32, 3 / 32], abs=0.04)
    distances = [matched_distance(texts, one).mean() for one in ladder]
    scores = [matching_score(texts, one).mean() for one in ladder]
    assert distances[0] < min(distances[1:])
    assert scores[0] > scores[1] > scores[2]
    ranks = [gallery_retrieval(texts, one).motion_to_text.median_rank for one in ladder]
    assert ranks == sorted(ranks)


def test_matched_pairs_equal_the_formula() -> None:
    texts, motions = pairs(11)
    rows = list(zip(texts, motions, strict=True))
    assert matched_distance(texts, motions).tolist() == pytest.approx([far(a, b, "euclidean") for a, b in rows])
    assert matching_score(texts, motions).tolist() == pytest.approx([1 - far(a, b, "cosine") for a, b in rows])


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_classes_do_not_depend_on_batches_and_order(batch: int) -> None:
    texts, motions = pairs(53, width=6)
    groups = torch.arange(53) // 2
    pool, distinct, in_order = (
        RPrecision(6, pool=11, seed=3),
        RPrecision(6, pool=11, seed=3),
        RPrecision(6, 11, seed=None),
    )
    gallery, distance, score = Gallery(6), MatchedDistance(), MatchingScore()
    for chosen in torch.randperm(53).split(batch):
        row = texts[chosen], motions[chosen], chosen
        for metric in (pool, in_order):
            metric.update(*row)
        for grouped in (distinct, gallery):
            grouped.update(*row, groups[chosen])
        for matched in (distance, score):
            matched.update(*row[:2])
    for metric, pools in (
        (pool, draw_pools(torch.arange(53), 11, seeded(3))),
        (distinct, draw_pools(groups, 11, seeded(3))),
        (in_order, pools_in_order(53, 11)),
    ):
        found, expected = metric.compute(), r_precision(texts, motions, pools)
        assert found.precision == expected.precision
        assert (found.ranked, found.dropped) == (44, 9)
    for found_one, expected_one in zip(
        gallery.compute(), gallery_retrieval(texts, motions, groups=groups), strict=True
    ):
        assert found_one.recall == expected_one.recall
        assert found_one.median_rank == expected_one.median_rank
    assert distance.compute().item() == pytest.approx(matched_distance(texts, motions).mean().item(), rel=1e-12)
    assert score.compute().item() == pytest.approx(matching_score(texts, motions).mean().item(), rel=1e-12)


def test_seeds_differ_and_reset_forgets() -> None:
    texts, motions = pairs(70)
    found = set()
    for seed in range(6):
        metric = RPrecision(5, pool=10, seed=seed)
        metric.update(texts.flip(0), motions, torch.arange(70))
        metric.reset()
        metric.update(texts, motions, torch.arange(70))
        found.add(metric.compute().precision[0])
    assert len(found) > 1


def test_what_cannot_be_judged_is_refused() -> None:
    texts, motions = pairs(31)
    metric = RPrecision(5, pool=32)
    metric.update(texts, motions, torch.arange(31))
    with pytest.raises(UserError, match="pools of 32 needs at least 32 pairs; there are 31"):
        metric.compute()
    metric.update(texts, motions, torch.arange(31))
    with pytest.raises(UserError, match=r"sample 0 was given more than once \(31 repetitions in 62 samples\)"):
        metric.compute()
    few = RPrecision(5, pool=20)
    few.update(texts, motions, torch.arange(31), torch.arange(31) % 13)
    with pytest.raises(UserError, match="needs 20 different captions; there are 13 among 31 pairs"):
        few.compute()
    ordered = RPrecision(5, pool=20, seed=None)
    ordered.update(texts, motions, torch.arange(31), torch.arange(31) % 30)
    with pytest.raises(UserError, match="give a seed, or no groups"):
        ordered.compute()
    with pytest.raises(ValueError, match=r"motions of shape \[31, 5\] wanted, not \[31, 4\]"):
        ordered.update(texts, motions[:, :4], torch.arange(31))
    with pytest.raises(ValueError, match=r"indices of shape \[31\] wanted, not \[30\]"):
        ordered.update(texts, motions, torch.arange(30))
    with pytest.raises(ValueError, match="one shape"):
        MatchedDistance().update(texts, motions[:, :4])
    with pytest.raises(ValueError, match="at least 4"):
        r_precision(texts, motions, pools_in_order(31, 3), top=4)
    with pytest.raises(UserError, match="0 text embeddings; at least 1"):
        gallery_retrieval(texts[:0], motions[:0])


def test_values_that_are_not_finite_are_counted() -> None:
    texts, motions = pairs(31)
    motions[4, 2], motions[9, 0], texts[9, 1] = torch.nan, torch.inf, torch.nan
    with pytest.raises(UserError, match="1 of 31 text embeddings hold NaN or infinite values"):
        r_precision(texts, motions, pools_in_order(31, 8))
    with pytest.raises(UserError, match="2 of 31 motion embeddings"):
        gallery_retrieval(texts.nan_to_num(), motions)
    for metric in (MatchedDistance(), MatchingScore()):
        for part in torch.arange(31).split(8):
            metric.update(texts[part].nan_to_num(), motions[part])
        with pytest.raises(UserError, match="2 of 31 motion embeddings"):
            metric.compute()
        metric.reset()
        metric.update(texts[:0], motions[:0])
        with pytest.raises(UserError, match="of no pairs"):
            metric.compute()
