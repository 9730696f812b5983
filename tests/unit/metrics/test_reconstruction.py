"""Position errors against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from scalemogen.metrics.functional import mpjpe_root_aligned, mpjpe_world


def _clips() -> torch.Tensor:
    """Return (B, T, J, 3) = (2, 5, 3, 3) positions."""
    return torch.randn(2, 5, 3, 3, generator=torch.Generator().manual_seed(0))


def test_world_error_of_known_offsets() -> None:
    target = _clips()
    predicted = target.clone()
    predicted[0, 0, 1] += torch.tensor([0.3, 0.0, 0.4])  # one joint of 15 moved by 0.5
    predicted[1] += torch.tensor([0.0, 2.0, 0.0])  # everything moved by 2
    torch.testing.assert_close(mpjpe_world(predicted, target), torch.tensor([0.5 / 15, 2.0]))


def test_root_aligned_error_ignores_the_path_but_not_the_heading() -> None:
    target = torch.zeros(1, 2, 3, 3)
    target[0, :, 1, 0] = 1.0
    target[0, :, 2, 2] = 2.0
    moved = target + torch.tensor([[[5.0, -1.0, 3.0]], [[7.0, 0.0, 0.0]]])
    torch.testing.assert_close(mpjpe_root_aligned(moved, target), torch.zeros(1))
    turned = target * torch.tensor([-1.0, 1.0, -1.0])  # half a turn about Y: joints move by 0, 2 and 4
    torch.testing.assert_close(mpjpe_root_aligned(turned, target), torch.tensor([2.0]))


def test_root_aligned_error_of_a_wrong_root_counts_for_the_other_joints() -> None:
    target = _clips()
    predicted = target.clone()
    predicted[:, :, 0, 1] += 0.6  # the two others of three joints stand 0.6 too low relative to the root
    torch.testing.assert_close(mpjpe_root_aligned(predicted, target), torch.tensor([0.4, 0.4]))


def test_frames_outside_a_clip_do_not_count() -> None:
    target = _clips()
    predicted = target + torch.tensor([0.0, 0.0, 1.0])
    predicted[0, 2:] = math.nan
    lengths = torch.tensor([2, 5])
    torch.testing.assert_close(mpjpe_world(predicted, target, lengths), torch.ones(2))
    torch.testing.assert_close(mpjpe_root_aligned(predicted, target, lengths), torch.zeros(2), atol=1e-6, rtol=0)


@pytest.mark.parametrize("lengths", [[0, 5], [1, 6], [3]])
def test_wrong_lengths_are_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match=r"lengths in 1\.\.5"):
        mpjpe_world(_clips(), _clips(), torch.tensor(lengths))


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        mpjpe_world(_clips(), _clips()[:, :4])
