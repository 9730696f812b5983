"""Diversity and MultiModality against exact values and the mean over all pairs."""

from __future__ import annotations

import math

import pytest
import torch

from scalemogen.errors import UserError
from scalemogen.metrics import Diversity, MultiModality
from scalemogen.metrics.functional import diversity, multimodality


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_sample_is_never_its_own_partner() -> None:
    corners = torch.eye(7) / math.sqrt(2)  # all at distance 1 from each other
    for seed in range(20):
        assert diversity(corners, 7, seeded(seed)).item() == pytest.approx(1)
        assert multimodality(corners.expand(3, 7, 7), 5, seeded(seed)).item() == pytest.approx(1)


def test_first_partners_are_all_different() -> None:
    features = torch.zeros(11, 11).fill_diagonal_(1)
    features[0, 0] = 1e6  # the outlier is the first partner of exactly one of 11 pairs
    for seed in range(10):
        assert diversity(features, 11, seeded(seed)).item() * 11 >= 1e6


def test_the_expectation_is_the_mean_over_all_pairs() -> None:
    features = torch.randn(3, 13, 5, dtype=torch.float64)
    exact = [
        sum(math.dist(a, b) for i, a in enumerate(text) for j, b in enumerate(text) if i != j) / (13 * 12)
        for text in features.tolist()
    ]
    generator = seeded(0)
    one = torch.stack([diversity(features[0], 6, generator) for _ in range(400)]).mean()
    several = torch.stack([multimodality(features, 6, generator) for _ in range(400)]).mean()
    assert one.item() == pytest.approx(exact[0], rel=0.02)
    assert several.item() == pytest.approx(sum(exact) / 3, rel=0.02)


@pytest.mark.parametrize("batch", [1, 7, 100])
def test_the_classes_do_not_depend_on_batches_and_order(batch: int) -> None:
    features = torch.randn(3, 13, 5)
    spread, modes = Diversity(5, pairs=17, seed=2), MultiModality(5, pairs=6, seed=2)
    texts = torch.arange(39) // 13
    for chosen in torch.randperm(39).split(batch):
        spread.update(features.flatten(0, 1)[chosen], chosen)
        modes.update(features.flatten(0, 1)[chosen], texts[chosen], chosen)
    assert spread.compute() == diversity(features.flatten(0, 1), 17, seeded(2))
    assert modes.compute() == multimodality(features, 6, seeded(2))
    assert Diversity(5).pairs == 300


def test_what_cannot_be_judged_is_refused() -> None:
    features = torch.randn(39, 5)
    metric = Diversity(5)
    metric.update(features, torch.arange(39))
    with pytest.raises(UserError, match="300 pairs need at least 300 motions to draw from; there are 39"):
        metric.compute()
    with pytest.raises(UserError, match="1 motion embeddings; at least 2"):
        diversity(features[:1], 1, seeded(0))
    with pytest.raises(UserError, match="2 of 39 motion embeddings hold NaN"):
        diversity(torch.where(torch.arange(39)[:, None] % 20 == 3, torch.nan, features), 5, seeded(0))
    with pytest.raises(ValueError, match="at least 1 pair"):
        diversity(features, 0, seeded(0))
    modes = MultiModality(5, pairs=2)
    modes.update(features, torch.arange(39) // 10, torch.arange(39))
    with pytest.raises(UserError, match="there are 9 of text 3 and 10 of text 0"):
        modes.compute()
    modes.reset()
    modes.update(features, torch.arange(39), torch.arange(39))
    with pytest.raises(UserError, match="2 pairs need at least 2 motions to draw from; there are 1"):
        modes.compute()
    modes.update(features, torch.arange(39), torch.arange(39))
    with pytest.raises(UserError, match="MultiModality needs every sample exactly once"):
        modes.compute()
    modes.reset()
    modes.update(features[:0], torch.arange(0), torch.arange(0))
    with pytest.raises(UserError, match="of no motions"):
        modes.compute()
