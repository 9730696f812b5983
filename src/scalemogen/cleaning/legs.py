"""Legs bent until their feet are where they should be; feet keep their turn in the world, knees their plane."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as nnf

from scalemogen.motion.heading import facing_angle
from scalemogen.motion.kinematics import global_rotations
from scalemogen.motion.rotations import between, inverse, multiply, rotate
from scalemogen.motion.two_bones import hinge_point, length_of, within_reach
from scalemogen.skeletons import Skeleton
from scalemogen.skeletons.limbs import Limb

STRETCH = 0.99
"""Share of its length to which a leg may be stretched: straighter knees would snap. One that is straighter stays so."""

FRONT = 0.02
"""Share of the thigh by which a knee that was never seen bent leans to the front."""


@dataclass(frozen=True)
class Legs:
    """The limbs of a motion, in its own frames: T frames, L limbs.

    Attributes:
        limbs: hip, knee and ankle.
        parents: of all joints.
        world: (T, J, 4) rotations in the world.
        hip, knee, ankle: (T, L, 3) metres.
        front: (T, L, 3) where knees bend to, in the world.
    """

    limbs: tuple[Limb, ...]
    parents: tuple[int, ...]
    world: Tensor
    hip: Tensor
    knee: Tensor
    ankle: Tensor
    front: Tensor

    @classmethod
    def of(cls, limbs: tuple[Limb, ...], skeleton: Skeleton, positions: Tensor, rotations: Tensor) -> Legs:
        """Build from positions (T, J, 3) and local rotations (T, J, 4)."""
        world = global_rotations(rotations, skeleton.parents)
        hip, knee, ankle = (positions[:, list(joints)] for joints in list(zip(*limbs, strict=True))[1:4])
        thighs = world[:, [limb.upper for limb in limbs]]
        heading = facing_angle(positions, skeleton.facing)
        ahead = torch.stack((heading.sin(), torch.zeros_like(heading), heading.cos()), dim=-1)[:, None]
        way = nnf.normalize(ankle - hip, dim=-1)
        bent = _across(knee - hip, way) + FRONT * length_of(knee - hip) * _across(ahead.expand_as(way), way)
        front = rotate(thighs, rotate(inverse(thighs), bent).mean(dim=0, keepdim=True))
        return cls(limbs, skeleton.parents, world, hip, knee, ankle, nnf.normalize(front, dim=-1))

    @property
    def reach(self) -> Tensor:
        """(T, L) metres that a leg may be stretched to."""
        full = length_of(self.knee - self.hip) + length_of(self.ankle - self.knee)
        return torch.maximum(STRETCH * full, length_of(self.ankle - self.hip))[..., 0]

    def bend(self, rotations: Tensor, hip: Tensor, ankle: Tensor) -> Tensor:
        """Return local rotations (T, J, 4) that bring ankles to their goals, as far as legs reach.

        Args:
            rotations: (T, J, 4) local; those of the legs are replaced.
            hip: (T, L, 3) where the hips are now.
            ankle: (T, L, 3) goals.
        """
        thigh, shin, way = self.knee - self.hip, self.ankle - self.knee, ankle - hip
        lengths = length_of(thigh), length_of(shin)
        way = way * (self.reach[..., None] / length_of(way).clamp_min(1e-9)).clamp_max(1.0)
        old = nnf.normalize(self.ankle - self.hip, dim=-1)
        side = _across(thigh, old)
        reached = within_reach(way, *lengths)
        out = length_of(
            _across(hinge_point(reached, _perpendicular(reached), *lengths), nnf.normalize(reached, dim=-1))
        )
        turn = between(self.ankle - self.hip, way)
        # What a knee bends more, it bends to the front, wherever a nearly straight one happens to lean.
        side = rotate(turn, side) + (out - length_of(side)).clamp_min(0.0) * _across(
            rotate(turn, self.front), nnf.normalize(way, dim=-1)
        )
        hinge = hinge_point(way, side, *lengths)
        uppers = multiply(between(thigh, hinge), self.world[:, [limb.upper for limb in self.limbs]])
        hinges = multiply(between(shin, reached - hinge), self.world[:, [limb.hinge for limb in self.limbs]])
        local = list(rotations.unbind(dim=1))
        for at, limb in enumerate(self.limbs):
            upper, knee, foot = uppers[:, at], hinges[:, at], self.world[:, limb.lower]
            above = self.parents[limb.upper]
            local[limb.upper] = multiply(inverse(self.world[:, above]), upper) if above >= 0 else upper
            local[limb.hinge] = multiply(inverse(upper), knee)
            local[limb.lower] = multiply(inverse(knee), foot)
        return torch.stack(local, dim=1)


def _across(vectors: Tensor, along: Tensor) -> Tensor:
    """Return what of vectors (..., 3) lies across unit vectors (..., 3)."""
    return vectors - (vectors * along).sum(dim=-1, keepdim=True) * along


def _perpendicular(vectors: Tensor) -> Tensor:
    """Return vectors that lie across the given ones."""
    other = torch.zeros_like(vectors).scatter(-1, vectors.abs().argmin(-1, keepdim=True), 1.0)
    across: Tensor = torch.linalg.cross(vectors, other)
    return across
