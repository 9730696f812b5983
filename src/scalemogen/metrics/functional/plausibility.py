"""What a body cannot do, per motion, without a reference: sliding feet, sinking, hovering, trembling, stretching.

Lengths in metres, times in seconds. Frames outside a clip may hold anything, also NaN. A figure that a clip is too
short for, or has nothing to measure on, is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as nnf

from scalemogen.errors import UserError
from scalemogen.metrics.functional.clips import frames_inside, masked_mean, require_positions, runs_inside
from scalemogen.motion.kinematics import forward_kinematics
from scalemogen.skeletons import Skeleton

CONTACT_HEIGHT = 0.05
"""Metres over its own resting height within which a foot joint counts as on the ground (as in GMD, 2023)."""

SLIDING_SPEED = 0.5
"""Metres per second over the ground above which a standing foot slides: 2.5 cm per frame at 20 fps (as in GMD)."""

SKATING_WINDOW = 5
"""Frames over which GMD takes the mean speed of toes."""

RESTING = 0.05
"""Share of a clip's frames in which a foot joint is below its resting height."""

GRAVITY = 9.81
"""Metres per second squared."""

FALL_SECONDS = 0.1
"""Half the window over which falling is measured."""


class Skating(NamedTuple):
    """How feet slide, (B,) each.

    Attributes:
        ratio: share of the frames with a foot on the ground in which such a foot slides, 0..1.
        speed: mean speed of feet on the ground, metres per second.
        contact: share of frames with a foot on the ground, 0..1.
    """

    ratio: Tensor
    speed: Tensor
    contact: Tensor


def foot_skating(positions: Tensor, lengths: Tensor | None, *, skeleton: Skeleton, fps: float) -> Skating:
    """Return how far feet slide while they stand.

    Contact is seen from heights alone: a foot stands from one frame to the next while all its contact joints are, in
    both frames, within CONTACT_HEIGHT of their resting heights. The resting height of a joint is what it, or its
    partner on the other side, is below in RESTING of the clip's frames: so it does not matter where the floor is. A
    standing foot moves as fast as its slowest contact joint moves over the ground: one that turns on its toes does
    not slide. Heights and speeds are those of the "skating ratio" of GMD (Karunratanakul et al. 2023); the figure is
    another, see `skating_gmd`. GMD looks at toes alone, and so counts toes that swing closely over the ground. GMD
    divides by all frames, not by those with a foot on the ground; it asks the mean speed of five frames to be over
    the threshold too; and its 5 cm are over the floor, not over the resting height.

    Args:
        positions: (B, T, J, 3) joint positions in the world, metres, Y up.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        skeleton: tells the contact joints.
        fps: frames per second.

    Returns:
        Ratio and speed are NaN where no foot ever stands; all are NaN for one frame.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
        UserError: the skeleton has no contact joints.
    """
    _require_feet(positions, skeleton)
    inside = frames_inside(positions, lengths)
    pairs = runs_inside(inside, 2)
    joints = positions.double()
    contacts = list(skeleton.contacts)
    heights = joints[..., contacts, 1]
    either = torch.minimum(heights, joints[..., [skeleton.mirror[joint] for joint in contacts], 1])
    resting = torch.nanquantile(torch.where(inside[..., None], either, torch.nan), RESTING, dim=1, keepdim=True)
    low = heights - resting < CONTACT_HEIGHT
    speeds = torch.linalg.vector_norm(joints[..., contacts, :][..., [0, 2]].diff(dim=1), dim=-1) * fps
    standing, moving = [], []
    for foot in _feet(skeleton):
        rests = low[..., foot].all(dim=-1)
        standing.append(rests[:, 1:] & rests[:, :-1] & pairs)
        moving.append(speeds[..., foot].amin(dim=-1))
    stands, speed = torch.stack(standing, dim=-1), torch.stack(moving, dim=-1)
    slides = (stands & (speed > SLIDING_SPEED)).any(dim=-1).double()
    apart = "b t foot -> b (t foot)"
    return Skating(
        ratio=masked_mean(slides, stands.any(dim=-1)).to(positions),
        speed=masked_mean(rearrange(speed, apart), rearrange(stands, apart)).to(positions),
        contact=masked_mean(stands.any(dim=-1).double(), pairs).to(positions),
    )


