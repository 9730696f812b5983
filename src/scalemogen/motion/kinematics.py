"""Joint trees in motion: rotations to positions and back, for any leading axes.

Quaternions are unit, ordered x y z w. A joint's local rotation turns its frame within its parent's; a bone's offset
is given in the frame of the parent. `parents[j] < j`, and -1 marks the root, joint 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from scalemogen.motion.rotations import fit_rotation, inverse, multiply, rotate


@lru_cache(maxsize=256)
def levels(parents: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Return, per depth below the root, the joints and where their parents stand among the joints one level up."""
    depth = [0] * len(parents)
    for joint, parent in enumerate(parents[1:], start=1):
        depth[joint] = depth[parent] + 1
    rows = [[j for j, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]
    return [(row, [above.index(parents[j]) for j in row]) for above, row in pairwise(rows)]


@lru_cache(maxsize=256)
def _ancestry(parents: tuple[int, ...]) -> Tensor:
    """Return (J, J-1): 1 where bone b, which leads to joint b + 1, lies on the way from the root to joint j."""
    ways = torch.zeros(len(parents), len(parents))
    for joint, parent in enumerate(parents[1:], start=1):
        ways[joint] = ways[parent]
        ways[joint, joint] = 1.0
    return ways[:, 1:]


def global_rotations(rotations: Tensor, parents: Sequence[int]) -> Tensor:
    """Chain local rotations (..., J, 4) from the root down; returns rotations in the world (..., J, 4)."""
    found, order = [rotations[..., :1, :]], [0]
    for joints, places in levels(tuple(parents)):
        found.append(multiply(found[-1][..., places, :], rotations[..., joints, :]))
        order += joints
    return torch.cat(found, dim=-2)[..., sorted(range(len(order)), key=order.__getitem__), :]


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
    return root[..., None, :] + torch.einsum("jb,...bc->...jc", _ancestry(tuple(parents)).to(bones), bones)


def bone_vectors(positions: Tensor, rotations: Tensor, parents: Sequence[int]) -> Tensor:
    """Undo `forward_kinematics`: offsets (..., J, 3) of every frame, in the parent's frame; the root's are zero."""
    world = global_rotations(rotations, parents)
    above = list(parents[1:])
    bones = rotate(inverse(world[..., above, :]), positions[..., 1:, :] - positions[..., above, :])
    return torch.cat((torch.zeros_like(positions[..., :1, :]), bones), dim=-2)


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
