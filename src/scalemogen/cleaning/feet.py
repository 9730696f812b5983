"""Feet that stand where they stand: sliding taken out of a motion by bending its legs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scalemogen.cleaning.contacts import Foot, find_contacts, find_feet
from scalemogen.cleaning.legs import Legs
from scalemogen.cleaning.shifts import Stands, lower_envelope
from scalemogen.motion.heading import smooth
from scalemogen.motion.kinematics import bone_vectors, forward_kinematics
from scalemogen.motion.record import Motion

LEG_LIMIT = 0.2
"""Metres by which a joint of a leg or foot moves at most."""

ROOT_LIMIT = 0.03
"""Metres by which everything else moves at most, all of it alike, upwards or downwards."""

SLIDE_LIMIT = 0.15
"""Metres by which a foot is moved over the ground at most."""

LEVEL_SLACK = 0.005
"""Metres by which a foot may stand higher or lower than the others do."""

SMOOTHING_SECONDS = 0.2
"""Standard deviation, and half the width, of what the height of the root is smoothed with."""

ROUNDS = 8
"""Times that a change beyond the limits is made smaller before it is given up."""


@dataclass(frozen=True)
class _Change:
    """What is to be moved: T frames, L feet.

    Attributes:
        feet: (T, L, 3) metres.
        root: (T,) metres upwards.
    """

    feet: Tensor
    root: Tensor


def clean_feet(motion: Motion, may_change: Tensor | None = None) -> Motion:
    """Return the motion with feet that slide less, and stand where the ground is.

    Where a foot stands is seen from its height and speed. While it stands it is kept in place. Legs are bent to reach
    it, with the foot's turn in the world and the knee's plane kept, and never stretched straighter than they were or
    than `legs.STRETCH`. The root may sink or rise a little, so that legs reach and feet come to the ground. No joint of
    a leg moves by more than `LEG_LIMIT`; all others keep their rotations, and their places up to one common change of
    height of at most `ROOT_LIMIT`.

    Args:
        motion: any motion. One without legs that end in contact joints comes back as it is.
        may_change: (T, J) where it is 0 a joint stays exactly as it is in that frame; a leg can change where all its
            joints may, the root's height where all joints may. Default: everything may change.

    Raises:
        ValueError: `may_change` does not fit the motion.
    """
    feet = find_feet(motion.skeleton)
    if may_change is not None and may_change.shape != motion.positions.shape[:2]:
        raise ValueError(f"may_change {tuple(may_change.shape)} does not fit positions {tuple(motion.positions.shape)}")
    if not feet or motion.frames < 3:
        return motion
    limbs = tuple(foot.limb for foot in feet)
    joints = [_below(motion.skeleton.parents, limb.upper) for limb in limbs]
    free, root_free = _free(motion, joints, may_change)
    if not free.any():
        return motion
    positions, rotations = motion.positions.double(), motion.rotations.double()
    legs = Legs.of(limbs, motion.skeleton, positions, rotations)
    change = _plan(motion, feet, legs, positions, free, root_free)
    return _apply(motion, legs, joints, change)


def _below(parents: tuple[int, ...], top: int) -> list[int]:
    """Return a joint and all that hangs on it."""
    found = [top]
    for joint, parent in enumerate(parents):
        if parent in found:
            found.append(joint)
    return found


def _free(motion: Motion, joints: list[list[int]], may_change: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return where feet (T, L) and where the root's height (T, 1) may change."""
    if may_change is None:
        may_change = torch.ones(motion.positions.shape[:2])
    free = may_change > 0
    return torch.stack([free[:, leg].all(1) for leg in joints], dim=1), free.all(1, keepdim=True)