def skating_gmd(
    positions: Tensor, lengths: Tensor | None, *, skeleton: Skeleton, fps: float, floor: float = 0.0
) -> Tensor:
    """Return the "skating ratio" of GMD (Karunratanakul et al. 2023), (B,): the share of frames in which toes slide.

    Toes slide from one frame to the next if they are below CONTACT_HEIGHT over the floor in both, and both their speed
    over the ground and its mean over SKATING_WINDOW frames (zeros outside the clip) exceed SLIDING_SPEED.

    Args:
        positions: (B, T, J, 3) joint positions in the world, metres, Y up.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        skeleton: the toes are the last contact joint of each foot.
        fps: frames per second; GMD has 20.
        floor: its height, metres.

    Raises:
        ValueError, UserError: as `foot_skating`.
    """
    _require_feet(positions, skeleton)
    pairs = runs_inside(frames_inside(positions, lengths), 2)
    toes = positions.double()[..., [max(skeleton.contacts[place] for place in foot) for foot in _feet(skeleton)], :]
    low = toes[..., 1] < floor + CONTACT_HEIGHT
    speed = torch.linalg.vector_norm(toes[..., [0, 2]].diff(dim=1), dim=-1) * fps
    speed = torch.where(pairs[..., None], speed, 0.0)
    half = SKATING_WINDOW // 2
    around = nnf.pad(speed, (0, 0, half, half))
    mean = torch.stack([around[:, at : at + speed.shape[1]] for at in range(SKATING_WINDOW)]).mean(dim=0)
    slides = low[:, 1:] & low[:, :-1] & (torch.minimum(speed, mean) > SLIDING_SPEED)
    return masked_mean(slides.any(dim=-1).double(), pairs).to(positions)


def floor_penetration(positions: Tensor, lengths: Tensor | None, *, floor: float = 0.0) -> Tensor:
    """Return how deep the lowest joint is below the floor, as the mean over all frames, (B,) metres.

    Joints are points inside the body, so a joint below the floor is a limb deep in it.

    Args:
        positions: (B, T, J, 3) joint positions in the world, metres, Y up.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        floor: its height, metres; data of this suite have it at 0.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    require_positions(positions)
    lowest = positions[..., 1].amin(dim=-1)
    return masked_mean((floor - lowest).clamp_min(0.0), frames_inside(positions, lengths))


def floating(positions: Tensor, lengths: Tensor | None, *, fps: float, floor: float = 0.0) -> Tensor:
    """Return how high the lowest joint is over the floor, as the mean over frames that should be grounded, (B,) metres.

    A body that nothing holds falls: frames in which the mean of all joints accelerates downwards by more than half of
    gravity (a parabola fitted to FALL_SECONDS before and after), and frames as near to these, are flight and do not
    count. So a real jump is no floating, and one that hangs in the air is. The joints of a standing foot are a little
    over the floor; what a real motion has is in the row of real motion.

    Args:
        positions: (B, T, J, 3) joint positions in the world, metres, Y up.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        fps: frames per second.
        floor: its height, metres; data of this suite have it at 0.

    Returns:
        NaN for a clip that is all flight.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    require_positions(positions)
    inside = frames_inside(positions, lengths)
    lowest = positions[..., 1].amin(dim=-1)
    return masked_mean((lowest - floor).clamp_min(0.0), inside & ~in_flight(positions, inside, fps))


def in_flight(positions: Tensor, inside: Tensor, fps: float) -> Tensor:
    """Return the mask (B, T) of frames in or next to which the body falls freely; see `floating`.

    Args:
        positions: (B, T, J, 3).
        inside: (B, T) frames that count.
        fps: frames per second.
    """
    half = max(1, round(FALL_SECONDS * fps))
    window = 2 * half + 1
    runs = runs_inside(inside, window)
    if runs.shape[1] == 0:
        return torch.zeros_like(inside)
    height = torch.where(inside, positions[..., 1].double().mean(dim=-1), 0)
    at = torch.arange(-half, half + 1, dtype=torch.float64, device=positions.device).square()
    parabola = at - at.mean()
    curve = torch.einsum("btw,w->bt", height.unfold(1, window, 1), parabola) / parabola.square().sum()
    falls = (2.0 * curve * fps**2 < -0.5 * GRAVITY) & runs
    # A window falls: so do the frames that it was fitted to.
    near: Tensor = nnf.max_pool1d(nnf.pad(falls.float(), (2 * half, 2 * half)), window, stride=1)
    return near > 0


