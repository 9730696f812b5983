"""Feet stand where they are low and slow; a swing is no stand, and a glide is one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helpers.motions import make_motion
from scalemogen.cleaning.contacts import find_contacts, find_feet
from scalemogen.skeletons import get_skeleton

SKELETON = get_skeleton("humanml3d")
FEET = find_feet(SKELETON)
FPS = 20.0


def stride(x: Tensor, height: Tensor) -> Tensor:
    """(T, 22, 3): the left foot goes to `x` (T,) at `height` (T,), all else stands at the origin."""
    joints = torch.zeros(len(x), 22, 3, dtype=torch.float64)
    for foot, side in zip(FEET, (0.1, -0.1), strict=True):
        joints[:, foot.heel] = torch.tensor([side, 0.08, -0.1])
        joints[:, foot.toe] = torch.tensor([side, 0.0, 0.1])
    left = FEET[0]
    for joint in (left.heel, left.toe):
        joints[:, joint, 2] += x
        joints[:, joint, 1] += height
    return joints


@pytest.mark.parametrize("name", ["humanml3d", "kit", "snapmogen", "bandai_namco"])
def test_feet(name: str) -> None:
    skeleton = get_skeleton(name)
    feet = find_feet(skeleton)
    assert [skeleton.sides[foot.heel] for foot in feet] == [1, -1]
    assert sorted(joint for foot in feet for joint in (foot.heel, foot.toe)) == sorted(skeleton.contacts)
    assert all(foot.limb.lower <= foot.heel < foot.toe for foot in feet)
    assert make_motion(name).skeleton == skeleton


def test_a_step_is_two_stands() -> None:
    swing = torch.cat((torch.zeros(15), torch.linspace(0.0, 0.6, 9), torch.full((15,), 0.6)))
    height = torch.cat(
        (torch.zeros(15), torch.tensor([0.0, 0.03, 0.06, 0.08, 0.08, 0.08, 0.06, 0.03, 0.0]), torch.zeros(15))
    )
    found = find_contacts(stride(swing, height), SKELETON, FEET, FPS)
    assert bool(found.stands[:, 1].all())
    assert bool(found.stands[:16, 0].all())
    assert not bool(found.stands[17:22, 0].any())
    assert bool(found.stands[24:, 0].all())
    assert float(found.heights[19, 0]) == pytest.approx(0.08)
    assert float(found.heights[:, 1].abs().max()) == pytest.approx(0.0, abs=1e-9)


def test_a_low_fast_swing_is_no_stand() -> None:
    swing = torch.cat((torch.zeros(15), torch.linspace(0.0, 0.9, 9), torch.full((15,), 0.9)))
    found = find_contacts(stride(swing, torch.full((39,), 0.0)), SKELETON, FEET, FPS)
    assert not bool(found.stands[17:22, 0].any())


def test_a_slow_slide_is_a_stand_with_steps() -> None:
    found = find_contacts(stride(0.02 * torch.arange(30.0), torch.zeros(30)), SKELETON, FEET, FPS)
    assert bool(found.stands.all())
    torch.testing.assert_close(found.steps[:, 0], torch.tensor([[0.0, 0.02]]).double().expand(29, 2), atol=1e-7, rtol=0)


def test_a_foot_held_in_the_air_does_not_stand() -> None:
    height = torch.cat((torch.zeros(20), torch.linspace(0.0, 0.045, 10), torch.full((30,), 0.045)))
    found = find_contacts(stride(torch.zeros(60), height), SKELETON, FEET, FPS)
    assert not bool(found.stands[32:, 0].any())


def test_a_turn_on_the_toes_has_no_steps() -> None:
    joints = stride(torch.zeros(20), torch.zeros(20))
    angle = torch.linspace(0.0, 1.5, 20)
    heel, toe = FEET[0].heel, FEET[0].toe
    joints[:, heel, 0] = joints[:, toe, 0] - 0.2 * angle.sin()
    joints[:, heel, 2] = joints[:, toe, 2] - 0.2 * angle.cos()
    found = find_contacts(joints, SKELETON, FEET, FPS)
    assert bool(found.stands[:, 0].all())
    assert float(found.steps[:, 0].abs().max()) < 1e-9
