"""Left for right: the motion that a mirror in the plane x = 0 shows, with rotations that fit the mirrored joints.

A mirror image turns a right-handed joint frame into a left-handed one, so each joint needs a reflection M_j between
its own frame and its partner's: bone offsets tell it, M_j o_partner(c) = o_c for every child c. With G the rotations
in the world and S the mirror, G'_j = S G_partner(j) M_j^T; within the parent p, L'_j = M_p L_partner(j) M_j^T.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

from scalemogen.motion.rotation_library import roma
from scalemogen.motion.rotations import inverse, multiply
from scalemogen.skeletons import Skeleton

_X, _Y, _Z = (torch.diag(torch.tensor(signs, dtype=torch.float64)) for signs in ((-1, 1, 1), (1, -1, 1), (1, 1, -1)))
_POINT = -torch.eye(3, dtype=torch.float64)
MISFIT = 0.03
"""Share of a bone's length by which reflections may miss the partner's bone and still count as equally good."""


def mirror_positions(positions: Tensor, skeleton: Skeleton) -> Tensor:
    """Reflect joints (..., J, 3) at x = 0 and exchange left and right."""
    return positions[..., list(skeleton.mirror), :] * positions.new_tensor([-1.0, 1.0, 1.0])


def mirror_rotations(rotations: Tensor, skeleton: Skeleton) -> Tensor:
    """Return the local rotations (..., J, 4) of the mirrored motion; twice gives the rotations back."""
    frames = reflections(skeleton)
    above = torch.cat((_X[None], frames[list(skeleton.parents[1:])]))
    own, parent = (roma.rotmat_to_unitquat(-matrices).to(rotations) for matrices in (frames, above))
    partner = rotations[..., list(skeleton.mirror), :]
    return multiply(multiply(parent, partner), inverse(own))


def mirror_offsets(offsets: Tensor, skeleton: Skeleton) -> Tensor:
    """Return the bone offsets (J, 3) of a person whose left and right bones are exchanged."""
    frames = reflections(skeleton).to(offsets)
    partner = offsets[list(skeleton.mirror)]
    bones = torch.einsum("jrc,jc->jr", frames[list(skeleton.parents[1:])], partner[1:])
    return torch.cat((offsets[:1], bones))


@lru_cache(maxsize=64)
def reflections(skeleton: Skeleton) -> Tensor:
    """Return M (J, 3, 3) float64: the reflection from the partner's frame to each joint's own.

    Offsets leave a twist open where a joint has one child or none. It is settled by the simplest reading: one mirror
    plane for all joints (frames along the world's axes), else the parent's reflection where it fits, else frames
    that are negated on one side (as modelling programs mirror joints), else one of the frame's own planes.
    """
    offsets = torch.tensor(skeleton.offsets, dtype=torch.float64)
    children: list[list[int]] = [[] for _ in skeleton.joints]
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        children[parent].append(joint)
    pairs = [(offsets[own], offsets[[skeleton.mirror[c] for c in own]]) for own in children]
    common = [kind for kind in (_X, _Y, _Z) if all(_misfit(kind, *pair) < MISFIT for pair in pairs)]
    kinds: list[Tensor] = []
    for pair, parent in zip(pairs, skeleton.parents, strict=True):
        first = common[:1] or ([kinds[parent]] if parent >= 0 else [])
        choices = [*first, _POINT, _X, _Z, _Y]
        misfits = [_misfit(kind, *pair) for kind in choices]
        kinds.append(next(k for k, misfit in zip(choices, misfits, strict=True) if misfit <= min(misfits) + MISFIT))
    return torch.stack([_refined(kind, *pair) for kind, pair in zip(kinds, pairs, strict=True)])


def _misfit(kind: Tensor, own: Tensor, partner: Tensor) -> float:
    """Greatest distance between bones (n, 3) and reflected partner bones, per length of bone."""
    if len(own) == 0:
        return 0.0
    lengths = torch.linalg.vector_norm(own, dim=-1).clamp_min(1e-9)
    return float((torch.linalg.vector_norm(partner @ kind.T - own, dim=-1) / lengths).max())


def _refined(kind: Tensor, own: Tensor, partner: Tensor) -> Tensor:
    """Return the reflection nearest to `kind` among those that fit the bones best."""
    moment = own.T @ partner
    weight = 1e-6 * moment.norm().clamp_min(1e-6)
    nearest: Tensor = roma.special_procrustes(-(moment + weight * kind))
    return -nearest
