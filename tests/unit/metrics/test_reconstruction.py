"""Position errors against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from scalemogen.errors import UserError
from scalemogen.metrics import Reconstruction
from scalemogen.metrics.functional import (
    acceleration_error,
    mpjpe_procrustes,
    mpjpe_root_aligned,
    mpjpe_world,
    rotation_error,
)


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


LENGTHS = torch.tensor([2, 5])


def _procrustes_by_frame(predicted: np.ndarray, target: np.ndarray) -> float:
    """Return the mean joint distance of clips (T, J, 3) with scipy's rotation and the scale that follows from it."""
    found = []
    for mine, truth in zip(predicted, target, strict=True):
        a, b = mine - mine.mean(0), truth - truth.mean(0)
        turned = Rotation.align_vectors(b, a)[0].apply(a)
        scale = (turned * b).sum() / (a * a).sum()
        found.append(np.linalg.norm(scale * turned - b, axis=-1).mean())
    return float(np.mean(found))


def test_procrustes_error_equals_scipy_frame_by_frame() -> None:
    draw = torch.Generator().manual_seed(3)
    target = torch.randn(2, 5, 7, 3, generator=draw)
    predicted = target + 0.4 * torch.randn(2, 5, 7, 3, generator=draw)
    predicted[0, 2:] = math.nan
    wanted = [
        _procrustes_by_frame(predicted[clip, :size].double().numpy(), target[clip, :size].double().numpy())
        for clip, size in enumerate(LENGTHS.tolist())
    ]
    torch.testing.assert_close(mpjpe_procrustes(predicted, target, LENGTHS), torch.tensor(wanted))


def test_procrustes_error_ignores_place_turn_and_size_but_not_a_mirror() -> None:
    target = torch.randn(2, 5, 7, 3, generator=torch.Generator().manual_seed(3))
    turn = torch.from_numpy(Rotation.from_rotvec([0.4, 2.0, -0.3]).as_matrix()).float()
    moved = 1.7 * target @ turn.T + torch.tensor([3.0, 1.0, -2.0])
    torch.testing.assert_close(mpjpe_procrustes(moved, target), torch.zeros(2), atol=1e-5, rtol=0)
    assert bool((mpjpe_procrustes(moved * torch.tensor([-1.0, 1.0, 1.0]), target) > 0.1).all())


def test_acceleration_error_by_hand() -> None:
    target = _clips()
    time = torch.arange(5.0)
    predicted = target + 0.1 * (time**2)[None, :, None, None] * torch.tensor([0.0, 3.0, 4.0])
    predicted[0, 3:] = math.nan
    found = acceleration_error(predicted, target, torch.tensor([3, 5]))  # the second difference of t^2 is 2
    torch.testing.assert_close(found, torch.ones(2))
    assert acceleration_error(predicted, target, LENGTHS).isnan().tolist() == [True, False]


def test_rotation_error_equals_scipy() -> None:
    draw = torch.Generator().manual_seed(5)
    one, other = torch.randn(2, 2, 5, 3, 4, generator=draw, dtype=torch.float64)
    one, other = (x / torch.linalg.vector_norm(x, dim=-1, keepdim=True) for x in (one, other))
    turns = Rotation.from_quat(one.reshape(-1, 4)).inv() * Rotation.from_quat(other.reshape(-1, 4))
    angles = torch.from_numpy(turns.magnitude()).reshape(2, 5, 3).mean(-1)
    wanted = torch.stack((angles[0, :2].mean(), angles[1].mean()))
    torch.testing.assert_close(rotation_error(one, other, LENGTHS), wanted)
    torch.testing.assert_close(rotation_error(one, -other, LENGTHS), wanted)  # the same rotations


def _pose(positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rotations = torch.zeros(*positions.shape[:-1], 4)
    rotations[..., 3] = 1.0
    return positions, rotations


def test_class_weighs_clips_by_their_frames() -> None:
    target = _clips()
    predicted = target.clone()
    predicted[0] += torch.tensor([0.7, 0.0, 0.0])  # two frames of 700 mm, five of none
    metric = Reconstruction()
    metric.update(_pose(predicted), _pose(target), LENGTHS)
    found = metric.compute()
    assert set(found) == set(Reconstruction.names)
    assert found["mpjpe_world_mm"].item() == pytest.approx(700 * 2 / 7)
    assert found["mpjpe_root_mm"].item() == pytest.approx(0, abs=1e-3)
    assert found["acceleration_mm_per_frame2"].item() == pytest.approx(0, abs=1e-3)
    assert found["rotation_deg"].item() == 0


def test_class_weighs_clips_by_their_accelerations() -> None:
    target = torch.zeros(2, 5, 3, 3)
    predicted = target.clone()
    predicted[0, 1, :, 0] = (
        0.1  # the one acceleration of the first clip is 200 mm off, the three of the second are right
    )
    metric = Reconstruction()
    metric.update(_pose(predicted), _pose(target), torch.tensor([3, 5]))
    assert metric.compute()["acceleration_mm_per_frame2"].item() == pytest.approx(200 / 4)


def test_class_refuses_what_is_not_finite_inside_a_clip() -> None:
    target = _clips()
    predicted = target.clone()
    predicted[0, 3, 1, 2] = math.nan
    metric = Reconstruction()
    metric.update(_pose(predicted), _pose(target), LENGTHS)  # outside the first clip
    with pytest.raises(UserError, match=r"reconstructed positions are not finite in 1 of 2 clips.* clip 0 at frame 3"):
        metric.update(_pose(predicted), _pose(target))
