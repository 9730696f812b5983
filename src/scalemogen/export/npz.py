"""NPZ files of a motion: plain numpy arrays, read without pickle.

| array | type | holds |
| --- | --- | --- |
| `positions` | (T, J, 3) float32 | joints in the world, metres, Y up |
| `rotations` | (T, J, 4) float32 | unit quaternions x y z w, local to the parent; the root's in the world |
| `fps` | () float64 | frames per second |
| `joints` | (J,) unicode | joint names |
| `parents` | (J,) int64 | parent of every joint, -1 for the root |
| `offsets` | (J, 3) float32 | bones of the rest pose in the parent's frame, metres |
| `skeleton` | () unicode | JSON of the whole skeleton: mirror pairs, contact joints, body parts |
| `format` | () unicode | `scalemogen-motion 1` |
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scalemogen import arrays
from scalemogen.errors import UserError
from scalemogen.files import atomic_path, parse_json
from scalemogen.motion.record import Motion
from scalemogen.skeletons import Skeleton

FORMAT = "scalemogen-motion 1"
ARRAYS = ("positions", "rotations", "fps", "joints", "parents", "offsets", "skeleton", "format")


def write_npz(motion: Motion, path: Path) -> None:
    """Write the arrays of this module's table, compressed.

    Raises:
        UserError: the file cannot be written.
    """
    skeleton = motion.skeleton
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            positions=np.asarray(motion.positions.detach().cpu(), dtype=np.float32),
            rotations=np.asarray(motion.rotations.detach().cpu(), dtype=np.float32),
            fps=np.float64(motion.fps),
            joints=np.asarray(skeleton.joints),
            parents=np.asarray(skeleton.parents, dtype=np.int64),
            offsets=np.asarray(motion.bones.detach().cpu(), dtype=np.float32),
            skeleton=np.asarray(json.dumps(skeleton.to_dict())),
            format=np.asarray(FORMAT),
        )


def read_npz(path: str | Path) -> Motion:
    """Read what `write_npz` wrote.

    Raises:
        UserError: no such file, not an NPZ file, an array is missing, or the arrays do not make a motion.
    """
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file")
    try:
        found, _ = arrays.read_npz(path, ARRAYS)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path}: damaged, or not an NPZ file of plain arrays: {error}") from error
    missing = [name for name in ARRAYS if name not in found]
    if missing or str(found["format"]) != FORMAT:
        lacks = f"; it lacks {', '.join(missing)}" if missing else ""
        raise UserError(f"{path}: not a motion written by scalemogen ({FORMAT}){lacks}")
    try:
        skeleton = Skeleton.from_dict(parse_json(str(found["skeleton"])))
        positions, rotations, offsets = (_floats(found, name) for name in ("positions", "rotations", "offsets"))
        return Motion(
            skeleton=skeleton,
            positions=positions,
            rotations=rotations,
            fps=float(found["fps"]),
            offsets=None if torch.equal(offsets, torch.tensor(skeleton.offsets)) else offsets,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: does not hold a motion: {error}") from error


def _floats(found: Mapping[str, NDArray[Any]], name: str) -> Tensor:
    if found[name].dtype.kind != "f":
        raise ValueError(f"{name} are {found[name].dtype}, not float32")
    return torch.from_numpy(found[name].astype(np.float32))
