"""What a body cannot do, as a torchmetrics class."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.metrics.clip_means import ClipMeans
from scalemogen.metrics.functional.clips import require_finite
from scalemogen.metrics.functional.plausibility import (
    bone_length_deviation,
    floating,
    floor_penetration,
    foot_skating,
    jitter,
    rotation_position_gap,
    skating_gmd,
)
from scalemogen.metrics.functional.ranges import range_violations
from scalemogen.skeletons import Skeleton


def plausibility_figures(
    positions: Tensor, rotations: Tensor, lengths: Tensor | None = None, *, skeleton: Skeleton, fps: float
) -> dict[str, Tensor]:
    """Return every figure of each clip, (B,), named with its unit; NaN where a clip has nothing to measure on.

    `bone_length_mm` is the deviation from the skeleton's bones, `bone_change_mm` from each clip's own over time.

    Args:
        positions: (B, T, J, 3) metres in the world, Y up, the floor at height 0.
        rotations: (B, T, J, 4) local unit quaternions: `FeatureLayout.decode` gives both.
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.
        skeleton: the joint tree.
        fps: frames per second.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
        UserError: a value inside a clip is not finite, or the skeleton has other joints, no feet or no limbs.
    """
    joints = len(skeleton.joints)
    if positions.shape[2:] != (joints, 3):
        raise UserError(f"positions {[*positions.shape]}: skeleton {skeleton.name} has {joints} joints")
    require_finite(positions, lengths, "positions")
    require_finite(rotations, lengths, "rotations")
    skating = foot_skating(positions, lengths, skeleton=skeleton, fps=fps)
    parents = skeleton.parents
    bones = torch.linalg.vector_norm(positions.new_tensor(skeleton.offsets)[1:], dim=-1)
    return {
        "skating_ratio": skating.ratio,
        "skating_cm_per_s": 100 * skating.speed,
        "skating_gmd_ratio": skating_gmd(positions, lengths, skeleton=skeleton, fps=fps),
        "penetration_cm": 100 * floor_penetration(positions, lengths),
        "floating_cm": 100 * floating(positions, lengths, fps=fps),
        "jitter_m_per_s3": jitter(positions, lengths, fps=fps),
        "bone_length_mm": 1000 * bone_length_deviation(positions, lengths, parents=parents, reference=bones),
        "bone_change_mm": 1000 * bone_length_deviation(positions, lengths, parents=parents),
        "range_violation_ratio": range_violations(positions, lengths, skeleton=skeleton),
        "rotation_gap_mm": 1000 * rotation_position_gap(positions, rotations, lengths, skeleton=skeleton),
    }


class Plausibility(ClipMeans):
    """Means over motions of the figures of `plausibility_figures`.

    Args:
        skeleton: the joint tree of all motions.
        fps: their frame rate.
    """

    names: ClassVar[tuple[str, ...]] = (
        "skating_ratio",
        "skating_cm_per_s",
        "skating_gmd_ratio",
        "penetration_cm",
        "floating_cm",
        "jitter_m_per_s3",
        "bone_length_mm",
        "bone_change_mm",
        "range_violation_ratio",
        "rotation_gap_mm",
    )

    def __init__(self, skeleton: Skeleton, fps: float) -> None:
        super().__init__()
        self.skeleton = skeleton
        self.fps = fps

    def update(self, positions: Tensor, rotations: Tensor, lengths: Tensor | None = None) -> None:
        """Add a batch; see `plausibility_figures`."""
        self.add(plausibility_figures(positions, rotations, lengths, skeleton=self.skeleton, fps=self.fps))
