"""Rest poses: positions stay, limbs point where a T-pose has them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from helpers.motions import make_motion
from scalemogen.errors import UserError
from scalemogen.motion import Motion
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.motion.rest import fitted_pose, in_own_rest, reposed, t_pose
from scalemogen.skeletons import Skeleton, derive_skeleton
from scalemogen.skeletons.limbs import find_limbs

NAMES = ["humanml3d", "kit", "snapmogen", "bandai_namco"]


def rest_joints(motion: Motion) -> torch.Tensor:
    still = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(len(motion.bones), 4)
    return forward_kinematics(still, torch.zeros(3), motion.bones, motion.skeleton.parents)


def assert_same_joints(motion: Motion, skeleton: Skeleton, expected: torch.Tensor) -> None:
    found = forward_kinematics(motion.rotations, motion.root, motion.bones, skeleton.parents)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_t_pose(name: str) -> None:
    motion = make_motion(name)
    posed = reposed(motion, t_pose(motion))
    assert_same_joints(posed, motion.skeleton, motion.positions)
    joints = rest_joints(posed)
    for limb in find_limbs(motion.skeleton):
        for start, end in ((limb.upper, limb.hinge), (limb.hinge, limb.lower)):
            bone = torch.nn.functional.normalize(joints[end] - joints[start], dim=-1)
            side = float(motion.skeleton.sides[limb.upper])
            goal = torch.tensor([side, 0.0, 0.0] if limb.kind == "arm" else [0.0, -1.0, 0.0])
            assert torch.dot(bone, goal) > 0.99
        if limb.kind == "leg":
            assert joints[limb.tip, 2] > joints[limb.lower, 2] + 0.05
    assert joints[motion.skeleton.facing[2], 1] > joints[motion.skeleton.facing[0], 1]


@pytest.mark.parametrize("name", ["humanml3d", "kit", "snapmogen"])
def test_a_t_pose_is_its_own_t_pose(name: str) -> None:
    pose = t_pose(make_motion(name))
    assert (pose[:, 3].abs() > 0.999).all()


def test_another_rest_pose_and_back() -> None:
    motion = make_motion()
    turns = make_motion(seed=5).rotations[3].double()
    posed = reposed(motion, turns)
    assert_same_joints(posed, motion.skeleton, motion.positions)
    back = reposed(posed, fitted_pose(posed.bones, motion.bones, motion.skeleton.parents))
    torch.testing.assert_close(back.bones[1:], motion.bones[1:], atol=1e-5, rtol=0)
    assert_same_joints(back, motion.skeleton, motion.positions)
    still = fitted_pose(motion.bones, 1.3 * motion.bones, motion.skeleton.parents)
    assert (still[:, 3] > 1 - 1e-9).all()


@pytest.mark.parametrize("name", NAMES)
def test_motions_told_from_a_t_pose_come_back(name: str) -> None:
    motion = make_motion(name)
    back = in_own_rest(reposed(motion, t_pose(motion)))
    torch.testing.assert_close(back.bones[1:], motion.bones[1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(back.positions, motion.positions)
    cosines = (back.rotations * motion.rotations).sum(-1).abs()
    torch.testing.assert_close(cosines, torch.ones_like(cosines), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_people_of_other_proportions_keep_their_rotations(name: str) -> None:
    motion = make_motion(name)
    noise = torch.randn(motion.bones.shape, generator=torch.Generator().manual_seed(0))
    person = replace(motion, offsets=1.2 * motion.bones + 0.05 * motion.bones.norm(dim=-1, keepdim=True) * noise)
    assert in_own_rest(person) is person
    assert in_own_rest(motion) is motion


def test_other_rest_poses_are_refused() -> None:
    motion = make_motion()
    turns = torch.tensor([0.0, 0.0, 0.0, 1.0]).repeat(22, 1)
    shoulder = motion.skeleton.joints.index("left_shoulder")
    turns[shoulder:] = torch.tensor([0.0, 0.0, -math.sin(0.4), math.cos(0.4)])
    with pytest.raises(
        UserError, match=r"skeleton humanml3d: the bone to left_elbow points 46 degrees elsewhere; give"
    ):
        in_own_rest(reposed(motion, turns))


def test_skeletons_without_a_t_pose_are_refused() -> None:
    chain = derive_skeleton("chain", ["a", "b", "c"], [-1, 0, 1], [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 1.0, 0.0)])
    turns = torch.tensor([0.0, 0.0, 0.0, 1.0]).expand(2, 3, 4)
    with pytest.raises(UserError, match="chain has no T-pose"):
        t_pose(Motion.from_rotations(chain, turns, torch.zeros(2, 3), 20.0))
    bandai = make_motion("bandai_namco")
    renamed = derive_skeleton(
        "unknown",
        [f"x{name}" for name in bandai.skeleton.joints],
        bandai.skeleton.parents,
        bandai.skeleton.offsets,
        contacts=bandai.skeleton.contacts,
        mirror=bandai.skeleton.mirror,
        facing=bandai.skeleton.facing,
    )
    with pytest.raises(UserError, match=r"leg at xUpperLeg_. .* twisted cannot be told"):
        t_pose(Motion(renamed, bandai.positions, bandai.rotations, 20.0))
