"""Takes to the clips of HumanML3D: cut by the index, put on one skeleton, turned into the published features."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from scalemogen.data_modules.amass.takes import FPS
from scalemogen.data_modules.published.form import Unusable
from scalemogen.errors import UserError
from scalemogen.motion import get_layout
from scalemogen.skeletons import get_skeleton

COLUMNS = ("source_path", "start_frame", "end_frame", "new_name")
WHOLE = "humanact12"
"""The subset whose takes are clips as they are."""

LEAD = {"Eyes_Japan_Dataset": 3.0, "MPI_HDM05": 3.0, "TotalCapture": 1.0, "MPI_Limits": 1.0, "Transitions_mocap": 0.5}
"""Seconds at the beginning of every take of a subset (poses for calibration) that the index does not count."""

BONES = (
    *(0.103074, 0.109883, 0.131568, 0.393623, 0.390188, 0.143190, 0.432433, 0.425643, 0.057365, 0.143382, 0.149419),
    *(0.219360, 0.137487, 0.143383, 0.103039, 0.131614, 0.122984, 0.256840, 0.263092, 0.266012, 0.269876),
)
"""Metres from each of joints 1 to 21 to its parent in all clips of HumanML3D: those of the person of clip 000021."""

THIGH, SHIN = 5, 8
"""The joints at the ends of the bones that tell how large a person is: the right leg's."""


@dataclass(frozen=True)
class Row:
    """A line of the index.

    Attributes:
        clip: name of the clip.
        source: path of the take, as written.
        start, stop: frames at 20 a second; not used for HumanAct12.
    """

    clip: str
    source: str
    start: int
    stop: int

    @property
    def subset(self) -> str:
        """The subset of the take: the folder below `pose_data`."""
        parts = [part for part in PurePosixPath(self.source).parts if part not in (".", "pose_data")]
        return parts[0] if parts else ""

    def cut(self, joints: Tensor) -> tuple[Tensor, str]:
        """Return the clip's frames of a take (T, 22, 3), and what is wrong with the range, or "".

        A range that reaches beyond the take ends with it.

        Raises:
            Unusable: nothing is in the range.
        """
        if self.subset == WHOLE:
            return joints, ""
        left = joints[int(LEAD.get(self.subset, 0.0) * FPS) :]
        told = f"frames {self.start} to {self.stop} of {len(left)} in {PurePosixPath(self.source).name}"
        if not 0 <= self.start < min(self.stop, len(left)):
            raise Unusable("range outside", told)
        return left[self.start : self.stop], f"{told}; the clip ends with the take" if self.stop > len(left) else ""


def read_index(path: Path) -> dict[str, Row]:
    """Read the index: one line a clip, by its name.

    Raises:
        UserError: it cannot be read, lacks a column, has no whole numbers as frames, or a name twice.
    """
    rows: dict[str, Row] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if missing := [column for column in COLUMNS if column not in (reader.fieldnames or ())]:
                raise UserError(f"{path}: no column {', '.join(missing)}; needed {', '.join(COLUMNS)}")
            for line in reader:
                row = _row(path, reader.line_num, line)
                if row.clip in rows:
                    raise UserError(f"{path} line {reader.line_num}: {row.clip} is there twice")
                rows[row.clip] = row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: the index cannot be read ({error})") from error
    return rows


def _row(path: Path, number: int, line: dict[str, str]) -> Row:
    source, start, stop, name = (line[column] or "" for column in COLUMNS)
    try:
        return Row(PurePosixPath(name).stem, source.replace("\\", "/"), int(start), int(stop))
    except ValueError:
        raise UserError(f"{path} line {number}: frames {start!r} to {stop!r} are no whole numbers") from None


def to_features(joints: Tensor) -> Tensor:
    """Return the published features (T-1, 263) of a clip's joints (T, 22, 3): on one skeleton, on the floor, to +Z.

    Raises:
        Unusable: fewer than two frames, which have no velocity, or NaN.
    """
    if len(joints) < 2:
        raise Unusable("too short", f"{len(joints)} frame; two have a velocity")
    if broken := int((~joints.isfinite()).any(-1).any(-1).sum()):
        raise Unusable("NaN", f"in {broken} of {len(joints)} recorded frames")
    skeleton = get_skeleton("humanml3d")
    placed = retarget(joints)
    placed = placed - placed[..., 1].min() * placed.new_tensor([0.0, 1.0, 0.0])
    still = placed.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*placed.shape[:-1], 4)  # no part of these features
    return get_layout("humanml3d-published").encode(placed, still, skeleton, FPS).float()


def retarget(joints: Tensor) -> Tensor:
    """Put a clip (T, 22, 3) on the skeleton of HumanML3D by the field's rule.

    Every bone keeps its direction and gets the length in `BONES`; the root's path grows with the right leg, whose
    length is that of the first frame. (The field goes through joint rotations and back, with the same result.)
    """
    parents = get_skeleton("humanml3d").parents
    bones = joints[:, 1:] - joints[:, list(parents[1:])]
    lengths = torch.linalg.vector_norm(bones, dim=-1, keepdim=True)
    wanted = joints.new_tensor(BONES)
    leg = [THIGH - 1, SHIN - 1]
    scale = wanted[leg].sum() / lengths[0, leg].sum()
    bones = bones / lengths * wanted[:, None]
    placed = [joints[:, 0] * scale]
    for joint, parent in enumerate(parents[1:], start=1):
        placed.append(placed[parent] + bones[:, joint - 1])
    return torch.stack(placed, dim=1)
