"""How well a skeleton survives: bones and the angles between them, after 1, 2, ..., K scales of a tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from scalemogen.metrics.functional.clips import frames_inside, masked_mean
from scalemogen.metrics.functional.plausibility import bone_length_deviation, bone_lengths
from scalemogen.metrics.functional.reconstruction import mpjpe_root_aligned
from scalemogen.skeletons import Skeleton

SHORTEST = 1e-3
"""Metres; a shorter bone of the skeleton has no direction."""


class Preservation(NamedTuple):
    """Deviation from the ground truth after each scale, (K, B) each.

    Attributes:
        bones: mean difference of bone lengths, metres.
        angles: mean difference of the angles between neighbouring bones, radians.
        joints: mean distance of root-aligned joints, metres.
    """

    bones: Tensor
    angles: Tensor
    joints: Tensor


def joint_angles(positions: Tensor, skeleton: Skeleton) -> Tensor:
    """Return the angles (..., A) in radians between each bone and the one it hangs on: 0 is straight on.

    Bones that have no length in the skeleton's rest pose, and bones that hang on the root or on such a bone, have
    none.

    Args:
        positions: (..., J, 3).
        skeleton: the joint tree.
    """
    real = [sum(x * x for x in offset) > SHORTEST**2 for offset in skeleton.offsets]
    parents = skeleton.parents
    ends = [joint for joint in range(1, len(parents)) if parents[joint] > 0 and real[joint] and real[parents[joint]]]
    middles = [parents[joint] for joint in ends]
    starts = [parents[joint] for joint in middles]
    before = positions[..., middles, :] - positions[..., starts, :]
    after = positions[..., ends, :] - positions[..., middles, :]
    across = torch.linalg.vector_norm(torch.linalg.cross(before, after), dim=-1)
    return torch.atan2(across, (before * after).sum(dim=-1))


def skeleton_preservation(
    decoded: Sequence[Tensor], target: Tensor, lengths: Tensor | None, *, skeleton: Skeleton
) -> Preservation:
    """Compare what a tokenizer decodes after every scale with the ground truth, frame by frame.

    Args:
        decoded: K positions (B, T, J, 3), metres: decoded from the first scale, from the first two, ..., from all.
        target: (B, T, J, 3) of the ground truth.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        skeleton: the joint tree.

    Returns:
        Per scale and clip; weigh clips by their lengths for a mean over all frames.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    inside = frames_inside(target, lengths)
    lengths_of_bones = bone_lengths(target.double(), skeleton.parents)
    true_angles = joint_angles(target.double(), skeleton)
    bones, angles, joints = [], [], []
    for positions in decoded:
        joints.append(mpjpe_root_aligned(positions, target, lengths))
        bones.append(bone_length_deviation(positions, lengths, parents=skeleton.parents, reference=lengths_of_bones))
        difference = (joint_angles(positions.double(), skeleton) - true_angles).abs().mean(dim=-1)
        angles.append(masked_mean(difference, inside).to(target))
    return Preservation(torch.stack(bones), torch.stack(angles), torch.stack(joints))