def jitter(positions: Tensor, lengths: Tensor | None, *, fps: float) -> Tensor:
    """Return the mean jerk of the joints, (B,) metres per second cubed (as TransPose, 2021, measures jitter).

        j[t] = (x[t + 3] - 3 x[t + 2] + 3 x[t + 1] - x[t]) fps^3

    It grows with the frame rate; compare only motions of one rate.

    Args:
        positions: (B, T, J, 3) joint positions in the world, metres.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        fps: frames per second.

    Returns:
        NaN for clips of fewer than four frames.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    require_positions(positions)
    inside = runs_inside(frames_inside(positions, lengths), 4)
    jerk = torch.linalg.vector_norm(positions.double().diff(n=3, dim=1), dim=-1).mean(dim=-1) * fps**3
    return masked_mean(jerk, inside).to(positions)


def bone_lengths(positions: Tensor, parents: Sequence[int]) -> Tensor:
    """Return the lengths (..., J - 1) of the bones that lead to joints 1..J-1 of positions (..., J, 3)."""
    lengths: Tensor = torch.linalg.vector_norm(positions[..., 1:, :] - positions[..., list(parents[1:]), :], dim=-1)
    return lengths


def bone_length_deviation(
    positions: Tensor, lengths: Tensor | None, *, parents: Sequence[int], reference: Tensor | None = None
) -> Tensor:
    """Return the mean difference between bones and what they should measure, (B,) metres.

    Args:
        positions: (B, T, J, 3) joint positions, metres.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        parents: J parents; -1 for the root.
        reference: (J - 1,), or (B, T, J - 1), lengths of the bones to joints 1..J-1; not given, each clip's bones are
            compared with their own median over time: how much they stretch and shrink.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    require_positions(positions)
    inside = frames_inside(positions, lengths)
    bones = bone_lengths(positions.double(), parents)
    if reference is None:
        reference = torch.where(inside[..., None], bones, torch.nan).nanmedian(dim=1, keepdim=True).values
    return masked_mean((bones - reference.to(bones)).abs().mean(dim=-1), inside).to(positions)


def rotation_position_gap(
    positions: Tensor, rotations: Tensor, lengths: Tensor | None, *, skeleton: Skeleton
) -> Tensor:
    """Return the mean distance of joints from where the rotations put them, (B,) metres.

    Forward kinematics of the rotations over the skeleton's bones starts at the root's position, so the root itself
    agrees. Layouts store positions and rotations side by side; a network need not make them agree.

    Args:
        positions: (B, T, J, 3) joint positions in the world, metres.
        rotations: (B, T, J, 4) local unit quaternions, the root's in the world: `FeatureLayout.decode` gives both.
        lengths: (B,) frames of each clip, 1..T; None for T each.
        skeleton: the joint tree.

    Raises:
        ValueError: the shapes do not fit, or a length is outside 1..T.
    """
    require_positions(positions)
    if rotations.shape != (*positions.shape[:3], 4):
        raise ValueError(f"rotations {[*rotations.shape]} do not fit positions {[*positions.shape]}")
    inside = frames_inside(positions, lengths)
    wide = positions.double()
    bones = wide.new_tensor(skeleton.offsets)
    reached = forward_kinematics(rotations.double(), wide[..., 0, :], bones, skeleton.parents)
    return masked_mean(torch.linalg.vector_norm(reached - wide, dim=-1).mean(dim=-1), inside).to(positions)


def _require_feet(positions: Tensor, skeleton: Skeleton) -> None:
    require_positions(positions)
    if not skeleton.contacts:
        raise UserError(f"skeleton {skeleton.name} has no contact joints: foot skating is not defined")


def _feet(skeleton: Skeleton) -> list[list[int]]:
    """Return the places in `skeleton.contacts` that make up each foot: joints that hang on one another."""
    feet: dict[int, list[int]] = {}
    for place, joint in enumerate(skeleton.contacts):
        top, above = joint, joint
        while above >= 0:
            top = above if above in skeleton.contacts else top
            above = skeleton.parents[above]
        feet.setdefault(top, []).append(place)
    return list(feet.values())
