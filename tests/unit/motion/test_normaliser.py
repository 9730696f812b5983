"""Normalising features."""

from __future__ import annotations

import pytest
import torch

from scalemogen.motion import Normaliser, get_layout
from scalemogen.skeletons import SKELETONS, get_skeleton


def test_normalising_and_back_gives_the_features() -> None:
    draw = torch.Generator().manual_seed(0)
    normaliser = Normaliser(torch.randn(7, generator=draw), torch.rand(7, generator=draw) + 0.1)
    features = torch.randn(2, 5, 7, generator=draw)
    torch.testing.assert_close(normaliser.denormalise(normaliser.normalise(features)), features)


def test_a_group_shares_the_root_of_its_mean_variance() -> None:
    normaliser = Normaliser.from_moments(
        torch.tensor([1.0, 2, 3, 4]), torch.tensor([9.0, 25.0, 4.0, 0.0]), {"a": (0, 3), "b": (2,), "c": (1,)}
    )
    torch.testing.assert_close(normaliser.std, torch.tensor([4.5**0.5, 5.0, 2.0, 4.5**0.5]))
    torch.testing.assert_close(normaliser.mean, torch.tensor([1.0, 2, 3, 4]))


def test_what_never_varies_is_left_unscaled() -> None:
    normaliser = Normaliser.from_moments(torch.zeros(3), torch.tensor([0.0, 1e-12, 4.0]), {"a": (0, 1), "b": (2,)})
    torch.testing.assert_close(normaliser.std, torch.tensor([1.0, 1.0, 2.0]))


@pytest.mark.parametrize("layout", ["humanml3d", "humanml3d-published", "snapmogen"])
@pytest.mark.parametrize("name", SKELETONS)
def test_groups_hold_every_feature_once(layout: str, name: str) -> None:
    skeleton = get_skeleton(name)
    channels = [c for group in get_layout(layout).groups(skeleton).values() for c in group]
    assert channels == list(range(get_layout(layout).width(skeleton)))


def test_bad_statistics_are_refused() -> None:
    for mean, std in [
        (torch.zeros(2), torch.zeros(2)),
        (torch.zeros(2), torch.ones(3)),
        (torch.full((2,), torch.nan), torch.ones(2)),
    ]:
        with pytest.raises(ValueError, match="std"):
            Normaliser(mean, std)
