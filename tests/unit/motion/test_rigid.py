"""Rotations fitted to positions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import roma
import torch

from helpers.motions import make_motion
from scalemogen.motion import Motion
from scalemogen.motion.rigid import make_all_rigid, make_rigid

SKELETONS = ["humanml3d", "kit", "snapmogen", "bandai_namco"]


def disturbed(motion: Motion, angle: float) -> Motion:
    """Return the motion with every rotation off by `angle` about a random axis, positions untouched."""
    draw = torch.Generator().manual_seed(1)
    axis = torch.nn.functional.normalize(torch.randn((*motion.rotations.shape[:2], 3), generator=draw), dim=-1)
    turned = roma.quat_product(motion.rotations, roma.rotvec_to_unitquat(angle * axis))
    return replace(motion, rotations=turned)


@pytest.mark.parametrize("name", SKELETONS)
def test_a_consistent_motion_stays(name: str) -> None:
    motion = make_motion(name)
    found = make_rigid(motion)
    torch.testing.assert_close(found.positions, motion.positions, atol=1e-5, rtol=0)
    apart = (found.rotations * motion.rotations).sum(-1).abs()
    assert apart.min() > 1 - 1e-4


@pytest.mark.parametrize("name", SKELETONS)
def test_positions_are_reached_whatever_the_rotations(name: str) -> None:
    motion = make_motion(name)
    found = make_rigid(disturbed(motion, 0.4))
    torch.testing.assert_close(found.positions, motion.positions, atol=1e-4, rtol=0)
    leaves = [j for j in range(len(motion.skeleton.joints)) if j not in motion.skeleton.parents]
    torch.testing.assert_close(found.rotations[:, leaves], disturbed(motion, 0.4).rotations[:, leaves])


def test_bones_get_their_length_and_the_root_keeps_its_path() -> None:
    motion = make_motion()
    draw = torch.Generator().manual_seed(2)
    noisy = replace(motion, positions=motion.positions + 0.02 * torch.randn(motion.positions.shape, generator=draw))
    found = make_rigid(noisy)
    assert torch.equal(found.root, noisy.root)
    parents = list(motion.skeleton.parents[1:])
    lengths = (found.positions[:, 1:] - found.positions[:, parents]).norm(dim=-1)
    expected = motion.bones[1:].norm(dim=-1)
    torch.testing.assert_close(lengths, expected.expand_as(lengths), atol=1e-5, rtol=0)
    farthest = (found.positions - noisy.positions).norm(dim=-1).max()
    assert farthest < 0.2


def test_own_bones_are_used() -> None:
    motion = make_motion()
    tall = Motion.from_rotations(motion.skeleton, motion.rotations, motion.root, motion.fps, 1.2 * motion.bones)
    found = make_rigid(tall)
    torch.testing.assert_close(found.positions, tall.positions, atol=1e-5, rtol=0)
    assert torch.equal(found.bones, tall.bones)


def test_together_as_alone() -> None:
    motions = [disturbed(make_motion(frames=frames, seed=frames), 0.3) for frames in (7, 2, 13)]
    for one, found in zip(motions, make_all_rigid(motions), strict=True):
        alone = make_rigid(one)
        assert found.frames == one.frames
        torch.testing.assert_close(found.positions, alone.positions, atol=1e-6, rtol=0)
        torch.testing.assert_close(found.rotations, alone.rotations, atol=1e-6, rtol=0)
