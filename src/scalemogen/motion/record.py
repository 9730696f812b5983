"""The motion record that every exporter and every metric takes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from scalemogen.errors import UserError
from scalemogen.motion.heading import facing_angle
from scalemogen.motion.kinematics import bone_vectors, forward_kinematics, inverse_kinematics
from scalemogen.motion.mirror import mirror_offsets, mirror_positions, mirror_rotations
from scalemogen.motion.rotations import about_y, multiply, slerp, turn_about_y
from scalemogen.skeletons import Skeleton

SAME_BONES = 1e-3
"""Metres by which a person's bones may differ from the skeleton's and still count as them."""

Writer = Callable[["Motion", Path], None]
WRITERS: dict[str, Writer] = {}


def register_writer(suffix: str) -> Callable[[Writer], Writer]:
    """Decorate a function (motion, path) that writes files ending in `suffix` (".bvh"), for `Motion.save`."""

    def register(writer: Writer) -> Writer:
        WRITERS[suffix.lower()] = writer
        return writer

    return register


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        """One line: frames, seconds and skeleton."""
        skeleton = f"{self.skeleton.name} ({len(self.skeleton.joints)} joints)"
        return f"<Motion of {self.frames} frames, {self.seconds:.2f} s at {self.fps:g} fps, {skeleton}>"

    def _repr_html_(self) -> str:
        """Return the player of `.html` files in a frame of its own, which notebooks show."""
        page: str = import_module("scalemogen.export").framed(self)
        return page

    @classmethod
    def from_rotations(
        cls, skeleton: Skeleton, rotations: Tensor, root: Tensor, fps: float, offsets: Tensor | None = None
    ) -> Motion:
        """Build from local rotations (T, J, 4) and root positions (T, 3) by forward kinematics."""
        bones = torch.tensor(skeleton.offsets, dtype=root.dtype) if offsets is None else offsets.to(root)
        positions = forward_kinematics(rotations, root, bones, skeleton.parents)
        own = None if offsets is None else offsets.float()
        return cls(skeleton, positions.float(), rotations.float(), fps, own)

    @classmethod
    def from_positions(cls, skeleton: Skeleton, positions: Tensor, fps: float) -> Motion:
        """Build from positions (T, J, 3) alone; rotations are fitted, without twist (see `inverse_kinematics`)."""
        offsets = torch.tensor(skeleton.offsets, dtype=torch.float64)
        rotations = inverse_kinematics(positions.double(), offsets, skeleton.parents)
        bones = bone_vectors(positions.double(), rotations, skeleton.parents).mean(dim=0)
        own = None if bool((bones - offsets)[1:].abs().max() < SAME_BONES) else bones.float()
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
            UserError: the range is empty or leaves the motion.
        """
        if start >= stop:
            raise UserError(f"frames {start}:{stop} are none: the first must lie before the one after the last")
        if not 0 <= start < stop <= self.frames:
            raise UserError(f"frames {start}:{stop} are not in the motion, which has frames 0:{self.frames}")
        return replace(self, positions=self.positions[start:stop], rotations=self.rotations[start:stop])

    def resample(self, fps: float) -> Motion:
        """Return the motion at another frame rate: rotations by slerp, root linearly, joints by forward kinematics.

        The first frame stays; the last one is the last sample that falls inside the motion.

        Raises:
            UserError: the frame rate is not positive.
        """
        if not (math.isfinite(fps) and fps > 0):
            raise UserError(f"{fps} frames per second: must be positive")
        if math.isclose(fps, self.fps, rel_tol=1e-6):
            return replace(self, fps=fps)
        count = math.floor((self.frames - 1) * fps / self.fps + 1e-6) + 1
        at = torch.arange(count, dtype=torch.float64) * (self.fps / fps)
        below = at.floor().long().clamp_max(max(self.frames - 2, 0))
        above = (below + 1).clamp_max(self.frames - 1)
        share = (at - below)[:, None]
        turns, joints = self.rotations.double(), self.positions.double()
        bones = bone_vectors(joints, turns, self.skeleton.parents)
        rotations = slerp(turns[below], turns[above], share[..., None])
        positions = forward_kinematics(
            rotations,
            torch.lerp(joints[below, 0], joints[above, 0], share),
            torch.lerp(bones[below], bones[above], share[..., None]),
            self.skeleton.parents,
        )
        return replace(self, positions=positions.float(), rotations=rotations.float(), fps=fps)

    def mirrored(self) -> Motion:
        """Return the motion seen in a mirror at x = 0: what the left side did, the right side does."""
        return replace(
            self,
            positions=mirror_positions(self.positions, self.skeleton),
            rotations=mirror_rotations(self.rotations.double(), self.skeleton).float(),
            offsets=None if self.offsets is None else mirror_offsets(self.offsets, self.skeleton),
        )

    def retargeted(self) -> Motion:
        """Return the motion on the skeleton's own bones: the same rotations, the path scaled by the legs' length."""
        if self.offsets is None:
            return self
        own, common = (_reach(bones, self.skeleton) for bones in (self.offsets, torch.tensor(self.skeleton.offsets)))
        root = self.root.double() * (common / own if own > 0 else 1.0)
        return Motion.from_rotations(self.skeleton, self.rotations.double(), root, self.fps)

    def canonical(self, floor: bool = False) -> Motion:
        """Return the motion moved and turned so that it starts over the origin, facing +Z.

        Args:
            floor: also put the lowest joint of the whole motion at height 0.
        """
        joints = self.positions.double()
        angle = -facing_angle(joints[:1], self.skeleton.facing)
        height = joints[..., 1].min() if floor else joints.new_zeros(())
        origin = torch.stack((joints[0, 0, 0], height, joints[0, 0, 2]))
        positions = turn_about_y(joints - origin, angle[:, None]).float()
        root = multiply(about_y(angle), self.rotations[:, 0].double()).float()
        rotations = torch.cat((root[:, None], self.rotations[:, 1:]), dim=1)
        return replace(self, positions=positions, rotations=rotations)

    def save(self, path: str | Path) -> Path:
        """Write the motion to a file; the suffix chooses the format. Returns the path.

        Raises:
            UserError: no writer for the suffix, or no folder to write into.
        """
        target = Path(path)
        if not target.parent.is_dir():
            raise UserError(f"{target}: there is no folder {target.parent}")
        if target.suffix.lower() not in WRITERS:
            import_module("scalemogen.export")  # registers its formats
        if target.suffix.lower() not in WRITERS:
            known = ", ".join(sorted(WRITERS))
            raise UserError(f"{target}: no writer for the suffix {target.suffix!r}; known: {known}")
        writer = WRITERS[target.suffix.lower()]
        writer(self, target)
        return target


def _reach(offsets: Tensor, skeleton: Skeleton) -> float:
    """Length of the bones from the root to the foot joints, or of all bones where no foot is known."""
    lengths = torch.linalg.vector_norm(offsets.double(), dim=-1).tolist()
    total = 0.0
    for foot in skeleton.contacts:
        while foot > 0:
            total += lengths[foot]
            foot = skeleton.parents[foot]
    return total or sum(lengths[1:])