def _plan(
    motion: Motion, feet: tuple[Foot, ...], legs: Legs, positions: Tensor, free: Tensor, root_free: Tensor
) -> _Change:
    """Decide how feet and root are to be moved."""
    fps = motion.fps
    contacts = find_contacts(positions, motion.skeleton, feet, fps)
    stands = Stands.of(contacts.stands, free, fps)
    fade = Stands.of(root_free, root_free, fps).fade()[:, 0].to(positions)
    rests = torch.nn.functional.pad(stands.rest(), (0, 0, 0, 1)).to(positions)
    weights = smooth(rests.sum(1), SMOOTHING_SECONDS * fps)
    height = smooth((rests * contacts.heights).sum(1), SMOOTHING_SECONDS * fps) / (weights + 1e-3)
    root = -_beyond(height, LEVEL_SLACK).clamp(-ROOT_LIMIT, ROOT_LIMIT) * fade
    level = -_beyond(stands.level(contacts.heights + root[:, None]), LEVEL_SLACK)
    upwards = root[:, None] + stands.spread(level[..., None])[..., 0] * stands.fade()
    across = stands.shift(contacts.steps, SLIDE_LIMIT)
    root = root + _sink(legs, across, upwards, rests, root, round(SMOOTHING_SECONDS * fps)) * fade
    root = root.clamp(-ROOT_LIMIT, ROOT_LIMIT)
    share = lower_envelope(_reachable(legs, across, upwards, root), round(SMOOTHING_SECONDS * fps))
    across = across * share[..., None]
    return _Change(torch.stack((across[..., 0], upwards, across[..., 1]), dim=-1), root)


def _beyond(values: Tensor, slack: float) -> Tensor:
    """Return by how much values lie outside -slack..slack."""
    return values - values.clamp(-slack, slack)


def _way(legs: Legs, across: Tensor, upwards: Tensor, root: Tensor) -> Tensor:
    """Return the way (T, L, 3) from hips to ankles after a change."""
    moved = torch.stack((across[..., 0], upwards - root[:, None], across[..., 1]), dim=-1)
    return legs.ankle + moved - legs.hip


def _sink(legs: Legs, across: Tensor, upwards: Tensor, rests: Tensor, root: Tensor, radius: int) -> Tensor:
    """Return how far (T,) the root must rise, below 0, for the legs of resting feet to reach."""
    way = _way(legs, across, upwards, root)
    allowed = (legs.reach.square() - way[..., [0, 2]].square().sum(-1)).clamp_min(0.0).sqrt()
    lacking = (allowed + way[..., 1]).clamp_max(0.0) * rests
    return lower_envelope(lacking.amin(1, keepdim=True), radius)[:, 0]


def _reachable(legs: Legs, across: Tensor, upwards: Tensor, root: Tensor) -> Tensor:
    """Return the largest share (T, L) of the shift over the ground for which a leg reaches its foot."""
    start = _way(legs, torch.zeros_like(across), upwards, root)
    square = across.square().sum(-1).clamp_min(1e-12)
    along = (start[..., [0, 2]] * across).sum(-1)
    room = (legs.reach.square() - start.square().sum(-1)).clamp_min(0.0)
    return ((along.square() + square * room).clamp_min(0.0).sqrt().sub(along) / square).clamp(0.0, 1.0)


def _apply(motion: Motion, legs: Legs, joints: list[list[int]], change: _Change) -> Motion:
    """Return the motion changed, where need be by less, so that no leg joint moves too far.

    Args:
        motion: T frames, J joints.
        legs: of the motion.
        joints: those of each leg, its foot included.
        change: what is wanted.
    """
    of_legs = [joint for leg in joints for joint in leg]
    positions, rotations = motion.positions.double(), motion.rotations.double()
    bones = bone_vectors(positions, rotations, motion.skeleton.parents)
    share = positions.new_ones(len(positions))
    radius = max(1, round(SMOOTHING_SECONDS * motion.fps))
    for _ in range(ROUNDS):
        root = change.root * share
        up = torch.stack((torch.zeros_like(root), root, torch.zeros_like(root)), dim=-1)
        goal = legs.ankle + change.feet * share[:, None, None]
        turned = legs.bend(rotations, legs.hip + up[:, None], goal)
        placed = forward_kinematics(turned, positions[:, 0] + up, bones, motion.skeleton.parents)
        moved = torch.linalg.vector_norm((placed - positions)[:, of_legs], dim=-1).amax(1)
        if bool((moved <= LEG_LIMIT).all()):
            break
        smaller = torch.where(moved > LEG_LIMIT, share * 0.9 * LEG_LIMIT / moved, share)
        share = lower_envelope(smaller[:, None], radius)[:, 0]
    changed = (change.root != 0)[:, None].repeat(1, positions.shape[1])
    risen = positions + up[:, None]
    for leg, shift in zip(joints, change.feet.unbind(1), strict=True):
        changed[:, leg] |= (shift != 0).any(-1, keepdim=True)
        risen[:, leg] = placed[:, leg]
    changed = (changed & (moved <= LEG_LIMIT)[:, None])[..., None]
    return replace(
        motion,
        positions=torch.where(changed, risen.float(), motion.positions),
        rotations=torch.where(changed, turned.float(), motion.rotations),
    )
