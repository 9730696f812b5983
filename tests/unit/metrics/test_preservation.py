"""Bones and angles after each scale against values computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from helpers.motions import make_motion
from scalemogen.metrics.functional import joint_angles, skeleton_preservation
from scalemogen.skeletons import derive_skeleton, get_skeleton

# Three bones in a row; one of no length beside them.
CHAIN = derive_skeleton(
    "chain", ("a", "b", "c", "d", "e"), (-1, 0, 1, 2, 1), [(0, 0, 0), (0, 1, 0), (0, 1, 0), (0, 1, 0), (0, 0, 0)]
)


def chain(angle: float, last: float = 1.0) -> Tensor:
    """Return (2, 3, 5, 3): the third bone stands at an angle to the second and is `last` long."""
    end = [last * math.sin(angle), 2.0 + last * math.cos(angle), 0.0]
    pose = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 2.0, 0.0], end, [0.0, 1.0, 0.0]])
    return pose.expand(2, 3, 5, 3)


def test_angles_between_neighbouring_bones() -> None:
    torch.testing.assert_close(joint_angles(chain(0.7), CHAIN), torch.tensor([0.0, 0.7]).expand(2, 3, 2))


def test_deviation_after_every_scale_by_hand() -> None:
    coarse = chain(0.3, last=1.4).clone()
    coarse[0, 2] = math.nan  # outside the first clip
    found = skeleton_preservation([coarse, chain(0.9), chain(1.0)], chain(1.0), torch.tensor([2, 3]), skeleton=CHAIN)
    # Four bones, of which one is 0.4 too long; two angles, of which one is off.
    wanted = torch.tensor([[0.1], [0.0], [0.0]]).expand(3, 2)
    torch.testing.assert_close(found.bones, wanted, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.angles, torch.tensor([[0.35], [0.05], [0.0]]).expand(3, 2), atol=1e-6, rtol=0)
    assert found.joints[1, 0].item() == pytest.approx(2 * math.sin(0.05) / 5, rel=1e-4)


@pytest.mark.parametrize("name", ["snapmogen", "humanml3d"])
def test_a_moved_body_keeps_its_skeleton(name: str) -> None:
    motion = make_motion(name, frames=11)
    moved = motion.mirrored().positions[None] + torch.tensor([1.0, 2.0, 3.0])
    found = skeleton_preservation([moved], motion.mirrored().positions[None], None, skeleton=get_skeleton(name))
    for deviation in found:
        torch.testing.assert_close(deviation, torch.zeros(1, 1), atol=1e-4, rtol=0)
