"""Which way a person faces: the angle about the vertical axis that the feature layouts take out of a motion.

An angle of 0 faces +Z, a quarter turn faces +X (towards the person's left when facing +Z).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as nnf
from torch import Tensor

SMOOTHING_SECONDS = 0.25


def facing_angle(positions: Tensor, facing: tuple[int, int, int, int]) -> Tensor:
    """Return the angle (...) in (-pi, pi] at which joints (..., J, 3) face, from hips and shoulders alike.

    The body's axis from left to right is the sum over hips and shoulders, laid into the ground plane; forward is
    square to it. Where both axes stand upright the angle is arbitrary (0 if exactly upright).

    Args:
        positions: (..., J, 3).
        facing: left hip, right hip, left shoulder, right shoulder.
    """
    left_hip, right_hip, left_shoulder, right_shoulder = facing
    across = positions[..., right_hip, :] - positions[..., left_hip, :]
    across = across + positions[..., right_shoulder, :] - positions[..., left_shoulder, :]
    return torch.atan2(across[..., 2], 0.0 - across[..., 0])


def unwrap(angles: Tensor) -> Tensor:
    """Return angles (..., T) without jumps: every step is the shorter way round. The first angle stays."""
    step = torch.remainder(angles.diff(dim=-1) + math.pi, 2 * math.pi) - math.pi
    return torch.cat((angles[..., :1], angles[..., :1] + step.cumsum(-1)), dim=-1)


def smooth(values: Tensor, sigma: float) -> Tensor:
    """Gaussian filter of (..., T) along the last axis, sigma in frames, cut at 4 sigma, ends repeated."""
    radius = int(4 * sigma + 0.5)
    if radius == 0:
        return values
    at = torch.arange(-radius, radius + 1, dtype=values.dtype, device=values.device)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    rows = values.reshape(-1, values.shape[-1])
    padded = nnf.pad(rows, (radius, radius), mode="replicate")
    size = padded.shape[-1]
    spectrum = torch.fft.rfft(padded) * torch.fft.rfft(kernel / kernel.sum(), size)
    filtered: Tensor = torch.fft.irfft(spectrum, size)[..., 2 * radius :].reshape(values.shape)
    return filtered


def heading(positions: Tensor, facing: tuple[int, int, int, int], fps: float) -> Tensor:
    """Return the smoothed heading (..., T) in radians, unwrapped, of joints (..., T, J, 3).

    The unwrapped angle is smoothed, not the direction, so that a spin of any speed keeps its turns.
    """
    return smooth(unwrap(facing_angle(positions, facing)), SMOOTHING_SECONDS * fps)
