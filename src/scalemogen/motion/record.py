"""The motion record that every exporter and every metric takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import roma
import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.motion.heading import facing_angle
from scalemogen.motion.kinematics import about_y, forward_kinematics, multiply, rotate
from scalemogen.motion.mirror import mirror_offsets, mirror_positions, mirror_rotations
from scalemogen.skeletons import Skeleton

Writer = Callable[["Motion", Path], None]
WRITERS: dict[str, Writer] = {}


def register_writer(suffix: str) -> Callable[[Writer], Writer]:
    """Decorate a function (motion, path) that writes files ending in `suffix` (".bvh"), for `Motion.save`."""

    def register(writer: Writer) -> Writer:
        WRITERS[suffix.lower()] = writer
        return writer

    return register


@dataclass(frozen=True)
class Motion:
    """One clip of one person.

    Attributes:
        skeleton: the joint tree (J joints).
        positions: (T, J, 3) float32, metres, Y up, in the world.
        rotations: (T, J, 4) float32 unit quaternions xyzw, local to the parent, the root's in the world.
        fps: frames per second.
        offsets: (J, 3) this person's own bone offsets in metres, where they differ from the skeleton's.

    Raises:
        ValueError: shapes do not fit, a value is not finite, or a quaternion is not of unit length.
    """

    skeleton: Skeleton
    positions: Tensor
    rotations: Tensor
    fps: float
    offsets: Tensor | None = None

    def __post_init__(self) -> None:
        joints = len(self.skeleton.joints)
        if self.positions.ndim != 3 or self.positions.shape[0] < 1 or self.positions.shape[1:] != (joints, 3):
            raise ValueError(f"positions {tuple(self.positions.shape)} are not (T >= 1, {joints}, 3)")
        if self.rotations.shape != (*self.positions.shape[:2], 4):
            raise ValueError(f"rotations {tuple(self.rotations.shape)} do not fit positions of {self.frames} frames")
        if self.offsets is not None and self.offsets.shape != (joints, 3):
            raise ValueError(f"offsets {tuple(self.offsets.shape)} are not ({joints}, 3)")
        if not (math.isfinite(self.fps) and self.fps > 0):
            raise ValueError(f"{self.fps} frames per second: must be positive")
        if not (self.positions.isfinite().all() and self.rotations.isfinite().all()):
            raise ValueError("a motion holds values that are not finite")
        if (torch.linalg.vector_norm(self.rotations, dim=-1) - 1).abs().max() > 1e-3:
            raise ValueError("a motion holds rotations that are not unit quaternions")

    @classmethod
    def from_rotations(
        cls, skeleton: Skeleton, rotations: Tensor, root: Tensor, fps: float, offsets: Tensor | None = None
    ) -> Motion:
        """Build from local rotations (T, J, 4) and root positions (T, 3) by forward kinematics."""
        bones = torch.tensor(skeleton.offsets, dtype=root.dtype) if offsets is None else offsets.to(root)
        positions = forward_kinematics(rotations, root, bones, skeleton.parents)
        own = None if offsets is None else offsets.float()
        return cls(skeleton, positions.float(), rotations.float(), fps, own)

    @property
    def frames(self) -> int:
        """T, the number of frames."""
        return self.positions.shape[0]

    @property
    def seconds(self) -> float:
        """Length in seconds; each frame lasts 1 / fps."""
        return self.frames / self.fps

    @property
    def root(self) -> Tensor:
        """(T, 3) positions of the root."""
        return self.positions[:, 0]

    @property
    def bones(self) -> Tensor:
        """(J, 3) bone offsets that apply: the person's own, or the skeleton's."""
        return torch.tensor(self.skeleton.offsets) if self.offsets is None else self.offsets

    def slice(self, start: int, stop: int) -> Motion:
        """Return frames start..stop-1.

        Raises:
            ValueError: the range is empty or leaves the motion.
        """
        if not 0 <= start < stop <= self.frames:
            raise ValueError(f"frames {start}..{stop} of a motion of {self.frames} frames")
        return replace(self, positions=self.positions[start:stop], rotations=self.rotations[start:stop])

    def resample(self, fps: float) -> Motion:
        """Return the motion at another frame rate: rotations by slerp, root linearly, joints by forward kinematics.

        The first frame stays; the last one is the last sample that falls inside the motion.
        """
        if math.isclose(fps, self.fps, rel_tol=1e-6):
            return replace(self, fps=fps)
        count = math.floor((self.frames - 1) * fps / self.fps + 1e-6) + 1
        at = torch.arange(count, dtype=torch.float64) * (self.fps / fps)
        below = at.floor().long().clamp(0, max(self.frames - 2, 0))
        above = (below + 1).clamp_max(self.frames - 1)
        weight = (at - below)[:, None]
        root = torch.lerp(self.root.double()[below], self.root.double()[above], weight)
        turn = shortest_relative(self.rotations.double()[below], self.rotations.double()[above])
        part = roma.rotvec_to_unitquat(roma.unitquat_to_rotvec(turn) * weight[..., None])
        rotations = multiply(self.rotations.double()[below], part)
        return Motion.from_rotations(self.skeleton, rotations, root, fps, self.offsets)

    def mirrored(self) -> Motion:
        """Return the motion seen in a mirror at x = 0: what the left side did, the right side does."""
        return replace(
            self,
            positions=mirror_positions(self.positions, self.skeleton),
            rotations=mirror_rotations(self.rotations.double(), self.skeleton).float(),
            offsets=None if self.offsets is None else mirror_offsets(self.offsets, self.skeleton),
        )

    def canonical(self, floor: bool = False) -> Motion:
        """Return the motion moved and turned so that it starts over the origin, facing +Z.

        Args:
            floor: also put the lowest joint of the whole motion at height 0.
        """
        turn = about_y(-facing_angle(self.positions[:1].double(), self.skeleton.facing))
        shift = self.root[0].double() * torch.tensor([1.0, 0.0, 1.0])
        positions = rotate(turn[:, None], self.positions.double() - shift).float()
        if floor:
            positions = positions - positions[..., 1].min() * torch.tensor([0.0, 1.0, 0.0])
        root = multiply(turn, self.rotations[:, 0].double()).float()
        rotations = torch.cat((root[:, None], self.rotations[:, 1:]), dim=1)
        return replace(self, positions=positions, rotations=rotations)

    def save(self, path: str | Path) -> Path:
        """Write the motion to a file; the suffix chooses the format. Returns the path.

        Raises:
            UserError: no writer for the suffix.
        """
        target = Path(path)
        writer = WRITERS.get(target.suffix.lower())
        if writer is None:
            known = ", ".join(sorted(WRITERS)) or "none; import scalemogen.export"
            raise UserError(f"{target}: no writer for the suffix {target.suffix!r}; known: {known}")
        writer(self, target)
        return target


def shortest_relative(start: Tensor, end: Tensor) -> Tensor:
    """Rotations (..., 4) that lead from `start` to `end`, seen from `start`, on the shorter way round."""
    turn = multiply(roma.quat_conjugation(start), end)
    return torch.where(turn[..., 3:] < 0, -turn, turn)
