"""Errors of reconstructed motion as a torchmetrics class."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from scalemogen.metrics.clip_means import ClipMeans
from scalemogen.metrics.functional.clips import require_finite
from scalemogen.metrics.functional.reconstruction import (
    acceleration_error,
    mpjpe_procrustes,
    mpjpe_root_aligned,
    mpjpe_world,
    rotation_error,
)

Pose = tuple[Tensor, Tensor]
"""Positions (B, T, J, 3) in metres and local rotations (B, T, J, 4): what `FeatureLayout.decode` returns."""


def reconstruction_figures(predicted: Pose, target: Pose, lengths: Tensor | None = None) -> dict[str, Tensor]:
    """Return every error of each clip, (B,), named with its unit.

    Args:
        predicted: positions and rotations.
        target: of the original.
        lengths: (B,) frames of each clip, 1..T; all T frames when not given.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
        UserError: a value inside a clip is not finite.
    """
    for (positions, rotations), whose in ((predicted, "reconstructed"), (target, "original")):
        require_finite(positions, lengths, f"{whose} positions")
        require_finite(rotations, lengths, f"{whose} rotations")
    mine, truth = predicted[0], target[0]
    return {
        "mpjpe_world_mm": 1000 * mpjpe_world(mine, truth, lengths),
        "mpjpe_root_mm": 1000 * mpjpe_root_aligned(mine, truth, lengths),
        "pa_mpjpe_mm": 1000 * mpjpe_procrustes(mine, truth, lengths),
        "acceleration_mm_per_frame2": 1000 * acceleration_error(mine, truth, lengths),
        "rotation_deg": torch.rad2deg(rotation_error(predicted[1], target[1], lengths)),
    }


def reconstruction_weights(lengths: Tensor) -> dict[str, Tensor]:
    """Return by how much clips of `lengths` (B,) frames count in the mean of each error: (B,), its measurements.

    An error is measured in every frame, that of accelerations in every three frames that follow one another.
    """
    return dict.fromkeys(Reconstruction.names, lengths) | {"acceleration_mm_per_frame2": (lengths - 2).clamp_min(0)}


class Reconstruction(ClipMeans):
    """Means over all frames of the errors of reconstructed motion (acceleration: over all triples of frames)."""

    names: ClassVar[tuple[str, ...]] = (
        "mpjpe_world_mm",
        "mpjpe_root_mm",
        "pa_mpjpe_mm",
        "acceleration_mm_per_frame2",
        "rotation_deg",
    )

    def update(self, predicted: Pose, target: Pose, lengths: Tensor | None = None) -> None:
        """Add a batch; see `reconstruction_figures`."""
        size, frames = predicted[0].shape[:2]
        counted = torch.full((size,), frames) if lengths is None else lengths
        self.add(reconstruction_figures(predicted, target, lengths), reconstruction_weights(counted))
