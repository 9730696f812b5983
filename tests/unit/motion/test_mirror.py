"""Mirroring: positions are reflected, rotations lead to the reflected positions, twice is nothing."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch
from hypothesis import given, settings

from helpers.motions import make_motion
from helpers.trees import random_motion, seeds
from scalemogen.motion import Motion, get_layout
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.motion.mirror import mirror_offsets, reflections
from scalemogen.skeletons import SKELETONS, Skeleton, derive_skeleton, get_skeleton

_PLANES = [np.diag(signs) for signs in ([-1.0, 1, 1], [1.0, -1, 1], [1.0, 1, -1])]
_ALL = [*_PLANES, -np.eye(3)]


def symmetric_tree(seed: int) -> Skeleton:
    """Return a trunk with limbs on both sides, in which every joint has a local frame of its own making."""
    draw = np.random.default_rng(seed)
    parents, mirror, frames, offsets = [-1], [0], [_PLANES[draw.integers(3)]], [np.zeros(3)]

    def middle(parent: int) -> int:
        bone = draw.normal(0, 0.3, 3)
        offsets.append(bone + frames[parent] @ bone)
        parents.append(parent)
        mirror.append(len(mirror))
        frames.append(_PLANES[draw.integers(3)])
        return len(parents) - 1

    def pair(left: int, right: int) -> tuple[int, int]:
        bone, kind, here = draw.normal(0, 0.3, 3), _ALL[draw.integers(4)], len(parents)
        offsets.extend([bone, frames[right] @ bone])
        parents.extend([left, right])
        mirror.extend([here + 1, here])
        frames.extend([kind, kind])
        return here, here + 1

    trunk = middle(0)
    for start in (0, trunk):
        left, right = pair(start, start)
        pair(*pair(left, right))
        pair(left, right)
    middle(trunk)
    joints = len(parents)
    return derive_skeleton(
        f"symmetric {seed}",
        [f"joint {joint}" for joint in range(joints)],
        parents,
        np.stack(offsets).tolist(),
        mirror=mirror,
        facing=[mirror.index(j) for j in (3, 2, 11, 10)],
        contacts=[4, 5],
    )


def assert_mirrored(motion: Motion, mirrored: Motion, tolerance: float) -> None:
    """Positions are reflected with sides exchanged, and the rotations lead there."""
    order = list(motion.skeleton.mirror)
    torch.testing.assert_close(mirrored.positions, motion.positions[:, order] * torch.tensor([-1.0, 1, 1]))
    rebuilt = forward_kinematics(mirrored.rotations, mirrored.root, mirrored.bones, motion.skeleton.parents)
    torch.testing.assert_close(rebuilt, mirrored.positions, atol=tolerance, rtol=0)
    again = mirrored.mirrored()
    torch.testing.assert_close(again.positions, motion.positions, atol=1e-6, rtol=0)
    assert roma.unitquat_geodesic_distance(again.rotations, motion.rotations).max() < 1e-5


@settings(max_examples=25)
@given(seed=seeds)
def test_any_local_frames_are_mirrored(seed: int) -> None:
    motion = random_motion(symmetric_tree(seed), 3, seed)
    assert_mirrored(motion, motion.mirrored(), 1e-4)


@pytest.mark.parametrize("name", SKELETONS)
def test_shipped_skeletons_are_mirrored(name: str) -> None:
    motion = make_motion(name)
    assert_mirrored(motion, motion.mirrored(), 1e-4)


def test_negated_limbs_keep_their_local_rotations() -> None:
    skeleton = get_skeleton("bandai_namco")
    motion = make_motion("bandai_namco")
    knee, other = skeleton.joints.index("LowerLeg_L"), skeleton.joints.index("LowerLeg_R")
    torch.testing.assert_close(motion.mirrored().rotations[:, knee], motion.rotations[:, other], atol=1e-3, rtol=0)


def test_frames_along_the_world_are_reflected_in_x() -> None:
    plane = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)).expand(22, 3, 3)
    torch.testing.assert_close(reflections(get_skeleton("humanml3d")), plane)


def test_a_persons_own_bones_change_sides() -> None:
    skeleton = get_skeleton("humanml3d")
    knee, other = skeleton.joints.index("left_knee"), skeleton.joints.index("right_knee")
    own = torch.tensor(skeleton.offsets)
    own[knee] *= 1.2
    mirrored = mirror_offsets(own, skeleton)
    torch.testing.assert_close(mirrored[other].norm(), own[knee].norm())
    motion = make_motion("humanml3d")
    lopsided = Motion.from_rotations(skeleton, motion.rotations, motion.root, 20.0, own)
    assert_mirrored(lopsided, lopsided.mirrored(), 1e-5)


@pytest.mark.parametrize("layout", ["humanml3d", "snapmogen"])
def test_features_of_the_mirrored_motion_decode_to_the_mirrored_motion(layout: str) -> None:
    motion, features = make_motion("humanml3d"), get_layout(layout)
    mirrored = features.positions(features.from_motion(motion.mirrored()))
    order = list(motion.skeleton.mirror)
    plain = features.positions(features.from_motion(motion))[:, order] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(mirrored, plain, atol=1e-5, rtol=0)
