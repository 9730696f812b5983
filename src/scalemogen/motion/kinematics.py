"""Joint trees in motion: rotations to positions and back, for any leading axes.

Quaternions are unit, ordered x y z w. A joint's local rotation turns its frame within its parent's; a bone's offset
is given in the frame of the parent. `parents[j] < j`, and -1 marks the root, joint 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import roma
import torch
from torch import Tensor


@lru_cache(maxsize=256)
def depth_levels(parents: tuple[int, ...]) -> tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]:
    """Return (joints, their parents) per depth below the root, so that a tree is walked level by level."""
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents[1:], start=1):
        depth[joint] = depth[parent] + 1
    levels = []
    for level in range(1, max(depth) + 1):
        joints = tuple(j for j, d in enumerate(depth) if d == level)
        levels.append((joints, tuple(parents[j] for j in joints)))
    return tuple(levels)


def multiply(left: Tensor, right: Tensor) -> Tensor:
    """Quaternion product `left` after `right`, (..., 4), broadcasting leading axes."""
    left, right = torch.broadcast_tensors(left, right)
    return roma.quat_product(left, right)


def rotate(rotations: Tensor, vectors: Tensor) -> Tensor:
    """Turn vectors (..., 3) by quaternions (..., 4), broadcasting leading axes."""
    shape = torch.broadcast_shapes(rotations.shape[:-1], vectors.shape[:-1])
    return roma.quat_action(rotations.expand(*shape, 4), vectors.expand(*shape, 3))


def inverse(rotations: Tensor) -> Tensor:
    """Inverse of unit quaternions (..., 4)."""
    return roma.quat_conjugation(rotations)


def about_y(angles: Tensor) -> Tensor:
    """Quaternions (..., 4) that turn by `angles` (...) radians about the vertical axis; +Z goes towards +X."""
    zero = torch.zeros_like(angles)
    return torch.stack((zero, torch.sin(angles / 2), zero, torch.cos(angles / 2)), dim=-1)


def global_rotations(rotations: Tensor, parents: Sequence[int]) -> Tensor:
    """Chain local rotations (..., J, 4) from the root down; returns rotations in the world (..., J, 4)."""
    found = [rotations[..., :1, :]]
    order = [0]
    for joints, above in depth_levels(tuple(parents)):
        slots = [order.index(p) for p in above]
        world = torch.cat(found, dim=-2)[..., slots, :]
        found.append(multiply(world, rotations[..., list(joints), :]))
        order += joints
    return _in_joint_order(torch.cat(found, dim=-2), order)


def local_rotations(world: Tensor, parents: Sequence[int]) -> Tensor:
    """Undo `global_rotations`: rotations in the world (..., J, 4) to rotations within the parent."""
    above = world[..., list(parents[1:]), :]
    return torch.cat((world[..., :1, :], multiply(inverse(above), world[..., 1:, :])), dim=-2)


def forward_kinematics(rotations: Tensor, root: Tensor, offsets: Tensor, parents: Sequence[int]) -> Tensor:
    """Positions of all joints.

    Args:
        rotations: (..., J, 4) local rotations, the root's in the world.
        root: (..., 3) position of the root.
        offsets: (J, 3) or (..., J, 3) bone offsets in the parent's frame; the root's is not used.
        parents: J parents.

    Returns:
        (..., J, 3) positions in the world, in the unit of `root` and `offsets`.
    """
    world = global_rotations(rotations, parents)
    bones = rotate(world[..., list(parents[1:]), :], offsets[..., 1:, :])
    return accumulate_bones(bones, root, parents)


def accumulate_bones(bones: Tensor, root: Tensor, parents: Sequence[int]) -> Tensor:
    """Add bone vectors (..., J-1, 3), given in the world, along the tree, starting at `root` (..., 3)."""
    found = [root[..., None, :]]
    order = [0]
    for joints, above in depth_levels(tuple(parents)):
        slots = [order.index(p) for p in above]
        start = torch.cat(found, dim=-2)[..., slots, :]
        found.append(start + bones[..., [j - 1 for j in joints], :])
        order += joints
    return _in_joint_order(torch.cat(found, dim=-2), order)


def _in_joint_order(values: Tensor, order: Sequence[int]) -> Tensor:
    places = sorted(range(len(order)), key=order.__getitem__)
    return values[..., places, :]


def between(source: Tensor, target: Tensor) -> Tensor:
    """Smallest rotations (..., 4) that turn directions `source` (..., 3) into `target` (..., 3).

    Lengths do not matter. Opposite directions are joined by half a turn about some axis across `source`.
    """
    source, target = torch.broadcast_tensors(_unit(source), _unit(target))
    w = 1 + (source * target).sum(-1, keepdim=True)
    smallest = source.abs().argmin(-1, keepdim=True)
    other = torch.zeros_like(source).scatter(-1, smallest, 1.0)
    opposite = w < 1e-6
    axis = torch.where(opposite, torch.linalg.cross(source, other), torch.linalg.cross(source, target))
    return _unit(torch.cat((axis, torch.where(opposite, torch.zeros_like(w), w)), dim=-1))


def inverse_kinematics(positions: Tensor, offsets: Tensor, parents: Sequence[int]) -> Tensor:
    """Local rotations (..., J, 4) whose bones point as those between positions (..., J, 3) do.

    A joint with one child turns by the smallest rotation within its parent, one with several by the best fit, one
    without keeps its parent's frame: the twist of a bone cannot be seen in positions.

    Args:
        positions: (..., J, 3) in the world.
        offsets: (J, 3) bones in the parent's frame; their lengths need not be those of the positions.
        parents: J parents.
    """
    children = [[c for c, parent in enumerate(parents) if parent == joint] for joint in range(len(parents))]
    still = positions.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*positions.shape[:-2], 4)
    local: list[Tensor] = []
    world: list[Tensor] = []
    for joint, parent in enumerate(parents):
        above = still if parent < 0 else world[parent]
        found = still
        if children[joint]:
            bones = positions[..., children[joint], :] - positions[..., joint : joint + 1, :]
            found = fit_rotation(offsets[children[joint]], rotate(inverse(above)[..., None, :], bones))
        local.append(found)
        world.append(multiply(above, found))
    return torch.stack(local, dim=-2)


def fit_rotation(source: Tensor, target: Tensor) -> Tensor:
    """Rotations (..., 4) that best turn `source` (n, 3) into `target` (..., n, 3), in the least-squares sense.

    Where the source vectors lie on one line the twist about it is free; the smallest rotation is taken.
    """
    spread = torch.linalg.svdvals(source.double())
    if len(source) < 2 or spread[1] < 1e-3 * spread[0]:
        longest = torch.linalg.vector_norm(source, dim=-1).argmax()
        return between(source[longest], target[..., longest, :])
    moment = torch.einsum("...ni,nj->...ij", target, source)
    return roma.rotmat_to_unitquat(roma.special_procrustes(moment))


def _unit(vectors: Tensor) -> Tensor:
    return vectors / torch.linalg.vector_norm(vectors, dim=-1, keepdim=True).clamp_min(1e-12)
