"""Rotations that reach given joint positions with bones of fixed length.

Networks predict positions and rotations side by side, and the two do not quite agree. Positions tell where the limbs
are; rotations alone add their errors up along each limb. Here every joint is turned, by as little as possible, so that
its bones point where the positions say; what positions cannot tell (the twist of a bone, the turn of a hand) stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from scalemogen.motion.kinematics import global_rotations, local_rotations
from scalemogen.motion.record import Motion
from scalemogen.motion.rotations import fit_rotation, multiply

SHORTEST = 1e-4
"""Metres; a shorter bone has no direction."""


def make_rigid(motion: Motion) -> Motion:
    """Return the motion with rotations fitted to its positions, and positions that follow from its rotations.

    A joint with several bones that do not lie on one line is turned to their least-squares fit; a joint with one bone
    is turned from its own rotation by the smallest angle; a leaf keeps its rotation within its parent. The root's
    path stays; other joints move as far as the given bones were not of the skeleton's length.
    """
    parents = motion.skeleton.parents
    offsets, positions = motion.bones.double(), motion.positions.double()
    local = motion.rotations.double()
    given = global_rotations(local, parents)
    found: list[Tensor] = []
    for joint, parent in enumerate(parents):
        bones = [c for c, p in enumerate(parents) if p == joint and offsets[c].norm() > SHORTEST]
        if bones:
            reached = positions[:, bones] - positions[:, joint : joint + 1]
            found.append(fit_rotation(offsets[bones], reached, start=given[:, joint]))
        else:
            found.append(multiply(found[parent], local[:, joint]) if parent >= 0 else given[:, joint])
    rotations = local_rotations(torch.stack(found, dim=1), parents)
    return Motion.from_rotations(motion.skeleton, rotations, motion.root.double(), motion.fps, motion.offsets)


def make_all_rigid(motions: Sequence[Motion]) -> list[Motion]:
    """Return `make_rigid` of motions of one frame rate, all with the bones of one skeleton, at once."""
    skeleton, fps = motions[0].skeleton, motions[0].fps
    positions, rotations = (torch.cat([getattr(one, name) for one in motions]) for name in ("positions", "rotations"))
    rigid = make_rigid(Motion(skeleton, positions, rotations, fps))  # every frame for itself
    ends = accumulate(one.frames for one in motions)
    return [rigid.slice(end - one.frames, end) for one, end in zip(motions, ends, strict=True)]
