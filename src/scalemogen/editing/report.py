"""What an edit kept and what it moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scalemogen.editing.blend import Blended
from scalemogen.motion.rotations import turn_about_y

CENTIMETRES = 100.0


@dataclass(frozen=True)
class EditReport:
    """The share of bits kept, and how far joints moved.

    Attributes:
        kept: per scale, coarse to fine, the share of the bits kept among the tokens that reach into the region.
        moved: by body part (T,) centimetres, mean over its joints, seen from the body: the root's place on the floor
            and the heading taken out.
        path: (T,) centimetres between the two roots on the floor.
        fps: frames per second.
    """

    kept: tuple[float, ...]
    moved: Mapping[str, Tensor]
    path: Tensor
    fps: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, for JSON: centimetres to a hundredth, and the second of the most."""
        return {
            "kept_bits": [round(share, 4) for share in self.kept],
            "fps": self.fps,
            "moved_cm": {
                name: {
                    "mean": round(float(values.mean()), 2),
                    "most": round(float(values.max()), 2),
                    "at": round(int(values.argmax()) / self.fps, 3),
                    "frames": [round(value, 2) for value in values.tolist()],
                }
                for name, values in self.moved.items()
            },
            "path_cm": {"end": round(float(self.path[-1]), 2), "most": round(float(self.path.max()), 2)},
        }

    def table(self) -> str:
        """Return lines of text: bits kept, then per part the displacement and when it was largest."""
        shares = " ".join(f"{100 * share:.0f}" for share in self.kept)
        width = max(len(name) for name in self.moved)
        lines = [
            f"bits kept, %, by scale from coarse to fine: {shares}",
            f"{'moved, cm':<{width}} {'mean':>7} {'most':>7}  at",
        ]
        for name, values in self.moved.items():
            at = f"{int(values.argmax()) / self.fps:.2f} s" if float(values.max()) >= 0.05 else "-"
            lines.append(f"{name:<{width}} {float(values.mean()):>7.1f} {float(values.max()):>7.1f}  {at}")
        lines.append(f"the path ends {float(self.path[-1]):.1f} cm from where it did")
        return "\n".join(lines)


def measure(before: Blended, after: Blended, kept: Sequence[float]) -> EditReport:
    """Compare a motion with its edit, frame by frame.

    Raises:
        ValueError: the two have different numbers of frames.
    """
    skeleton = before.motion.skeleton
    if before.motion.frames != after.motion.frames:
        raise ValueError(f"motions of {before.motion.frames} and {after.motion.frames} frames")
    distance = torch.linalg.vector_norm(_from_body(after) - _from_body(before), dim=-1) * CENTIMETRES
    moved = {
        name: distance[:, [joint for joint, own in enumerate(skeleton.part_of) if own == number]].mean(1)
        for number, name in enumerate(skeleton.parts)
    }
    path = torch.linalg.vector_norm((after.motion.root - before.motion.root)[:, [0, 2]], dim=-1) * CENTIMETRES
    return EditReport(tuple(kept), moved, path, before.motion.fps)


def _from_body(blended: Blended) -> Tensor:
    """Return joints (T, J, 3) about the point of the floor below the root, turned to face +Z."""
    joints = blended.motion.positions.double()
    floor = joints[:, :1] * joints.new_tensor([1.0, 0.0, 1.0])
    return turn_about_y(joints - floor, -blended.heading[:, None].expand(joints.shape[:2]))
