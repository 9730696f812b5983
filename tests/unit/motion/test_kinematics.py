"""Forward and inverse kinematics against one joint at a time in matrices."""

from __future__ import annotations

import numpy as np
import roma
import torch
from hypothesis import given, settings

from helpers.trees import matrices, prime_joints, random_motion, random_tree, seeds, slow_kinematics, smooth_rotations
from scalemogen.motion.kinematics import (
    bone_vectors,
    forward_kinematics,
    global_rotations,
    inverse_kinematics,
    local_rotations,
)


@settings(max_examples=15)
@given(joints=prime_joints, seed=seeds)
def test_forward_kinematics_equals_matrices_joint_by_joint(joints: int, seed: int) -> None:
    tree = random_tree(joints, seed)
    rotations = smooth_rotations((2, 3, joints), 1, seed, size=2.0)[..., 0, :]
    root = torch.randn(2, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    offsets = torch.tensor(tree.offsets, dtype=torch.float64)
    positions = forward_kinematics(rotations, root, offsets, tree.parents)
    world = matrices(global_rotations(rotations, tree.parents))
    for b in range(2):
        for t in range(3):
            slow = slow_kinematics(matrices(rotations[b, t]), root[b, t].numpy(), offsets.numpy(), tree.parents)
            np.testing.assert_allclose(world[b, t], np.stack(slow[0]), atol=1e-12)
            np.testing.assert_allclose(positions[b, t].numpy(), np.stack(slow[1]), atol=1e-12)


@settings(max_examples=15)
@given(joints=prime_joints, seed=seeds)
def test_local_rotations_and_bone_vectors_undo_the_chain(joints: int, seed: int) -> None:
    tree = random_tree(joints, seed)
    motion = random_motion(tree, 3, seed)
    rotations = motion.rotations.double()
    back = local_rotations(global_rotations(rotations, tree.parents), tree.parents)
    assert roma.unitquat_geodesic_distance(back, rotations).max() < 1e-6
    bones = bone_vectors(motion.positions.double(), rotations, tree.parents)
    torch.testing.assert_close(bones[:, 1:], motion.bones[1:].double().expand(3, -1, 3), atol=1e-5, rtol=0)


@settings(max_examples=15)
@given(joints=prime_joints, seed=seeds)
def test_inverse_kinematics_of_a_chain_reaches_the_positions(joints: int, seed: int) -> None:
    tree = random_tree(joints, seed)
    chain = (-1, *range(joints - 1))
    offsets = torch.tensor(tree.offsets, dtype=torch.float64)
    rotations = smooth_rotations((joints,), 3, seed).transpose(0, 1)
    root = torch.zeros(3, 3, dtype=torch.float64)
    positions = forward_kinematics(rotations, root, offsets, chain)
    fitted = inverse_kinematics(positions, offsets, chain)
    torch.testing.assert_close(forward_kinematics(fitted, root, offsets, chain), positions)


def test_inverse_kinematics_does_not_mind_longer_bones() -> None:
    tree = random_tree(7, 5)
    motion = random_motion(tree, 3, 5)
    offsets = motion.bones.double()
    one = inverse_kinematics(motion.positions.double(), offsets, tree.parents)
    two = inverse_kinematics(3.0 * motion.positions.double(), offsets, tree.parents)
    assert roma.unitquat_geodesic_distance(one, two).max() < 1e-6
